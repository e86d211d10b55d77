//! What happened, as somebody who sees every wire would tell it: the trace, and what the statements are about.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Mutex;
use std::time::Duration;

use alloy_primitives::{Address, U256};
use vouch_compute::wire::{Answer, Call, ProposedData, SignedRequest};
use vouch_core::{Batch, BatchData, BatchHash, RequestId};

use crate::cast::fee;
use crate::scheduler::{Process, Scheduler};

pub struct History {
    /// Whether every event is printed.
    verbose: bool,
    facts: Mutex<Facts>,
}

/// Everything that the statements need.
#[derive(Default)]
pub struct Facts {
    trace: DefaultHasher,
    pub events: u64,
    /// Every request that a client made.
    pub requests: BTreeMap<RequestId, SignedRequest>,
    /// Every header that was ever proposed.
    pub headers: BTreeMap<BatchHash, Proposed>,
    /// What the gateway's own code proposed.
    pub proposed: BTreeSet<BatchHash>,
    /// What each executor signed, in whichever life, with the finalized cursor of that moment.
    pub signed: BTreeMap<(usize, BatchHash), u64>,
    /// Which requests each executor has run.
    pub runs: BTreeSet<(usize, RequestId)>,
    /// What clients were told, by request.
    pub acknowledged: BTreeMap<RequestId, Vec<Batch>>,
    /// Calls that the gateway has not answered yet: since when, in which life.
    pub open_calls: BTreeMap<u64, (Process, Duration)>,
    calls: u64,
    /// What was seen to be wrong at once.
    pub wrongs: Vec<String>,
}

/// A header with the requests of its batch.
pub struct Proposed {
    pub header: Batch,
    pub requests: Vec<RequestId>,
    /// What its clients owed before it, as it says.
    pub owed: Vec<U256>,
}

impl Facts {
    /// The requests of a batch, as far as clients made them.
    pub fn requests_of(&self, batch: &Proposed) -> Vec<&SignedRequest> {
        batch.requests.iter().filter_map(|id| self.requests.get(id)).collect()
    }

    /// What each client owes behind `batch` by the calls that it and its ancestors answer, whatever anybody says.
    pub fn debts_behind(&self, mut batch: BatchHash) -> BTreeMap<Address, U256> {
        let mut debts = BTreeMap::<Address, U256>::new();
        while let Some(proposed) = self.headers.get(&batch) {
            for signed in self.requests_of(proposed) {
                *debts.entry(signed.request.client).or_default() += fee(signed);
            }
            batch = proposed.header.parent;
        }
        debts
    }
}

impl History {
    pub fn new(verbose: bool) -> Self {
        Self { verbose, facts: Mutex::default() }
    }

    /// Adds to the trace.
    pub fn note(&self, scheduler: &Scheduler, what: &str) {
        let at = scheduler.elapsed();
        self.facts(|facts| {
            (at, what).hash(&mut facts.trace);
            facts.events += 1;
        });
        if self.verbose {
            println!("{:>9.3} {what}", at.as_secs_f64());
        }
    }

    /// The hash of all that was noted, and of how much.
    pub fn trace(&self) -> (u64, u64) {
        self.facts(|facts| (facts.trace.finish(), facts.events))
    }

    /// A proposal on its way; `own`: by the gateway's own code.
    pub fn proposal(&self, body: &[u8], own: bool) {
        let Ok(Call::Propose(call)) = Call::decode(body) else { return };
        let hash = call.header.hash();
        let requests = match &call.data {
            ProposedData::Known(ids) => ids.clone(),
            ProposedData::Whole(data) => {
                let Ok(data) = BatchData::decode(data) else { return };
                data.entries().iter().map(|entry| entry.request.id()).collect()
            }
        };
        self.facts(|facts| {
            facts.headers.entry(hash).or_insert(Proposed { header: call.header, requests, owed: call.owed });
            if own {
                facts.proposed.insert(hash);
            }
        });
    }

    /// An executor's answer, whether or not it arrives.
    pub fn answer(&self, executor: usize, body: &[u8], answer: &[u8], finalized_cursor: u64) {
        if let (Ok(Call::Propose(call)), Ok(Answer::Signature(_))) = (Call::decode(body), Answer::decode(answer)) {
            let key = (executor, call.header.hash());
            self.facts(|facts| *facts.signed.entry(key).or_insert(finalized_cursor));
        }
    }

    pub fn call_began(&self, process: Process, at: Duration) -> u64 {
        self.facts(|facts| {
            facts.calls += 1;
            facts.open_calls.insert(facts.calls, (process, at));
            facts.calls
        })
    }

    pub fn call_ended(&self, call: u64) {
        self.facts(|facts| facts.open_calls.remove(&call));
    }

    pub fn wrong(&self, what: String) {
        self.facts(|facts| facts.wrongs.push(what));
    }

    pub fn facts<T>(&self, work: impl FnOnce(&mut Facts) -> T) -> T {
        work(&mut self.facts.lock().unwrap())
    }
}

/// A short name for a body's content.
pub fn digest(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// What a body says, in one word.
pub fn name(body: &[u8]) -> &'static str {
    match Call::decode(body) {
        Ok(Call::Execute(_)) => "execute",
        Ok(Call::Propose(_)) => "propose",
        Ok(Call::Certify(_)) => "certify",
        Ok(Call::Held(_)) => "held",
        Ok(Call::Batch(_)) => "batch",
        Ok(Call::Slots(_)) => "slots",
        Ok(Call::Data(_)) => "data",
        Ok(Call::Owed(_)) => "owed",
        Err(_) => "garbage",
    }
}

/// What an answer says, shortly.
pub fn outcome(answer: &[u8]) -> String {
    match Answer::decode(answer) {
        Ok(Answer::Reports(answer)) => format!("{} reports", answer.list.reports.len()),
        Ok(Answer::Signature(_)) => "a signature".into(),
        Ok(Answer::Kept) => "kept".into(),
        Ok(Answer::Held(holdings)) => format!("{} holdings", holdings.len()),
        Ok(Answer::Batch(batch)) => format!("batch {}", batch.is_some()),
        Ok(Answer::Slots(slots)) => format!("{} slots", slots.len()),
        Ok(Answer::Data(data)) => format!("data {}", data.is_some()),
        Ok(Answer::Refused(refusal)) => format!("refused: {refusal}"),
        Ok(Answer::Owed(answer)) => format!("{} debts", answer.list.debts.len()),
        Err(_) => "garbage".into(),
    }
}
