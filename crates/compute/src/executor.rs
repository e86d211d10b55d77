//! The executor: runs requests, reports what it got, and signs batches of which it knows every leaf.
//!
//! Protocol (see `docs/protocol.md`), seen from here:
//!
//! 1. **Execute**: every request is checked and run in a fresh sandbox; the reports are signed with the account key.
//! 2. **Propose**: everything in the header is rebuilt or compared, the slot is reserved on disk, then the BLS key signs.
//!    The same bytes again get the same signature; other bytes for the slot are refused and both are kept as evidence.
//! 3. **Certify**: the batch is kept with its signatures and served to anyone.
//!
//! A process killed anywhere between is safe: the reservation is on disk before the signature exists. A store that lost
//! its memory signs nothing at or below a floor ([`crate::lane::floor`]).

mod aggregate;
mod certified;
mod debts;
mod funds;
mod header;
mod proposal;
pub mod results;
mod round;
pub mod store;

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use alloy_primitives::{B256, Bytes, U256};
use tokio::sync::Semaphore;
use tracing::{Instrument, Span, debug_span};
use vouch_coding::Srs;
use vouch_core::bls::SecretKey;
use vouch_core::{AppId, Batch, OperatorId, ProgramId, RequestId, certificate};

use crate::driver::Loaded;
use crate::evidence::{Evidence, SignedHeader};
pub use crate::gateway::KeptBatch;
use crate::gateway::receipt::Receipt;
use crate::lane::chain::{ChainView, Peers};
use crate::lane::slots::Slots;
use crate::lane::standing::{self, CheckError, Memory, Standings};
use crate::lane::{LaneKey, PostWork};
use crate::machine::Machine;
use crate::observe::{Event, Observed};
use crate::store::{Error as StoreError, Identity};
use crate::wire::{Answer, Call, Refusal, Signer};
use results::Results;
use store::ExecutorStore;

/// Limits and waits of an executor. Every queue and cache is bounded here.
#[derive(Clone, Debug)]
pub struct Config {
    /// Folder of the store.
    pub folder: PathBuf,
    /// How many requests run at once.
    pub concurrency: usize,
    /// How many requests may wait or run; more are refused as busy.
    pub queue_max: usize,
    /// How far a request's time may be from the finalized clock, seconds; must exceed the chain's finality lag.
    pub time_tolerance_seconds: u64,
    /// How far ahead of the finalized clock a deadline may be, seconds; bounds how long repeated requests are remembered.
    pub deadline_ahead_seconds_max: u64,
    /// What a call must cost at least by the app's price, in the smallest unit of the app's fee token.
    pub fee_min: U256,
    /// Results kept in memory.
    pub results_max: usize,
    /// Bytes of results kept in memory.
    pub results_bytes_max: usize,
    /// How long one peer may take to say what it holds of ours.
    pub peer_timeout: Duration,
    /// How long batch data is kept after its table's time; must exceed the profile's whole time.
    pub retention: Duration,
    /// How long a lane may stand still, with batches that wait, before operators finish them in their gateway's place; each
    /// waits that much longer than the one before it.
    pub aggregate_after: Duration,
    /// How long collecting the signatures of one batch may take then.
    pub propose_timeout: Duration,
    /// The operator's word that this store was deleted, copied or otherwise may have forgotten something.
    pub restored: bool,
    /// Who watches.
    pub observed: Observed,
}

impl Config {
    /// Defaults for a store in `folder`.
    pub fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            concurrency: std::thread::available_parallelism().map_or(1, usize::from),
            queue_max: 4_096,
            time_tolerance_seconds: 1_800,
            deadline_ahead_seconds_max: 7 * 86_400,
            fee_min: U256::ZERO,
            results_max: 65_536,
            results_bytes_max: 256 << 20,
            peer_timeout: Duration::from_secs(3),
            retention: Duration::from_secs(60 * 86_400),
            aggregate_after: Duration::from_secs(60),
            propose_timeout: Duration::from_secs(5),
            restored: false,
            observed: Observed::default(),
        }
    }
}

/// Finds programs for the executor: fetches the artifact and loads it through a driver.
pub trait Programs: Send + Sync + 'static {
    /// Blocks while a program that `app` published is fetched and compiled; quick when it is ready. The error is for people.
    fn load(&self, app: AppId, program: ProgramId) -> Result<Arc<dyn Loaded>, String>;
}

/// The keys of an executor.
pub struct Keys {
    /// Signs batches; in the operator tables.
    pub bls: SecretKey,
    /// Signs report lists.
    pub account: [u8; 32],
}

/// What an executor works with.
pub struct Parts {
    pub machine: Machine,
    pub chain: Arc<dyn ChainView>,
    pub peers: Arc<dyn Peers>,
    pub programs: Arc<dyn Programs>,
    /// What batch data is committed with.
    pub srs: Arc<Srs>,
    pub keys: Keys,
}

