//! One lane's pipeline: while one batch is being signed, the next one may already be executed.
//!
//! It is, as soon as a full batch waits. Until then calls gather: every batch costs each executor a pairing and a write to
//! disk, so one batch of 64 is twice as cheap as two of 32, and closed-loop clients would split into two camps for ever.
//! A lone call never waits for others.
//!
//! The task owns the lane's queue and its newest slot, so nothing here is shared; long work runs in two other tasks, at
//! most one of each kind, and comes back as a value.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use tokio::sync::mpsc;
use tracing::{Instrument, Span, debug_span};
use vouch_core::{Batch, Origin, RequestId};

use super::debts::Unknown;
use super::forced::{self, Forced};
use super::members::Members;
use super::queue::{Queue, Waiting};
use super::round::{self, AgreedCall};
use super::shared::Shared;
use super::signing::{self, BuildError, Ending, Frame, Proposal};
use super::slot::{Blocked, Limits, NextSlot, behind, next_slot};
use super::{CallError, Wish};
use crate::lane::LaneKey;
use crate::lane::inbox::Inbox;
use crate::lane::slots::Slots;
use crate::machine::{Machine, Task};
use crate::observe::Event;

/// How often calls are expired and the chain is looked at while nothing else happens.
const TICK: Duration = Duration::from_millis(50);
/// How long calls without agreement rest before they are tried again, milliseconds.
const REST_MS: u64 = 100;
/// How long the forced inbox waits after a round of it began, so that one without agreement is not repeated without end.
const FORCED_REST: Duration = Duration::from_millis(100);
/// How long the callers of a batch have at most to come back with their next calls before the next batch is closed.
const GATHER_MAX: Duration = Duration::from_millis(10);

/// The most calls that a batch's span is linked with.
const LINKS_MAX: usize = 128;

/// A finished signing task: how it ended, or the calls whose batch could not be built.
type Signed = Result<Ending, (BuildError, Vec<AgreedCall>)>;

/// A round's agreed calls, waiting for the slot.
struct Ready {
    program_id: vouch_core::ProgramId,
    reference_timestamp: u32,
    members: Members,
    agreed: VecDeque<AgreedCall>,
    /// Of a round of the forced inbox: the cursor that its first entry comes right behind.
    forced_after: Option<u64>,
}

/// Who comes next in a lane.
enum Turn {
    Forced(Forced),
    Calls,
    /// Something else has to end first.
    Nobody,
}

/// The lane's task.
pub struct Pipeline {
    shared: Arc<Shared>,
    lane: LaneKey,
    calls: mpsc::Receiver<Waiting>,
    queue: Queue,
    /// The newest slot this gateway reserved.
    last: Option<Batch>,
    executing: Option<Task<round::Outcome>>,
    /// What of the forced inbox the round under way is about; none if that is a round of calls.
    forced: Option<Forced>,
    /// When the last round of the forced inbox began; calls come between two of them.
    forced_at: Option<Instant>,
    ready: Option<Ready>,
    /// Until when, or until how many of them wait, calls gather although nothing else is in the way.
    gathering: Option<(Instant, usize)>,
    signing: Option<Task<Signed>>,
    /// Of the batch that is or was last being signed.
    span: Span,
    /// Slots of an earlier life, or of the lane's former gateway, that were not certified, oldest first.
    unfinished: VecDeque<Proposal>,
    /// The lane's epoch when this pipeline began; it ends with it.
    epoch: u32,
    /// A slot in which nothing can be certified any more.
    dead: Option<u64>,
}

