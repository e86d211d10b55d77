use alloy_primitives::{Address, B256, U256};
use vouch_chain::bindings::allocation_manager::{
    self, AllocationUpdated, IAllocationManagerEvents as Allocating, MaxMagnitudeUpdated, OperatorSet as Set,
    OperatorSetCreated, OperatorSlashed,
};
use vouch_chain::bindings::delegation_manager::{
    IDelegationManager, IDelegationManagerEvents as Delegating, OperatorRegistered, OperatorSharesDecreased,
    OperatorSharesIncreased, SlashingWithdrawalCompleted, SlashingWithdrawalQueued, StakerDelegated, StakerUndelegated,
};
use vouch_chain::bindings::strategy_manager::{
    BurnOrRedistributableSharesDecreased, BurnOrRedistributableSharesIncreased, IStrategyManagerEvents as Managing,
    OperatorSet as LedgerSet,
};

use super::apply;
use crate::event::{At, Event};
use crate::now::Scheduled;
use crate::rows::{Allocation, OperatorStake, SlashedStrategy, Staker, WAD, Withdrawal};
use crate::state::{State, Stop, run_alone};

const OPERATOR: Address = Address::repeat_byte(1);
const STAKER: Address = Address::repeat_byte(2);
const AVS: Address = Address::repeat_byte(3);
const STRATEGY: Address = Address::repeat_byte(4);
const SET: Set = Set { avs: AVS, id: 7 };

/// Applies events of consecutive blocks from 1 on; what the last one led to.
fn after(events: &[Event]) -> (State, Result<(), Stop>) {
    let mut state = State::default();
    let mut ended = Ok(());
    for (block, event) in (1..).zip(events) {
        assert_eq!(ended, Ok(()), "only the last may fail");
        let at = At { block, transaction: B256::ZERO, sequence: block };
        loop {
            match apply(&mut state, at, event) {
                Err(Stop::Need(place)) => state.load(place, None),
                result => {
                    ended = result;
                    break;
                }
            }
        }
    }
    (state, ended)
}

fn read<R: crate::row::Row + Clone>(state: &mut State, key: &R::Key) -> R {
    let mut found = None;
    let found_in = |state: &mut State| state.get::<R>(key).map(|row| row.unwrap());
    if run_alone(state, |state| found_in(state).map(|_| ())).is_ok() {
        found = found_in(state).ok();
    }
    found.unwrap()
}

fn refused(events: &[Event], expected: &str) {
    match after(events).1 {
        Err(Stop::Contradiction(detail)) => assert!(detail.contains(expected), "{detail}"),
        other => panic!("expected a contradiction about `{expected}`, found {other:?}"),
    }
}

fn created() -> Event {
    Event::Allocation(Allocating::OperatorSetCreated(OperatorSetCreated { operatorSet: SET }))
}

fn allocated(magnitude: u64, effect_block: u32) -> Event {
    Event::Allocation(Allocating::AllocationUpdated(AllocationUpdated {
        operator: OPERATOR,
        operatorSet: SET,
        strategy: STRATEGY,
        magnitude,
        effectBlock: effect_block,
    }))
}

fn slashed() -> Event {
    Event::Allocation(Allocating::OperatorSlashed(OperatorSlashed {
        operator: OPERATOR,
        operatorSet: SET,
        strategies: vec![STRATEGY],
        wadSlashed: vec![U256::from(WAD / 2)],
        description: String::new(),
    }))
}

fn parked(slash_id: u64) -> Event {
    Event::Strategies(Managing::BurnOrRedistributableSharesIncreased(BurnOrRedistributableSharesIncreased {
        operatorSet: LedgerSet { avs: AVS, id: 7 },
        slashId: U256::from(slash_id),
        strategy: STRATEGY,
        shares: U256::from(5),
    }))
}

fn cleared(shares: u64) -> Event {
    Event::Strategies(Managing::BurnOrRedistributableSharesDecreased(BurnOrRedistributableSharesDecreased {
        operatorSet: LedgerSet { avs: AVS, id: 7 },
        slashId: U256::from(1),
        strategy: STRATEGY,
        shares: U256::from(shares),
    }))
}

fn delegated() -> Event {
    Event::Delegation(Delegating::StakerDelegated(StakerDelegated { staker: STAKER, operator: OPERATOR }))
}

fn queued(nonce: u64) -> Event {
    Event::Delegation(Delegating::SlashingWithdrawalQueued(SlashingWithdrawalQueued {
        withdrawalRoot: B256::with_last_byte(9),
        withdrawal: IDelegationManager::Withdrawal {
            staker: STAKER,
            delegatedTo: OPERATOR,
            withdrawer: STAKER,
            nonce: U256::from(nonce),
            startBlock: 1,
            strategies: vec![STRATEGY],
            scaledShares: vec![U256::from(3)],
        },
        sharesToWithdraw: vec![U256::from(2)],
    }))
}

fn completed() -> Event {
    let event = SlashingWithdrawalCompleted { withdrawalRoot: B256::with_last_byte(9) };
    Event::Delegation(Delegating::SlashingWithdrawalCompleted(event))
}

#[test]
fn an_allocation_knows_what_it_is_and_what_it_will_be() {
    let key = (OPERATOR, AVS, 7, STRATEGY);
    let now = |events: &[Event], block| read::<Allocation>(&mut after(events).0, &key).magnitude_at(block);
    let rises = [allocated(10, 5)];
    assert_eq!(now(&rises, 4), Scheduled { current: 0, pending: Some((10, 5)) });
    assert_eq!(now(&rises, 5), Scheduled { current: 10, pending: None });
    // A slash while a decrease waits: what is left now, then what will be.
    let slashed = [allocated(10, 1), allocated(4, 50), allocated(5, 3), allocated(2, 50)];
    assert_eq!(now(&slashed, 49), Scheduled { current: 5, pending: Some((2, 50)) });
    // A change after one that has matured stands on it.
    let later = [allocated(10, 1), allocated(4, 3), allocated(6, 40), allocated(6, 40)];
    assert_eq!(now(&later, 39), Scheduled { current: 4, pending: Some((6, 40)) });
}

