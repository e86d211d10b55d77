//! What the role `api` answers about stake, from finalized events. Each answer names the block that it is of.

use alloy_primitives::{Address, B256, U256};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The most entries of one page.
pub const PAGE_ENTRIES_MAX: u32 = 100;

/// `GET /v1/index`: how far the index is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IndexStatus {
    /// Every event up to and including this block is in.
    pub block: u64,
    pub finalized_block: u64,
    /// Events that it was made from.
    pub events: u64,
    /// Why it does not go on; absent while it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// Some entries of a list, of one block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    pub block: u64,
    pub entries: Vec<T>,
    /// What to give as `after` for the next page; absent when this is the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// An entry of `GET /v1/operators`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IndexedOperator {
    #[schema(value_type = String)]
    pub operator: Address,
    pub registered_block: u64,
    /// Who must sign for those who delegate to it; zero for nobody.
    #[schema(value_type = String)]
    pub approver: Address,
    /// As its operator wrote it, cut off after 1,024 characters.
    pub metadata_uri: String,
    /// Blocks that its allocations wait.
    pub allocation_delay: u64,
}

/// `GET /v1/operators/{operator}`: an operator with its stake and what it is allocated to; of each list the first 1,000.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IndexedOperatorDetails {
    pub block: u64,
    pub operator: IndexedOperator,
    pub stakes: Vec<OperatorStakeView>,
    pub memberships: Vec<MembershipView>,
    pub allocations: Vec<AllocationView>,
}

/// What stands behind an operator in a strategy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperatorStakeView {
    #[schema(value_type = String)]
    pub strategy: Address,
    #[schema(value_type = String)]
    pub shares: U256,
    /// What slashes left of 1e18.
    pub max_magnitude: u64,
    /// All that was ever slashed.
    #[schema(value_type = String)]
    pub slashed_shares: U256,
}

/// An operator in a set, or after it left while it can still be slashed, or later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MembershipView {
    #[schema(value_type = String)]
    pub operator: Address,
    #[schema(value_type = String)]
    pub avs: Address,
    pub set_id: u32,
    pub registered: bool,
    /// The block in which it joined, or left.
    pub since_block: u64,
    /// Whether the set can slash it.
    pub slashable: bool,
}

/// Magnitude that an operator gives to a set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AllocationView {
    #[schema(value_type = String)]
    pub avs: Address,
    pub set_id: u32,
    #[schema(value_type = String)]
    pub strategy: Address,
    /// Of 1e18.
    pub magnitude: u64,
    /// What it becomes; absent when nothing is scheduled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_magnitude: Option<u64>,
    /// From which block on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect_block: Option<u64>,
}

/// `GET /v1/stakers/{staker}`: whom an account delegates to and what it has; the first 1,000 strategies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IndexedStaker {
    pub block: u64,
    #[schema(value_type = String)]
    pub staker: Address,
    /// Zero for nobody.
    #[schema(value_type = String)]
    pub operator: Address,
    /// The block in which that began.
    pub since_block: u64,
    /// Whether its operator's side ended its last delegation.
    pub forced: bool,
    pub stakes: Vec<StakeView>,
}

/// What an account has of a strategy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StakeView {
    #[schema(value_type = String)]
    pub strategy: Address,
    #[schema(value_type = String)]
    pub deposit_shares: U256,
    /// What slashes left of them.
    #[schema(value_type = String)]
    pub withdrawable_shares: U256,
}

/// `GET /v1/sets/{avs}/{id}`: an operator set; `after` and `limit` page through its members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IndexedSet {
    pub block: u64,
    #[schema(value_type = String)]
    pub avs: Address,
    pub set_id: u32,
    pub created_block: u64,
    #[schema(value_type = String)]
    pub slasher: Address,
    /// Who gets slashed stake; zero: it burns.
    #[schema(value_type = String)]
    pub recipient: Address,
    pub slashes: u64,
    #[schema(value_type = Vec<String>)]
    pub strategies: Vec<Address>,
    pub members: Vec<MembershipView>,
    /// What to give as `after` for more members; absent when there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// An entry of `GET /v1/slashes`, in the order in which they happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IndexedSlash {
    #[schema(value_type = String)]
    pub avs: Address,
    pub set_id: u32,
    /// Its number in the set, from 1.
    pub slash_id: u64,
    #[schema(value_type = String)]
    pub operator: Address,
    pub block: u64,
    #[schema(value_type = String)]
    pub transaction: B256,
    /// As the slasher wrote it, cut off after 1,024 characters.
    pub description: String,
    pub strategies: Vec<SlashedStrategyView>,
}

/// What a slash took of a strategy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SlashedStrategyView {
    #[schema(value_type = String)]
    pub strategy: Address,
    /// The share of the operator's max magnitude, of 1e18.
    #[schema(value_type = String)]
    pub wad_slashed: U256,
    #[schema(value_type = String)]
    pub shares: U256,
    /// The block in which they were paid to the set's recipient; absent while they wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleared_block: Option<u64>,
}

/// An entry of `GET /v1/withdrawals`, in the order in which they were queued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IndexedWithdrawal {
    #[schema(value_type = String)]
    pub root: B256,
    #[schema(value_type = String)]
    pub staker: Address,
    /// Whom the staker delegated to when it was queued.
    #[schema(value_type = String)]
    pub operator: Address,
    pub nonce: u64,
    pub start_block: u64,
    /// From which block on it can be completed.
    pub completable_block: u64,
    /// Absent while it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_block: Option<u64>,
    #[schema(value_type = String)]
    pub transaction: B256,
    pub strategies: Vec<QueuedSharesView>,
}

/// What a withdrawal holds of a strategy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueuedSharesView {
    #[schema(value_type = String)]
    pub strategy: Address,
    /// What they were worth when they were queued.
    #[schema(value_type = String)]
    pub queued_shares: U256,
    /// What they pay as of the answer's block: less if they were slashed since.
    #[schema(value_type = String)]
    pub shares: U256,
}
