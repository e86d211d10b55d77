//! Which cloud a command is about: a local one's folder, or endpoints given one by one.

mod gateway;

use std::path::{Path, PathBuf};

use alloy::signers::local::PrivateKeySigner;
use alloy_primitives::Address;
use vouch_chain::anvil::Anvil;
use vouch_chain::client::Config;
use vouch_chain::keys::{self, PasswordSource};
use vouch_chain::{Chain, Deployment, Network, Sender, sender};
use vouch_sdk::Client;

use crate::failure::{Failure, chain_of};
use crate::local::cloud::{CLOUD_FILE, Cloud, VERSION};

/// The folder that `vouch up` makes unless told otherwise.
const CLOUD_FOLDER: &str = ".vouch";
const CLOUD_BYTES_MAX: u64 = 1 << 20;
const PASSWORD_VARIABLE: &str = "VOUCH_PASSWORD";

/// Which cloud; without any of these, the nearest `.vouch` upwards
#[derive(clap::Args, Clone, Debug, Default)]
pub struct CloudOptions {
    /// Folder of a local cloud (default: the nearest .vouch, upwards)
    #[arg(long, env = "VOUCH_CLOUD", value_name = "DIR")]
    cloud: Option<PathBuf>,
    /// JSON-RPC endpoint of the chain
    #[arg(long, env = "VOUCH_RPC", value_name = "URL")]
    rpc: Option<String>,
    /// The gateway: its url, or its account, whose url and key stand on chain (default: a local cloud's, else one that has a
    /// lane of the app)
    #[arg(long, env = "VOUCH_GATEWAY", value_name = "URL|ACCOUNT")]
    gateway: Option<String>,
    /// Let the gateway of an app's lane lie in a private network
    #[arg(long, env = "VOUCH_PRIVATE_PEERS")]
    private_peers: bool,
    /// Where the contracts stand: deployment.json
    #[arg(long, env = "VOUCH_DEPLOYMENT", value_name = "FILE")]
    deployment: Option<PathBuf>,
}

/// Who acts
#[derive(clap::Args, Clone, Debug, Default)]
pub struct KeyOptions {
    /// An account of the local cloud: developer, client, white, black, ...
    #[arg(long = "as", value_name = "ACCOUNT", conflicts_with = "keystore")]
    account: Option<String>,
    /// Version 3 keystore of the key that signs
    #[arg(long, env = "VOUCH_KEYSTORE", value_name = "FILE")]
    keystore: Option<PathBuf>,
    /// File with the keystore's password (default: $VOUCH_PASSWORD, or a question)
    #[arg(long, env = "VOUCH_PASSWORD_FILE", value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// A local cloud that is up, or was.
#[derive(Debug)]
struct LocalCloud {
    folder: PathBuf,
    file: Cloud,
}

/// A node as commands find it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeEndpoint {
    pub name: String,
    pub url: String,
    /// Whose node it is, where that is known.
    pub address: Option<Address>,
}

/// The cloud that a command is about. Nothing is connected yet.
#[derive(Debug)]
pub struct Context {
    local: Option<LocalCloud>,
    rpc: String,
    /// None: the chain says who has a lane of an app.
    gateway: Option<String>,
    private_peers: bool,
    deployment: PathBuf,
}

impl Context {
    pub fn find(options: &CloudOptions) -> Result<Self, Failure> {
        let explicit = options.rpc.is_some() && options.deployment.is_some();
        let local = match &options.cloud {
            Some(folder) => Some(LocalCloud::read(folder)?),
            None if explicit => None,
            None => nearest_cloud().map(|folder| LocalCloud::read(&folder)).transpose()?,
        };
        let missing = |option: &str| {
            Failure::input(
                format!("there is no local cloud here and no {option}"),
                "start a cloud with `vouch up`, or give --rpc and --deployment",
            )
        };
        let rpc = options.rpc.clone().or_else(|| Some(local.as_ref()?.file.rpc.clone()));
        let gateway = options.gateway.clone().or_else(|| Some(local.as_ref()?.file.gateway.clone()));
        let deployment =
            options.deployment.clone().or_else(|| local.as_ref().map(|local| local.path(&local.file.deployment)));
        Ok(Self {
            rpc: rpc.ok_or_else(|| missing("--rpc"))?,
            gateway,
            private_peers: options.private_peers,
            deployment: deployment.ok_or_else(|| missing("--deployment"))?,
            local,
        })
    }

    pub fn deployment(&self) -> Result<Deployment, Failure> {
        Deployment::load(&self.deployment).map_err(|error| {
            Failure::input(chain_of(&error), "name the deployment.json of the chain's contracts with --deployment")
        })
    }

