//! The arithmetic of shares and magnitudes: what a deposit, a slash and a withdrawal make of a staker's account.
//!
//! The contracts compute the same in 256 bits (`contracts/src/libraries/SlashingLib.sol`, `StrategyBase.sol`, the token's
//! contracts); here every product stands in 512 bits and is divided once, so no step can overflow unseen. `None` is where the
//! contracts revert. `vectors/shares.json` holds both to the same numbers. Division rounds down unless a name says otherwise.
//!
//! Symbols: deposit shares s, deposit scaling factor k ([`WAD`] when never set), slashing factor f (the operator's max
//! magnitude, which starts at [`WAD`] and only falls).
//!
//! ```
//! use alloy_primitives::U256;
//! use vouch_core::shares::{WAD, slash_magnitude, withdrawable};
//!
//! let slashed = slash_magnitude(WAD, WAD / U256::from(4));
//! assert_eq!(slashed, Some(WAD / U256::from(4)));
//! let left = WAD - slashed.unwrap_or_default();
//! assert_eq!(withdrawable(U256::from(100), WAD, left), Some(U256::from(75)));
//! ```

use alloy_primitives::{U256, U512};

/// One: magnitudes and factors are parts of it.
pub const WAD: U256 = U256::from_limbs([1_000_000_000_000_000_000, 0, 0, 0]);
/// The shares and the balance that a strategy counts beside its own, so that its first depositor cannot set the rate.
pub const STRATEGY_OFFSET: U256 = U256::from_limbs([1_000, 0, 0, 0]);

/// The most shares that a strategy gives out: 10^38 - 1.
pub fn strategy_shares_max() -> U256 {
    U256::from(10).pow(U256::from(38)) - U256::from(1)
}

/// x y / d; `None` if d is zero or the quotient needs more than 256 bits.
pub fn mul_div(x: U256, y: U256, d: U256) -> Option<U256> {
    narrow(wide(x, y).checked_div(U512::from(d))?)
}

/// x y / d, rounded up.
pub fn mul_div_up(x: U256, y: U256, d: U256) -> Option<U256> {
    let (product, d) = (wide(x, y), U512::from(d));
    let quotient = product.checked_div(d)?;
    let up = U512::from(u8::from(quotient * d != product));
    narrow(quotient + up)
}

/// What a staker can withdraw: s k, then f of it.
pub fn withdrawable(deposit_shares: U256, k: U256, f: U256) -> Option<U256> {
    mul_div(mul_div(deposit_shares, k, WAD)?, f, WAD)
}

/// The deposit shares that are worth `target` withdrawable shares.
pub fn deposit_shares_for(target: U256, k: U256, f: U256) -> Option<U256> {
    mul_div(mul_div(target, WAD, k)?, WAD, f)
}

/// The scaling factor after `added` shares joined `deposit_shares`. A first deposit forgives what was slashed before it.
pub fn scaling_factor_after(k: U256, deposit_shares: U256, added: U256, f: U256) -> Option<U256> {
    if deposit_shares.is_zero() {
        return mul_div(k, WAD, f);
    }
    let worth = withdrawable(deposit_shares, k, f)?.checked_add(added)?;
    mul_div(mul_div(worth, WAD, deposit_shares.checked_add(added)?)?, WAD, f)
}

/// What goes from a magnitude, or from a pending decrease of one, when `wad` parts of it are slashed: rounded up.
pub fn slash_magnitude(magnitude: U256, wad: U256) -> Option<U256> {
    mul_div_up(magnitude, wad, WAD)
}

/// The part of `total` that goes when the max magnitude falls from `prev` to `next`; what stays rounds up.
pub fn slashed_shares(total: U256, prev: U256, next: U256) -> Option<U256> {
    if prev.is_zero() {
        return Some(U256::ZERO);
    }
    total.checked_sub(mul_div_up(total, next, prev)?)
}

/// The part that goes of a queue whose `entries` floored entries sum up to `total` before rounding: less the share that each
/// entry but one can lose by rounding for itself.
pub fn slashed_queue(total: U256, entries: U256, prev: U256, next: U256) -> Option<U256> {
    let drift = entries.saturating_sub(U256::from(1));
    Some(slashed_shares(total, prev, next)?.saturating_sub(drift))
}

