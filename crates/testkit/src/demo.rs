//! The demo: from nothing to tokens that a program's answer moved, and to a lying operator's slashed stake.
//!
//! Each step is timed and written to `summary.json` as soon as it has ended, with the facts that it found.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;

use crate::cloud::{Cloud, DeployedApp};

mod container;
mod lying;
mod referee;
mod staker;
mod summary;
mod wagers;

use referee::Referee;
use summary::Summary;

/// What all steps share.
pub(crate) struct Stage {
    pub out: PathBuf,
    pub cloud: Cloud,
}

/// Runs the demo; true when every step succeeded. `keep` leaves the cloud running.
pub async fn run(out: &Path, keep: bool) -> Result<bool> {
    std::fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let out = out.canonicalize()?;
    let mut summary = Summary::new(&out.join("summary.json"))?;
    let started = summary.step("start a cloud: chain, contracts, four operators, gateway", start(&out, keep)).await?;
    if let Some(cloud) = started {
        let stage = Stage { out, cloud };
        play(&stage, &mut summary).await?;
        finish(stage.cloud, keep).await?;
    }
    println!("\n{}", summary.table());
    Ok(summary.all_ok())
}

async fn start(out: &Path, keep: bool) -> Result<(Cloud, serde_json::Value)> {
    let cloud = Cloud::start(&out.join("cloud"), keep).await?;
    let description = &cloud.description;
    let facts = json!({ "chain": description.rpc, "gateway": description.gateway, "nodes": description.nodes.len() });
    Ok((cloud, facts))
}

/// Wagers do not depend on each other: one that fails does not hide what the next one shows.
async fn play(stage: &Stage, summary: &mut Summary) -> Result<()> {
    let deployed = summary.step("deploy examples/referee, a chess referee in JavaScript", deploy(stage)).await?;
    let Some(app) = deployed else { return Ok(()) };
    let referee =
        summary.step("deploy a wager contract that trusts this program alone", Referee::open(stage, app)).await?;
    let Some(referee) = referee else { return Ok(()) };
    summary
        .step("a famous game ends in a resignation: the answer pays the winner", wagers::resignation(&referee))
        .await?;
    summary.step("an illegal move and a forged signature change nothing", wagers::illegal_and_forged(&referee)).await?;
    summary.step("a loser goes silent: the clock pays the winner", wagers::silence(&referee)).await?;
    summary.step("a player takes a move back: it forfeits", wagers::takeback(&referee)).await?;
    summary.step("a position comes a third time: each gets its own back", wagers::repetition(&referee)).await?;
    summary.step("the same referee in Rust, as a container: both answer the same", container::agree(&referee)).await?;
    summary.step("a staker puts tokens behind an operator that will lie", staker::delegate(&referee)).await?;
    summary.step("an operator signs two batches for one slot: its stake is slashed", lying::slash(&referee)).await?;
    summary
        .step("the staker withdraws after the slash and gets what the formula says", staker::withdraw(&referee))
        .await?;
    Ok(())
}

/// Deploys a copy, so that the checkout stays as it is.
async fn deploy(stage: &Stage) -> Result<(DeployedApp, serde_json::Value)> {
    let (source, folder) = (referee::source(), stage.out.join("referee"));
    std::fs::create_dir_all(folder.join("build"))?;
    for file in ["vouch.toml", "build/referee.wasm"] {
        let from = source.join(file);
        std::fs::copy(&from, folder.join(file))
            .with_context(|| format!("{}: build the example first", from.display()))?;
    }
    remove_if_there(&folder.join(".vouch-app.json"))?;
    let app = stage.cloud.deploy(&folder).await?;
    Ok((app, json!({ "app": app.app, "programId": app.program_id, "lane": app.lane })))
}

fn remove_if_there(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| path.display().to_string())
        }
        _ => Ok(()),
    }
}

async fn finish(cloud: Cloud, keep: bool) -> Result<()> {
    if !keep {
        return cloud.stop().await;
    }
    let folder = cloud.folder().display().to_string();
    println!("\nThe cloud goes on. In another terminal:");
    println!("  export VOUCH_CLOUD={folder}");
    println!("  vouch app list");
    if let Some(pid) = cloud.leave_running() {
        println!("Stop it with: kill {pid}");
    }
    Ok(())
}

/// Tries `look` until it finds something.
pub(crate) async fn wait<T>(
    what: &str,
    timeout: Duration,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let search = async {
        loop {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    };
    tokio::time::timeout(timeout, search).await.with_context(|| format!("waited {} s for {what}", timeout.as_secs()))?
}
