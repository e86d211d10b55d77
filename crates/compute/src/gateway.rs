//! The gateway: takes calls, has them run by every executor, and turns agreement into certificates.
//!
//! Protocol (see `docs/protocol.md`), seen from here, for each lane:
//!
//! 1. calls are collected into a batch as soon as the lane's executors are free ([`queue`]);
//! 2. round 1 asks every executor; an exchange counts when a stake threshold reports the identical one ([`agreement`]);
//! 3. the batch's slot is reserved on disk with all its data, then proposed; the same bytes are proposed until the
//!    threshold has signed or the lane was skipped, also across restarts ([`signing`]);
//! 4. the callers get their receipts ([`receipt`]), the executors the certificate, and the node is asked to post.
//!
//! Dissent, wrong signatures and refusals are kept as evidence. While one batch is being signed the next one runs.

pub mod agreement;
mod billing;
mod bills;
pub mod callers;
mod debts;
mod forced;
mod members;
mod pipeline;
mod posting;
mod punctual;
pub mod queue;
pub mod receipt;
mod round;
mod shared;
mod signing;
pub mod slot;
pub mod store;
mod takeover;

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes};
use tokio::sync::mpsc;
use vouch_coding::Srs;
use vouch_core::{AppId, OperatorId, RequestId, ecdsa};

use crate::evidence::Evidence;
use crate::lane::LaneKey;
pub use crate::lane::PostWork;
use crate::lane::chain::{ChainView, Peers};
use crate::lane::slots::Slots;
use crate::machine::Machine;
use crate::observe::Observed;
use crate::wire::{Answer, Call, Refusal, SignedRequest};
pub use billing::{ClientStanding, DueCharge};
use debts::Unknown;
use queue::Limits;
use receipt::Receipt;
use shared::{Admitted, Shared};
pub use store::KeptBatch;

/// Limits and waits of a gateway.
#[derive(Clone, Debug)]
pub struct Config {
    /// Folder of the store.
    pub folder: PathBuf,
    pub limits: Limits,
    /// As the executors', so that what they would refuse is refused here.
    pub time_tolerance_seconds: u64,
    pub deadline_ahead_seconds_max: u64,
    /// How long a caller waits at most for a certificate; longer than `execute_timeout`, or there is no second round.
    pub call_timeout: Duration,
    /// How long round 1 may take.
    pub execute_timeout: Duration,
    /// How long those who have not reported are waited for once the threshold has.
    pub straggler_grace: Duration,
    /// How long one attempt at collecting signatures may take.
    pub propose_timeout: Duration,
    /// How long further signatures are waited for once the threshold has signed: each absent signer costs gas.
    pub signature_grace: Duration,
    pub certify_timeout: Duration,
    /// After how long a batch that the threshold does not sign is given up: the gateway wishes for a skip of the lane, which
    /// a post cancels. Long, so that executors that are only restarted come back before.
    pub skip_after: Duration,
    pub peer_timeout: Duration,
    /// How long before a running skip ends the last batch is proposed: long enough to have it certified and posted.
    pub skip_margin: Duration,
    /// How long batches are kept after their table's time; must exceed the profile's whole time.
    pub retention: Duration,
    /// The operator's word that this store may have forgotten something.
    pub restored: bool,
    /// Who watches.
    pub observed: Observed,
}

impl Config {
    /// Defaults for a store in `folder`.
    pub fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            limits: Limits { queue_max: 4_096, queue_bytes_max: 64 << 20, batch_max: 256, batch_bytes_max: 1 << 20 },
            time_tolerance_seconds: 1_800,
            deadline_ahead_seconds_max: 7 * 86_400,
            call_timeout: Duration::from_secs(30),
            execute_timeout: Duration::from_secs(10),
            straggler_grace: Duration::from_millis(250),
            propose_timeout: Duration::from_secs(5),
            signature_grace: Duration::from_millis(15),
            certify_timeout: Duration::from_secs(5),
            skip_after: Duration::from_secs(120),
            peer_timeout: Duration::from_secs(3),
            skip_margin: Duration::from_secs(10),
            retention: Duration::from_secs(60 * 86_400),
            restored: false,
            observed: Observed::default(),
        }
    }
}

