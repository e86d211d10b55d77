//! What calls, pipelines and rounds of a gateway share: the store, the callers that wait, and the way to the peers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256, Bytes, U256};
use tokio::sync::{mpsc, watch};
use vouch_coding::Srs;
use vouch_core::{AppId, Batch, BatchHash, ProgramId, RequestId, VerifiedCertificate, ecdsa};

use super::callers::Callers;
use super::debts::Debts;
use super::members::Members;
use super::pipeline::Pipeline;
use super::posting::Posting;
use super::punctual::Punctual;
use super::queue::Waiting;
use super::receipt::{Receipt, Receipts};
use super::signing::Proposal;
use super::store::{GatewayStore, Inherited, SlotRecord};
use super::{CallError, CallOutcome, Config, Error, Parts, PostWork, Wish};
use crate::evidence::Evidence;
use crate::lane::LaneKey;
use crate::lane::chain::{AppState, CallError as PeerError, ChainView, Peers, Table};
use crate::lane::slots::Slots;
use crate::lane::standing::{self, Memory, Standings};
use crate::machine::Machine;
use crate::observe::Event;
use crate::quorum;
use crate::request::{Rules, price_now};
use crate::store::Error as StoreError;
use crate::wire::{Answer, BatchContent, Call, CertifyCall, EcdsaSignatureBytes, Refusal, SignedRequest, Signer};

/// The most headers that one post takes; the registry's limit.
const POST_HEADERS_MAX: usize = 256;
/// Batches removed from the store per lane and tick at most.
const PRUNE_MAX: usize = 64;

pub struct Shared {
    pub config: Config,
    pub machine: Machine,
    pub chain: Arc<dyn ChainView>,
    pub peers: Arc<dyn Peers>,
    pub srs: Arc<Srs>,
    pub address: Address,
    pub store: Arc<GatewayStore>,
    pub standings: Standings<GatewayMemory>,
    pub callers: Callers,
    pub debts: Debts,
    pub posting: Posting,
    pub punctual: Punctual,
    key: [u8; 32],
    /// Of the domain under which clients sign.
    separator: B256,
    wishes: mpsc::Sender<Wish>,
    /// The running pipelines.
    lanes: Mutex<HashMap<LaneKey, mpsc::Sender<Waiting>>>,
    started: Instant,
}

/// What became of a call at the door.
pub enum Admitted {
    Receipt(Arc<Receipt>),
    Waiting(watch::Receiver<Option<CallOutcome>>),
}

/// The gateway's memory, as [`Standings`] needs it.
pub struct GatewayMemory {
    store: Arc<GatewayStore>,
    address: Address,
}

impl Memory for GatewayMemory {
    type Slots = GatewayStore;

    fn signer(&self) -> Signer {
        Signer::Gateway(self.address)
    }

    fn is_own(&self, header: &Batch, signature: &[u8]) -> bool {
        ecdsa::verify(header.hash().0, signature, self.address).is_ok()
    }

    fn slots(&self) -> &GatewayStore {
        &self.store
    }
}

impl Shared {
    pub fn open(config: Config, parts: Parts) -> Result<Self, Error> {
        let Parts { machine, chain, peers, srs, key, wishes } = parts;
        let address = ecdsa::address(&key)?;
        let (chain_id, registry, now) = (chain.chain_id(), chain.registry(), standing::now(&*chain));
        let store = Arc::new(GatewayStore::open(machine.files(), &config.folder, chain_id, registry, address, now)?);
        let memory = Arc::new(GatewayMemory { store: Arc::clone(&store), address });
        let (own_chain, own_peers) = (Arc::clone(&chain), Arc::clone(&peers));
        let standings = Standings::new(memory, own_chain, own_peers, config.peer_timeout, config.restored);
        let (callers, lanes, started) = (Callers::default(), Mutex::default(), machine.now());
        let separator = crate::request::separator(&*chain);
        Ok(Self {
            config,
            machine,
            chain,
            peers,
            srs,
            address,
            store,
            standings,
            punctual: Punctual::default(),
            key,
            separator,
            wishes,
            callers,
            debts: Debts::default(),
            posting: Posting::default(),
            lanes,
            started,
        })
    }

