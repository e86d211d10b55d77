//! Results by request, bounded, so that a request asked for twice runs once.
//!
//! A result is either ready or being made; whoever asks while it is being made waits for the same run. Only what is the
//! same on every host is kept; a host's own failure is forgotten, so the next call tries again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alloy_primitives::Bytes;
use tokio::sync::watch;
use vouch_core::{Exchange, RequestId};

use crate::wire::{Refusal, SignedRequest};

/// A finished run with what it answers to.
#[derive(Clone, Debug, PartialEq)]
pub struct Ran {
    pub signed: SignedRequest,
    pub exchange: Exchange,
    pub output: Bytes,
}

impl Ran {
    fn bytes(&self) -> usize {
        self.signed.payload.len() + self.output.len() + 1_024
    }
}

/// What a run came to; shared, because many may wait for it.
pub type Outcome = Result<Arc<Ran>, Refusal>;

/// Where a request stands for the caller.
pub enum Entry {
    /// Ready.
    Ready(Arc<Ran>),
    /// Somebody else runs it.
    Running(watch::Receiver<Option<Outcome>>),
    /// The caller has to run it and then finish this.
    Mine(Ticket),
}

/// The duty to run a request. Dropped unfinished (a panic, a cancelled call), it lets those who wait know.
pub struct Ticket {
    results: Arc<Results>,
    request: RequestId,
    sender: watch::Sender<Option<Outcome>>,
    finished: bool,
}

impl Ticket {
    /// Makes the outcome known to all who wait, and keeps it if it is a result.
    pub fn finish(mut self, outcome: Outcome) -> Outcome {
        self.finished = true;
        self.results.finish(self.request, outcome.as_ref().ok());
        self.sender.send_replace(Some(outcome.clone()));
        outcome
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.finished {
            self.results.finish(self.request, None);
            self.sender.send_replace(Some(Err(Refusal::HostFailure("the run was given up".into()))));
        }
    }
}

/// The cache. Bounded by count and by bytes; the oldest result goes first.
#[derive(Debug)]
pub struct Results {
    count_max: usize,
    bytes_max: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    ready: HashMap<RequestId, Arc<Ran>>,
    order: VecDeque<RequestId>,
    bytes: usize,
    running: HashMap<RequestId, watch::Receiver<Option<Outcome>>>,
}

impl Results {
    pub fn new(count_max: usize, bytes_max: usize) -> Self {
        Self { count_max, bytes_max, inner: Mutex::default() }
    }

    /// Looks a request up, or takes the duty to run it.
    pub fn enter(self: &Arc<Self>, request: RequestId) -> Entry {
        let mut inner = self.lock();
        if let Some(ran) = inner.ready.get(&request) {
            return Entry::Ready(Arc::clone(ran));
        }
        if let Some(receiver) = inner.running.get(&request) {
            return Entry::Running(receiver.clone());
        }
        let (sender, receiver) = watch::channel(None);
        inner.running.insert(request, receiver);
        Entry::Mine(Ticket { results: Arc::clone(self), request, sender, finished: false })
    }

    /// A ready result.
    pub fn ready(&self, request: RequestId) -> Option<Arc<Ran>> {
        self.lock().ready.get(&request).cloned()
    }

    fn finish(&self, request: RequestId, ran: Option<&Arc<Ran>>) {
        let mut inner = self.lock();
        inner.running.remove(&request);
        let Some(ran) = ran else { return };
        inner.bytes += ran.bytes();
        if inner.ready.insert(request, Arc::clone(ran)).is_none() {
            inner.order.push_back(request);
        }
        while inner.order.len() > self.count_max || inner.bytes > self.bytes_max {
            let Some(oldest) = inner.order.pop_front() else { break };
            if let Some(gone) = inner.ready.remove(&oldest) {
                inner.bytes -= gone.bytes();
            }
        }
    }

    /// Every change under the lock is complete before anything that could panic.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