    /// Where the contracts stand, for commands that use no network: the file named, else a local cloud's.
    pub fn offline_deployment(options: &CloudOptions) -> Result<Deployment, Failure> {
        // The endpoint is never asked.
        let rpc = options.rpc.clone().or_else(|| Some(String::new()));
        Self::find(&CloudOptions { rpc, ..options.clone() })?.deployment()
    }

    /// The chain with the contracts on it.
    pub async fn network(&self) -> Result<Network, Failure> {
        let deployment = self.deployment()?;
        let config = Config { chain_id: Some(deployment.chain_id), attempts_max: 2, ..Config::at(&self.rpc) };
        let chain = Chain::connect(&config).await.map_err(|error| self.chain_failure(error))?;
        Network::new(chain, deployment).map_err(|error| self.chain_failure(error))
    }

    /// Every node that is known: all of a local cloud, elsewhere the gateway.
    pub fn nodes(&self) -> Vec<NodeEndpoint> {
        let own = self.local.as_ref().filter(|local| Some(&local.file.gateway) == self.gateway.as_ref());
        let named = |url: &String| NodeEndpoint { name: "gateway".to_owned(), url: url.clone(), address: None };
        match own {
            Some(local) => local
                .file
                .nodes
                .iter()
                .map(|(name, node)| NodeEndpoint {
                    name: name.clone(),
                    url: node.url.clone(),
                    address: Some(node.address),
                })
                .collect(),
            None => self.gateway.iter().map(named).collect(),
        }
    }

    /// The client of any node: by its url, or by its account, whose url and keys stand on chain.
    pub async fn client_of(&self, url: &str) -> Result<Client, Failure> {
        let domain = self.deployment()?.domain();
        let Ok(account) = url.parse::<Address>() else {
            return Client::new(url, domain).map_err(|error| self.gateway_failure(error));
        };
        let network = self.network().await?;
        let view = network.view().await.map_err(|error| self.chain_failure(error))?;
        let endpoint = network.endpoint(&view, account).await.map_err(|error| self.chain_failure(error))?;
        let endpoint = endpoint.ok_or_else(|| {
            Failure::input(format!("{account} has no endpoint in a finalized block"), "name another gateway")
        })?;
        // The account was named here, and nobody without its key gets further than a handshake.
        Client::pinned(&endpoint, domain, true).map_err(|error| self.gateway_failure(error))
    }

    /// The client of the gateway that was named.
    pub async fn client(&self) -> Result<Client, Failure> {
        let missing = || Failure::input("no gateway was named", "give --gateway as a url or as the gateway's account");
        self.client_of(self.gateway.as_ref().ok_or_else(missing)?).await
    }

    /// The key that acts: the one named, else the local cloud's `account`.
    pub fn signer(&self, options: &KeyOptions, account: &str) -> Result<PrivateKeySigner, Failure> {
        let name = options.account.as_deref().unwrap_or(account);
        let (keystore, password) = match (&options.keystore, &self.local) {
            (Some(keystore), _) => (keystore.clone(), password_source(options, keystore)),
            (None, Some(local)) => (local.keystore(name)?, PasswordSource::File(local.path(&local.file.password_file))),
            (None, None) => {
                return Err(Failure::input("no key was named", "give --keystore FILE, made with any Ethereum tool"));
            }
        };
        let read = password.read().and_then(|password| keys::read_ecdsa(&keystore, &password));
        read.map_err(|error| Failure::input(chain_of(&error), "check --keystore and --password-file"))
    }

    pub fn sender(&self, network: &Network, signer: PrivateKeySigner) -> Sender {
        Sender::new(network.chain().clone(), signer, sender::Config::default())
    }

    /// How many operators of a local cloud can join an app; none of what is known elsewhere.
    pub fn local_operators(&self) -> Option<usize> {
        let file = &self.local.as_ref()?.file;
        let misled = |name: &str| file.misled.as_deref() == Some(name);
        Some(file.accounts.keys().filter(|name| name.starts_with("operator-") && !misled(name)).count())
    }

    pub fn chain_failure(&self, error: vouch_chain::Error) -> Failure {
        use vouch_chain::Error;
        let message = chain_of(&error);
        match error {
            Error::Unreachable { .. } | Error::Timeout { .. } | Error::BadAnswer { .. } | Error::Rpc { .. } => {
                Failure::chain(message, self.start_hint("check --rpc"))
            }
            Error::WrongChain { .. } | Error::WrongGenesis { .. } => Failure::chain(
                message,
                "name the deployment.json of this chain with --deployment, and its endpoint with --rpc",
            ),
            Error::InsufficientFunds { .. } => Failure::input(message, "give the key some of the chain's currency"),
            Error::NotFinalized { .. } | Error::Busy { .. } | Error::NonceTaken { .. } | Error::FeeTooHigh { .. } => {
                Failure::chain(message, "try again")
            }
            _ => Failure::input(message, ""),
        }
    }

