//! A gateway that dies under load, and the one that its app's owner has named.

use std::time::{Duration, Instant};

use vouch_api::Receipt;
use vouch_core::Batch;
use vouch_testkit::faults::Clients;

use crate::world::{World, wait_for, world};

/// Whose key the next gateway has.
const NEXT: &str = "white";

#[tokio::test]
async fn a_lane_whose_gateway_is_killed_under_load_goes_on_with_the_next_one_and_loses_nothing_certified() {
    let mut world = world().await;
    let _next = world.start_gateway(NEXT).await;
    let (app, next) = (world.app.app.to_string(), world.address(NEXT).to_string());
    let network = world.cloud.network().await.unwrap();
    let clients = Clients::start(&world.cloud, world.app, network.deployment().domain()).unwrap();
    let named = world.cloud.json(&["lane", "name", &app, &next]).await.unwrap();
    assert_eq!(named["nextGateway"].as_str().unwrap().to_lowercase(), next.to_lowercase());
    world.call("under load").await;
    let killed = Instant::now();
    world.cloud.kill_node("gateway").await.unwrap();
    world.pass(u64::from(network.deployment().parameters.gateway_delay_seconds)).await;
    wait_for("the next gateway to take the lane", async || world.lane().await["epoch"] == 2).await;
    let taken = killed.elapsed();
    let recovered = first_answer(&world, killed).await;
    println!("recovery: lane taken after {taken:.1?}, first answer after {recovered:.1?}, the notice left out");
    let acknowledged: Vec<Receipt> = clients.stop().await.into_iter().filter_map(|call| call.answer.ok()).collect();
    println!("{} calls were acknowledged before the gateway was killed", acknowledged.len());
    assert!(!acknowledged.is_empty());
    for receipt in &acknowledged {
        assert_posted(&world, receipt).await;
    }
    world.cloud.stop().await.unwrap();
}

/// Until a client that knows the next gateway has its answer, certified in the lane's next epoch.
async fn first_answer(world: &World, start: Instant) -> Duration {
    let url = world.cloud.node(NEXT).unwrap().url.clone();
    let app = world.app.app.to_string();
    let call = ["app", "call", &app, "--payload", "after", "--gateway", &url];
    wait_for("an answer", async || world.cloud.run(&call).await.unwrap().code == Some(0)).await;
    start.elapsed()
}

/// Its batch stands on chain, or under one that does.
async fn assert_posted(world: &World, receipt: &Receipt) {
    let network = world.cloud.network().await.unwrap();
    let batch = Batch::from(receipt.batch.clone());
    let posted = async || {
        let view = network.view().await.unwrap();
        network.batch_at(&view, batch.app, batch.lane, batch.sequence).await.unwrap() == Some(batch.hash())
    };
    wait_for("an acknowledged batch on chain", posted).await;
}
