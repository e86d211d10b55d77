//! Round 1: ask every executor, and see on which exchanges a stake threshold agrees.

use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy_primitives::{B256, Bytes};
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use vouch_core::{AppId, Exchange, OperatorId, ProgramId, RequestId, pages};

use super::agreement::{Agreement, Verdict};
use super::callers::Said;
use super::members::{Member, Members};
use super::queue::Waiting;
use super::shared::Shared;
use crate::evidence::Evidence;
use crate::wire::{Answer, Call, ExecuteAnswer, ExecuteCall};

/// How long an executor that could not answer is left alone before it is asked again; doubles up to the maximum.
const RETRY_WAIT_MIN: Duration = Duration::from_millis(20);
const RETRY_WAIT_MAX: Duration = Duration::from_millis(500);

/// An exchange that the threshold agrees on.
#[derive(Clone, Debug)]
pub struct AgreedCall {
    pub waiting: Waiting,
    pub exchange: Exchange,
    pub output: Bytes,
}

/// What a round came to.
#[derive(Debug)]
pub struct Outcome {
    pub program_id: ProgramId,
    pub members: Members,
    pub agreed: Vec<AgreedCall>,
    /// No agreement yet; worth another round.
    pub open: Vec<Waiting>,
    /// No agreement, and none to come.
    pub hopeless: Vec<Waiting>,
}

impl Outcome {
    /// Every call that took part.
    pub fn ids(&self) -> impl Iterator<Item = RequestId> + '_ {
        let agreed = self.agreed.iter().map(|call| call.waiting.id);
        agreed.chain(self.open.iter().chain(&self.hopeless).map(|call| call.id))
    }
}

/// A member's reports, or why there are none.
type Asked = (usize, Result<Box<ExecuteAnswer>, String>);

/// Runs round 1 for calls of one program. Never fails: who does not answer counts as absent.
pub async fn run(
    shared: &Arc<Shared>,
    app: AppId,
    program_id: ProgramId,
    members: Members,
    calls: Vec<Waiting>,
) -> Outcome {
    let deadline = shared.machine.now() + shared.config.execute_timeout;
    let requests = calls.iter().map(|call| call.signed.as_ref().clone()).collect();
    let body = Bytes::from(Call::Execute(ExecuteCall { app, program_id, requests }).encode());
    let mut round = Round {
        agreement: Agreement::new(calls.iter().map(|call| call.id).collect(), members.weights(), members.threshold),
        answers: vec![None; members.count()],
        members,
        pending: FuturesUnordered::new(),
    };
    let ids: Arc<[RequestId]> = calls.iter().map(|call| call.id).collect();
    let operators: Vec<OperatorId> = round.members.operators().collect();
    shared.callers.asked(ids.iter().copied(), &operators);
    round.ask_all(shared, &ids, &body, deadline);
    round.collect(shared, app, program_id, deadline).await;
    let outcome = round.outcome(program_id, calls);
    round.finish_in_background(shared, app, program_id, deadline);
    outcome
}

struct Round {
    members: Members,
    agreement: Agreement,
    answers: Vec<Option<Box<ExecuteAnswer>>>,
    pending: FuturesUnordered<BoxFuture<'static, Asked>>,
}

impl Round {
    fn ask_all(&mut self, shared: &Arc<Shared>, ids: &Arc<[RequestId]>, body: &Bytes, deadline: Instant) {
        for index in 0..self.members.count() {
            match self.members.reachable(index) {
                Some(member) => {
                    let asking = ask(Arc::clone(shared), index, member, Arc::clone(ids), body.clone(), deadline);
                    self.pending.push(Box::pin(asking));
                }
                None => {
                    self.agreement.silent(index, "no address of this executor is known".into());
                    self.tell(shared, index);
                }
            }
        }
    }

    /// Takes answers until more could change nothing, or the time is over; once the threshold has answered, the rest gets
    /// only the stragglers' grace.
    async fn collect(&mut self, shared: &Shared, app: AppId, program_id: ProgramId, deadline: Instant) {
        let mut until = deadline;
        while !self.agreement.is_decided() {
            match shared.machine.timeout_at(until, self.pending.next()).await {
                Some(Some(asked)) => {
                    let member = asked.0;
                    self.take(app, program_id, asked);
                    self.tell(shared, member);
                }
                Some(None) | None => break,
            }
            if self.agreement.threshold_answered() {
                until = until.min(shared.machine.now() + shared.config.straggler_grace);
            }
        }
    }

    /// Lets the callers know what the member said.
    fn tell(&self, shared: &Shared, member: usize) {
        shared.callers.hear(self.members.operator(member), self.agreement.said_by(member));
    }

    fn take(&mut self, app: AppId, program_id: ProgramId, (index, answer): Asked) {
        match answer.and_then(|answer| self.checked(app, program_id, index, answer)) {
            Ok(answer) => {
                self.agreement.reports(index, &answer.list.reports);
                self.answers[index] = Some(answer);
            }
            Err(why) => {
                tracing::debug!(operator = %self.members.operator(index), %app, why, "gateway.round.refused");
                self.agreement.silent(index, why);
            }
        }
    }

