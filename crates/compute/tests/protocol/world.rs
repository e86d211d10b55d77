//! A small cloud in one process: a chain that says what it is told, links that can lie, a program that reverses bytes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes, U256};
use futures::future::BoxFuture;
use tempfile::TempDir;
use tokio::sync::mpsc;
use vouch_coding::{DevelopmentSrs, Srs};
use vouch_compute::driver::{HostFailure, Loaded, Outcome, RunInput, Status};
use vouch_compute::executor::{self, Executor, Keys, Programs};
use vouch_compute::fees::{Deposit, Price};
use vouch_compute::gateway::{self, Gateway, Wish};
use vouch_compute::lane::chain::{
    Acceptance, AppState, CallError, ChainView, ExecutorPeer, Head, Peers, Release, Table, Unavailable,
};
use vouch_compute::lane::inbox::Inbox;
use vouch_compute::lane::{LaneKey, LaneState};
use vouch_compute::machine::Machine;
use vouch_compute::wire::{
    Answer, Call, ExecuteCall, Opening, ProposeCall, ProposedData, Refusal, SignedRequest, Signer,
};
use vouch_core::bls::SecretKey;
use vouch_core::{
    AppId, Batch, BatchData, BatchHash, Domain, Entry, Exchange, Limits, OperatorId, OperatorInfo, OperatorTable,
    Program, ProgramId, Request, ecdsa, merkle, pages,
};

pub const CHAIN_ID: u64 = 31_337;
pub const REGISTRY: Address = Address::repeat_byte(0x11);
pub const APP: AppId = AppId(B256::repeat_byte(0x22));
pub const PROFILE: Address = Address::repeat_byte(0x33);
pub const LANE: LaneKey = LaneKey { app: APP, lane: 1 };
pub const NOW: u64 = 1_700_000_000;
/// A finalized block from before any store was created.
pub const LONG_AGO: Head = Head { number: 90, timestamp: NOW - 10 };
pub const TABLE_TIME: u32 = (NOW - 10) as u32;
pub const WINDOW: u32 = 8;
pub const GATEWAY_KEY: [u8; 32] = [0x77; 32];
/// Who takes the lane over where a test says so.
pub const NEXT_GATEWAY_KEY: [u8; 32] = [0x78; 32];
pub const CLIENT_KEY: [u8; 32] = [0x66; 32];
/// Two thirds of 1,000, rounded up, is 667: the first two make it, the last three do not.
pub const WEIGHTS: [u64; 4] = [400, 300, 200, 100];

pub fn program() -> Program {
    let limits = Limits { payload_bytes: 1_024, output_bytes: 1_024, ..Limits::default() };
    Program { runtime: "reverse-1".into(), interface_name: "command".into(), limits, ..Program::default() }
}

pub fn gateway_address() -> Address {
    ecdsa::address(&GATEWAY_KEY).unwrap()
}

pub fn next_gateway_address() -> Address {
    ecdsa::address(&NEXT_GATEWAY_KEY).unwrap()
}

pub fn bls_key(index: usize) -> SecretKey {
    SecretKey::from_entropy(&[index as u8 + 1; 48]).unwrap()
}

pub fn operator(index: usize) -> OperatorId {
    bls_key(index).public_key().operator_id()
}

pub fn account_key(index: usize) -> [u8; 32] {
    [0x40 + index as u8; 32]
}

pub fn srs() -> Arc<Srs> {
    static SRS: std::sync::OnceLock<Arc<Srs>> = std::sync::OnceLock::new();
    SRS.get_or_init(|| Arc::new(DevelopmentSrs::for_chain(CHAIN_ID).unwrap().into())).clone()
}

pub fn table(reference_timestamp: u32) -> Table {
    table_of(reference_timestamp, &[0, 1, 2, 3])
}

/// A table of some of the operators alone.
pub fn table_of(reference_timestamp: u32, members: &[usize]) -> Table {
    let publics: Vec<_> = members.iter().map(|index| bls_key(*index).public_key()).collect();
    let weights = members.iter().map(|index| vec![U256::from(WEIGHTS[*index])]);
    let infos = publics.iter().zip(weights).map(|(key, weights)| OperatorInfo { pubkey: *key.g1(), weights });
    let table = OperatorTable::new(reference_timestamp, infos.collect()).unwrap();
    Table::new(table, publics.iter().map(|key| *key.g2()).collect()).unwrap()
}

