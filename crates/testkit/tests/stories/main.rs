//! Stories of a whole cloud, through the binary that users have. Build it first: `cargo build -p vouch -p vouch-testkit`.
#![allow(clippy::unwrap_used, reason = "tests")]

mod acceptance;
mod adversaries;
mod censored;
mod collector;
mod eigen;
mod executor_lies;
mod fees;
mod gateway_change;
mod gateway_lies;
mod index;
mod machines;
mod network;
mod observing;
mod restore;
mod stake;
mod world;

use std::path::{Path, PathBuf};
use std::time::Duration;

use vouch_api::Receipt;
use vouch_chain::anvil::Anvil;
use vouch_testkit::adversary::gateway::Asked;
use vouch_testkit::cloud::Cloud;

use world::{wait_for, world, world_with};

fn assert_refused(asked: &[Asked; 2]) {
    for answer in asked {
        assert!(answer.signature.is_none(), "it signed twice for one slot");
        let refusal = answer.refusal.as_deref().unwrap_or_default();
        assert!(refusal.contains("already signed") || refusal.contains("cursor"), "{refusal}");
    }
}

#[tokio::test]
async fn a_receipt_holds_on_the_chains_word_and_an_altered_one_does_not() {
    let world = world().await;
    let receipt = world.call("hello").await;
    assert_eq!(world.verify("hello", &[]).await.0, Some(0));

    let altered = Receipt { output: b"hullo".into(), ..receipt };
    std::fs::write(world.receipt_file("altered"), serde_json::to_vec(&altered).unwrap()).unwrap();
    let (code, said) = world.verify("altered", &[]).await;
    assert_eq!(code, Some(6), "{said}");
    assert!(said.contains("output"), "{said}");

    let (code, said) = world.verify("hello", &["--rpc", "http://127.0.0.1:9"]).await;
    assert_eq!(code, Some(3), "an unreachable chain: {said}");
    world.cloud.stop().await.unwrap();
}

#[tokio::test]
async fn an_archived_receipt_holds_without_a_chain_and_under_its_own_checkpoint_only() {
    let world = world().await;
    world.call("kept").await;
    let [receipt, archive] = ["kept", "archive"].map(|name| world.receipt_file(name).display().to_string());
    world.cloud.json(&["receipt", "post", &receipt]).await.unwrap();
    let archived = world.cloud.json(&["receipt", "archive", &receipt, "--out", &archive]).await.unwrap();
    let checkpoint = archived["checkpoint"].as_str().unwrap();

    let nowhere = "http://127.0.0.1:9";
    let (code, said) = world.verify("archive", &["--offline", "--checkpoint", checkpoint, "--rpc", nowhere]).await;
    assert_eq!(code, Some(0), "{said}");
    let other = format!("0x{}", "1".repeat(64));
    let (code, said) = world.verify("archive", &["--offline", "--checkpoint", &other]).await;
    assert_eq!(code, Some(6), "{said}");
    assert!(said.contains("the checkpoint is"), "{said}");
    world.cloud.stop().await.unwrap();
}

#[tokio::test]
async fn an_executor_that_was_killed_is_not_missed_and_does_not_sign_twice_when_it_is_back() {
    let world = world().await;
    world.call("before").await;
    assert_refused(&world.ask_again("operator-3", "before").await);
    world.cloud.kill_node("operator-3").await.unwrap();
    // 80 of 100 parts of the stake are left; 67 are needed.
    world.call("without it").await;
    let _again = world.cloud.restart_node("operator-3").await.unwrap();
    assert_refused(&world.ask_again("operator-3", "before").await);
    world.call("with it").await;
    world.cloud.stop().await.unwrap();
}

#[tokio::test]
async fn without_a_quorum_by_the_deadline_the_caller_learns_who_answered() {
    let world = world().await;
    world.call("before").await;
    // 30 of 100 parts of the stake are left; 67 are needed.
    for operator in ["operator-1", "operator-2"] {
        world.cloud.kill_node(operator).await.unwrap();
    }
    let arguments = ["app", "call", &world.app.app.to_string(), "--payload", "x", "--deadline", "5"];
    let outcome = world.cloud.run(&arguments).await.unwrap();
    assert_eq!(outcome.code, Some(4), "{}", outcome.stderr);
    let address = |name: &str| world.cloud.description.accounts[name].address.to_string();
    let line = |name: &str| {
        let line = outcome.stderr.lines().find(|line| line.contains(&address(name)));
        line.unwrap_or_else(|| panic!("{name} is not named: {}", outcome.stderr)).to_owned()
    };
    for (name, said) in [("operator-1", "unreachable"), ("operator-2", "unreachable"), ("operator-3", "answered 0x")] {
        assert!(line(name).contains(said), "{}", line(name));
    }
    world.cloud.stop().await.unwrap();
}

