use alloy_primitives::U256;
use serde::{Deserialize, Serialize};

mod eigen;

pub use eigen::{EigenRules, ForkShares, ForkTimes};

/// How far ahead operators let a deadline be (7 days), and a day to settle what was posted: so long a deposit stays after its
/// client asked for it, besides the staleness of the app's tables.
pub(super) const FEE_DEADLINE_SECONDS: u64 = 8 * 86_400;

/// Everything that the contracts' constructors fix for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Parameters {
    pub withdrawal_delay_blocks: u32,
    /// How long stake stays slashable after it left.
    pub deallocation_delay_blocks: u32,
    /// Longer than a withdrawal, so that stakers can leave before an operator's allocation delay shrinks.
    pub allocation_configuration_delay_blocks: u32,
    /// What every allocation increase waits at least.
    pub guard_blocks: u32,
    /// From a slash to when its shares can be fetched.
    pub slash_resolution_delay_blocks: u32,
    /// From queueing an evidence module to its admission; longer than deallocation.
    pub module_add_delay_blocks: u32,
    /// From asking for a skip to its effect.
    pub skip_delay_seconds: u32,
    /// What asking for a skip puts at stake, wei.
    pub skip_bond_wei: u64,
    /// From naming a lane's next gateway, or a lane's minimum bond, until it holds without the gateway's consent. On a chain
    /// of value longer than the longest deadline that gateways and executors take.
    pub gateway_delay_seconds: u32,
    /// The shortest time between two blocks that the chain allows.
    pub seconds_per_block: u32,
    /// The most bytes of payload, reads and output that an exchange may have each if it is to be claimed.
    pub demand_limit_bytes: u64,
    pub profile: ProfileTimes,
    pub inbox: InboxRules,
    pub eigen: EigenRules,
    /// Deploy worthless tokens with their strategies; only possible on the local chain.
    pub demo_tokens: bool,
}

/// What the forced inbox takes, and for how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InboxRules {
    /// Fuel that a lane takes in per block on the average; a single block takes twice as much at most.
    pub fuel_target: u64,
    /// What an entry counts for beside its program's fuel limit.
    pub fuel_per_entry: u64,
    /// What each byte of its payload counts for.
    pub fuel_per_byte: u64,
    /// Wei for a million units of fuel while a lane is calm.
    pub price_min_wei: u64,
    /// How many blocks after an entry's own its seed block comes.
    pub seed_delay_blocks: u32,
    /// How far ahead a deadline is at least; longer than finality and a round take.
    pub deadline_min_seconds: u32,
    pub deadline_max_seconds: u32,
    pub payload_bytes_max: u32,
}

/// A profile's times, in seconds from a batch's reference timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProfileTimes {
    pub claim_age: u32,
    pub window: u32,
    pub demand: u32,
    pub reopened_window: u32,
    pub seed_wait: u32,
    pub verifiers: u32,
    pub appeals: u32,
    pub paging: u32,
    pub staleness: u32,
}

impl Parameters {
    /// For a local chain with a block a second: minutes instead of weeks.
    #[must_use]
    pub fn local() -> Self {
        Self {
            withdrawal_delay_blocks: 600,
            deallocation_delay_blocks: 600,
            allocation_configuration_delay_blocks: 640,
            guard_blocks: 20,
            slash_resolution_delay_blocks: 30,
            module_add_delay_blocks: 640,
            skip_delay_seconds: 30,
            skip_bond_wei: 10_000_000_000_000_000,
            gateway_delay_seconds: 60,
            seconds_per_block: 1,
            demand_limit_bytes: 1024 * 1024,
            profile: ProfileTimes {
                claim_age: 240,
                window: 30,
                demand: 30,
                reopened_window: 30,
                seed_wait: 10,
                verifiers: 60,
                appeals: 60,
                paging: 20,
                staleness: 120,
            },
            inbox: InboxRules {
                fuel_target: 200_000_000_000,
                fuel_per_entry: 100_000_000,
                fuel_per_byte: 10_000,
                price_min_wei: 1_000_000,
                seed_delay_blocks: 2,
                deadline_min_seconds: 15,
                deadline_max_seconds: 600,
                payload_bytes_max: 65_536,
            },
            eigen: EigenRules::local(),
            demo_tokens: true,
        }
    }

