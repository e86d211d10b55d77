//! What clients, dispersers and validators sign, apart from batch headers.
//!
//! keccak256 over a domain and fields one after another, except for the payment state's. `lp(x)` is a length of four bytes
//! and x; a list is a count of four bytes and its numbers; numbers are big-endian.

use alloy_primitives::{Address, B256, keccak256};
use sha2::{Digest, Sha256};
use vouch_coding::BlobCommitments;
use vouch_core::OperatorId;
use vouch_core::points;

use super::{BatchHeader, BlobCertificate, PaymentHeader};

/// A blob certificate with the payment header that its own header only has the hash of.
#[derive(Clone, Debug)]
pub struct PaidCertificate {
    pub certificate: BlobCertificate,
    pub payment: PaymentHeader,
}

/// Which chunks of a blob are asked of a relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chunks {
    Indices(Vec<u32>),
    /// From `start` to before `end`.
    Range {
        start: u32,
        end: u32,
    },
}

/// One request of a relay's GetChunks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkRequest {
    pub blob_key: B256,
    pub chunks: Chunks,
}

/// What a client signs beside the blob key, so that its blob is dispersed by one disperser on one chain only.
pub fn anchor(chain_id: u64, disperser_id: u32, blob_key: B256) -> B256 {
    let chain = B256::from(alloy_primitives::U256::from(chain_id));
    let domain = b"disperser.DisperseBlobRequest";
    keccak256([domain, chain.as_slice(), &disperser_id.to_be_bytes(), blob_key.as_slice()].concat())
}

/// A request for an account's payment state: keccak256(lp(account) ‖ timestamp).
pub fn payment_state_request(account: Address, timestamp_ns: u64) -> B256 {
    Preimage::default().bytes(account.as_slice()).u64(timestamp_ns).hash()
}

/// What an account signs to read its payment state: sha256 of [`payment_state_request`].
pub fn payment_state(account: Address, timestamp_ns: u64) -> B256 {
    B256::from_slice(&Sha256::digest(payment_state_request(account, timestamp_ns)))
}

/// What a disperser signs when it asks its controller whether a blob is paid for.
pub fn authorize_payment(header: &PaidCertificate) -> B256 {
    let preimage = Preimage::of(b"controller.AuthorizePaymentRequest").header(header);
    preimage.raw(&header.certificate.signature).hash()
}

/// What a disperser signs when it sends a batch to a validator. `timestamp`: Unix seconds.
pub fn store_chunks(batch: &BatchHeader, certificates: &[PaidCertificate], disperser_id: u32, timestamp: u32) -> B256 {
    let preimage = Preimage::of(b"validator.StoreChunksRequest").bytes(batch.batch_root.as_slice());
    let preimage = preimage.u64(u64::from(batch.reference_block_number)).count(certificates.len());
    let certificates = certificates.iter().fold(preimage, |preimage, paid| {
        preimage.header(paid).bytes(&paid.certificate.signature).numbers(&paid.certificate.relay_keys)
    });
    certificates.u32(disperser_id).u32(timestamp).hash()
}

/// What a validator signs when it asks a relay for chunks. The request's timestamp is not part of it.
pub fn get_chunks(operator: OperatorId, requests: &[ChunkRequest]) -> B256 {
    let preimage = Preimage::of(b"relay.GetChunksRequest").bytes(operator.0.as_slice()).count(requests.len());
    let preimage = requests.iter().fold(preimage, |preimage, request| match &request.chunks {
        Chunks::Indices(indices) => preimage.raw(b"i").bytes(request.blob_key.as_slice()).numbers(indices),
        Chunks::Range { start, end } => preimage.raw(b"r").bytes(request.blob_key.as_slice()).u32(*start).u32(*end),
    });
    preimage.hash()
}

/// Bytes to be hashed.
#[derive(Default)]
struct Preimage(Vec<u8>);

impl Preimage {
    fn of(domain: &[u8]) -> Self {
        Self(domain.to_vec())
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn u32(self, number: u32) -> Self {
        self.raw(&number.to_be_bytes())
    }

    fn u64(self, number: u64) -> Self {
        self.raw(&number.to_be_bytes())
    }

    /// Of something in memory, which is never so much that the count does not fit.
    fn count(self, count: usize) -> Self {
        self.u32(u32::try_from(count).unwrap_or(u32::MAX))
    }

    fn bytes(self, bytes: &[u8]) -> Self {
        self.count(bytes.len()).raw(bytes)
    }

    fn numbers(self, numbers: &[u32]) -> Self {
        numbers.iter().fold(self.count(numbers.len()), |preimage, number| preimage.u32(*number))
    }

    /// A blob header with its payment. The count of quorums is there twice.
    fn header(self, paid: &PaidCertificate) -> Self {
        let (header, payment) = (&paid.certificate.header, &paid.payment);
        let quorums: Vec<u32> = header.quorum_numbers.iter().copied().map(u32::from).collect();
        let preimage = self.u32(u32::from(header.version)).count(quorums.len()).numbers(&quorums);
        let preimage = preimage.commitments(&header.commitments).bytes(payment.account_id().as_bytes());
        preimage.raw(&payment.timestamp_ns.to_be_bytes()).bytes(&payment.cumulative_payment_bytes())
    }

    fn commitments(self, commitments: &BlobCommitments) -> Self {
        self.bytes(&points::g1_compressed(&commitments.commitment))
            .bytes(&points::g2_compressed(&commitments.length_commitment))
            .bytes(&points::g2_compressed(&commitments.length_proof))
            .u32(commitments.length)
    }

    fn hash(self) -> B256 {
        keccak256(self.0)
    }
}
