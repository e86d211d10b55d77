//! What a caller gets: the answer with everything needed to check it without trusting the gateway.

use std::sync::Arc;

use alloy_primitives::{B256, Bytes, keccak256};
use vouch_core::{
    Batch, BatchData, Certificate, Entry, Exchange, Request, RequestId, VerifiedCertificate, batch_data, merkle,
};

/// One certified answer.
#[derive(Clone, Debug)]
pub struct Receipt {
    pub request: Request,
    /// The client's EIP-712 signature.
    pub client_signature: Bytes,
    pub payload: Bytes,
    pub exchange: Exchange,
    pub output: Bytes,
    /// The leaf's index in the batch.
    pub index: u32,
    /// Siblings from the leaf to the root.
    pub proof: Vec<B256>,
    pub certified: Arc<Certified>,
}

/// What all receipts of a batch share.
#[derive(Clone, Debug)]
pub struct Certified {
    pub batch: Batch,
    pub certificate: Certificate,
}

/// Why no receipt can be made from what is stored.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the stored batch data is malformed")]
    Data(#[from] batch_data::Error),
    #[error("the stored batch has no leaf {0}")]
    Index(u32),
}

/// A certified batch, ready to hand out receipts: the tree is built once for all of them.
pub struct Receipts {
    certified: Arc<Certified>,
    entries: Vec<Entry>,
    layers: Vec<Vec<B256>>,
}

impl Receipts {
    pub fn new(batch: Batch, data: &[u8], certificate: VerifiedCertificate) -> Result<Self, Error> {
        let certificate = certificate.into_certificate();
        let data = BatchData::decode(data)?;
        let layers = layers(data.leaves());
        Ok(Self { certified: Arc::new(Certified { batch, certificate }), entries: data.into_entries(), layers })
    }

    /// The receipt of a request, if the batch answers it.
    pub fn of(&self, request: RequestId) -> Result<Option<Receipt>, Error> {
        let found = (0u32..).zip(&self.entries).find(|(_, entry)| entry.request.id() == request);
        found.map(|(index, _)| self.receipt(index)).transpose()
    }

    pub fn receipt(&self, index: u32) -> Result<Receipt, Error> {
        let at = index as usize;
        let entry = self.entries.get(at).ok_or(Error::Index(index))?;
        let siblings = self.layers.iter().enumerate();
        let proof = siblings.take(self.layers.len() - 1).map(|(level, layer)| layer[(at >> level) ^ 1]).collect();
        Ok(Receipt {
            request: entry.request.clone(),
            client_signature: entry.signature.clone(),
            payload: entry.payload.clone(),
            exchange: entry.exchange(),
            output: entry.output.clone(),
            index,
            proof,
            certified: Arc::clone(&self.certified),
        })
    }
}

impl Receipt {
    /// Whether the exchange is in the batch. The certificate has to be checked beside.
    pub fn is_included(&self) -> bool {
        let batch = &self.certified.batch;
        let (index, count) = (self.index as usize, batch.exchange_count as usize);
        merkle::verify(&self.proof, batch.exchanges_root, self.exchange.leaf(), index, count)
    }
}

/// All layers of the padded tree, leaves first, root last.
fn layers(leaves: Vec<B256>) -> Vec<Vec<B256>> {
    let mut layer = leaves;
    layer.resize(layer.len().next_power_of_two(), B256::ZERO);
    let mut layers = vec![layer];
    while let Some(below) = layers.last().filter(|layer| layer.len() > 1) {
        let above = below.chunks_exact(2).map(|pair| keccak256([pair[0], pair[1]].concat())).collect();
        layers.push(above);
    }
    layers
}
