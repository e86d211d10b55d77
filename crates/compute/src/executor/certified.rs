//! Round 3 and afterwards: keep batches, serve them, say what is held of whose.

use std::sync::Arc;

use alloy_primitives::Bytes;
use vouch_core::{BatchData, BatchHash, RequestId};

use super::store::SlotRecord;
use super::{Inner, blocking};
use crate::evidence::SignedHeader;
use crate::gateway::receipt::{self, Receipt, Receipts};
use crate::lane::LaneKey;
use crate::lane::slots::Slots;
use crate::quorum;
use crate::store::Error;
use crate::wire::{Answer, CertifyCall, HOLDINGS_MAX, Holding, Refusal, SLOTS_MAX, Signer, SlotsCall};

/// Batches removed at a time at most.
const PRUNE_MAX: usize = 256;

/// Answers a round 3 call.
///
/// What this executor signed itself is kept on credit, without a pairing: the certificate is checked by whoever uses it.
/// Anything else, and any second version, is kept only if the certificate holds.
pub async fn certify(inner: &Arc<Inner>, call: CertifyCall) -> Result<Answer, Refusal> {
    let inner = Arc::clone(inner);
    blocking(inner.machine.clone(), move || {
        let failed = |error: Error| inner.store_failed(&error);
        let hash = call.header.hash();
        let kept = inner.store().certified(hash).map_err(failed)?;
        if kept.as_ref().is_some_and(|kept| kept.signatures == call.signatures) {
            return Ok(Answer::Kept);
        }
        check_gateway(&inner, &call)?;
        let own = inner.store().slot(LaneKey::of(&call.header), call.header.sequence).map_err(failed)?;
        if kept.is_some() || own.is_none_or(|record| record.header != call.header) {
            check_certificate(&inner, &call)?;
        }
        check_data(&inner, hash, &call)?;
        inner.store().keep_certified(hash, &call, &holdings(&inner, &call)).map_err(failed)?;
        Ok(Answer::Kept)
    })
    .await
}

/// A batch of an earlier gateway may be certified after it left.
fn check_gateway(inner: &Inner, call: &CertifyCall) -> Result<(), Refusal> {
    let signed = SignedHeader { header: call.header.clone(), gateway_signature: call.gateway_signature };
    inner.check_any_gateway(LaneKey::of(&call.header), &signed)
}

fn check_certificate(inner: &Inner, call: &CertifyCall) -> Result<(), Refusal> {
    let (chain, header) = (&inner.chain, &call.header);
    let app = chain.app(header.app).ok_or(Refusal::UnknownApp)?;
    let release = chain.release(header.app, header.program_id).ok_or(Refusal::UnknownProgram)?;
    let table = chain.table(header.app, release.table, header.reference_timestamp);
    let table = table.ok_or(Refusal::UnknownTable(header.reference_timestamp))?;
    let verified = quorum::assemble(&table, header, &call.signatures);
    let verified = verified.map_err(|error| Refusal::WrongCertificate(error.to_string()))?;
    let enough = verified.reaches(app.threshold_bips);
    if enough { Ok(()) } else { Err(Refusal::WrongCertificate("too little weight signed".into())) }
}

/// The data must be there, ours or sent along, and be what the header commits to.
fn check_data(inner: &Inner, hash: BatchHash, call: &CertifyCall) -> Result<(), Refusal> {
    let Some(data) = &call.data else {
        let have = inner.store().data(hash).map_err(|error| inner.store_failed(&error))?.is_some();
        return if have { Ok(()) } else { Err(Refusal::DataUnknown) };
    };
    let wrong = |reason: &str| Refusal::MalformedData(reason.into());
    let decoded = BatchData::decode(data).map_err(|error| Refusal::MalformedData(error.to_string()))?;
    let root = decoded.exchanges_root();
    if root != call.header.exchanges_root || data.len() as u64 != call.header.data_length {
        return Err(wrong("it is not the data of this batch"));
    }
    Ok(())
}

/// What this batch holds of whom: every single signature, and the gateway's.
fn holdings(inner: &Inner, call: &CertifyCall) -> Vec<(Signer, Holding)> {
    let holding = |signature: Bytes| Holding { header: call.header.clone(), signature };
    let own = inner.memory.operator;
    let singles = call.signatures.iter().filter(|single| single.operator != own);
    let mut holdings: Vec<_> = singles
        .map(|single| (Signer::Operator(single.operator), holding(Bytes::copy_from_slice(single.signature.as_slice()))))
        .collect();
    let signed = SignedHeader { header: call.header.clone(), gateway_signature: call.gateway_signature };
    if let Some(gateway) = signed.signer() {
        let signature = Bytes::copy_from_slice(call.gateway_signature.as_slice());
        holdings.push((Signer::Gateway(gateway), holding(signature)));
    }
    holdings
}

