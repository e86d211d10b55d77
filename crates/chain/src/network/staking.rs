//! What a staker does with its stake, prepared as actions, and how its stake stands.

use alloy_primitives::{Address, B256, U256};

use super::{Action, Approval, Network};
use crate::bindings::delegation_manager::{self, IDelegationManager};
use crate::bindings::{strategy, strategy_manager, token};
use crate::client::Chain;
use crate::error::Error;
use crate::finalized::Finalized;

/// A staker as one block has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staker {
    pub delegated_to: Option<Address>,
    pub deposits: Vec<StakerDeposit>,
    /// In the order in which the contract lists them.
    pub withdrawals: Vec<QueuedWithdrawal>,
}

/// What a staker has in one strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StakerDeposit {
    pub strategy: Address,
    /// Deposited and not queued, before slashing; what withdrawals are queued in.
    pub deposit_shares: U256,
    /// What is left of it after slashing.
    pub withdrawable_shares: U256,
    /// What that is worth in the strategy's token.
    pub tokens: U256,
}

/// A withdrawal in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedWithdrawal {
    pub root: B256,
    /// Whose slashing still takes its part; none if the staker was not delegated.
    pub delegated_to: Option<Address>,
    pub start_block: u32,
    /// The first block in which it can be completed.
    pub completable_block: u64,
    /// What each strategy would pay if nothing more is slashed: shares, and what they are worth in its token.
    pub worth: Vec<Worth>,
}

/// Shares of a strategy, and what they are worth in its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Worth {
    pub strategy: Address,
    pub shares: U256,
    pub tokens: U256,
}

impl Network {
    /// Lets the StrategyManager take `amount` of the sender's tokens, and deposits them.
    #[must_use]
    pub fn deposit_actions(&self, strategy: Address, token: Address, amount: U256) -> [Action; 2] {
        let manager = self.contracts().strategy_manager;
        let approve = Action::new(token, &token::approveCall { spender: manager, amount }, 60_000);
        let deposit = strategy_manager::depositIntoStrategyCall { strategy, token, amount };
        [approve, Action::new(manager, &deposit, 250_000)]
    }

    /// Delegates all of the sender's stake, present and future.
    #[must_use]
    pub fn delegate_action(&self, operator: Address, approval: &Approval) -> Action {
        let call = delegation_manager::delegateToCall {
            operator,
            approverSignatureAndExpiry: approval.into(),
            approverSalt: approval.salt,
        };
        self.delegation_action(&call, 250_000)
    }

    /// Ends the delegation of `staker` and queues all of its stake; by the staker, or by its operator.
    #[must_use]
    pub fn undelegate_action(&self, staker: Address) -> Action {
        self.delegation_action(&delegation_manager::undelegateCall { staker }, 350_000)
    }

    /// As [`Network::undelegate_action`], and delegates to `operator` what comes back or is deposited from now on.
    #[must_use]
    pub fn redelegate_action(&self, operator: Address, approval: &Approval) -> Action {
        let call = delegation_manager::redelegateCall {
            newOperator: operator,
            newOperatorApproverSig: approval.into(),
            approverSalt: approval.salt,
        };
        self.delegation_action(&call, 500_000)
    }

    /// Queues so many deposit shares of one strategy.
    #[must_use]
    pub fn withdrawal_action(&self, strategy: Address, deposit_shares: U256) -> Action {
        let parameters = IDelegationManager::QueuedWithdrawalParams {
            strategies: vec![strategy],
            depositShares: vec![deposit_shares],
            __deprecated_withdrawer: Address::ZERO,
        };
        self.delegation_action(&delegation_manager::queueWithdrawalsCall { params: vec![parameters] }, 350_000)
    }

    /// Pays out a queued withdrawal; as shares, it goes back to the staker's deposits instead.
    #[must_use]
    pub fn completion_action(&self, root: B256, as_tokens: bool) -> Action {
        let call =
            delegation_manager::completeQueuedWithdrawal_0Call { withdrawalRoot: root, receiveAsTokens: as_tokens };
        self.delegation_action(&call, 250_000)
    }

