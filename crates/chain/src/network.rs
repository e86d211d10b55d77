//! What the command line and the local cloud do on a deployment, with typed answers.
//!
//! Reads take a [`Finalized`] view and so see one consistent, final state; actions take the [`Sender`] of the key that
//! acts and return when they are mined. An action that is refused returns the contract's error by name and has sent
//! nothing.

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolCall;

use crate::client::Chain;
use crate::deploy::{Contracts, Deployment};
use crate::error::Error;
use crate::finalized::Finalized;
use crate::sender::{Confirmed, Sender};

mod action;
mod approving;
mod apps;
mod avs;
mod batches;
mod bonds;
mod consume;
mod eigen;
mod endpoints;
mod evidence;
mod fees;
mod inbox;
mod operating;
mod operators;
mod permissions;
mod postings;
mod stake;
mod staking;
mod tables;
mod wager;

pub use action::Action;
pub use approving::Approval;
pub use apps::{App, NewApp, Release};
pub use avs::{Avs, NewSet, OperatorSet, SetInfo, SetSlash};
pub use batches::{BatchRecord, HEADERS_MAX, Lane};
pub use bonds::{Bond, BondSlash, SignedProposal};
pub use consume::CertifiedAnswer;
pub use eigen::{ENTRIES_MAX, EigenAccount, Outflow, Unwrap};
pub use evidence::{Evidence, SignedBatch, Slash};
pub use fees::{FeeAccount, FeePrice, Settlement};
pub use inbox::{Forced, Submission};
pub use operating::{OperatorStake, OperatorStatus, SetAllocation, SetKey};
pub use operators::{Allocation, WHOLE_MAGNITUDE};
pub use permissions::{Appointment, Permissions};
pub use postings::{Mined, Posting};
pub use staking::{QueuedWithdrawal, Staker, StakerDeposit, Worth};
pub use tables::{RecordedTable, TableKey};
pub use wager::{Outcome, Wager};

/// A chain with the contracts on it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Network {
    chain: Chain,
    deployment: Deployment,
}

impl Network {
    /// Joins a chain and the manifest of a deployment on it.
    ///
    /// # Errors
    /// [`Error::WrongChain`] or [`Error::WrongGenesis`] when the manifest is another chain's.
    pub fn new(chain: Chain, deployment: Deployment) -> Result<Self, Error> {
        deployment.require_chain(&chain)?;
        Ok(Self { chain, deployment })
    }

    #[must_use]
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    #[must_use]
    pub fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    #[must_use]
    pub fn contracts(&self) -> &Contracts {
        &self.deployment.contracts
    }

    /// The latest finalized state.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn view(&self) -> Result<Finalized, Error> {
        self.chain.finalized().await
    }

    /// Sends one call and waits for it.
    async fn act<C: SolCall>(&self, sender: &Sender, to: Address, call: C) -> Result<Confirmed, Error> {
        self.pay(sender, to, U256::ZERO, call).await
    }

    /// Sends one call with `value` wei and waits for it.
    async fn pay<C: SolCall>(&self, sender: &Sender, to: Address, value: U256, call: C) -> Result<Confirmed, Error> {
        let label = C::SIGNATURE.split('(').next().unwrap_or(C::SIGNATURE);
        sender.pay_and_confirm(to, call.abi_encode().into(), value, label).await
    }

    /// The one event that a successful action must have emitted.
    fn event_of<E: alloy_sol_types::SolEvent>(confirmed: &Confirmed, contract: Address) -> Result<E, Error> {
        confirmed.event::<E>(contract).ok_or_else(|| Error::inconsistent(E::SIGNATURE, "the event is missing"))
    }
}

impl Finalized {
    /// The latest block whose time is at most `timestamp`, by halving between `from` and this view.
    ///
    /// # Errors
    /// [`Error::Inconsistent`] when the time lies before block `from`.
    pub async fn block_before(&self, timestamp: u64, from: u64) -> Result<crate::FinalizedBlock, Error> {
        let mut low = self.block_at(from.min(self.block().number)).await?;
        let mut high = self.block().number;
        if low.timestamp > timestamp {
            return Err(Error::inconsistent("block by time", format!("{timestamp} lies before block {from}")));
        }
        while low.number < high {
            let middle = self.block_at(low.number + (high - low.number).div_ceil(2)).await?;
            if middle.timestamp <= timestamp {
                low = middle;
            } else {
                high = middle.number - 1;
            }
        }
        Ok(low)
    }

    /// The events of type `E` from `contract` in the blocks of time `timestamp`: on local chains several may share it.
    async fn events_at<E: alloy_sol_types::SolEvent>(
        &self,
        contract: Address,
        timestamp: u64,
        start_block: u64,
    ) -> Result<Vec<E>, Error> {
        let last = self.block_before(timestamp, start_block).await?;
        if last.timestamp != timestamp {
            return Ok(Vec::new());
        }
        let start = self.block_at(start_block).await?;
        let first = if start.timestamp == timestamp {
            start_block
        } else {
            self.block_before(timestamp.saturating_sub(1), start_block).await?.number + 1
        };
        self.events(contract, first, last.number).await
    }

    /// The events of type `E` from `contract`, both blocks included.
    pub(crate) async fn events<E: alloy_sol_types::SolEvent>(
        &self,
        contract: Address,
        from: u64,
        to: u64,
    ) -> Result<Vec<E>, Error> {
        let topic: B256 = E::SIGNATURE_HASH;
        let logs = self.logs(&[contract], &[topic], from, to).await?;
        let decode = |log: &alloy::rpc::types::Log| {
            let decoded = E::decode_log_validate(&log.inner);
            decoded.map(|event| event.data).map_err(|source| self.chain().bad_answer(E::SIGNATURE, source))
        };
        logs.iter().map(decode).collect()
    }
}
