//! A chain with blocks that may be replaced until they are final, the registry's rules, and nodes' views of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use alloy_primitives::{Address, B256, U256};
use futures::FutureExt;
use futures::future::BoxFuture;
use vouch_compute::fees::{Deposit, Price};
use vouch_compute::gateway::{DueCharge, PostWork};
use vouch_compute::lane::chain::{Acceptance, AppState, ChainView, Head, Release, Table, Unavailable};
use vouch_compute::lane::inbox::Inbox;
use vouch_compute::lane::{LaneKey, LaneState};
use vouch_compute::wire::{SignedRequest, Signer};
use vouch_core::{AppId, Batch, BatchHash, ProgramId};

use crate::cast::*;
use crate::history::History;
use crate::scheduler::Scheduler;

/// The first block, and its time in Unix seconds.
const FIRST: u64 = 100;
const GENESIS: u64 = 1_700_000_000;
/// The block that shows operators and lane for the first time: later than the creation of the first stores.
/// By more than a machine's clock may be ahead.
const SHOWN_AT: u64 = FIRST + 10;
const BLOCK_TIME: Duration = Duration::from_secs(1);
/// How many blocks behind the newest one the final one is, while finality does not stall.
pub const FINALITY_BLOCKS: u64 = 4;
/// How long after its request a skip happens, seconds.
const SKIP_SECONDS: u64 = 10;
/// How old a table may be, seconds.
const STALENESS_SECONDS: u32 = 120;

pub struct Chain {
    scheduler: Scheduler,
    history: Arc<History>,
    state: Mutex<State>,
}

struct State {
    blocks: Vec<Block>,
    /// The newest final block.
    final_at: u64,
    stalled_until: Duration,
    /// Whether unfinalized blocks may be replaced.
    reorgs: bool,
    waiting: Vec<Transaction>,
    /// What calls cost, from the first block on.
    price: Option<Price>,
}

#[derive(Clone)]
struct Block {
    timestamp: u64,
    registry: Registry,
    tables: Vec<u32>,
    transactions: Vec<Transaction>,
}

#[derive(Clone)]
enum Transaction {
    Post(Arc<PostWork>),
    RequestSkip,
    RefreshTable,
    /// A request goes into the forced inbox.
    Submit,
    /// A charge of a posted batch is paid.
    Settle(Arc<DueCharge>),
}

/// What the registry contract holds of the lane.
#[derive(Clone, Default)]
pub struct Registry {
    pub cursor: u64,
    tip: BatchHash,
    tip_sequence: u64,
    /// The cursor at the request, and when the skip happens.
    skip: Option<(u64, u64)>,
    /// Which batch hashes were posted.
    pub recorded: BTreeMap<u64, BatchHash>,
    /// For every skip: through which sequence, and the batch that stays the parent of what follows.
    pub skips: Vec<(u64, BatchHash)>,
    /// Everything that was ever put into the lane's inbox, and how much of it posted batches have answered.
    pub inbox: Vec<SignedRequest>,
    pub inbox_cursor: u64,
    /// Up to which total each client's charges are paid.
    pub settled: BTreeMap<Address, U256>,
}

impl Registry {
    fn settle(&mut self, now: u64) {
        if let Some((at, _)) = self.skip.filter(|(_, ends_at)| now >= *ends_at) {
            self.cursor = at + u64::from(WINDOW);
            self.skip = None;
            self.skips.push((self.cursor, self.tip));
        }
    }

    /// Refuses, as the contract does, headers that do not chain from the cursor and a certificate that does not reach.
    fn post(&mut self, work: &PostWork) -> bool {
        let (mut parent, mut sequence) = (self.tip, self.cursor);
        for header in &work.headers {
            sequence += 1;
            if header.parent != parent || header.sequence != sequence {
                return false;
            }
            parent = header.hash();
        }
        let certified = work.certificate.certificate().message_hash == parent;
        if work.headers.is_empty() || !certified || !work.certificate.reaches(THRESHOLD_BIPS) {
            return false;
        }
        self.recorded.extend(work.headers.iter().map(|header| (header.sequence, header.hash())));
        (self.cursor, self.tip, self.tip_sequence, self.skip) = (sequence, parent, sequence, None);
        self.inbox_cursor = work.headers.last().map_or(self.inbox_cursor, |last| last.inbox_cursor);
        true
    }

