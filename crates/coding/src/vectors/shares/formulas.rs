//! The formulas of one line each.

use alloy_primitives::U256;
use vouch_core::shares::{self, WAD};

use super::Formula;
use super::draw::Draw;

pub(super) const FORMULAS: [Formula; 9] = [
    Formula {
        name: "withdrawable",
        takes: &["depositShares", "scalingFactor", "factor"],
        makes: &["result"],
        compute: |v| Some(vec![shares::withdrawable(v[0], v[1], v[2])?]),
        draw: |draw| vec![amount(draw), scaling_factor(draw), draw.magnitude()],
    },
    Formula {
        name: "depositSharesFor",
        takes: &["target", "scalingFactor", "factor"],
        makes: &["result"],
        compute: |v| Some(vec![shares::deposit_shares_for(v[0], v[1], v[2])?]),
        draw: |draw| vec![amount(draw), scaling_factor(draw), draw.magnitude()],
    },
    Formula {
        name: "scalingFactorAfter",
        takes: &["scalingFactor", "depositShares", "added", "factor"],
        makes: &["result"],
        compute: |v| Some(vec![shares::scaling_factor_after(v[0], v[1], v[2], v[3])?]),
        draw: |draw| vec![scaling_factor(draw), amount(draw), amount(draw), draw.magnitude()],
    },
    Formula {
        name: "slashedMagnitude",
        takes: &["magnitude", "wad"],
        makes: &["result"],
        compute: |v| Some(vec![shares::slash_magnitude(v[0], v[1])?]),
        draw: |draw| vec![draw.magnitude(), draw.magnitude()],
    },
    Formula {
        name: "slashedShares",
        takes: &["total", "prev", "next"],
        makes: &["result"],
        compute: |v| Some(vec![shares::slashed_shares(v[0], v[1], v[2])?]),
        draw: |draw| {
            let (prev, next) = fall(draw);
            vec![amount(draw), prev, next]
        },
    },
    Formula {
        name: "slashedQueue",
        takes: &["total", "entries", "prev", "next"],
        makes: &["result"],
        compute: |v| Some(vec![shares::slashed_queue(v[0], v[1], v[2], v[3])?]),
        draw: |draw| {
            let (prev, next) = fall(draw);
            let entries = draw.amount(U256::from(u32::MAX));
            // Near the drift every second time.
            let total = if draw.below(2) == 0 { amount(draw) } else { entries * U256::from(draw.below(3)) };
            vec![total, entries, prev, next]
        },
    },
    Formula {
        name: "strategyDeposit",
        takes: &["amount", "totalShares", "balance"],
        makes: &["shares"],
        compute: |v| Some(vec![shares::strategy_deposit(v[0], v[1], v[2])?]),
        draw: |draw| {
            let amount = draw.amount(shares::strategy_shares_max());
            // One time in eight the deposit is not there.
            let balance = if draw.below(8) == 0 { draw.amount(amount) } else { amount + balance(draw) };
            vec![amount, draw.amount(shares::strategy_shares_max()), balance]
        },
    },
    Formula {
        name: "strategyWithdrawal",
        takes: &["shares", "totalShares", "balance"],
        makes: &["value", "paid"],
        compute: |v| {
            let value = shares::strategy_value(v[0], v[1], v[2])?;
            (v[0] <= v[1]).then(|| vec![value, value.min(v[2])])
        },
        draw: |draw| {
            let total = draw.amount(shares::strategy_shares_max());
            // One time in eight more than there are.
            let shares = if draw.below(8) == 0 { total + U256::from(1) } else { draw.amount(total) };
            vec![shares, total, balance(draw)]
        },
    },
    Formula {
        name: "forkable",
        takes: &["staked", "slashed", "supply", "shareBips"],
        makes: &["result"],
        compute: |v| {
            let held = v[0].checked_sub(v[1])?;
            Some(vec![U256::from(u8::from(shares::is_forkable(v[0], held, v[2], v[3])))])
        },
        draw: |draw| {
            let staked = draw.amount(shares::strategy_shares_max());
            let slashed = draw.amount(staked);
            let share_bips = draw.between(U256::from(1), U256::from(10_000));
            // The supply at which what is held is just enough, give or take one.
            let enough = (staked - slashed) * U256::from(10_000) / share_bips;
            vec![staked, slashed, staked.max(enough + U256::from(draw.below(3))), share_bips]
        },
    },
];

fn amount(draw: &mut Draw) -> U256 {
    // One time in sixteen of any size, so that products overflow.
    if draw.below(16) == 0 { draw.word() } else { draw.amount(shares::strategy_shares_max()) }
}

fn balance(draw: &mut Draw) -> U256 {
    draw.amount(U256::from(1) << 160)
}

/// Up to about 10^74, as far as it can grow.
fn scaling_factor(draw: &mut Draw) -> U256 {
    if draw.below(3) == 0 { WAD } else { draw.amount(U256::from(1) << 246) }
}

/// A max magnitude before and after a slash.
fn fall(draw: &mut Draw) -> (U256, U256) {
    let prev = draw.magnitude();
    (prev, draw.between(U256::ZERO, prev))
}
