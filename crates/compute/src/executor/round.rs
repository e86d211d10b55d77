//! Round 1: check, run, report.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use alloy_primitives::{B256, Bytes};
use tokio::sync::watch;
use tracing::{Instrument, Span, debug_span};
use vouch_core::{AppId, Exchange, Origin, ProgramId, RequestId, Status, pages, seed};

use super::results::{Entry, Outcome, Ran};
use super::{Inner, blocking};
use crate::driver::{self, Loaded, RunInput};
use crate::lane::chain::Release;
use crate::observe::Event;
use crate::request::{self, Rules};
use crate::wire::{Answer, ExecuteAnswer, ExecuteCall, Refusal, Report, ReportList, SignedRequest};

/// Answers a round 1 call.
pub async fn execute(inner: &Arc<Inner>, call: ExecuteCall) -> Result<Answer, Refusal> {
    let ExecuteCall { app, program_id, requests } = call;
    let ids: Vec<RequestId> = requests.iter().map(|signed| signed.request.id()).collect();
    let outcomes = run_all(inner, app, program_id, &ids, requests).await?;
    let (reports, outputs) = ids.into_iter().zip(outcomes).map(|(id, outcome)| report(id, outcome)).unzip();
    let list = ReportList { app, program_id, operator: inner.memory.operator, reports };
    let signature = vouch_core::ecdsa::sign(list.digest(), &inner.account);
    let signature = signature.map_err(|error| Refusal::HostFailure(error.to_string()))?.into();
    Ok(Answer::Reports(Box::new(ExecuteAnswer { list, signature, outputs })))
}

fn report(id: RequestId, outcome: Outcome) -> (Report, Bytes) {
    match outcome {
        Ok(ran) => (Report::Ran(ran.exchange), ran.output.clone()),
        Err(refusal) => (Report::Refused(id, refusal), Bytes::new()),
    }
}

/// Runs requests of one program (`ids` are theirs), each at most once however often it is asked for; one outcome per request, in order.
pub async fn run_all(
    inner: &Arc<Inner>,
    app: AppId,
    program_id: ProgramId,
    ids: &[RequestId],
    requests: Vec<SignedRequest>,
) -> Result<Vec<Outcome>, Refusal> {
    let _admitted = Admission::take(inner, requests.len())?;
    let rules = rules(inner, app, program_id)?;
    let loaded = load(inner, app, program_id).await?;
    let seeds = seeds(inner, &requests).await;
    let (inner, ids, next) = (Arc::clone(inner), ids.to_vec(), AtomicUsize::new(0));
    let work = Arc::new(Work { inner, rules, loaded, seeds, ids, requests, next });
    let workers = work.requests.len().min(work.inner.config.concurrency);
    let worker = || work.inner.machine.spawn(Work::worker(Arc::clone(&work)).instrument(Span::current()));
    let handles: Vec<_> = (0..workers).map(|_| worker()).collect();
    let mut outcomes: Vec<Option<Step>> = vec![None; work.requests.len()];
    for handle in handles {
        let part = handle.await.map_err(|error| Refusal::HostFailure(error.to_string()))??;
        for (index, step) in part {
            outcomes[index] = Some(step);
        }
    }
    Ok(futures::future::join_all(outcomes.into_iter().map(settle)).await)
}

/// What requests of this program are checked against now.
pub fn rules(inner: &Inner, app: AppId, program_id: ProgramId) -> Result<Rules, Refusal> {
    let chain = &inner.chain;
    chain.app(app).ok_or(Refusal::UnknownApp)?;
    let release = chain.release(app, program_id).ok_or(Refusal::UnknownProgram)?;
    check_acceptance(inner, app, program_id, &release)?;
    Ok(Rules {
        app,
        program_id,
        price: request::price_now(&*inner.chain, app, &release),
        clock: chain.clock(),
        time_tolerance_seconds: inner.config.time_tolerance_seconds,
        deadline_ahead_seconds_max: inner.config.deadline_ahead_seconds_max,
        payload_bytes_max: release.program.limits.payload_bytes,
        fee_min: inner.config.fee_min,
        separator: inner.separator,
    })
}

/// What is not accepted is neither run nor signed, even under a table in which this operator still stands.
fn check_acceptance(inner: &Inner, app: AppId, program_id: ProgramId, release: &Release) -> Result<(), Refusal> {
    let accepts = || inner.chain.acceptance(app, program_id).operators.contains(&inner.memory.operator);
    if !release.needs_acceptance() || accepts() { Ok(()) } else { Err(Refusal::NotAccepted) }
}

async fn load(inner: &Arc<Inner>, app: AppId, program_id: ProgramId) -> Result<Arc<dyn Loaded>, Refusal> {
    let inner = Arc::clone(inner);
    blocking(inner.machine.clone(), move || inner.programs.load(app, program_id).map_err(Refusal::CannotRun)).await
}

/// The randomness of every seed block that is named; a block that is not finalized is absent.
async fn seeds(inner: &Inner, requests: &[SignedRequest]) -> HashMap<u64, Result<B256, Refusal>> {
    let mut seeds = HashMap::new();
    for block in requests.iter().map(|signed| signed.request.seed_block).filter(|block| *block != 0) {
        if seeds.contains_key(&block) {
            continue;
        }
        let found = match inner.chain.prevrandao(block).await {
            Ok(Some(prevrandao)) => Ok(prevrandao),
            Ok(None) => Err(Refusal::SeedNotFinalized(block)),
            Err(_) => Err(Refusal::ChainUnavailable),
        };
        seeds.insert(block, found);
    }
    seeds
}

