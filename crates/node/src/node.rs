use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy::signers::local::PrivateKeySigner;
use alloy_primitives::Address;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use vouch_chain::keys::{self, Password, PasswordSource};
use vouch_chain::{Chain, Deployment, Network, Sender, client, sender};
use vouch_coding::srs::{DevelopmentSrs, Srs};
use vouch_compute::artifact::ArtifactStore;
use vouch_compute::executor::Executor;
use vouch_compute::gateway::Gateway;
use vouch_compute::lane::chain::ChainView;
use vouch_compute::program::Kind;
use vouch_core::AppId;

use crate::config::{Config, Role, TelemetryConfig};
use crate::executor::ExecutorRole;
use crate::gateway::GatewayRole;
use crate::index::IndexRole;
use crate::metrics::{self, Catalogue};
use crate::mirror::{Mirror, can_wait};
use crate::peers::{HttpPeers, Transport};
use crate::tls::{self, Identity, TlsListener};
use crate::watch::Watch;
use crate::{http, server};

/// How long connecting to another node may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Idle connections kept per peer.
const IDLE_PER_PEER_MAX: usize = 32;
/// The longest wait between two tries to reach the chain at the start.
const CHAIN_WAIT_MAX: Duration = Duration::from_secs(10);
/// How long a chain that answers, but badly, may go on so at the start.
const CHAIN_PATIENCE: Duration = Duration::from_secs(60);

/// Where metrics are served unless the configuration says otherwise.
const METRICS_LISTEN: &str = "127.0.0.1:9464";
/// Says that they are not.
const METRICS_OFF: &str = "off";

/// The transport key in `data_dir`, unless the configuration names another place.
pub const TRANSPORT_KEY_FILE: &str = "transport-key.pem";

