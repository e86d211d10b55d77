//! Between the wire and the types that the protocol hashes. By hand: the wire may stay while the types change.

use alloy_primitives::{B256, Bytes, U256};
use vouch_core::bls::{PublicKeyG1, PublicKeyG2, Signature};
use vouch_core::types::UnknownStatus;
use vouch_core::{self as core, AppId, BatchHash, NonSignerWitness, OperatorInfo, ProgramId, RequestId, merkle, pages};

use crate::call::{Batch, Certificate, Exchange, G1, G2, NonSigner, Receipt, Request, SizedPages};

/// Why a part of an answer is not what it claims to be.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    #[error("a point is not on its curve")]
    Point(#[from] core::points::Error),
    #[error("a key or signature is infinity or outside its group")]
    Key(#[from] core::bls::Error),
    #[error(transparent)]
    Status(#[from] UnknownStatus),
    #[error("the chain id {0} does not fit 64 bits")]
    ChainId(U256),
}

impl From<Request> for core::Request {
    fn from(request: Request) -> Self {
        Self {
            app: AppId(request.app),
            program_id: ProgramId(request.program_id),
            client: request.client,
            nonce: request.nonce,
            payload_hash: request.payload_hash,
            time: request.time,
            seed_block: request.seed_block,
            deadline: request.deadline,
            max_fee: request.max_fee,
        }
    }
}

impl From<&core::Request> for Request {
    fn from(request: &core::Request) -> Self {
        Self {
            app: request.app.0,
            program_id: request.program_id.0,
            client: request.client,
            nonce: request.nonce,
            payload_hash: request.payload_hash,
            time: request.time,
            seed_block: request.seed_block,
            deadline: request.deadline,
            max_fee: request.max_fee,
        }
    }
}

impl TryFrom<Exchange> for core::Exchange {
    type Error = ConvertError;

    fn try_from(exchange: Exchange) -> Result<Self, ConvertError> {
        Ok(Self {
            request_id: RequestId(exchange.request_id),
            reads_hash: exchange.reads_hash,
            status: exchange.status.try_into()?,
            output_hash: exchange.output_hash,
            pre_state: exchange.pre_state,
            post_state: exchange.post_state,
        })
    }
}

impl From<&core::Exchange> for Exchange {
    fn from(exchange: &core::Exchange) -> Self {
        Self {
            request_id: exchange.request_id.0,
            reads_hash: exchange.reads_hash,
            status: exchange.status.into(),
            output_hash: exchange.output_hash,
            pre_state: exchange.pre_state,
            post_state: exchange.post_state,
        }
    }
}

impl From<Batch> for core::Batch {
    fn from(batch: Batch) -> Self {
        Self {
            chain_id: U256::from(batch.chain_id),
            registry: batch.registry,
            app: AppId(batch.app),
            operator_set_id: batch.operator_set_id,
            profile_id: batch.profile_id,
            program_id: ProgramId(batch.program_id),
            lane: batch.lane,
            sequence: batch.sequence,
            parent: BatchHash(batch.parent),
            exchanges_root: batch.exchanges_root,
            exchange_count: batch.exchange_count,
            fees_root: batch.fees_root,
            inbox_cursor: batch.inbox_cursor,
            data_commitment_x: batch.data_commitment_x,
            data_commitment_y: batch.data_commitment_y,
            data_length: batch.data_length,
            reference_timestamp: batch.reference_timestamp,
        }
    }
}

impl From<&core::Batch> for Batch {
    fn from(batch: &core::Batch) -> Self {
        Self {
            // Executors refuse batches of other chains, and chain ids of nodes are 64 bits.
            chain_id: batch.chain_id.saturating_to(),
            registry: batch.registry,
            app: batch.app.0,
            operator_set_id: batch.operator_set_id,
            profile_id: batch.profile_id,
            program_id: batch.program_id.0,
            lane: batch.lane,
            sequence: batch.sequence,
            parent: batch.parent.0,
            exchanges_root: batch.exchanges_root,
            exchange_count: batch.exchange_count,
            fees_root: batch.fees_root,
            inbox_cursor: batch.inbox_cursor,
            data_commitment_x: batch.data_commitment_x,
            data_commitment_y: batch.data_commitment_y,
            data_length: batch.data_length,
            reference_timestamp: batch.reference_timestamp,
        }
    }
}

impl From<[U256; 2]> for G1 {
    fn from([x, y]: [U256; 2]) -> Self {
        Self { x, y }
    }
}

impl TryFrom<Certificate> for core::Certificate {
    type Error = ConvertError;

    fn try_from(certificate: Certificate) -> Result<Self, ConvertError> {
        let [x, y] = [certificate.apk.x, certificate.apk.y];
        let non_signers = certificate.non_signers.into_iter().map(NonSignerWitness::try_from);
        Ok(Self {
            reference_timestamp: certificate.reference_timestamp,
            message_hash: BatchHash(certificate.message_hash),
            signature: Signature::from_words([certificate.signature.x, certificate.signature.y])?,
            apk: PublicKeyG2::from_words([x[0], x[1], y[0], y[1]])?,
            non_signers: non_signers.collect::<Result<_, _>>()?,
        })
    }
}

impl TryFrom<NonSigner> for NonSignerWitness {
    type Error = ConvertError;

    fn try_from(witness: NonSigner) -> Result<Self, ConvertError> {
        let pubkey = PublicKeyG1::from_words([witness.pubkey.x, witness.pubkey.y])?;
        let info = OperatorInfo { pubkey, weights: witness.weights };
        Ok(Self { index: witness.index, info, siblings: witness.proof })
    }
}

impl From<&core::Certificate> for Certificate {
    fn from(certificate: &core::Certificate) -> Self {
        let [x0, x1, y0, y1] = certificate.apk.to_words();
        let non_signers = certificate.non_signers.iter().map(|witness| NonSigner {
            index: witness.index,
            proof: witness.siblings.clone(),
            pubkey: witness.info.pubkey.to_words().into(),
            weights: witness.info.weights.clone(),
        });
        Self {
            reference_timestamp: certificate.reference_timestamp,
            message_hash: certificate.message_hash.0,
            signature: certificate.signature.to_words().into(),
            apk: G2 { x: [x0, x1], y: [y0, y1] },
            non_signers: non_signers.collect(),
        }
    }
}

impl SizedPages {
    fn of(bytes: &[u8]) -> Self {
        Self { length: bytes.len() as u64, pages_root: pages::merkle_root(bytes) }
    }

    /// What they are hashed to: `payloadHash`, `readsHash`.
    pub fn hash(&self) -> B256 {
        pages::page_root(self.length, self.pages_root)
    }
}

impl Receipt {
    /// A receipt of what was asked, what came out and where in the batch it stands.
    #[expect(clippy::too_many_arguments, reason = "a receipt has these parts")]
    pub fn new(
        request: &core::Request,
        client_signature: &Bytes,
        payload: &[u8],
        exchange: &core::Exchange,
        output: &Bytes,
        (index, proof): (u32, Vec<B256>),
        batch: &core::Batch,
        certificate: &core::Certificate,
    ) -> Self {
        Self {
            request: request.into(),
            client_signature: client_signature.clone(),
            payload: SizedPages::of(payload),
            reads: SizedPages { length: 0, pages_root: B256::ZERO },
            exchange: exchange.into(),
            output: output.clone(),
            index,
            proof,
            batch: batch.into(),
            certificate: certificate.into(),
        }
    }

    /// Whether the exchange is a leaf of the batch.
    pub fn is_included(&self, exchange: &core::Exchange, batch: &core::Batch) -> bool {
        let count = batch.exchange_count as usize;
        merkle::verify(&self.proof, batch.exchanges_root, exchange.leaf(), self.index as usize, count)
    }
}
