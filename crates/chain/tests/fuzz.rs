//! What a chain, its endpoint and files of keys may say.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../../../tests/fuzz/mod.rs"]
mod fuzz;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::{SolEvent, SolInterface};
use vouch_chain::Deployment;
use vouch_chain::bindings::batch_registry::{BatchCertified, BatchRecorded, IBatchRegistryErrors, WrongSequence};
use vouch_chain::keys::{self, Cost, PasswordSource};

/// A log as bytes: the number of topics, the topics, the data.
fn log_bytes(event: &impl SolEvent) -> Vec<u8> {
    let log = event.encode_log_data();
    let topics = log.topics().iter().flat_map(|topic| topic.0);
    [log.topics().len() as u8].into_iter().chain(topics).chain(log.data.iter().copied()).collect()
}

#[test]
fn registry_logs() {
    let (app, hash) = (B256::repeat_byte(1), B256::repeat_byte(2));
    let recorded = BatchRecorded { app, lane: 1, sequence: 2, batchHash: hash };
    let certified = BatchCertified { batchHash: hash, signersHash: app, signedWeights: vec![U256::ONE, U256::MAX] };
    fuzz!("registry_logs", vec![log_bytes(&recorded), log_bytes(&certified)], |bytes| {
        let Some((count, rest)) = bytes.split_first() else { return false };
        let count = usize::from(count % 5);
        let Some((topics, data)) = rest.split_at_checked(count * 32) else { return false };
        let topics: Vec<B256> = topics.chunks(32).map(B256::from_slice).collect();
        reads_back::<BatchCertified>(&topics, data) || reads_back::<BatchRecorded>(&topics, data)
    });
}

/// Whether a log is an `E`, as the follower asks; what was read is written as something that reads the same.
fn reads_back<E: SolEvent + PartialEq + std::fmt::Debug>(topics: &[B256], data: &[u8]) -> bool {
    let Ok(event) = E::decode_raw_log_validate(topics.iter().copied(), data) else { return false };
    let log = event.encode_log_data();
    let again = E::decode_raw_log_validate(log.topics().iter().copied(), &log.data).unwrap();
    assert_eq!(again, event);
    true
}

#[test]
fn reverts() {
    let seed = IBatchRegistryErrors::WrongSequence(WrongSequence { sequence: 7, expected: 3 }).abi_encode();
    fuzz!("reverts", vec![seed], |bytes| {
        let Ok(error) = IBatchRegistryErrors::abi_decode_validate(bytes) else { return false };
        let again = IBatchRegistryErrors::abi_decode_validate(&error.abi_encode()).unwrap();
        assert_eq!(again.abi_encode(), error.abi_encode());
        true
    });
}

fn put(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn ecdsa_keystores() {
    let folder = tempfile::tempdir().unwrap();
    let (path, password) = (folder.path().join("key"), folder.path().join("password"));
    put(&password, b"a password");
    let password = PasswordSource::File(password).read().unwrap();
    let signer = keys::create_ecdsa(&path, &password, Cost::Light).unwrap();
    let seed = std::fs::read(&path).unwrap();
    let named = alloy_primitives::hex::encode(signer.address());
    fuzz!("ecdsa_keystores", vec![seed], |bytes| {
        put(&path, bytes);
        let Ok(found) = keys::read_ecdsa(&path, &password) else { return false };
        // The checksum leaves out how the secret was enciphered; the address that the file names does not.
        assert!(found.address() == signer.address() || !String::from_utf8_lossy(bytes).contains(&named));
        true
    });
}

#[test]
fn bls_keystores() {
    let folder = tempfile::tempdir().unwrap();
    let (path, password) = (folder.path().join("key"), folder.path().join("password"));
    put(&password, b"a password");
    let password = PasswordSource::File(password).read().unwrap();
    let secret = keys::create_bls(&path, &password, Cost::Light).unwrap();
    let seed = std::fs::read(&path).unwrap();
    fuzz!("bls_keystores", vec![seed], |bytes| {
        put(&path, bytes);
        let Ok(found) = keys::read_bls(&path, &password) else { return false };
        assert_eq!(found.to_bytes(), secret.to_bytes());
        true
    });
}

#[test]
fn deployments() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deployment.json");
    fuzz!("deployments", vec![deployment().to_string().into_bytes()], |bytes| {
        std::fs::write(&path, bytes).unwrap();
        let Ok(deployment) = Deployment::load(&path) else { return false };
        std::fs::write(&path, serde_json::to_vec(&deployment).unwrap()).unwrap();
        assert_eq!(Deployment::load(&path).unwrap(), deployment);
        true
    });
}

fn deployment() -> serde_json::Value {
    let contracts = [
        "pauserRegistry",
        "permissionController",
        "strategyManager",
        "delegationManager",
        "allocationManager",
        "keyRegistrar",
        "certificateVerifier",
        "slashRouter",
        "slashVaultFactory",
        "appController",
        "batchRegistry",
        "equivocationSlasher",
        "profile",
        "forcedInbox",
        "feeVault",
        "gatewayBonds",
        "endpoints",
        "releaseManager",
        "strategyFactory",
        "openRegistrar",
    ];
    let addresses = contracts
        .iter()
        .zip(1u8..)
        .map(|(name, byte)| ((*name).to_owned(), serde_json::json!(Address::repeat_byte(byte))));
    let mut contracts: serde_json::Map<_, _> = addresses.collect();
    let eigen = ["backing", "token", "forkParameters", "escrow", "strategy"];
    let eigen: serde_json::Map<_, _> = eigen
        .iter()
        .zip(101u8..)
        .map(|(name, byte)| ((*name).to_owned(), serde_json::json!(Address::repeat_byte(byte))))
        .collect();
    contracts.insert("eigen".to_owned(), eigen.into());
    contracts.insert("stakes".to_owned(), serde_json::json!([]));
    serde_json::json!({
        "version": 2, "chainId": 31_337, "genesisHash": B256::ZERO, "deployer": Address::ZERO, "firstNonce": 0,
        "startBlock": 1, "endBlock": 2, "contracts": contracts,
        "parameters": vouch_chain::deploy::Parameters::local(),
    })
}
