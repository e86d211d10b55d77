//! What a chain, its endpoint and files of keys may say.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../../../tests/fuzz/mod.rs"]
mod fuzz;

use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::ops::Not;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use alloy_primitives::{Address, B256, Bytes, U64, U256};
use alloy_sol_types::{Revert as RevertWords, SolError, SolEvent, SolInterface};
use serde_json::{Value, json};
use vouch_chain::bindings::batch_registry::{BatchCertified, BatchRecorded, IBatchRegistryErrors, WrongSequence};
use vouch_chain::client::{Chain, Config};
use vouch_chain::endpoint::{Endpoint, EndpointUrl, URL_BYTES_MAX, is_public};
use vouch_chain::follower::RedbCursor;
use vouch_chain::keys::{self, Cost, PasswordSource};
use vouch_chain::{Cursor, CursorStore, Deployment, Error};

const CONTRACT: Address = Address::repeat_byte(0x44);

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
    let named = serde_json::from_slice::<Value>(&seed).unwrap()["pubkey"].as_str().unwrap().to_owned();
    fuzz!("bls_keystores", vec![seed], |bytes| {
        put(&path, bytes);
        let Ok(found) = keys::read_bls(&path, &password) else { return false };
        let is_named = String::from_utf8_lossy(bytes).contains(&named);
        assert_eq!(found.to_bytes() == secret.to_bytes(), is_named);
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

#[test]
fn endpoint_urls() {
    let seeds =
        ["https://node.example:7000", "https://8.8.8.8", "https://[2606:4700::1111]:7000", "HTTPS://Node.example/"];
    let seeds = seeds.map(|text| text.as_bytes().to_vec()).to_vec();
    fuzz!("endpoint_urls", seeds, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return false };
        let Ok(Some(endpoint)) = Endpoint::from_words(Address::ZERO, text, B256::ZERO.not(), B256::ZERO) else {
            return false;
        };
        let url = endpoint.url;
        assert_eq!(EndpointUrl::parse(url.as_str()).as_ref(), Ok(&url));
        // Host and port and nothing else; an address that passes as public is public by its own spelling.
        let authority = url.as_str().strip_prefix("https://").unwrap();
        assert!(!authority.contains(['/', '@', '?', '#', '\\']) && url.as_str().len() <= 3 * URL_BYTES_MAX);
        let host = authority.strip_suffix(&format!(":{}", url.port())).unwrap_or(authority);
        if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
            assert_eq!(url.require_public().is_ok(), is_public(address), "{url}");
        }
        true
    });
}

#[test]
fn cursors() {
    const CURSORS: redb::TableDefinition<&str, &[u8]> = redb::TableDefinition::new("cursors");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cursor.redb");
    let stored = || {
        let database = redb::Database::create(&path).unwrap();
        let transaction = redb::ReadableDatabase::begin_read(&database).unwrap();
        let table = transaction.open_table(CURSORS).unwrap();
        table.get("events").unwrap().unwrap().value().to_vec()
    };
    let put = |bytes: &[u8]| {
        let database = redb::Database::create(&path).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction.open_table(CURSORS).unwrap().insert("events", bytes).unwrap();
        transaction.commit().unwrap();
    };
    let cursor = Cursor { chain_id: 1, genesis_hash: B256::repeat_byte(2), number: 3, hash: B256::repeat_byte(4) };
    RedbCursor::open(&path, "events").unwrap().save(&cursor).unwrap();
    fuzz!("cursors", vec![stored()], |bytes| {
        put(bytes);
        let read = RedbCursor::open(&path, "events").unwrap().load();
        let Ok(Some(cursor)) = read else {
            assert!(read.unwrap_err().to_string().contains("cursor.redb"), "a damaged store is named");
            return false;
        };
        RedbCursor::open(&path, "events").unwrap().save(&cursor).unwrap();
        assert_eq!(stored(), bytes);
        true
    });
}

/// An answer, of which nothing else is looked at.
#[derive(Default, serde::Deserialize)]
struct Told {
    #[serde(default)]
    result: Value,
}

/// What an endpoint answers.
#[derive(Clone)]
struct Said {
    /// To the two questions by which a chain is known.
    first: Arc<Value>,
    /// To all others.
    then: Arc<Mutex<Vec<u8>>>,
}

