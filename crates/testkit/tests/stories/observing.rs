//! What a node shows of itself: traces, metrics, the journal, its health, and logs that hold no secret.

use std::collections::BTreeSet;

use serde_json::Value;
use vouch_api::{Receipt, TraceParent};
use vouch_sdk::{CallOptions, Client};
use vouch_testkit::cloud::Outcome;

use crate::collector::{Collector, Span};
use crate::world::{World, wait_for, world, world_under};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";
/// Everything that this program's own crates and those below them say.
const ALL_LOGS: &str = "debug,vouch=trace,vouch_node=trace,vouch_compute=trace,vouch_chain=trace,vouch_sdk=trace";

#[tokio::test]
async fn a_call_is_followed_from_its_client_to_the_chain() {
    let collector = Collector::start().await;
    let world = world_under("echo", |command| {
        command.args(["--otlp", &collector.url]).env("VOUCH_LOG", ALL_LOGS);
    })
    .await;
    let receipt = traced_call(&world).await;
    one_trace(&collector).await;
    metrics_tell_of_it(&world).await;
    explained_by_any_id(&world, &receipt).await;
    refusals_are_explained(&world, &receipt).await;
    what_nobody_knows_is_said_with_what_was_searched(&world).await;
    calls_of_one_batch_are_linked(&world, &collector).await;
    logs_name_the_ids(&world, &receipt);
    no_secret_is_in_a_log(&world);
    world.cloud.stop().await.unwrap();
}