impl Pipeline {
    /// Reads the lane's unfinished slots; they are proposed again, byte for byte, before anything new.
    pub fn new(
        shared: Arc<Shared>,
        lane: LaneKey,
        calls: mpsc::Receiver<Waiting>,
    ) -> Result<Self, crate::store::Error> {
        let (cursor, epoch) = shared.chain.lane(lane).map_or((0, 0), |state| (state.cursor, state.epoch));
        let dead = shared.store.inherited(lane)?.and_then(|inherited| inherited.dead);
        let last = shared.store.newest_slot(lane)?.map(|record| record.header);
        let mut unfinished = VecDeque::new();
        for record in shared.store.slots_after(lane, cursor, usize::MAX)? {
            let hash = record.header.hash();
            if shared.store.signatures(hash)?.is_none()
                && let Some(data) = shared.store.data(hash)?
            {
                let owed = shared.store.owed(lane, record.header.sequence)?;
                unfinished.push_back(Proposal { record, data, owed });
            }
        }
        let queue = Queue::new(shared.config.limits);
        Ok(Self {
            shared,
            lane,
            calls,
            queue,
            last,
            executing: None,
            forced: None,
            forced_at: None,
            ready: None,
            gathering: None,
            signing: None,
            span: Span::none(),
            unfinished,
            epoch,
            dead,
        })
    }

    /// Runs until every sender of calls is gone.
    pub async fn run(mut self) {
        let machine = self.shared.machine.clone();
        let mut tick = machine.sleep(TICK).boxed();
        loop {
            if self.is_over() {
                return self.give_up().await;
            }
            self.advance();
            tokio::select! {
                // In this order, so that a run can be repeated; calls come last, for they alone can come without end.
                biased;
                outcome = finished(&mut self.executing) => self.executed(outcome),
                ending = finished(&mut self.signing) => self.signed(ending),
                () = until(&machine, self.gathering) => self.gathering = None,
                () = &mut tick => {
                    self.expire();
                    tick = machine.sleep(TICK).boxed();
                }
                call = self.calls.recv() => match call {
                    Some(call) => self.take_calls(call),
                    None => return,
                },
            }
        }
    }

    /// Whether another epoch has begun.
    fn is_over(&self) -> bool {
        self.shared.chain.lane(self.lane).is_some_and(|state| state.epoch != self.epoch)
    }

    /// Ends every call of an epoch that is over. What was proposed of them the lane's new gateway takes over.
    async fn give_up(mut self) {
        tracing::info!(lane = %self.lane, epoch = self.epoch, "gateway.pipeline.end");
        let moved = match self.shared.moved_to(self.lane) {
            Some(gateway) => CallError::Moved { gateway },
            None => CallError::NotReady("the lane is being taken over from its former gateway"),
        };
        self.calls.close();
        let mut ended: Vec<RequestId> = std::iter::from_fn(|| self.calls.try_recv().ok()).map(|call| call.id).collect();
        ended.extend(self.queue.expire(u64::MAX).iter().map(|call| call.id));
        ended.extend(self.unfinished.drain(..).flat_map(|proposal| proposal.record.requests));
        let ready = self.ready.take().map(|ready| ready.agreed).unwrap_or_default();
        ended.extend(ready.iter().map(|call| call.waiting.id));
        ended.into_iter().for_each(|id| self.shared.fail(id, moved.clone()));
        // Both end by themselves: a round has its time, and signatures are not waited for once the lane has moved.
        if self.signing.is_some() {
            let ending = finished(&mut self.signing).await;
            self.signed(ending);
        }
        if self.executing.is_some() {
            let outcome = finished(&mut self.executing).await;
            outcome.iter().flat_map(round::Outcome::ids).for_each(|id| self.shared.fail(id, moved.clone()));
        }
    }

    /// Takes everything that has arrived, so that it goes into one batch.
    fn take_calls(&mut self, first: Waiting) {
        let mut next = Some(first);
        while let Some(call) = next {
            if let Err(refused) = self.queue.push(call) {
                self.shared.fail(refused.id, CallError::Busy);
            }
            next = self.calls.try_recv().ok();
        }
    }

    /// Starts whatever can start.
    fn advance(&mut self) {
        self.start_signing();
        self.start_executing();
        self.shared.tell(Event::Queued { lane: self.lane, calls: self.queue.count() });
    }

