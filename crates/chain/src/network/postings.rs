//! Which transaction recorded which batches, for people who follow one: nothing is decided by it.

use alloy::rpc::types::{Log, TransactionReceipt};
use alloy_primitives::B256;
use alloy_sol_types::SolEvent;
use vouch_core::{AppId, BatchHash};

use super::Network;
use crate::bindings::batch_registry::BatchRecorded;
use crate::error::Error;
use crate::finalized::Finalized;

/// A batch's entry in the registry's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posting {
    pub app: AppId,
    pub lane: u32,
    pub sequence: u64,
    pub batch: BatchHash,
    pub transaction: B256,
    pub block_number: u64,
}

/// A mined transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mined {
    pub block_number: u64,
    pub succeeded: bool,
    /// The batches that it recorded.
    pub postings: Vec<Posting>,
}

impl Network {
    /// Where a batch was recorded, given the time at which [`Network::record`] says it was.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn posting(
        &self,
        view: &Finalized,
        batch: BatchHash,
        recorded_at: u64,
    ) -> Result<Option<Posting>, Error> {
        let (registry, start) = (self.contracts().batch_registry, self.deployment().start_block);
        let last = view.block_before(recorded_at, start).await?.number;
        let before = view.block_before(recorded_at.saturating_sub(1), start).await;
        // The registry was deployed at that very second.
        let first = before.map_or(start, |block| block.number + 1).min(last);
        let logs = view.logs(&[registry], &[BatchRecorded::SIGNATURE_HASH], first, last).await?;
        Ok(logs.iter().filter_map(posting_of).find(|posting| posting.batch == batch))
    }

    /// What a transaction did to the registry; none if it is not mined. It may not be final yet.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn mined(&self, transaction: B256) -> Result<Option<Mined>, Error> {
        let receipt: Option<TransactionReceipt> =
            self.chain().request("eth_getTransactionReceipt", (transaction,)).await?;
        let registry = self.contracts().batch_registry;
        Ok(receipt.map(|receipt| Mined {
            block_number: receipt.block_number.unwrap_or_default(),
            succeeded: receipt.status(),
            postings: receipt.logs().iter().filter(|log| log.address() == registry).filter_map(posting_of).collect(),
        }))
    }
}

fn posting_of(log: &Log) -> Option<Posting> {
    let event = BatchRecorded::decode_log_validate(&log.inner).ok()?.data;
    Some(Posting {
        app: AppId(event.app),
        lane: event.lane,
        sequence: event.sequence,
        batch: BatchHash(event.batchHash),
        transaction: log.transaction_hash?,
        block_number: log.block_number?,
    })
}
