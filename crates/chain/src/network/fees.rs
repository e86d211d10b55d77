//! Prices, deposits and what is earned: the fee vault.

use alloy_primitives::{Address, B256, Bytes, U256};
use vouch_core::{AppId, Batch, Charge, NonSignerWitness, Request};

use super::Network;
use crate::bindings::fee_vault;
use crate::error::Error;
use crate::finalized::Finalized;
use crate::sender::{Confirmed, Sender};

/// What calls of an app cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeePrice {
    pub token: Address,
    pub per_call: u128,
    /// Per started page of 16,384 bytes of the payload.
    pub per_page: u128,
    /// Batches of tables from this time on are charged so, Unix seconds.
    pub valid_from: u64,
}

/// A client's account for calls of an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeeAccount {
    /// What is there, the part that is being withdrawn included.
    pub balance: U256,
    pub withdrawing: U256,
    /// When it may leave, Unix seconds; none if nothing was asked for.
    pub withdrawable_at: Option<u64>,
    /// What was paid for the client over all lanes.
    pub settled: U256,
}

/// A charge in a posted batch, with all that proves it to the vault.
#[derive(Debug, Clone)]
pub struct Settlement {
    pub batch: Batch,
    pub charge: Charge,
    pub index: u32,
    pub proof: Vec<B256>,
    pub request: Request,
    pub signature: Bytes,
}

impl Network {
    /// What the app charges; none if it has never named a price.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn fee_price(&self, view: &Finalized, app: AppId) -> Result<Option<FeePrice>, Error> {
        let price = view.call(self.contracts().fee_vault, &fee_vault::priceOfCall { app: app.0 }).await?;
        Ok((!price.token.is_zero()).then_some(FeePrice {
            token: price.token,
            per_call: price.perCall,
            per_page: price.perPage,
            valid_from: price.validFrom,
        }))
    }

    /// Names what calls of an app of the sender's cost, from the next second on.
    ///
    /// # Errors
    /// [`Error::Reverted`] when the sender is not the owner, or the app charges in another token.
    pub async fn set_fee_price(
        &self,
        sender: &Sender,
        app: AppId,
        token: Address,
        per_call: u128,
        per_page: u128,
    ) -> Result<Confirmed, Error> {
        let call = fee_vault::setPriceCall { app: app.0, token, perCall: per_call, perPage: per_page };
        self.act(sender, self.contracts().fee_vault, call).await
    }

    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn fee_account(&self, view: &Finalized, app: AppId, client: Address) -> Result<FeeAccount, Error> {
        let account = view.call(self.contracts().fee_vault, &fee_vault::accountOfCall { app: app.0, client }).await?;
        Ok(FeeAccount {
            balance: account.balance,
            withdrawing: account.withdrawing,
            withdrawable_at: (account.withdrawableAt != 0).then_some(account.withdrawableAt),
            settled: account.settled,
        })
    }

    /// Pays `amount` of the sender's tokens in for calls of `client`; returns what arrived.
    ///
    /// # Errors
    /// [`Error::Reverted`] with what the vault or the token has against it.
    pub async fn deposit_fees(
        &self,
        sender: &Sender,
        app: AppId,
        token: Address,
        client: Address,
        amount: U256,
    ) -> Result<U256, Error> {
        let vault = self.contracts().fee_vault;
        self.approve(sender, token, vault, amount).await?;
        let call = fee_vault::depositCall { app: app.0, client, amount };
        let confirmed = self.act(sender, vault, call).await?;
        Ok(Self::event_of::<fee_vault::Deposited>(&confirmed, vault)?.amount)
    }

    /// Asks for `amount` of the sender's deposit; returns when it may leave, Unix seconds.
    ///
    /// # Errors
    /// [`Error::Reverted`] with `InsufficientBalance`.
    pub async fn request_fee_withdrawal(&self, sender: &Sender, app: AppId, amount: U256) -> Result<u64, Error> {
        let vault = self.contracts().fee_vault;
        let call = fee_vault::requestWithdrawalCall { app: app.0, amount };
        let confirmed = self.act(sender, vault, call).await?;
        Ok(Self::event_of::<fee_vault::WithdrawalRequested>(&confirmed, vault)?.withdrawableAt)
    }

    /// Takes out what the sender asked for; returns how much that was.
    ///
    /// # Errors
    /// [`Error::Reverted`] with `NotWithdrawableYet` or `NothingWithdrawing`.
    pub async fn withdraw_fees(&self, sender: &Sender, app: AppId) -> Result<U256, Error> {
        let vault = self.contracts().fee_vault;
        let confirmed = self.act(sender, vault, fee_vault::withdrawCall { app: app.0 }).await?;
        Ok(Self::event_of::<fee_vault::Withdrawn>(&confirmed, vault)?.amount)
    }

    /// Has gateway and signers paid up to these charges. Anyone may.
    ///
    /// # Errors
    /// [`Error::Reverted`] naming what does not hold, or `NothingDue` when somebody was faster.
    pub async fn settle_fees(&self, sender: &Sender, settlements: &[Settlement]) -> Result<Confirmed, Error> {
        let settlements = settlements.iter().map(Into::into).collect();
        self.act(sender, self.contracts().fee_vault, fee_vault::settleCall { settlements }).await
    }

    /// Credits a signer with its share of what was settled with a batch. Anyone may.
    ///
    /// # Errors
    /// [`Error::Reverted`] when it did not sign, or has its share.
    pub async fn credit_signer(
        &self,
        sender: &Sender,
        batch: &Batch,
        non_signers: &[u32],
        signer: &NonSignerWitness,
    ) -> Result<Confirmed, Error> {
        let call = fee_vault::creditSignerCall {
            batch: batch.into(),
            nonSignerIndices: non_signers.to_vec(),
            signer: signer.into(),
        };
        self.act(sender, self.contracts().fee_vault, call).await
    }

    /// What an account has earned in a token and not collected.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn earned(&self, view: &Finalized, token: Address, earner: Address) -> Result<U256, Error> {
        view.call(self.contracts().fee_vault, &fee_vault::earnedOfCall { token, earner }).await
    }

    /// Collects what the sender has earned in a token; returns how much that was.
    ///
    /// # Errors
    /// [`Error::Reverted`] with `NothingEarned`.
    pub async fn collect_fees(&self, sender: &Sender, token: Address) -> Result<U256, Error> {
        let vault = self.contracts().fee_vault;
        let confirmed = self.act(sender, vault, fee_vault::collectCall { token }).await?;
        Ok(Self::event_of::<fee_vault::Collected>(&confirmed, vault)?.amount)
    }
}
