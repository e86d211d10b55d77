//! Deposit shares and the slashed shares that wait for their recipient.

use alloy_primitives::Address;
use vouch_chain::bindings::strategy_manager::{
    BurnOrRedistributableSharesDecreased, BurnOrRedistributableSharesIncreased, IStrategyManagerEvents as Events,
};

use super::{contradiction, small};
use crate::event::At;
use crate::rows::{OperatorSet, SlashedStrategy, Stake, Staker, Strategy};
use crate::state::{State, Stop};

pub fn apply(state: &mut State, at: At, event: &Events) -> Result<(), Stop> {
    match event {
        Events::DepositSharesUpdated(event) => {
            let mut stake: Stake = state.get_or_empty((event.staker, event.strategy))?;
            stake.deposit_shares = event.depositShares;
            let staker: Staker = state.get_or_empty((event.staker,))?;
            state.put(&stake);
            state.put(&staker);
            Ok(())
        }
        Events::StrategyAddedToDepositWhitelist(event) => open(state, event.strategy, true),
        Events::StrategyRemovedFromDepositWhitelist(event) => open(state, event.strategy, false),
        Events::BurnOrRedistributableSharesIncreased(event) => park(state, event),
        Events::BurnOrRedistributableSharesDecreased(event) => clear(state, at, event),
        _ => Ok(()),
    }
}

fn open(state: &mut State, strategy: Address, open: bool) -> Result<(), Stop> {
    state.put(&Strategy { strategy, open });
    Ok(())
}

/// Shares are parked before the slash says that it happened, so its number is the next one.
fn park(state: &mut State, event: &BurnOrRedistributableSharesIncreased) -> Result<(), Stop> {
    let (avs, set_id) = (event.operatorSet.avs, event.operatorSet.id);
    let slash_id = small("a slash's number", event.slashId)?;
    let due = state.get_or_empty::<OperatorSet>((avs, set_id))?.slashes + 1;
    if slash_id != due {
        return contradiction(format!("slash {slash_id} of operator set {avs}:{set_id} came where {due} was due"));
    }
    let key = (avs, set_id, slash_id, event.strategy);
    if state.get::<SlashedStrategy>(&key)?.is_some() {
        return contradiction(format!("slash {slash_id} of operator set {avs}:{set_id} took {} twice", event.strategy));
    }
    let mut slashed: SlashedStrategy = state.get_or_empty(key)?;
    slashed.shares = event.shares;
    state.put(&slashed);
    Ok(())
}

fn clear(state: &mut State, at: At, event: &BurnOrRedistributableSharesDecreased) -> Result<(), Stop> {
    let (avs, set_id) = (event.operatorSet.avs, event.operatorSet.id);
    let slash_id = small("a slash's number", event.slashId)?;
    let parked = state.get::<SlashedStrategy>(&(avs, set_id, slash_id, event.strategy))?;
    let Some(mut slashed) = parked.filter(|slashed| slashed.cleared_block == 0 && slashed.shares == event.shares)
    else {
        return contradiction(format!(
            "slash {slash_id} of operator set {avs}:{set_id} paid {} shares of {} that were not parked",
            event.shares, event.strategy
        ));
    };
    slashed.cleared_block = at.block;
    state.put(&slashed);
    Ok(())
}
