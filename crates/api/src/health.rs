use std::collections::BTreeMap;

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /v1/health`: how this node is. It claims what it likes; a reader that decides by it has to look at the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    pub version: String,
    /// `gateway` or `executor`.
    pub roles: Vec<String>,
    #[schema(value_type = String)]
    pub address: Address,
    /// Seconds since the process started.
    pub uptime_seconds: u64,
    pub chain: ChainHealth,
    pub gateway: Option<GatewayHealth>,
    pub executor: Option<ExecutorHealth>,
    /// Lies that are kept here, by kind.
    pub evidence: BTreeMap<String, u64>,
}

/// What a node sees of the chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChainHealth {
    pub chain_id: u64,
    pub finalized_block: u64,
    /// Unix seconds.
    pub finalized_timestamp: u64,
    /// Seconds since the node last learned of a new finalized block.
    pub silence_seconds: u64,
    pub transactions_pending: u64,
    pub transactions_failed: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GatewayHealth {
    /// Calls that wait for a batch.
    pub calls_queued: u64,
    pub lanes: Vec<LaneHealth>,
}

/// A lane of which the node is the gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LaneHealth {
    #[schema(value_type = String)]
    pub app: B256,
    pub lane: u32,
    pub window: u32,
    /// As the finalized chain has it.
    pub cursor: u64,
    /// The sequence of the newest certified batch since the node started; zero if there is none.
    pub certified: u64,
    /// Certified batches beyond the finalized cursor.
    pub unposted: u64,
    /// How long the oldest of them has been certified.
    pub unposted_age_seconds: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExecutorHealth {
    /// Runtime ids that this machine runs.
    pub runtimes: Vec<String>,
    pub apps: Vec<ExecutorAppHealth>,
}

/// An app that the executor has joined, or is joining.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExecutorAppHealth {
    #[schema(value_type = String)]
    pub app: B256,
    /// The id of the BLS key.
    #[schema(value_type = String)]
    pub operator_id: B256,
    /// Whether some finalized table has shown this key.
    pub bonded: bool,
    /// Programs of the app that the operator accepts on chain.
    pub programs_accepted: u64,
    /// Requests that wait or run.
    pub requests: u64,
    pub last_signature: Option<LastSignature>,
}

/// The newest batch that a key signed since the node started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastSignature {
    pub lane: u32,
    pub sequence: u64,
    /// By the node's own clock, Unix milliseconds.
    pub at_ms: u64,
}
