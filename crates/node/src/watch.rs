//! Watches a node's gateway and executors: counts what they do, notes it in the journal, and logs it, each with the same
//! ids under the same names (`request`, `batch`, `app`, `program`, `lane`, `sequence`, `operator`, `transaction`).

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use alloy_primitives::B256;
use vouch_api::{JournalEntry, LastSignature};
use vouch_chain::sender::Confirmed;
use vouch_compute::lane::LaneKey;
use vouch_compute::observe::{Event, Observer};
use vouch_compute::wire::Refusal;
use vouch_core::{AppId, Batch, OperatorId, ProgramId, RequestId};

use crate::journal::{Journal, now_ms};
use crate::metrics::{Catalogue, executor, gateway, variant_name};

/// Certified batches of a lane whose times are kept; a lane's window is smaller.
const UNPOSTED_MAX: usize = 4_096;

/// A node's watcher.
pub struct Watch {
    pub journal: Journal,
    pub gateway: gateway::Metrics,
    pub executor: executor::Metrics,
    driver_of: Box<dyn Fn(AppId, ProgramId) -> &'static str + Send + Sync>,
    started: Instant,
    lanes: Mutex<HashMap<LaneKey, VecDeque<(u64, Instant)>>>,
    signatures: Mutex<HashMap<OperatorId, LastSignature>>,
    evidence: Mutex<BTreeMap<String, u64>>,
}

/// What waits to be posted in a lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unposted {
    /// The newest certified sequence since the start; zero if there is none.
    pub certified: u64,
    pub batches: u64,
    /// Of the oldest.
    pub age: Duration,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

impl Watch {
    /// `driver_of` says what runs a program: a name out of a closed set.
    pub fn new(
        catalogue: &mut Catalogue,
        driver_of: impl Fn(AppId, ProgramId) -> &'static str + Send + Sync + 'static,
    ) -> Self {
        Self {
            journal: Journal::default(),
            gateway: gateway::Metrics::new(catalogue),
            executor: executor::Metrics::new(catalogue),
            driver_of: Box::new(driver_of),
            started: Instant::now(),
            lanes: Mutex::default(),
            signatures: Mutex::default(),
            evidence: Mutex::default(),
        }
    }

    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// Lies that are kept, by kind.
    pub fn evidence(&self) -> BTreeMap<String, u64> {
        lock(&self.evidence).clone()
    }

    /// Counts what a store held already when the node started.
    pub fn evidence_found(&self, kinds: impl IntoIterator<Item = &'static str>) {
        let mut evidence = lock(&self.evidence);
        for kind in kinds {
            *evidence.entry(kind.to_owned()).or_default() += 1;
        }
    }

    /// The newest batch that a key has signed since the start.
    pub fn last_signature(&self, operator: OperatorId) -> Option<LastSignature> {
        lock(&self.signatures).get(&operator).copied()
    }

    /// What waits in a lane, given its finalized cursor.
    pub fn unposted(&self, lane: LaneKey, cursor: u64) -> Unposted {
        let lanes = lock(&self.lanes);
        let Some(certified) = lanes.get(&lane) else { return Unposted::default() };
        let waiting = || certified.iter().filter(|(sequence, _)| *sequence > cursor);
        Unposted {
            certified: certified.back().map_or(0, |(sequence, _)| *sequence),
            batches: waiting().count() as u64,
            age: waiting().map(|(_, at)| at.elapsed()).max().unwrap_or_default(),
        }
    }

    /// Puts what waits over all lanes into the metrics.
    pub fn measure_unposted(&self, cursor_of: impl Fn(LaneKey) -> u64) {
        let lanes: Vec<LaneKey> = lock(&self.lanes).keys().copied().collect();
        let waiting: Vec<Unposted> = lanes.into_iter().map(|lane| self.unposted(lane, cursor_of(lane))).collect();
        let batches = waiting.iter().map(|waiting| waiting.batches).sum();
        let age = waiting.iter().map(|waiting| waiting.age).max().unwrap_or_default();
        self.gateway.unposted(batches, age.as_secs_f64());
    }

    /// How a call ended at the gateway: `outcome` is `certified` or a problem's code; `refused`: before anything ran.
    pub fn call_ended(
        &self,
        request: RequestId,
        (app, program): (AppId, ProgramId),
        outcome: &Outcome,
        took: Duration,
    ) {
        let Outcome { code, said, refused } = outcome;
        self.gateway.call_ended(code.clone(), took);
        let took_ms = took.as_millis();
        if code == "certified" {
            tracing::debug!(%request, %app, %program, outcome = code, took_ms, "gateway.call.answer");
        } else {
            tracing::info!(%request, %app, %program, outcome = code, said, took_ms, "gateway.call.refuse");
        }
        let entry = JournalEntry {
            event: Cow::Borrowed(if code == "certified" { "gateway.call.answer" } else { "gateway.call.refuse" }),
            said: format!("{code} after {took_ms} ms{}{said}", if said.is_empty() { "" } else { ": " }),
            request: Some(request.0),
            app: Some(app.0),
            program: Some(program.0),
            ..JournalEntry::default()
        };
        if *refused { self.journal.note_refused(entry) } else { self.journal.note(entry) }
    }

