use alloy_primitives::{Address, B256, U256};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /v1/status`: what this node is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    pub version: String,
    /// `gateway`, `executor`, `api`.
    pub roles: Vec<String>,
    pub chain_id: u64,
    #[schema(value_type = String)]
    pub registry: Address,
    #[schema(value_type = String)]
    pub app_controller: Address,
    /// The address that signs as this node: the gateway's key or the operator's.
    #[schema(value_type = String)]
    pub address: Address,
    pub clock: Clock,
}

/// `GET /v1/clock`: the finalized chain's clock, from which clients take a request's time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Clock {
    /// Unix seconds: the latest finalized block's timestamp plus the time since the node learned of it.
    pub time: u64,
    pub finalized_block: u64,
    pub finalized_timestamp: u64,
}

/// `GET /v1/apps`: an app that this gateway serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppView {
    #[schema(value_type = String)]
    pub app: B256,
    #[schema(value_type = String)]
    pub owner: Address,
    #[schema(value_type = String)]
    pub profile: Address,
    pub operator_set_id: u32,
    pub threshold_bips: u16,
    #[schema(value_type = String)]
    pub slash_vault: Address,
    pub lanes: Vec<LaneView>,
    pub releases: Vec<ReleaseView>,
    pub operators: Vec<OperatorView>,
    /// The newest operator table's timestamp; zero if there is none.
    pub reference_timestamp: u32,
    /// Total weights of that table, per strategy; the first is the primary one.
    #[schema(value_type = Vec<String>)]
    pub total_weights: Vec<U256>,
    /// Whether calls of wasm programs can be certified now; each release says it of its own.
    pub ready: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LaneView {
    pub lane: u32,
    #[schema(value_type = String)]
    pub gateway: Address,
    pub window: u32,
    pub cursor: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseView {
    #[schema(value_type = String)]
    pub program_id: B256,
    pub runtime: String,
    #[schema(value_type = String)]
    pub artifact_digest: B256,
    pub interface_name: String,
    pub published_at: u64,
    /// Under which table its answers are signed: zero for that of all wasm programs, else the programId.
    #[schema(value_type = String)]
    pub table: B256,
    /// That table's newest timestamp; zero if there is none.
    pub reference_timestamp: u32,
    /// Who stands in that table.
    pub operators: Vec<OperatorView>,
    /// Total weights of that table, per strategy; the first is the primary one.
    #[schema(value_type = Vec<String>)]
    pub total_weights: Vec<U256>,
    /// The primary weight that must sign; zero while there is no table.
    #[schema(value_type = String)]
    pub threshold_weight: U256,
    /// The operators that accept the program, and so will stand in its next table; wasm programs need none.
    #[schema(value_type = Vec<String>)]
    pub accepters: Vec<Address>,
    /// Whether its calls can be certified now.
    pub ready: bool,
    /// What an answer rests on.
    pub label: String,
}

/// A member of an app's newest operator table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperatorView {
    #[schema(value_type = String)]
    pub operator: Address,
    #[schema(value_type = Vec<String>)]
    pub weights: Vec<U256>,
}

impl ReleaseView {
    /// Whether only operators that accepted it count: it has a table of its own.
    #[must_use]
    pub fn needs_acceptance(&self) -> bool {
        !self.table.is_zero()
    }
}
