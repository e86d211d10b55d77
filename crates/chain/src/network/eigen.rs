//! EIGEN, the bEIGEN under it, and the escrow that holds what is staked.

use alloy_primitives::{Address, U256};

use super::{Action, Network};
use crate::bindings::{eigen, escrow, token};
use crate::error::Error;
use crate::finalized::Finalized;

/// The most entries of an unwrap log, and the most outflows, that are read at once.
pub const ENTRIES_MAX: u64 = 64;

/// What an account has of one generation, in the smallest unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EigenAccount {
    /// bEIGEN in its own hands.
    pub backing: U256,
    /// EIGEN in its own hands.
    pub wrapped: U256,
    /// All that it ever unwrapped. Never falls.
    pub unwrapped: U256,
    /// Deposit shares that are not queued; slashing does not change them.
    pub staked: U256,
    /// What it queued a lag ago and has not taken out since.
    pub matured: U256,
}

/// An entry of an account's unwrap log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unwrap {
    /// Unix seconds.
    pub timestamp: u64,
    /// All that the account had unwrapped with it.
    pub total: U256,
}

/// Slashed stake that waits in the escrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outflow {
    pub id: U256,
    pub recipient: Address,
    pub amount: U256,
    /// The first block in which anyone can release it.
    pub release_block: u64,
}

impl Network {
    /// Turns bEIGEN into EIGEN: an approval and the wrapping.
    #[must_use]
    pub fn wrap(&self, amount: U256) -> Vec<Action> {
        let at = &self.contracts().eigen;
        let approve = token::approveCall { spender: at.token, amount };
        vec![Action::new(at.backing, &approve, 50_000), Action::new(at.token, &eigen::wrapCall { amount }, 120_000)]
    }

    /// Turns EIGEN back into bEIGEN, and adds to the account's log.
    #[must_use]
    pub fn unwrap(&self, amount: U256) -> Vec<Action> {
        vec![Action::new(self.contracts().eigen.token, &eigen::unwrapCall { amount }, 180_000)]
    }

    /// Pays a matured outflow to its recipient. Anyone may.
    #[must_use]
    pub fn release_outflow(&self, id: U256) -> Vec<Action> {
        vec![Action::new(self.contracts().eigen.escrow, &escrow::releaseCall { outflowId: id }, 90_000)]
    }

    /// What `account` has in the view's block.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn eigen_account(&self, view: &Finalized, account: Address) -> Result<EigenAccount, Error> {
        let at = &self.contracts().eigen;
        let (held, staker) = (token::balanceOfCall { account }, account);
        Ok(EigenAccount {
            backing: view.call(at.backing, &held).await?,
            wrapped: view.call(at.token, &held).await?,
            unwrapped: view.call(at.token, &eigen::unwrappedCall { account }).await?,
            staked: view.call(at.escrow, &escrow::stakeOfCall { staker }).await?,
            matured: view.call(at.escrow, &escrow::maturedOfCall { staker }).await?,
        })
    }

    /// When wrapping ended, Unix seconds; none while it goes on.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn wrapping_stopped_at(&self, view: &Finalized) -> Result<Option<u64>, Error> {
        let stopped = view.call(self.contracts().eigen.token, &eigen::wrappingStoppedAtCall {}).await?;
        let stopped: u64 = stopped.to();
        Ok((stopped != 0).then_some(stopped))
    }

    /// The newest [`ENTRIES_MAX`] entries of an account's unwrap log, oldest first.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn unwrap_log(&self, view: &Finalized, account: Address) -> Result<Vec<Unwrap>, Error> {
        let eigen = self.contracts().eigen.token;
        let count = view.call(eigen, &eigen::unwrapCountCall { account }).await?;
        let mut entries = Vec::new();
        let mut index = count.saturating_sub(U256::from(ENTRIES_MAX));
        while index < count {
            let entry = view.call(eigen, &eigen::unwrapEntryCall { account, index }).await?;
            entries.push(Unwrap { timestamp: entry.timestamp.to(), total: entry.total });
            index += U256::ONE;
        }
        Ok(entries)
    }

    /// Of the newest [`ENTRIES_MAX`] outflows those that wait, oldest first.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn outflows(&self, view: &Finalized) -> Result<Vec<Outflow>, Error> {
        let escrow = self.contracts().eigen.escrow;
        let count = view.call(escrow, &escrow::outflowCountCall {}).await?;
        let mut waiting = Vec::new();
        let mut id = count.saturating_sub(U256::from(ENTRIES_MAX));
        while id < count {
            let found = view.call(escrow, &escrow::outflowCall { outflowId: id }).await?;
            // One that was paid is deleted.
            if !found.recipient.is_zero() {
                let release_block = found.releaseBlock.to();
                waiting.push(Outflow { id, recipient: found.recipient, amount: found.amount, release_block });
            }
            id += U256::ONE;
        }
        Ok(waiting)
    }

    /// Whether enough is staked for a fork to be worth its cost.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn is_forkable(&self, view: &Finalized) -> Result<bool, Error> {
        view.call(self.contracts().eigen.escrow, &escrow::isForkableCall {}).await
    }

    /// Gives bEIGEN to somebody: how a local cloud hands out the supply.
    #[must_use]
    pub fn give_backing(&self, to: Address, amount: U256) -> Vec<Action> {
        let call = token::transferCall { to, amount };
        vec![Action::new(self.contracts().eigen.backing, &call, 60_000)]
    }
}