    /// Headers of a lane that a transaction recorded.
    pub fn posted(&self, lane: LaneKey, headers: &[Batch], confirmed: &Confirmed) {
        self.gateway.posted(headers.len(), confirmed.gas_used);
        let (transaction, block) = (confirmed.transaction, confirmed.block_number);
        let last = headers.last().map_or(0, |header| header.sequence);
        tracing::info!(
            app = %lane.app, lane = lane.lane, sequence = last, headers = headers.len(), %transaction, block,
            gas = confirmed.gas_used, "gateway.batch.post"
        );
        for header in headers {
            let said = format!("in block {block}");
            self.journal
                .note(JournalEntry { transaction: Some(transaction), ..about("gateway.batch.post", header, said) });
        }
    }

    pub fn post_failed(&self, lane: LaneKey, error: &vouch_chain::Error) {
        self.gateway.post_failed();
        tracing::warn!(app = %lane.app, lane = lane.lane, %error, "gateway.batch.post failed");
    }

    fn certified(&self, header: &Batch, signers: usize, took: Duration) {
        self.gateway.round_ended("propose", took);
        self.gateway.certified(header.exchange_count, header.data_length);
        let mut lanes = lock(&self.lanes);
        let certified = lanes.entry(LaneKey::of(header)).or_default();
        if certified.len() >= UNPOSTED_MAX {
            certified.pop_front();
        }
        certified.push_back((header.sequence, Instant::now()));
        drop(lanes);
        let (batch, took_ms) = (header.hash(), took.as_millis());
        tracing::debug!(
            %batch, app = %header.app, lane = header.lane, sequence = header.sequence,
            exchanges = header.exchange_count, signers, took_ms, "gateway.batch.certify"
        );
        let said = format!("{} exchanges, {signers} signers, {took_ms} ms", header.exchange_count);
        self.journal.note(about("gateway.batch.certify", header, said));
    }

    fn signature_refused(&self, operator: OperatorId, header: &Batch, refusal: &Refusal) {
        self.gateway.signature_refused(variant_name(refusal));
        tracing::warn!(
            %operator, batch = %header.hash(), app = %header.app, lane = header.lane, sequence = header.sequence,
            %refusal, "gateway.propose.refused"
        );
        let entry = about("gateway.propose.refused", header, refusal.to_string());
        self.journal.note(JournalEntry { operator: Some(operator.0), ..entry });
    }

    fn signed(&self, operator: OperatorId, header: &Batch) {
        self.executor.signed();
        let signature = LastSignature { lane: header.lane, sequence: header.sequence, at_ms: now_ms() };
        lock(&self.signatures).insert(operator, signature);
        tracing::debug!(
            %operator, batch = %header.hash(), app = %header.app, lane = header.lane, sequence = header.sequence,
            "executor.batch.sign"
        );
        let entry = about("executor.batch.sign", header, String::new());
        self.journal.note(JournalEntry { operator: Some(operator.0), ..entry });
    }

    fn call_refused(&self, operator: OperatorId, round: &'static str, header: Option<&Batch>, refusal: &Refusal) {
        self.executor.refused(round, variant_name(refusal));
        let Some(header) = header else {
            tracing::debug!(%operator, round, %refusal, "executor.call.refuse");
            return;
        };
        let (batch, app, lane, sequence) = (header.hash(), header.app, header.lane, header.sequence);
        if refusal.is_lie() || matches!(refusal, Refusal::SlotTaken { .. }) {
            tracing::warn!(%operator, %batch, %app, lane, sequence, round, %refusal, "executor.batch.refuse");
        } else {
            tracing::debug!(%operator, %batch, %app, lane, sequence, round, %refusal, "executor.batch.refuse");
        }
        let entry = about("executor.batch.refuse", header, format!("{round}: {refusal}"));
        self.journal.note_refused(JournalEntry { operator: Some(operator.0), ..entry });
    }
}

