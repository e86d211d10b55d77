use alloy_primitives::{Address, B256, U256};
use serde::{Deserialize, Serialize};

use crate::ids::{AppId, BatchHash, ProgramId, RequestId, Slot};
use crate::types::Domain;
use crate::words::{TypeString, Words};

/// How a run ended. Nothing else is ever signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Status {
    #[default]
    Ok = 0,
    Trap = 1,
    OutOfFuel = 2,
    OutputTooLarge = 3,
}

/// A number that names no [`Status`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no status; they go from 0 to 3")]
pub struct UnknownStatus(pub u8);

impl TryFrom<u8> for Status {
    type Error = UnknownStatus;

    fn try_from(number: u8) -> Result<Self, UnknownStatus> {
        [Self::Ok, Self::Trap, Self::OutOfFuel, Self::OutputTooLarge]
            .get(usize::from(number))
            .copied()
            .ok_or(UnknownStatus(number))
    }
}

impl From<Status> for u8 {
    fn from(status: Status) -> u8 {
        status as u8
    }
}

/// One answer: a leaf of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Exchange {
    pub request_id: RequestId,
    /// The page root of what the program read from outside; zero without egress.
    pub reads_hash: B256,
    pub status: Status,
    /// The page root of the output; zero unless the status is ok.
    pub output_hash: B256,
    pub pre_state: B256,
    pub post_state: B256,
}

static EXCHANGE_TYPE: TypeString = TypeString::new(
    "Exchange(bytes32 requestId,bytes32 readsHash,uint8 status,bytes32 outputHash,bytes32 preState,bytes32 postState)",
);

impl Exchange {
    /// The exchange's leaf in the batch's Merkle tree.
    pub fn leaf(&self) -> B256 {
        Words::typed(&EXCHANGE_TYPE)
            .bytes32(self.request_id.0)
            .bytes32(self.reads_hash)
            .uint(u8::from(self.status))
            .bytes32(self.output_hash)
            .bytes32(self.pre_state)
            .bytes32(self.post_state)
            .hash()
    }
}

/// What the quorum signs: the header of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Batch {
    pub chain_id: U256,
    /// The BatchRegistry.
    pub registry: Address,
    pub app: AppId,
    pub operator_set_id: u32,
    /// The Profile contract whose windows and bonds apply.
    pub profile_id: Address,
    pub program_id: ProgramId,
    pub lane: u32,
    pub sequence: u64,
    /// Zero if there is none.
    pub parent: BatchHash,
    /// The Merkle root of the exchanges' leaves.
    pub exchanges_root: B256,
    pub exchange_count: u32,
    pub fees_root: B256,
    pub inbox_cursor: u64,
    /// The affine x of the KZG commitment of the batch's blob.
    pub data_commitment_x: U256,
    pub data_commitment_y: U256,
    /// The length of the batch data, bytes.
    pub data_length: u64,
    /// The operator table's block time, Unix seconds.
    pub reference_timestamp: u32,
}

static BATCH_TYPE: TypeString = TypeString::new(
    "Batch(uint256 chainId,address registry,bytes32 app,uint32 operatorSetId,address profileId,\
    bytes32 programId,uint32 lane,uint64 sequence,bytes32 parent,bytes32 exchangesRoot,uint32 exchangeCount,\
    bytes32 feesRoot,uint64 inboxCursor,uint256 dataCommitmentX,uint256 dataCommitmentY,uint64 dataLength,\
    uint32 referenceTimestamp)",
);

impl Batch {
    pub fn hash(&self) -> BatchHash {
        let words = Words::typed(&BATCH_TYPE)
            .uint256(self.chain_id)
            .address(self.registry)
            .bytes32(self.app.0)
            .uint(self.operator_set_id)
            .address(self.profile_id)
            .bytes32(self.program_id.0)
            .uint(self.lane)
            .uint(self.sequence)
            .bytes32(self.parent.0)
            .bytes32(self.exchanges_root)
            .uint(self.exchange_count)
            .bytes32(self.fees_root)
            .uint(self.inbox_cursor)
            .uint256(self.data_commitment_x)
            .uint256(self.data_commitment_y)
            .uint(self.data_length)
            .uint(self.reference_timestamp);
        BatchHash(words.hash())
    }

    /// The slot that this header claims.
    pub fn slot(&self) -> Slot {
        Slot {
            chain_id: self.chain_id,
            registry: self.registry,
            app: self.app,
            operator_set_id: self.operator_set_id,
            lane: self.lane,
            sequence: self.sequence,
        }
    }

    /// The domain under which the clients of this batch signed.
    pub fn domain(&self) -> Domain {
        Domain { chain_id: self.chain_id, registry: self.registry }
    }
}