/// Finalized state, changed by the tests.
pub struct FakeChain {
    state: Mutex<ChainState>,
    tables: Mutex<HashMap<u32, Arc<Table>>>,
}

pub struct ChainState {
    pub head: Head,
    /// Unix seconds; never ahead of the head unless a test says so.
    pub machine_clock: u64,
    pub lane: LaneState,
    pub tables: Vec<u32>,
    /// Operators and the first gateway that it does not name were shown later than any store was created. The head must
    /// have come so far.
    pub first_shown: HashMap<Signer, Head>,
    pub prevrandao: HashMap<u64, B256>,
    /// None: the program is of the kind that needs no acceptance. Else who accepts it, by index, and whether that has
    /// changed since the newest table.
    pub accepters: Option<(Vec<usize>, bool)>,
    /// Who stands in tables, by index.
    pub members: Vec<usize>,
    /// Everything that was ever put into the lane's inbox, and how much of it posted batches have answered.
    pub inbox: Vec<SignedRequest>,
    pub inbox_cursor: u64,
    /// How many lanes the app has. Only the first has an inbox.
    pub lanes: u32,
    /// None: the app has never named a price.
    pub price: Option<Price>,
    /// From which time on it is in force.
    pub priced_since: u64,
    /// Of the one client.
    pub deposit: Deposit,
}

impl FakeChain {
    pub fn new() -> Arc<Self> {
        let lane = LaneState { gateway: gateway_address(), window: WINDOW, epoch: 1, ..LaneState::default() };
        let head = Head { number: 100, timestamp: NOW };
        let (first_shown, prevrandao) = (HashMap::new(), HashMap::new());
        Arc::new(Self {
            state: Mutex::new(ChainState {
                head,
                machine_clock: 0,
                lane,
                tables: vec![TABLE_TIME],
                first_shown,
                prevrandao,
                accepters: None,
                members: (0..4).collect(),
                inbox: Vec::new(),
                inbox_cursor: 0,
                lanes: 1,
                price: None,
                priced_since: 0,
                deposit: Deposit::default(),
            }),
            tables: Mutex::default(),
        })
    }

    pub fn change(&self, change: impl FnOnce(&mut ChainState)) {
        change(&mut self.state.lock().unwrap());
    }

    /// As if the next gateway had taken the lane, and that were final.
    pub fn change_gateway(&self) {
        self.change(|state| {
            state.first_shown.insert(Signer::Gateway(gateway_address()), LONG_AGO);
            state.lane.gateway = next_gateway_address();
            state.lane.epoch += 1;
            state.head.number += 1;
            state.first_shown.insert(Signer::Gateway(next_gateway_address()), state.head);
        });
    }

    /// As if everything up to `header` had been posted and finalized.
    pub fn post(&self, header: &Batch) {
        self.change(|state| {
            state.lane.cursor = header.sequence;
            state.lane.tip = header.hash();
            state.lane.tip_sequence = header.sequence;
            state.inbox_cursor = header.inbox_cursor;
        });
    }
}

impl ChainView for FakeChain {
    fn chain_id(&self) -> u64 {
        CHAIN_ID
    }

    fn registry(&self) -> Address {
        REGISTRY
    }

    fn head(&self) -> Head {
        self.state.lock().unwrap().head
    }

    fn clock(&self) -> u64 {
        self.head().timestamp
    }

    fn start_clock(&self) -> u64 {
        self.head().timestamp.max(self.state.lock().unwrap().machine_clock)
    }

    fn apps(&self) -> Vec<(AppId, u32)> {
        vec![(APP, self.state.lock().unwrap().lanes)]
    }

    fn app(&self, app: AppId) -> Option<AppState> {
        let state = AppState { operator_set_id: 1, profile: PROFILE, threshold_bips: 6_667, staleness_seconds: 600 };
        (app == APP).then_some(state)
    }

    fn release(&self, app: AppId, id: ProgramId) -> Option<Arc<Release>> {
        (app == APP && program().id() == id).then(|| self.newest_release(app))?
    }

