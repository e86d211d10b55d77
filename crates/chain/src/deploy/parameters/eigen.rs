//! What a generation of EIGEN fixes for ever. The contract `ForkParameters` refuses values that break one of the
//! inequalities that the redemption of a fork rests on.

use alloy_primitives::U256;
use serde::{Deserialize, Serialize};

/// The supply of the first generation, and the times and shares under which it may be forked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EigenRules {
    /// Whole tokens of 18 decimals, all made at once.
    pub supply_tokens: u64,
    pub times: ForkTimes,
    pub shares: ForkShares,
}

/// Seconds. The names are those of the struct `IForkParameters.Times`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ForkTimes {
    /// How long the chain can be censored.
    pub censorship: u32,
    /// How long people need to judge a verdict.
    pub deliberation: u32,
    /// How long after the attack a fork can be called for; more than the two above together.
    pub challenge: u32,
    /// How long after the attack holders and stakers can move to the fork; more than censorship and challenge together.
    pub redemption: u32,
    /// For how long a holder that moved leaves its old units behind; longer than redemption.
    pub lock: u32,
    /// How long the escrow holds a unit at least; longer than redemption and the longer of a vote and a table's age.
    pub withdrawal: u32,
    /// From the snapshot of the last instance's voters to its verdict.
    pub vote: u32,
    /// The extra time of those whose exit was queued before the attack; longer than censorship.
    pub pending: u32,
    /// How long a follower waits for a fork signal; longer than challenge.
    pub follower_lag: u32,
    /// How old a stake table may be while stake still votes by it.
    pub stake_table_age: u32,
    /// One rung of the appeals before a verdict is final.
    pub appeal_rung: u32,
}

/// Basis points, of the supply unless said otherwise. The names are those of the struct `IForkParameters.Shares`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ForkShares {
    /// What the challengers burn together.
    pub challenge_burn: u16,
    /// The least that a fork destroys.
    pub destruction: u16,
    /// Of the accused stake: what burns on the fork.
    pub burn: u16,
    /// Of the challengers' burn: what they get on top of it on the fork.
    pub challenger_premium: u16,
    /// The least that must be staked for the token to count as forkable.
    pub staked: u16,
    /// Of the staked: the part that a fault can be attributed to.
    pub slashable: u16,
    /// What the first rung of the appeals costs; each further one costs twice the one before.
    pub first_appeal: u16,
    /// How many rungs there are: a count, no share.
    pub appeal_rungs: u16,
}

/// As many whole tokens as the token that this one stands for has.
const SUPPLY_TOKENS: u64 = 1_673_646_668;

const SHARES: ForkShares = ForkShares {
    challenge_burn: 250,
    destruction: 500,
    burn: 5_000,
    challenger_premium: 4_000,
    staked: 2_000,
    slashable: 5_000,
    first_appeal: 2,
    appeal_rungs: 8,
};

impl EigenRules {
    /// Minutes, within a withdrawal delay of 600 blocks of a second each.
    pub(super) fn local() -> Self {
        let times = ForkTimes {
            censorship: 60,
            deliberation: 60,
            challenge: 150,
            redemption: 240,
            lock: 300,
            withdrawal: 600,
            vote: 120,
            pending: 120,
            follower_lag: 180,
            stake_table_age: 120,
            appeal_rung: 30,
        };
        Self { supply_tokens: SUPPLY_TOKENS, times, shares: SHARES }
    }

    /// Weeks, within a withdrawal delay of 30 days.
    pub(super) fn mainnet() -> Self {
        const DAY: u32 = 86_400;
        let times = ForkTimes {
            censorship: 7 * DAY / 2,
            deliberation: 7 * DAY / 2,
            challenge: 8 * DAY,
            redemption: 14 * DAY,
            lock: 16 * DAY,
            withdrawal: 30 * DAY,
            vote: 4 * DAY,
            pending: 7 * DAY,
            follower_lag: 9 * DAY,
            stake_table_age: DAY,
            appeal_rung: DAY,
        };
        Self { supply_tokens: SUPPLY_TOKENS, times, shares: SHARES }
    }

    /// The supply in the token's smallest unit.
    #[must_use]
    pub fn supply(&self) -> U256 {
        U256::from(self.supply_tokens) * U256::from(10).pow(U256::from(18))
    }
}

impl ForkTimes {
    /// The struct `IForkParameters.Times` as a constructor's argument.
    pub(in crate::deploy) fn words(&self) -> (u32, u32, u32, u32, u32, u32, u32, u32, u32, u32, u32) {
        (
            self.censorship,
            self.deliberation,
            self.challenge,
            self.redemption,
            self.lock,
            self.withdrawal,
            self.vote,
            self.pending,
            self.follower_lag,
            self.stake_table_age,
            self.appeal_rung,
        )
    }
}

impl ForkShares {
    /// The struct `IForkParameters.Shares` as a constructor's argument.
    pub(in crate::deploy) fn words(&self) -> (u16, u16, u16, u16, u16, u16, u16, u16) {
        (
            self.challenge_burn,
            self.destruction,
            self.burn,
            self.challenger_premium,
            self.staked,
            self.slashable,
            self.first_appeal,
            self.appeal_rungs,
        )
    }
}
