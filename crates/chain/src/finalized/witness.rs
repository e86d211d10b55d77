//! Checking events against the blocks that they are said to be of.
//!
//! An endpoint's index of events may lag behind its blocks, or lie. Each block has a filter of the addresses and topics of
//! its events: what the filter lacks did not happen, and what it has is looked up in the block's receipts if the answer
//! does not show it. This finds an endpoint that contradicts itself. One that lies about blocks, filters, receipts and
//! events alike is not found out by asking it.

use alloy::rpc::types::{Block, Log, TransactionReceipt};
use alloy_primitives::{Address, B256, Bloom, BloomInput, U64};

use super::Finalized;
use crate::error::Error;

/// What a block says about its own events.
struct Witness {
    number: u64,
    hash: B256,
    bloom: Bloom,
}

impl Finalized {
    /// Checks `logs` of the blocks `from` to `to` for events that are made up or left out.
    pub(super) async fn check_against_blocks(
        &self,
        logs: &[Log],
        addresses: &[Address],
        topics: &[B256],
        from: u64,
        to: u64,
    ) -> Result<(), Error> {
        for number in from..=to {
            let witness = self.witness(number).await?;
            let own = || logs.iter().filter(|log| log.block_number == Some(number));
            if let Some(log) = own().find(|log| !witness.may_have(log)) {
                let detail = format!("block {number} has no event like that of {}", log.address());
                return Err(self.chain.bad_answer("eth_getLogs", detail));
            }
            if witness.may_have_any(addresses, topics) {
                self.check_complete(&witness, own().count(), addresses, topics).await?;
            }
        }
        Ok(())
    }

    async fn witness(&self, number: u64) -> Result<Witness, Error> {
        let block: Option<Block> = self.chain.request("eth_getBlockByNumber", (U64::from(number), false)).await?;
        let block = block.ok_or_else(|| self.chain.bad_answer("eth_getBlockByNumber", "it has no such block"))?;
        Ok(Witness { number, hash: block.header.hash, bloom: block.header.inner.logs_bloom })
    }

    /// Filters know more than happened, so the receipts decide; not every endpoint gives them out.
    async fn check_complete(
        &self,
        witness: &Witness,
        shown: usize,
        addresses: &[Address],
        topics: &[B256],
    ) -> Result<(), Error> {
        let asked = ("eth_getBlockReceipts", (U64::from(witness.number),));
        let receipts: Option<Vec<TransactionReceipt>> = match self.chain.request(asked.0, asked.1).await {
            Ok(receipts) => receipts,
            Err(Error::Rpc { .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        let logs = receipts.iter().flatten().flat_map(|receipt| receipt.logs());
        let followed = |log: &&Log| {
            addresses.contains(&log.address())
                && (topics.is_empty() || log.topic0().is_some_and(|topic| topics.contains(topic)))
        };
        let there = logs.filter(followed).count();
        if there == shown {
            return Ok(());
        }
        let detail = format!("it shows {shown} events of block {}, the receipts {there}", witness.number);
        Err(self.chain.bad_answer("eth_getLogs", detail))
    }
}

impl Witness {
    fn may_have(&self, log: &Log) -> bool {
        let inputs = std::iter::once(log.address().into_array().to_vec());
        let mut inputs = inputs.chain(log.topics().iter().map(|topic| topic.to_vec()));
        log.block_hash.is_none_or(|hash| hash == self.hash) && inputs.all(|input| self.has(&input))
    }

    fn may_have_any(&self, addresses: &[Address], topics: &[B256]) -> bool {
        addresses.iter().any(|address| self.has(address.as_slice()))
            && (topics.is_empty() || topics.iter().any(|topic| self.has(topic.as_slice())))
    }

    fn has(&self, input: &[u8]) -> bool {
        self.bloom.contains_input(BloomInput::Raw(input))
    }
}
