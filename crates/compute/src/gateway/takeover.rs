//! A lane's new gateway: takes over what the one before it left, before it proposes anything of its own.
//!
//! Executors that have seen the new epoch sign nothing more of the old gateway's, so what a threshold of them holds is all
//! that was, or can be, certified ([`handover`]). That is reserved here, under this gateway's signature, and proposed
//! again byte for byte; then the lane goes on behind it. No certified request is lost.

use std::sync::Arc;

use alloy_primitives::B256;
use vouch_core::{Batch, BatchData, RequestId};

use super::Wish;
use super::shared::Shared;
use super::store::{Inherited, SlotRecord};
use crate::evidence::SignedHeader;
use crate::fees::book::{self, Draft, Parent};
use crate::lane::chain::Table;
use crate::lane::handover::{self, Answers, Asker, Ballot, Fetch, Next};
use crate::lane::slots::Slots;
use crate::lane::{LaneKey, LaneState};
use crate::store::Error as StoreError;
use crate::wire::{BatchContent, Refusal};

/// Why a lane cannot be taken over now. It is tried again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the chain view does not know {0} yet")]
    NotKnown(&'static str),
    #[error("too few executors say what they have signed")]
    TooFewAnswers,
    #[error("peers are still being asked what they hold of this gateway's")]
    NotReady,
    #[error("this gateway's key cannot sign")]
    Key(#[from] vouch_core::ecdsa::Error),
}

/// Takes over every lane that has come to this gateway and is not taken over yet.
pub async fn take_over_all(shared: &Arc<Shared>) {
    for lane in shared.own_lanes().collect::<Vec<_>>() {
        let Some(state) = shared.chain.lane(lane).filter(|state| state.epoch > 1) else { continue };
        match shared.store.inherited(lane) {
            Ok(Some(inherited)) if inherited.epoch == state.epoch => {}
            Ok(_) => match take_over(shared, lane, &state).await {
                Ok(adopted) => tracing::info!(%lane, epoch = state.epoch, adopted, "gateway.lane.take_over"),
                Err(error) => tracing::warn!(%lane, epoch = state.epoch, %error, "gateway.lane.take_over"),
            },
            Err(error) => tracing::error!(%lane, %error, "gateway.store failed"),
        }
    }
}

/// Returns how many batches were taken over.
async fn take_over(shared: &Arc<Shared>, lane: LaneKey, state: &LaneState) -> Result<usize, Error> {
    let app = shared.chain.app(lane.app).ok_or(Error::NotKnown("the app"))?;
    let (chain, peers) = (shared.chain.as_ref(), shared.peers.as_ref());
    let answers = handover::gather(chain, peers, lane, state, shared.config.peer_timeout).await;
    let table = |header: &Batch| shared.table_at(header.app, header.program_id, header.reference_timestamp);
    let ballot = Ballot { lane: state, answers: &answers, table: &table, threshold_bips: app.threshold_bips };
    let tables = newest_tables(shared, lane);
    if tables.is_empty() || !tables.iter().all(|table| ballot.is_heard(table)) {
        return Err(Error::TooFewAnswers);
    }
    let plan = ballot.plan(Asker::NextGateway);
    if plan.next == Next::Unclear {
        return Err(Error::TooFewAnswers);
    }
    let adopted = adopt(shared, lane, &plan.adopt, &answers).await?;
    let behind = plan.adopt.get(adopted.wrapping_sub(1)).map_or(state.cursor, |last| last.header.sequence) + 1;
    // What nobody can show the data of cannot be proposed again, and its slot is bound.
    let dead = (plan.next == Next::Dead || adopted < plan.adopt.len()).then_some(behind);
    shared.store.save_inherited(lane, &Inherited { epoch: state.epoch, dead })?;
    if dead.is_some() {
        shared.wish(Wish::RequestSkip { lane });
    }
    Ok(adopted)
}

/// The tables under which batches of the lane are signed these days.
fn newest_tables(shared: &Shared, lane: LaneKey) -> Vec<Arc<Table>> {
    let release = shared.chain.newest_release(lane.app).map(|release| release.table);
    let mut keys = vec![B256::ZERO];
    keys.extend(release.filter(|table| !table.is_zero()));
    keys.into_iter().filter_map(|key| shared.chain.latest_table(lane.app, key)).collect()
}

/// Reserves as many of the batches, in their order, as there is data for. One that this store has already, it keeps.
async fn adopt(
    shared: &Arc<Shared>,
    lane: LaneKey,
    batches: &[SignedHeader],
    answers: &Answers,
) -> Result<usize, Error> {
    let mut parent: Option<Batch> = None;
    for (index, signed) in batches.iter().enumerate() {
        let header = &signed.header;
        shared.standings.check(lane, header.sequence).map_err(|_| Error::NotReady)?;
        let known = shared.store.slot(lane, header.sequence)?;
        if known.is_some_and(|record| record.header == *header) {
            parent = Some(header.clone());
            continue;
        }
        let fetch = Fetch {
            machine: &shared.machine,
            chain: &shared.chain,
            peers: shared.peers.as_ref(),
            srs: &shared.srs,
            answers,
            timeout: shared.config.peer_timeout,
        };
        let Some((content, opening)) = fetch.content(header).await else { return Ok(index) };
        let draft = draft_of(shared, header, parent.as_ref(), &content)?;
        let gateway_signature = shared.sign(header)?;
        let (header, requests) = (header.clone(), requests_of(&content.data));
        let record = SlotRecord { header: header.clone(), gateway_signature, parent, opening, requests };
        let cursor = shared.chain.lane(lane).map_or(0, |state| state.cursor);
        if !shared.store.reserve_charged(&record, &content.data, draft.as_ref(), cursor)? {
            return Ok(index);
        }
        parent = Some(header);
    }
    Ok(batches.len())
}

fn requests_of(data: &[u8]) -> Vec<RequestId> {
    let entries = BatchData::decode(data).map(BatchData::into_entries).unwrap_or_default();
    entries.iter().map(|entry| entry.request.id()).collect()
}

/// What the batch charges, to be counted here as executors have counted it; none where nothing is charged. One that
/// cannot be counted is taken over all the same: those who signed it sign it again.
fn draft_of(
    shared: &Shared,
    header: &Batch,
    parent: Option<&Batch>,
    content: &BatchContent,
) -> Result<Option<Draft>, StoreError> {
    let price = shared.chain.price(header.app, u64::from(header.reference_timestamp));
    let (Some(price), Some(lane)) = (price, shared.chain.lane(LaneKey::of(header))) else { return Ok(None) };
    let unpriced = |parent: &Batch| shared.chain.price(parent.app, u64::from(parent.reference_timestamp)).is_none();
    let parent = Parent::of(header, &lane, parent.is_some_and(unpriced));
    let entries = BatchData::decode(&content.data).map(BatchData::into_entries).unwrap_or_default();
    let clients = entries.iter().map(|entry| entry.request.client);
    let draft = Draft::start(shared.store.fees(), LaneKey::of(header), header.sequence, &parent, clients)?;
    let mut draft = draft.on_the_word_of(&content.owed);
    let charges: Result<Vec<_>, Refusal> = entries
        .iter()
        .map(|entry| {
            let fee = price.fee_of(&entry.signature, entry.payload.len());
            let deposit = shared.chain.deposit(header.app, entry.request.client);
            draft.charge(entry.request.id(), &entry.request, fee, &deposit)
        })
        .collect();
    let exact = charges.is_ok_and(|charges| book::fees_root(&price, &charges) == header.fees_root);
    Ok(exact.then_some(draft))
}