    fn newest_release(&self, _: AppId) -> Option<Arc<Release>> {
        let program = program();
        let table = if self.state.lock().unwrap().accepters.is_some() { program.id().0 } else { B256::ZERO };
        Some(Arc::new(Release { program, table }))
    }

    fn acceptance(&self, _: AppId, _: ProgramId) -> Acceptance {
        let (accepters, changed) = self.state.lock().unwrap().accepters.clone().unwrap_or_default();
        Acceptance { operators: accepters.into_iter().map(operator).collect(), changed }
    }

    fn lane(&self, lane: LaneKey) -> Option<LaneState> {
        let state = self.state.lock().unwrap();
        (lane.app == APP && (1..=state.lanes).contains(&lane.lane)).then_some(state.lane)
    }

    fn inbox(&self, lane: LaneKey) -> Option<Arc<Inbox>> {
        let state = self.state.lock().unwrap();
        if lane.app == APP && (2..=state.lanes).contains(&lane.lane) {
            return Some(Arc::new(Inbox::new(0, state.lane.tip)));
        }
        let mut inbox = Inbox::new(state.inbox_cursor, state.lane.tip);
        for (index, entry) in (1u64..).zip(&state.inbox).skip(state.inbox_cursor as usize) {
            inbox.push(index, entry.clone()).unwrap();
        }
        (lane == LANE).then(|| Arc::new(inbox))
    }

    fn latest_table(&self, app: AppId, key: B256) -> Option<Arc<Table>> {
        let newest = self.state.lock().unwrap().tables.last().copied();
        self.table(app, key, newest?)
    }

    fn table(&self, app: AppId, key: B256, reference_timestamp: u32) -> Option<Arc<Table>> {
        let own = self.newest_release(app)?.table == key;
        let state = self.state.lock().unwrap();
        let known = app == APP && own && state.tables.contains(&reference_timestamp);
        known.then(|| {
            let make = || Arc::new(table_of(reference_timestamp, &state.members));
            self.tables.lock().unwrap().entry(reference_timestamp).or_insert_with(make).clone()
        })
    }

    fn price(&self, _: AppId, time: u64) -> Option<Price> {
        let state = self.state.lock().unwrap();
        state.price.filter(|_| time >= state.priced_since)
    }

    fn deposit(&self, _: AppId, _: Address) -> Deposit {
        self.state.lock().unwrap().deposit.clone()
    }

    fn first_shown(&self, _: LaneKey, signer: Signer) -> Option<Head> {
        let state = self.state.lock().unwrap();
        let known = !matches!(signer, Signer::Gateway(gateway) if gateway != gateway_address());
        let later = known.then_some(Head { number: u64::MAX, timestamp: u64::MAX });
        match state.first_shown.get(&signer) {
            Some(shown) => Some(*shown).filter(|shown| shown.number <= state.head.number),
            None => later,
        }
    }

    fn prevrandao(&self, block: u64) -> BoxFuture<'static, Result<Option<B256>, Unavailable>> {
        let found = self.state.lock().unwrap().prevrandao.get(&block).copied();
        Box::pin(async move { Ok(found) })
    }
}

/// Reverses the payload; `fail` is a host's failure, `trap` a trap. Counts its runs.
#[derive(Default)]
pub struct Reverse {
    pub runs: AtomicUsize,
}

impl Loaded for Reverse {
    fn run(&self, input: &RunInput<'_>) -> Result<Outcome, HostFailure> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        match input.payload {
            b"fail" => Err(HostFailure::Killed("by the test".into())),
            b"trap" => Ok(Outcome::failed(Status::Trap, 1, "by the test")),
            payload => {
                let output = payload.iter().rev().copied().collect();
                Ok(Outcome { status: Status::Ok, output, fuel_used: 1, message: None })
            }
        }
    }
}

struct Only(Arc<dyn Loaded>);

impl Programs for Only {
    fn load(&self, _: AppId, _: ProgramId) -> Result<Arc<dyn Loaded>, String> {
        Ok(self.0.clone())
    }
}

