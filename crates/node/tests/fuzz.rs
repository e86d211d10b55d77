//! Files by which an operator tells its node what to do.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../../../tests/fuzz/mod.rs"]
mod fuzz;

use vouch_node::config::Config;
use vouch_node::policy::Policy;

const EXECUTOR: &str = r#"
roles = ["executor"]
data_dir = "data"
listen = "127.0.0.1:0"
[chain]
rpc = "http://127.0.0.1:8545"
deployment = "deployment.json"
[executor]
keystore = "operator.json"
password_file = "password"
bls_dir = "bls"
"#;

const POLICY: &str = r#"
interfaces = ["command", "http"]
hardware_class = "cpu"
minimum_fee = "1000"
acceptance = "automatic"
[limits]
memory_bytes = 1_000_000
"#;

#[test]
fn node_configurations() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("node.toml");
    fuzz!("node_configurations", vec![EXECUTOR.into()], |bytes| {
        std::fs::write(&path, bytes).unwrap();
        let Ok(config) = Config::load(&path) else { return false };
        assert!(config.data_dir.is_absolute() && config.chain.deployment.is_absolute());
        true
    });
}

#[test]
fn policies() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.toml");
    let written = toml::to_string(&Policy::default()).unwrap();
    fuzz!("policies", vec![POLICY.into(), written.into()], |bytes| {
        std::fs::write(&path, bytes).unwrap();
        let Ok(policy) = Policy::load(&path) else { return false };
        std::fs::write(&path, toml::to_string(&policy).unwrap()).unwrap();
        assert_eq!(Policy::load(&path).unwrap(), policy);
        true
    });
}
