//! The index that the gateway of a local cloud keeps, by its HTTP API and by `vouch index`.

use std::collections::BTreeSet;

use alloy_primitives::{Address, U256};
use serde::de::DeserializeOwned;
use serde_json::Value;
use vouch_api::{IndexStatus, IndexedOperator, IndexedOperatorDetails, IndexedSet, IndexedStaker, Page, Status};

use crate::world::{World, wait_for, world};

/// The operator set of a cloud's first app.
const SET: u32 = 1;

async fn get<T: DeserializeOwned>(world: &World, path: &str) -> T {
    let url = format!("{}{path}", world.cloud.description.gateway);
    let answer = reqwest::get(&url).await.unwrap();
    assert!(answer.status().is_success(), "{url}: {}", answer.text().await.unwrap());
    answer.json().await.unwrap()
}

async fn index(world: &World, command: &str) -> Value {
    let config = world.cloud.config_file("gateway").unwrap().display().to_string();
    world.cloud.json(&["index", command, "--config", &config]).await.unwrap()
}

async fn wait_until_current(world: &World) {
    wait_for("the index", async || {
        let status: IndexStatus = get(world, "/v1/index").await;
        assert_eq!(status.failure, None);
        status.block > 0 && status.block == status.finalized_block
    })
    .await;
}

#[tokio::test]
async fn a_clouds_index_answers_and_is_made_anew_while_it_runs() {
    let world = world().await;
    wait_until_current(&world).await;
    let status: Status = get(&world, "/v1/status").await;
    assert_eq!(status.roles, ["gateway", "api"]);

    let operators: Page<IndexedOperator> = get(&world, "/v1/operators?limit=3").await;
    assert_eq!(operators.entries.len(), 3);
    let rest: Page<IndexedOperator> =
        get(&world, &format!("/v1/operators?after={}", operators.next.clone().unwrap())).await;
    assert_eq!((rest.entries.len(), rest.next), (1, None));
    let all: BTreeSet<Address> = operators.entries.iter().chain(&rest.entries).map(|entry| entry.operator).collect();
    assert_eq!(all.len(), 4);

    let avs = status.app_controller;
    wait_for("members in the index", async || {
        let url = format!("{}/v1/sets/{avs}/{SET}", world.cloud.description.gateway);
        let answer = reqwest::get(&url).await.unwrap();
        answer.json::<IndexedSet>().await.is_ok_and(|set| set.members.len() == 4)
    })
    .await;
    let set: IndexedSet = get(&world, &format!("/v1/sets/{avs}/{SET}")).await;
    assert_eq!(set.members.iter().map(|member| member.operator).collect::<BTreeSet<_>>(), all);
    for operator in all {
        let details: IndexedOperatorDetails = get(&world, &format!("/v1/operators/{operator}")).await;
        assert!(details.stakes.iter().all(|stake| stake.shares > U256::ZERO), "{details:?}");
        assert!(details.allocations.iter().all(|allocation| allocation.set_id == SET), "{details:?}");
        let staker: IndexedStaker = get(&world, &format!("/v1/stakers/{operator}")).await;
        assert_eq!(staker.operator, operator, "an operator delegates to itself");
    }

    assert_eq!(index(&world, "verify").await["differenceCount"], 0);
    // The gateway finds its index emptied under it, and goes on.
    index(&world, "rebuild").await;
    wait_until_current(&world).await;
    assert_eq!(index(&world, "verify").await["differenceCount"], 0);
    let status = index(&world, "status").await;
    assert_eq!(status["rows"]["vouch_operators"], 4, "{status}");
    for path in ["/v1/operators/0x12", "/v1/slashes?after=x", "/v1/sets/0x12/1", "/v1/withdrawals?staker=me"] {
        let url = format!("{}{path}", world.cloud.description.gateway);
        assert_eq!(reqwest::get(&url).await.unwrap().status(), 400, "{path}");
    }
    world.cloud.stop().await.unwrap();
}
