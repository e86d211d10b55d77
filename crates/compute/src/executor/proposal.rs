//! Round 2: check everything, reserve, sign.

use std::sync::Arc;

use alloy_primitives::Bytes;
use vouch_coding::{DataCommitment, Srs};
use vouch_core::{Batch, BatchData, BatchHash, Entry, Origin, RequestId, merkle};

use super::results::Ran;
use super::store::{Reservation, SlotRecord};
use super::{Inner, blocking, funds, header, round};
use crate::evidence::{Evidence, SignedHeader};
use crate::fees::book::Draft;
use crate::lane::LaneKey;
use crate::lane::slots::Slots;
use crate::observe::Event;
use crate::wire::{Answer, Opening, ProposeCall, ProposedData, Refusal, SignedRequest};

/// Answers a round 2 call, whoever brings it: what counts is the gateway's signature under the header. A proposal that its
/// gateway signed and that must not be signed is kept as evidence.
pub async fn propose(inner: &Arc<Inner>, call: ProposeCall) -> Result<Answer, Refusal> {
    check_any_gateway(inner, &call)?;
    if let Some(answer) = earlier(inner, &call).await? {
        return Ok(answer);
    }
    check_gateway(inner, &call)?;
    let proposal = SignedHeader { header: call.header.clone(), gateway_signature: call.gateway_signature };
    let answer = judge(inner, call).await;
    if let Err(refusal) = &answer
        && refusal.is_lie()
    {
        inner.keep_evidence(&Evidence::RefusedProposal { proposal, refusal: refusal.clone() });
    }
    answer
}

/// Only gateways of the lane, of this epoch or an earlier one; checked first, so that nobody else can make us work or keep
/// anything.
fn check_any_gateway(inner: &Inner, call: &ProposeCall) -> Result<(), Refusal> {
    inner.check_any_gateway(LaneKey::of(&call.header), &signed_header(call))
}

/// Only the gateway of this epoch proposes what is not signed yet, and only while its bond suffices.
fn check_gateway(inner: &Inner, call: &ProposeCall) -> Result<(), Refusal> {
    let lane = inner.chain.lane(LaneKey::of(&call.header)).ok_or(Refusal::UnknownLane)?;
    if signed_header(call).signer() != Some(lane.gateway) {
        return Err(Refusal::WrongGateway);
    }
    lane.check_bond()
}

/// A slot that is reserved already: the same bytes are signed again, others are evidence.
async fn earlier(inner: &Arc<Inner>, call: &ProposeCall) -> Result<Option<Answer>, Refusal> {
    let (inner, second) = (Arc::clone(inner), signed_header(call));
    blocking(inner.machine.clone(), move || {
        let lane = LaneKey::of(&second.header);
        let found = inner.store().slot(lane, second.header.sequence).map_err(|error| inner.store_failed(&error))?;
        match found {
            None => Ok(None),
            Some(record) if record.header == second.header => Ok(Some(sign(&inner, &second.header))),
            Some(record) => Err(taken(&inner, &record, second)),
        }
    })
    .await
}

async fn judge(inner: &Arc<Inner>, call: ProposeCall) -> Result<Answer, Refusal> {
    let cursor = check_header(inner, &call)?;
    let (checker, lane, sequence) = (Arc::clone(inner), LaneKey::of(&call.header), call.header.sequence);
    blocking(inner.machine.clone(), move || checker.check_floor(lane, sequence)).await?;
    let results = own_results(inner, &call).await?;
    let inner = Arc::clone(inner);
    blocking(inner.machine.clone(), move || {
        check_inbox(&inner, &call, &results)?;
        check_deadlines(&inner, &call.header, &results)?;
        let fees = funds::check_batch(&inner, &call, &results)?;
        let data = check_data(&inner.srs, &call, &results)?;
        reserve_and_sign(&inner, &call, &results, (&data, fees.as_ref()), cursor)
    })
    .await
}

/// Compares the header with finalized state; returns the cursor that it was judged at.
fn check_header(inner: &Inner, call: &ProposeCall) -> Result<u64, Refusal> {
    let (chain, header) = (&inner.chain, &call.header);
    let app = chain.app(header.app).ok_or(Refusal::UnknownApp)?;
    let lane = chain.lane(LaneKey::of(header)).ok_or(Refusal::UnknownLane)?;
    let release = chain.release(header.app, header.program_id).ok_or(Refusal::UnknownProgram)?;
    let table = chain.table(header.app, release.table, header.reference_timestamp);
    let rules = header::Rules {
        chain_id: chain.chain_id(),
        registry: chain.registry(),
        app: &app,
        lane: &lane,
        table: table.as_deref(),
        operator: inner.memory.operator,
        clock: chain.clock(),
    };
    rules.check(header, call.parent.as_ref())?;
    Ok(lane.cursor)
}