    fn start_executing(&mut self) {
        if self.executing.is_some() || self.ready.is_some() {
            return;
        }
        match self.turn() {
            Turn::Forced(forced) => return self.start_forced(forced),
            Turn::Nobody => return,
            Turn::Calls => {}
        }
        if !self.queue.is_ready() || self.gathers() {
            return;
        }
        self.forced_at = None;
        let Some((program_id, calls)) = self.queue.take() else { return };
        let Some(members) = self.shared.members(self.lane.app, program_id) else { return self.rest(calls) };
        let (shared, lane) = (Arc::clone(&self.shared), self.lane);
        let span = self.linked(calls.iter().map(|call| &call.id), |first| {
            debug_span!(parent: first, "gateway.round.execute", app = %lane.app, program = %program_id, requests = calls.len())
        });
        let work = async move {
            let (started, requests) = (shared.machine.now(), calls.len());
            let outcome = round::run(&shared, lane.app, program_id, members, calls).await;
            let (agreed, took) = (outcome.agreed.len(), shared.machine.now() - started);
            shared.tell(Event::RoundEnded { lane, program_id, requests, agreed, took });
            outcome
        };
        self.executing = Some(self.shared.machine.spawn(work.instrument(span)));
    }

    /// Whether the forced inbox or a call comes next. They take turns, unless an entry is overdue: then no batch of calls would
    /// be signed. An entry's place must be known before it is run, so it waits until no batch is under way, and calls with it.
    fn turn(&self) -> Turn {
        let Some(inbox) = self.shared.chain.inbox(self.lane) else { return Turn::Calls };
        let Some(before) = self.newest_cursor(&inbox) else { return Turn::Calls };
        let head = self.shared.chain.head().number;
        let Some(forced) = forced::next(&inbox, before, head, &self.shared.config.limits) else { return Turn::Calls };
        let overdue = inbox.overdue_after(before, self.shared.chain.clock()).is_some();
        if !overdue && self.forced_at.is_some() && self.queue.is_ready() {
            return Turn::Calls;
        }
        let resting = self.forced_at.is_some_and(|at| self.shared.machine.now() < at + FORCED_REST);
        let busy = self.signing.is_some() || !self.unfinished.is_empty();
        if resting || busy { Turn::Nobody } else { Turn::Forced(forced) }
    }

    /// Whether a batch of calls would leave an overdue entry behind.
    fn passes_over(&self, frame: &Frame) -> bool {
        let inbox = self.shared.chain.inbox(self.lane);
        inbox.is_some_and(|inbox| {
            inbox.overdue_after(frame.inbox_before, u64::from(frame.reference_timestamp)).is_some()
        })
    }

    fn start_forced(&mut self, forced: Forced) {
        let Some(members) = self.shared.members(self.lane.app, forced.program_id) else { return };
        let (shared, app, program_id) = (Arc::clone(&self.shared), self.lane.app, forced.program_id);
        let calls = forced.calls.clone();
        self.forced = Some(forced);
        self.forced_at = Some(self.shared.machine.now());
        let work = async move { round::run(&shared, app, program_id, members, calls).await };
        self.executing = Some(self.shared.machine.spawn(work));
    }

    /// Whether the next batch should still grow.
    fn gathers(&self) -> bool {
        let (waiting, full) = (self.queue.ready_count(), self.shared.config.limits.batch_max);
        let expected = self.gathering.map_or(0, |(_, calls)| calls.min(full));
        waiting < if self.signing.is_some() { full } else { expected }
    }

    fn executed(&mut self, outcome: Option<round::Outcome>) {
        let forced = self.forced.take();
        let Some(mut outcome) = outcome else { return };
        if let Some(forced) = &forced {
            forced.keep_unbroken(&mut outcome);
        }
        self.rest(outcome.open);
        for waiting in outcome.hopeless {
            self.shared.callers.settle_without_quorum(waiting.id);
        }
        if outcome.agreed.is_empty() {
            return;
        }
        let reference_timestamp = outcome.members.table.table().reference_timestamp();
        let (program_id, members, agreed) = (outcome.program_id, outcome.members, outcome.agreed.into());
        let forced_after = forced.map(|forced| forced.after);
        self.ready = Some(Ready { program_id, reference_timestamp, members, agreed, forced_after });
    }

