//! The signed records, field for field as `contracts/src/libraries/VouchTypes.sol`, and their EIP-712 struct hashes.

use alloy_primitives::{Address, B256, U256, keccak256};
use serde::{Deserialize, Serialize};

use crate::ids::{AppId, ProgramId, RequestId};
use crate::words::{TypeString, Words};

mod batch;
mod charge;
mod program;

pub use batch::{Batch, Exchange, Status, UnknownStatus};
pub use charge::Charge;
pub use program::{Limits, Program};

/// What a client asks for. The client signs [`Request::digest`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Request {
    pub app: AppId,
    pub program_id: ProgramId,
    /// Whose signature counts.
    pub client: Address,
    pub nonce: u64,
    /// The page root of the payload, see [`crate::pages`].
    pub payload_hash: B256,
    /// What the program sees as now, Unix seconds.
    pub time: u64,
    /// The block whose randomness seeds the run; zero: the request id alone.
    pub seed_block: u64,
    /// The last moment at which an answer counts, Unix seconds.
    pub deadline: u64,
    /// In the smallest unit of the app's fee token.
    pub max_fee: U256,
}

static REQUEST_TYPE: TypeString = TypeString::new(
    "Request(bytes32 app,bytes32 programId,address client,uint64 nonce,bytes32 payloadHash,uint64 time,\
    uint64 seedBlock,uint64 deadline,uint256 maxFee)",
);

impl Request {
    /// The length of [`Request::encode`].
    pub const ENCODED_LEN: usize = 9 * 32;

    pub fn id(&self) -> RequestId {
        RequestId(self.words(Words::typed(&REQUEST_TYPE)).hash())
    }

    /// What the client signs: the EIP-712 digest under the domain of the deployment's BatchRegistry.
    pub fn digest(&self, domain: &Domain) -> B256 {
        self.id().signing_digest(domain.separator())
    }

    /// Nine words, as `abi.encode`.
    pub fn encode(&self) -> Vec<u8> {
        self.words(Words::default()).finish()
    }

    fn words(&self, words: Words) -> Words {
        words
            .bytes32(self.app.0)
            .bytes32(self.program_id.0)
            .address(self.client)
            .uint(self.nonce)
            .bytes32(self.payload_hash)
            .uint(self.time)
            .uint(self.seed_block)
            .uint(self.deadline)
            .uint256(self.max_fee)
    }
}

/// Binds signatures to one deployment: EIP-712 name `Vouch`, version `1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Domain {
    pub chain_id: U256,
    /// The BatchRegistry.
    pub registry: Address,
}

static DOMAIN_TYPE: TypeString =
    TypeString::new("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");

impl Domain {
    pub fn separator(&self) -> B256 {
        Words::typed(&DOMAIN_TYPE).hashed(b"Vouch").hashed(b"1").uint256(self.chain_id).address(self.registry).hash()
    }

    /// What is signed of a struct under this domain.
    pub fn digest(&self, struct_hash: B256) -> B256 {
        signed_digest(self.separator(), struct_hash)
    }
}

impl RequestId {
    /// [`Request::digest`], for who has the id and the domain's separator.
    pub fn signing_digest(self, separator: B256) -> B256 {
        signed_digest(separator, self.0)
    }
}

/// keccak256(0x1901 ‖ separator ‖ struct hash).
fn signed_digest(separator: B256, struct_hash: B256) -> B256 {
    keccak256([&[0x19, 0x01], separator.as_slice(), struct_hash.as_slice()].concat())
}
