//! Reading what cannot change any more.
//!
//! Everything that decides something (what may be signed, which lane stands where, what time it is) is read through
//! [`Finalized`], which can read nothing else: it holds one finalized block and asks at that block's hash.

use std::time::Duration;

use alloy::rpc::types::{Header, Log};
use alloy_primitives::{Address, B256, Bytes, U64, U256};
use alloy_sol_types::SolCall;
use serde_json::json;

use crate::client::Chain;
use crate::error::Error;

mod proof;
mod witness;

pub use proof::PROOF_SLOTS_MAX;

/// The most blocks whose events are asked for at once.
pub const PAGE_BLOCKS_MAX: u64 = 1_000;

/// The events of so few blocks are checked against the blocks themselves: whoever follows the chain asks for no more at
/// once, and whoever catches up would ask for every block.
const WITNESSED_BLOCKS_MAX: u64 = 16;

/// What we keep of a finalized block's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FinalizedBlock {
    pub number: u64,
    pub hash: B256,
    /// Unix seconds.
    pub timestamp: u64,
    /// The beacon chain's randomness of this block (EIP-4399).
    pub prevrandao: B256,
}

impl FinalizedBlock {
    /// Only for blocks whose finality the caller has established.
    pub(crate) fn of_header(header: &Header) -> Self {
        Self {
            number: header.inner.number,
            hash: header.hash,
            timestamp: header.inner.timestamp,
            prevrandao: header.inner.mix_hash,
        }
    }
}

/// The chain as of one finalized block.
#[derive(Debug, Clone)]
pub struct Finalized {
    chain: Chain,
    block: FinalizedBlock,
}

impl Finalized {
    pub(crate) fn new(chain: Chain, block: FinalizedBlock) -> Self {
        Self { chain, block }
    }

    #[must_use]
    pub fn block(&self) -> &FinalizedBlock {
        &self.block
    }

    #[must_use]
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Calls a view function at this block.
    ///
    /// # Errors
    /// [`Error::Reverted`] when the contract refuses; [`Error::NoCode`] when there is none.
    pub async fn call<C: SolCall>(&self, to: Address, call: &C) -> Result<C::Return, Error> {
        self.chain.call_at(to, call, json!({ "blockHash": self.block.hash })).await
    }

    /// The chain's currency that `account` holds, in wei.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn balance(&self, account: Address) -> Result<U256, Error> {
        self.chain.request("eth_getBalance", (account, self.at())).await
    }

    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn code(&self, account: Address) -> Result<Bytes, Error> {
        self.chain.request("eth_getCode", (account, self.at())).await
    }

    /// An earlier block of the same history.
    ///
    /// # Errors
    /// [`Error::NotFinalized`] for a block beyond this view.
    pub async fn block_at(&self, number: u64) -> Result<FinalizedBlock, Error> {
        self.require_final(number)?;
        if number == self.block.number {
            return Ok(self.block);
        }
        let block = self.chain.header(U64::from(number)).await?;
        if block.number != number {
            return Err(self.chain.bad_answer("eth_getBlockByNumber", "it is another block than was asked for"));
        }
        Ok(block)
    }

    /// The chain as of an earlier block of the same history. Not every endpoint keeps the state of old blocks.
    ///
    /// # Errors
    /// [`Error::NotFinalized`] for a block beyond this view.
    pub async fn earlier(&self, number: u64) -> Result<Self, Error> {
        Ok(Self { chain: self.chain.clone(), block: self.block_at(number).await? })
    }

    /// Checks that an earlier finalized block is still the one that was seen. A view that lags behind it proves nothing
    /// yet: the block is checked once it is there.
    ///
    /// # Errors
    /// [`Error::HistoryChanged`] when it is another one: nothing may be built on such a chain.
    pub async fn check_history(&self, number: u64, expected: B256) -> Result<(), Error> {
        if self.block.number < number {
            return Ok(());
        }
        let found = self.block_at(number).await?.hash;
        if found == expected { Ok(()) } else { Err(Error::HistoryChanged { number, expected, found }) }
    }

    /// The events of `addresses` with one of the first topics `topics` (any when empty) from block `from` to `to`,
    /// both included, in the order in which they happened. Asked for in pages of [`PAGE_BLOCKS_MAX`].
    ///
    /// # Errors
    /// [`Error::NotFinalized`] for a range beyond this view; [`Error::BadAnswer`] for events that were not asked for.
    pub async fn logs(&self, addresses: &[Address], topics: &[B256], from: u64, to: u64) -> Result<Vec<Log>, Error> {
        self.require_final(to)?;
        let mut logs = Vec::new();
        let mut start = from;
        while start <= to {
            let end = to.min(start.saturating_add(PAGE_BLOCKS_MAX - 1));
            logs.extend(self.page(addresses, topics, start, end).await?);
            start = end + 1;
        }
        Ok(logs)
    }

    async fn page(&self, addresses: &[Address], topics: &[B256], from: u64, to: u64) -> Result<Vec<Log>, Error> {
        let first_topic = if topics.is_empty() { json!(null) } else { json!(topics) };
        let filter = json!({
            "fromBlock": U64::from(from), "toBlock": U64::from(to), "address": addresses, "topics": [first_topic],
        });
        let mut logs: Vec<Log> = self.chain.request("eth_getLogs", (filter,)).await?;
        for log in &logs {
            self.check_log(log, addresses, from, to)?;
        }
        logs.sort_by_key(|log| (log.block_number, log.log_index));
        if to - from < WITNESSED_BLOCKS_MAX {
            self.check_against_blocks(&logs, addresses, topics, from, to).await?;
        }
        Ok(logs)
    }

    fn check_log(&self, log: &Log, addresses: &[Address], from: u64, to: u64) -> Result<(), Error> {
        let in_range = log.block_number.is_some_and(|number| (from..=to).contains(&number));
        let complete = log.log_index.is_some() && log.transaction_hash.is_some() && !log.removed;
        if in_range && complete && addresses.contains(&log.address()) {
            return Ok(());
        }
        Err(self.chain.bad_answer("eth_getLogs", "it holds an event that was not asked for"))
    }

    fn require_final(&self, number: u64) -> Result<(), Error> {
        if number > self.block.number {
            return Err(Error::NotFinalized { number, finalized: self.block.number });
        }
        Ok(())
    }

    fn at(&self) -> serde_json::Value {
        json!({ "blockHash": self.block.hash })
    }
}

impl Chain {
    /// Waits until block `number` is finalized.
    ///
    /// # Errors
    /// [`Error::Timeout`] when it is not within `timeout`.
    pub async fn wait_finalized(&self, number: u64, timeout: Duration) -> Result<Finalized, Error> {
        let wait = async {
            loop {
                let view = self.finalized().await?;
                if view.block.number >= number {
                    return Ok(view);
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let late = |_| Error::Timeout { label: format!("finality of block {number}"), seconds: timeout.as_secs() };
        tokio::time::timeout(timeout, wait).await.map_err(late)?
    }
}
