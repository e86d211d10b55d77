use alloy_primitives::{Address, B256, Bytes, U256};

use super::{Entry, Error, Origin};
use crate::ids::{AppId, ProgramId};
use crate::types::{Request, Status};

/// Reads from the front of a byte string and knows where it stands.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    length: usize,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, length: bytes.len() }
    }

    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (array, rest) = self.rest.split_first_chunk().ok_or_else(|| self.truncated())?;
        self.rest = rest;
        Ok(*array)
    }

    pub fn u32(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_be_bytes)
    }

    pub fn entry(&mut self, entry: usize) -> Result<Entry, Error> {
        let bad = |field| Error::Entry { entry, field };
        Ok(Entry {
            request: self.request()?.ok_or_else(|| bad("request"))?,
            origin: self.origin()?.ok_or_else(|| bad("origin"))?,
            signature: self.string()?,
            payload: self.string()?,
            reads: self.string()?,
            status: Status::try_from(self.u8()?).map_err(|_| bad("status"))?,
            output: self.string()?,
            pre_state: self.word()?,
            post_state: self.word()?,
        })
    }

    /// None if a word holds more than its type.
    fn request(&mut self) -> Result<Option<Request>, Error> {
        let words: [B256; 9] = [
            self.word()?,
            self.word()?,
            self.word()?,
            self.word()?,
            self.word()?,
            self.word()?,
            self.word()?,
            self.word()?,
            self.word()?,
        ];
        Ok(request_from(words))
    }

    fn origin(&mut self) -> Result<Option<Origin>, Error> {
        Ok(match self.u8()? {
            0 => Some(Origin::Signed),
            1 => Some(Origin::Inbox),
            _ => None,
        })
    }

    fn string(&mut self) -> Result<Bytes, Error> {
        let length = self.u32()? as usize;
        let (string, rest) = self.rest.split_at_checked(length).ok_or_else(|| self.truncated())?;
        self.rest = rest;
        Ok(Bytes::copy_from_slice(string))
    }

    fn word(&mut self) -> Result<B256, Error> {
        self.array().map(B256::new)
    }

    fn u8(&mut self) -> Result<u8, Error> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn truncated(&self) -> Error {
        Error::Truncated(self.length - self.rest.len())
    }
}

fn request_from(words: [B256; 9]) -> Option<Request> {
    let [app, program, client, nonce, payload_hash, time, seed_block, deadline, max_fee] = words;
    let (padding, client) = client.0.split_at(12);
    let uint64 = |word: B256| u64::try_from(U256::from_be_bytes(word.0)).ok();
    Some(Request {
        app: AppId(app),
        program_id: ProgramId(program),
        client: padding.iter().all(|byte| *byte == 0).then(|| Address::from_slice(client))?,
        nonce: uint64(nonce)?,
        payload_hash,
        time: uint64(time)?,
        seed_block: uint64(seed_block)?,
        deadline: uint64(deadline)?,
        max_fee: max_fee.into(),
    })
}
