use alloy_primitives::{Address, B256, Bytes, U256};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /v1/calls`: a signed request and its payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CallRequest {
    pub request: Request,
    /// 65 bytes r, s, v over the EIP-712 digest of the request under the BatchRegistry's domain.
    #[schema(value_type = String)]
    pub client_signature: Bytes,
    #[schema(value_type = String)]
    pub payload: Bytes,
}

/// What a client asks for; `time` and `deadline` are Unix seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    #[schema(value_type = String)]
    pub app: B256,
    #[schema(value_type = String)]
    pub program_id: B256,
    #[schema(value_type = String)]
    pub client: Address,
    pub nonce: u64,
    #[schema(value_type = String)]
    pub payload_hash: B256,
    pub time: u64,
    pub seed_block: u64,
    pub deadline: u64,
    #[schema(value_type = String)]
    pub max_fee: U256,
}

/// One answer; `status` is 0 ok, 1 trap, 2 out of fuel, 3 output too large.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Exchange {
    #[schema(value_type = String)]
    pub request_id: B256,
    #[schema(value_type = String)]
    pub reads_hash: B256,
    pub status: u8,
    #[schema(value_type = String)]
    pub output_hash: B256,
    #[schema(value_type = String)]
    pub pre_state: B256,
    #[schema(value_type = String)]
    pub post_state: B256,
}

/// What the quorum signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    pub chain_id: u64,
    #[schema(value_type = String)]
    pub registry: Address,
    #[schema(value_type = String)]
    pub app: B256,
    pub operator_set_id: u32,
    #[schema(value_type = String)]
    pub profile_id: Address,
    #[schema(value_type = String)]
    pub program_id: B256,
    pub lane: u32,
    pub sequence: u64,
    #[schema(value_type = String)]
    pub parent: B256,
    #[schema(value_type = String)]
    pub exchanges_root: B256,
    pub exchange_count: u32,
    #[schema(value_type = String)]
    pub fees_root: B256,
    pub inbox_cursor: u64,
    #[schema(value_type = String)]
    pub data_commitment_x: U256,
    #[schema(value_type = String)]
    pub data_commitment_y: U256,
    pub data_length: u64,
    pub reference_timestamp: u32,
}

/// An affine point of G1; (0, 0) is infinity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct G1 {
    #[schema(value_type = String)]
    pub x: U256,
    #[schema(value_type = String)]
    pub y: U256,
}

/// An affine point of G2; each coordinate is [imaginary, real].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct G2 {
    #[schema(value_type = Vec<String>)]
    pub x: [U256; 2],
    #[schema(value_type = Vec<String>)]
    pub y: [U256; 2],
}

/// The quorum signature over a batch; the witnesses are the operators that did not sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Certificate {
    pub reference_timestamp: u32,
    #[schema(value_type = String)]
    pub message_hash: B256,
    pub signature: G1,
    pub apk: G2,
    pub non_signers: Vec<NonSigner>,
}

/// A member of the operator table that did not sign, with its Merkle proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NonSigner {
    pub index: u32,
    #[schema(value_type = Vec<String>)]
    pub proof: Vec<B256>,
    pub pubkey: G1,
    #[schema(value_type = Vec<String>)]
    pub weights: Vec<U256>,
}

/// A byte string by its length and the Merkle root over its pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SizedPages {
    pub length: u64,
    #[schema(value_type = String)]
    pub pages_root: B256,
}

/// Everything that shows that a quorum answered a request: enough to verify against the chain alone, and to consume there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    pub request: Request,
    #[schema(value_type = String)]
    pub client_signature: Bytes,
    pub payload: SizedPages,
    pub reads: SizedPages,
    pub exchange: Exchange,
    #[schema(value_type = String)]
    pub output: Bytes,
    /// The leaf's place in the batch.
    pub index: u32,
    #[schema(value_type = Vec<String>)]
    pub proof: Vec<B256>,
    pub batch: Batch,
    pub certificate: Certificate,
}