/// What a gateway works with.
pub struct Parts {
    pub machine: Machine,
    pub chain: Arc<dyn ChainView>,
    pub peers: Arc<dyn Peers>,
    /// What batch data is committed with.
    pub srs: Arc<Srs>,
    /// The gateway's secp256k1 key, as registered with its lanes.
    pub key: [u8; 32],
    /// Where it says what it needs done on chain. When full, wishes are dropped: they come again.
    pub wishes: mpsc::Sender<Wish>,
}

/// Something on chain that the node should do; anyone may send these transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wish {
    /// Make a new operator table: there is none, or it will soon be stale.
    RefreshTable { app: AppId, table: B256 },
    /// Post what [`Gateway::unposted`] gives.
    Post { lane: LaneKey },
    /// The lane cannot go on without a skip.
    RequestSkip { lane: LaneKey },
}

/// Why a gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Store(#[from] crate::store::Error),
    #[error("the gateway's key is not a secret key")]
    Key(#[from] ecdsa::Error),
}

/// Why a call gets no receipt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The caller's fault; the same call will fail again.
    #[error("{0}")]
    Refused(Refusal),
    /// The queue is full; try again later.
    #[error("busy: too many calls wait")]
    Busy,
    /// Nobody answers for the program; waiting does not change that.
    #[error("no operator accepted this program")]
    NotAccepted,
    /// This gateway has no lane for the app, or no operator table is there yet.
    #[error("not ready: {0}")]
    NotReady(&'static str),
    /// The stake threshold did not agree in time.
    #[error("no quorum: {}", describe(answers))]
    NoQuorum { answers: Vec<(OperatorId, String)> },
    /// Another gateway serves the lane now.
    #[error("this gateway no longer serves the app; ask the gateway {gateway}, with the same request")]
    Moved { gateway: Address },
    /// The lane was skipped past the batch; sign a new request.
    #[error("the lane was skipped past this batch; send a new request")]
    LaneSkipped,
    /// The gateway's own trouble.
    #[error("the gateway failed: {0}")]
    Gateway(String),
}

fn describe(answers: &[(OperatorId, String)]) -> String {
    if answers.is_empty() {
        return "nobody has answered".into();
    }
    answers.iter().map(|(operator, said)| format!("{operator} {said}")).collect::<Vec<_>>().join("; ")
}

type CallOutcome = Result<Arc<Receipt>, CallError>;

/// A running gateway. Cheap to clone.
#[derive(Clone)]
pub struct Gateway {
    shared: Arc<Shared>,
}

impl Gateway {
    /// Opens the store; refuses a damaged one. Proposes nothing until [`Gateway::tick`] has asked the peers.
    pub fn open(config: Config, parts: Parts) -> Result<Self, Error> {
        Ok(Self { shared: Arc::new(Shared::open(config, parts)?) })
    }

    /// The address of the gateway's key.
    pub fn address(&self) -> Address {
        self.shared.address
    }

    /// Has one request answered. The same request again joins the call that is under way, or gets the stored receipt.
    pub async fn call(&self, signed: SignedRequest) -> CallOutcome {
        let id = signed.request.id();
        // An answer after the request's deadline is worth nothing, so nobody waits for one.
        let left = signed.request.deadline.saturating_sub(self.shared.chain.clock());
        let machine = &self.shared.machine;
        let deadline = machine.now() + self.shared.config.call_timeout.min(Duration::from_secs(left));
        let (admission, span) = (Arc::clone(&self.shared), tracing::Span::current());
        let admitted = machine.blocking(move || span.in_scope(|| admission.admit(id, signed, deadline))).await;
        let mut outcome = match admitted.map_err(|error| CallError::Gateway(error.to_string()))?? {
            Admitted::Receipt(receipt) => return Ok(receipt),
            Admitted::Waiting(outcome) => outcome,
        };
        match machine.timeout_at(deadline, outcome.wait_for(Option::is_some)).await {
            Some(Ok(outcome)) => outcome.clone().unwrap_or_else(|| Err(self.shared.callers.no_quorum(id))),
            Some(Err(_)) => Err(CallError::Gateway("the call was given up".into())),
            None => Err(self.shared.callers.no_quorum(id)),
        }
    }

