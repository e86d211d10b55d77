//! Half of what the cloud takes, for `VOUCH_SOAK_SECONDS` (20; an hour in nightly): neither memory nor files grow.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::time::Duration;

use vouch_testkit::cloud::Cloud;
use vouch_testkit::load::Load;

const SECONDS: u64 = 20;
const SAMPLES: u32 = 20;
/// Of the whole time, before the first sample that counts: caches and pools fill first.
const WARM_UP_SHARE: u32 = 4;
/// What each process may have more at the end than after the warm-up.
const MEMORY_MORE_KIB: u64 = 32 << 10;
const MEMORY_MORE_PERCENT: u64 = 15;
const OPEN_FILES_MORE: u64 = 24;
/// The slots that executors must not forget are removed once the chain has passed them.
const SLOTS_MORE_BYTES: u64 = 16 << 20;
/// Batches are kept for others by five nodes for weeks: what a call may add to all of them together.
const STORED_BYTES_PER_CALL: u64 = 32 << 10;
/// A store grows by steps.
const STORED_STEP_BYTES: u64 = 64 << 20;

/// What one process holds.
#[derive(Clone, Copy, Debug)]
struct Sample {
    memory_kib: u64,
    open_files: u64,
}

#[tokio::test]
async fn at_half_load_memory_and_files_stay_as_they_are() {
    vouch_testkit::prepare();
    let seconds = std::env::var("VOUCH_SOAK_SECONDS").ok();
    let seconds = seconds.map_or(SECONDS, |seconds| seconds.parse().expect("VOUCH_SOAK_SECONDS is no number"));
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("app");
    std::fs::create_dir(&project).unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../compute/tests/programs/noop.wat");
    std::fs::write(project.join("program.wasm"), wat::parse_file(source).unwrap()).unwrap();
    std::fs::write(project.join("vouch.toml"), "artifact = \"program.wasm\"\n").unwrap();
    let cloud = Cloud::start(&folder.path().join("cloud"), false).await.unwrap();
    let load = Load::new(&cloud, cloud.deploy(&project).await.unwrap()).await.unwrap();
    load.call().await.unwrap();
    let (whole, _) = load.rate(Duration::from_secs(2), Duration::from_secs(4)).await.unwrap();

    let step = Duration::from_secs(seconds) / SAMPLES;
    let mut series = Vec::new();
    let (mut calls, mut stored) = (0, Vec::new());
    for number in 0..SAMPLES {
        let times = load.steadily(whole / 2.0, step).await.unwrap();
        calls += if number >= SAMPLES / WARM_UP_SHARE { times.len() as u64 } else { 0 };
        series.push(samples(&cloud));
        stored.push((slots_bytes(&cloud), folder_bytes(&cloud.folder().join("data"))));
    }
    let counted = (SAMPLES / WARM_UP_SHARE - 1) as usize;
    for (index, (name, before)) in series[counted].iter().enumerate() {
        let after = series[SAMPLES as usize - 1][index].1;
        println!("{name}: {before:?}, then {after:?}");
        let memory_max = before.memory_kib + MEMORY_MORE_KIB + before.memory_kib * MEMORY_MORE_PERCENT / 100;
        assert!(after.memory_kib <= memory_max, "{name} grows: {before:?}, then {after:?}");
        assert!(after.open_files <= before.open_files + OPEN_FILES_MORE, "{name}: {before:?}, then {after:?}");
    }
    let (before, after) = (stored[counted], stored[SAMPLES as usize - 1]);
    println!("{whole:.0} calls/s at most; slots and stores: {before:?}, then {after:?} bytes after {calls} calls");
    assert!(after.0 <= before.0 + SLOTS_MORE_BYTES, "the slots grow: {before:?}, then {after:?}");
    assert!(after.1 <= before.1 + calls * STORED_BYTES_PER_CALL + STORED_STEP_BYTES, "{before:?}, then {after:?}");
    cloud.stop().await.unwrap();
}

/// Of every node, in the order of their names.
fn samples(cloud: &Cloud) -> Vec<(String, Sample)> {
    let nodes = cloud.description.nodes.iter();
    nodes.map(|(name, node)| (name.clone(), sample(node.pid))).collect()
}

fn sample(pid: i32) -> Sample {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let memory_kib = line.split_whitespace().next().unwrap().parse().unwrap();
    let open_files = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count() as u64;
    Sample { memory_kib, open_files }
}

fn slots_bytes(cloud: &Cloud) -> u64 {
    let operators = cloud.description.nodes.keys().filter(|name| name.starts_with("operator-"));
    let slots = operators.map(|name| cloud.folder().join(format!("data/{name}/executor/1/slots.redb")));
    slots.map(|path| std::fs::metadata(path).unwrap().len()).sum()
}

fn folder_bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let bytes = entries.map(|entry| match entry.file_type().unwrap() {
        kind if kind.is_dir() => folder_bytes(&entry.path()),
        // What ends in between has no size any more.
        _ => entry.metadata().map_or(0, |metadata| metadata.len()),
    });
    bytes.sum()
}