    /// How an account's stake stands.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn staker(&self, view: &Finalized, staker: Address) -> Result<Staker, Error> {
        self.staker_at(&At::Finalized(view), staker).await
    }

    async fn staker_at(&self, view: &At<'_>, staker: Address) -> Result<Staker, Error> {
        let manager = self.contracts().delegation_manager;
        let delegated_to = view.call(manager, &delegation_manager::delegatedToCall { staker }).await?;
        let listed = view.call(manager, &delegation_manager::getDepositedSharesCall { staker }).await?;
        let (strategies, deposit_shares) = (listed._0, listed._1);
        let call = delegation_manager::getWithdrawableSharesCall { staker, strategies: strategies.clone() };
        let withdrawable = view.call(manager, &call).await?.withdrawableShares;
        let mut deposits = Vec::with_capacity(strategies.len());
        for ((strategy, deposit_shares), withdrawable_shares) in
            strategies.into_iter().zip(deposit_shares).zip(withdrawable)
        {
            let tokens = worth(view, strategy, withdrawable_shares).await?.tokens;
            deposits.push(StakerDeposit { strategy, deposit_shares, withdrawable_shares, tokens });
        }
        Ok(Staker {
            delegated_to: some_address(delegated_to),
            deposits,
            withdrawals: self.queued_withdrawals(view, staker).await?,
        })
    }

    /// As [`Network::staker`], in the newest block: for whoever acts, and for no decision.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn newest_staker(&self, staker: Address) -> Result<Staker, Error> {
        self.staker_at(&At::Newest(&self.chain), staker).await
    }

    /// The newest block's number: for whoever acts, and for no decision.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn newest_block(&self) -> Result<u64, Error> {
        self.chain.latest_block_number().await
    }

    /// The deposit shares that are worth so many withdrawable ones now, rounded as the contract rounds.
    ///
    /// # Errors
    /// [`Error::Reverted`] when everything was slashed.
    pub async fn deposit_shares_of(&self, staker: Address, strategy: Address, shares: U256) -> Result<U256, Error> {
        let call = delegation_manager::convertToDepositSharesCall {
            staker,
            strategies: vec![strategy],
            withdrawableShares: vec![shares],
        };
        let mut answer = self.chain.latest_call(self.contracts().delegation_manager, &call).await?;
        answer.pop().ok_or_else(|| Error::inconsistent("convertToDepositShares", "it answers nothing"))
    }

    /// The shares that so many of a strategy's tokens are worth.
    ///
    /// # Errors
    /// Fails when `strategy` is no strategy.
    pub async fn shares_of(&self, strategy: Address, tokens: U256) -> Result<U256, Error> {
        self.chain.latest_call(strategy, &strategy::underlyingToSharesViewCall { amountUnderlying: tokens }).await
    }

    /// How many digits of a token's amounts stand behind the point.
    ///
    /// # Errors
    /// Fails when `token` is no token.
    pub async fn decimals_of(&self, token: Address) -> Result<u8, Error> {
        self.chain.latest_call(token, &token::decimalsCall {}).await
    }

    async fn queued_withdrawals(&self, view: &At<'_>, staker: Address) -> Result<Vec<QueuedWithdrawal>, Error> {
        let manager = self.contracts().delegation_manager;
        let delay = view.call(manager, &delegation_manager::minWithdrawalDelayBlocksCall {}).await?;
        let roots = view.call(manager, &delegation_manager::getQueuedWithdrawalRootsCall { staker }).await?;
        let queued = view.call(manager, &delegation_manager::getQueuedWithdrawalsCall { staker }).await?;
        let mut withdrawals = Vec::with_capacity(roots.len());
        for ((root, withdrawal), shares) in roots.into_iter().zip(queued.withdrawals).zip(queued.shares) {
            let mut worths = Vec::with_capacity(shares.len());
            for (strategy, shares) in withdrawal.strategies.into_iter().zip(shares) {
                worths.push(worth(view, strategy, shares).await?);
            }
            withdrawals.push(QueuedWithdrawal {
                root,
                delegated_to: some_address(withdrawal.delegatedTo),
                start_block: withdrawal.startBlock,
                completable_block: u64::from(withdrawal.startBlock) + u64::from(delay) + 1,
                worth: worths,
            });
        }
        Ok(withdrawals)
    }

    fn delegation_action<C: alloy_sol_types::SolCall>(&self, call: &C, usual_gas: u64) -> Action {
        Action::new(self.contracts().delegation_manager, call, usual_gas)
    }
}

/// In which block something is read.
enum At<'a> {
    Finalized(&'a Finalized),
    /// Whichever is the newest at each call.
    Newest(&'a Chain),
}

impl At<'_> {
    async fn call<C: alloy_sol_types::SolCall>(&self, to: Address, call: &C) -> Result<C::Return, Error> {
        match self {
            Self::Finalized(view) => view.call(to, call).await,
            Self::Newest(chain) => chain.latest_call(to, call).await,
        }
    }
}

async fn worth(view: &At<'_>, strategy: Address, shares: U256) -> Result<Worth, Error> {
    let tokens = view.call(strategy, &strategy::sharesToUnderlyingViewCall { amountShares: shares }).await?;
    Ok(Worth { strategy, shares, tokens })
}

fn some_address(address: Address) -> Option<Address> {
    (address != Address::ZERO).then_some(address)
}
