//! A real local cloud under load: one process per role, HTTP between them, disks and a chain.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::alone::{Speed, project};
use super::figures::{Figures, Target};
use crate::cloud::Cloud;
use crate::load::{CLIENTS, Load};

const EXECUTORS: f64 = 4.0;
const WARM_UP: Duration = Duration::from_secs(3);
const MEASURE: Duration = Duration::from_secs(10);
/// How long the cloud is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(5);

pub async fn measure(out: &Path, projects: &Path, speeds: &[Speed], figures: &mut Figures) -> Result<()> {
    let cloud = Cloud::start(&out.join("cloud"), false).await?;
    tokio::time::sleep(IDLE).await;
    figures.value("memory of an idle cloud without the chain", memory_mib(&cloud)?, "MiB", None, Target::AtMost(400.0));
    for speed in speeds {
        let app = cloud.deploy(&project(projects, speed.program)).await?;
        let load = Load::new(&cloud, app).await?;
        of_program(&load, speed, figures).await?;
        figures.save()?;
    }
    tokio::time::sleep(IDLE).await;
    figures.value(
        "memory after the load, both programs loaded",
        memory_mib(&cloud)?,
        "MiB",
        None,
        Target::AtMost(400.0),
    );
    cloud.stop().await
}

async fn of_program(load: &Load, speed: &Speed, figures: &mut Figures) -> Result<()> {
    let program = speed.program;
    figures.value(format!("{program}: driver alone"), speed.calls_per_second, "calls/s", None, Target::None);
    let latency = load.latency().await?;
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    let bare = Some(milliseconds(speed.latency));
    let name = format!("{program}: p50 latency of one call, idle cloud");
    figures.value(name, milliseconds(latency), "ms", bare, Target::AtMostAbove(30.0));
    let before = load.sequence().await?;
    let (rate, calls) = load.rate(WARM_UP, MEASURE).await?;
    let batches = load.sequence().await?.saturating_sub(before).max(1);
    let (name, baseline) = (format!("{program}: certified, {CLIENTS} clients"), speed.calls_per_second / EXECUTORS);
    match program {
        "noop" => figures.value(name, rate, "calls/s", None, Target::AtLeast(2_000.0)),
        _ => figures.ratio(name, rate, "calls/s", baseline, Target::AtLeast(0.7)),
    }
    figures.value(format!("{program}: calls a batch"), calls as f64 / batches as f64, "calls", None, Target::None);
    Ok(())
}

/// What all processes of the cloud but the chain hold, shared pages counted once.
fn memory_mib(cloud: &Cloud) -> Result<f64> {
    let nodes = cloud.description.nodes.values().map(|node| node.pid.cast_unsigned());
    let kib: Result<Vec<_>> = nodes.chain(cloud.pid()).map(pss_kib).collect();
    Ok(kib?.iter().sum::<u64>() as f64 / 1024.0)
}

/// A process's proportional set size.
fn pss_kib(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let number = line.and_then(|line| line.split_whitespace().next()).with_context(|| format!("{path} has no Pss"))?;
    Ok(number.parse()?)
}
