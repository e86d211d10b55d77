//! Finalized chain state in memory: apps, releases, lanes and operator tables, kept current by following finalized events.
//!
//! The state is derived: it is read anew from the deployment's first block at every start, so it cannot disagree with the
//! chain it came from. Only [`Finalized`] views enter it. One block that was final is remembered across restarts, so that
//! an endpoint which shows another history is found out by a node that was stopped meanwhile, too.

mod acceptance;
mod bonds;
mod fees;
mod state;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant, SystemTime};

use alloy_primitives::{Address, B256, U256};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::watch;
use vouch_chain::bindings::batch_registry;
use vouch_chain::endpoint::Endpoint;
use vouch_chain::follower::RedbCursor;
use vouch_chain::{Chain, Cursor, CursorStore, Deployment, Error, Fault, Finalized, FinalizedClock};
use vouch_compute::fees::{Deposit, Price};
use vouch_compute::lane::chain::{Acceptance, AppState, ChainView, Head, Release, Table, Unavailable};
use vouch_compute::lane::inbox::Inbox;
use vouch_compute::lane::{LaneKey, LaneState};
use vouch_compute::program::Kind;
use vouch_compute::wire::Signer;
use vouch_core::{AppId, BatchHash, OperatorId, ProgramId};

use state::State;
pub use state::{AppRecord, TableRecord};

/// How often to look for a new finalized block.
const POLL: Duration = Duration::from_millis(200);
/// How many blocks may pass until a new one is remembered across restarts; what is final does not change in between.
const REMEMBER_BLOCKS: u64 = 32;
/// The name of the mirror's place in its store.
const CURSOR: &str = "mirror";
/// The longest wait between two tries while the chain does not answer, or not as it should.
const POLL_FAILED_MAX: Duration = Duration::from_secs(10);

/// The mirror and what it reads from.
pub struct Mirror {
    chain: Chain,
    deployment: Deployment,
    clock: FinalizedClock,
    state: RwLock<State>,
    head: watch::Sender<u64>,
    remembered: Mutex<Remembered>,
}

/// The newest block that is remembered, and where.
struct Remembered {
    store: RedbCursor,
    number: u64,
}

impl Mirror {
    /// Reads everything up to the latest finalized block. `store` keeps one of them for the next start.
    ///
    /// # Errors
    /// Fails when the chain does not answer, is not the deployment's, or has another history than at the last start:
    /// [`Error::HistoryChanged`], [`Error::WrongGenesis`].
    pub async fn start(chain: Chain, deployment: Deployment, mut store: RedbCursor) -> Result<Arc<Self>, Error> {
        let view = chain.finalized().await?;
        let known = store.load()?;
        if let Some(known) = &known {
            known.require(&view).await?;
        }
        let mirror = Arc::new(Self {
            clock: FinalizedClock::new(*view.block(), Instant::now()),
            state: RwLock::new(State::default()),
            head: watch::Sender::new(0),
            remembered: Mutex::new(Remembered { store, number: known.map_or(0, |known| known.number) }),
            chain,
            deployment,
        });
        mirror.advance(&view).await?;
        Ok(mirror)
    }

    /// Where [`Mirror::start`] keeps a block in a node's folder.
    ///
    /// # Errors
    /// [`Error::Store`] names a file that is damaged or locked.
    pub fn store(data_dir: &Path) -> Result<RedbCursor, Error> {
        RedbCursor::open(&data_dir.join("chain.redb"), CURSOR)
    }