/// Our own result for every exchange of the batch, with the request as the batch data has it.
async fn own_results(inner: &Arc<Inner>, call: &ProposeCall) -> Result<Vec<Arc<Ran>>, Refusal> {
    match &call.data {
        ProposedData::Known(ids) => known(inner, ids),
        ProposedData::Whole(data) => {
            let decoded = decode(data)?.into_entries();
            let requests: Vec<SignedRequest> = decoded.into_iter().map(SignedRequest::from).collect();
            rerun(inner, &call.header, requests).await
        }
    }
}

fn known(inner: &Inner, ids: &[RequestId]) -> Result<Vec<Arc<Ran>>, Refusal> {
    ids.iter().map(|id| inner.results.ready(*id).ok_or(Refusal::DataUnknown)).collect()
}

/// Results from the cache where the very same request is in it; the others are checked and run now.
async fn rerun(inner: &Arc<Inner>, header: &Batch, requests: Vec<SignedRequest>) -> Result<Vec<Arc<Ran>>, Refusal> {
    let ids: Vec<RequestId> = requests.iter().map(|signed| signed.request.id()).collect();
    let outcomes = round::run_all(inner, header.app, header.program_id, &ids, requests.clone()).await?;
    let mut results = Vec::with_capacity(requests.len());
    for (signed, outcome) in requests.into_iter().zip(outcomes) {
        let ran = outcome?;
        let same = ran.signed == signed;
        results.push(if same { ran } else { Arc::new(Ran { signed, ..Ran::clone(&ran) }) });
    }
    Ok(results)
}

/// App, program and, unless the forced inbox has it, deadline of every request: results from the cache were checked at another time, for another call.
fn check_deadlines(inner: &Inner, header: &Batch, results: &[Arc<Ran>]) -> Result<(), Refusal> {
    let rules = round::rules(inner, header.app, header.program_id)?;
    results.iter().try_for_each(|ran| {
        rules.check_names(&ran.signed.request)?;
        match ran.signed.origin() {
            Origin::Signed => rules.check_deadline(&ran.signed.request),
            Origin::Inbox => Ok(()),
        }
    })
}

/// What the batch does with the forced inbox: see [`crate::lane::inbox`].
fn check_inbox(inner: &Inner, call: &ProposeCall, results: &[Arc<Ran>]) -> Result<(), Refusal> {
    let header = &call.header;
    let inbox = inner.chain.inbox(LaneKey::of(header));
    let before = match &inbox {
        Some(inbox) => inbox.cursor_before(header.parent, call.parent.as_ref()),
        None => Some(0),
    };
    let before = before.ok_or_else(|| Refusal::NotReady("the chain moved on while it was read".into()))?;
    let exchanges: Vec<_> = results.iter().map(|ran| (ran.exchange.request_id, ran.signed.origin())).collect();
    inbox.unwrap_or_default().check(header, before, &exchanges)
}

/// Rebuilds data, root and commitment from our own results alone; the batch must be exactly that.
fn check_data(srs: &Srs, call: &ProposeCall, results: &[Arc<Ran>]) -> Result<Vec<u8>, Refusal> {
    let header = &call.header;
    let entries = results.iter().map(|ran| ran.entry()).collect();
    let own = BatchData::new(entries).map_err(|error| Refusal::MalformedData(error.to_string()))?.encode();
    if let ProposedData::Whole(data) = &call.data
        && own != data.as_ref()
    {
        return Err(first_difference(data, results));
    }
    check_repeats(results)?;
    let leaves: Vec<_> = results.iter().map(|ran| ran.exchange.leaf()).collect();
    let fields = [
        ("exchangeCount", header.exchange_count as usize == leaves.len()),
        ("exchangesRoot", header.exchanges_root == merkle::root(&leaves)),
        ("dataLength", header.data_length == own.len() as u64),
    ];
    if let Some((name, _)) = fields.iter().find(|(_, holds)| !holds) {
        return Err(Refusal::WrongHeader((*name).into()));
    }
    check_commitment(srs, header, &own, &call.opening)?;
    Ok(own)
}

fn check_commitment(srs: &Srs, header: &Batch, data: &[u8], opening: &Opening) -> Result<(), Refusal> {
    let commitment = DataCommitment { x: header.data_commitment_x, y: header.data_commitment_y };
    let opening = vouch_coding::Opening { value: opening.value, proof: opening.proof };
    srs.check_data(&commitment, data, &opening).map_err(|_| Refusal::WrongCommitment)
}