    /// The receipt of a request that was certified earlier.
    pub async fn receipt(&self, request: RequestId) -> Result<Option<Arc<Receipt>>, CallError> {
        let shared = Arc::clone(&self.shared);
        let found = self.shared.machine.blocking(move || shared.stored_receipt(request)).await;
        found.map_err(|error| CallError::Gateway(error.to_string()))?
    }

    /// Answers what executors may ask of a gateway: what it holds of theirs, and its batches.
    pub async fn handle(&self, body: &[u8]) -> Bytes {
        let answer = match Call::decode(body) {
            Ok(call) => {
                let shared = Arc::clone(&self.shared);
                let answered = self.shared.machine.blocking(move || shared.answer(&call)).await;
                answered.unwrap_or_else(|error| Answer::Refused(Refusal::HostFailure(error.to_string())))
            }
            Err(error) => Answer::Refused(Refusal::Malformed(error.to_string())),
        };
        answer.encode().into()
    }

    /// What can be posted now: the headers above `cursor` (the registry's, finalized or newer) up to the newest certified
    /// one, and that one's certificate; none if there is nothing. Blocks.
    pub fn unposted(&self, lane: LaneKey, cursor: u64) -> Result<Option<PostWork>, CallError> {
        self.shared.unposted(lane, cursor)
    }

    /// Takes out the open spans of the lane's batches up to `through`, which are now posted: whoever drops them ends them.
    pub fn posted(&self, lane: LaneKey, through: u64) -> Vec<tracing::Span> {
        self.shared.posting.take(lane, through)
    }

    /// The batches kept here whose hash, or one of whose requests, is in `ids`; at most `max`. Blocks.
    pub fn kept(&self, ids: RangeInclusive<B256>, max: usize) -> Result<Vec<KeptBatch>, Error> {
        Ok(self.shared.store.kept(ids, max)?)
    }

    /// The batch that the slot is reserved for. Blocks.
    pub fn kept_slot(&self, lane: LaneKey, sequence: u64) -> Result<Option<KeptBatch>, Error> {
        let record = self.shared.store.slot(lane, sequence)?;
        Ok(record.map(|record| self.shared.store.with_signers(record)).transpose()?)
    }

    /// How a client stands with an app: what it must have signed for and can pay before its next call is let in. Asks
    /// executors where this gateway's own count has a gap.
    pub async fn standing(&self, app: AppId, client: Address) -> Result<ClientStanding, CallError> {
        self.shared.learn_standing(app, client).await.map_err(|why| match why {
            Unknown::TooFewAnswers => CallError::NotReady("too few executors say what the client owes"),
            Unknown::Busy => CallError::Busy,
            Unknown::Failed => CallError::Gateway(why.to_string()),
        })?;
        let shared = Arc::clone(&self.shared);
        let found = self.shared.machine.blocking(move || shared.standing(app, client)).await;
        let internal = |error: &dyn std::fmt::Display| CallError::Gateway(error.to_string());
        found.map_err(|error| internal(&error))?.map_err(|error| internal(&error))
    }

    /// The charges that the fee vault has not paid yet, the newest of each client at or below `cursor` (the registry's).
    /// Blocks.
    pub fn due_charges(&self, lane: LaneKey, cursor: u64) -> Result<Vec<DueCharge>, CallError> {
        self.shared.due_charges(lane, cursor)
    }

    /// The lanes of which this is the gateway.
    pub fn lanes(&self) -> Vec<LaneKey> {
        self.shared.own_lanes().collect()
    }

    /// Asks peers, takes over lanes that came from another gateway, resumes unfinished ones, wishes for fresh tables, removes
    /// what is too old and flushes. Call about once a second.
    pub async fn tick(&self) {
        self.shared.standings.ask_peers().await;
        takeover::take_over_all(&self.shared).await;
        let shared = Arc::clone(&self.shared);
        let kept = self.shared.machine.blocking(move || shared.housekeep()).await;
        if let Ok(Err(error)) = kept {
            tracing::error!(%error, "gateway.store failed");
        }
        self.shared.wish_fresh_tables();
    }

    /// Everything kept about lies.
    pub fn evidence(&self) -> Result<Vec<Evidence>, Error> {
        Ok(self.shared.store.evidence()?)
    }
}
