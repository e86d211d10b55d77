//! Real faults on real processes: see `vouch_testkit::faults`. Build the binaries first:
//! `cargo build -p vouch -p vouch-testkit`.
//!
//! `VOUCH_FAULTS_SECONDS` says for how long (60), `VOUCH_FAULTS_SEED` which faults; without it they differ every time.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::time::{Duration, SystemTime};

use vouch_testkit::cloud::Cloud;
use vouch_testkit::faults::{Clients, Drill, Schedule, Verdict};

const SECONDS: u64 = 60;

#[tokio::test]
async fn through_kills_pauses_cuts_full_disks_and_chain_trouble_every_answer_holds_and_nobody_signs_twice() {
    vouch_testkit::prepare();
    let time = Duration::from_secs(number("VOUCH_FAULTS_SECONDS").unwrap_or(SECONDS));
    let seed = number("VOUCH_FAULTS_SEED").unwrap_or_else(clock_nanos);
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("app");
    write_echo(&project);
    let cloud = Cloud::start(&folder.path().join("cloud"), false).await.unwrap();
    let app = cloud.deploy(&project).await.unwrap();
    cloud.json(&["app", "call", &app.app.to_string(), "--payload", "before"]).await.unwrap();

    let mut drill = Drill::take_over(cloud).await.unwrap();
    let schedule = Schedule::new(seed, time, drill.has_disk());
    println!("{schedule}");
    let network = drill.cloud.network().await.unwrap();
    let clients = Clients::start(&drill.cloud, app, network.deployment().domain()).unwrap();
    drill.run(&schedule).await.unwrap();
    drill.wait_all_serve().await.unwrap();
    let outcomes = clients.stop().await;

    drill.cloud.json(&["app", "call", &app.app.to_string(), "--payload", "after"]).await.unwrap();
    let mut verdict = Verdict::of(&outcomes, &network).await.unwrap();
    verdict.wrong.append(&mut drill.deaths);
    drill.stop_nodes().await.unwrap();
    verdict.look_into_stores(&drill, &network).unwrap();
    drill.stop().await.unwrap();
    println!("{verdict:#?}");
    verdict.require().unwrap_or_else(|wrong| panic!("{wrong}\n{schedule}"));
    assert!(verdict.answered * 4 > verdict.calls, "too few answers: {verdict:#?}\n{schedule}");
    nothing_is_left(folder.path());
    folder.close().unwrap();
}

fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable} is no number: {value}")))
}

fn clock_nanos() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    u64::from(now.subsec_nanos()) ^ now.as_secs()
}

/// An app that answers what it is sent.
fn write_echo(project: &Path) {
    std::fs::create_dir(project).unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../compute/tests/programs/echo.wat");
    std::fs::write(project.join("program.wasm"), wat::parse_file(source).unwrap()).unwrap();
    std::fs::write(project.join("vouch.toml"), "artifact = \"program.wasm\"\n").unwrap();
}

/// No process that was started for `folder`, and nothing mounted in it.
fn nothing_is_left(folder: &Path) {
    let name = folder.to_str().unwrap();
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
    assert!(!mounts.contains(name), "{mounts}");
    for entry in std::fs::read_dir("/proc").unwrap() {
        let path = entry.unwrap().path();
        let arguments = std::fs::read(path.join("cmdline")).unwrap_or_default();
        let arguments = String::from_utf8_lossy(&arguments).replace('\0', " ");
        assert!(!arguments.contains(name), "{}: {arguments}", path.display());
    }
}
