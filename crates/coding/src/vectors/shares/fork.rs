//! Which rule of `ForkParameters.sol` a choice of parameters breaks first.

use alloy_primitives::U256;

use super::Formula;
use super::draw::Draw;

const TIMES: usize = 11;
const SHARES: usize = 8;
/// `rule` where a parameter is zero; `left` is its index.
const RULE_ZERO: u64 = 15;

pub(super) const FORMULA: Formula = Formula {
    name: "forkParameters",
    takes: &[
        "censorship",
        "deliberation",
        "challenge",
        "redemption",
        "lock",
        "withdrawal",
        "vote",
        "pending",
        "followerLag",
        "stakeTableAge",
        "appealRung",
        "challengeBurn",
        "destruction",
        "burn",
        "challengerPremium",
        "staked",
        "slashable",
        "firstAppeal",
        "appealRungs",
    ],
    // The first rule that is broken, counted from 1, and its two sides; 0: all hold.
    makes: &["rule", "left", "right"],
    compute: |v| Some(broken(v)),
    draw,
};

enum Rule {
    /// left > right
    More(U256, U256),
    /// left <= right
    AtMost(U256, U256),
}

fn broken(v: &[U256]) -> Vec<U256> {
    if let Some(zero) = v.iter().position(U256::is_zero) {
        return vec![U256::from(RULE_ZERO), U256::from(zero), U256::ZERO];
    }
    let first = times(v).into_iter().chain(shares(v)).enumerate().find_map(|(index, rule)| match rule {
        Rule::More(left, right) => (left <= right).then_some((index, left, right)),
        Rule::AtMost(left, right) => (left > right).then_some((index, left, right)),
    });
    first.map_or_else(|| vec![U256::ZERO; 3], |(index, left, right)| vec![U256::from(index + 1), left, right])
}

fn times(v: &[U256]) -> Vec<Rule> {
    let [censorship, deliberation, challenge, redemption, lock, withdrawal, vote, pending, lag, table] =
        std::array::from_fn(|index| v[index]);
    vec![
        Rule::More(challenge, censorship + deliberation),
        Rule::More(redemption, censorship + challenge),
        Rule::More(lock, redemption),
        Rule::More(withdrawal, vote + redemption),
        Rule::More(withdrawal, table + redemption),
        Rule::More(pending, censorship),
        Rule::More(lag, challenge),
    ]
}

/// In whole bips, so that nothing is divided. A rule that reads `burn` and `appealRungs` stands behind those that bound them: the
/// list ends where one of these is broken.
fn shares(v: &[U256]) -> Vec<Rule> {
    let [challenge_burn, destruction, burn, premium, staked, slashable, first_appeal, rungs] =
        std::array::from_fn(|index| v[TIMES + index]);
    let bips = U256::from(10_000);
    let mut rules = vec![Rule::AtMost(burn, bips), Rule::AtMost(slashable, bips)];
    if burn > bips {
        return rules;
    }
    rules.push(Rule::AtMost(destruction * bips * bips, burn * slashable * staked));
    rules.push(Rule::AtMost(premium * challenge_burn * burn, (bips - burn) * destruction * bips));
    rules.push(Rule::AtMost(rungs, U256::from(16)));
    if rungs <= U256::from(16) {
        let last_appeal = first_appeal << (rungs.as_limbs()[0] - 1) as usize;
        rules.push(Rule::AtMost(challenge_burn, last_appeal));
        rules.push(Rule::AtMost(last_appeal, bips));
    }
    rules
}

/// Parameters that hold, of which up to two are moved: to a side of the rule that they stand in, by one, or anywhere.
fn draw(draw: &mut Draw) -> Vec<U256> {
    let mut values = holding(draw);
    for _ in 0..draw.below(3) {
        let index = draw.below((TIMES + SHARES) as u64) as usize;
        let max = if index < TIMES { U256::from(u32::MAX) } else { U256::from(u16::MAX) };
        values[index] = match draw.below(3) {
            0 => values[index].saturating_sub(U256::from(1)),
            1 => (values[index] + U256::from(1)).min(max),
            _ => draw.amount(max),
        };
    }
    values
}

/// Every time as short and every share as large as the rules let it be, or with a little room.
fn holding(draw: &mut Draw) -> Vec<U256> {
    let mut room = |from: U256| from + U256::from(1) + U256::from(draw.below(2));
    let one_day = U256::from(86_400);
    let (censorship, deliberation, vote, table) = (room(one_day), room(one_day), room(one_day), room(one_day));
    let challenge = room(censorship + deliberation);
    let redemption = room(censorship + challenge);
    let withdrawal = room(vote.max(table) + redemption);
    let mut values = vec![censorship, deliberation, challenge, redemption, room(redemption), withdrawal, vote];
    values.extend([room(censorship), room(challenge), table, room(one_day)]);
    let (burn, slashable) = (U256::from(1_000 + draw.below(9_001)), U256::from(1_000 + draw.below(9_001)));
    let staked = U256::from(1_000 + draw.below(9_001));
    let bips = U256::from(10_000);
    let destruction = burn * slashable * staked / (bips * bips);
    let rungs = U256::from(1 + draw.below(13));
    let first_appeal = bips >> (rungs.as_limbs()[0] - 1) as usize;
    let last_appeal = first_appeal << (rungs.as_limbs()[0] - 1) as usize;
    let premium = (bips - burn) * destruction * bips / (last_appeal * burn);
    let premium = premium.clamp(U256::from(1), U256::from(u16::MAX));
    values.extend([last_appeal, destruction, burn, premium, staked, slashable, first_appeal, rungs]);
    values
}
