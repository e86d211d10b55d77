//! The whole protocol over the real WebAssembly driver.

use std::path::Path;
use std::sync::Arc;

use alloy_primitives::B256;
use vouch_compute::artifact::{self, ArtifactStore};
use vouch_compute::driver::{Driver, Loaded};
use vouch_compute::program::Program;
use vouch_compute::wasm::{Compiler, Config, WasmDriver};
use vouch_core::Status;

use crate::world::*;

fn load(folder: &Path, name: &str) -> Arc<dyn Loaded> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs").join(format!("{name}.wat"));
    let bytes = wat::parse_file(source).unwrap();
    let digest: B256 = artifact::digest(&bytes);
    let path = ArtifactStore::open(folder.join("artifacts")).unwrap().put(digest, &bytes).unwrap();
    let config = Config { compiler: Compiler::InProcess, ..Config::new(folder.join("cache")) };
    WasmDriver::new(config).unwrap().load(&Program::command(digest), &path).unwrap()
}

async fn call(name: &str, payload: &[u8]) -> vouch_compute::gateway::receipt::Receipt {
    let folder = tempfile::tempdir().unwrap();
    let world = World::start_with(load(folder.path(), name)).await;
    let receipt = world.gateway().call(request(1, payload)).await.unwrap();
    assert!(receipt.is_included());
    assert_eq!(receipt.certified.certificate.non_signers, [], "all four got the same");
    receipt.as_ref().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_certified() {
    let receipt = call("echo", b"hello").await;
    assert_eq!((receipt.exchange.status, receipt.output.as_ref()), (Status::Ok, &b"hello"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_programs_trap_is_certified() {
    let receipt = call("trap", b"").await;
    assert_eq!((receipt.exchange.status, receipt.exchange.output_hash), (Status::Trap, B256::ZERO));
}

#[tokio::test(flavor = "multi_thread")]
async fn clock_and_randomness_are_the_requests_so_all_executors_agree() {
    let receipt = call("observe", b"").await;
    assert_eq!(receipt.exchange.status, Status::Ok);
    assert!(!receipt.output.is_empty());
}