    pub fn tell(&self, event: Event<'_>) {
        self.config.observed.tell(event);
    }

    /// Milliseconds since the start.
    pub fn now_ms(&self) -> u64 {
        self.millis(self.machine.now())
    }

    fn millis(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.started).as_millis()).unwrap_or(u64::MAX)
    }

    pub fn sign(&self, header: &Batch) -> Result<EcdsaSignatureBytes, ecdsa::Error> {
        ecdsa::sign(header.hash().0, &self.key).map(EcdsaSignatureBytes::from)
    }

    /// What this gateway's signatures are made with.
    pub fn key(&self) -> &[u8; 32] {
        &self.key
    }

    pub async fn call(&self, to: Signer, body: Bytes, timeout: Duration) -> Result<Answer, PeerError> {
        let answer = self.peers.call(to, body, timeout).await?;
        Answer::decode(&answer).map_err(|error| PeerError::Unreachable(error.to_string()))
    }

    /// Says what the node should do; a full queue drops it, since everything wished for is wished for again.
    pub fn wish(&self, wish: Wish) {
        if self.wishes.try_send(wish).is_err() {
            tracing::debug!(?wish, "gateway.wish dropped");
        }
    }

    pub fn keep_evidence(&self, evidence: &Evidence) {
        match self.store.keep_evidence(evidence) {
            Ok(true) => self.tell(Event::EvidenceKept { kind: evidence.name() }),
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "gateway.evidence.keep failed"),
        }
    }

    /// Lets a call in: a stored receipt at once, the same call under way joined, or a place in its lane's queue. Blocks.
    pub fn admit(
        self: &Arc<Self>,
        id: RequestId,
        signed: SignedRequest,
        deadline: Instant,
    ) -> Result<Admitted, CallError> {
        if let Some(receipt) = self.stored_receipt(id)? {
            return Ok(Admitted::Receipt(receipt));
        }
        let fee = self.check(id, &signed)?;
        let lane = self.lane_of(signed.request.app)?;
        let (receiver, is_new) = self.callers.join(id);
        if is_new {
            self.tell(Event::Admitted { lane, program_id: signed.request.program_id, request: id });
            self.open_bill(id, &signed.request, fee);
            self.enter(id, signed, lane, deadline).unwrap_or_else(|error| self.fail(id, error));
        }
        Ok(Admitted::Waiting(receiver))
    }

    /// Queues a call, unless it has a slot already: then it is answered when that slot is certified, and must not enter
    /// another batch.
    fn enter(
        self: &Arc<Self>,
        id: RequestId,
        signed: SignedRequest,
        lane: LaneKey,
        deadline: Instant,
    ) -> Result<(), CallError> {
        if let Some(place) = self.store.place(id).map_err(internal)? {
            return self.enter_again(id, place.batch, lane);
        }
        let waiting = Waiting { id, signed: Arc::new(signed), give_up_at_ms: self.millis(deadline) };
        self.pipeline(lane)?.try_send(waiting).map_err(|_| CallError::Busy)
    }

    /// The slot may have been certified between the first look and the place in the list of callers.
    fn enter_again(&self, id: RequestId, batch: BatchHash, lane: LaneKey) -> Result<(), CallError> {
        if let Some(receipt) = self.stored_receipt(id)? {
            self.callers.settle(id, Ok(receipt));
            return Ok(());
        }
        let record = self.store.slot_of(batch).map_err(internal)?;
        let cursor = self.chain.lane(lane).map_or(0, |state| state.cursor);
        let skipped = record.is_none_or(|record| record.header.sequence <= cursor);
        if skipped { Err(CallError::LaneSkipped) } else { Ok(()) }
    }

    /// Returns what the call will cost.
    fn check(&self, id: RequestId, signed: &SignedRequest) -> Result<U256, CallError> {
        let refused = CallError::Refused;
        let (app, program_id) = (signed.request.app, signed.request.program_id);
        self.chain.app(app).ok_or(refused(Refusal::UnknownApp))?;
        let release = self.chain.release(app, program_id).ok_or(refused(Refusal::UnknownProgram))?;
        if release.needs_acceptance() && self.chain.acceptance(app, program_id).operators.is_empty() {
            return Err(CallError::NotAccepted);
        }
        let rules = Rules {
            app,
            program_id,
            clock: self.chain.clock(),
            time_tolerance_seconds: self.config.time_tolerance_seconds,
            deadline_ahead_seconds_max: self.config.deadline_ahead_seconds_max,
            payload_bytes_max: release.program.limits.payload_bytes,
            price: price_now(&*self.chain, app, &release),
            // What each operator asks for is its own affair: who asks for more refuses.
            fee_min: U256::ZERO,
            separator: self.separator,
        };
        rules.check(signed).and_then(|()| rules.check_signature(id, signed)).map_err(refused)?;
        let fee = rules.price.fee(signed.payload.len());
        // A call that is under way, or was before a restart, is counted already.
        if !self.callers.has(id) && self.store.place(id).map_err(internal)?.is_none() {
            self.check_funds(signed, fee)?;
        }
        Ok(fee)
    }

    /// Says where to go when another gateway serves the app.
    fn lane_of(&self, app: AppId) -> Result<LaneKey, CallError> {
        if let Some(lane) = self.own_lanes().find(|lane| lane.app == app) {
            return Ok(lane);
        }
        match self.moved_to(LaneKey { app, lane: 1 }) {
            Some(gateway) => Err(CallError::Moved { gateway }),
            None => Err(CallError::NotReady("the app has no lane yet")),
        }
    }

    /// Who the lane's gateway is, if it is not this one.
    pub fn moved_to(&self, lane: LaneKey) -> Option<Address> {
        self.chain.lane(lane).map(|state| state.gateway).filter(|gateway| *gateway != self.address)
    }

    /// What was taken over with a lane that came from another gateway; an error until that is done.
    pub fn inherited(&self, lane: LaneKey) -> Result<Option<Inherited>, CallError> {
        let epoch = self.chain.lane(lane).map_or(0, |state| state.epoch);
        let inherited = self.store.inherited(lane).map_err(internal)?;
        if epoch > 1 && inherited.is_none_or(|inherited| inherited.epoch != epoch) {
            return Err(CallError::NotReady("the lane is being taken over from its former gateway"));
        }
        Ok(inherited)
    }

    pub fn own_lanes(&self) -> impl Iterator<Item = LaneKey> + '_ {
        let apps = self.chain.apps().into_iter();
        let lanes = apps.flat_map(|(app, lanes)| (1..=lanes).map(move |lane| LaneKey { app, lane }));
        lanes.filter(|lane| self.chain.lane(*lane).is_some_and(|state| state.gateway == self.address))
    }

    /// The lane's pipeline, started if it does not run.
    fn pipeline(self: &Arc<Self>, lane: LaneKey) -> Result<mpsc::Sender<Waiting>, CallError> {
        let mut lanes = lock(&self.lanes);
        if let Some(sender) = lanes.get(&lane).filter(|sender| !sender.is_closed()) {
            return Ok(sender.clone());
        }
        self.inherited(lane)?;
        let (sender, receiver) = mpsc::channel(self.config.limits.queue_max);
        let pipeline = Pipeline::new(Arc::clone(self), lane, receiver).map_err(internal)?;
        self.machine.spawn(pipeline.run());
        lanes.insert(lane, sender.clone());
        Ok(sender)
    }

    pub fn fail(&self, id: RequestId, error: CallError) {
        self.callers.settle(id, Err(error));
    }

    /// Stores a certificate and answers everyone who waits for a call of the batch. Blocks.
    pub fn certified(
        &self,
        proposal: &Proposal,
        signatures: &[crate::wire::OperatorSignature],
        certificate: VerifiedCertificate,
    ) -> Result<(), CallError> {
        let record = &proposal.record;
        self.store.certify(&record.header, signatures).map_err(internal)?;
        let receipts = Receipts::new(record.header.clone(), &proposal.data, certificate).map_err(internal)?;
        for (index, id) in (0u32..).zip(&record.requests) {
            if self.callers.has(*id) {
                self.callers.settle(*id, receipts.receipt(index).map(Arc::new).map_err(internal));
            }
        }
        Ok(())
    }

    /// The receipt of a certified request, from the store.
    pub fn stored_receipt(&self, id: RequestId) -> Result<Option<Arc<Receipt>>, CallError> {
        let Some(place) = self.store.place(id).map_err(internal)? else { return Ok(None) };
        let Some(record) = self.store.slot_of(place.batch).map_err(internal)? else { return Ok(None) };
        let Some(certificate) = self.certificate_of(&record)? else { return Ok(None) };
        let Some(data) = self.store.data(place.batch).map_err(internal)? else { return Ok(None) };
        let receipts = Receipts::new(record.header, &data, certificate).map_err(internal)?;
        receipts.receipt(place.index).map(Arc::new).map(Some).map_err(internal)
    }

    /// The stored certificate of a slot's batch; none if it has none (yet).
    pub fn certificate_of(&self, record: &SlotRecord) -> Result<Option<VerifiedCertificate>, CallError> {
        let header = &record.header;
        let Some(signatures) = self.store.signatures(header.hash()).map_err(internal)? else { return Ok(None) };
        let table = self.table_at(header.app, header.program_id, header.reference_timestamp);
        let table = table.ok_or(CallError::NotReady("the batch's operator table is not known yet"))?;
        quorum::assemble(&table, header, &signatures).map(Some).map_err(internal)
    }

    pub fn table_at(&self, app: AppId, program_id: ProgramId, reference_timestamp: u32) -> Option<Arc<Table>> {
        let release = self.chain.release(app, program_id)?;
        self.chain.table(app, release.table, reference_timestamp)
    }

    /// The members under whose table the next batch is made; none while there is no fresh table.
    pub fn members(&self, app: AppId, program_id: ProgramId) -> Option<Members> {
        let (state, release) = (self.chain.app(app)?, self.chain.release(app, program_id)?);
        let table = self.chain.latest_table(app, release.table);
        let age = table.as_ref().map_or(u64::MAX, |table| self.age(table));
        self.wish_fresh_table(app, &state, release.table);
        // A batch must also be signed and posted before its table is stale: the last fifth is left for that.
        let usable = table.filter(|_| age <= u64::from(state.staleness_seconds) * 4 / 5)?;
        Some(Members::new(usable, state.threshold_bips, app, self.peers.as_ref()))
    }

    /// The members of the table of this timestamp, for a slot that was reserved under it.
    pub fn members_at(&self, header: &Batch) -> Option<Members> {
        let state = self.chain.app(header.app)?;
        let table = self.table_at(header.app, header.program_id, header.reference_timestamp)?;
        Some(Members::new(table, state.threshold_bips, header.app, self.peers.as_ref()))
    }

    fn age(&self, table: &Table) -> u64 {
        self.chain.clock().saturating_sub(u64::from(table.table().reference_timestamp()))
    }

    /// A table is made anew when half of its time is over, and when operators have since accepted or refused its program.
    /// Nobody could be in a table that nobody accepted.
    fn wish_fresh_table(&self, app: AppId, state: &AppState, table: B256) {
        let age = self.chain.latest_table(app, table).map_or(u64::MAX, |table| self.age(&table));
        let aged = age > u64::from(state.staleness_seconds) / 2;
        let wanted = if table.is_zero() {
            aged
        } else {
            let acceptance = self.chain.acceptance(app, ProgramId(table));
            !acceptance.operators.is_empty() && (aged || acceptance.changed)
        };
        if wanted {
            self.wish(Wish::RefreshTable { app, table });
        }
    }

    /// Wishes for fresh tables of every app that this gateway serves, so that the next call need not wait for one: that of
    /// its wasm programs, and that of its newest release. An older container program's is made when somebody calls it.
    pub fn wish_fresh_tables(&self) {
        let mut apps: Vec<AppId> = self.own_lanes().map(|lane| lane.app).collect();
        apps.dedup();
        for app in apps {
            let Some(state) = self.chain.app(app) else { continue };
            self.wish_fresh_table(app, &state, B256::ZERO);
            if let Some(release) = self.chain.newest_release(app).filter(|release| release.needs_acceptance()) {
                self.wish_fresh_table(app, &state, release.table);
            }
        }
    }

    pub fn unposted(&self, lane: LaneKey, cursor: u64) -> Result<Option<PostWork>, CallError> {
        let mut slots = self.store.slots_after(lane, cursor, POST_HEADERS_MAX).map_err(internal)?;
        let is_next = |(index, record): &(usize, &SlotRecord)| record.header.sequence == cursor + 1 + *index as u64;
        let unbroken = slots.iter().enumerate().take_while(is_next).count();
        slots.truncate(unbroken);
        while let Some(last) = slots.last() {
            if let Some(certificate) = self.certificate_of(last)? {
                // Behind the cursor nobody collects signatures again: what is posted must not be forgotten.
                self.store.flush().map_err(internal)?;
                let headers = slots.into_iter().map(|record| record.header).collect();
                return Ok(Some(PostWork { headers, certificate }));
            }
            slots.pop();
        }
        Ok(None)
    }

    /// Answers an executor.
    pub fn answer(&self, call: &Call) -> Answer {
        let answer = match call {
            Call::Held(Signer::Operator(operator)) => self.store.held(*operator).map(Answer::Held),
            Call::Held(Signer::Gateway(_)) => Ok(Answer::Held(Vec::new())),
            Call::Batch(hash) => self.batch(*hash).map(|batch| Answer::Batch(batch.map(Box::new))),
            Call::Data(hash) => self.content(*hash).map(Answer::Data),
            Call::Execute(_) | Call::Propose(_) | Call::Certify(_) | Call::Slots(_) | Call::Owed(_) => {
                Ok(Answer::Refused(Refusal::Malformed("this is a gateway".into())))
            }
        };
        answer.unwrap_or_else(|error| {
            tracing::error!(%error, "gateway.store failed");
            Answer::Refused(Refusal::StoreFailed)
        })
    }

    fn batch(&self, hash: BatchHash) -> Result<Option<CertifyCall>, StoreError> {
        let (Some(record), Some(signatures)) = (self.store.slot_of(hash)?, self.store.signatures(hash)?) else {
            return Ok(None);
        };
        let SlotRecord { header, gateway_signature, .. } = record;
        Ok(Some(CertifyCall { header, gateway_signature, signatures, data: self.store.data(hash)? }))
    }

    fn content(&self, hash: BatchHash) -> Result<Option<BatchContent>, StoreError> {
        let (Some(record), Some(data)) = (self.store.slot_of(hash)?, self.store.data(hash)?) else { return Ok(None) };
        let owed = self.store.owed(LaneKey::of(&record.header), record.header.sequence)?;
        Ok(Some(BatchContent { data, owed }))
    }

    /// Moves floors on, starts the pipelines of lanes with unfinished slots, removes what is too old, flushes.
    pub fn housekeep(self: &Arc<Self>) -> Result<(), StoreError> {
        self.standings.advance();
        let before = self.chain.clock().saturating_sub(self.config.retention.as_secs());
        for lane in self.own_lanes().collect::<Vec<_>>() {
            match self.pipeline(lane) {
                Ok(_) | Err(CallError::NotReady(_)) => {}
                Err(error) => tracing::error!(%lane, %error, "gateway.pipeline failed"),
            }
            if let Some(state) = self.chain.lane(lane) {
                self.store.prune(lane, state.cursor, before, PRUNE_MAX)?;
                // Whoever posted it: what is final waits no more.
                drop(self.posting.take(lane, state.cursor));
            }
        }
        self.store.flush()
    }
}

fn internal(error: impl std::fmt::Display) -> CallError {
    CallError::Gateway(error.to_string())
}

/// Every change under these locks is complete before anything that could panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