/// Why a node does not start, or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Config(#[from] crate::config::Error),
    #[error(transparent)]
    Chain(#[from] vouch_chain::Error),
    #[error(transparent)]
    Keys(#[from] keys::Error),
    #[error("the gateway cannot start")]
    Gateway(#[from] vouch_compute::gateway::Error),
    #[error("the executor of app {app} cannot start")]
    Executor { app: AppId, source: vouch_compute::executor::Error },
    #[error("programs cannot be run here")]
    Driver(#[from] vouch_compute::driver::LoadError),
    #[error(transparent)]
    Artifacts(#[from] vouch_compute::artifact::Error),
    #[error("there is no structured reference string for this chain")]
    Srs(#[from] vouch_coding::srs::Error),
    #[error(transparent)]
    Transport(#[from] tls::identity::Error),
    #[error("the index cannot go on")]
    Index(Box<vouch_index::Error>),
    #[error("{what} failed")]
    Io { what: String, source: std::io::Error },
    #[error("{0}")]
    Http(String),
    #[error("{0} ended unexpectedly")]
    Ended(&'static str),
}

impl From<vouch_index::Error> for Error {
    fn from(error: vouch_index::Error) -> Self {
        Self::Index(Box::new(error))
    }
}

/// What the HTTP server and the roles share.
pub struct Shared {
    pub mirror: Arc<Mirror>,
    pub roles: Vec<String>,
    /// Who this node is: its gateway's address, or its operator's.
    pub address: Address,
    pub artifacts: Arc<ArtifactStore>,
    pub gateway: Option<Gateway>,
    pub watch: Arc<Watch>,
    /// One search at a time: looking through a whole journal must not hold up those who write it.
    pub searches: Arc<tokio::sync::Semaphore>,
    /// The index, if this node has the role `api`.
    pub index: Option<Arc<IndexRole>>,
    /// Of the roles' transactions.
    pub senders: Vec<Arc<sender::Counts>>,
    executor: Option<Arc<ExecutorRole>>,
}

impl Shared {
    /// The executors, if this node has that role.
    pub fn executor_role(&self) -> Option<&ExecutorRole> {
        self.executor.as_deref()
    }

    /// The executor of an app, if this node has joined it.
    pub fn executor(&self, app: AppId) -> Option<Executor> {
        self.executor.as_ref()?.of(app)
    }
}

/// What every role is built from.
pub struct Parts {
    pub mirror: Arc<Mirror>,
    pub network: Network,
    pub peers: Arc<HttpPeers>,
    /// The node's transport key, if it speaks TLS.
    pub identity: Option<Arc<Identity>>,
    pub artifacts: Arc<ArtifactStore>,
    pub srs: Arc<Srs>,
    pub data_dir: PathBuf,
    pub watch: Arc<Watch>,
}

/// Runs the roles of `config` until one of them cannot go on. Stopping is the caller's: drop the future.
///
/// # Errors
/// Why the node did not start, or what made it stop.
pub async fn run(config: Config) -> Result<(), Error> {
    let mut catalogue = Catalogue::default();
    let parts = parts(&config, &mut catalogue).await?;
    let mut tasks: JoinSet<Result<(), Error>> = JoinSet::new();
    let gateway = match config.gateway.as_ref().filter(|_| config.roles.contains(&Role::Gateway)) {
        Some(section) => Some(GatewayRole::open(section, &parts)?),
        None => None,
    };
    let executor = match config.executor.as_ref().filter(|_| config.roles.contains(&Role::Executor)) {
        Some(section) => Some(Arc::new(ExecutorRole::open(section, &parts)?)),
        None => None,
    };
    let address = gateway.as_ref().map(|role| role.gateway().address());
    let address = address.or(executor.as_ref().map(|role| role.address())).unwrap_or_default();
    let senders: Vec<_> =
        gateway.iter().map(GatewayRole::counts).chain(executor.iter().map(|role| role.counts())).collect();
    let index = config.roles.contains(&Role::Api).then(|| Arc::new(IndexRole::new(&config, &parts.network)));
    let shared = Arc::new(Shared {
        mirror: Arc::clone(&parts.mirror),
        roles: config.roles.iter().map(|role| format!("{role:?}").to_lowercase()).collect(),
        address,
        artifacts: Arc::clone(&parts.artifacts),
        gateway: gateway.as_ref().map(|role| role.gateway().clone()),
        watch: Arc::clone(&parts.watch),
        searches: Arc::new(tokio::sync::Semaphore::new(1)),
        index: index.clone(),
        senders: senders.clone(),
        executor: executor.clone(),
    });
    let listener = TcpListener::bind(&config.listen).await;
    let listener = listener.map_err(|source| Error::Io { what: format!("listening on {}", config.listen), source })?;
    tracing::info!(listen = %config.listen, %address, roles = ?shared.roles, "node.start");

    if let Some(listener) = metrics_listener(&config.telemetry).await? {
        let node = metrics::node::Metrics::new(&mut catalogue);
        node.started(env!("CARGO_PKG_VERSION"), shared.roles.join(","));
        let (watch, mirror) = (Arc::clone(&parts.watch), Arc::clone(&parts.mirror));
        let artifacts = parts.artifacts.folder().to_owned();
        let index = index.as_ref().map(|role| (metrics::index::Metrics::new(&mut catalogue), role.standing()));
        let sources = metrics::server::Sources { catalogue, node, watch, mirror, senders, artifacts, index };
        tasks.spawn(async move {
            let served = axum::serve(listener, metrics::server::router(Arc::new(sources))).await;
            served.map_err(|source| Error::Io { what: "serving metrics".to_owned(), source })
        });
    }
    let mirror = Arc::clone(&parts.mirror);
    tasks.spawn(async move { Ok(mirror.run().await?) });
    parts.peers.call_for(address);
    tasks.spawn(serve(listener, shared, parts.identity.clone()));
    if let Some(role) = gateway {
        tasks.spawn(role.run());
    }
    if let Some(role) = executor {
        tasks.spawn(role.run());
    }
    if let Some(role) = index {
        let alone = config.roles.len() == 1;
        tasks.spawn(async move { role.run(alone).await });
    }
    let ended = tasks.join_next().await;
    match ended {
        Some(Ok(Ok(()))) | None => Err(Error::Ended("a part of the node")),
        Some(Ok(Err(error))) => Err(error),
        Some(Err(error)) => Err(Error::Http(format!("a part of the node failed: {error}"))),
    }
}

/// Answers others: over TLS with the node's transport key, or without one in the clear, which the configuration allows for
/// this machine's own address alone.
async fn serve(listener: TcpListener, shared: Arc<Shared>, identity: Option<Arc<Identity>>) -> Result<(), Error> {
    let (router, limits) = (http::router(shared), server::Limits::default());
    let Some(identity) = identity else {
        server::serve(listener, router, limits).await;
        return Ok(());
    };
    let failed = |source| Error::Io { what: "serving HTTP".to_owned(), source };
    let config = tls::server::server_config(&identity).map_err(|error| Error::Http(error.to_string()))?;
    let listener = TlsListener::new(listener, config, tls::server::Limits::default()).map_err(failed)?;
    tracing::info!(transport_key = %identity.transport_key(), "node.tls.serve");
    server::serve(listener, router, limits).await;
    Ok(())
}

/// The node's transport key; none without a `[tls]` section.
fn identity(config: &Config) -> Result<Option<Arc<Identity>>, Error> {
    let Some(tls) = &config.tls else { return Ok(None) };
    let path = tls.key_file.clone().unwrap_or_else(|| config.data_dir.join(TRANSPORT_KEY_FILE));
    Ok(Some(Arc::new(Identity::open_or_create(&path)?)))
}

/// Where metrics are served; none if that is not wanted, or if nothing was said about it and the usual port is taken.
async fn metrics_listener(config: &TelemetryConfig) -> Result<Option<TcpListener>, Error> {
    let address = config.metrics.as_deref().unwrap_or(METRICS_LISTEN);
    if address == METRICS_OFF {
        return Ok(None);
    }
    match TcpListener::bind(address).await {
        Ok(listener) => {
            tracing::info!(listen = address, "node.metrics.serve");
            Ok(Some(listener))
        }
        Err(error) if config.metrics.is_none() => {
            tracing::warn!(listen = address, %error, "node.metrics.serve failed");
            Ok(None)
        }
        Err(source) => Err(Error::Io { what: format!("listening on telemetry.metrics = {address}"), source }),
    }
}

async fn parts(config: &Config, catalogue: &mut Catalogue) -> Result<Parts, Error> {
    std::fs::create_dir_all(&config.data_dir)
        .map_err(|source| Error::Io { what: format!("creating {}", config.data_dir.display()), source })?;
    let identity = identity(config)?;
    let deployment = Deployment::load(&config.chain.deployment)?;
    let chain = connect(&config.chain.rpc).await?;
    let network = Network::new(chain.clone(), deployment.clone())?;
    let srs = Arc::new(DevelopmentSrs::for_chain(chain.chain_id())?.into());
    let mirror = start_mirror(chain, deployment, &config.data_dir).await?;
    let http = reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_max_idle_per_host(IDLE_PER_PEER_MAX)
        .tcp_nodelay(true)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .map_err(|error| Error::Http(error.to_string()))?;
    let releases = Arc::clone(&mirror);
    let driver_of = move |app, program| {
        let release = releases.release(app, program);
        release.map_or("unknown", |release| match Kind::of(&release.program.runtime) {
            Kind::Wasm => "wasm",
            Kind::Container => "container",
        })
    };
    let private_peers = config.tls.as_ref().is_some_and(|tls| tls.private_peers);
    let transport = identity.clone().map(|identity| Transport { identity, private_peers });
    Ok(Parts {
        watch: Arc::new(Watch::new(catalogue, driver_of)),
        peers: Arc::new(HttpPeers::new(Arc::clone(&mirror), &config.peers, http, transport)),
        identity,
        artifacts: Arc::new(ArtifactStore::open(config.data_dir.join("artifacts"))?),
        data_dir: config.data_dir.clone(),
        network,
        mirror,
        srs,
    })
}

/// Reads the chain; an endpoint that answers badly gets some time, since it may have just started itself.
async fn start_mirror(chain: Chain, deployment: Deployment, data_dir: &Path) -> Result<Arc<Mirror>, Error> {
    let store = Mirror::store(data_dir)?;
    let (patience, mut wait) = (Instant::now() + CHAIN_PATIENCE, Duration::from_millis(250));
    loop {
        match Mirror::start(chain.clone(), deployment.clone(), store.clone()).await {
            Err(error) if can_wait(&error) && Instant::now() < patience => {
                tracing::warn!(%error, retry_ms = wait.as_millis(), "node.chain.read");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(CHAIN_WAIT_MAX);
            }
            started => return Ok(started?),
        }
    }
}

/// Connects; waits for a chain that is not there yet, since a node that gives up helps nobody.
async fn connect(url: &str) -> Result<Chain, Error> {
    let mut wait = Duration::from_millis(250);
    loop {
        match Chain::connect(&client::Config::at(url)).await {
            Ok(chain) => return Ok(chain),
            Err(error) if error.is_transient() => {
                tracing::warn!(%error, retry_ms = wait.as_millis(), "node.chain.connect");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(CHAIN_WAIT_MAX);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// The key of a role, with the password that opens the role's other keystores too.
pub fn open_key(keystore: &Path, password_file: &Path) -> Result<(PrivateKeySigner, Password), Error> {
    let password = PasswordSource::File(password_file.to_owned()).read()?;
    let signer = keys::read_ecdsa(keystore, &password)?;
    Ok((signer, password))
}

/// The one way out for a role's transactions.
pub fn sender(parts: &Parts, signer: PrivateKeySigner) -> Sender {
    Sender::new(parts.network.chain().clone(), signer, sender::Config::default())
}
