//! An operator in the gateway's place: when a lane stands still although batches wait in it, operators finish them.
//!
//! Nothing new is made here. What some executor has reserved, with the gateway's signature under it, is brought to the
//! others; they judge it as if the gateway had, and reserve before they sign. So it does not matter who does this, how
//! many do, or whether the gateway is still at it: the bytes are the same. That a second proposer cannot make the lane
//! livelock follows from the same: it has nothing else to propose. Turns only save the others' work and gas.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use alloy_primitives::Bytes;
use futures::future::join_all;
use vouch_core::{AppId, Batch, OperatorId, VerifiedCertificate};

use super::{Inner, blocking, certified, proposal};
use crate::evidence::SignedHeader;
use crate::lane::chain::Table;
use crate::lane::handover::{self, Answers, Asker, Ballot, Fetch};
use crate::lane::slots::Slots;
use crate::lane::{LaneKey, PostWork};
use crate::quorum;
use crate::wire::{
    Answer, BatchContent, Call, CertifyCall, OperatorSignature, ProposeCall, ProposedData, SLOTS_MAX, Signer,
};

/// The most batches finished at a time; what one post takes.
const BATCHES_MAX: usize = SLOTS_MAX;
/// While a skip runs, operators wait this many times less: what it would pass over must be posted before it ends.
const HURRY: u64 = 4;

/// Since when each lane has stood where it stands: (cursor, finalized clock in Unix seconds).
#[derive(Default)]
pub struct Watch {
    since: Mutex<HashMap<LaneKey, (u64, u64)>>,
}

impl Watch {
    /// The lanes of `app` whose turn it is. Each is named once in a while, not every time.
    pub fn stuck(&self, inner: &Inner, app: AppId) -> Vec<LaneKey> {
        let lanes = inner.chain.apps().into_iter().find(|(id, _)| *id == app).map_or(0, |(_, lanes)| lanes);
        (1..=lanes).map(|lane| LaneKey { app, lane }).filter(|lane| self.is_due(inner, *lane)).collect()
    }

    fn is_due(&self, inner: &Inner, lane: LaneKey) -> bool {
        let Some(state) = inner.chain.lane(lane) else { return false };
        let now = inner.chain.clock();
        let waits = inner.store().newest_slot(lane).ok().flatten();
        let waits = waits.is_some_and(|record| record.header.sequence > state.cursor);
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let (cursor, started) = *since.entry(lane).or_insert((state.cursor, now));
        if !waits || cursor != state.cursor {
            since.insert(lane, (state.cursor, now));
            return false;
        }
        let hurry = if state.skip_ends_at.is_some() { HURRY } else { 1 };
        let wait = inner.config.aggregate_after.as_secs().saturating_mul(turn(inner, lane.app, cursor)) / hurry;
        let due = now.saturating_sub(started) >= wait;
        if due {
            since.insert(lane, (cursor, now));
        }
        due
    }
}

/// From 1: after how many waits it is this operator's turn. Another one is first at every cursor.
fn turn(inner: &Inner, app: AppId, cursor: u64) -> u64 {
    let Some(table) = inner.chain.latest_table(app, Default::default()) else { return 1 };
    let members = table.operators().len() as u64;
    let place = table.index_of(inner.memory.operator).map_or(0, |index| index as u64);
    if members == 0 { 1 } else { 1 + place.saturating_add(members - cursor % members) % members }
}

/// Finishes what waits behind the finalized cursor, in order, as far as signatures can be had.
pub async fn aggregate(inner: &Arc<Inner>, lane: LaneKey, cursor: u64) -> Option<PostWork> {
    let state = inner.chain.lane(lane)?;
    let app = inner.chain.app(lane.app)?;
    let (chain, peers) = (inner.chain.as_ref(), inner.peers.as_ref());
    let mut answers = handover::gather(chain, peers, lane, &state, inner.config.peer_timeout).await;
    answers.insert(inner.memory.operator, own_slots(inner, lane, state.cursor).await?);
    let table = |header: &Batch| table_of(inner, header);
    let ballot = Ballot { lane: &state, answers: &answers, table: &table, threshold_bips: app.threshold_bips };
    let plan = ballot.plan(Asker::Operator);
    let mut headers: Vec<Batch> = Vec::new();
    let mut newest = None;
    for signed in plan.adopt.iter().take(BATCHES_MAX) {
        let finish = Finish { inner, signed, parent: headers.last(), answers: &answers };
        let Some(certificate) = finish.run(app.threshold_bips).await else { break };
        newest = Some(certificate);
        headers.push(signed.header.clone());
    }
    headers.retain(|header| header.sequence > cursor);
    tracing::info!(%lane, batches = headers.len(), "executor.aggregate");
    let certificate = newest.filter(|_| !headers.is_empty())?;
    Some(PostWork { headers, certificate })
}

async fn own_slots(inner: &Arc<Inner>, lane: LaneKey, cursor: u64) -> Option<Vec<SignedHeader>> {
    let inner = Arc::clone(inner);
    let records = blocking(inner.machine.clone(), move || {
        inner.store().slots_after(lane, cursor, BATCHES_MAX).map_err(|error| inner.store_failed(&error))
    });
    Some(records.await.ok()?.iter().map(super::store::SlotRecord::signed_header).collect())
}

