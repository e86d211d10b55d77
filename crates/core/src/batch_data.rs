//! The payload of a batch's blob: everything from which the batch's exchanges, and so its `exchangesRoot`, follow.
//!
//! ```text
//! "VBD1"  u32 count
//! count x { 288 bytes request ‖ u8 origin ‖ u32 len, signature ‖ u32 len, payload ‖ u32 len, reads
//!           ‖ u8 status ‖ u32 len, output ‖ 32 preState ‖ 32 postState }
//! ```
//!
//! Big endian, no padding. Every byte string has at most one meaning and every batch exactly one encoding: what an encoder
//! would not write is refused.

use alloy_primitives::{B256, Bytes};

use crate::types::{Exchange, Request, Status};
use crate::{ecdsa, merkle, pages};

mod reader;

use reader::Reader;

const MAGIC: &[u8; 4] = b"VBD1";
const HEADER_LEN: usize = 8;
/// An entry whose four byte strings are all empty.
const ENTRY_LEN_MIN: usize = Request::ENCODED_LEN + 1 + 4 * 4 + 1 + 2 * 32;

/// The most bytes of batch data: what fits a blob of 2^17 symbols behind the blob's own header.
pub const LEN_MAX: usize = ((1 << 17) - 1) * 31;

/// Why bytes are no batch data. The fault of whoever made them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("batch data of {0} bytes is longer than {LEN_MAX}")]
    TooLong(usize),
    #[error("batch data does not begin with VBD1")]
    Magic,
    #[error("batch data has no entry")]
    Empty,
    #[error("batch data ends early, at byte {0}")]
    Truncated(usize),
    #[error("{0} bytes follow the last entry")]
    Trailing(usize),
    #[error("{field} of entry {entry} is not what an encoder writes")]
    Entry { entry: usize, field: &'static str },
}

/// Where a request came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Origin {
    /// To a gateway, with the client's signature.
    #[default]
    Signed = 0,
    /// Through the inbox on chain, which recorded the sender; there is no signature.
    Inbox = 1,
}

/// A request and its answer, in full.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    pub request: Request,
    pub origin: Origin,
    /// 65 bytes, empty for the inbox. Decoding checks its length, not the signature.
    pub signature: Bytes,
    pub payload: Bytes,
    /// What the program read from outside; empty without egress.
    pub reads: Bytes,
    pub status: Status,
    /// Empty unless the status is ok.
    pub output: Bytes,
    pub pre_state: B256,
    pub post_state: B256,
}

impl Entry {
    /// The exchange that this entry proves.
    pub fn exchange(&self) -> Exchange {
        Exchange {
            request_id: self.request.id(),
            reads_hash: if self.reads.is_empty() { B256::ZERO } else { pages::root(&self.reads) },
            status: self.status,
            output_hash: if self.status == Status::Ok { pages::root(&self.output) } else { B256::ZERO },
            pre_state: self.pre_state,
            post_state: self.post_state,
        }
    }

    /// The one rule that an encoder could break: what this field cannot hold for this entry.
    fn irregular_field(&self) -> Option<&'static str> {
        let signature_len = if self.origin == Origin::Signed { ecdsa::SIGNATURE_LEN } else { 0 };
        if self.signature.len() != signature_len {
            Some("signature")
        } else if pages::root(&self.payload) != self.request.payload_hash {
            Some("payload")
        } else if self.status != Status::Ok && !self.output.is_empty() {
            Some("output")
        } else {
            None
        }
    }

    fn encoded_len(&self) -> usize {
        ENTRY_LEN_MIN + self.signature.len() + self.payload.len() + self.reads.len() + self.output.len()
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.request.encode());
        bytes.push(self.origin as u8);
        write_string(bytes, &self.signature);
        write_string(bytes, &self.payload);
        write_string(bytes, &self.reads);
        bytes.push(self.status.into());
        write_string(bytes, &self.output);
        bytes.extend_from_slice(self.pre_state.as_slice());
        bytes.extend_from_slice(self.post_state.as_slice());
    }
}

/// The entries of a batch, in the order of their leaves; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchData(Vec<Entry>);

impl BatchData {
    /// Errors: no entry, an entry that breaks the format's rules (its payload not the one that the request names), or
    /// more than [`LEN_MAX`] bytes in all.
    pub fn new(entries: Vec<Entry>) -> Result<Self, Error> {
        if entries.is_empty() {
            return Err(Error::Empty);
        }
        let lengths = entries.iter().map(Entry::encoded_len);
        let length = lengths.fold(HEADER_LEN, usize::saturating_add);
        if length > LEN_MAX {
            return Err(Error::TooLong(length));
        }
        let irregular =
            entries.iter().enumerate().find_map(|(entry, content)| Some((entry, content.irregular_field()?)));
        match irregular {
            Some((entry, field)) => Err(Error::Entry { entry, field }),
            None => Ok(Self(entries)),
        }
    }

    /// Decodes bytes from a stranger.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > LEN_MAX {
            return Err(Error::TooLong(bytes.len()));
        }
        let mut reader = Reader::new(bytes);
        if reader.array::<4>()? != *MAGIC {
            return Err(Error::Magic);
        }
        let count = reader.u32()? as usize;
        if count.saturating_mul(ENTRY_LEN_MIN) > reader.remaining() {
            return Err(Error::Truncated(bytes.len()));
        }
        let entries = (0..count).map(|index| reader.entry(index)).collect::<Result<_, _>>()?;
        match reader.remaining() {
            0 => Self::new(entries),
            trailing => Err(Error::Trailing(trailing)),
        }
    }

    pub fn encode(&self) -> Vec<u8> {
        let lengths = self.0.iter().map(Entry::encoded_len);
        let mut bytes = Vec::with_capacity(HEADER_LEN + lengths.sum::<usize>());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&u32_len(self.0.len()).to_be_bytes());
        self.0.iter().for_each(|entry| entry.write(&mut bytes));
        bytes
    }

    pub fn entries(&self) -> &[Entry] {
        &self.0
    }

    pub fn into_entries(self) -> Vec<Entry> {
        self.0
    }

    /// The leaves of the batch's tree, rebuilt.
    pub fn leaves(&self) -> Vec<B256> {
        self.0.iter().map(|entry| entry.exchange().leaf()).collect()
    }

    /// The `exchangesRoot` that a header with this data must carry.
    pub fn exchanges_root(&self) -> B256 {
        merkle::root(&self.leaves())
    }
}

fn write_string(bytes: &mut Vec<u8>, string: &[u8]) {
    bytes.extend_from_slice(&u32_len(string.len()).to_be_bytes());
    bytes.extend_from_slice(string);
}

fn u32_len(length: usize) -> u32 {
    u32::try_from(length).expect("the constructor bounds the whole by LEN_MAX")
}

#[cfg(test)]
mod tests;