    /// Pays, as the vault does, for a charge of a posted batch, no more than its client signed and never twice.
    fn pay(&mut self, due: &DueCharge) {
        let posted = self.recorded.get(&due.header.sequence) == Some(&due.header.hash());
        if posted && due.charge.total <= due.request.max_fee {
            let settled = self.settled.entry(due.charge.client).or_default();
            *settled = (*settled).max(due.charge.total);
        }
    }
}

impl Chain {
    pub fn new(scheduler: &Scheduler, history: &Arc<History>) -> Arc<Self> {
        let genesis =
            Block { timestamp: GENESIS, registry: Registry::default(), tables: Vec::new(), transactions: Vec::new() };
        let (stalled_until, waiting) = (Duration::ZERO, Vec::new());
        let state = State { blocks: vec![genesis], final_at: FIRST, stalled_until, reorgs: true, waiting, price: None };
        let (scheduler, history) = (scheduler.clone(), Arc::clone(history));
        Arc::new(Self { scheduler, history, state: Mutex::new(state) })
    }

    /// Makes blocks for ever.
    pub async fn run(self: Arc<Self>) {
        loop {
            self.scheduler.sleep(BLOCK_TIME).await;
            if self.lock().reorgs && self.scheduler.chance(0.1) {
                self.reorganise();
            }
            self.mine();
        }
    }

    pub fn post(&self, work: PostWork) {
        self.lock().waiting.push(Transaction::Post(Arc::new(work)));
    }

    pub fn request_skip(&self) {
        self.lock().waiting.push(Transaction::RequestSkip);
    }

    pub fn refresh_table(&self) {
        self.lock().waiting.push(Transaction::RefreshTable);
    }

    /// Calls cost something from the first block on.
    pub fn name_price(&self, price: Price) {
        self.lock().price = Some(price);
    }

    pub fn price(&self) -> Option<Price> {
        self.lock().price
    }

    /// Somebody puts a request into the forced inbox.
    pub fn submit(&self) {
        self.lock().waiting.push(Transaction::Submit);
    }

    pub fn settle(&self, due: DueCharge) {
        self.lock().waiting.push(Transaction::Settle(Arc::new(due)));
    }

    /// Nothing becomes final for so long.
    pub fn stall(&self, duration: Duration) {
        self.lock().stalled_until = self.scheduler.elapsed() + duration;
    }

    pub fn calm(&self) {
        let mut state = self.lock();
        (state.reorgs, state.stalled_until) = (false, Duration::ZERO);
    }

    /// The lane in the newest block, final or not.
    pub fn latest(&self) -> Registry {
        self.lock().blocks.last().unwrap().registry.clone()
    }

    /// The lane at the newest final block.
    pub fn finalized(&self) -> Registry {
        let state = self.lock();
        state.block(state.final_at).registry.clone()
    }

    /// Every table's time, in the newest final block.
    pub fn tables(&self) -> Vec<u32> {
        let state = self.lock();
        state.block(state.final_at).tables.clone()
    }

    /// The machine's time of somebody whose clock is right, Unix seconds.
    pub fn true_time(&self) -> u64 {
        GENESIS + self.scheduler.elapsed().as_secs()
    }

    fn mine(&self) {
        let now = self.true_time();
        let mut state = self.lock();
        let last = state.blocks.last().unwrap().clone();
        let number = FIRST + state.blocks.len() as u64;
        let mut block = Block { timestamp: now.max(last.timestamp + 1), transactions: Vec::new(), ..last };
        block.registry.settle(block.timestamp);
        if number == SHOWN_AT {
            block.tables.push(block.timestamp as u32);
        }
        for transaction in std::mem::take(&mut state.waiting) {
            if self.scheduler.chance(0.9) {
                block.include(transaction, &self.history);
            } else {
                state.waiting.push(transaction);
            }
        }
        let what = format!("block {number} cursor {} transactions {}", block.registry.cursor, block.transactions.len());
        state.blocks.push(block);
        if self.scheduler.elapsed() >= state.stalled_until {
            state.final_at = state.final_at.max(number.saturating_sub(FINALITY_BLOCKS));
        }
        drop(state);
        self.history.note(&self.scheduler, &what);
    }

