//! A container program, and operators that change their minds about it: what an answer rests on follows their policies.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use alloy_primitives::hex;
use serde_json::Value;
use tokio::process::Child;
use vouch_api::{AppView, Problem, ProblemCode, ReleaseView};
use vouch_compute::artifact;
use vouch_compute::oci::{self, OciDriver};
use vouch_oci::image::{Layout, Process, default_digest, pack};
use vouch_testkit::cloud::vouch_binary;

use crate::world::{World, wait_for, world_of};

/// Set where these tests must not be passed over.
const REQUIRED: &str = "VOUCH_REQUIRE_CONTAINERS";
const POLICY: &str = "refuse.toml";

/// Whether containers can be run here; where not, that is said.
fn containers_run() -> bool {
    let folder = tempfile::tempdir().unwrap();
    let mut config = oci::Config::new(folder.path().join("images"), folder.path().join("state"));
    config.supervisor.0 = vouch_binary().unwrap();
    match OciDriver::new(&config) {
        Ok(_) => true,
        Err(reason) if std::env::var_os(REQUIRED).is_none() => {
            eprintln!("not run: {reason}");
            false
        }
        Err(reason) => panic!("{REQUIRED} is set, but {reason}"),
    }
}

/// An app project whose program is a container that answers what it is sent.
fn write_project(project: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cli/tests/programs/kit.c");
    let program = project.join("kit");
    let built = Command::new("cc").args(["-static", "-O1", "-o"]).arg(&program).arg(source).status().unwrap();
    assert!(built.success());
    let (entrypoint, cmd) = (vec!["/kit".into()], vec!["echo".into()]);
    let process = Process { entrypoint, cmd, env: Vec::new(), cwd: "/".into(), user: String::new() };
    let from = pack::Source { from: program, to: "/kit".into() };
    pack::pack(&[from], &process, &project.join("image")).unwrap();
    std::fs::write(project.join("vouch.toml"), "image = \"image\"\n").unwrap();
}

#[tokio::test]
async fn operators_that_take_their_acceptance_back_count_no_more_and_nobody_is_left_to_call() {
    if !containers_run() {
        return;
    }
    let world = world_of(write_project).await;
    only_parts_of_published_images_are_taken(&world).await;
    world.call("all of them").await;
    let first = verified(&world, "all of them").await;
    assert_eq!(first["operators"], 4);
    assert_eq!(first["label"], "only the operators that accepted this program; uninsured until adjudication exists");
    assert_eq!(first["consumption"], "not-immediate");

    let _first = change_mind(&world, "operator-1").await;
    let refuser = world.address("operator-1");
    wait_for("a table without it", async || {
        let release = release(&world).await;
        !release.accepters.contains(&refuser) && release.operators.iter().all(|member| member.operator != refuser)
    })
    .await;
    // It had 40 of 100 parts of the stake; the others are a quorum of their own.
    world.call("without it").await;
    assert_eq!(verified(&world, "without it").await["operators"], 3);
    assert_eq!(verified(&world, "all of them").await["operators"], 4, "an older table never changes");

    let mut others = Vec::new();
    for name in ["operator-2", "operator-3", "operator-4"] {
        others.push(change_mind(&world, name).await);
    }
    wait_for("nobody to accept it", async || release(&world).await.accepters.is_empty()).await;
    refused_at_once(&world).await;
    world.cloud.stop().await.unwrap();
}

/// A gateway's disk is for what somebody paid the chain to name.
async fn only_parts_of_published_images_are_taken(world: &World) {
    let put = async |bytes: &[u8]| {
        let url = format!("{}/v1/artifacts/{}", world.cloud.description.gateway, artifact::digest(bytes));
        reqwest::Client::new().put(url).body(bytes.to_vec()).send().await.unwrap().status().as_u16()
    };
    assert_eq!(put(b"nobody asked for this").await, 404);
    let layout = world.folder.path().join("app/image");
    let image = Layout::open(&layout).and_then(|layout| default_digest(&layout)).unwrap();
    let parts = oci::parts(&layout, image.bytes().into()).unwrap();
    assert_eq!(parts.len(), 3, "manifest, configuration, layer");
    let stored = world.cloud.folder().join("data/gateway/artifacts");
    for (part, _) in parts {
        // Whatever order they come in: what is here already is taken again, and what is missing is known.
        std::fs::remove_file(stored.join(hex::encode(part))).unwrap();
        assert_eq!(put(&oci::read_part(&layout, part).unwrap()).await, 204, "{part}");
        assert_eq!(put(&oci::read_part(&layout, part).unwrap()).await, 204, "{part} again");
    }
}

/// Starts an operator's node again with a policy by which its stake answers for no container.
async fn change_mind(world: &World, name: &str) -> Child {
    let file = world.cloud.config_file(name).unwrap();
    std::fs::write(world.cloud.folder().join(POLICY), "[slashing]\ncontainer_outputs = false\n").unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("policy.toml", POLICY)).unwrap();
    world.cloud.stop_node(name).await.unwrap();
    world.cloud.restart_node(name).await.unwrap()
}

async fn release(world: &World) -> ReleaseView {
    let app = world.app.app.to_string();
    let view: AppView = serde_json::from_value(world.cloud.json(&["app", "info", &app]).await.unwrap()).unwrap();
    view.releases.into_iter().find(|release| release.program_id == world.app.program_id).unwrap()
}

async fn verified(world: &World, receipt: &str) -> Value {
    let path = world.receipt_file(receipt).display().to_string();
    world.cloud.json(&["receipt", "verify", &path]).await.unwrap()
}

async fn refused_at_once(world: &World) {
    let app = world.app.app.to_string();
    let arguments = ["--json", "app", "call", &app, "--payload", "anybody"];
    let asked = world.cloud.run(&arguments);
    let outcome = tokio::time::timeout(Duration::from_secs(20), asked).await.expect("at once").unwrap();
    assert_eq!(outcome.code, Some(4), "{}", outcome.stderr);
    let failure: Value = serde_json::from_str(outcome.stderr.lines().last().unwrap()).unwrap();
    let problem: Problem = serde_json::from_value(failure["error"]["details"].clone()).unwrap();
    assert_eq!(problem.code, ProblemCode::NotAccepted, "{problem:?}");
    assert_eq!(problem.message, "no operator accepted this program");
    assert!(problem.hint.contains("vouch operator accept"), "{problem:?}");
}
