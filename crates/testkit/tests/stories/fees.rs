//! An app that names a price, as its owner, its client, an operator and a gateway see it.

use std::time::Duration;

use alloy_primitives::{Address, U256};
use serde_json::Value;
use tokio::process::Child;
use vouch_testkit::cloud::Outcome;

use crate::world::{World, wait_for, world};

const PER_CALL: u64 = 7;
const PER_PAGE: u64 = 3;
/// What a call with a short payload costs.
const FEE: u64 = PER_CALL + PER_PAGE;
const DEPOSIT: u64 = 1_000;
const SET: u32 = 1;
/// For a skip (30 s here) and all that comes before and after it.
const RESTORED_MAX: Duration = Duration::from_secs(150);

async fn fee(world: &World, arguments: &[&str]) -> Value {
    let app = world.app.app.to_string();
    let all = [&["fee", arguments[0], app.as_str()], &arguments[1..]].concat();
    world.cloud.json(&all).await.unwrap()
}

fn amount(told: &Value, field: &str) -> U256 {
    serde_json::from_value(told[field].clone()).unwrap_or_else(|error| panic!("{field} of {told}: {error}"))
}

async fn unpaid_and_settled(world: &World) -> U256 {
    let balance = fee(world, &["balance", "--as", "client"]).await;
    amount(&balance, "unpaid") + amount(&balance, "settled")
}

async fn attempt(world: &World, payload: &str, further: &[&str]) -> Outcome {
    let app = world.app.app.to_string();
    let all = [&["--json", "app", "call", app.as_str(), "--payload", payload], further].concat();
    world.cloud.run(&all).await.unwrap()
}

/// A cloud whose app costs something from its newest table on, with funds of its client in that token but no deposit.
async fn priced() -> (World, Address) {
    let world = world().await;
    let network = world.cloud.network().await.unwrap();
    let token = network.contracts().stakes[0].token;
    let sender = world.cloud.sender(&network, "client").unwrap();
    network.mint(&sender, token, sender.address(), U256::from(DEPOSIT)).await.unwrap();
    let (per_call, per_page, token_text) = (PER_CALL.to_string(), PER_PAGE.to_string(), token.to_string());
    let named =
        ["price", "--per-call", &per_call, "--per-page", &per_page, "--token", &token_text, "--as", "developer"];
    fee(&world, &named).await;
    // The price counts in batches under a table that is made after it.
    network.update_table(&sender, SET, Default::default()).await.unwrap();
    wait_for("the price", async || attempt(&world, "for nothing", &["--deadline", "20"]).await.code != Some(0)).await;
    (world, token)
}

/// Starts an operator again with a policy that asks for more than the app charges.
async fn ask_for_more(world: &World, name: &str) -> Child {
    let policy = "dear.toml";
    std::fs::write(world.cloud.folder().join(policy), format!("minimum_fee = \"{}\"\n", FEE + 1)).unwrap();
    let file = world.cloud.config_file(name).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("policy.toml", policy)).unwrap();
    world.cloud.stop_node(name).await.unwrap();
    world.cloud.restart_node(name).await.unwrap()
}

/// Has the gateway settle every other second from its next start on.
fn settle_often(world: &World) {
    let file = world.cloud.config_file("gateway").unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let often = text.replace("settle_interval_seconds = 600", "settle_interval_seconds = 2");
    assert_ne!(often, text);
    std::fs::write(&file, often).unwrap();
}

#[tokio::test]
async fn calls_are_paid_for_from_the_deposit_to_the_earners_even_by_a_gateway_that_lost_its_store() {
    let (world, _) = priced().await;
    let refused = attempt(&world, "without funds", &[]).await;
    assert!(refused.stderr.contains("paymentRequired") || refused.stderr.contains("deposit"), "{}", refused.stderr);
    assert_eq!(amount(&fee(&world, &["deposit", &DEPOSIT.to_string(), "--as", "client"]).await, "received"), DEPOSIT);
    wait_for("the deposit", async || attempt(&world, "paid", &[]).await.code == Some(0)).await;
    assert_eq!(unpaid_and_settled(&world).await, U256::from(FEE));
    world.call("and again").await;
    assert_eq!(unpaid_and_settled(&world).await, U256::from(2 * FEE));
    let short = attempt(&world, "for less", &["--max-fee", &(3 * FEE - 1).to_string()]).await;
    assert_ne!(short.code, Some(0), "it has signed for too little: {}", short.stdout);

    // One operator wants more than the app pays; the rest have threshold without it.
    let _dear = ask_for_more(&world, "operator-4").await;
    world.call("without the dear one").await;

    world.cloud.kill_node("gateway").await.unwrap();
    settle_often(&world);
    std::fs::remove_dir_all(world.cloud.folder().join("data/gateway/gateway")).unwrap();
    let _again = world.cloud.restart_node("gateway").await.unwrap();
    let mut attempts = 1;
    let restored = async {
        while attempt(&world, "behind the skip", &["--patience", "20"]).await.code != Some(0) {
            attempts += 1;
        }
    };
    tokio::time::timeout(RESTORED_MAX, restored).await.expect("the gateway goes on behind a skip");
    let owed = unpaid_and_settled(&world).await;
    assert_eq!(owed % U256::from(FEE), U256::ZERO, "{owed}");
    // Batches that the skip made void cost nothing; a call whose client had gone may have been answered all the same.
    world.call("and on").await;
    assert_eq!(unpaid_and_settled(&world).await, owed + U256::from(FEE));
    assert!(owed <= U256::from((3 + attempts) * FEE), "nobody is charged twice: {owed} after {attempts} attempts");

    let token_earned = async || amount(&fee(&world, &["earned", "--as", "gateway"]).await, "earned");
    wait_for("the settlement", async || !token_earned().await.is_zero()).await;
    let collected = fee(&world, &["earned", "--as", "gateway", "--collect"]).await;
    assert!(!amount(&collected, "collected").is_zero());
    let asked = fee(&world, &["withdraw", "100", "--as", "client"]).await;
    assert_eq!(amount(&asked, "withdrawing"), U256::from(100));
    world.cloud.stop().await.unwrap();
}