/// Answers instead of a node; may ask the node.
pub type Lie =
    Arc<dyn Fn(Bytes, BoxFuture<'static, Bytes>) -> BoxFuture<'static, Result<Bytes, CallError>> + Send + Sync>;

/// Links between nodes, each of which may have a liar on it.
#[derive(Default)]
pub struct Links {
    executors: Mutex<HashMap<Signer, Executor>>,
    gateways: Mutex<HashMap<Address, Gateway>>,
    lies: Mutex<HashMap<Signer, Lie>>,
}

impl Links {
    pub fn lie(&self, index: usize, lie: Lie) {
        self.lies.lock().unwrap().insert(Signer::Operator(operator(index)), lie);
    }

    pub fn honest(&self, index: usize) {
        self.lies.lock().unwrap().remove(&Signer::Operator(operator(index)));
    }

    pub fn silence(&self, index: usize) {
        self.lie(index, Arc::new(|_, _| Box::pin(async { Err(CallError::Unreachable("silent".into())) })));
    }
}

impl Peers for Links {
    fn executors(&self, _: AppId) -> Vec<ExecutorPeer> {
        (0..4)
            .map(|index| ExecutorPeer {
                operator: operator(index),
                account: ecdsa::address(&account_key(index)).unwrap(),
            })
            .collect()
    }

    fn gateways(&self, _: AppId) -> Vec<Address> {
        let mut gateways = vec![gateway_address()];
        gateways.extend(self.gateways.lock().unwrap().keys().filter(|address| **address != gateway_address()));
        gateways
    }

    fn call(&self, to: Signer, body: Bytes, timeout: Duration) -> BoxFuture<'static, Result<Bytes, CallError>> {
        let executor = self.executors.lock().unwrap().get(&to).cloned();
        let gateways = self.gateways.lock().unwrap();
        let gateway = gateways.values().find(|gateway| to == Signer::Gateway(gateway.address())).cloned();
        drop(gateways);
        let lie = self.lies.lock().unwrap().get(&to).cloned();
        let (question, asked) = (body.clone(), body);
        let honest: BoxFuture<'static, Option<Bytes>> = Box::pin(async move {
            match (executor, gateway) {
                (Some(executor), _) => Some(executor.handle(&asked).await),
                (None, Some(gateway)) => Some(gateway.handle(&asked).await),
                (None, None) => None,
            }
        });
        Box::pin(async move {
            let answer = async {
                match lie {
                    Some(lie) => lie(question, Box::pin(async { honest.await.unwrap_or_default() })).await,
                    None => honest.await.ok_or(CallError::Unreachable("not running".into())),
                }
            };
            tokio::time::timeout(timeout, answer).await.unwrap_or(Err(CallError::Timeout))
        })
    }
}

/// Four executors and a gateway.
pub struct World {
    pub chain: Arc<FakeChain>,
    pub links: Arc<Links>,
    /// Counts the runs of the built-in program.
    pub program: Arc<Reverse>,
    loaded: Arc<dyn Loaded>,
    pub folder: TempDir,
    pub wishes: mpsc::Receiver<Wish>,
    wish_sender: mpsc::Sender<Wish>,
}

impl World {
    /// Links and chain alone.
    pub fn empty() -> Self {
        let program = Arc::<Reverse>::default();
        Self::with(Arc::clone(&program), program)
    }

    fn with(program: Arc<Reverse>, loaded: Arc<dyn Loaded>) -> Self {
        let (wish_sender, wishes) = mpsc::channel(64);
        let folder = tempfile::tempdir().unwrap();
        Self { chain: FakeChain::new(), links: Arc::default(), program, loaded, folder, wishes, wish_sender }
    }

    /// Everyone running and done asking.
    pub async fn start() -> Self {
        Self::empty().started().await
    }

    /// The same with another program behind every request.
    pub async fn start_with(loaded: Arc<dyn Loaded>) -> Self {
        Self::with(Arc::default(), loaded).started().await
    }

    pub async fn started(self) -> Self {
        let gateway = self.start_gateway();
        self.start_executors().await;
        gateway.tick().await;
        self
    }

    /// Executors alone: the lane's gateway is played by the test.
    pub async fn executors() -> Self {
        let world = Self::empty();
        world.start_executors().await;
        world
    }

    async fn start_executors(&self) {
        // All of them before one asks the others.
        let executors: Vec<_> = (0..4).map(|index| self.start_executor(index)).collect();
        for executor in executors {
            executor.tick().await;
        }
    }

    pub fn executor_folder(&self, index: usize) -> PathBuf {
        self.folder.path().join(format!("executor-{index}"))
    }

