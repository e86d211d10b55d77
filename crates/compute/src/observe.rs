//! What gateway and executor tell whoever watches them, as it happens. Nothing here decides anything, and a watcher that
//! is slow slows them down: it may count and note, and never wait.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use vouch_core::{AppId, Batch, OperatorId, ProgramId, RequestId, Status};

use crate::lane::LaneKey;
use crate::wire::Refusal;

/// Something that happened in a gateway or an executor.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// Gateway: a call was let in, for the first time.
    Admitted { lane: LaneKey, program_id: ProgramId, request: RequestId },
    /// Gateway: so many calls wait in a lane's queue now.
    Queued { lane: LaneKey, calls: usize },
    /// Gateway: round 1 is over; `agreed` of the `requests` have an exchange that the threshold reported.
    RoundEnded { lane: LaneKey, program_id: ProgramId, requests: usize, agreed: usize, took: Duration },
    /// Gateway: a slot is reserved and will be proposed.
    Proposed { header: &'a Batch, requests: &'a [RequestId] },
    /// Gateway: an executor refused to sign.
    SignatureRefused { operator: OperatorId, header: &'a Batch, refusal: &'a Refusal },
    /// Gateway: the threshold signed, so long after the slot was reserved.
    Certified { header: &'a Batch, signers: usize, took: Duration },
    /// Gateway: every executor was told of the certificate, or its time was over.
    HandedOut { header: &'a Batch, took: Duration },
    /// Gateway: the lane was skipped past the batch, which can never be posted.
    Skipped { header: &'a Batch },
    /// Executor: a program ran to its end.
    Ran { operator: OperatorId, app: AppId, program_id: ProgramId, request: RequestId, status: Status, took: Duration },
    /// Executor: one request was not run, or its result cannot be signed.
    RequestRefused { operator: OperatorId, app: AppId, program_id: ProgramId, request: RequestId, refusal: &'a Refusal },
    /// Executor: a whole call was refused; the header if it was about a batch.
    CallRefused { operator: OperatorId, round: &'static str, header: Option<&'a Batch>, refusal: &'a Refusal },
    /// Executor: a slot is reserved on disk, which took so long.
    SlotReserved { operator: OperatorId, header: &'a Batch, took: Duration },
    /// Executor: a batch was signed, for the first time or again.
    Signed { operator: OperatorId, header: &'a Batch },
    /// Both: a lie was kept that was not known before.
    EvidenceKept { kind: &'static str },
}

/// Hears every [`Event`], on the thread on which it happens.
pub trait Observer: fmt::Debug + Send + Sync {
    fn observe(&self, event: &Event<'_>);
}

/// Who watches, if anybody does.
#[derive(Clone, Debug, Default)]
pub struct Observed(Option<Arc<dyn Observer>>);

impl Observed {
    pub fn by(observer: Arc<dyn Observer>) -> Self {
        Self(Some(observer))
    }

    pub fn tell(&self, event: Event<'_>) {
        if let Some(observer) = &self.0 {
            observer.observe(&event);
        }
    }
}
