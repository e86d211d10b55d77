//! Operator sets, memberships, magnitudes and slashes.

use alloy_primitives::Address;
use vouch_chain::bindings::allocation_manager::{
    AllocationUpdated, IAllocationManagerEvents as Events, OperatorSlashed, SlasherUpdated,
};

use super::{contradiction, small};
use crate::event::{At, bounded};
use crate::now::schedule;
use crate::rows::{
    Allocation, Avs, Magnitude, Member, Operator, OperatorSet, OperatorStake, SetStrategy, Slash, SlashedStrategy, WAD,
};
use crate::state::{State, Stop};

pub fn apply(state: &mut State, at: At, event: &Events) -> Result<(), Stop> {
    match event {
        Events::AVSMetadataURIUpdated(event) => {
            change_avs(state, event.avs, |avs| avs.metadata_uri = bounded(&event.metadataURI))
        }
        Events::AVSRegistrarSet(event) => change_avs(state, event.avs, |avs| avs.registrar = event.registrar),
        Events::OperatorSetCreated(event) => create(state, at, event.operatorSet.avs, event.operatorSet.id),
        Events::SlasherUpdated(event) => update_slasher(state, at, event),
        Events::RedistributionAddressSet(event) => {
            let mut set = set(state, event.operatorSet.avs, event.operatorSet.id)?;
            set.recipient = event.redistributionRecipient;
            state.put(&set);
            Ok(())
        }
        Events::StrategyAddedToOperatorSet(event) => {
            let key = (event.operatorSet.avs, event.operatorSet.id, event.strategy);
            add_strategy(state, at, key)
        }
        Events::StrategyRemovalScheduled(event) => {
            let key = (event.operatorSet.avs, event.operatorSet.id, event.strategy);
            let mut listed = listed(state, &key)?;
            listed.removal_block = u64::from(event.effectBlock);
            state.put(&listed);
            Ok(())
        }
        Events::StrategyRemovedFromOperatorSet(event) => {
            let key = (event.operatorSet.avs, event.operatorSet.id, event.strategy);
            listed(state, &key)?;
            state.delete::<SetStrategy>(&key);
            Ok(())
        }
        Events::OperatorAddedToOperatorSet(event) => {
            change_member(state, at, (event.operatorSet.avs, event.operatorSet.id, event.operator), true)
        }
        Events::OperatorRemovedFromOperatorSet(event) => {
            change_member(state, at, (event.operatorSet.avs, event.operatorSet.id, event.operator), false)
        }
        Events::AllocationDelaySet(event) => {
            let mut operator: Operator = state.get_or_empty((event.operator,))?;
            let new =
                schedule(operator.delay_at(at.block), u64::from(event.delay), at.block, u64::from(event.effectBlock));
            (operator.delay, operator.pending_delay, operator.delay_effect_block) = new;
            state.put(&operator);
            Ok(())
        }
        Events::AllocationUpdated(event) => allocate(state, at, event),
        Events::MaxMagnitudeUpdated(event) => lower(state, at, event.operator, event.strategy, event.maxMagnitude),
        Events::OperatorSlashed(event) => slash(state, at, event),
        _ => Ok(()),
    }
}

fn change_avs(state: &mut State, account: Address, change: impl FnOnce(&mut Avs)) -> Result<(), Stop> {
    let mut avs: Avs = state.get_or_empty((account,))?;
    change(&mut avs);
    state.put(&avs);
    Ok(())
}

fn create(state: &mut State, at: At, avs: Address, set_id: u32) -> Result<(), Stop> {
    let mut set: OperatorSet = state.get_or_empty((avs, set_id))?;
    if set.created_block != 0 {
        return contradiction(format!("operator set {avs}:{set_id} was created twice"));
    }
    set.created_block = at.block;
    state.put(&set);
    change_avs(state, avs, |avs| avs.sets += 1)
}

/// A set that exists.
fn set(state: &State, avs: Address, set_id: u32) -> Result<OperatorSet, Stop> {
    match state.get::<OperatorSet>(&(avs, set_id))? {
        Some(set) => Ok(set),
        None => contradiction(format!("operator set {avs}:{set_id} changed and was never created")),
    }
}

