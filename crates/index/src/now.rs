//! What holds at a block, of rows that know what was scheduled.
//!
//! The same rules as the views of the contracts have: a change counts from its effect block on, also if nobody has cleared it.

use alloy_primitives::{Address, U256, U512};

use crate::rows::{Allocation, Member, Operator, OperatorSet, SetStrategy, WAD};

/// A value and the change of it that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scheduled<T> {
    pub current: T,
    /// What it becomes, and from which block on.
    pub pending: Option<(T, u64)>,
}

impl<T: Copy> Scheduled<T> {
    fn at(block: u64, current: T, pending: T, effect_block: u64) -> Self {
        match effect_block {
            0 => Self { current, pending: None },
            _ if effect_block <= block => Self { current: pending, pending: None },
            _ => Self { current, pending: Some((pending, effect_block)) },
        }
    }
}

/// Schedules `new` as an event of block `block` says it; returns the current value, the pending one and its block.
pub(crate) fn schedule<T: Copy + Default>(
    standing: Scheduled<T>,
    new: T,
    block: u64,
    effect_block: u64,
) -> (T, T, u64) {
    if effect_block <= block { (new, T::default(), 0) } else { (standing.current, new, effect_block) }
}

impl Operator {
    /// Its allocation delay, in blocks.
    #[must_use]
    pub fn delay_at(&self, block: u64) -> Scheduled<u64> {
        Scheduled::at(block, self.delay, self.pending_delay, self.delay_effect_block)
    }
}

impl OperatorSet {
    #[must_use]
    pub fn slasher_at(&self, block: u64) -> Scheduled<Address> {
        Scheduled::at(block, self.slasher, self.pending_slasher, self.slasher_effect_block)
    }
}

impl Allocation {
    #[must_use]
    pub fn magnitude_at(&self, block: u64) -> Scheduled<u64> {
        Scheduled::at(block, self.magnitude, self.pending_magnitude, self.effect_block)
    }

    /// What it takes of the operator's magnitude: what it has, and what a scheduled increase will add.
    #[must_use]
    pub fn encumbered_at(&self, block: u64) -> u64 {
        let magnitude = self.magnitude_at(block);
        magnitude.pending.map_or(magnitude.current, |(pending, _)| pending.max(magnitude.current))
    }
}

impl SetStrategy {
    #[must_use]
    pub fn is_in_set_at(&self, block: u64) -> bool {
        self.removal_block == 0 || block < self.removal_block
    }
}

impl Member {
    /// Whether it can be slashed: as a member, and for `deallocation_delay` blocks after it left.
    #[must_use]
    pub fn is_slashable_at(&self, block: u64, deallocation_delay: u32) -> bool {
        self.registered || block <= self.since_block + u64::from(deallocation_delay)
    }
}

/// floor(x * y / 1e18), in 512 bits as the contracts take it.
#[must_use]
pub fn mul_wad(x: U256, y: U256) -> U256 {
    (U512::from(x) * U512::from(y) / U512::from(WAD)).saturating_to()
}

/// What a staker can withdraw: floor(floor(deposit shares x scaling factor) x max magnitude).
#[must_use]
pub fn withdrawable(deposit_shares: U256, scaling_factor: U256, max_magnitude: u64) -> U256 {
    mul_wad(mul_wad(deposit_shares, scaling_factor), U256::from(max_magnitude))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Row;

    #[test]
    fn a_change_counts_from_its_block_on() {
        for (effect_block, at, current, pending) in
            [(0, 5, 1, None), (6, 5, 1, Some((2, 6))), (6, 6, 2, None), (6, 7, 2, None)]
        {
            assert_eq!(Scheduled::at(at, 1, 2, effect_block), Scheduled { current, pending }, "{effect_block} {at}");
        }
    }

    #[test]
    fn an_increase_is_taken_at_once_and_a_decrease_given_back_when_it_matures() {
        let key = (Address::ZERO, Address::ZERO, 0, Address::ZERO);
        let at = |magnitude, pending_magnitude, block| {
            let row = Allocation { magnitude, pending_magnitude, effect_block: 10, ..Allocation::empty(key) };
            row.encumbered_at(block)
        };
        assert_eq!((at(5, 2, 9), at(5, 2, 10), at(2, 5, 9), at(2, 5, 10)), (5, 2, 5, 5));
    }

    #[test]
    fn who_left_is_slashable_up_to_and_including_the_last_block() {
        let left = Member { since_block: 100, ..Member::empty((Address::ZERO, 0, Address::ZERO)) };
        assert!(left.is_slashable_at(105, 5) && !left.is_slashable_at(106, 5));
    }

    #[test]
    fn products_do_not_overflow() {
        assert_eq!(mul_wad(U256::MAX, U256::from(WAD)), U256::MAX);
        assert_eq!(withdrawable(U256::from(3), U256::from(WAD), WAD / 2), U256::from(1));
    }
}