    fn start_signing(&mut self) {
        if self.signing.is_some() {
            return;
        }
        if let Some(proposal) = self.unfinished.pop_front() {
            return self.resume(proposal);
        }
        let Some(ready) = &self.ready else { return };
        let Some(frame) = self.frame(ready) else { return };
        let Some(mut ready) = self.ready.take() else { return };
        match ready.forced_after {
            // A skip came between. The entries are still in the inbox.
            Some(after) if after != frame.inbox_before => return,
            // No executor would sign it, and its slot would be lost.
            None if self.passes_over(&frame) => {
                return self.rest(ready.agreed.into_iter().map(|call| call.waiting).collect());
            }
            _ => {}
        }
        let count = signing::fitting(ready.agreed.make_contiguous());
        let agreed: Vec<AgreedCall> = ready.agreed.drain(..count).collect();
        ready.forced_after = ready.forced_after.map(|after| after + count as u64);
        let (shared, members) = (Arc::clone(&self.shared), ready.members.clone());
        if !ready.agreed.is_empty() {
            self.ready = Some(ready);
        }
        let span = self.linked(agreed.iter().map(|call| &call.waiting.id), |first| {
            let (lane, sequence) = (self.lane, frame.slot.sequence);
            debug_span!(parent: first, "gateway.batch.certify", app = %lane.app, lane = lane.lane, sequence, batch = tracing::field::Empty)
        });
        self.span = span.clone();
        let work = build_and_certify(shared, members, frame, agreed).instrument(span);
        self.signing = Some(self.shared.machine.spawn(work));
    }