    /// Replaces some of the blocks that are not final; their transactions wait again, or are lost.
    fn reorganise(&self) {
        let mut state = self.lock();
        let open = FIRST + state.blocks.len() as u64 - 1 - state.final_at;
        if open == 0 {
            return;
        }
        let depth = self.scheduler.range(1..open + 1);
        for _ in 0..depth {
            let block = state.blocks.pop().unwrap();
            let kept = block.transactions.into_iter().filter(|_| self.scheduler.chance(0.7));
            state.waiting.extend(kept.collect::<Vec<_>>());
        }
        drop(state);
        self.history.note(&self.scheduler, &format!("reorganisation of {depth} blocks"));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl Block {
    fn include(&mut self, transaction: Transaction, history: &History) {
        match &transaction {
            Transaction::Post(work) => drop(self.registry.post(work)),
            Transaction::RequestSkip if self.registry.skip.is_none() => {
                self.registry.skip = Some((self.registry.cursor, self.timestamp + SKIP_SECONDS));
            }
            Transaction::RequestSkip => {}
            Transaction::Settle(due) => self.registry.pay(due),
            Transaction::Submit => {
                let signed = forced(self.registry.inbox.len() as u64 + 1, self.timestamp);
                history.facts(|facts| facts.requests.insert(signed.request.id(), signed.clone()));
                self.registry.inbox.push(signed);
            }
            Transaction::RefreshTable => {
                let new = self.timestamp as u32;
                if self.tables.last().is_none_or(|last| last + 10 < new) {
                    self.tables.push(new);
                }
            }
        }
        self.transactions.push(transaction);
    }
}

impl State {
    fn block(&self, number: u64) -> &Block {
        &self.blocks[(number - FIRST) as usize]
    }
}

/// How one node's clocks go, seconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clocks {
    /// By how much the finalized clock is off.
    pub finalized: i64,
    /// By how much the machine's clock is off; behind by less than finality takes.
    pub machine: i64,
}

/// What one life of a node knows of the chain: an endpoint that lags and may stand still.
pub struct View {
    chain: Arc<Chain>,
    clocks: Clocks,
    /// Blocks behind the newest final one.
    lag: u64,
    seen: Mutex<Seen>,
}

struct Seen {
    number: u64,
    learned_at: Duration,
    frozen_until: Duration,
}

impl View {
    /// `behind`: an endpoint that has to catch up with so many blocks first.
    pub fn new(chain: &Arc<Chain>, clocks: Clocks, lag: u64, behind: u64) -> Arc<Self> {
        let learned_at = chain.scheduler.elapsed();
        let number = chain.lock().final_at.saturating_sub(lag + behind).max(FIRST);
        let frozen_until = if behind == 0 { Duration::ZERO } else { learned_at + Duration::from_secs(3) };
        let view =
            Self { chain: Arc::clone(chain), clocks, lag, seen: Mutex::new(Seen { number, learned_at, frozen_until }) };
        Arc::new(view)
    }

    /// Looks for newer final blocks for ever.
    pub async fn run(self: Arc<Self>) {
        loop {
            self.chain.scheduler.sleep(Duration::from_millis(400)).await;
            self.poll();
        }
    }

    /// The endpoint stands still for so long.
    pub fn freeze(&self, duration: Duration) {
        self.seen.lock().unwrap().frozen_until = self.chain.scheduler.elapsed() + duration;
    }

    fn poll(&self) {
        let now = self.chain.scheduler.elapsed();
        let mut seen = self.seen.lock().unwrap();
        let number = self.chain.lock().final_at.saturating_sub(self.lag);
        if now >= seen.frozen_until && number > seen.number {
            (seen.number, seen.learned_at) = (number, now);
        }
    }

    fn block<T>(&self, read: impl FnOnce(&Block) -> T) -> T {
        let number = self.seen.lock().unwrap().number;
        read(self.chain.lock().block(number))
    }
}

impl ChainView for View {
    fn chain_id(&self) -> u64 {
        CHAIN_ID
    }

    fn registry(&self) -> Address {
        REGISTRY
    }

    fn head(&self) -> Head {
        let number = self.seen.lock().unwrap().number;
        Head { number, timestamp: self.block(|block| block.timestamp) }
    }

