//! Who waits for a call, and what each executor has said about it so far: a caller whose time is over is told who did what,
//! whatever the pipeline is waiting for at that moment.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use alloy_primitives::B256;
use tokio::sync::watch;
use tracing::Span;
use vouch_core::{OperatorId, RequestId};

use super::bills::Bills;
use super::{CallError, CallOutcome};
use crate::wire::Refusal;

/// What one executor last said about one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// It was asked.
    NoAnswerYet,
    /// It ran and got this leaf.
    Leaf(B256),
    /// It refused to run it.
    Refused(Refusal),
    /// It answered nothing usable: silent, late, or not in the form of the protocol.
    Nothing(String),
    /// It signed the batch.
    Signed,
    /// It refused to sign the batch.
    RefusedToSign(Refusal),
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnswerYet => f.write_str("no answer in time"),
            Self::Leaf(leaf) => write!(f, "answered {leaf}"),
            Self::Refused(refusal) => write!(f, "refused: {refusal}"),
            Self::Nothing(why) => f.write_str(why),
            Self::Signed => f.write_str("signed"),
            Self::RefusedToSign(refusal) => write!(f, "did not sign: {refusal}"),
        }
    }
}

/// One request's callers.
struct Waits {
    outcome: watch::Sender<Option<CallOutcome>>,
    /// Of the call that came first.
    span: Span,
    said: Vec<(OperatorId, Said)>,
}

/// All calls under way. As many as the queue, the running rounds and the slots of earlier lives hold.
#[derive(Default)]
pub struct Callers {
    calls: Mutex<HashMap<RequestId, Waits>>,
    /// What they will owe.
    pub bills: Bills,
}

impl Callers {
    /// Waits for a request's outcome; also whether nobody did so before.
    pub fn join(&self, id: RequestId) -> (watch::Receiver<Option<CallOutcome>>, bool) {
        let mut calls = self.lock();
        if let Some(waits) = calls.get(&id) {
            return (waits.outcome.subscribe(), false);
        }
        let (outcome, receiver) = watch::channel(None);
        calls.insert(id, Waits { outcome, span: Span::current(), said: Vec::new() });
        (receiver, true)
    }

    /// Whether anybody waits for it.
    pub fn has(&self, id: RequestId) -> bool {
        self.lock().contains_key(&id)
    }

    /// The spans of those of these calls that are traced, at most `max`.
    pub fn spans<'a>(&self, ids: impl IntoIterator<Item = &'a RequestId>, max: usize) -> Vec<Span> {
        let calls = self.lock();
        let spans = ids.into_iter().filter_map(|id| Some(calls.get(id)?.span.clone()));
        spans.filter(|span| !span.is_disabled()).take(max).collect()
    }

    /// How many calls are under way.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// Ends a call for everyone who waits for it.
    pub fn settle(&self, id: RequestId, outcome: CallOutcome) {
        self.bills.close(id);
        if let Some(waits) = self.lock().remove(&id) {
            waits.outcome.send_replace(Some(outcome));
        }
    }

    /// Ends a call on which there was no agreement.
    pub fn settle_without_quorum(&self, id: RequestId) {
        let error = self.no_quorum(id);
        self.settle(id, Err(error));
    }

    /// That these executors were asked; what they said in an earlier round stays until they say something else.
    pub fn asked(&self, ids: impl IntoIterator<Item = RequestId>, operators: &[OperatorId]) {
        let mut calls = self.lock();
        for id in ids {
            let Some(waits) = calls.get_mut(&id) else { continue };
            let known = |operator: &OperatorId| waits.said.iter().any(|(who, _)| who == operator);
            let new: Vec<_> = operators.iter().filter(|operator| !known(operator)).collect();
            waits.said.extend(new.into_iter().map(|operator| (*operator, Said::NoAnswerYet)));
        }
    }

    /// What one executor said about each of these.
    pub fn hear(&self, operator: OperatorId, words: impl IntoIterator<Item = (RequestId, Said)>) {
        let mut calls = self.lock();
        for (id, said) in words {
            let Some(waits) = calls.get_mut(&id) else { continue };
            match waits.said.iter_mut().find(|(who, _)| *who == operator) {
                Some((_, earlier)) => *earlier = said,
                None => waits.said.push((operator, said)),
            }
        }
    }

    /// The error of a call on which there is no agreement, with what was said.
    pub fn no_quorum(&self, id: RequestId) -> CallError {
        let calls = self.lock();
        let said = calls.get(&id).map(|waits| waits.said.as_slice()).unwrap_or_default();
        CallError::NoQuorum { answers: said.iter().map(|(who, said)| (*who, said.to_string())).collect() }
    }

    /// Every change under the lock is complete before anything that could panic.
    fn lock(&self) -> MutexGuard<'_, HashMap<RequestId, Waits>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHO: [OperatorId; 2] = [OperatorId(B256::repeat_byte(1)), OperatorId(B256::repeat_byte(2))];
    const CALL: RequestId = RequestId(B256::repeat_byte(9));

    fn answers(callers: &Callers) -> Vec<String> {
        match callers.no_quorum(CALL) {
            CallError::NoQuorum { answers } => answers.into_iter().map(|(_, said)| said).collect(),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn who_was_asked_and_what_each_said_last_is_known_at_any_time() {
        let callers = Callers::default();
        let (_receiver, first) = callers.join(CALL);
        assert!(first && !callers.join(CALL).1);
        callers.asked([CALL], &WHO);
        callers.hear(WHO[1], [(CALL, Said::Refused(Refusal::Busy))]);
        assert_eq!(answers(&callers), ["no answer in time".to_owned(), format!("refused: {}", Refusal::Busy)]);
        callers.asked([CALL], &WHO);
        assert!(answers(&callers)[1].starts_with("refused"), "a second round forgets nothing");
        callers.hear(WHO[1], [(CALL, Said::Signed)]);
        assert_eq!(answers(&callers)[1], "signed");
    }

    #[test]
    fn a_settled_call_is_forgotten() {
        let callers = Callers::default();
        let (receiver, _) = callers.join(CALL);
        callers.settle(CALL, Err(CallError::Busy));
        assert!(matches!(*receiver.borrow(), Some(Err(CallError::Busy))));
        assert!(!callers.has(CALL) && answers(&callers).is_empty());
    }
}
