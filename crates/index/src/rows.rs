//! What the index knows, row by row: the facts of events, never what follows from the time that passed since.
//!
//! A change that an event schedules keeps both values and the block at which the second one counts; [`crate::now`] says what
//! holds at a block. So a row changes only by an event, and the same events always leave the same rows. Blocks that are zero
//! stand for none, as in the contracts; so does the zero address.

use alloy_primitives::{Address, B256, U256};

use crate::row::{Row, Table, rows};

/// The version of the rows below and of the rules that write them. An index of an older one is built anew.
pub const SCHEMA: u64 = 1;
/// One as magnitudes and scaling factors count it.
pub const WAD: u64 = 1_000_000_000_000_000_000;

rows! {
    /// Which deployment is indexed and how far. One row; its first five columns are the same in every schema.
    Meta "meta" [] {
        /// Always zero.
        only: u32,
        ;
        schema: u64,
        chain_id: u64,
        genesis_hash: B256,
        delegation_manager: Address,
        /// Every event up to and including this block is in the index; meaningless while `block_hash` is zero.
        block: u64,
        block_hash: B256,
        /// Events that were read so far.
        events: u64,
    }

    /// An account that registered as operator.
    Operator "operators" [] {
        operator: Address,
        ;
        registered_block: u64,
        approver: Address,
        metadata_uri: String,
        /// Blocks that its allocations wait.
        delay: u64,
        pending_delay: u64,
        delay_effect_block: u64,
    }

    /// An account that ever deposited, delegated or queued a withdrawal.
    Staker "stakers" ["operator"] {
        staker: Address,
        ;
        /// Whom it delegates to; zero for none.
        operator: Address,
        /// The block in which that began.
        since_block: u64,
        /// Whether its last delegation was ended by its operator's side.
        forced: bool,
        /// Withdrawals that it ever queued.
        withdrawals: u64,
    }

    /// What a staker has of a strategy.
    Stake "stakes" ["strategy"] {
        staker: Address,
        strategy: Address,
        ;
        deposit_shares: U256,
        /// The deposit scaling factor; 1e18 is one.
        scaling_factor: U256 = U256::from(WAD),
    }

    /// What stands behind an operator in a strategy.
    OperatorStake "operator_stakes" ["strategy"] {
        operator: Address,
        strategy: Address,
        ;
        shares: U256,
        max_magnitude: u64 = WAD,
        /// All that was ever slashed, from shares and from the withdrawal queue.
        slashed_shares: U256,
    }

    /// The max magnitude from a block on: what a withdrawal pays is decided by that of its last slashable block.
    Magnitude "magnitudes" [] {
        operator: Address,
        strategy: Address,
        block: u64,
        ;
        max_magnitude: u64,
    }

    /// An AVS that said something of itself or created a set.
    Avs "avss" [] {
        avs: Address,
        ;
        metadata_uri: String,
        registrar: Address,
        sets: u64,
    }

    OperatorSet "sets" [] {
        avs: Address,
        set_id: u32,
        ;
        created_block: u64,
        slasher: Address,
        pending_slasher: Address,
        slasher_effect_block: u64,
        /// Who gets slashed stake; zero: it burns.
        recipient: Address,
        /// Slashes so far, which are their ids.
        slashes: u64,
    }

    /// A strategy on a set's list.
    SetStrategy "set_strategies" [] {
        avs: Address,
        set_id: u32,
        strategy: Address,
        ;
        added_block: u64,
        /// The block at which it leaves; zero if it does not.
        removal_block: u64,
    }

    /// An operator that is or was in a set.
    Member "members" ["operator"] {
        avs: Address,
        set_id: u32,
        operator: Address,
        ;
        registered: bool,
        /// The block in which it joined, or left.
        since_block: u64,
    }

    /// Magnitude that an operator ever gave to a set.
    Allocation "allocations" ["avs"] {
        operator: Address,
        avs: Address,
        set_id: u32,
        strategy: Address,
        ;
        magnitude: u64,
        pending_magnitude: u64,
        effect_block: u64,
    }

    Slash "slashes" ["sequence" "operator"] {
        avs: Address,
        set_id: u32,
        slash_id: u64,
        ;
        /// The number of its event in the index: a page ends at one.
        sequence: u64,
        operator: Address,
        block: u64,
        transaction: B256,
        description: String,
    }

    /// What a slash took of a strategy.
    SlashedStrategy "slashed_strategies" [] {
        avs: Address,
        set_id: u32,
        slash_id: u64,
        strategy: Address,
        ;
        /// The share of the operator's max magnitude; 1e18 is all.
        wad_slashed: U256,
        /// What was parked for the set's recipient.
        shares: U256,
        /// The block in which it was paid out.
        cleared_block: u64,
    }

    Withdrawal "withdrawals" ["sequence" "staker" "operator"] {
        root: B256,
        ;
        /// The number of its event in the index: a page ends at one.
        sequence: u64,
        staker: Address,
        /// Whom the staker delegated to when it was queued.
        operator: Address,
        nonce: u64,
        start_block: u64,
        completed_block: u64,
        transaction: B256,
    }

    /// One strategy of a withdrawal.
    QueuedShares "queued_shares" [] {
        root: B256,
        position: u32,
        ;
        strategy: Address,
        scaled_shares: U256,
        /// What it was worth when it was queued.
        shares: U256,
    }

    /// A strategy that was ever open for deposits.
    Strategy "strategies" [] {
        strategy: Address,
        ;
        open: bool,
    }
}

/// All tables but [`Meta`]'s: what a rebuild makes anew and a digest covers.
pub const TABLES: &[&Table] = &[
    Operator::TABLE,
    Staker::TABLE,
    Stake::TABLE,
    OperatorStake::TABLE,
    Magnitude::TABLE,
    Avs::TABLE,
    OperatorSet::TABLE,
    SetStrategy::TABLE,
    Member::TABLE,
    Allocation::TABLE,
    Slash::TABLE,
    SlashedStrategy::TABLE,
    Withdrawal::TABLE,
    QueuedShares::TABLE,
    Strategy::TABLE,
];

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    /// Change [`SCHEMA`] with it.
    const FINGERPRINT: (u64, &str) = (1, "0x5714c3b455b25aeb");

    #[test]
    fn the_schema_has_another_version_when_a_column_changes() {
        let described = format!("{:?} {:?}", Meta::TABLE, TABLES);
        let hash = B256::from(<[u8; 32]>::from(Sha256::digest(described))).to_string();
        assert_eq!((SCHEMA, &hash[..18]), FINGERPRINT);
    }

    #[test]
    fn a_row_comes_back_from_its_cells() {
        let row = OperatorStake::empty((Address::repeat_byte(1), Address::repeat_byte(2)));
        assert_eq!(row.max_magnitude, WAD);
        assert_eq!(OperatorStake::of_cells(&row.cells()), Some(row.clone()));
        assert_eq!(OperatorStake::of_cells(&row.cells()[1..]), None);
        for table in TABLES {
            let named = |index: &&str| table.columns().any(|column| column.name == *index);
            assert!(table.indexed.iter().all(named), "{}", table.name);
        }
    }
}