    fn clock(&self) -> u64 {
        let since = self.chain.scheduler.elapsed() - self.seen.lock().unwrap().learned_at;
        (self.head().timestamp + since.as_secs()).saturating_add_signed(self.clocks.finalized)
    }

    fn start_clock(&self) -> u64 {
        self.clock().max(self.chain.true_time().saturating_add_signed(self.clocks.machine))
    }

    fn apps(&self) -> Vec<(AppId, u32)> {
        vec![(APP, 1)]
    }

    fn app(&self, app: AppId) -> Option<AppState> {
        let state = AppState {
            operator_set_id: 1,
            profile: PROFILE,
            threshold_bips: THRESHOLD_BIPS,
            staleness_seconds: STALENESS_SECONDS,
        };
        (app == APP).then_some(state)
    }

    fn release(&self, app: AppId, id: ProgramId) -> Option<Arc<Release>> {
        (program().id() == id).then(|| self.newest_release(app))?
    }

    fn newest_release(&self, app: AppId) -> Option<Arc<Release>> {
        (app == APP).then(|| Arc::new(Release { program: program(), table: B256::ZERO }))
    }

    fn acceptance(&self, _: AppId, _: ProgramId) -> Acceptance {
        Acceptance { operators: BTreeSet::new(), changed: false }
    }

    fn lane(&self, lane: LaneKey) -> Option<LaneState> {
        let state = |block: &Block| LaneState {
            gateway: gateway_address(),
            window: WINDOW,
            cursor: block.registry.cursor,
            tip: block.registry.tip,
            tip_sequence: block.registry.tip_sequence,
            epoch: 1,
            ..LaneState::default()
        };
        (lane == LANE).then(|| self.block(state))
    }

    fn latest_table(&self, app: AppId, key: B256) -> Option<Arc<Table>> {
        let newest = self.block(|block| block.tables.last().copied());
        self.table(app, key, newest?)
    }

    fn table(&self, app: AppId, key: B256, reference_timestamp: u32) -> Option<Arc<Table>> {
        let known = self.block(|block| block.tables.contains(&reference_timestamp));
        (known && app == APP && key.is_zero()).then(|| table(reference_timestamp))
    }

    fn price(&self, _: AppId, _: u64) -> Option<Price> {
        self.chain.price()
    }

    fn deposit(&self, _: AppId, client: Address) -> Deposit {
        let settled = self.block(|block| block.registry.settled.get(&client).copied().unwrap_or_default());
        let balance = DEPOSIT.saturating_sub(settled);
        Deposit { balance, withdrawing: U256::ZERO, settled: [(LANE.lane, settled)].into() }
    }

    fn inbox(&self, lane: LaneKey) -> Option<Arc<Inbox>> {
        let inbox = |block: &Block| {
            let mut inbox = Inbox::new(block.registry.inbox_cursor, block.registry.tip);
            for (index, signed) in (1..).zip(&block.registry.inbox).skip(block.registry.inbox_cursor as usize) {
                inbox.push(index, signed.clone()).unwrap();
            }
            Arc::new(inbox)
        };
        (lane == LANE).then(|| self.block(inbox))
    }

    fn first_shown(&self, _: LaneKey, signer: Signer) -> Option<Head> {
        let stranger = matches!(signer, Signer::Gateway(gateway) if gateway != gateway_address());
        let shown = || Head { number: SHOWN_AT, timestamp: self.chain.lock().block(SHOWN_AT).timestamp };
        (!stranger && self.head().number >= SHOWN_AT).then(shown)
    }

    fn prevrandao(&self, _: u64) -> BoxFuture<'static, Result<Option<B256>, Unavailable>> {
        async { Ok(None) }.boxed()
    }
}

/// The header's lane state as the chain has it at the end: whether a batch may name this parent.
pub fn may_follow(registry: &Registry, header: &Batch, parent: Option<&Batch>) -> bool {
    let behind_skip = |(through, tip): &(u64, BatchHash)| header.sequence == through + 1 && header.parent == *tip;
    let follows = match parent {
        Some(parent) => parent.sequence + 1 == header.sequence && vouch_compute::lane::same_lane(parent, header),
        None => header.parent == BatchHash::ZERO && header.sequence == 1,
    };
    follows || registry.skips.iter().any(behind_skip)
}
