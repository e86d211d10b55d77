//! Showing an answer to a contract.

use alloy_primitives::{B256, Bytes};
use vouch_core::{Batch, Exchange, Request, pages};

use crate::bindings::wager;

/// One answer with everything that proves it to a contract that inherits `VouchConsumer`.
#[derive(Debug, Clone)]
pub struct CertifiedAnswer {
    /// The header of a batch that was posted with its own certificate.
    pub batch: Batch,
    pub exchange: Exchange,
    /// Where the exchange stands in the batch.
    pub index: u32,
    /// Its siblings from leaf to root.
    pub proof: Vec<B256>,
    pub request: Request,
    /// The client's signature over the request.
    pub client_signature: Vec<u8>,
    pub payload: Vec<u8>,
    /// What the program read from outside; empty without egress.
    pub reads: Vec<u8>,
    /// Empty unless the status is ok.
    pub output: Vec<u8>,
}

impl From<&CertifiedAnswer> for wager::CertifiedExchange {
    fn from(answer: &CertifiedAnswer) -> Self {
        Self {
            batch: (&answer.batch).into(),
            exchange: (&answer.exchange).into(),
            index: answer.index,
            proof: answer.proof.clone(),
            request: (&answer.request).into(),
            clientSignature: Bytes::copy_from_slice(&answer.client_signature),
            payloadLength: answer.payload.len() as u64,
            payloadPagesRoot: pages::merkle_root(&answer.payload),
            readsLength: answer.reads.len() as u64,
            readsPagesRoot: pages::merkle_root(&answer.reads),
            output: Bytes::copy_from_slice(&answer.output),
        }
    }
}
