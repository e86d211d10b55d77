//! The configuration files of a local cloud's nodes, in its folder: `operator-1.toml` and so on.

use std::path::{Path, PathBuf};

use alloy_primitives::Address;
use vouch_node::config::{
    ChainConfig, Config, ExecutorConfig, GatewayConfig, IndexConfig, Join, Peer, Role, TelemetryConfig,
};
use vouch_node::policy::Policy;

use crate::failure::Failure;
use crate::local::accounts::Account;
use crate::local::cloud::unwritable;

pub const PASSWORD_FILE: &str = "password";
/// What all operators of a local cloud run and accept.
pub const POLICY_FILE: &str = "policy.toml";
pub const DEPLOYMENT_FILE: &str = "deployment.json";

/// One node of the cloud.
pub struct Node {
    pub name: String,
    pub address: Address,
    port: u16,
    metrics_port: u16,
}

impl Node {
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where it serves its metrics.
    pub fn metrics_url(&self) -> String {
        format!("http://127.0.0.1:{}/metrics", self.metrics_port)
    }

    /// Relative to the cloud's folder.
    pub fn config_file(&self) -> PathBuf {
        PathBuf::from(format!("{}.toml", self.name))
    }
}

/// A v3 keystore's place, relative to the cloud's folder.
pub fn keystore_of(name: &str) -> PathBuf {
    PathBuf::from(format!("keys/{name}.json"))
}

/// The gateway and the operators, each with two ports of its own: as many as there are nodes to be called, then as many
/// for their metrics.
pub fn nodes(accounts: &[Account], ports: &[u16]) -> Vec<Node> {
    let with_node = accounts.iter().filter(|account| account.name == "gateway" || account.is_operator());
    let (calls, metrics) = ports.split_at(ports.len() / 2);
    let node = |(account, (port, metrics_port)): (&Account, (&u16, &u16))| Node {
        name: account.name.clone(),
        address: account.signer.address(),
        port: *port,
        metrics_port: *metrics_port,
    };
    with_node.zip(calls.iter().zip(metrics)).map(node).collect()
}

/// Writes one file per node, and the operators' policy.
pub fn write(folder: &Path, rpc: &str, nodes: &[Node], otlp: Option<&str>) -> Result<(), Failure> {
    let path = folder.join(POLICY_FILE);
    let policy = toml::to_string_pretty(&Policy::accept_all()).map_err(|error| Failure::bug(error.to_string()))?;
    std::fs::write(&path, policy).map_err(|error| unwritable(&path, &error))?;
    nodes.iter().try_for_each(|node| write_node(folder, rpc, node, nodes, otlp))
}

/// Writes the file of one of the `nodes`, which reads the chain at `rpc`.
pub fn write_node(folder: &Path, rpc: &str, node: &Node, nodes: &[Node], otlp: Option<&str>) -> Result<(), Failure> {
    let path = folder.join(node.config_file());
    let mut config = config_of(node, rpc, nodes);
    config.telemetry.otlp = otlp.map(str::to_owned);
    let text = toml::to_string_pretty(&config).map_err(|error| Failure::bug(error.to_string()))?;
    std::fs::write(&path, text).map_err(|error| unwritable(&path, &error))
}

fn config_of(node: &Node, rpc: &str, nodes: &[Node]) -> Config {
    let is_gateway = node.name == "gateway";
    let others = nodes.iter().filter(|other| other.name != node.name);
    Config {
        roles: if is_gateway { vec![Role::Gateway, Role::Api] } else { vec![Role::Executor] },
        data_dir: PathBuf::from(format!("data/{}", node.name)),
        listen: format!("127.0.0.1:{}", node.port),
        chain: ChainConfig { rpc: rpc.to_owned(), deployment: PathBuf::from(DEPLOYMENT_FILE) },
        peers: others.map(|other| Peer { address: other.address, url: other.url() }).collect(),
        tls: None,
        gateway: is_gateway.then(|| GatewayConfig {
            keystore: keystore_of(&node.name),
            password_file: PathBuf::from(PASSWORD_FILE),
            post_interval_seconds: 2,
            settle_interval_seconds: 600,
            call_timeout_seconds: 90,
            execute_timeout_seconds: 20,
            restored: false,
        }),
        executor: (!is_gateway).then(|| executor_of(node, nodes)),
        index: IndexConfig::default(),
        telemetry: TelemetryConfig {
            metrics: Some(format!("127.0.0.1:{}", node.metrics_port)),
            ..TelemetryConfig::default()
        },
    }
}

fn executor_of(node: &Node, nodes: &[Node]) -> ExecutorConfig {
    let gateways = nodes.iter().filter(|other| other.name == "gateway");
    ExecutorConfig {
        keystore: keystore_of(&node.name),
        password_file: PathBuf::from(PASSWORD_FILE),
        bls_dir: PathBuf::from(format!("keys/{}", node.name)),
        artifact_sources: gateways.map(Node::url).collect(),
        registries: vec!["*".to_owned()],
        policy: Some(PathBuf::from(POLICY_FILE)),
        join: Join::All,
        allocate_bips: 2_000,
        concurrency: 0,
        cache_dir: Some(PathBuf::from("compiled")),
        relief_gateway: None,
        restored: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::accounts::accounts;

    #[test]
    fn every_node_reads_its_file_and_knows_all_others() {
        let folder = tempfile::tempdir().unwrap();
        let nodes = nodes(&accounts(4), &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        write(folder.path(), "http://127.0.0.1:8545", &nodes, None).unwrap();
        for node in &nodes {
            let config = Config::load(&folder.path().join(node.config_file())).unwrap();
            assert_eq!(config.peers.len(), 4);
            assert_eq!(config.telemetry.metrics.map(|at| format!("http://{at}/metrics")), Some(node.metrics_url()));
            let policy = config.executor.map(|executor| Policy::load(&executor.policy.unwrap()).unwrap());
            assert!(policy.is_none_or(|policy| policy == Policy::accept_all()));
            assert!(config.peers.iter().all(|peer| peer.address != node.address));
        }
    }
}
