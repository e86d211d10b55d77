//! A real local cloud under load with one of its four operators dead, slow or lying, and with its gateway killed.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::process::Child;

use super::alone::write_project;
use super::figures::{Figures, Target};
use crate::cloud::{Cloud, sibling};
use crate::load::{CLIENTS, Load, percentile};

/// The heaviest operator without which a quorum is left: 30 of 100 parts of the stake, of which 67 must sign.
const BAD: &str = "operator-2";
const PROGRAM: &str = "noop";
const WARM_UP: Duration = Duration::from_secs(2);
const MEASURE: Duration = Duration::from_secs(8);
const HALF_LOAD: Duration = Duration::from_secs(8);
/// The least part of the throughput that is left with one bad operator.
const THROUGHPUT_LEAST: f64 = 0.8;
/// How many times the median the 99th percentile is at most.
const TAIL_MOST: f64 = 3.0;
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(60);
const RETRY: Duration = Duration::from_millis(20);

/// What the operator is, and the lie of `vouch-adversary` that makes it so.
const STATES: [(&str, Option<&str>); 3] =
    [("dead", None), ("slow", Some("slow-answers")), ("lying", Some("wrong-output"))];

pub async fn measure(out: &Path, figures: &mut Figures) -> Result<()> {
    let project = out.join("programs").join(PROGRAM);
    write_project(&project, PROGRAM)?;
    let cloud = Cloud::start(&out.join("cloud"), false).await?;
    let load = Load::new(&cloud, cloud.deploy(&project).await?).await?;
    load.call().await?;
    let (healthy, _) = load.rate(WARM_UP, MEASURE).await?;
    figures.value(format!("four good operators, {CLIENTS} clients"), healthy, "calls/s", None, Target::None);
    half_load(&load, healthy, "four good operators", figures).await?;
    cloud.stop_node(BAD).await?;
    for (state, lie) in STATES {
        let liar = match lie {
            Some(lie) => Some(start_liar(&cloud, lie).await?),
            None => None,
        };
        let (rate, _) = load.rate(WARM_UP, MEASURE).await?;
        let name = format!("one of four operators {state}");
        figures.ratio(
            format!("{name}, {CLIENTS} clients"),
            rate,
            "calls/s",
            healthy,
            Target::AtLeast(THROUGHPUT_LEAST),
        );
        half_load(&load, healthy, &name, figures).await?;
        if let Some(mut liar) = liar {
            liar.kill().await?;
        }
        figures.save()?;
    }
    let _honest = cloud.restart_node(BAD).await?;
    recovery(&cloud, &load, figures).await?;
    cloud.stop().await
}

/// Half of what four good operators take.
async fn half_load(load: &Load, healthy: f64, name: &str, figures: &mut Figures) -> Result<()> {
    let times = load.steadily(healthy / 2.0, HALF_LOAD).await?;
    let milliseconds = |share| percentile(&times, share).as_secs_f64() * 1e3;
    let (p50, p99) = (milliseconds(0.5), milliseconds(0.99));
    figures.value(format!("{name}: p50 at half load"), p50, "ms", None, Target::None);
    figures.ratio(format!("{name}: p99 at half load, by its p50"), p99, "ms", p50, Target::AtMost(TAIL_MOST));
    Ok(())
}

async fn start_liar(cloud: &Cloud, lie: &str) -> Result<Child> {
    let mut command = std::process::Command::new(sibling("vouch-adversary")?);
    command.arg("executor").arg("--config").arg(cloud.config_file(BAD)?).args(["--lie", lie]);
    let liar = cloud.spawn_logged(command, &format!("{BAD}-{lie}"))?;
    let url = format!("{}/v1/status", cloud.node(BAD)?.url);
    let deadline = Instant::now() + RECOVERY_TIMEOUT;
    while !reqwest::get(&url).await.is_ok_and(|answer| answer.status().is_success()) {
        ensure!(Instant::now() < deadline, "the liar does not serve");
        tokio::time::sleep(RETRY).await;
    }
    Ok(liar)
}

/// From the end of the gateway's process, which is started again at once, to the first receipt.
async fn recovery(cloud: &Cloud, load: &Load, figures: &mut Figures) -> Result<()> {
    cloud.kill_node("gateway").await?;
    let start = Instant::now();
    let _again = cloud.spawn_node("gateway")?;
    while load.call().await.is_err() {
        ensure!(start.elapsed() < RECOVERY_TIMEOUT, "the gateway answers no call any more");
        tokio::time::sleep(RETRY).await;
    }
    let name = "gateway killed and started again: until the first receipt";
    figures.value(name, start.elapsed().as_secs_f64(), "s", None, Target::None);
    Ok(())
}
