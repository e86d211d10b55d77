use alloy_primitives::B256;
use vouch_api::Receipt;
use vouch_chain::bindings::wager::CertifiedExchange;
use vouch_chain::network::CertifiedAnswer;
use vouch_core::{Batch, Certificate, Domain, Exchange, Request, RequestId, Status, ecdsa, pages};

use super::Lie;

/// A receipt whose parts agree with each other and with one deployment. Who signed it is not known yet.
#[derive(Clone, Debug)]
pub struct CheckedReceipt {
    pub(super) request: Request,
    pub(super) exchange: Exchange,
    pub(super) batch: Batch,
    pub(super) certificate: Certificate,
    /// Whether it has no signature because it came through the forced inbox, as only the chain can confirm.
    pub(super) forced: bool,
}

impl CheckedReceipt {
    pub fn request_id(&self) -> RequestId {
        self.exchange.request_id
    }

    pub fn request(&self) -> &Request {
        &self.request
    }

    pub fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    pub fn batch(&self) -> &Batch {
        &self.batch
    }
}

/// Checks everything about a receipt that needs no chain.
///
/// # Errors
/// Names the first check that failed.
pub fn check(receipt: &Receipt, domain: &Domain) -> Result<CheckedReceipt, Lie> {
    let request: Request = receipt.request.clone().into();
    let exchange: Exchange = receipt.exchange.clone().try_into()?;
    let batch: Batch = receipt.batch.clone().into();
    let certificate: Certificate = receipt.certificate.clone().try_into()?;
    check_request(receipt, &request, &exchange, &batch, domain)?;
    check_contents(receipt, &request, &exchange)?;
    check_inclusion(receipt, &exchange, &batch)?;
    check_subject(&certificate, &batch)?;
    let forced = is_forced(receipt, &request);
    Ok(CheckedReceipt { request, exchange, batch, certificate, forced })
}

/// The client asked exactly this, of this program, under this deployment.
fn check_request(
    receipt: &Receipt,
    request: &Request,
    exchange: &Exchange,
    batch: &Batch,
    domain: &Domain,
) -> Result<(), Lie> {
    if batch.chain_id != domain.chain_id {
        return Err(Lie::AnotherChain { expected: domain.chain_id, found: batch.chain_id });
    }
    if batch.registry != domain.registry {
        return Err(Lie::AnotherRegistry { expected: domain.registry, found: batch.registry });
    }
    if request.app != batch.app {
        return Err(Lie::RequestOfAnotherApp { batch: batch.app.0, request: request.app.0 });
    }
    if request.program_id != batch.program_id {
        return Err(Lie::RequestOfAnotherProgram { batch: batch.program_id.0, request: request.program_id.0 });
    }
    let id = request.id();
    if exchange.request_id != id {
        return Err(Lie::RequestNotAnswered { answered: exchange.request_id.0, request: id.0 });
    }
    if is_forced(receipt, request) {
        return Ok(());
    }
    ecdsa::verify(request.digest(domain), &receipt.client_signature, request.client).map_err(Lie::ClientSignature)
}

/// Whether the receipt says that the request came through the forced inbox. No client signs nonces of the inbox.
fn is_forced(receipt: &Receipt, request: &Request) -> bool {
    receipt.client_signature.is_empty() && request.nonce >= vouch_core::FORCED_NONCE_FIRST
}

/// What was asked, read and answered is what the hashes say.
fn check_contents(receipt: &Receipt, request: &Request, exchange: &Exchange) -> Result<(), Lie> {
    if receipt.payload.hash() != request.payload_hash {
        return Err(Lie::Payload);
    }
    let nothing_read = receipt.reads.length == 0 && receipt.reads.pages_root.is_zero();
    let reads_hash = if nothing_read && exchange.reads_hash.is_zero() { B256::ZERO } else { receipt.reads.hash() };
    if reads_hash != exchange.reads_hash {
        return Err(Lie::Reads);
    }
    if exchange.status != Status::Ok && !receipt.output.is_empty() {
        return Err(Lie::OutputOfFailure { status: exchange.status.into() });
    }
    let found = if exchange.status == Status::Ok { pages::root(&receipt.output) } else { B256::ZERO };
    if found == exchange.output_hash { Ok(()) } else { Err(Lie::Output { expected: exchange.output_hash, found }) }
}

fn check_inclusion(receipt: &Receipt, exchange: &Exchange, batch: &Batch) -> Result<(), Lie> {
    if receipt.index >= batch.exchange_count {
        return Err(Lie::Index { index: receipt.index, count: batch.exchange_count });
    }
    if receipt.is_included(exchange, batch) { Ok(()) } else { Err(Lie::NotInBatch { index: receipt.index }) }
}

/// The certificate speaks of this batch, and both of one operator table.
fn check_subject(certificate: &Certificate, batch: &Batch) -> Result<(), Lie> {
    let hash = batch.hash();
    if certificate.message_hash != hash {
        return Err(Lie::CertificateOfAnotherBatch { certificate: certificate.message_hash.0, batch: hash.0 });
    }
    let (certificate, batch) = (certificate.reference_timestamp, batch.reference_timestamp);
    if certificate == batch { Ok(()) } else { Err(Lie::CertificateOfAnotherTable { certificate, batch }) }
}

/// The receipt as `VouchConsumer` takes it. Whether a contract may act on it is for [`super::verify`] to say.
///
/// # Errors
/// [`Lie::Malformed`] when the receipt names an unknown status.
pub fn certified_exchange(receipt: &Receipt) -> Result<CertifiedExchange, Lie> {
    let exchange: Exchange = receipt.exchange.clone().try_into()?;
    Ok(CertifiedExchange {
        batch: (&Batch::from(receipt.batch.clone())).into(),
        exchange: (&exchange).into(),
        index: receipt.index,
        proof: receipt.proof.clone(),
        request: (&Request::from(receipt.request.clone())).into(),
        clientSignature: receipt.client_signature.clone(),
        payloadLength: receipt.payload.length,
        payloadPagesRoot: receipt.payload.pages_root,
        readsLength: receipt.reads.length,
        readsPagesRoot: receipt.reads.pages_root,
        output: receipt.output.clone(),
    })
}

/// The same for [`vouch_chain::Network::show_game`], which wants the payload whole.
///
/// # Errors
/// [`Lie::Payload`] when `payload` is not what was asked.
pub fn certified_answer(receipt: &Receipt, payload: &[u8]) -> Result<CertifiedAnswer, Lie> {
    if pages::root(payload) != receipt.request.payload_hash {
        return Err(Lie::Payload);
    }
    Ok(CertifiedAnswer {
        batch: receipt.batch.clone().into(),
        exchange: receipt.exchange.clone().try_into()?,
        index: receipt.index,
        proof: receipt.proof.clone(),
        request: receipt.request.clone().into(),
        client_signature: receipt.client_signature.to_vec(),
        payload: payload.to_vec(),
        reads: Vec::new(),
        output: receipt.output.to_vec(),
    })
}