    /// Follows the chain until it contradicts itself. Failures that go away by themselves are waited out, and so is an
    /// endpoint that answers badly: behind one address several machines may stand, and one that has just started lacks
    /// the state of its newest blocks.
    ///
    /// # Errors
    /// The first error that is neither.
    pub async fn run(&self) -> Result<(), Error> {
        let (mut wait, mut silence) = (POLL, Silence::default());
        loop {
            tokio::time::sleep(wait).await;
            if let Some(seconds) = silence.observe(self.silence().as_secs()) {
                tracing::warn!(seconds, block = self.head().number, "node.mirror.silent");
            }
            match self.follow().await {
                Ok(()) => wait = POLL,
                Err(error) if can_wait(&error) => {
                    wait = (wait * 2).min(POLL_FAILED_MAX);
                    tracing::warn!(%error, retry_ms = wait.as_millis(), "node.mirror.follow");
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn follow(&self) -> Result<(), Error> {
        let view = self.chain.finalized().await?;
        let (head, hash) = {
            let state = self.read();
            (state.head.number, state.head_hash)
        };
        view.check_history(head, hash).await?;
        if view.block().number > head { self.advance(&view).await } else { Ok(()) }
    }

    async fn advance(&self, view: &Finalized) -> Result<(), Error> {
        let learned_at = Instant::now();
        let addresses = &self.deployment.contracts;
        let followed = [
            addresses.app_controller,
            addresses.batch_registry,
            addresses.certificate_verifier,
            addresses.forced_inbox,
            addresses.fee_vault,
            addresses.gateway_bonds,
            addresses.endpoints,
        ];
        let from = self.read().next_block(self.deployment.start_block);
        let logs = view.logs(&followed, &[], from, view.block().number).await?;
        // Events are applied to a copy: readers never see half a block, and a failure in between changes nothing.
        let mut next = self.read().clone();
        for log in &logs {
            next.apply(log, &self.deployment, view).await?;
        }
        for lane in next.stale_lanes(view.block().timestamp) {
            let state = self.lane_at(view, lane).await?;
            next.set_lane(lane, state);
            next.set_inbox_cursor(lane, self.inbox_cursor_at(view, lane).await?);
        }
        next.head = Head { number: view.block().number, timestamp: view.block().timestamp };
        next.head_hash = view.block().hash;
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = next;
        self.clock.observe(*view.block(), learned_at);
        self.head.send_replace(view.block().number);
        self.remember(view);
        Ok(())
    }

    /// Nothing is lost but the check at the next start if this fails, as it does on a full disk: an older block is
    /// checked then.
    fn remember(&self, view: &Finalized) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.number > 0 && view.block().number < remembered.number.saturating_add(REMEMBER_BLOCKS) {
            return;
        }
        match remembered.store.save(&Cursor::of(view)) {
            Ok(()) => remembered.number = view.block().number,
            Err(error) => tracing::warn!(%error, "node.mirror.remember"),
        }
    }

    async fn lane_at(&self, view: &Finalized, lane: LaneKey) -> Result<LaneState, Error> {
        let call = batch_registry::laneInfoCall { app: lane.app.0, lane: lane.lane };
        let info = view.call(self.deployment.contracts.batch_registry, &call).await?;
        Ok(LaneState {
            gateway: info.gateway,
            window: info.window,
            cursor: info.cursor,
            tip: BatchHash(info.tip),
            tip_sequence: info.tipSequence,
            epoch: info.epoch,
            skip_ends_at: (info.skipEndsAt != 0).then_some(info.skipEndsAt),
            next_gateway: (!info.nextGateway.is_zero()).then_some((info.nextGateway, info.changeAfter)),
            taken_at: info.takenAt,
            // Bonds have events of their own: see `State::lane`.
            bond_missing: U256::ZERO,
        })
    }

    async fn inbox_cursor_at(&self, view: &Finalized, lane: LaneKey) -> Result<u64, Error> {
        let call = batch_registry::inboxCursorCall { app: lane.app.0, lane: lane.lane };
        view.call(self.deployment.contracts.batch_registry, &call).await
    }

    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    pub fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// Tells of every new finalized block that has been read.
    pub fn heads(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    /// How long ago the newest finalized block was learned.
    pub fn silence(&self) -> Duration {
        self.clock.silence_at(Instant::now())
    }

    /// Whether the gateway has a bond that can be slashed, on its way out or not.
    pub fn is_bonded(&self, gateway: Address) -> bool {
        self.read().bonds.is_slashable(gateway)
    }

    /// By how much the bond of `gateway` would fall short in the lane now, wei.
    pub fn bond_missing(&self, lane: LaneKey, gateway: Address) -> U256 {
        let state = self.read();
        state.bonds.missing(lane, gateway, state.head.timestamp)
    }

    /// Everything known about the apps.
    pub fn app_records(&self) -> Vec<(AppId, AppRecord)> {
        self.read().apps.iter().map(|(id, app)| (*id, app.clone())).collect()
    }

    pub fn app_record(&self, app: AppId) -> Option<AppRecord> {
        self.read().apps.get(&app).cloned()
    }

    /// Every lane of every app.
    pub fn lanes(&self) -> Vec<LaneKey> {
        let apps = self.apps().into_iter();
        apps.flat_map(|(app, lanes)| (1..=lanes).map(move |lane| LaneKey { app, lane })).collect()
    }

    /// The operators of an app's tables, each with its key's id.
    pub fn operators_of(&self, app: AppId) -> Vec<(OperatorId, Address)> {
        let state = self.read();
        let own = state.operators.iter().filter(|(_, (of, _))| *of == app);
        own.map(|(operator, (_, address))| (*operator, *address)).collect()
    }

    /// The newest table of (app, `table`) with the addresses of its operators.
    pub fn table_record(&self, app: AppId, table: B256) -> Option<TableRecord> {
        self.read().latest_table(app, table).cloned()
    }

    /// The members of the app's set that accept a container program.
    pub fn accepters(&self, app: AppId, program: ProgramId) -> Vec<Address> {
        self.read().accepters(app, program).into_values().collect()
    }

    /// Whether `operator`, member or not, accepts a container program.
    pub fn accepts(&self, app: AppId, program: ProgramId, operator: Address) -> bool {
        self.read().acceptances.accepts((app, program), operator)
    }

    /// Whether a finalized release names the artifact.
    pub fn names_artifact(&self, digest: B256) -> bool {
        self.read().releases.values().any(|release| release.program.artifact_digest == digest)
    }

    /// The images that finalized releases name, each once.
    pub fn images(&self) -> BTreeSet<B256> {
        let state = self.read();
        let programs = state.releases.values().map(|release| &release.program);
        programs.filter(|program| Kind::of(&program.runtime) == Kind::Container).map(|p| p.artifact_digest).collect()
    }

    /// The URI that the app published the program with.
    pub fn release_uri(&self, app: AppId, program: ProgramId) -> Option<Arc<str>> {
        self.read().uris.get(&(app, program)).cloned()
    }

    /// In which token the app charges; none if it has never named a price.
    pub fn fee_token(&self, app: AppId) -> Option<Address> {
        self.read().fees.token(app)
    }

    /// App and operator of a BLS key that was in some table.
    pub fn owner_of(&self, operator: OperatorId) -> Option<(AppId, Address)> {
        self.read().operators.get(&operator).copied()
    }

    /// Where the account's node answers and by which keys; none if it has no endpoint that may be called.
    pub fn endpoint(&self, account: Address) -> Option<Endpoint> {
        self.read().endpoints.get(&account).cloned()
    }

    /// Whether `account` takes part in the protocol of `app`, or of any app: as an operator in a table, with a lane, or as the
    /// one that is named to take a lane next.
    pub fn is_peer(&self, app: Option<AppId>, account: Address) -> bool {
        self.read().is_peer(app, account)
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An endpoint that shows no new block may be stale or the chain may have stopped: one endpoint cannot tell which, and
/// what is judged by the cursor and the tables that it showed last stays safe. So people are told, once each time.
#[derive(Debug, Default)]
struct Silence {
    last: u64,
    /// The longest that ended.
    longest: u64,
    reported: bool,
}

/// The shortest silence that is told of, in seconds.
const SILENCE_SECONDS_MIN: u64 = 30;
/// How many times as long as the chain's usual pauses one must be to be told of.
const SILENCE_FACTOR: u64 = 3;
/// A pause beyond this is not usual on any chain.
const SILENCE_SECONDS_USUAL_MAX: u64 = 1_200;

impl Silence {
    /// The seconds since the newest block, if they are to be told of now.
    fn observe(&mut self, seconds: u64) -> Option<u64> {
        if seconds < self.last {
            self.longest = self.longest.max(self.last.min(SILENCE_SECONDS_USUAL_MAX));
            self.reported = false;
        }
        self.last = seconds;
        let long = seconds >= SILENCE_SECONDS_MIN.max(self.longest * SILENCE_FACTOR);
        (long && !std::mem::replace(&mut self.reported, true)).then_some(seconds)
    }
}

/// Whether the endpoint may answer properly later.
pub fn can_wait(error: &Error) -> bool {
    matches!(error.fault(), Fault::Transient | Fault::Endpoint)
}

impl ChainView for Mirror {
    fn chain_id(&self) -> u64 {
        self.chain.chain_id()
    }

    fn registry(&self) -> Address {
        self.deployment.contracts.batch_registry
    }

    fn head(&self) -> Head {
        self.read().head
    }

    fn clock(&self) -> u64 {
        self.clock.now()
    }

    fn start_clock(&self) -> u64 {
        let machine = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        machine.max(self.clock())
    }

    fn apps(&self) -> Vec<(AppId, u32)> {
        self.read().apps.iter().map(|(id, app)| (*id, app.lanes)).collect()
    }

    fn app(&self, app: AppId) -> Option<AppState> {
        self.read().apps.get(&app).map(|app| app.state.clone())
    }

    fn release(&self, app: AppId, program: ProgramId) -> Option<Arc<Release>> {
        self.read().releases.get(&(app, program)).cloned()
    }

    fn newest_release(&self, app: AppId) -> Option<Arc<Release>> {
        let state = self.read();
        let (program, _) = state.apps.get(&app)?.releases.last()?;
        state.releases.get(&(app, *program)).cloned()
    }

    fn acceptance(&self, app: AppId, program: ProgramId) -> Acceptance {
        self.read().acceptance(app, program)
    }

    fn lane(&self, lane: LaneKey) -> Option<LaneState> {
        self.read().lane(lane)
    }

    fn inbox(&self, lane: LaneKey) -> Option<Arc<Inbox>> {
        self.read().inboxes.get(&lane).cloned()
    }

    fn latest_table(&self, app: AppId, table: B256) -> Option<Arc<Table>> {
        self.read().latest_table(app, table).map(|record| Arc::clone(&record.table))
    }

    fn table(&self, app: AppId, table: B256, reference_timestamp: u32) -> Option<Arc<Table>> {
        self.read().table(app, table, reference_timestamp).map(|record| Arc::clone(&record.table))
    }

    fn price(&self, app: AppId, time: u64) -> Option<Price> {
        self.read().fees.price(app, time)
    }

    fn deposit(&self, app: AppId, client: Address) -> Deposit {
        self.read().fees.deposit(app, client)
    }

    fn first_shown(&self, lane: LaneKey, signer: Signer) -> Option<Head> {
        self.read().first_shown(lane, signer)
    }

    fn prevrandao(&self, block: u64) -> BoxFuture<'static, Result<Option<B256>, Unavailable>> {
        let chain = self.chain.clone();
        async move {
            let view = chain.finalized().await.map_err(|_| Unavailable)?;
            if block > view.block().number {
                return Ok(None);
            }
            view.block_at(block).await.map(|block| Some(block.prevrandao)).map_err(|_| Unavailable)
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_is_told_of_once_and_when_it_is_longer_than_the_chains_own_pauses() {
        let mut silence = Silence::default();
        let mut tell = |seconds: [u64; 4]| seconds.map(|seconds| silence.observe(seconds));
        assert_eq!(tell([0, 12, 31, 50]), [None, None, Some(31), None]);
        assert_eq!(tell([0, 20, 149, 151]), [None, None, None, Some(151)], "it paused for 50 s before");
        assert_eq!(tell([0, 151, 452, 454]), [None, None, None, Some(454)]);
    }
}
