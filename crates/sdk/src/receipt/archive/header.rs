//! What a block's header says, read from the bytes that the checkpoint is the hash of.
//!
//! Only the fields that are needed are read. Forks append fields; they are counted in the hash and nothing else.

use alloy_primitives::{B256, keccak256};
use alloy_rlp::Header as Rlp;

use super::ArchiveLie;

/// Five times the size of today's headers.
const HEADER_BYTES_MAX: usize = 4_096;
/// The fields of the first headers that had all of what is read here.
const FIELDS_MIN: usize = 15;
const FIELDS_MAX: usize = 64;
const STATE_ROOT: usize = 3;
const NUMBER: usize = 8;
const TIMESTAMP: usize = 11;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockFacts {
    pub state_root: B256,
    pub number: u64,
    /// Unix seconds.
    pub timestamp: u64,
}

pub(super) fn read(header: &[u8], checkpoint: B256) -> Result<BlockFacts, ArchiveLie> {
    if header.len() > HEADER_BYTES_MAX {
        return Err(ArchiveLie::TooLarge { what: "the header", found: header.len(), max: HEADER_BYTES_MAX });
    }
    let found = keccak256(header);
    if found != checkpoint {
        return Err(ArchiveLie::AnotherBlock { expected: checkpoint, found });
    }
    let fields = fields(header)?;
    let state_root = B256::try_from(fields[STATE_ROOT]).map_err(|_| ArchiveLie::Header("its state root is no hash"))?;
    Ok(BlockFacts { state_root, number: number(fields[NUMBER])?, timestamp: number(fields[TIMESTAMP])? })
}

/// The contents of a list of strings, at least [`FIELDS_MIN`] of them.
fn fields(header: &[u8]) -> Result<Vec<&[u8]>, ArchiveLie> {
    let unreadable = |_| ArchiveLie::Header("it is no list of fields");
    let mut rest = header;
    let mut payload = Rlp::decode_bytes(&mut rest, true).map_err(unreadable)?;
    if !rest.is_empty() {
        return Err(ArchiveLie::Header("bytes follow it"));
    }
    let mut fields = Vec::with_capacity(FIELDS_MIN);
    while !payload.is_empty() {
        if fields.len() == FIELDS_MAX {
            return Err(ArchiveLie::Header("it has too many fields"));
        }
        fields.push(Rlp::decode_bytes(&mut payload, false).map_err(unreadable)?);
    }
    if fields.len() < FIELDS_MIN { Err(ArchiveLie::Header("it has too few fields")) } else { Ok(fields) }
}

fn number(field: &[u8]) -> Result<u64, ArchiveLie> {
    if field.len() > 8 || field.first() == Some(&0) {
        return Err(ArchiveLie::Header("a number in it is none of 64 bits"));
    }
    Ok(field.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
}
