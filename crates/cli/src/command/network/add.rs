//! Joining a machine: every step looks first whether it has been taken, so that the command can be cut off anywhere.

use std::path::{Path, PathBuf};

use alloy_primitives::{Address, B256, U256};
use serde_json::json;
use vouch_chain::anvil::Anvil;
use vouch_chain::endpoint::EndpointUrl;
use vouch_chain::{Error, Network, Sender};
use vouch_node::config::{
    ChainConfig, Config, ExecutorConfig, GatewayConfig, IndexConfig, Join, Role, TelemetryConfig, TlsConfig,
};
use vouch_node::policy::Policy;
use vouch_node::tls::Identity;

use super::file::{Machine, MachineRole, NetworkFile, check_name, lock};
use super::{chain_failure, key_in, sender_of};
use crate::failure::{Failure, chain_of};
use crate::local::cloud::unwritable;
use crate::local::config::{DEPLOYMENT_FILE, PASSWORD_FILE, POLICY_FILE};
use crate::output::Output;

pub(super) const KEY_FILE: &str = "key.json";
pub(super) const TRANSPORT_KEY_FILE: &str = "transport-key.pem";
const NODE_FILE: &str = "node.toml";
/// Mined in one request on a development chain.
const BLOCKS_AT_ONCE: u32 = 64;

#[derive(clap::Subcommand)]
pub enum Command {
    /// A gateway: takes calls, and has lanes of apps
    Gateway(Arguments),
    /// An operator: runs programs, with stake behind its answers
    Operator(OperatorArguments),
}

