//! Delegation, operator shares and the withdrawal queue.

use alloy_primitives::{Address, U256};
use vouch_chain::bindings::delegation_manager::{IDelegationManagerEvents as Events, SlashingWithdrawalQueued};

use super::{contradiction, small};
use crate::event::{At, bounded};
use crate::rows::{Operator, OperatorStake, QueuedShares, Stake, Staker, Withdrawal};
use crate::state::{State, Stop};

pub fn apply(state: &mut State, at: At, event: &Events) -> Result<(), Stop> {
    match event {
        Events::OperatorRegistered(event) => register(state, at, event.operator, event.delegationApprover),
        Events::DelegationApproverUpdated(event) => {
            let approver = event.newDelegationApprover;
            change_operator(state, event.operator, |operator| operator.approver = approver)
        }
        Events::OperatorMetadataURIUpdated(event) => {
            change_operator(state, event.operator, |operator| operator.metadata_uri = bounded(&event.metadataURI))
        }
        Events::OperatorSharesIncreased(event) => {
            change_shares(state, event.operator, event.strategy, |shares| shares.checked_add(event.shares))
        }
        Events::OperatorSharesDecreased(event) => {
            change_shares(state, event.operator, event.strategy, |shares| shares.checked_sub(event.shares))
        }
        Events::OperatorSharesSlashed(event) => {
            let mut stake: OperatorStake = state.get_or_empty((event.operator, event.strategy))?;
            stake.slashed_shares = stake.slashed_shares.saturating_add(event.totalSlashedShares);
            state.put(&stake);
            Ok(())
        }
        Events::StakerDelegated(event) => delegate(state, at, event.staker, event.operator),
        Events::StakerForceUndelegated(event) => {
            let mut staker: Staker = state.get_or_empty((event.staker,))?;
            staker.forced = true;
            state.put(&staker);
            Ok(())
        }
        Events::StakerUndelegated(event) => undelegate(state, at, event.staker, event.operator),
        Events::DepositScalingFactorUpdated(event) => {
            let mut stake: Stake = state.get_or_empty((event.staker, event.strategy))?;
            stake.scaling_factor = event.newDepositScalingFactor;
            state.put(&stake);
            Ok(())
        }
        Events::SlashingWithdrawalQueued(event) => queue(state, at, event),
        Events::SlashingWithdrawalCompleted(event) => {
            let Some(mut withdrawal) = state.get::<Withdrawal>(&(event.withdrawalRoot,))? else {
                return contradiction(format!("withdrawal {} was completed and never queued", event.withdrawalRoot));
            };
            if withdrawal.completed_block != 0 {
                return contradiction(format!("withdrawal {} was completed twice", event.withdrawalRoot));
            }
            withdrawal.completed_block = at.block;
            state.put(&withdrawal);
            Ok(())
        }
        _ => Ok(()),
    }
}

fn register(state: &mut State, at: At, account: Address, approver: Address) -> Result<(), Stop> {
    let mut operator: Operator = state.get_or_empty((account,))?;
    if operator.registered_block != 0 {
        return contradiction(format!("operator {account} registered twice"));
    }
    operator.registered_block = at.block;
    operator.approver = approver;
    state.put(&operator);
    Ok(())
}

fn change_operator(state: &mut State, account: Address, change: impl FnOnce(&mut Operator)) -> Result<(), Stop> {
    let mut operator: Operator = state.get_or_empty((account,))?;
    change(&mut operator);
    state.put(&operator);
    Ok(())
}

fn change_shares(
    state: &mut State,
    operator: Address,
    strategy: Address,
    change: impl FnOnce(U256) -> Option<U256>,
) -> Result<(), Stop> {
    let mut stake: OperatorStake = state.get_or_empty((operator, strategy))?;
    let Some(shares) = change(stake.shares) else {
        return contradiction(format!("the shares of operator {operator} in {strategy} would leave their range"));
    };
    stake.shares = shares;
    state.put(&stake);
    Ok(())
}

fn delegate(state: &mut State, at: At, account: Address, operator: Address) -> Result<(), Stop> {
    let mut staker: Staker = state.get_or_empty((account,))?;
    if !staker.operator.is_zero() {
        return contradiction(format!("{account} delegated to {operator} and had {} already", staker.operator));
    }
    staker.operator = operator;
    staker.since_block = at.block;
    staker.forced = false;
    state.put(&staker);
    Ok(())
}

fn undelegate(state: &mut State, at: At, account: Address, operator: Address) -> Result<(), Stop> {
    let mut staker: Staker = state.get_or_empty((account,))?;
    if staker.operator != operator {
        return contradiction(format!("{account} left operator {operator} and had {}", staker.operator));
    }
    staker.operator = Address::ZERO;
    staker.since_block = at.block;
    state.put(&staker);
    Ok(())
}

fn queue(state: &mut State, at: At, event: &SlashingWithdrawalQueued) -> Result<(), Stop> {
    let (root, queued) = (event.withdrawalRoot, &event.withdrawal);
    let mut staker: Staker = state.get_or_empty((queued.staker,))?;
    let nonce = small("a withdrawal's nonce", queued.nonce)?;
    if nonce != staker.withdrawals {
        let expected = staker.withdrawals;
        return contradiction(format!("withdrawal {nonce} of {} was queued where {expected} was due", queued.staker));
    }
    let count = queued.strategies.len();
    if count != queued.scaledShares.len() || count != event.sharesToWithdraw.len() {
        return contradiction(format!("withdrawal {root} names other numbers of strategies and shares"));
    }
    staker.withdrawals += 1;
    state.put(&staker);
    state.put(&Withdrawal {
        root,
        sequence: at.sequence,
        staker: queued.staker,
        operator: queued.delegatedTo,
        nonce,
        start_block: u64::from(queued.startBlock),
        completed_block: 0,
        transaction: at.transaction,
    });
    let amounts = queued.scaledShares.iter().zip(&event.sharesToWithdraw);
    for (position, (strategy, (scaled_shares, shares))) in (0..).zip(queued.strategies.iter().zip(amounts)) {
        let (strategy, scaled_shares, shares) = (*strategy, *scaled_shares, *shares);
        state.put(&QueuedShares { root, position, strategy, scaled_shares, shares });
    }
    Ok(())
}