    pub fn start_executor(&self, index: usize) -> Executor {
        self.start_executor_with(index, |_| {})
    }

    pub fn start_executor_with(&self, index: usize, configure: impl FnOnce(&mut executor::Config)) -> Executor {
        let executor = self.open_executor(index, configure).unwrap();
        self.links.executors.lock().unwrap().insert(Signer::Operator(operator(index)), executor.clone());
        executor
    }

    pub fn open_executor(
        &self,
        index: usize,
        configure: impl FnOnce(&mut executor::Config),
    ) -> Result<Executor, executor::Error> {
        let mut config = executor::Config::new(self.executor_folder(index));
        config.peer_timeout = Duration::from_millis(500);
        configure(&mut config);
        let parts = executor::Parts {
            machine: Machine::local(),
            chain: self.chain.clone(),
            peers: self.links.clone(),
            programs: Arc::new(Only(self.loaded.clone())),
            srs: srs(),
            keys: Keys { bls: bls_key(index), account: account_key(index) },
        };
        Executor::open(config, parts)
    }

    /// Ends an executor as kill -9 does as far as its store is concerned: what is on disk stays, nothing is flushed.
    pub fn kill_executor(&self, index: usize) {
        self.links.executors.lock().unwrap().remove(&Signer::Operator(operator(index)));
    }

    pub fn kill_gateway(&self) {
        self.links.gateways.lock().unwrap().remove(&gateway_address());
    }

    pub fn executor(&self, index: usize) -> Executor {
        self.links.executors.lock().unwrap()[&Signer::Operator(operator(index))].clone()
    }

    pub fn gateway(&self) -> Gateway {
        self.links.gateways.lock().unwrap()[&gateway_address()].clone()
    }

    pub fn start_gateway(&self) -> Gateway {
        self.start_gateway_in(&self.folder.path().join("gateway"))
    }

    pub fn start_gateway_in(&self, folder: &Path) -> Gateway {
        self.start_gateway_with(GATEWAY_KEY, folder, |_| {})
    }

    /// The gateway that takes the lane over.
    pub fn start_next_gateway(&self) -> Gateway {
        self.start_gateway_with(NEXT_GATEWAY_KEY, &self.folder.path().join("next-gateway"), |_| {})
    }

    pub fn start_gateway_with(
        &self,
        key: [u8; 32],
        folder: &Path,
        configure: impl FnOnce(&mut gateway::Config),
    ) -> Gateway {
        let mut config = gateway::Config::new(folder.to_owned());
        config.call_timeout = Duration::from_secs(5);
        config.execute_timeout = Duration::from_millis(700);
        config.propose_timeout = Duration::from_millis(700);
        config.peer_timeout = Duration::from_millis(500);
        // Long, so that who signs or reports in time does not depend on the machine.
        config.signature_grace = Duration::from_secs(1);
        config.straggler_grace = Duration::from_secs(1);
        configure(&mut config);
        let (chain, peers, wishes) = (self.chain.clone(), self.links.clone(), self.wish_sender.clone());
        let parts = gateway::Parts { machine: Machine::local(), chain, peers, srs: srs(), key, wishes };
        let gateway = Gateway::open(config, parts).unwrap();
        self.links.gateways.lock().unwrap().insert(gateway.address(), gateway.clone());
        gateway
    }

