//! Bonds of gateways, what lanes ask of them, and the evidence that takes them.

use alloy_primitives::{Address, Bytes, U256};
use vouch_core::{AppId, Batch};

use super::Network;
use crate::bindings::gateway_bonds::{self, IGatewayBonds};
use crate::error::Error;
use crate::finalized::Finalized;
use crate::sender::Sender;

/// A gateway's bond, wei.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bond {
    /// All that can be slashed.
    pub amount: U256,
    /// What is on its way out and counts for no lane, with when it can be fetched, Unix seconds.
    pub leaving: Option<(U256, u64)>,
    /// Whether the gateway has equivocated; it is never bonded again.
    pub slashed: bool,
}

impl Bond {
    /// What counts for lanes.
    #[must_use]
    pub fn standing(&self) -> U256 {
        self.amount.saturating_sub(self.leaving.map_or(U256::ZERO, |(amount, _)| amount))
    }
}

/// A header that a gateway signed.
#[derive(Debug, Clone, PartialEq)]
pub struct SignedProposal {
    pub batch: Batch,
    /// r ‖ s ‖ v over the batch hash.
    pub signature: Bytes,
}

impl From<&SignedProposal> for IGatewayBonds::SignedHeader {
    fn from(signed: &SignedProposal) -> Self {
        Self { batch: (&signed.batch).into(), signature: signed.signature.clone() }
    }
}

/// What equivocating cost a gateway, wei.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BondSlash {
    pub gateway: Address,
    pub burnt: U256,
    /// What the reporter got.
    pub rewarded: U256,
}

impl Network {
    /// Adds `amount` wei to a gateway's bond. Anyone may.
    ///
    /// # Errors
    /// [`Error::Reverted`] with `GatewaySlashed` when the gateway has equivocated.
    pub async fn deposit_bond(&self, sender: &Sender, gateway: Address, amount: U256) -> Result<(), Error> {
        let call = gateway_bonds::depositCall { gateway };
        self.pay(sender, self.contracts().gateway_bonds, amount, call).await?;
        Ok(())
    }

    /// Starts the clock after which `amount` wei of the sender's bond can be fetched; zero takes an earlier word back.
    ///
    /// # Errors
    /// [`Error::Reverted`] with `BondTooSmall`.
    pub async fn request_bond_withdrawal(&self, sender: &Sender, amount: U256) -> Result<(), Error> {
        let call = gateway_bonds::requestWithdrawalCall { amount };
        self.act(sender, self.contracts().gateway_bonds, call).await?;
        Ok(())
    }

    /// Fetches what the sender asked for, once its time has come.
    ///
    /// # Errors
    /// [`Error::Reverted`] with `TooEarly` or `NothingLeaves`.
    pub async fn withdraw_bond(&self, sender: &Sender) -> Result<(), Error> {
        let call = gateway_bonds::withdrawCall { to: sender.address() };
        self.act(sender, self.contracts().gateway_bonds, call).await?;
        Ok(())
    }

    /// Sets what executors ask of a lane's gateway, wei; the sender owns the app. Returns from when on it holds.
    ///
    /// # Errors
    /// [`Error::Reverted`] with `NotAppOwner` or `UnknownLane`.
    pub async fn set_minimum_bond(&self, sender: &Sender, app: AppId, lane: u32, amount: U256) -> Result<u64, Error> {
        let bonds = self.contracts().gateway_bonds;
        let call = gateway_bonds::setMinimumBondCall { app: app.0, lane, amount };
        let confirmed = self.act(sender, bonds, call).await?;
        Ok(Self::event_of::<gateway_bonds::MinimumBondSet>(&confirmed, bonds)?.effectiveAt)
    }

    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn bond(&self, view: &Finalized, gateway: Address) -> Result<Bond, Error> {
        let found = view.call(self.contracts().gateway_bonds, &gateway_bonds::bondOfCall { gateway }).await?;
        let leaving = (!found.leaving.is_zero()).then_some((found.leaving, found.leavesAt));
        Ok(Bond { amount: found.amount, leaving, slashed: found.slashed })
    }

    /// What the lane asks of its gateway at the view's time, wei.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn minimum_bond(&self, view: &Finalized, app: AppId, lane: u32) -> Result<U256, Error> {
        view.call(self.contracts().gateway_bonds, &gateway_bonds::minimumBondCall { app: app.0, lane }).await
    }

    /// Shows that one gateway signed two headers for one slot: it loses its whole bond, and the sender gets a share.
    ///
    /// # Errors
    /// [`Error::Reverted`] naming why the evidence does not hold, or `NothingToSlash`.
    pub async fn prove_gateway_equivocation(
        &self,
        sender: &Sender,
        first: &SignedProposal,
        second: &SignedProposal,
    ) -> Result<BondSlash, Error> {
        let bonds = self.contracts().gateway_bonds;
        let call = gateway_bonds::proveEquivocationCall { first: first.into(), second: second.into() };
        let confirmed = self.act(sender, bonds, call).await?;
        let event = Self::event_of::<gateway_bonds::BondSlashed>(&confirmed, bonds)?;
        Ok(BondSlash { gateway: event.gateway, burnt: event.burnt, rewarded: event.rewarded })
    }
}
