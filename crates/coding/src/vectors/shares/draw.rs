//! Values from a seed, the edges of their ranges often enough.

use alloy_primitives::{B256, U256, keccak256};
use vouch_core::shares::WAD;

/// Every value follows from the seed, the table's name and how many were drawn before it.
pub(super) struct Draw {
    seed: B256,
    count: u64,
}

impl Draw {
    pub(super) fn new(seed: B256, table: &str) -> Self {
        Self { seed: keccak256([seed.as_slice(), table.as_bytes()].concat()), count: 0 }
    }

    pub(super) fn word(&mut self) -> U256 {
        self.count += 1;
        keccak256([self.seed.as_slice(), &self.count.to_be_bytes()].concat()).into()
    }

    /// `from..=to`; each of them one time in eight.
    pub(super) fn between(&mut self, from: U256, to: U256) -> U256 {
        match self.below(8) {
            0 => from,
            1 => to,
            _ => from + self.word() % (to - from + U256::from(1)),
        }
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        (self.word() % U256::from(bound)).as_limbs()[0]
    }

    /// At most `max`, of any length in bits alike; an edge one time in four.
    pub(super) fn amount(&mut self, max: U256) -> U256 {
        if self.below(4) == 0 {
            let one = U256::from(1);
            let edges = [U256::ZERO, one, WAD - one, WAD, WAD + one, one << 128, max - one, max];
            return edges[self.below(8) as usize].min(max);
        }
        let bits = self.below(max.bit_len() as u64 + 1) as usize;
        (self.word() >> (256 - bits.max(1))) % (max + U256::from(1))
    }

    /// A magnitude: 0..=WAD, small ones too.
    pub(super) fn magnitude(&mut self) -> U256 {
        if self.below(2) == 0 { self.between(U256::ZERO, WAD) } else { self.amount(WAD) }
    }
}