/// Calls as a client that traces, after one whose header is nonsense and harms nobody.
async fn traced_call(world: &World) -> Receipt {
    world.call("before").await;
    let url = format!("{}/v1/calls", world.cloud.description.gateway);
    let hostile = format!("00-{}-{CALLER}-01{}", "0".repeat(32), "x".repeat(5_000));
    let answer = reqwest::Client::new().post(url).header("traceparent", hostile).body("{}").send().await.unwrap();
    assert_eq!(answer.status(), 400, "an answer about the body, not about the header");
    let (app, file) = (world.app.app.to_string(), world.receipt_file("traced").display().to_string());
    let parent = format!("00-{TRACE}-{CALLER}-01");
    let arguments = ["app", "call", &app, "--payload", "traced", "--receipt", &file, "--traceparent", &parent];
    world.cloud.json(&arguments).await.unwrap();
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

async fn one_trace(collector: &Collector) {
    // Every process sends its spans once a second, a parent after its children.
    wait_for("a whole trace", async || is_whole(&collector.trace(TRACE)).is_ok()).await;
    let spans = collector.trace(TRACE);
    let named = |name: &str| spans.iter().filter(move |span| span.name == name).collect::<Vec<_>>();
    let call = named("gateway.call.answer");
    assert_eq!((call.len(), call[0].parent.as_str()), (1, CALLER));
    assert!(named("gateway.batch.post")[0].attributes["transaction"].starts_with("0x"), "{spans:?}");
    assert_eq!(named("executor.program.run").len(), 4, "each operator ran it once");
}

/// Says what is missing between the request and the post.
fn is_whole(spans: &[Span]) -> Result<(), String> {
    let named = |name: &str| spans.iter().filter(|span| span.name == name).collect::<Vec<_>>();
    for (name, parent, count) in [
        ("gateway.round.execute", "gateway.call.answer", 1),
        ("gateway.batch.certify", "gateway.call.answer", 1),
        ("gateway.batch.post", "gateway.batch.certify", 1),
        ("executor.round.execute", "executor.call.answer", 4),
        ("executor.program.run", "executor.round.execute", 4),
        ("executor.batch.sign", "executor.call.answer", 4),
    ] {
        let (children, parents) = (named(name), named(parent));
        if children.len() < count {
            return Err(format!("{} of {count} {name}", children.len()));
        }
        let is_child = |span: &&Span| parents.iter().any(|parent| parent.id == span.parent);
        if !children.iter().all(is_child) {
            return Err(format!("{name} is not below {parent}"));
        }
    }
    Ok(())
}

async fn metrics_tell_of_it(world: &World) {
    let of = async |node: &str| {
        let url = &world.cloud.node(node).unwrap().metrics;
        reqwest::get(url).await.unwrap().text().await.unwrap()
    };
    let (gateway, operator) = (of("gateway").await, of("operator-1").await);
    for (text, line) in [
        (&gateway, "vouch_gateway_calls_total{outcome=\"certified\"} 2"),
        (&gateway, "vouch_gateway_batches_total{ending=\"certified\"} 2"),
        (&gateway, "vouch_gateway_queue_calls 0"),
        (&gateway, "vouch_chain_transactions_total{result=\"confirmed\"}"),
        (&operator, "vouch_executor_runs_total{driver=\"wasm\",status=\"ok\"} 2"),
        (&operator, "vouch_executor_reservation_duration_seconds_count 2"),
        (&operator, "vouch_node_info{version="),
    ] {
        assert!(text.lines().any(|found| found.starts_with(line)), "{line} is missing: {text}");
    }
    assert!(!gateway.contains("0x"), "an id is in a label: {gateway}");
}

async fn explained_by_any_id(world: &World, receipt: &Receipt) {
    let explain = async |id: &str| world.cloud.json(&["explain", id]).await.unwrap();
    let request = receipt.exchange.request_id.to_string();
    let posted = async || explain(&request).await["batches"][0]["transaction"].is_string();
    wait_for("a posting that is final", posted).await;
    let story = explain(&request).await;
    let told: Vec<&str> =
        story["entries"].as_array().unwrap().iter().filter_map(|entry| entry["event"].as_str()).collect();
    for event in [
        "gateway.call.accept",
        "executor.program.run",
        "gateway.batch.propose",
        "executor.batch.sign",
        "gateway.batch.certify",
        "gateway.call.answer",
        "gateway.batch.post",
    ] {
        assert!(told.contains(&event), "{event} is not told: {told:?}");
    }
    assert_eq!(told.iter().filter(|event| **event == "executor.program.run").count(), 4);
    assert_eq!(story["names"], serde_json::json!([format!("request {request}")]));
    assert_eq!(story["receipt"]["consumption"], "now", "{}", story["receipt"]);
    let batch = &story["batches"][0];
    assert_eq!(batch["keptBy"].as_array().unwrap().len(), 5, "{batch}");
    let slot = format!("{}/{}", receipt.batch.lane, receipt.batch.sequence);
    for id in [&request[..12], batch["batch"].as_str().unwrap(), batch["transaction"].as_str().unwrap(), &slot] {
        let same = explain(id).await;
        // One transaction may post several.
        let found = same["batches"].as_array().unwrap().iter().any(|found| found["batch"] == batch["batch"]);
        assert!(found, "{id}: {same}");
    }
    for (id, name) in [(world.app.app, "app "), (world.app.program_id, "program ")] {
        let named = explain(&id.to_string()).await;
        assert!(named["names"][0].as_str().unwrap().starts_with(name), "{named}");
    }
    let operator = explain(&world.address("operator-2").to_string()).await;
    assert!(operator["names"].to_string().contains("operator-2"), "{operator}");
}

async fn refusals_are_explained(world: &World, receipt: &Receipt) {
    let mut call = serde_json::json!({
        "request": receipt.request, "clientSignature": receipt.client_signature, "payload": "0x",
    });
    call["request"]["nonce"] = 7.into();
    let url = format!("{}/v1/calls", world.cloud.description.gateway);
    let answer = reqwest::Client::new().post(url).json(&call).send().await.unwrap();
    assert_eq!(answer.status(), 400);
    let request: vouch_api::Request = serde_json::from_value(call["request"].clone()).unwrap();
    let id = vouch_core::Request::from(request).id();
    let Outcome { stdout, .. } = world.cloud.run(&["explain", &id.to_string()]).await.unwrap();
    assert!(stdout.contains("gave no receipt: payload_mismatch"), "{stdout}");
}

async fn what_nobody_knows_is_said_with_what_was_searched(world: &World) {
    let outcome = world.cloud.run(&["explain", "0xfedcba9876543210"]).await.unwrap();
    assert_eq!(outcome.code, Some(1), "{}", outcome.stdout);
    for searched in ["nothing is known", "gateway: ", "operator-4: "] {
        assert!(outcome.stderr.contains(searched), "{}", outcome.stderr);
    }
    assert_eq!(world.cloud.run(&["explain", "0x12"]).await.unwrap().code, Some(2));
}

/// A batch's spans are in the trace of its first call; the other calls are found by links.
async fn calls_of_one_batch_are_linked(world: &World, collector: &Collector) {
    let numbers = 1..=16u8;
    let traces: Vec<String> = numbers.clone().map(|number| format!("{number:02x}").repeat(16)).collect();
    let domain = world.cloud.network().await.unwrap().deployment().domain();
    let signer = world.cloud.signer("client").unwrap();
    let call = async |number: u8| {
        let parent = TraceParent { trace_id: [number; 16], span_id: [number; 8], sampled: true };
        let client = Client::new(&world.cloud.description.gateway, domain).unwrap().traced(parent);
        let (app, program) = (world.app.app, world.app.program_id);
        client.call(app, program, &[number], &signer, &CallOptions::default()).await.unwrap()
    };
    futures::future::join_all(numbers.map(call)).await;
    let batches =
        || traces.iter().flat_map(|trace| collector.trace(trace)).filter(|span| span.name == "gateway.batch.certify");
    let linked = || batches().flat_map(|span| span.links).filter(|link| traces.contains(link)).count();
    wait_for("batches linked with their calls", async || batches().count() + linked() == traces.len()).await;
}

fn logs_name_the_ids(world: &World, receipt: &Receipt) {
    let request = format!("request={}", receipt.exchange.request_id);
    assert!(world.log("gateway").contains(&request), "the gateway's log does not name the request");
    let batch = "executor.batch.sign operator=0x";
    assert!(world.log("operator-1").contains(batch), "the operator's log does not name the batch");
}

/// Keys in any usual spelling, and the words that open them.
fn no_secret_is_in_a_log(world: &World) {
    let mut secrets = BTreeSet::new();
    let mut add = |bytes: &[u8]| {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        secrets.insert(digits.to_uppercase());
        secrets.insert(digits);
        secrets.insert(format!("{bytes:?}"));
    };
    for account in world.cloud.description.accounts.keys() {
        add(world.cloud.signer(account).unwrap().to_bytes().as_slice());
    }
    for operator in ["operator-1", "operator-2", "operator-3", "operator-4"] {
        add(world.key(operator).to_bytes().as_slice());
    }
    let password = std::fs::read_to_string(world.cloud.folder().join(&world.cloud.description.password_file)).unwrap();
    secrets.insert(password.trim().to_owned());
    let logs = std::fs::read_dir(world.cloud.folder().join("logs")).unwrap();
    let mut bytes = 0;
    for log in logs {
        let path = log.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        bytes += text.len();
        for secret in &secrets {
            assert!(!text.contains(secret.as_str()), "{} holds a secret", path.display());
        }
    }
    assert!(bytes > 10_000, "the logs hold only {bytes} bytes");
}

#[tokio::test]
async fn the_health_of_a_cloud_is_seen_at_a_glance() {
    let world = world().await;
    world.call("before").await;
    let healthy = world.cloud.run(&["status"]).await.unwrap();
    assert_eq!(healthy.code, Some(0), "{} {}", healthy.stdout, healthy.stderr);
    assert!(healthy.stdout.starts_with("cloud      healthy"), "{}", healthy.stdout);
    assert!(healthy.stdout.contains("100.00 % of the stake answers"), "{}", healthy.stdout);
    // 60 of 100 parts of the stake are left; 67 are needed.
    world.cloud.kill_node("operator-1").await.unwrap();
    let outcome = world.cloud.run(&["--json", "status"]).await.unwrap();
    assert_eq!(outcome.code, Some(4), "{}", outcome.stderr);
    let status: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(status["healthy"], false);
    let findings = status["findings"].to_string();
    assert!(findings.contains("operator-1 does not answer"), "{findings}");
    assert!(findings.contains("operators with 60.00 % of the stake answer, 67.00 % must sign"), "{findings}");
    let signed = status["nodes"].as_array().unwrap().iter().filter(|node| {
        let last = &node["health"]["executor"]["apps"][0]["lastSignature"];
        last["sequence"].as_u64().is_some_and(|sequence| sequence > 0)
    });
    assert_eq!(signed.count(), 3, "{status}");
    world.cloud.stop().await.unwrap();
}