/// A place in the queue for some requests; given back when dropped.
struct Admission<'a> {
    inner: &'a Inner,
    count: usize,
}

impl<'a> Admission<'a> {
    fn take(inner: &'a Inner, count: usize) -> Result<Self, Refusal> {
        let before = inner.admitted.fetch_add(count, Ordering::Relaxed);
        let admission = Self { inner, count };
        if before.saturating_add(count) > inner.config.queue_max { Err(Refusal::Busy) } else { Ok(admission) }
    }
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        self.inner.admitted.fetch_sub(self.count, Ordering::Relaxed);
    }
}

/// One call's requests, shared by its workers.
struct Work {
    inner: Arc<Inner>,
    rules: Rules,
    loaded: Arc<dyn Loaded>,
    seeds: HashMap<u64, Result<B256, Refusal>>,
    ids: Vec<RequestId>,
    requests: Vec<SignedRequest>,
    next: AtomicUsize,
}

/// A request that is done, or that another call is running right now.
#[derive(Clone)]
enum Step {
    Done(Outcome),
    Wait(watch::Receiver<Option<Outcome>>),
}

impl Work {
    /// Takes requests until none is left; at most `concurrency` workers of all calls are at it at once.
    async fn worker(self: Arc<Self>) -> Result<Vec<(usize, Step)>, Refusal> {
        let permit = Arc::clone(&self.inner.running).acquire_owned().await;
        let _permit = permit.map_err(|_| Refusal::NotReady("shutting down".into()))?;
        blocking(self.inner.machine.clone(), move || Ok(self.drain())).await
    }

    fn drain(&self) -> Vec<(usize, Step)> {
        let mut done = Vec::new();
        while let index = self.next.fetch_add(1, Ordering::Relaxed)
            && let (Some(id), Some(signed)) = (self.ids.get(index), self.requests.get(index))
        {
            let step = self.step(*id, signed);
            if let Step::Done(Err(refusal)) = &step {
                let (operator, app, program_id) = (self.inner.memory.operator, self.rules.app, self.rules.program_id);
                self.inner.tell(Event::RequestRefused { operator, app, program_id, request: *id, refusal });
            }
            done.push((index, step));
        }
        done
    }

    fn step(&self, id: RequestId, signed: &SignedRequest) -> Step {
        if let Some(ran) = self.inner.results.ready(id)
            && ran.signed.signature == signed.signature
        {
            return Step::Done(Ok(ran));
        }
        // Checked before the cache is entered: a wrongly signed copy must not spoil the run of the right one.
        let checked = match signed.origin() {
            Origin::Signed => self.rules.check(signed).and_then(|()| self.rules.check_signature(id, signed)),
            Origin::Inbox => self.rules.check_forced(id, signed, &*self.inner.chain),
        };
        let checked = checked.and_then(|()| super::funds::check(&self.inner, &self.rules, signed));
        if let Err(refusal) = checked {
            return Step::Done(Err(refusal));
        }
        match self.inner.results.enter(id) {
            Entry::Ready(ran) => Step::Done(Ok(ran)),
            Entry::Running(receiver) => Step::Wait(receiver),
            Entry::Mine(ticket) => Step::Done(ticket.finish(self.run(id, signed))),
        }
    }

    fn run(&self, id: RequestId, signed: &SignedRequest) -> Outcome {
        let prevrandao = match signed.request.seed_block {
            0 => None,
            block => Some(self.seeds.get(&block).cloned().unwrap_or(Err(Refusal::SeedNotFinalized(block)))?),
        };
        let input = RunInput { payload: &signed.payload, time: signed.request.time, seed: seed::seed(id, prevrandao) };
        let (_span, started) = (debug_span!("executor.program.run", request = %id).entered(), self.inner.machine.now());
        let outcome = self.loaded.run(&input).map_err(|failure| Refusal::HostFailure(failure.to_string()))?;
        if let Some(message) = &outcome.message {
            tracing::debug!(request = %id, status = ?outcome.status, message, "executor.program.run");
        }
        let (operator, app, program_id) = (self.inner.memory.operator, self.rules.app, self.rules.program_id);
        let (status, took) = (outcome.status, self.inner.machine.now() - started);
        self.inner.tell(Event::Ran { operator, app, program_id, request: id, status, took });
        Ok(Arc::new(ran(id, signed.clone(), outcome)))
    }
}

/// The leaf of a finished run.
fn ran(id: RequestId, signed: SignedRequest, outcome: driver::Outcome) -> Ran {
    let status = match outcome.status {
        driver::Status::Ok => Status::Ok,
        driver::Status::Trap => Status::Trap,
        driver::Status::OutOfFuel => Status::OutOfFuel,
        driver::Status::OutputTooLarge => Status::OutputTooLarge,
    };
    let output_hash = if status == Status::Ok { pages::root(&outcome.output) } else { B256::ZERO };
    let exchange = Exchange {
        request_id: id,
        reads_hash: B256::ZERO,
        status,
        output_hash,
        pre_state: B256::ZERO,
        post_state: B256::ZERO,
    };
    Ran { signed, exchange, output: outcome.output.into() }
}

async fn settle(step: Option<Step>) -> Outcome {
    match step {
        Some(Step::Done(outcome)) => outcome,
        Some(Step::Wait(mut receiver)) => {
            let settled = receiver.wait_for(Option::is_some).await;
            let outcome = settled.ok().and_then(|outcome| outcome.clone());
            outcome.unwrap_or_else(|| Err(Refusal::HostFailure("the run was given up".into())))
        }
        None => Err(Refusal::HostFailure("the run was given up".into())),
    }
}
