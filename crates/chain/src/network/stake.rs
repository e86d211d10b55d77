//! Tokens, deposits and delegation.

use alloy_primitives::{Address, B256, U256};

use super::Network;
use crate::bindings::{delegation_manager, strategy, strategy_manager, token};
use crate::error::Error;
use crate::finalized::Finalized;
use crate::sender::Sender;

impl Network {
    /// Mints a local cloud's token. Refused by every other token.
    ///
    /// # Errors
    /// [`Error::Reverted`] when the token cannot be minted.
    pub async fn mint(&self, sender: &Sender, token: Address, to: Address, amount: U256) -> Result<(), Error> {
        self.act(sender, token, token::mintCall { to, amount }).await?;
        Ok(())
    }

    /// # Errors
    /// Fails when `token` is no token.
    pub async fn token_balance(&self, view: &Finalized, token: Address, account: Address) -> Result<U256, Error> {
        view.call(token, &token::balanceOfCall { account }).await
    }

    /// Lets `spender` take up to `amount` of the sender's tokens.
    ///
    /// # Errors
    /// [`Error::Reverted`] when the token refuses.
    pub async fn approve(&self, sender: &Sender, token: Address, spender: Address, amount: U256) -> Result<(), Error> {
        self.act(sender, token, token::approveCall { spender, amount }).await?;
        Ok(())
    }

    /// The token that a strategy holds.
    ///
    /// # Errors
    /// Fails when `strategy` is no strategy.
    pub async fn token_of(&self, strategy: Address) -> Result<Address, Error> {
        self.chain.latest_call(strategy, &strategy::underlyingTokenCall {}).await
    }

    /// Approves and deposits the sender's tokens; returns the shares they became.
    ///
    /// # Errors
    /// [`Error::Reverted`] with what the StrategyManager, the strategy or the token has against it.
    pub async fn deposit(&self, sender: &Sender, strategy: Address, amount: U256) -> Result<U256, Error> {
        let token = self.token_of(strategy).await?;
        self.deposit_as(sender, strategy, token, amount).await
    }

    /// As [`Network::deposit`], of a strategy that takes more tokens than one: that of EIGEN takes EIGEN and bEIGEN.
    ///
    /// # Errors
    /// As [`Network::deposit`].
    pub async fn deposit_as(
        &self,
        sender: &Sender,
        strategy: Address,
        token: Address,
        amount: U256,
    ) -> Result<U256, Error> {
        let manager = self.contracts().strategy_manager;
        self.approve(sender, token, manager, amount).await?;
        let call = strategy_manager::depositIntoStrategyCall { strategy, token, amount };
        let confirmed = self.act(sender, manager, call).await?;
        Ok(Self::event_of::<strategy_manager::Deposit>(&confirmed, manager)?.shares)
    }

    /// The shares that `staker` deposited, before slashing.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn deposited(&self, view: &Finalized, staker: Address, strategy: Address) -> Result<U256, Error> {
        let call = strategy_manager::stakerDepositSharesCall { staker, strategy };
        view.call(self.contracts().strategy_manager, &call).await
    }

    /// The shares that `staker` deposited, in the newest block: for whoever deposits, and for no decision.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn deposited_now(&self, staker: Address, strategy: Address) -> Result<U256, Error> {
        let call = strategy_manager::stakerDepositSharesCall { staker, strategy };
        self.chain.latest_call(self.contracts().strategy_manager, &call).await
    }

    /// Delegates all of the sender's stake to an operator that asks for no approval.
    ///
    /// # Errors
    /// [`Error::Reverted`] when the sender has delegated already or the operator is none.
    pub async fn delegate(&self, sender: &Sender, operator: Address) -> Result<(), Error> {
        let none = delegation_manager::IDelegationManager::SignatureWithExpiry {
            signature: Default::default(),
            expiry: U256::ZERO,
        };
        let call =
            delegation_manager::delegateToCall { operator, approverSignatureAndExpiry: none, approverSalt: B256::ZERO };
        self.act(sender, self.contracts().delegation_manager, call).await?;
        Ok(())
    }

    /// The shares delegated to an operator, its own included.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn operator_shares(&self, view: &Finalized, operator: Address, strategy: Address) -> Result<U256, Error> {
        let call = delegation_manager::operatorSharesCall { operator, strategy };
        view.call(self.contracts().delegation_manager, &call).await
    }
}
