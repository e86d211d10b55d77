//! Headers and their hashes: keccak256 over Solidity's `abi.encode`, so that contracts can make them too.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::{SolValue, sol};
use vouch_coding::BlobCommitments;
use vouch_core::points::{self, G2Affine};

pub mod certificate;
pub mod digest;
pub mod inclusion;

pub use certificate::Certificate;

sol! {
    struct SolPaymentHeader {
        string accountId;
        int64 timestamp;
        uint256 cumulativePayment;
    }

    struct SolG1Point {
        uint256 x;
        uint256 y;
    }

    struct SolG2Point {
        uint256[2] x;
        uint256[2] y;
    }

    struct SolBlobCommitment {
        SolG1Point commitment;
        SolG2Point lengthCommitment;
        SolG2Point lengthProof;
        uint32 length;
    }

    struct SolBatchHeader {
        bytes32 batchRoot;
        uint32 referenceBlockNumber;
    }
}

/// How a client's signature of a blob is written: r ‖ s ‖ v with v of 0 or 1.
pub const SIGNATURE_LEN: usize = 65;

/// What a client pays with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaymentHeader {
    pub account: Address,
    /// Unix nanoseconds.
    pub timestamp_ns: i64,
    /// All that the account has paid on demand so far, this blob included, wei; zero under a reservation.
    pub cumulative_payment: U256,
}

/// What identifies a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobHeader {
    pub version: u16,
    /// Ascending.
    pub quorum_numbers: Vec<u8>,
    pub commitments: BlobCommitments,
    pub payment_header_hash: B256,
}

/// A blob header with its client's signature, and where the blob can be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobCertificate {
    pub header: BlobHeader,
    /// [`SIGNATURE_LEN`] bytes; not checked by contracts.
    pub signature: Bytes,
    pub relay_keys: Vec<u32>,
}

/// What validators sign: blobs by their root, and as of which block the stakes count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    pub batch_root: B256,
    pub reference_block_number: u32,
}

impl PaymentHeader {
    /// keccak256(abi.encode((account id, timestamp, cumulative payment))); the account id is the checksummed address.
    pub fn hash(&self) -> B256 {
        let (account, cumulative) = (self.account_id(), self.cumulative_payment);
        let header =
            SolPaymentHeader { accountId: account, timestamp: self.timestamp_ns, cumulativePayment: cumulative };
        keccak256(header.abi_encode())
    }

    /// As it is written on the wire: 0x and forty digits in EIP-55's mixed case.
    pub fn account_id(&self) -> String {
        self.account.to_checksum(None)
    }

    /// As it is written on the wire: big-endian without leading zeros, so nothing at all for zero.
    pub fn cumulative_payment_bytes(&self) -> Vec<u8> {
        self.cumulative_payment.to_be_bytes_trimmed_vec()
    }
}

impl BlobHeader {
    /// The blob key: keccak256(abi.encode(inner hash, payment header's hash)).
    pub fn blob_key(&self) -> B256 {
        let quorums = Bytes::copy_from_slice(&self.quorum_numbers);
        let inner = keccak256((self.version, quorums, commitments(&self.commitments)).abi_encode_params());
        keccak256((inner, self.payment_header_hash).abi_encode_params())
    }
}

impl BlobCertificate {
    /// keccak256(abi.encode(blob key, signature, relay keys)).
    pub fn hash(&self) -> B256 {
        let parts = (self.header.blob_key(), self.signature.clone(), self.relay_keys.clone());
        keccak256(parts.abi_encode_params())
    }
}

impl BatchHeader {
    /// The message that validators sign: keccak256(abi.encode((root, reference block))).
    pub fn hash(&self) -> B256 {
        let (root, block) = (self.batch_root, self.reference_block_number);
        keccak256(SolBatchHeader { batchRoot: root, referenceBlockNumber: block }.abi_encode())
    }
}

fn commitments(commitments: &BlobCommitments) -> SolBlobCommitment {
    let [x, y] = points::g1_words(&commitments.commitment);
    SolBlobCommitment {
        commitment: SolG1Point { x, y },
        lengthCommitment: g2(&commitments.length_commitment),
        lengthProof: g2(&commitments.length_proof),
        length: commitments.length,
    }
}

fn g2(point: &G2Affine) -> SolG2Point {
    let [x_imaginary, x_real, y_imaginary, y_real] = points::g2_words(point);
    SolG2Point { x: [x_imaginary, x_real], y: [y_imaginary, y_real] }
}
