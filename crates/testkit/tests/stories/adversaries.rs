//! Liars as people start them to watch a lie fail: `vouch up --with-adversary`.

use std::collections::HashMap;

use serde_json::Value;

use crate::world::{World, wait_for, world_with_adversary};

/// How many lies a client knows, the honest call included.
const LIES: usize = 13;

#[tokio::test]
async fn a_receipt_whose_output_the_gateway_has_changed_is_refused_by_the_caller() {
    let world = world_with_adversary("forged-receipt").await;
    let arguments = ["--json", "app", "call", &world.app.app.to_string(), "--payload", "hello"];
    let outcome = world.cloud.run(&arguments).await.unwrap();
    assert_ne!(outcome.code, Some(0), "{}", outcome.stdout);
    assert!(outcome.stderr.contains("the output has the hash"), "{}", outcome.stderr);
    world.cloud.stop().await.unwrap();
}

#[tokio::test]
async fn a_node_that_is_shown_no_events_finds_out_and_is_not_missed() {
    let world = world_with_adversary("dropped-logs").await;
    world.call("without it").await;
    assert_eq!(world.verify("without it", &[]).await.0, Some(0));
    wait_for("the node to find out", async || world.log("operator-3").contains("eth_getLogs: it shows 0 events")).await;
    world.cloud.stop().await.unwrap();
}

#[tokio::test]
async fn a_client_that_lies_is_refused_with_a_code_for_each_lie_and_others_are_answered() {
    let world = world_with_adversary("lying-client").await;
    world.call("honest").await;
    let told = all_told(&world).await;
    let refused = [
        ("large-payload", "payload_too_large"),
        ("huge-body", "payload_too_large"),
        ("nonsense", "invalid_request"),
        ("another-chain", "wrong_signature"),
        ("another-key", "wrong_signature"),
        ("another-payload", "payload_mismatch"),
        ("long-ago", "time_out_of_range"),
        ("expired", "request_expired"),
        ("far-deadline", "invalid_request"),
        ("unknown-program", "unknown_program"),
    ];
    for (lie, code) in refused {
        let closed = lie == "huge-body" && told[lie]["answer"] == "it closed the connection";
        assert!(told[lie]["refused"] == code || closed, "{lie}: {}", told[lie]);
    }
    for honest in ["nothing", "replay", "slow-body"] {
        assert!(told[honest]["exchange"].is_object(), "{honest}: {}", told[honest]);
    }
    world.cloud.stop().await.unwrap();
}

/// What came of each lie of the first round.
async fn all_told(world: &World) -> HashMap<String, Value> {
    let lines = || {
        let log = world.log("adversary");
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.map(|told| (told["lie"].as_str().unwrap().to_owned(), told)).collect::<HashMap<_, _>>()
    };
    for _ in 0..4 {
        let found = lines().len();
        if found >= LIES {
            break;
        }
        // Each wait has its own end: the whole round takes longer on a busy machine.
        wait_for("another lie", async || lines().len() > found.min(LIES - 1)).await;
    }
    wait_for("all lies", async || lines().len() >= LIES).await;
    lines()
}
