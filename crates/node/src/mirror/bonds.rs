use std::collections::HashMap;

use alloy_primitives::{Address, U256};
use vouch_chain::bindings::gateway_bonds;
use vouch_compute::lane::LaneKey;

/// What gateways have put down, and what lanes ask of them. Amounts are wei.
#[derive(Clone, Debug, Default)]
pub struct Bonds {
    /// All of it, and what of it is leaving.
    bonds: HashMap<Address, (U256, U256)>,
    minimums: HashMap<LaneKey, Minimum>,
}

/// A lane's minimum: one that holds, and one that takes its place at a time that is known beforehand.
#[derive(Clone, Copy, Debug, Default)]
struct Minimum {
    current: U256,
    next: U256,
    /// Unix seconds.
    effective_at: u64,
}

impl Minimum {
    fn at(&self, time: u64) -> U256 {
        if time >= self.effective_at { self.next } else { self.current }
    }
}

impl Bonds {
    pub fn changed(&mut self, event: &gateway_bonds::BondChanged) {
        self.bonds.insert(event.gateway, (event.amount, event.leaving));
    }

    /// `notice_seconds`: how long before it holds a minimum is set, so that its block's time is known from it.
    pub fn minimum_set(&mut self, lane: LaneKey, event: &gateway_bonds::MinimumBondSet, notice_seconds: u64) {
        let set_at = event.effectiveAt.saturating_sub(notice_seconds);
        let minimum = self.minimums.entry(lane).or_default();
        let current = minimum.at(set_at);
        *minimum = Minimum { current, next: event.amount, effective_at: event.effectiveAt };
    }

    /// By how much the gateway's bond falls short at `time` (of a finalized block).
    pub fn missing(&self, lane: LaneKey, gateway: Address, time: u64) -> U256 {
        let minimum = self.minimums.get(&lane).map_or(U256::ZERO, |minimum| minimum.at(time));
        let (amount, leaving) = self.bonds.get(&gateway).copied().unwrap_or_default();
        minimum.saturating_sub(amount.saturating_sub(leaving))
    }

    pub fn is_slashable(&self, gateway: Address) -> bool {
        self.bonds.get(&gateway).is_some_and(|(amount, _)| !amount.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vouch_core::AppId;

    const LANE: LaneKey = LaneKey { app: AppId::ZERO, lane: 1 };
    const GATEWAY: Address = Address::repeat_byte(7);
    const NOTICE: u64 = 60;

    fn set(bonds: &mut Bonds, amount: u64, time: u64) {
        let (app, lane) = (LANE.app.0, LANE.lane);
        let event = gateway_bonds::MinimumBondSet { app, lane, amount: U256::from(amount), effectiveAt: time + NOTICE };
        bonds.minimum_set(LANE, &event, NOTICE);
    }

    fn put_down(bonds: &mut Bonds, amount: u64, leaving: u64) {
        let (amount, leaving) = (U256::from(amount), U256::from(leaving));
        bonds.changed(&gateway_bonds::BondChanged { gateway: GATEWAY, amount, leaving, leavesAt: 0 });
    }

    #[test]
    fn a_minimum_holds_after_its_notice_and_what_leaves_counts_no_more() {
        let mut bonds = Bonds::default();
        assert_eq!(bonds.missing(LANE, GATEWAY, 100), U256::ZERO, "nothing is asked for");
        set(&mut bonds, 50, 100);
        assert_eq!(bonds.missing(LANE, GATEWAY, 159), U256::ZERO);
        assert_eq!(bonds.missing(LANE, GATEWAY, 160), U256::from(50));
        put_down(&mut bonds, 60, 0);
        assert_eq!(bonds.missing(LANE, GATEWAY, 160), U256::ZERO);
        put_down(&mut bonds, 60, 30);
        assert_eq!(bonds.missing(LANE, GATEWAY, 160), U256::from(20));
        assert!(bonds.is_slashable(GATEWAY));
    }

    #[test]
    fn a_second_word_leaves_in_force_what_holds() {
        let mut bonds = Bonds::default();
        set(&mut bonds, 50, 100);
        set(&mut bonds, 70, 200);
        set(&mut bonds, 10, 210);
        assert_eq!(bonds.missing(LANE, GATEWAY, 269), U256::from(50));
        assert_eq!(bonds.missing(LANE, GATEWAY, 270), U256::from(10));
    }
}
