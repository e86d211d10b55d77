//! Calls that wait for a batch. Pure: time is passed in.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use vouch_core::{ProgramId, RequestId};

use crate::wire::SignedRequest;

/// One accepted call.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub id: RequestId,
    pub signed: Arc<SignedRequest>,
    /// When the caller is told that there was no quorum, milliseconds of the engine's monotonic clock.
    pub give_up_at_ms: u64,
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
    /// Calls that came back from a round, and from when on they may go into another.
    resting: Vec<(u64, Waiting)>,
    arrivals: u64,
    count: usize,
    bytes: usize,
}

impl Queue {
    pub fn new(limits: Limits) -> Self {
        Self { limits, programs: BTreeMap::new(), resting: Vec::new(), arrivals: 0, count: 0, bytes: 0 }
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

    /// Takes calls back whose batch did not come about, for another round from `ready_at_ms` on. Never refused, for they
    /// were admitted once.
    pub fn put_back(&mut self, calls: Vec<Waiting>, ready_at_ms: u64) {
        self.count += calls.len();
        self.bytes += calls.iter().map(|call| call.signed.payload.len()).sum::<usize>();
        self.resting.extend(calls.into_iter().map(|call| (ready_at_ms, call)));
    }

    /// Puts rested calls before the others of their program, behind other programs.
    pub fn wake(&mut self, now_ms: u64) {
        let (ready, resting) = std::mem::take(&mut self.resting).into_iter().partition(|(at, _)| *at <= now_ms);
        self.resting = resting;
        self.arrivals += 1;
        let ready: Vec<(u64, Waiting)> = ready;
        for (_, waiting) in ready.into_iter().rev() {
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
        let (over, resting) =
            std::mem::take(&mut self.resting).into_iter().partition(|(_, call)| call.give_up_at_ms <= now_ms);
        self.resting = resting;
        let over: Vec<(u64, Waiting)> = over;
        let mut expired: Vec<Waiting> = over.into_iter().map(|(_, call)| call).collect();
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

    /// Calls that wait, resting ones included.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Calls that could go into a batch now.
    pub fn ready_count(&self) -> usize {
        self.count - self.resting.len()
    }

    /// Whether a batch could be taken now.
    pub fn is_ready(&self) -> bool {
        !self.programs.is_empty()
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

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{B256, Bytes};
    use vouch_core::Request;

    const LIMITS: Limits = Limits { queue_max: 5, queue_bytes_max: 1_000, batch_max: 3, batch_bytes_max: 100 };

    fn call(program: u8, nonce: u64, bytes: usize) -> Waiting {
        let program_id = ProgramId(B256::repeat_byte(program));
        let request = Request { program_id, nonce, ..Request::default() };
        let signed = SignedRequest { request, signature: Bytes::new(), payload: vec![0; bytes].into() };
        Waiting { id: signed.request.id(), signed: Arc::new(signed), give_up_at_ms: 1_000 + nonce }
    }

    fn filled(calls: impl IntoIterator<Item = Waiting>) -> Queue {
        let mut queue = Queue::new(LIMITS);
        calls.into_iter().for_each(|call| queue.push(call).unwrap());
        queue
    }

    fn nonces(batch: Option<(ProgramId, Vec<Waiting>)>) -> Vec<u64> {
        batch.map(|(_, calls)| calls.iter().map(|call| call.signed.request.nonce).collect()).unwrap_or_default()
    }

    #[test]
    fn batches_are_of_one_program_and_the_longest_waiting_goes_first() {
        let mut queue = filled([call(2, 0, 1), call(1, 1, 1), call(2, 2, 1)]);
        assert_eq!(nonces(queue.take()), [0, 2]);
        assert_eq!(nonces(queue.take()), [1]);
        assert!(queue.take().is_none() && queue.count() == 0);
    }

    #[test]
    fn batches_are_bounded_by_count_and_bytes_but_a_large_call_goes_alone() {
        let mut queue = filled((0..5).map(|nonce| call(1, nonce, 1)));
        assert_eq!(nonces(queue.take()), [0, 1, 2]);
        let mut queue = filled([call(1, 0, 300), call(1, 1, 60), call(1, 2, 60)]);
        assert_eq!(nonces(queue.take()), [0]);
        assert_eq!(nonces(queue.take()), [1]);
        assert_eq!(nonces(queue.take()), [2]);
    }

    #[test]
    fn a_full_queue_gives_the_call_back() {
        let mut queue = filled((0..5).map(|nonce| call(1, nonce, 1)));
        assert!(queue.push(call(1, 9, 1)).is_err());
        let mut queue = filled([call(1, 0, 900)]);
        assert!(queue.push(call(1, 1, 101)).is_err());
        assert!(queue.push(call(1, 1, 100)).is_ok());
    }

    #[test]
    fn calls_put_back_rest_and_then_go_first_but_let_other_programs_pass() {
        let mut queue = filled([call(1, 0, 1), call(1, 1, 1)]);
        let (_, taken) = queue.take().unwrap();
        queue.push(call(1, 2, 1)).unwrap();
        queue.push(call(2, 3, 1)).unwrap();
        queue.put_back(taken, 50);
        queue.wake(49);
        assert_eq!(nonces(queue.take()), [2]);
        queue.wake(50);
        assert_eq!(nonces(queue.take()), [3]);
        assert_eq!(nonces(queue.take()), [0, 1]);
    }

    #[test]
    fn calls_expire_wherever_they_wait() {
        let mut queue = filled([call(1, 0, 1), call(1, 5, 1), call(2, 1, 1)]);
        let (_, taken) = queue.take().unwrap();
        queue.put_back(taken, 9_999);
        let expired = queue.expire(1_001);
        assert_eq!(expired.len(), 2);
        assert_eq!(queue.count(), 1);
    }
}