/// Names the exchange in which the proposal differs from our results.
fn first_difference(data: &[u8], results: &[Arc<Ran>]) -> Refusal {
    let entries = match decode(data) {
        Ok(data) => data.into_entries(),
        Err(refusal) => return refusal,
    };
    let differs = entries.iter().zip(results).find(|(entry, ran)| **entry != ran.entry());
    match differs {
        Some((_, ran)) => Refusal::WrongExchange(ran.exchange.request_id),
        None => Refusal::MalformedData("it is not the encoding of its exchanges".into()),
    }
}

fn decode(data: &[u8]) -> Result<BatchData, Refusal> {
    BatchData::decode(data).map_err(|error| Refusal::MalformedData(error.to_string()))
}

fn check_repeats(results: &[Arc<Ran>]) -> Result<(), Refusal> {
    let mut seen = std::collections::HashSet::new();
    let repeated = results.iter().map(|ran| ran.exchange.request_id).find(|id| !seen.insert(*id));
    repeated.map_or(Ok(()), |id| Err(Refusal::Repeated(id)))
}

/// The order that keeps the stake: the slot is on disk before the signature exists.
fn reserve_and_sign(
    inner: &Inner,
    call: &ProposeCall,
    results: &[Arc<Ran>],
    (data, fees): (&[u8], Option<&Draft>),
    cursor: u64,
) -> Result<Answer, Refusal> {
    // The cursor says which entries of the inbox are answered. After a skip they come again, and must not count as repeats.
    let signed = results.iter().filter(|ran| ran.signed.origin() == Origin::Signed);
    let requests = signed.map(|ran| (ran.exchange.request_id, ran.signed.request.deadline)).collect();
    let record = SlotRecord { header: call.header.clone(), gateway_signature: call.gateway_signature, requests };
    let failed = |error| inner.store_failed(&error);
    let started = inner.machine.now();
    match inner.store().reserve(&record, cursor).map_err(failed)? {
        Reservation::Granted => {
            let (operator, took) = (inner.memory.operator, inner.machine.now() - started);
            inner.tell(Event::SlotReserved { operator, header: &call.header, took });
            inner.store().keep_data(&call.header, data).map_err(failed)?;
            inner.store().keep_owed(&call.header, &call.owed).map_err(failed)?;
            let forced = results.iter().filter(|ran| ran.signed.origin() == Origin::Inbox);
            let forced: Vec<RequestId> = forced.map(|ran| ran.exchange.request_id).collect();
            inner.store().keep_forced(&forced, call.header.hash()).map_err(failed)?;
            if let Some(fees) = fees {
                inner.store().keep_fees(&call.header, fees, cursor).map_err(failed)?;
            }
            // Once more, now that everyone who asks for our slots is told of this one: what is signed after the lane's next
            // gateway has asked must be known to it.
            check_gateway(inner, call)?;
            Ok(sign(inner, &call.header))
        }
        Reservation::Taken(found) => Err(taken(inner, &found, signed_header(call))),
        Reservation::ParentConflict(before) => {
            let lie = Evidence::forked_parent(before.signed_header(), signed_header(call));
            lie.iter().for_each(|lie| inner.keep_evidence(lie));
            Err(Refusal::WrongParent)
        }
        Reservation::Repeated(request) => Err(Refusal::Repeated(request)),
        Reservation::Pruned { through } => {
            Err(Refusal::AtOrBelowCursor { sequence: call.header.sequence, cursor: through })
        }
    }
}

fn sign(inner: &Inner, header: &Batch) -> Answer {
    inner.tell(Event::Signed { operator: inner.memory.operator, header });
    Answer::Signature(inner.memory.sign(header).into())
}

fn taken(inner: &Inner, record: &SlotRecord, second: SignedHeader) -> Refusal {
    let signed: BatchHash = record.header.hash();
    let lie = Evidence::equivocation(record.signed_header(), second);
    lie.iter().for_each(|lie| inner.keep_evidence(lie));
    Refusal::SlotTaken { signed }
}

fn signed_header(call: &ProposeCall) -> SignedHeader {
    SignedHeader { header: call.header.clone(), gateway_signature: call.gateway_signature }
}

impl Ran {
    /// The exchange as it stands in batch data.
    pub fn entry(&self) -> Entry {
        Entry {
            request: self.signed.request.clone(),
            origin: self.signed.origin(),
            signature: self.signed.signature.clone(),
            payload: self.signed.payload.clone(),
            reads: Bytes::new(),
            status: self.exchange.status,
            output: self.output.clone(),
            pre_state: self.exchange.pre_state,
            post_state: self.exchange.post_state,
        }
    }
}

impl From<Entry> for SignedRequest {
    fn from(entry: Entry) -> Self {
        Self { request: entry.request, signature: entry.signature, payload: entry.payload }
    }
}