fn update_slasher(state: &mut State, at: At, event: &SlasherUpdated) -> Result<(), Stop> {
    let mut set = set(state, event.operatorSet.avs, event.operatorSet.id)?;
    let new = schedule(set.slasher_at(at.block), event.slasher, at.block, u64::from(event.effectBlock));
    (set.slasher, set.pending_slasher, set.slasher_effect_block) = new;
    state.put(&set);
    Ok(())
}

fn add_strategy(state: &mut State, at: At, key: (Address, u32, Address)) -> Result<(), Stop> {
    set(state, key.0, key.1)?;
    if state.get::<SetStrategy>(&key)?.is_some() {
        return contradiction(format!("strategy {} was added twice to operator set {}:{}", key.2, key.0, key.1));
    }
    let (avs, set_id, strategy) = key;
    state.put(&SetStrategy { avs, set_id, strategy, added_block: at.block, removal_block: 0 });
    Ok(())
}

fn listed(state: &State, key: &(Address, u32, Address)) -> Result<SetStrategy, Stop> {
    match state.get::<SetStrategy>(key)? {
        Some(listed) => Ok(listed),
        None => contradiction(format!("strategy {} left operator set {}:{} and was not in it", key.2, key.0, key.1)),
    }
}

fn change_member(state: &mut State, at: At, key: (Address, u32, Address), joins: bool) -> Result<(), Stop> {
    set(state, key.0, key.1)?;
    let mut member: Member = state.get_or_empty(key)?;
    if member.registered == joins {
        let what = if joins { "joined and is in" } else { "left and is not in" };
        return contradiction(format!("operator {} {what} operator set {}:{}", key.2, key.0, key.1));
    }
    member.registered = joins;
    member.since_block = at.block;
    state.put(&member);
    Ok(())
}

/// A slash of an allocation that waits for a change comes as two events: what it is now, then what it will be.
fn allocate(state: &mut State, at: At, event: &AllocationUpdated) -> Result<(), Stop> {
    let new = magnitude(event.magnitude)?;
    let key = (event.operator, event.operatorSet.avs, event.operatorSet.id, event.strategy);
    let mut allocation: Allocation = state.get_or_empty(key)?;
    let new = schedule(allocation.magnitude_at(at.block), new, at.block, u64::from(event.effectBlock));
    (allocation.magnitude, allocation.pending_magnitude, allocation.effect_block) = new;
    state.put(&allocation);
    Ok(())
}

fn lower(state: &mut State, at: At, operator: Address, strategy: Address, new: u64) -> Result<(), Stop> {
    let new = magnitude(new)?;
    let mut stake: OperatorStake = state.get_or_empty((operator, strategy))?;
    if new > stake.max_magnitude {
        return contradiction(format!("the max magnitude of operator {operator} in {strategy} rose to {new}"));
    }
    stake.max_magnitude = new;
    state.put(&stake);
    state.put(&Magnitude { operator, strategy, block: at.block, max_magnitude: new });
    Ok(())
}

/// The event bears no number: slashes of a set are counted. What the ledger parked for it came before, under that number.
fn slash(state: &mut State, at: At, event: &OperatorSlashed) -> Result<(), Stop> {
    let (avs, set_id) = (event.operatorSet.avs, event.operatorSet.id);
    if event.strategies.len() != event.wadSlashed.len() {
        return contradiction(format!(
            "a slash of operator {} names other numbers of strategies and shares",
            event.operator
        ));
    }
    let mut set = set(state, avs, set_id)?;
    set.slashes += 1;
    let slash_id = set.slashes;
    state.put(&set);
    state.put(&Slash {
        avs,
        set_id,
        slash_id,
        sequence: at.sequence,
        operator: event.operator,
        block: at.block,
        transaction: at.transaction,
        description: bounded(&event.description),
    });
    for (strategy, wad_slashed) in event.strategies.iter().zip(&event.wadSlashed) {
        let mut slashed: SlashedStrategy = state.get_or_empty((avs, set_id, slash_id, *strategy))?;
        slashed.wad_slashed = *wad_slashed;
        state.put(&slashed);
    }
    Ok(())
}

fn magnitude(magnitude: u64) -> Result<u64, Stop> {
    if magnitude > WAD {
        return contradiction(format!("magnitude {magnitude} is more than {WAD}"));
    }
    small("a magnitude", magnitude)
}