#[tokio::test]
async fn a_gateway_that_was_killed_answers_the_same_receipt_and_goes_on() {
    let world = world().await;
    let receipt = world.call("once").await;
    let url = format!("{}/v1/receipts/{}", world.cloud.description.gateway, receipt.exchange.request_id);
    world.cloud.kill_node("gateway").await.unwrap();
    let _again = world.cloud.restart_node("gateway").await.unwrap();
    // A certificate that was not on disk yet is collected again, for the same batch and perhaps with other signers.
    let fetch = async || reqwest::get(&url).await.unwrap();
    wait_for("the receipt", async || fetch().await.status().is_success()).await;
    let answer = fetch().await.bytes().await.unwrap();
    std::fs::write(world.receipt_file("again"), &answer).unwrap();
    assert_eq!(world.verify("again", &[]).await.0, Some(0));
    let again: Receipt = serde_json::from_slice(&answer).unwrap();
    assert_eq!(Receipt { certificate: receipt.certificate.clone(), ..again }, receipt);
    let next = world.call("and again").await;
    assert!(next.batch.sequence > receipt.batch.sequence);
    world.cloud.stop().await.unwrap();
}

#[tokio::test]
async fn a_damaged_store_is_named_and_nothing_is_signed_with_it() {
    let world = world().await;
    world.call("before").await;
    world.cloud.stop_node("operator-2").await.unwrap();
    let store = damage_slots(&world.cloud.folder().join("data/operator-2/executor/1"));
    let mut child = world.cloud.spawn_node("operator-2").unwrap();
    let status = tokio::time::timeout(Duration::from_secs(30), child.wait()).await.unwrap().unwrap();
    let log = std::fs::read_to_string(world.cloud.log_file("operator-2-again")).unwrap();
    assert_eq!(status.code(), Some(5), "{log}");
    assert!(log.contains(&store.display().to_string()), "{log}");
    world.cloud.stop().await.unwrap();
}

/// Overwrites the executor's store of slots; returns its path.
fn damage_slots(folder: &Path) -> PathBuf {
    let store = folder.join("slots.redb");
    let length = std::fs::metadata(&store).unwrap().len();
    std::fs::write(&store, vec![0x5a; usize::try_from(length).unwrap()]).unwrap();
    store
}

#[tokio::test]
async fn a_node_stops_when_finalized_history_is_rewritten() {
    let world = world().await;
    let anvil = Anvil::of(world.cloud.network().await.unwrap().chain()).await.unwrap();
    world.cloud.stop_node("operator-2").await.unwrap();
    let snapshot = anvil.snapshot().await.unwrap();
    // Final before the node is back, so that it has seen what is undone then.
    anvil.mine(50).await.unwrap();
    let mut child = world.cloud.restart_node("operator-2").await.unwrap();
    anvil.revert(snapshot).await.unwrap();
    // At other times, or they would be the very same blocks again.
    anvil.increase_time(1_000).await.unwrap();
    anvil.mine(200).await.unwrap();
    let status = tokio::time::timeout(Duration::from_secs(30), child.wait()).await.unwrap().unwrap();
    let log = std::fs::read_to_string(world.cloud.log_file("operator-2-again")).unwrap();
    assert!(!status.success() && log.contains("history"), "{log}");
}

#[tokio::test]
async fn a_trap_is_certified_like_an_answer() {
    let world = world_with("trap").await;
    let (app, path) = (world.app.app.to_string(), world.receipt_file("trap").display().to_string());
    world.cloud.json(&["app", "call", &app, "--payload", "x", "--receipt", &path]).await.unwrap();
    let receipt: Receipt = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!((receipt.exchange.status, receipt.output.len()), (1, 0));
    assert_eq!(world.verify("trap", &[]).await.0, Some(0));
    world.cloud.stop().await.unwrap();
}

#[tokio::test]
async fn a_cloud_takes_only_a_folder_of_its_own() {
    vouch_testkit::prepare();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("thesis.txt"), "years").unwrap();
    let error = Cloud::start(folder.path(), false).await.err().unwrap().to_string();
    assert!(error.contains("no cloud wrote"), "{error}");
}