#[test]
fn a_slash_is_numbered_and_paid_once() {
    let (mut state, ended) = after(&[created(), parked(1), slashed(), cleared(5)]);
    assert_eq!(ended, Ok(()));
    let row: SlashedStrategy = read(&mut state, &(AVS, 7, 1, STRATEGY));
    assert_eq!((row.shares, row.wad_slashed, row.cleared_block), (U256::from(5), U256::from(WAD / 2), 4));
    refused(&[created(), parked(2)], "slash 2");
    refused(&[created(), parked(1), parked(1)], "twice");
    refused(&[created(), parked(1), slashed(), parked(1)], "2 was due");
    refused(&[created(), parked(1), slashed(), cleared(6)], "not parked");
    refused(&[created(), parked(1), slashed(), cleared(5), cleared(5)], "not parked");
    refused(&[slashed()], "never created");
}

#[test]
fn a_withdrawal_that_was_left_out_is_noticed() {
    let (mut state, ended) = after(&[delegated(), queued(0), completed()]);
    assert_eq!(ended, Ok(()));
    assert_eq!(read::<Withdrawal>(&mut state, &(B256::with_last_byte(9),)).completed_block, 3);
    assert_eq!(read::<Staker>(&mut state, &(STAKER,)).withdrawals, 1);
    refused(&[queued(1)], "0 was due");
    refused(&[completed()], "never queued");
    refused(&[queued(0), completed(), completed()], "twice");
}

#[test]
fn delegation_that_does_not_fit_is_noticed() {
    let left =
        |operator| Event::Delegation(Delegating::StakerUndelegated(StakerUndelegated { staker: STAKER, operator }));
    let registered = || {
        let event = OperatorRegistered { operator: OPERATOR, delegationApprover: Address::ZERO };
        Event::Delegation(Delegating::OperatorRegistered(event))
    };
    let (mut state, ended) = after(&[registered(), delegated(), left(OPERATOR)]);
    assert_eq!(ended, Ok(()));
    assert!(read::<Staker>(&mut state, &(STAKER,)).operator.is_zero());
    refused(&[delegated(), delegated()], "had");
    refused(&[delegated(), left(AVS)], "left operator");
    refused(&[registered(), registered()], "twice");
}

#[test]
fn shares_stay_in_their_range() {
    let (operator, staker, strategy) = (OPERATOR, STAKER, STRATEGY);
    let more = |shares| {
        let event = OperatorSharesIncreased { operator, staker, strategy, shares };
        Event::Delegation(Delegating::OperatorSharesIncreased(event))
    };
    let less = |shares| {
        let event = OperatorSharesDecreased { operator, staker, strategy, shares };
        Event::Delegation(Delegating::OperatorSharesDecreased(event))
    };
    let (mut state, ended) = after(&[more(U256::from(7)), less(U256::from(3))]);
    assert_eq!(ended, Ok(()));
    assert_eq!(read::<OperatorStake>(&mut state, &(operator, strategy)).shares, U256::from(4));
    refused(&[more(U256::from(2)), less(U256::from(3))], "range");
    refused(&[more(U256::MAX), more(U256::from(1))], "range");
}

#[test]
fn magnitudes_stay_in_their_range_and_never_rise() {
    let lowered = |magnitude| {
        let event = MaxMagnitudeUpdated { operator: OPERATOR, strategy: STRATEGY, maxMagnitude: magnitude };
        Event::Allocation(Allocating::MaxMagnitudeUpdated(event))
    };
    refused(&[lowered(WAD + 1)], "more than");
    refused(&[lowered(5), lowered(6)], "rose");
    refused(&[allocated(u64::MAX, 1)], "more than");
    assert_eq!(after(&[lowered(5), lowered(5)]).1, Ok(()));
}

#[test]
fn memberships_and_lists_that_do_not_fit_are_noticed() {
    use allocation_manager::{
        OperatorAddedToOperatorSet, OperatorRemovedFromOperatorSet, StrategyAddedToOperatorSet,
        StrategyRemovalScheduled,
    };
    let joined = || {
        let event = OperatorAddedToOperatorSet { operator: OPERATOR, operatorSet: SET };
        Event::Allocation(Allocating::OperatorAddedToOperatorSet(event))
    };
    let left = || {
        let event = OperatorRemovedFromOperatorSet { operator: OPERATOR, operatorSet: SET };
        Event::Allocation(Allocating::OperatorRemovedFromOperatorSet(event))
    };
    let listed = || {
        let event = StrategyAddedToOperatorSet { operatorSet: SET, strategy: STRATEGY };
        Event::Allocation(Allocating::StrategyAddedToOperatorSet(event))
    };
    let scheduled = || {
        let event = StrategyRemovalScheduled { operatorSet: SET, strategy: STRATEGY, effectBlock: 9 };
        Event::Allocation(Allocating::StrategyRemovalScheduled(event))
    };
    assert_eq!(after(&[created(), joined(), left(), joined(), listed(), scheduled()]).1, Ok(()));
    refused(&[created(), created()], "created twice");
    refused(&[joined()], "never created");
    refused(&[created(), joined(), joined()], "is in");
    refused(&[created(), left()], "is not in");
    refused(&[created(), listed(), listed()], "added twice");
    refused(&[created(), scheduled()], "not in it");
}
