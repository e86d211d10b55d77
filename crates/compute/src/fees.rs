//! What calls cost, what clients owe, and what they can pay. Pure, but for [`book`], which keeps the count.
//!
//! An app names a price on chain; the price in force at a batch's referenceTimestamp is the same for everybody, so every
//! executor computes the same fees. A client's debt is counted per lane, from the lane's first batch on, and each charge
//! states it: one charge settles all before it. A call runs only if the client has signed for its fee and can pay it.

pub mod book;
pub mod debts;

use std::collections::BTreeMap;

use alloy_primitives::U256;
use vouch_core::Request;

use crate::wire::Refusal;

/// The bytes of a page, by which payloads are charged.
const PAGE_BYTES: u64 = 16_384;

/// What calls of an app cost, in the smallest unit of its fee token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Price {
    pub per_call: u128,
    /// Per started page of the payload. Outputs are not counted: a fee must be known before anything runs.
    pub per_page: u128,
}

impl Price {
    pub fn is_free(&self) -> bool {
        self.per_call == 0 && self.per_page == 0
    }

    /// What one call with a payload of this many bytes costs. Two factors of 128 and 64 bits cannot overflow.
    pub fn fee(&self, payload_bytes: usize) -> U256 {
        let pages = (payload_bytes as u64).div_ceil(PAGE_BYTES);
        U256::from(self.per_call) + U256::from(self.per_page) * U256::from(pages)
    }

    /// What one request costs: nothing if it came through the inbox (which is why it has no signature), where it was prepaid.
    pub fn fee_of(&self, signature: &[u8], payload_bytes: usize) -> U256 {
        if signature.is_empty() { U256::ZERO } else { self.fee(payload_bytes) }
    }
}

/// A client's deposit for calls of an app, as of a finalized block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deposit {
    pub balance: U256,
    /// The part of the balance that the client has asked back: it pays for calls until it leaves, but for no new ones.
    pub withdrawing: U256,
    /// Per lane, up to which total charges are paid.
    pub settled: BTreeMap<u32, U256>,
}

impl Deposit {
    pub fn settled_on(&self, lane: u32) -> U256 {
        self.settled.get(&lane).copied().unwrap_or_default()
    }

    /// Whether charges up to `total` on a lane can be paid. What is being withdrawn counts: it cannot leave before a batch that
    /// is signed today is settled.
    pub fn covers(&self, lane: u32, total: U256) -> Result<(), Refusal> {
        let (needed, available) = (total.saturating_sub(self.settled_on(lane)), self.balance);
        if needed > available { Err(Refusal::FundsTooLow { available, needed }) } else { Ok(()) }
    }

    /// What new calls can count on.
    pub fn available(&self) -> U256 {
        self.balance.saturating_sub(self.withdrawing)
    }
}

/// What a client owes over all lanes of an app, with calls under way where the asker knows of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Everything ever charged; what the client must have signed for.
    pub owed: U256,
    /// The part of it that the deposit has yet to pay.
    pub unpaid: U256,
}

impl Standing {
    /// From what is owed on each lane. A lane's count can be behind the chain's, never ahead of what was charged.
    pub fn of(owed: impl IntoIterator<Item = (u32, U256)>, deposit: &Deposit) -> Self {
        let mut lanes: BTreeMap<u32, U256> = deposit.settled.clone();
        for (lane, total) in owed {
            let known = lanes.entry(lane).or_default();
            *known = (*known).max(total);
        }
        let sum = |sum: Self, (lane, total): (&u32, &U256)| Self {
            owed: sum.owed.saturating_add(*total),
            unpaid: sum.unpaid.saturating_add(total.saturating_sub(deposit.settled_on(*lane))),
        };
        lanes.iter().fold(Self::default(), sum)
    }

    /// With more calls counted in.
    #[must_use]
    pub fn plus(self, fee: U256) -> Self {
        Self { owed: self.owed.saturating_add(fee), unpaid: self.unpaid.saturating_add(fee) }
    }

    /// Whether a client that stands so has signed for a call that costs `fee`, and can pay it.
    pub fn check(self, request: &Request, fee: U256, deposit: &Deposit) -> Result<(), Refusal> {
        if fee.is_zero() {
            return Ok(());
        }
        let after = self.plus(fee);
        if request.max_fee < after.owed {
            return Err(Refusal::MaxFeeTooLow { offered: request.max_fee, needed: after.owed });
        }
        let available = deposit.available();
        if available < after.unpaid {
            return Err(Refusal::FundsTooLow { available, needed: after.unpaid });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn units(number: u64) -> U256 {
        U256::from_limbs([number, 0, 0, 0])
    }

    fn signing(max_fee: u64) -> Request {
        Request { max_fee: units(max_fee), ..Request::default() }
    }

    #[test]
    fn a_fee_follows_from_the_payload_alone() {
        let price = Price { per_call: 10, per_page: 3 };
        assert_eq!([0, 1, 16_384, 16_385].map(|bytes| price.fee(bytes)), [10, 13, 13, 16].map(units));
        assert!(Price::default().is_free() && Price::default().fee(1 << 20).is_zero());
        let dearest = Price { per_call: u128::MAX, per_page: u128::MAX };
        assert!(dearest.fee(usize::MAX) > U256::from(u128::MAX), "no overflow");
    }

    #[test]
    fn what_came_through_the_inbox_was_prepaid() {
        let price = Price { per_call: 10, per_page: 3 };
        assert_eq!((price.fee_of(&[], 1), price.fee_of(&[1; 65], 1)), (U256::ZERO, units(13)));
    }

    #[test]
    fn a_call_is_let_in_only_if_it_is_signed_for_and_paid_for() {
        let deposit = Deposit { balance: units(25), withdrawing: units(5), settled: [(1, units(70))].into() };
        let standing = Standing::of([(1, units(80)), (2, units(5))], &deposit);
        assert_eq!(standing, Standing { owed: units(85), unpaid: units(15) });
        assert_eq!(standing.check(&signing(90), units(5), &deposit), Ok(()));
        let short = Refusal::MaxFeeTooLow { offered: units(89), needed: units(90) };
        assert_eq!(standing.check(&signing(89), units(5), &deposit), Err(short));
        let poor = Refusal::FundsTooLow { available: units(20), needed: units(21) };
        assert_eq!(
            standing.check(&signing(200), units(6), &deposit),
            Err(poor),
            "what is being withdrawn does not count"
        );
        assert_eq!(standing.check(&signing(0), units(0), &Deposit::default()), Ok(()), "a free call needs nothing");
    }

    #[test]
    fn a_count_behind_the_chain_gives_nothing_away() {
        let deposit = Deposit { balance: units(10), withdrawing: U256::ZERO, settled: [(1, units(70))].into() };
        assert_eq!(Standing::of([(1, units(60))], &deposit), Standing { owed: units(70), unpaid: U256::ZERO });
        assert_eq!(Standing::of([], &deposit).owed, units(70));
    }
}