    /// Only a list that its executor's account key signed counts: it may have to serve as evidence.
    fn checked(
        &self,
        app: AppId,
        program_id: ProgramId,
        index: usize,
        answer: Box<ExecuteAnswer>,
    ) -> Result<Box<ExecuteAnswer>, String> {
        let malformed = |what: &str| Err(what.to_owned());
        let Some(member) = self.members.reachable(index) else { return malformed("unknown executor") };
        let list = &answer.list;
        if list.app != app || list.program_id != program_id || list.operator != member.operator {
            return malformed("its reports are about something else");
        }
        if answer.outputs.len() != list.reports.len() {
            return malformed("its outputs do not belong to its reports");
        }
        match vouch_core::ecdsa::verify(list.digest(), answer.signature.as_slice(), member.account) {
            Ok(()) => Ok(answer),
            Err(_) => malformed("its reports are not signed with its account key"),
        }
    }

    fn outcome(&self, program_id: ProgramId, calls: Vec<Waiting>) -> Outcome {
        let members = self.members.clone();
        let mut outcome = Outcome { program_id, members, agreed: Vec::new(), open: Vec::new(), hopeless: Vec::new() };
        for (index, waiting) in calls.into_iter().enumerate() {
            match self.agreement.verdict(index) {
                Verdict::Agreed(exchange) => match self.output(index, &exchange) {
                    Some(output) => outcome.agreed.push(AgreedCall { waiting, exchange, output }),
                    None => outcome.open.push(waiting),
                },
                Verdict::Open => outcome.open.push(waiting),
                Verdict::Hopeless if self.may_change(index) => outcome.open.push(waiting),
                Verdict::Hopeless => outcome.hopeless.push(waiting),
            }
        }
        outcome
    }

    /// Whether somebody's answer may be another one next time.
    fn may_change(&self, index: usize) -> bool {
        self.agreement.said(index).iter().any(|said| match said {
            Some(Said::Leaf(_)) => false,
            Some(Said::Refused(refusal)) => refusal.is_transient(),
            _ => true,
        })
    }

    /// The agreed output, from a member whose bytes have the agreed hash.
    fn output(&self, index: usize, exchange: &Exchange) -> Option<Bytes> {
        if exchange.output_hash == B256::ZERO {
            return Some(Bytes::new());
        }
        let outputs = self.answers.iter().flatten().filter_map(|answer| answer.outputs.get(index));
        outputs.filter(|output| pages::root(output) == exchange.output_hash).max_by_key(|output| output.len()).cloned()
    }

    /// Waits for the rest without holding up the batch, only to see who dissents.
    fn finish_in_background(mut self, shared: &Arc<Shared>, app: AppId, program_id: ProgramId, deadline: Instant) {
        let shared = Arc::clone(shared);
        let machine = shared.machine.clone();
        machine.spawn(async move {
            while let Some(Some(asked)) = shared.machine.timeout_at(deadline, self.pending.next()).await {
                self.take(app, program_id, asked);
            }
            self.keep_dissent(&shared);
        });
    }

    fn keep_dissent(&self, shared: &Shared) {
        for (member, answer) in self.answers.iter().enumerate() {
            if let Some(answer) = answer.as_ref().filter(|_| self.agreement.dissents(member)) {
                let agreed = (0..answer.list.reports.len()).filter_map(|index| match self.agreement.verdict(index) {
                    Verdict::Agreed(exchange) => Some(exchange),
                    Verdict::Open | Verdict::Hopeless => None,
                });
                let (list, signature) = (Box::new(answer.list.clone()), answer.signature);
                shared.keep_evidence(&Evidence::Dissent { list, signature, agreed: agreed.collect() });
            }
        }
    }
}

/// Asks one executor until it answers something that is final for this round.
async fn ask(
    shared: Arc<Shared>,
    index: usize,
    member: Member,
    ids: Arc<[RequestId]>,
    body: Bytes,
    deadline: Instant,
) -> Asked {
    let mut wait = RETRY_WAIT_MIN;
    loop {
        let left = deadline.saturating_duration_since(shared.machine.now());
        let (why, again) = match shared.call(member.signer(), body.clone(), left).await {
            Ok(Answer::Reports(answer)) => return (index, Ok(answer)),
            Ok(Answer::Refused(refusal)) => (format!("refused: {refusal}"), refusal.is_transient()),
            Ok(_) => ("an answer to another question".to_owned(), false),
            Err(error) => (error.to_string(), true),
        };
        shared.callers.hear(member.operator, ids.iter().map(|id| (*id, Said::Nothing(why.clone()))));
        if !again || shared.machine.now() + wait >= deadline {
            return (index, Err(why));
        }
        shared.machine.sleep(wait).await;
        wait = (wait * 2).min(RETRY_WAIT_MAX);
    }
}