    /// Waits for a wish of this kind.
    pub async fn wish(&mut self, wanted: impl Fn(&Wish) -> bool) -> Wish {
        let found = async {
            loop {
                let wish = self.wishes.recv().await.unwrap();
                if wanted(&wish) {
                    return wish;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), found).await.expect("the gateway says what it needs")
    }
}

/// A request as an honest client sends it.
pub fn request(nonce: u64, payload: &[u8]) -> SignedRequest {
    sign(
        Request {
            app: APP,
            program_id: program().id(),
            client: ecdsa::address(&CLIENT_KEY).unwrap(),
            nonce,
            payload_hash: pages::root(payload),
            time: NOW,
            seed_block: 0,
            deadline: NOW + 300,
            max_fee: U256::ZERO,
        },
        payload,
    )
}

/// An entry of the forced inbox, the `index`th.
pub fn forced(index: u64, payload: &[u8], deadline: u64) -> SignedRequest {
    let request = request(0, payload).request;
    let request = Request { nonce: vouch_core::FORCED_NONCE_FIRST + index, deadline, ..request };
    SignedRequest { request, signature: Bytes::new(), payload: Bytes::copy_from_slice(payload) }
}

pub fn sign(request: Request, payload: &[u8]) -> SignedRequest {
    let domain = Domain { chain_id: U256::from(CHAIN_ID), registry: REGISTRY };
    let signature = ecdsa::sign(request.digest(&domain), &CLIENT_KEY).unwrap();
    SignedRequest { request, signature: Bytes::copy_from_slice(&signature), payload: Bytes::copy_from_slice(payload) }
}

/// The honest entry for a request.
pub fn entry(signed: &SignedRequest) -> Entry {
    let output: Vec<u8> = signed.payload.iter().rev().copied().collect();
    Entry {
        request: signed.request.clone(),
        origin: signed.origin(),
        signature: signed.signature.clone(),
        payload: signed.payload.clone(),
        output: output.into(),
        ..Entry::default()
    }
}

/// An honest proposal behind `parent`.
pub fn proposal(entries: Vec<Entry>, parent: Option<&Batch>) -> ProposeCall {
    let header = Batch {
        chain_id: U256::from(CHAIN_ID),
        registry: REGISTRY,
        app: APP,
        operator_set_id: 1,
        profile_id: PROFILE,
        program_id: program().id(),
        lane: 1,
        sequence: parent.map_or(1, |parent| parent.sequence + 1),
        parent: parent.map_or(BatchHash::ZERO, Batch::hash),
        reference_timestamp: TABLE_TIME,
        ..Batch::default()
    };
    let data = BatchData::new(entries).unwrap();
    fill(header, &data, parent.cloned())
}

/// Fills in what follows from the data, and signs.
pub fn fill(mut header: Batch, data: &BatchData, parent: Option<Batch>) -> ProposeCall {
    let bytes = data.encode();
    let (commitment, opening) = srs().commit_data(&bytes).unwrap();
    header.exchanges_root = merkle::root(&data.leaves());
    header.exchange_count = data.entries().len() as u32;
    header.data_commitment_x = commitment.x;
    header.data_commitment_y = commitment.y;
    header.data_length = bytes.len() as u64;
    let opening = Opening { value: opening.value, proof: opening.proof };
    let call = ProposeCall {
        gateway_signature: Default::default(),
        header,
        parent,
        data: ProposedData::Whole(bytes.into()),
        opening,
        owed: Vec::new(),
    };
    resign(call)
}

/// Signs again, after a change, as the gateway.
pub fn resign(mut call: ProposeCall) -> ProposeCall {
    call.gateway_signature = ecdsa::sign(call.header.hash().0, &GATEWAY_KEY).unwrap().into();
    call
}

/// Signs again as another key.
pub fn resign_as(mut call: ProposeCall, key: &[u8; 32]) -> ProposeCall {
    call.gateway_signature = ecdsa::sign(call.header.hash().0, key).unwrap().into();
    call
}

/// The first batch of the lane, of one request.
pub fn first(nonce: u64) -> ProposeCall {
    proposal(vec![entry(&request(nonce, b"abc"))], None)
}

pub async fn propose(executor: &Executor, call: &ProposeCall) -> Result<[u8; 64], Refusal> {
    match executor.answer(Call::Propose(Box::new(call.clone()))).await {
        Answer::Signature(signature) => Ok(signature.0),
        Answer::Refused(refusal) => Err(refusal),
        other => panic!("an answer to another question: {other:?}"),
    }
}

pub async fn execute(executor: &Executor, requests: Vec<SignedRequest>) -> Vec<Result<Exchange, Refusal>> {
    let call = ExecuteCall { app: APP, program_id: program().id(), requests };
    match executor.answer(Call::Execute(call)).await {
        Answer::Reports(answer) => answer
            .list
            .reports
            .into_iter()
            .map(|report| match report {
                vouch_compute::wire::Report::Ran(exchange) => Ok(exchange),
                vouch_compute::wire::Report::Refused(_, refusal) => Err(refusal),
            })
            .collect(),
        Answer::Refused(refusal) => vec![Err(refusal)],
        other => panic!("an answer to another question: {other:?}"),
    }
}