fn table_of(inner: &Inner, header: &Batch) -> Option<Arc<Table>> {
    let release = inner.chain.release(header.app, header.program_id)?;
    inner.chain.table(header.app, release.table, header.reference_timestamp)
}

/// One batch on its way to a certificate.
struct Finish<'a> {
    inner: &'a Arc<Inner>,
    signed: &'a SignedHeader,
    parent: Option<&'a Batch>,
    answers: &'a Answers,
}

impl Finish<'_> {
    async fn run(&self, threshold_bips: u16) -> Option<VerifiedCertificate> {
        let table = table_of(self.inner, &self.signed.header)?;
        if let Some(certificate) = self.kept(&table, threshold_bips).await {
            return Some(certificate);
        }
        let call = self.proposal().await?;
        let (certificate, singles) = self.assemble(&table, self.collect(&table, &call).await).await?;
        if !certificate.reaches(threshold_bips) {
            return None;
        }
        self.hand_out(&table, &call, singles).await;
        Some(certificate)
    }

    /// The certificate that the gateway handed out before it fell silent.
    async fn kept(&self, table: &Arc<Table>, threshold_bips: u16) -> Option<VerifiedCertificate> {
        let (inner, hash) = (Arc::clone(self.inner), self.signed.header.hash());
        let kept = blocking(inner.machine.clone(), move || {
            inner.store().certified(hash).map_err(|error| inner.store_failed(&error))
        });
        let kept = kept.await.ok()??;
        let (certificate, _) = self.assemble(table, kept.signatures).await?;
        certificate.reaches(threshold_bips).then_some(certificate)
    }

    /// What the gateway proposed, byte for byte.
    async fn proposal(&self) -> Option<ProposeCall> {
        let header = &self.signed.header;
        let fetch = Fetch {
            machine: &self.inner.machine,
            chain: &self.inner.chain,
            peers: self.inner.peers.as_ref(),
            srs: &self.inner.srs,
            answers: self.answers,
            timeout: self.inner.config.peer_timeout,
        };
        let (inner, own_header) = (Arc::clone(self.inner), header.clone());
        let own = blocking(inner.machine.clone(), move || {
            let content = inner.store().content(own_header.hash()).map_err(|error| inner.store_failed(&error))?;
            let opening = |content: &BatchContent| handover::opening_of(&inner.srs, &own_header, &content.data);
            Ok(content.and_then(|content| Some((opening(&content)?, content))))
        });
        let (content, opening) = match own.await.ok()? {
            Some((opening, content)) => (content, opening),
            None => fetch.content(header).await?,
        };
        Some(ProposeCall {
            header: header.clone(),
            gateway_signature: self.signed.gateway_signature,
            parent: self.parent.cloned(),
            data: ProposedData::Whole(content.data),
            opening,
            owed: content.owed,
        })
    }

    /// Everybody's signature, our own included.
    async fn collect(&self, table: &Table, call: &ProposeCall) -> Vec<OperatorSignature> {
        let own = self.inner.memory.operator;
        let body = Bytes::from(Call::Propose(Box::new(call.clone())).encode());
        let asked = table.operators().iter().map(|operator| {
            let body = body.clone();
            async move {
                let answer = if *operator == own {
                    proposal::propose(self.inner, call.clone()).await.ok()
                } else {
                    self.ask(*operator, body).await
                };
                let Some(Answer::Signature(signature)) = answer else { return None };
                Some(OperatorSignature { operator: *operator, signature })
            }
        });
        join_all(asked).await.into_iter().flatten().collect()
    }

    async fn ask(&self, operator: OperatorId, body: Bytes) -> Option<Answer> {
        let timeout = self.inner.config.propose_timeout;
        let answer = self.inner.peers.call(Signer::Operator(operator), body, timeout).await.ok()?;
        Answer::decode(&answer).ok()
    }

    /// Drops what spoils the certificate, one signature at a time.
    async fn assemble(
        &self,
        table: &Arc<Table>,
        mut singles: Vec<OperatorSignature>,
    ) -> Option<(VerifiedCertificate, Vec<OperatorSignature>)> {
        while !singles.is_empty() {
            let (table, header, tried) = (Arc::clone(table), self.signed.header.clone(), singles.clone());
            match self.inner.machine.blocking(move || quorum::assemble(&table, &header, &tried)).await.ok()? {
                Ok(certificate) => return Some((certificate, singles)),
                Err(quorum::Error::BadSignature(operator)) => singles.retain(|single| single.operator != operator),
                Err(_) => return None,
            }
        }
        None
    }

    /// Round 3, so that everyone can serve the batch.
    async fn hand_out(&self, table: &Table, call: &ProposeCall, signatures: Vec<OperatorSignature>) {
        let ProposedData::Whole(data) = &call.data else { return };
        let (header, gateway_signature) = (call.header.clone(), call.gateway_signature);
        let certify = CertifyCall { header, gateway_signature, signatures, data: Some(data.clone()) };
        let body = Bytes::from(Call::Certify(Box::new(certify.clone())).encode());
        let own = self.inner.memory.operator;
        let others = table.operators().iter().filter(|operator| **operator != own);
        join_all(others.map(|operator| self.ask(*operator, body.clone()))).await;
        if let Err(refusal) = certified::certify(self.inner, certify).await {
            tracing::warn!(%refusal, "executor.aggregate.keep");
        }
    }
}