    /// The span of work for several calls: in the trace of the first one, and linked with the others both ways.
    fn linked<'a>(&self, ids: impl Iterator<Item = &'a RequestId>, span: impl FnOnce(&Span) -> Span) -> Span {
        let calls = self.shared.callers.spans(ids, LINKS_MAX);
        let Some((first, others)) = calls.split_first() else { return span(&Span::none()) };
        let span = span(first);
        for other in others {
            span.follows_from(other);
            other.follows_from(&span);
        }
        span
    }

    /// The next slot's frame, or the reason why there is none told to the node.
    fn frame(&self, ready: &Ready) -> Option<Frame> {
        let slot = self.next_slot()?;
        let inbox_before = match self.shared.chain.inbox(self.lane) {
            Some(inbox) => inbox.cursor_before(slot.parent, slot.parent_header.as_ref())?,
            None => 0,
        };
        Some(Frame {
            lane: self.lane,
            app: self.shared.chain.app(self.lane.app)?,
            program_id: ready.program_id,
            reference_timestamp: ready.reference_timestamp,
            slot,
            inbox_before,
        })
    }

    /// The cursor that the next batch starts from.
    fn newest_cursor(&self, inbox: &Inbox) -> Option<u64> {
        // Not behind the newest batch, if a skip has made that void: its entries wait again.
        let slot = behind(self.last.as_ref(), &self.shared.chain.lane(self.lane)?);
        let before = inbox.cursor_before(slot.parent, slot.parent_header.as_ref())?;
        // While nothing waits, no slot is asked for, which could have the node post or skip.
        inbox.after(before).next()?;
        self.next_slot().map(|_| before)
    }

    fn next_slot(&self) -> Option<NextSlot> {
        let state = self.shared.chain.lane(self.lane)?;
        let standing = self.shared.standings.standing(self.lane).ok()?;
        let (now, skip_margin) = (self.shared.chain.clock(), self.shared.config.skip_margin.as_secs());
        match next_slot(self.last.as_ref(), &state, Limits { standing, dead: self.dead, now, skip_margin }) {
            Ok(slot) => Some(slot),
            Err(Blocked::WindowFull) => {
                self.shared.wish(Wish::Post { lane: self.lane });
                None
            }
            Err(Blocked::SkipNeeded) => {
                self.shared.wish(Wish::RequestSkip { lane: self.lane });
                None
            }
            Err(Blocked::NotReady | Blocked::SkipEnds) => None,
        }
    }

    /// Goes on with a slot of an earlier life; waits until the chain view knows its table.
    fn resume(&mut self, proposal: Proposal) {
        match self.shared.members_at(&proposal.record.header) {
            Some(members) => {
                let shared = Arc::clone(&self.shared);
                let work = async move { Ok(certify(shared, members, proposal, false).await) };
                self.signing = Some(self.shared.machine.spawn(work));
            }
            None => self.unfinished.push_front(proposal),
        }
    }

    fn signed(&mut self, ending: Option<Signed>) {
        match ending {
            Some(Ok(Ending::Certified { proposal, members, signatures, .. })) => {
                let answered = proposal.record.requests.len();
                let expected = answered + self.queue.ready_count();
                self.gathering = (answered > 1).then(|| (self.shared.machine.now() + GATHER_MAX, expected));
                self.advance_last(&proposal.record.header);
                self.wish_post(&proposal.record.header);
                let span =
                    debug_span!(parent: &std::mem::replace(&mut self.span, Span::none()), "gateway.batch.hand_out");
                let work = hand_out(Arc::clone(&self.shared), members, proposal, signatures).instrument(span);
                self.shared.machine.spawn(work);
            }
            Some(Ok(Ending::Skipped { proposal })) => {
                self.shared.tell(Event::Skipped { header: &proposal.record.header });
                self.advance_last(&proposal.record.header);
                let requests = proposal.record.requests;
                requests.into_iter().for_each(|request| self.shared.fail(request, CallError::LaneSkipped));
            }
            Some(Ok(Ending::Moved { proposal, gateway })) => {
                let requests = proposal.record.requests;
                requests.into_iter().for_each(|request| self.shared.fail(request, CallError::Moved { gateway }));
            }
            Some(Err((BuildError::DebtsUnknown(why), agreed))) => {
                tracing::warn!(lane = %self.lane, %why, "gateway.batch.build");
                // Entries of the forced inbox are still in it.
                let calls = agreed.into_iter().map(|call| call.waiting);
                self.rest(calls.filter(|call| call.signed.origin() == Origin::Signed).collect());
            }
            Some(Err((error, agreed))) => {
                tracing::error!(lane = %self.lane, %error, "gateway.batch.build failed");
                let failure = CallError::Gateway(error.to_string());
                agreed.into_iter().for_each(|call| self.shared.fail(call.waiting.id, failure.clone()));
            }
            None => {}
        }
    }

    fn advance_last(&mut self, header: &Batch) {
        if self.last.as_ref().is_none_or(|last| last.sequence < header.sequence) {
            self.last = Some(header.clone());
        }
    }

    /// Half of the window used: time to post, so that it never fills.
    fn wish_post(&self, header: &Batch) {
        if let Some(state) = self.shared.chain.lane(self.lane)
            && header.sequence > state.cursor + u64::from(state.window) / 2
        {
            self.shared.wish(Wish::Post { lane: self.lane });
        }
    }

    /// What is certified must be posted before a running skip ends; a post also cancels it.
    fn outrun_skip(&self) {
        let runs = self.shared.chain.lane(self.lane).is_some_and(|state| state.skip_ends_at.is_some());
        if runs && self.last.is_some() {
            self.shared.wish(Wish::Post { lane: self.lane });
        }
    }

    fn rest(&mut self, calls: Vec<Waiting>) {
        self.queue.put_back(calls, self.shared.now_ms() + REST_MS);
    }

    fn expire(&mut self) {
        self.outrun_skip();
        self.queue.wake(self.shared.now_ms());
        for waiting in self.queue.expire(self.shared.now_ms()) {
            self.shared.callers.settle_without_quorum(waiting.id);
        }
    }
}