/// Why an executor cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Store(#[from] crate::store::Error),
    #[error("the account key is not a secret key")]
    Key(#[from] vouch_core::ecdsa::Error),
    #[error("{field} must be at least {min}")]
    Config { field: &'static str, min: usize },
}

/// A running executor. Cheap to clone.
#[derive(Clone)]
pub struct Executor {
    inner: Arc<Inner>,
}

/// What all rounds share.
struct Inner {
    config: Config,
    machine: Machine,
    chain: Arc<dyn ChainView>,
    peers: Arc<dyn Peers>,
    programs: Arc<dyn Programs>,
    srs: Arc<Srs>,
    account: [u8; 32],
    /// Of the domain under which clients sign.
    separator: B256,
    memory: Arc<ExecutorMemory>,
    results: Arc<Results>,
    standings: Standings<ExecutorMemory>,
    /// Requests that wait or run.
    admitted: AtomicUsize,
    running: Arc<Semaphore>,
    watch: aggregate::Watch,
}

impl Executor {
    /// Opens the store; refuses a damaged one. Signs nothing until [`Executor::tick`] has asked the peers.
    pub fn open(config: Config, parts: Parts) -> Result<Self, Error> {
        for (field, value) in [("concurrency", config.concurrency), ("queue_max", config.queue_max)] {
            if value == 0 {
                return Err(Error::Config { field, min: 1 });
            }
        }
        let Parts { machine, chain, peers, programs, srs, keys } = parts;
        vouch_core::ecdsa::address(&keys.account)?;
        let operator = keys.bls.public_key().operator_id();
        let identity = Identity::new("executor", chain.chain_id(), chain.registry(), operator.into());
        let store = ExecutorStore::open(machine.files(), &config.folder, &identity, standing::now(&*chain))?;
        let memory = Arc::new(ExecutorMemory { store, key: keys.bls, operator });
        let (own_memory, own_chain) = (Arc::clone(&memory), Arc::clone(&chain));
        let inner = Inner {
            results: Arc::new(Results::new(config.results_max, config.results_bytes_max)),
            standings: Standings::new(own_memory, own_chain, Arc::clone(&peers), config.peer_timeout, config.restored),
            watch: aggregate::Watch::default(),
            admitted: AtomicUsize::new(0),
            running: Arc::new(Semaphore::new(config.concurrency)),
            account: keys.account,
            separator: crate::request::separator(&*chain),
            config,
            machine,
            chain,
            peers,
            programs,
            srs,
            memory,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The BLS key's id.
    pub fn operator(&self) -> OperatorId {
        self.inner.memory.operator
    }

    /// Answers one body. Never fails: what cannot be answered is refused with its reason.
    pub async fn handle(&self, body: &[u8]) -> Bytes {
        let answer = match Call::decode(body) {
            Ok(call) => self.answer(call).await,
            Err(error) => Answer::Refused(Refusal::Malformed(error.to_string())),
        };
        answer.encode().into()
    }

    /// Answers one call.
    pub async fn answer(&self, call: Call) -> Answer {
        let inner = Arc::clone(&self.inner);
        let (round, header, span) = about(&call);
        let answer = async {
            match call {
                Call::Execute(call) => round::execute(&inner, call).await,
                Call::Propose(call) => proposal::propose(&inner, *call).await,
                Call::Certify(call) => certified::certify(&inner, *call).await,
                Call::Held(signer) => certified::held(&inner, signer).await,
                Call::Batch(hash) => certified::batch(&inner, hash).await,
                Call::Slots(call) => certified::slots(&inner, call).await,
                Call::Data(hash) => certified::data(&inner, hash).await,
                Call::Owed(call) => debts::owed(&inner, *call).await,
            }
        };
        answer.instrument(span).await.unwrap_or_else(|refusal| {
            let (operator, header) = (inner.memory.operator, header.as_ref());
            inner.tell(Event::CallRefused { operator, round, header, refusal: &refusal });
            Answer::Refused(refusal)
        })
    }

    /// Asks peers what they hold of ours where that is still open, fixes floors, removes what has expired and flushes.
    /// Call about once a second.
    pub async fn tick(&self) {
        self.inner.standings.ask_peers().await;
        let inner = Arc::clone(&self.inner);
        let kept = self.inner.machine.blocking(move || certified::housekeep(&inner)).await;
        if let Ok(Err(error)) = kept {
            tracing::error!(%error, "executor.store.flush failed");
        }
    }

    /// The batches kept here whose hash, or one of whose requests, is in `ids`; at most `max`. Blocks.
    pub fn kept(&self, ids: RangeInclusive<B256>, max: usize) -> Result<Vec<KeptBatch>, Error> {
        Ok(self.inner.store().kept(ids, max)?)
    }

    /// The batch that the slot is reserved for. Blocks.
    pub fn kept_slot(&self, lane: LaneKey, sequence: u64) -> Result<Option<KeptBatch>, Error> {
        Ok(self.inner.store().slot(lane, sequence)?.map(KeptBatch::from))
    }

    /// Requests that wait or run.
    pub fn admitted(&self) -> usize {
        self.inner.admitted.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// The receipt of a request that the forced inbox has: its client may find that no gateway talks to it.
    pub async fn forced_receipt(&self, request: RequestId) -> Result<Option<Receipt>, Refusal> {
        let inner = Arc::clone(&self.inner);
        blocking(inner.machine.clone(), move || certified::forced_receipt(&inner, request)).await
    }

    /// Finishes and posts what the gateway of a stuck lane has left: see [`aggregate`]. `cursor` is the registry's, finalized or
    /// newer; none if there is nothing to post.
    pub async fn aggregate(&self, lane: LaneKey, cursor: u64) -> Option<PostWork> {
        aggregate::aggregate(&self.inner, lane, cursor).await
    }

    /// Lanes of the app that have stood still since [`Config::aggregate_after`] although batches wait to be certified or
    /// posted, and whose turn it is that this operator does something about it.
    pub fn stuck_lanes(&self, app: AppId) -> Vec<LaneKey> {
        self.inner.watch.stuck(&self.inner, app)
    }

    /// Everything kept about lies.
    pub fn evidence(&self) -> Result<Vec<Evidence>, Error> {
        Ok(self.inner.memory.store.evidence()?)
    }
}

/// A call's name, the header that it is about, and its span.
fn about(call: &Call) -> (&'static str, Option<Batch>, Span) {
    let of = |header: &Batch| Some(header.clone());
    match call {
        Call::Execute(call) => {
            let requests = call.requests.len();
            (
                "execute",
                None,
                debug_span!("executor.round.execute", app = %call.app, program = %call.program_id, requests),
            )
        }
        Call::Propose(call) => {
            let header = &call.header;
            let span = debug_span!("executor.batch.sign", batch = %header.hash(), app = %header.app, lane = header.lane, sequence = header.sequence);
            ("propose", of(header), span)
        }
        Call::Certify(call) => {
            let header = &call.header;
            (
                "certify",
                of(header),
                debug_span!("executor.batch.keep", batch = %header.hash(), sequence = header.sequence),
            )
        }
        Call::Held(_) => ("held", None, Span::none()),
        Call::Batch(_) => ("batch", None, Span::none()),
        Call::Slots(_) => ("slots", None, Span::none()),
        Call::Data(_) => ("data", None, Span::none()),
        Call::Owed(_) => ("owed", None, Span::none()),
    }
}

/// The executor's memory: its store, and the key whose signatures it must know again.
struct ExecutorMemory {
    store: ExecutorStore,
    key: SecretKey,
    operator: OperatorId,
}

impl ExecutorMemory {
    /// The same bytes for the same header, always: BLS signatures are deterministic.
    fn sign(&self, header: &Batch) -> [u8; 64] {
        self.key.sign(certificate::digest(header.reference_timestamp, header.hash())).to_bytes()
    }
}

impl Memory for ExecutorMemory {
    type Slots = ExecutorStore;

    fn signer(&self) -> Signer {
        Signer::Operator(self.operator)
    }

    /// Signing anew is cheaper than a pairing; nothing leaves the process.
    fn is_own(&self, header: &Batch, signature: &[u8]) -> bool {
        self.sign(header) == signature
    }

    fn slots(&self) -> &ExecutorStore {
        &self.store
    }
}

impl Inner {
    fn store(&self) -> &ExecutorStore {
        &self.memory.store
    }

    fn tell(&self, event: Event<'_>) {
        self.config.observed.tell(event);
    }

    /// Whether a gateway of the lane signed the header, of this epoch or an earlier one.
    fn check_any_gateway(&self, lane: LaneKey, signed: &SignedHeader) -> Result<(), Refusal> {
        let state = self.chain.lane(lane).ok_or(Refusal::UnknownLane)?;
        let was_gateway =
            |signer| signer == state.gateway || self.chain.first_shown(lane, Signer::Gateway(signer)).is_some();
        if signed.signer().is_some_and(was_gateway) { Ok(()) } else { Err(Refusal::WrongGateway) }
    }

    fn keep_evidence(&self, evidence: &Evidence) {
        match self.store().keep_evidence(evidence) {
            Ok(true) => self.tell(Event::EvidenceKept { kind: evidence.name() }),
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "executor.evidence.keep failed"),
        }
    }

    /// Logs a failed store once and answers with what a peer needs to know.
    fn store_failed(&self, error: &StoreError) -> Refusal {
        tracing::error!(%error, "executor.store failed");
        Refusal::StoreFailed
    }

    fn check_floor(&self, lane: LaneKey, sequence: u64) -> Result<(), Refusal> {
        self.standings.check(lane, sequence).map_err(|error| match error {
            CheckError::Refused(refusal) => refusal,
            CheckError::Store(error) => self.store_failed(&error),
        })
    }
}

/// Runs work that blocks, in the trace of its caller; a panic in it refuses this call only.
async fn blocking<T: Send + 'static>(
    machine: Machine,
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let span = Span::current();
    let done = machine.blocking(move || span.in_scope(work)).await;
    done.unwrap_or_else(|error| Err(Refusal::HostFailure(error.to_string())))
}