impl Observer for Watch {
    fn observe(&self, event: &Event<'_>) {
        match *event {
            Event::Queued { lane, calls } => self.gateway.queued(lane, calls),
            Event::Admitted { lane, program_id, request } => {
                let entry = of_request("gateway.call.accept", (lane.app, program_id), request, String::new());
                self.journal.note(JournalEntry { lane: Some(lane.lane), ..entry });
            }
            Event::RoundEnded { lane, program_id, requests, agreed, took } => {
                self.gateway.round_ended("execute", took);
                let took_ms = took.as_millis();
                tracing::debug!(
                    app = %lane.app, lane = lane.lane, program = %program_id, requests, agreed, took_ms,
                    "gateway.round.execute"
                );
            }
            Event::Proposed { header, requests } => {
                let said = format!("{} requests", requests.len());
                self.journal.note(about("gateway.batch.propose", header, said));
            }
            Event::SignatureRefused { operator, header, refusal } => self.signature_refused(operator, header, refusal),
            Event::Certified { header, signers, took } => self.certified(header, signers, took),
            Event::HandedOut { took, .. } => self.gateway.round_ended("certify", took),
            Event::Skipped { header } => {
                self.gateway.skipped();
                tracing::warn!(
                    batch = %header.hash(), app = %header.app, lane = header.lane, sequence = header.sequence,
                    "gateway.batch.skip"
                );
                self.journal.note(about("gateway.batch.skip", header, "the lane was skipped past it".to_owned()));
            }
            Event::Ran { operator, app, program_id, request, status, took } => {
                let status = variant_name(&status);
                let said = format!("{status} after {} ms", took.as_millis());
                self.executor.ran((self.driver_of)(app, program_id), status, took);
                let entry = of_request("executor.program.run", (app, program_id), request, said);
                self.journal.note(JournalEntry { operator: Some(operator.0), ..entry });
            }
            Event::RequestRefused { operator, app, program_id, request, refusal } => {
                self.executor.refused("request", variant_name(refusal));
                tracing::debug!(%operator, %request, %app, program = %program_id, %refusal, "executor.request.refuse");
                let entry = of_request("executor.request.refuse", (app, program_id), request, refusal.to_string());
                self.journal.note_refused(JournalEntry { operator: Some(operator.0), ..entry });
            }
            Event::CallRefused { operator, round, header, refusal } => {
                self.call_refused(operator, round, header, refusal);
            }
            Event::SlotReserved { took, .. } => self.executor.reserved(took),
            Event::Signed { operator, header } => self.signed(operator, header),
            Event::EvidenceKept { kind } => {
                tracing::warn!(kind, "node.evidence.keep");
                self.evidence_found([kind]);
            }
        }
    }
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// `certified`, or a problem's code.
    pub code: String,
    /// Why not.
    pub said: String,
    /// Whether it never entered a queue.
    pub refused: bool,
}

fn about(event: &'static str, header: &Batch, said: String) -> JournalEntry {
    JournalEntry {
        event: Cow::Borrowed(event),
        said,
        batch: Some(header.hash().0),
        app: Some(header.app.0),
        program: Some(header.program_id.0),
        lane: Some(header.lane),
        sequence: Some(header.sequence),
        ..JournalEntry::default()
    }
}

fn of_request(
    event: &'static str,
    (app, program): (AppId, ProgramId),
    request: RequestId,
    said: String,
) -> JournalEntry {
    let (request, app, program): (B256, B256, B256) = (request.0, app.0, program.0);
    JournalEntry {
        event: Cow::Borrowed(event),
        said,
        request: Some(request),
        app: Some(app),
        program: Some(program),
        ..JournalEntry::default()
    }
}

/// Every change under these locks is complete before anything that could panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch() -> Watch {
        Watch::new(&mut Catalogue::default(), |_, _| "wasm")
    }

    fn header(sequence: u64) -> Batch {
        Batch { lane: 1, sequence, exchange_count: 2, ..Batch::default() }
    }

    #[test]
    fn what_waits_is_what_lies_beyond_the_cursor() {
        let watch = watch();
        for sequence in 1..=3 {
            let took = Duration::from_millis(1);
            watch.observe(&Event::Certified { header: &header(sequence), signers: 4, took });
        }
        let lane = LaneKey::of(&header(1));
        let waiting = watch.unposted(lane, 1);
        assert_eq!((waiting.certified, waiting.batches), (3, 2));
        assert_eq!(watch.unposted(lane, 3).batches, 0);
        assert_eq!(watch.unposted(lane, 3).age, Duration::ZERO);
    }

    #[test]
    fn lies_are_counted_by_kind_and_a_signature_is_remembered() {
        let watch = watch();
        watch.evidence_found(["dissent"]);
        watch.observe(&Event::EvidenceKept { kind: "dissent" });
        assert_eq!(watch.evidence(), BTreeMap::from([("dissent".to_owned(), 2)]));
        let operator = OperatorId(B256::repeat_byte(1));
        watch.observe(&Event::Signed { operator, header: &header(7) });
        assert_eq!(watch.last_signature(operator).unwrap().sequence, 7);
    }

    #[test]
    fn a_request_is_followed_by_its_id() {
        let (watch, request) = (watch(), RequestId(B256::repeat_byte(9)));
        let (app, program) = (AppId(B256::repeat_byte(1)), ProgramId(B256::repeat_byte(2)));
        watch.observe(&Event::Admitted { lane: LaneKey { app, lane: 1 }, program_id: program, request });
        let outcome = Outcome { code: "no_quorum".to_owned(), said: "nobody".to_owned(), refused: false };
        watch.call_ended(request, (app, program), &outcome, Duration::from_millis(5));
        let (found, _) = watch.journal.find(&"0x09090909".parse().unwrap());
        let told: Vec<_> = found.iter().map(|entry| (entry.event.as_ref(), entry.said.as_str())).collect();
        assert_eq!(told, [("gateway.call.accept", ""), ("gateway.call.refuse", "no_quorum after 5 ms: nobody")]);
    }
}
