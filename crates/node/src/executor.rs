//! The executor role: one executor for each app that the operator has joined, and joining itself.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use alloy::signers::local::PrivateKeySigner;
use alloy_primitives::Address;
use futures::FutureExt;
use tokio::task::JoinHandle;
use vouch_chain::keys::{self, Cost, Password};
use vouch_chain::network::{Allocation, WHOLE_MAGNITUDE};
use vouch_chain::{Network, Sender};
use vouch_coding::Srs;
use vouch_compute::driver::{Driver, DriverSet, LoadError};
use vouch_compute::evidence::Evidence;
use vouch_compute::executor::{self, Executor, Keys, Programs};
use vouch_compute::lane::chain::ChainView;
use vouch_compute::machine::Machine;
use vouch_compute::observe::Observed;
use vouch_compute::oci::{self, OciDriver};
use vouch_compute::wasm::{self, WasmDriver};
use vouch_core::bls::SecretKey;
use vouch_core::{AppId, ProgramId};

use crate::acceptance::{Acceptor, AllowedPrograms};
use crate::config::{ExecutorConfig, Join};
use crate::mirror::{AppRecord, Mirror};
use crate::node::{Error, Parts, open_key, sender};
use crate::peers::HttpPeers;
use crate::policy::Policy;
use crate::programs::ProgramStore;
use crate::registries::Registries;
use crate::relief::Relief;
use crate::standin::StandIn;
use crate::watch::Watch;

/// How often executors look after themselves.
const TICK: Duration = Duration::from_secs(1);
/// How long to wait before a program that could not be made ready is tried again.
const PREPARE_RETRY: Duration = Duration::from_secs(2);

/// A program that is being made ready.
type Preparing = ((AppId, ProgramId), JoinHandle<Result<(), String>>);

/// The operator's executors.
pub struct ExecutorRole {
    mirror: Arc<Mirror>,
    network: Network,
    peers: Arc<HttpPeers>,
    watch: Arc<Watch>,
    runtimes: Vec<String>,
    programs: Arc<AllowedPrograms>,
    acceptor: Acceptor,
    standin: StandIn,
    srs: Arc<Srs>,
    signer: PrivateKeySigner,
    sender: Arc<Sender>,
    password: Password,
    bls_dir: PathBuf,
    data_dir: PathBuf,
    join: Join,
    magnitude: u64,
    concurrency: usize,
    restored: bool,
    executors: RwLock<HashMap<AppId, Executor>>,
    /// Releases that were made ready, or the time at which to try again.
    prepared: RwLock<HashMap<(AppId, ProgramId), Option<Instant>>>,
    preparing: Mutex<Option<Preparing>>,
}