/// The newest batch of each lane that carries the signer's signature.
pub async fn held(inner: &Arc<Inner>, signer: Signer) -> Result<Answer, Refusal> {
    let inner = Arc::clone(inner);
    blocking(inner.machine.clone(), move || {
        let failed = |error: Error| inner.store_failed(&error);
        let mut holdings = inner.store().held(signer, HOLDINGS_MAX).map_err(failed)?;
        if let Signer::Gateway(gateway) = signer {
            for newer in proposed_by(&inner, gateway).map_err(failed)? {
                holdings.retain(|held| {
                    LaneKey::of(&held.header) != LaneKey::of(&newer.header)
                        || held.header.sequence > newer.header.sequence
                });
                if holdings.len() < HOLDINGS_MAX
                    && holdings.iter().all(|held| LaneKey::of(&held.header) != LaneKey::of(&newer.header))
                {
                    holdings.push(newer);
                }
            }
        }
        Ok(Answer::Held(holdings))
    })
    .await
}

/// The newest slot of every lane that this gateway signed: proposals that were never certified count too. What another
/// epoch's gateway proposed behind them does not hide them.
fn proposed_by(inner: &Inner, gateway: alloy_primitives::Address) -> Result<Vec<Holding>, Error> {
    let mut holdings = Vec::new();
    for lane in lanes(inner) {
        let Some(state) = inner.chain.lane(lane) else { continue };
        // Below the cursor nothing can be signed again, so only what is above it can be asked about in earnest.
        let mut records = inner.store().slots_after(lane, state.cursor, state.window as usize)?;
        if records.is_empty() {
            records.extend(inner.store().newest_slot(lane)?);
        }
        let own = records.iter().rev().map(SlotRecord::signed_header).find(|signed| signed.signer() == Some(gateway));
        holdings.extend(own.map(|signed| Holding {
            signature: Bytes::copy_from_slice(signed.gateway_signature.as_slice()),
            header: signed.header,
        }));
    }
    Ok(holdings)
}

/// A certified batch with its data.
pub async fn batch(inner: &Arc<Inner>, hash: BatchHash) -> Result<Answer, Refusal> {
    let inner = Arc::clone(inner);
    blocking(inner.machine.clone(), move || {
        let found = inner.store().certified(hash).map_err(|error| inner.store_failed(&error))?;
        Ok(Answer::Batch(found.map(Box::new)))
    })
    .await
}

/// The receipt of an entry of the forced inbox that a certified batch answers. Blocks.
pub fn forced_receipt(inner: &Inner, request: RequestId) -> Result<Option<Receipt>, Refusal> {
    let failed = |error: Error| inner.store_failed(&error);
    let Some(hash) = inner.store().forced_batch(request).map_err(failed)? else { return Ok(None) };
    let Some(call) = inner.store().certified(hash).map_err(failed)? else { return Ok(None) };
    let (header, signatures) = (call.header, call.signatures);
    let Some(data) = call.data else { return Ok(None) };
    let chain = &inner.chain;
    let release = chain.release(header.app, header.program_id).ok_or(Refusal::UnknownProgram)?;
    let table = chain.table(header.app, release.table, header.reference_timestamp);
    let table = table.ok_or(Refusal::UnknownTable(header.reference_timestamp))?;
    let certificate = quorum::assemble(&table, &header, &signatures);
    let certificate = certificate.map_err(|error| Refusal::WrongCertificate(error.to_string()))?;
    let malformed = |error: receipt::Error| Refusal::MalformedData(error.to_string());
    let receipts = Receipts::new(header, &data, certificate).map_err(malformed)?;
    receipts.of(request).map_err(malformed)
}

/// The reserved slots of a lane. An asker of a later epoch than ours is not answered yet: we might still sign for the
/// gateway before it.
pub async fn slots(inner: &Arc<Inner>, call: SlotsCall) -> Result<Answer, Refusal> {
    let lane = inner.chain.lane(call.lane).ok_or(Refusal::UnknownLane)?;
    if lane.epoch < call.epoch {
        return Err(Refusal::NotReady(format!("epoch {} of the lane is not final here yet", call.epoch)));
    }
    let inner = Arc::clone(inner);
    blocking(inner.machine.clone(), move || {
        let found = inner.store().slots_after(call.lane, call.after, SLOTS_MAX);
        let records = found.map_err(|error| inner.store_failed(&error))?;
        Ok(Answer::Slots(records.iter().map(SlotRecord::signed_header).collect()))
    })
    .await
}

/// What a batch that was signed here was proposed with.
pub async fn data(inner: &Arc<Inner>, hash: BatchHash) -> Result<Answer, Refusal> {
    let inner = Arc::clone(inner);
    blocking(inner.machine.clone(), move || {
        inner.store().content(hash).map(Answer::Data).map_err(|error| inner.store_failed(&error))
    })
    .await
}

/// Moves floors on, removes expired slots and puts on disk what was written without waiting.
pub fn housekeep(inner: &Inner) -> Result<(), Error> {
    inner.standings.advance();
    let clock = inner.chain.clock();
    for lane in lanes(inner) {
        if let Some(state) = inner.chain.lane(lane) {
            inner.store().prune(lane, state.cursor, clock)?;
        }
    }
    inner.store().prune_batches(clock.saturating_sub(inner.config.retention.as_secs()), PRUNE_MAX)?;
    inner.store().flush()
}

fn lanes(inner: &Inner) -> impl Iterator<Item = LaneKey> {
    let apps = inner.chain.apps().into_iter();
    apps.flat_map(|(app, lanes)| (1..=lanes).map(move |lane| LaneKey { app, lane }))
}