#[derive(clap::Args)]
pub struct Arguments {
    /// The machine's name, and its folder's
    name: String,
    /// Where others reach the machine: https://HOST:PORT
    #[arg(long, value_name = "URL")]
    url: String,
    /// Where its server listens (default: every address of the machine, at the url's port)
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Let other machines' urls lie in private networks: all machines share one
    #[arg(long)]
    private_peers: bool,
    /// The network's folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

#[derive(clap::Args)]
pub struct OperatorArguments {
    #[command(flatten)]
    machine: Arguments,
    /// Whole tokens to deposit in each strategy of a development chain
    #[arg(long, value_name = "TOKENS", default_value_t = 10_000)]
    stake: u64,
}

pub async fn run(command: &Command, output: &Output) -> Result<(), Failure> {
    let (arguments, role) = match command {
        Command::Gateway(arguments) => (arguments, MachineRole::Gateway),
        Command::Operator(arguments) => (&arguments.machine, MachineRole::Operator),
    };
    check_name(&arguments.name)?;
    let url = EndpointUrl::parse(&arguments.url)
        .map_err(|error| Failure::input(error.to_string(), "give --url as https://HOST:PORT"))?;
    let mut file = NetworkFile::load(&arguments.dir)?;
    let _lock = lock(&arguments.dir)?;
    let network = file.network(&arguments.dir).await?;

    let folder = arguments.dir.join(&arguments.name);
    std::fs::create_dir_all(folder.join("bls")).map_err(|error| unwritable(&folder, &error))?;
    let signer = key_in(&folder, KEY_FILE)?;
    let account = signer.address();
    let identity = Identity::open_or_create(&folder.join(TRANSPORT_KEY_FILE))
        .map_err(|error| Failure::host(chain_of(&error), "check the machine's folder"))?;
    file.put(Machine { name: arguments.name.clone(), role, account, url: url.to_string() })?;
    file.save(&arguments.dir)?;
    write_configuration(&folder, arguments, role, &url, &file.rpc, &network)?;

    let sender = sender_of(network.chain(), signer).await?;
    // What a run that was cut off had sent may not be mined yet, and would be sent again.
    sender.settled_nonce().await.map_err(|error| chain_failure(&error))?;
    if let Command::Operator(operator) = command {
        output.say(format!("registering operator {account}"));
        stake(&network, &sender, &arguments.name, operator.stake).await.map_err(|error| chain_failure(&error))?;
    }
    output.say(format!("registering the endpoint {url}"));
    register(&network, &sender, &url, identity.transport_key()).await.map_err(|error| chain_failure(&error))?;
    let key = identity.transport_key();
    output.data(&json!({ "name": arguments.name, "account": account, "url": url.as_str(), "transportKey": key }), |_| {
        format!(
            "{} is {account} at {url}.\nCopy the folder {} to that machine and run there: vouch node --config {}/{NODE_FILE}",
            arguments.name,
            folder.display(),
            arguments.name
        )
    });
    Ok(())
}

async fn register(network: &Network, sender: &Sender, url: &EndpointUrl, key: B256) -> Result<(), Error> {
    let Some(known) = network.latest_endpoint(sender.address()).await? else {
        return network.set_endpoint(sender, url, key, B256::ZERO).await;
    };
    if known.url == *url && known.keys.contains(key) {
        return Ok(());
    }
    // A change of keys that is under way goes on at the new place.
    let (first, second) = known.keys.both();
    let other = if first == key { second } else { second.filter(|second| *second == key).map(|_| first) };
    network.set_endpoint(sender, url, key, other.unwrap_or_default()).await
}

/// An operator with stake: on a development chain the stake is minted, elsewhere it is delegated later.
async fn stake(network: &Network, sender: &Sender, name: &str, tokens: u64) -> Result<(), Error> {
    let operator = sender.address();
    if !network.is_operator_now(operator).await? {
        network.register_operator(sender, 0, name).await?;
    }
    pass_configuration_delay(network, operator).await?;
    let wanted = U256::from(tokens) * U256::from(10).pow(U256::from(18));
    for stake in &network.contracts().stakes {
        let staked = network.deposited_now(operator, stake.strategy).await?;
        if staked.is_zero() && !wanted.is_zero() {
            network.mint(sender, stake.token, operator, wanted).await?;
            network.deposit(sender, stake.strategy, wanted).await?;
        }
    }
    Ok(())
}

/// An allocation delay holds only after the configuration delay; on a development chain nobody waits for it.
async fn pass_configuration_delay(network: &Network, operator: Address) -> Result<(), Error> {
    let Ok(anvil) = Anvil::of(network.chain()).await else { return Ok(()) };
    let delay = network.deployment().parameters.allocation_configuration_delay_blocks;
    // Step by step, so that a run that goes on after another one mines only what is left.
    for _step in 0..=delay / BLOCKS_AT_ONCE {
        if network.allocation_delay_now(operator).await? == Some(0) {
            break;
        }
        anvil.mine(u64::from(BLOCKS_AT_ONCE)).await?;
    }
    Ok(())
}

fn write_configuration(
    folder: &Path,
    arguments: &Arguments,
    role: MachineRole,
    url: &EndpointUrl,
    rpc: &str,
    network: &Network,
) -> Result<(), Failure> {
    let deployment = folder.join(DEPLOYMENT_FILE);
    network.deployment().save(&deployment).map_err(|error| unwritable(&deployment, &error))?;
    let listen = arguments.listen.clone().unwrap_or_else(|| format!("[::]:{}", url.port()));
    let config = config_of(role, listen, rpc, arguments.private_peers);
    write_new(&folder.join(NODE_FILE), &config)?;
    if role == MachineRole::Operator {
        write_new(&folder.join(POLICY_FILE), &Policy::accept_all())?;
    }
    Ok(())
}

/// Leaves a file as it is that is there already: its owner may have changed it.
fn write_new<T: serde::Serialize>(path: &Path, content: &T) -> Result<(), Failure> {
    if path.exists() {
        return Ok(());
    }
    let text = toml::to_string_pretty(content).map_err(|error| Failure::bug(error.to_string()))?;
    let draft = path.with_extension("draft");
    let written = std::fs::write(&draft, text).and_then(|()| std::fs::rename(&draft, path));
    written.map_err(|error| unwritable(path, &error))
}

fn config_of(role: MachineRole, listen: String, rpc: &str, private_peers: bool) -> Config {
    let (keystore, password_file) = (PathBuf::from(KEY_FILE), PathBuf::from(PASSWORD_FILE));
    let gateway = (role == MachineRole::Gateway).then(|| GatewayConfig {
        keystore: keystore.clone(),
        password_file: password_file.clone(),
        post_interval_seconds: 2,
        settle_interval_seconds: 600,
        call_timeout_seconds: 90,
        execute_timeout_seconds: 20,
        restored: false,
    });
    let executor = (role == MachineRole::Operator).then(|| ExecutorConfig {
        keystore,
        password_file,
        bls_dir: PathBuf::from("bls"),
        artifact_sources: Vec::new(),
        registries: Vec::new(),
        policy: Some(PathBuf::from(POLICY_FILE)),
        join: Join::All,
        allocate_bips: 2_000,
        concurrency: 0,
        cache_dir: None,
        relief_gateway: None,
        restored: false,
    });
    Config {
        roles: vec![if gateway.is_some() { Role::Gateway } else { Role::Executor }],
        data_dir: PathBuf::from("data"),
        listen,
        chain: ChainConfig { rpc: rpc.to_owned(), deployment: PathBuf::from(DEPLOYMENT_FILE) },
        peers: Vec::new(),
        tls: Some(TlsConfig { key_file: Some(PathBuf::from(TRANSPORT_KEY_FILE)), private_peers }),
        gateway,
        executor,
        index: IndexConfig::default(),
        telemetry: TelemetryConfig { metrics: Some("off".to_owned()), ..TelemetryConfig::default() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_roles_files_are_read_by_the_node() {
        for role in [MachineRole::Gateway, MachineRole::Operator] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(NODE_FILE);
            write_new(&path, &config_of(role, "[::]:7000".to_owned(), "http://127.0.0.1:8545", true)).unwrap();
            let config = Config::load(&path).unwrap();
            assert!(config.tls.is_some_and(|tls| tls.private_peers));
            std::fs::write(&path, "changed by its owner").unwrap();
            write_new(&path, &"something else").unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "changed by its owner");
        }
    }
}