impl Said {
    fn to(&self, request: &Value) -> Vec<u8> {
        let result = match (request["method"].as_str(), request["params"][0].as_str()) {
            (Some("eth_chainId"), _) => json!("0x1"),
            (Some("eth_getBlockByNumber"), Some("0x0")) => Value::clone(&self.first),
            _ => return self.then.lock().unwrap().clone(),
        };
        json!({ "jsonrpc": "2.0", "id": request["id"], "result": result }).to_string().into()
    }
}

/// An endpoint on a thread of its own; its address.
fn endpoint(said: &Said) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let said = said.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let said = said.clone();
            std::thread::spawn(move || answer(stream.unwrap(), &said));
        }
    });
    url
}

/// Answers the requests of one connection until it ends.
fn answer(mut stream: TcpStream, said: &Said) {
    let (mut received, mut chunk) = (Vec::new(), [0; 4096]);
    while let Ok(length @ 1..) = stream.read(&mut chunk) {
        received.extend_from_slice(&chunk[..length]);
        let text = String::from_utf8_lossy(&received);
        let Some(request) = text.split_once("\r\n\r\n").and_then(|(_, body)| serde_json::from_str(body).ok()) else {
            continue;
        };
        let body = said.to(&request);
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        if stream.write_all(&[head.as_bytes(), &body].concat()).is_err() {
            return;
        }
        received.clear();
    }
}

/// What an endpoint may say to who asks for a number, for a block, and for what a contract refuses.
fn rpc_seeds(block: &Value) -> Vec<Vec<u8>> {
    let revert = IBatchRegistryErrors::WrongSequence(WrongSequence { sequence: 7, expected: 3 }).abi_encode();
    let reverted = json!({ "code": 3, "message": "execution reverted", "data": Bytes::from(revert) });
    let words = RevertWords::from("too late").abi_encode();
    let in_words = json!({ "code": 3, "message": "execution reverted", "data": Bytes::from(words) });
    let results = [json!("0x1f"), block.clone()].map(|result| json!({ "jsonrpc": "2.0", "id": 0, "result": result }));
    let refused = json!({ "code": -32_000, "message": "header not found" });
    let errors = [reverted, in_words, refused].map(|error| json!({ "jsonrpc": "2.0", "id": 0, "error": error }));
    results.into_iter().chain(errors).map(|said| said.to_string().into()).collect()
}

/// What is shown of an error is short, and takes over no terminal.
fn check_shown(error: &Error) {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    for shown in causes.map(ToString::to_string) {
        assert!(shown.len() <= 4_096 && !shown.contains(char::is_control), "{shown:?}");
    }
}

#[test]
fn rpc_answers() {
    let block: Value = serde_json::from_str(include_str!("common/genesis.json")).unwrap();
    let said = Said { first: Arc::new(block.clone()), then: Arc::default() };
    let config = Config { attempts_max: 1, answer_bytes_max: 8_192, ..Config::at(&endpoint(&said)) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let chain = runtime.block_on(Chain::connect(&config)).unwrap();
    fuzz!("rpc_answers", rpc_seeds(&block), |bytes| {
        *said.then.lock().unwrap() = bytes.to_vec();
        let [number, view, code] = runtime.block_on(async {
            let number = chain.latest_block_number().await.map(|number| json!(U64::from(number)));
            let view = chain.finalized().await.map(|view| json!(view.block().hash));
            [number, view, chain.latest_code(CONTRACT).await.map(|code| json!(code))]
        });
        let result = serde_json::from_slice::<Told>(bytes).unwrap_or_default().result;
        // Nothing is read that the answer does not say.
        for (read, told) in [(&number, &result), (&view, &result["hash"]), (&code, &result)] {
            match read {
                Ok(read) => assert!(says(told, read), "{read} of {result}"),
                Err(error) => check_shown(error),
            }
        }
        let is_revert = |read: &Result<Value, Error>| matches!(read, Err(Error::Reverted { .. } | Error::Rpc { .. }));
        number.is_ok() || view.is_ok() || code.is_ok() || is_revert(&number)
    });
}

/// Whether two words of JSON are the same number or bytes; endpoints write them in either case and with zeros in front.
fn says(told: &Value, read: &Value) -> bool {
    let plain = |value: &Value| {
        value.as_str().map(|text| text.to_ascii_lowercase().replace("0x", "").trim_start_matches('0').to_owned())
    };
    plain(told) == plain(read)
}