/// Builds and reserves, then sees the batch certified.
async fn build_and_certify(shared: Arc<Shared>, members: Members, frame: Frame, agreed: Vec<AgreedCall>) -> Signed {
    if let Err(unknown) = learn_debts(&shared, &members, &frame, &agreed).await {
        return Err((unknown.into(), agreed));
    }
    let builder = Arc::clone(&shared);
    let built = shared.machine.blocking(move || {
        let built = signing::build(&builder, frame, &agreed);
        built.map_err(|error| (error, agreed))
    });
    let proposal = built.await.unwrap_or_else(|panic| Err((BuildError::Panicked(panic.to_string()), Vec::new())))?;
    Ok(certify(shared, members, proposal, true).await)
}

/// Learns what the calls' clients owe, where the batch will charge them and this gateway does not know it.
async fn learn_debts(
    shared: &Arc<Shared>,
    members: &Members,
    frame: &Frame,
    agreed: &[AgreedCall],
) -> Result<(), Unknown> {
    if shared.chain.price(frame.lane.app, u64::from(frame.reference_timestamp)).is_none() {
        return Ok(());
    }
    let clients = agreed.iter().map(|call| call.waiting.signed.request.client).collect();
    shared.learn_debts(frame.lane, &frame.slot, members, clients).await
}

/// Collects signatures, then stores the certificate and answers the callers.
async fn certify(shared: Arc<Shared>, members: Members, proposal: Proposal, fresh: bool) -> Ending {
    let (started, header) = (shared.machine.now(), &proposal.record.header);
    Span::current().record("batch", tracing::field::display(header.hash()));
    shared.tell(Event::Proposed { header, requests: &proposal.record.requests });
    let ending = signing::collect(&shared, members, proposal, fresh).await;
    if let Ending::Certified { proposal, signatures, certificate, .. } = &ending {
        let header = &proposal.record.header;
        shared.tell(Event::Certified { header, signers: signatures.len(), took: shared.machine.now() - started });
        let span = debug_span!("gateway.batch.post", batch = %header.hash(), sequence = header.sequence, transaction = tracing::field::Empty);
        shared.posting.wait(LaneKey::of(header), header.sequence, span);
        let (proposal, signatures, certificate) = (proposal.clone(), signatures.clone(), certificate.as_ref().clone());
        let machine = shared.machine.clone();
        let answered = machine.blocking(move || shared.certified(&proposal, &signatures, certificate)).await;
        if let Ok(Err(error)) = answered {
            tracing::error!(%error, "gateway.certificate.store failed");
        }
    }
    ending
}

/// Round 3, in the trace of the batch.
async fn hand_out(
    shared: Arc<Shared>,
    members: Members,
    proposal: Proposal,
    signatures: Vec<crate::wire::OperatorSignature>,
) {
    let (started, header) = (shared.machine.now(), proposal.record.header.clone());
    signing::hand_out(Arc::clone(&shared), members, proposal, signatures).await;
    shared.tell(Event::HandedOut { header: &header, took: shared.machine.now() - started });
}

/// Waits until the gathering's time is over; for ever if nothing gathers.
async fn until(machine: &Machine, moment: Option<(Instant, usize)>) {
    match moment {
        Some((moment, _)) => machine.sleep_until(moment).await,
        None => pending().await,
    }
}

/// Waits for a task; for ever if there is none. A task that panicked is logged and gives none.
async fn finished<T>(task: &mut Option<Task<T>>) -> Option<T> {
    let Some(handle) = task else { return pending().await };
    let done = handle.await;
    *task = None;
    done.inspect_err(|error| tracing::error!(%error, "gateway.pipeline task failed")).ok()
}

impl Drop for Pipeline {
    /// A pipeline that ends takes its work along.
    fn drop(&mut self) {
        if let Some(task) = &self.executing {
            task.abort();
        }
        if let Some(task) = &self.signing {
            task.abort();
        }
    }
}