    pub fn gateway_failure(&self, error: vouch_sdk::Error) -> Failure {
        use vouch_sdk::Error;
        let message = chain_of(&error);
        match error {
            Error::Refused(problem) => {
                let details = serde_json::to_value(&problem).unwrap_or_default();
                Failure::node(with_answers(&message, &problem), problem.hint.clone()).with_details(details)
            }
            Error::Unreachable { .. } => Failure::node(message, self.start_hint("check --gateway")),
            Error::Lie(lie) => lie_failure(&lie),
            Error::PayloadTooLarge { .. } => Failure::input(message, "send less"),
            Error::InvalidUrl { .. } => {
                Failure::input(message, "give --gateway as https://HOST:PORT or as the gateway's account")
            }
            Error::InTheClear { .. } | Error::Endpoint(_) => {
                Failure::input(message, "give --gateway as the gateway's account: 0x and 40 digits")
            }
            _ => Failure::node(message, "this is no answer of a Vouch gateway; check --gateway"),
        }
    }

    pub fn verify_failure(&self, error: vouch_sdk::VerifyError) -> Failure {
        match error {
            vouch_sdk::VerifyError::Lie(lie) => lie_failure(&lie),
            vouch_sdk::VerifyError::Chain(error) => self.chain_failure(error),
        }
    }

    /// An endpoint of the local cloud is only away when the cloud is down; one that was named may be the wrong one.
    fn start_hint(&self, otherwise: &str) -> String {
        let own =
            |local: &&LocalCloud| local.file.rpc == self.rpc && Some(&local.file.gateway) == self.gateway.as_ref();
        match self.local.as_ref().filter(own) {
            Some(local) => format!("start the cloud again: vouch up --dir {}", local.folder.display()),
            None => otherwise.to_owned(),
        }
    }
}

/// Anvil's time may be moved; on every other chain one waits.
pub async fn anvil_of(network: &Network) -> Option<Anvil> {
    Anvil::of(network.chain()).await.ok()
}

pub fn lie_failure(lie: &vouch_sdk::Lie) -> Failure {
    let message = format!("the receipt does not hold: {}", chain_of(lie));
    let details = serde_json::json!({ "check": lie.check() });
    Failure::verification(message, "do not act on it; ask the gateway for the request's receipt again, or another one")
        .with_details(details)
}

/// Who said what, for people.
fn with_answers(message: &str, problem: &vouch_api::Problem) -> String {
    problem
        .answered
        .iter()
        .fold(message.to_owned(), |text, said| format!("{text}\n  {}: {}", said.operator, said.answer))
}

fn password_source(options: &KeyOptions, keystore: &Path) -> PasswordSource {
    match &options.password_file {
        Some(file) => PasswordSource::File(file.clone()),
        None if std::env::var_os(PASSWORD_VARIABLE).is_some() => {
            PasswordSource::Environment(PASSWORD_VARIABLE.to_owned())
        }
        None => PasswordSource::Prompt(format!("Password of {}", keystore.display())),
    }
}

fn nearest_cloud() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    here.ancestors().map(|folder| folder.join(CLOUD_FOLDER)).find(|folder| folder.join(CLOUD_FILE).is_file())
}

impl LocalCloud {
    fn read(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join(CLOUD_FILE);
        let hint = || format!("start one with `vouch up --dir {}` and wait until it is ready", folder.display());
        let size = std::fs::metadata(&path).map(|metadata| metadata.len());
        let size =
            size.map_err(|error| Failure::input(format!("there is no cloud: {}: {error}", path.display()), hint()))?;
        if size > CLOUD_BYTES_MAX {
            return Err(Failure::input(
                format!("{} has {size} bytes, at most {CLOUD_BYTES_MAX} are read", path.display()),
                hint(),
            ));
        }
        let unreadable = |error: &dyn std::fmt::Display| Failure::input(format!("{}: {error}", path.display()), hint());
        let text = std::fs::read_to_string(&path).map_err(|error| unreadable(&error))?;
        let file: Cloud = serde_json::from_str(&text).map_err(|error| unreadable(&error))?;
        if file.version != VERSION {
            return Err(unreadable(&format!("version {} was written by another version of vouch", file.version)));
        }
        Ok(Self { folder: folder.to_owned(), file })
    }

    fn path(&self, relative: &Path) -> PathBuf {
        self.folder.join(relative)
    }

    fn keystore(&self, name: &str) -> Result<PathBuf, Failure> {
        let account = self.file.accounts.get(name).ok_or_else(|| {
            let known: Vec<_> = self.file.accounts.keys().map(String::as_str).collect();
            Failure::input(
                format!("the cloud has no account `{name}`"),
                format!("known accounts: {}", known.join(", ")),
            )
        })?;
        Ok(self.path(&account.keystore))
    }
}
