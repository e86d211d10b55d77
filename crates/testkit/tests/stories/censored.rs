//! A gateway that drops everything, and a user that gets its answer from the same lane all the same.

use alloy_primitives::B256;
use serde_json::{Value, json};
use vouch_api::{AppView, Receipt};
use vouch_testkit::adversary::gateway::Lie;

use crate::world::{World, wait_for, world};

/// Whose key the next gateway has.
const NEXT: &str = "white";
/// The operator that brings it.
const RELIEVER: &str = "operator-1";
/// Each asks the others to wait up to one more delay.
const TURNS_SECONDS: u64 = 60;

#[tokio::test]
async fn a_user_whom_the_gateway_drops_gets_its_answer_by_a_transaction_alone() {
    let mut world = world().await;
    world.call("before").await;
    let dropping = world.address("gateway").to_string();
    // Not with the gateway's own key, whose node sends transactions of its own.
    world.cloud.json(&["gateway", "deposit", "1000", "--for", &dropping, "--as", "client"]).await.unwrap();
    let _next = world.start_gateway(NEXT).await;
    let _reliever = world.relieve_with(RELIEVER, world.address(NEXT)).await;
    let _liar = world.drop_everything().await;
    let app = world.app.app.to_string();
    let called = world.cloud.run(&["app", "call", &app, "--payload", "help", "--deadline", "5"]).await.unwrap();
    assert_eq!(called.code, Some(4), "{}", called.stdout);

    let (executor, file) = (world.cloud.node("operator-2").unwrap().url.clone(), world.receipt_file("help"));
    let file = file.display().to_string();
    let force = ["app", "force", &app, "--payload", "help", "--node", &executor, "--receipt", &file];
    let (forced, ()) = tokio::join!(world.cloud.run(&force), watch(&world));
    let forced = forced.unwrap();
    assert_eq!((forced.code, forced.stdout.trim()), (Some(0), "help"), "{}", forced.stderr);
    assert_eq!(world.verify("help", &[]).await.0, Some(0));
    let receipt: Receipt = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(receipt.batch.inbox_cursor, 1);
    settle(&world, &app).await;
    keep_for_ever(&world, &file).await;
    world.cloud.stop().await.unwrap();
}

/// What happens to the lane from the entry to the gateway's relief.
async fn watch(world: &World) {
    wait_for("the entry", async || world.lane().await["waiting"] == 1).await;
    let entry = world.lane().await["entries"][0].clone();
    assert_eq!(entry["overdue"], false, "{entry}");
    let (app, next) = (world.app.app.to_string(), world.address(NEXT).to_string());
    let early = world.cloud.run(&["lane", "relieve", &app, &next]).await.unwrap();
    assert!(early.code == Some(1) && early.stderr.contains("too early"), "{}", early.stderr);

    world.pass(seconds_to(world, &entry["deadline"]).await + 1).await;
    show_table(world, entry["deadline"].as_u64().unwrap()).await;
    let told = world.lie(RELIEVER, "before", Lie::Nothing).await;
    for asked in [&told.by_ids, &told.whole] {
        assert_eq!(asked.signature, None);
        let refusal = asked.refusal.as_deref().unwrap_or_default();
        assert!(refusal.contains("passes over entry 1 of the forced inbox"), "{refusal}");
    }
    let lane = world.lane().await;
    assert_eq!((&lane["entries"][0]["overdue"], &lane["epoch"]), (&json!(true), &json!(1)), "{lane}");
    world.pass(seconds_to(world, &lane["reliefAfter"]).await + TURNS_SECONDS).await;
    wait_for("the gateway's relief", async || world.lane().await["epoch"] == 2).await;
    assert_eq!(world.lane().await["gateway"], json!(world.address(NEXT)));
}

/// The lane serves again, without the gateway that dropped everything: it has lost the lane, and its word. Silence proves nothing, so
/// its bond stays.
async fn settle(world: &World, app: &str) {
    let url = world.cloud.node(NEXT).unwrap().url.clone();
    let file = world.receipt_file("on").display().to_string();
    let call = ["app", "call", app, "--payload", "on", "--gateway", &url, "--receipt", &file];
    world.cloud.json(&call).await.unwrap();
    wait_for("the posted answer", async || world.lane().await["waiting"] == 0).await;
    let told = world.lie(RELIEVER, "on", Lie::Nothing).await;
    assert_eq!(told.whole.signature, None, "{told:?}");
    let bond = world.cloud.json(&["gateway", "bond"]).await.unwrap();
    assert_eq!((&bond["bond"], &bond["slashed"]), (&json!("0x3e8"), &json!(false)), "{bond}");
}

/// Nobody signed the request, so its archive rests on the inbox's word as well.
async fn keep_for_ever(world: &World, receipt: &str) {
    world.cloud.json(&["receipt", "post", receipt]).await.unwrap();
    let archive = world.receipt_file("archive").display().to_string();
    let archived = world.cloud.json(&["receipt", "archive", receipt, "--out", &archive]).await.unwrap();
    let checkpoint = archived["checkpoint"].as_str().unwrap();
    let verify =
        ["receipt", "verify", &archive, "--offline", "--checkpoint", checkpoint, "--rpc", "http://127.0.0.1:9"];
    let verified = world.cloud.json(&verify).await.unwrap();
    assert_eq!(verified["inboxIndex"], 1, "{verified}");
}

async fn seconds_to(world: &World, time: &Value) -> u64 {
    let now = world.lane().await["time"].as_u64().unwrap();
    time.as_u64().unwrap().saturating_sub(now)
}

/// Has an operator table made, and waits until the executor that is lied to knows it: an entry is overdue by a table's time.
async fn show_table(world: &World, deadline: u64) {
    let network = world.cloud.network().await.unwrap();
    let sender = world.cloud.sender(&network, "black").unwrap();
    let url = format!("{}/v1/apps/{}", world.cloud.node(RELIEVER).unwrap().url, world.app.app);
    let view = async || -> AppView {
        serde_json::from_slice(&reqwest::get(&url).await.unwrap().bytes().await.unwrap()).unwrap()
    };
    let set = view().await.operator_set_id;
    network.update_table(&sender, set, B256::ZERO).await.unwrap();
    wait_for("the table", async || u64::from(view().await.reference_timestamp) > deadline).await;
}