/// The part of an operator's shares that stands behind an allocation of `magnitude`.
pub fn stake_of(operator_shares: U256, magnitude: U256, max_magnitude: U256) -> Option<U256> {
    if magnitude.is_zero() {
        return Some(U256::ZERO);
    }
    mul_div(operator_shares, mul_div(magnitude, WAD, max_magnitude)?, WAD)
}

/// The shares that a strategy gives for `amount`, with which it holds `balance`. `None` also for none and for too many.
pub fn strategy_deposit(amount: U256, total_shares: U256, balance: U256) -> Option<U256> {
    let before = balance.checked_sub(amount)?.checked_add(STRATEGY_OFFSET)?;
    let shares = mul_div(amount, total_shares.checked_add(STRATEGY_OFFSET)?, before)?;
    let total = total_shares.checked_add(shares)?;
    (!shares.is_zero() && total <= strategy_shares_max()).then_some(shares)
}

/// What `shares` of a strategy with `total_shares` and `balance` are worth, before a withdrawal is cut to the balance.
pub fn strategy_value(shares: U256, total_shares: U256, balance: U256) -> Option<U256> {
    mul_div(balance.checked_add(STRATEGY_OFFSET)?, shares, total_shares.checked_add(STRATEGY_OFFSET)?)
}

/// Whether what is staked and still held is at least `share_bips` of the supply.
pub fn is_forkable(staked: U256, held: U256, supply: U256, share_bips: U256) -> bool {
    wide(staked.min(held), U256::from(10_000)) >= wide(share_bips, supply)
}

fn wide(x: U256, y: U256) -> U512 {
    U512::from(x) * U512::from(y)
}

fn narrow(value: U512) -> Option<U256> {
    let limbs = value.as_limbs();
    limbs[4..].iter().all(|limb| *limb == 0).then(|| U256::from_limbs([limbs[0], limbs[1], limbs[2], limbs[3]]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn n(value: u64) -> U256 {
        U256::from(value)
    }

    #[test]
    fn a_quotient_beyond_256_bits_is_refused() {
        assert_eq!(mul_div(U256::MAX, U256::MAX, U256::MAX), Some(U256::MAX));
        assert_eq!(mul_div(U256::MAX, n(2), n(1)), None);
        assert_eq!(mul_div(n(1), n(1), n(0)), None);
        // The largest quotient, and one more by rounding up.
        assert_eq!(mul_div_up(U256::MAX, n(3), n(3)), Some(U256::MAX));
        assert_eq!(mul_div_up(U256::MAX, U256::MAX - n(1), U256::MAX - n(2)), None);
    }

    #[test]
    fn a_quarter_is_slashed() {
        let left = WAD - slash_magnitude(WAD, WAD / n(4)).unwrap();
        assert_eq!(withdrawable(n(100), WAD, left), Some(n(75)));
        assert_eq!(slashed_shares(n(101), WAD, left), Some(n(25)));
        assert_eq!(slashed_queue(n(101), n(3), WAD, left), Some(n(23)));
        assert_eq!(slashed_queue(n(101), n(300), WAD, left), Some(n(0)));
    }

    #[test]
    fn a_first_deposit_forgives() {
        let k = scaling_factor_after(WAD, n(0), n(100), WAD / n(2)).unwrap();
        assert_eq!(withdrawable(n(100), k, WAD / n(2)), Some(n(100)));
    }

    #[test]
    fn an_empty_strategy_gives_one_share_a_unit() {
        assert_eq!(strategy_deposit(n(7), n(0), n(7)), Some(n(7)));
        assert_eq!(strategy_deposit(n(0), n(0), n(7)), None);
        assert_eq!(strategy_deposit(n(8), n(0), n(7)), None);
        assert_eq!(strategy_deposit(strategy_shares_max(), n(1), strategy_shares_max() + n(1)), None);
    }

    proptest! {
        #[test]
        fn rounding_up_is_at_most_one_more(x: [u64; 4], y: [u64; 4], d in 1u64..) {
            let (x, y) = (U256::from_limbs(x) >> 32, U256::from_limbs(y) >> 224);
            let (down, up) = (mul_div(x, y, n(d)).unwrap(), mul_div_up(x, y, n(d)).unwrap());
            prop_assert!(up - down <= n(1));
            prop_assert_eq!(up == down, (U512::from(x) * U512::from(y)) % U512::from(d) == U512::ZERO);
        }
    }
}