impl ExecutorRole {
    pub fn open(config: &ExecutorConfig, parts: &Parts) -> Result<Self, Error> {
        let (signer, password) = open_key(&config.keystore, &config.password_file)?;
        let cache = config.cache_dir.clone().unwrap_or_else(|| parts.data_dir.join("compiled"));
        let driver = drivers(&cache, &parts.data_dir)?;
        let runtimes = driver.runtimes();
        tracing::info!(runtimes = runtimes.join(", "), "node.executor.runtimes");
        let programs = ProgramStore::new(
            Arc::clone(&parts.mirror),
            driver,
            Arc::clone(&parts.artifacts),
            (config.artifact_sources.clone(), Registries::new(config.registries.clone())),
            Arc::clone(&parts.peers),
        );
        let policy = config.policy.as_deref().map_or(Ok(Policy::default()), Policy::load)?;
        let mirror = Arc::clone(&parts.mirror);
        let programs = Arc::new(AllowedPrograms::new(policy, runtimes.clone(), Arc::clone(&mirror), programs));
        let sender = Arc::new(sender(parts, signer.clone()));
        let acceptor = Acceptor::new(Arc::clone(&programs), mirror, parts.network.clone(), Arc::clone(&sender));
        let own_sender = Arc::clone(&sender);
        let delay = parts.network.deployment().parameters.skip_delay_seconds;
        let relief = config.relief_gateway.map(|gateway| Relief::new(gateway, delay));
        let standin = StandIn::new(Arc::clone(&parts.mirror), parts.network.clone(), own_sender, relief);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            mirror: Arc::clone(&parts.mirror),
            network: parts.network.clone(),
            peers: Arc::clone(&parts.peers),
            watch: Arc::clone(&parts.watch),
            runtimes,
            programs,
            acceptor,
            standin,
            srs: Arc::clone(&parts.srs),
            sender,
            signer,
            password,
            bls_dir: config.bls_dir.clone(),
            data_dir: parts.data_dir.clone(),
            join: config.join,
            magnitude: WHOLE_MAGNITUDE / 10_000 * u64::from(config.allocate_bips),
            concurrency: if config.concurrency == 0 { cores } else { config.concurrency },
            restored: config.restored,
            executors: RwLock::default(),
            prepared: RwLock::default(),
            preparing: Mutex::default(),
        })
    }

    pub fn address(&self) -> Address {
        self.signer.address()
    }

    /// Of its transactions.
    pub fn counts(&self) -> Arc<vouch_chain::sender::Counts> {
        self.sender.counts()
    }

    /// What this machine runs.
    pub fn runtimes(&self) -> &[String] {
        &self.runtimes
    }

    /// Every app's executor.
    pub fn all(&self) -> Vec<(AppId, Executor)> {
        let executors = self.executors.read().unwrap_or_else(PoisonError::into_inner);
        executors.iter().map(|(app, executor)| (*app, executor.clone())).collect()
    }

    pub fn of(&self, app: AppId) -> Option<Executor> {
        self.executors.read().unwrap_or_else(PoisonError::into_inner).get(&app).cloned()
    }

    pub async fn run(self: Arc<Self>) -> Result<(), Error> {
        let mut heads = self.mirror.heads();
        loop {
            for (app, record) in self.mirror.app_records() {
                match self.look_after(app, &record).await {
                    Ok(()) if self.is_member(app) => self.acceptor.settle(app, &record).await,
                    Ok(()) => {}
                    Err(Error::Chain(error)) => tracing::warn!(%app, %error, "node.executor.join"),
                    Err(error) => return Err(error),
                }
            }
            self.prepare_programs();
            let executors: Vec<_> = {
                let executors = self.executors.read().unwrap_or_else(PoisonError::into_inner);
                executors.iter().map(|(app, executor)| (*app, executor.clone())).collect()
            };
            futures::future::join_all(executors.iter().map(|(_, executor)| executor.tick())).await;
            executors.iter().for_each(|(app, executor)| self.standin.look_after(*app, executor));
            // Whatever comes first: joining waits for blocks, upkeep for time.
            let _woken = tokio::time::timeout(TICK, heads.changed()).await;
        }
    }

    /// Fetches and compiles the releases of joined apps ahead of their first call, one at a time.
    fn prepare_programs(self: &Arc<Self>) {
        let Ok(mut preparing) = self.preparing.try_lock() else { return };
        if preparing.as_ref().is_some_and(|(_, task)| !task.is_finished()) {
            return;
        }
        if let Some((release, task)) = preparing.take() {
            let (app, program) = release;
            // A task that panicked is tried again, like one that failed.
            match task.now_or_never() {
                Some(Ok(Ok(()))) => {
                    self.prepared.write().unwrap_or_else(PoisonError::into_inner).insert(release, None);
                    tracing::info!(%app, %program, "node.executor.program.ready");
                }
                Some(Ok(Err(error))) => {
                    let wait = Some(Instant::now() + PREPARE_RETRY);
                    self.prepared.write().unwrap_or_else(PoisonError::into_inner).insert(release, wait);
                    tracing::debug!(%app, %program, error, "node.executor.program.prepare");
                }
                _ => {}
            }
        }
        if let Some((app, program)) = self.next_unprepared() {
            let programs = Arc::clone(&self.programs);
            let task = tokio::task::spawn_blocking(move || programs.load(app, program).map(|_| ()));
            *preparing = Some(((app, program), task));
        }
    }

    fn next_unprepared(&self) -> Option<(AppId, ProgramId)> {
        let prepared = self.prepared.read().unwrap_or_else(PoisonError::into_inner);
        let joined = self.executors.read().unwrap_or_else(PoisonError::into_inner);
        let records = self.mirror.app_records().into_iter().filter(|(app, _)| joined.contains_key(app));
        let newest = records.filter_map(|(app, record)| record.releases.last().map(|(program, _)| (app, *program)));
        newest.into_iter().find(|release| match prepared.get(release) {
            None => true,
            Some(None) => false,
            Some(Some(retry_at)) => *retry_at <= Instant::now(),
        })
    }

    /// Runs the app's executor once there is a key for it, and joins the app if that is this operator's policy.
    async fn look_after(&self, app: AppId, record: &AppRecord) -> Result<(), Error> {
        let path = self.bls_dir.join(format!("set-{}.json", record.state.operator_set_id));
        let running = self.of(app).is_some();
        let joins = self.join == Join::All && self.programs.policy().names(app);
        if !path.exists() && joins {
            std::fs::create_dir_all(&self.bls_dir)
                .map_err(|source| Error::Io { what: format!("creating {}", self.bls_dir.display()), source })?;
            keys::create_bls(&path, &self.password, Cost::Light)?;
        }
        if !path.exists() || (running && self.is_member(app)) {
            return Ok(());
        }
        let secret = keys::read_bls(&path, &self.password)?;
        if joins && !self.is_member(app) {
            self.join_app(record, &secret).await?;
        }
        if !running {
            self.start(app, record, secret)?;
        }
        Ok(())
    }

    /// Whether some finalized table has shown this operator.
    fn is_member(&self, app: AppId) -> bool {
        self.mirror.operators_of(app).iter().any(|(_, address)| *address == self.address())
    }

    /// Takes the next step towards membership that the chain does not show as done; the rest comes with later blocks.
    async fn join_app(&self, record: &AppRecord, secret: &SecretKey) -> Result<(), Error> {
        let (network, set) = (&self.network, record.state.operator_set_id);
        let view = network.view().await?;
        if !network.is_operator(&view, self.address()).await?
            || network.members(&view, set).await?.contains(&self.address())
        {
            return Ok(());
        }
        let strategies = &record.strategies;
        // Joining asks for stake that can be slashed, so the allocation must hold first.
        match network.allocation(&view, set, self.address(), strategies).await? {
            Allocation::None => {
                let effective = network.allocate(&self.sender, set, strategies, self.magnitude).await?;
                tracing::info!(set, effective, "node.executor.allocate");
                return Ok(());
            }
            Allocation::Pending { .. } => return Ok(()),
            Allocation::Effective => {}
        }
        if network.key_of(&view, set, self.address()).await?.is_none() {
            network.register_key(&self.sender, set, secret).await?;
            tracing::info!(set, "node.executor.key.register");
        }
        network.join_set(&self.sender, set).await?;
        tracing::info!(set, "node.executor.set.join");
        Ok(())
    }

    fn start(&self, app: AppId, record: &AppRecord, secret: SecretKey) -> Result<(), Error> {
        let folder = self.data_dir.join("executor").join(record.state.operator_set_id.to_string());
        let mut settings = executor::Config::new(folder);
        settings.concurrency = self.concurrency;
        settings.fee_min = self.programs.policy().minimum_fee;
        settings.restored = self.restored;
        settings.observed = Observed::by(Arc::clone(&self.watch) as _);
        // As long as a skip takes: longer than posting and finality, and in time to spare the lane a skip.
        let skip_delay = self.network.deployment().parameters.skip_delay_seconds;
        settings.aggregate_after = Duration::from_secs(u64::from(skip_delay));
        let chain: Arc<dyn ChainView> = Arc::clone(&self.mirror) as _;
        let parts = executor::Parts {
            machine: Machine::local(),
            chain,
            peers: Arc::clone(&self.peers) as _,
            programs: Arc::clone(&self.programs) as _,
            srs: Arc::clone(&self.srs),
            keys: Keys { bls: secret, account: self.signer.to_bytes().0 },
        };
        let executor = Executor::open(settings, parts).map_err(|source| Error::Executor { app, source })?;
        let evidence = executor.evidence().map_err(|source| Error::Executor { app, source })?;
        self.watch.evidence_found(evidence.iter().map(Evidence::name));
        tracing::info!(%app, operator = %executor.operator(), "node.executor.start");
        self.executors.write().unwrap_or_else(PoisonError::into_inner).insert(app, executor);
        Ok(())
    }
}

/// WebAssembly runs everywhere; containers only where they can be isolated and bounded.
fn drivers(cache: &Path, data_dir: &Path) -> Result<DriverSet, Error> {
    let drivers = DriverSet::default().with(WasmDriver::new(wasm::Config::new(cache))?);
    Ok(match OciDriver::new(&oci::Config::new(cache.join("images"), data_dir.join("containers"))) {
        Ok(containers) => drivers.with(containers),
        Err(LoadError::Machine { runtime, reason }) => {
            tracing::warn!(reason, "node.executor.containers.absent");
            drivers.without(runtime, reason)
        }
        Err(error) => return Err(error.into()),
    })
}