    /// For a chain with a block every twelve seconds: 30 days until stake is out of reach.
    #[must_use]
    pub fn mainnet() -> Self {
        const DAY: u32 = 86_400;
        Self {
            withdrawal_delay_blocks: 216_000,
            deallocation_delay_blocks: 216_000,
            allocation_configuration_delay_blocks: 230_400,
            guard_blocks: 7_200,
            slash_resolution_delay_blocks: 50_400,
            module_add_delay_blocks: 230_400,
            skip_delay_seconds: 3_600,
            skip_bond_wei: 50_000_000_000_000_000,
            gateway_delay_seconds: 8 * DAY,
            seconds_per_block: 12,
            demand_limit_bytes: 256 * 1024,
            profile: ProfileTimes {
                claim_age: DAY,
                window: 5 * DAY,
                // Not less than the time for which somebody might keep transactions out of the chain.
                demand: 7 * DAY / 2,
                reopened_window: 7 * DAY / 2,
                seed_wait: 3_600,
                verifiers: 4 * DAY,
                appeals: 5 * DAY,
                paging: DAY,
                staleness: DAY,
            },
            inbox: InboxRules {
                fuel_target: 100_000_000_000,
                fuel_per_entry: 100_000_000,
                fuel_per_byte: 100_000,
                price_min_wei: 1_000_000_000,
                // Beyond what a proposer can see and bias at the moment of putting a request there.
                seed_delay_blocks: 4,
                deadline_min_seconds: 3_600,
                deadline_max_seconds: DAY,
                payload_bytes_max: 65_536,
            },
            eigen: EigenRules::mainnet(),
            demo_tokens: false,
        }
    }

    /// How many blocks stake stays slashable.
    #[must_use]
    pub fn slashable_blocks(&self) -> U256 {
        U256::from(self.deallocation_delay_blocks)
    }

    /// How long a gateway's bond stays slashable after it asked for it: as long as stake does.
    #[must_use]
    pub fn bond_withdrawal_delay_seconds(&self) -> u32 {
        self.deallocation_delay_blocks.saturating_mul(self.seconds_per_block)
    }

    /// How long staked EIGEN stays in its escrow after its exit was queued or it was slashed: as long as a withdrawal waits
    /// anyway, so that nobody waits twice.
    #[must_use]
    pub fn escrow_lag_blocks(&self) -> u32 {
        self.withdrawal_delay_blocks
    }

    pub(super) fn seconds_per_block(&self) -> U256 {
        U256::from(self.seconds_per_block)
    }
}

impl InboxRules {
    /// The struct `IForcedInbox.Rules` as a constructor's argument.
    pub(super) fn words(&self) -> (u64, u64, u64, u64, u32, u32, u32, u32) {
        (
            self.fuel_target,
            self.fuel_per_entry,
            self.fuel_per_byte,
            self.price_min_wei,
            self.seed_delay_blocks,
            self.deadline_min_seconds,
            self.deadline_max_seconds,
            self.payload_bytes_max,
        )
    }
}

impl ProfileTimes {
    /// The struct `IProfile.Times` as a constructor's argument.
    pub(super) fn words(&self) -> (u32, u32, u32, u32, u32, u32, u32, u32, u32) {
        (
            self.claim_age,
            self.window,
            self.demand,
            self.reopened_window,
            self.seed_wait,
            self.verifiers,
            self.appeals,
            self.paging,
            self.staleness,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole_time(times: &ProfileTimes) -> u32 {
        times.claim_age
            + times.window
            + times.demand
            + times.reopened_window
            + times.seed_wait
            + times.verifiers
            + times.appeals
            + times.paging
    }

    #[test]
    fn the_presets_fit_the_slashable_time() {
        for preset in [Parameters::local(), Parameters::mainnet()] {
            assert!(whole_time(&preset.profile) < preset.deallocation_delay_blocks * preset.seconds_per_block);
            assert!(preset.module_add_delay_blocks > preset.deallocation_delay_blocks);
            assert!(preset.allocation_configuration_delay_blocks > preset.withdrawal_delay_blocks);
            assert!(preset.bond_withdrawal_delay_seconds() > preset.profile.staleness + preset.skip_delay_seconds);
            assert!(preset.profile.claim_age > preset.profile.staleness / 2);
            let (inbox, seconds) = (&preset.inbox, preset.seconds_per_block);
            assert!(inbox.seed_delay_blocks * seconds < inbox.deadline_min_seconds);
            assert!(inbox.deadline_min_seconds < inbox.deadline_max_seconds);
            let fork = &preset.eigen.times;
            assert!(fork.withdrawal <= preset.escrow_lag_blocks() * seconds);
            assert!(fork.stake_table_age >= preset.profile.staleness);
        }
    }
}
