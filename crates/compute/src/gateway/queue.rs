//! Calls that wait for a batch. Pure: time is passed in.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use vouch_core::{OperatorId, ProgramId, RequestId};

use crate::wire::SignedRequest;

/// One accepted call.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub id: RequestId,
    pub signed: Arc<SignedRequest>,
    /// When the caller is told that there was no quorum, milliseconds of the engine's monotonic clock.
    pub give_up_at_ms: u64,
    /// What each executor said so far, for that message.
    pub answers: Arc<Vec<(OperatorId, String)>>,
}

/// What a batch may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls that may wait.
    pub queue_max: usize,
    /// Bytes of payload that may wait.
    pub queue_bytes_max: usize,
    /// Calls of one batch.
    pub batch_max: usize,
    /// Bytes of payload of one batch; a single larger payload goes alone.
    pub batch_bytes_max: usize,
}

/// Calls by program, first come first served; the program whose head waits longest goes next.
#[derive(Debug)]
pub struct Queue {
    limits: Limits,
    programs: BTreeMap<ProgramId, VecDeque<(u64, Waiting)>>,
    arrivals: u64,
    count: usize,
    bytes: usize,
}

impl Queue {
    pub fn new(limits: Limits) -> Self {
        Self { limits, programs: BTreeMap::new(), arrivals: 0, count: 0, bytes: 0 }
    }

    /// Takes a call in, or gives it back because the queue is full.
    pub fn push(&mut self, waiting: Waiting) -> Result<(), Waiting> {
        let bytes = self.bytes.saturating_add(waiting.signed.payload.len());
        if self.count >= self.limits.queue_max || bytes > self.limits.queue_bytes_max {
            return Err(waiting);
        }
        self.arrivals += 1;
        self.insert(self.arrivals, waiting);
        Ok(())
    }

    /// Puts calls of a batch that did not come about back: before the others of their program, behind other programs.
    /// Never refused, for they were admitted once.
    pub fn put_back(&mut self, calls: Vec<Waiting>) {
        self.arrivals += 1;
        for waiting in calls.into_iter().rev() {
            self.count += 1;
            self.bytes += waiting.signed.payload.len();
            self.programs.entry(waiting.signed.request.program_id).or_default().push_front((self.arrivals, waiting));
        }
    }

    /// The next batch: calls of one program.
    pub fn take(&mut self) -> Option<(ProgramId, Vec<Waiting>)> {
        let heads = self.programs.iter().filter_map(|(program, calls)| Some((calls.front()?.0, *program)));
        let (_, program) = heads.min()?;
        let calls = self.programs.get_mut(&program)?;
        let (mut batch, mut bytes) = (Vec::new(), 0usize);
        while let Some((_, next)) = calls.front() {
            bytes = bytes.saturating_add(next.signed.payload.len());
            if batch.len() >= self.limits.batch_max || (bytes > self.limits.batch_bytes_max && !batch.is_empty()) {
                break;
            }
            batch.extend(calls.pop_front().map(|(_, call)| call));
        }
        self.forget(&batch);
        self.programs.retain(|_, calls| !calls.is_empty());
        Some((program, batch))
    }

    /// Removes and returns the calls whose time is over.
    pub fn expire(&mut self, now_ms: u64) -> Vec<Waiting> {
        let mut expired = Vec::new();
        for calls in self.programs.values_mut() {
            let (over, open) = std::mem::take(calls).into_iter().partition(|(_, call)| call.give_up_at_ms <= now_ms);
            *calls = open;
            let over: VecDeque<(u64, Waiting)> = over;
            expired.extend(over.into_iter().map(|(_, call)| call));
        }
        self.forget(&expired);
        self.programs.retain(|_, calls| !calls.is_empty());
        expired
    }

    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn insert(&mut self, arrival: u64, waiting: Waiting) {
        self.count += 1;
        self.bytes += waiting.signed.payload.len();
        self.programs.entry(waiting.signed.request.program_id).or_default().push_back((arrival, waiting));
    }

    fn forget(&mut self, calls: &[Waiting]) {
        self.count -= calls.len();
        self.bytes -= calls.iter().map(|call| call.signed.payload.len()).sum::<usize>();
    }
}
