//! A real local cloud under load: one process per role, HTTP between them, disks and a chain.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use alloy::signers::local::PrivateKeySigner;
use alloy_primitives::U256;
use anyhow::{Context, Result, ensure};
use vouch_api::{CallRequest, Clock};
use vouch_core::{AppId, Domain, ProgramId, Request, ecdsa, pages};

use super::alone::{PAYLOAD, Speed, project};
use super::figures::{Figures, Target};
use crate::cloud::{Cloud, DeployedApp};

const CLIENTS: u64 = 64;
const EXECUTORS: f64 = 4.0;
const WARM_UP: Duration = Duration::from_secs(3);
const MEASURE: Duration = Duration::from_secs(10);
const LATENCY_CALLS: u64 = 40;
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
    let rate = load.rate().await?;
    let (name, baseline) = (format!("{program}: certified, {CLIENTS} clients"), speed.calls_per_second / EXECUTORS);
    match program {
        "noop" => figures.value(name, rate, "calls/s", None, Target::AtLeast(2_000.0)),
        _ => figures.ratio(name, rate, "calls/s", baseline, Target::AtLeast(0.7)),
    }
    Ok(())
}

/// Clients of one app.
struct Load {
    http: reqwest::Client,
    gateway: String,
    domain: Domain,
    app: DeployedApp,
    signer: PrivateKeySigner,
    nonce: AtomicU64,
    /// The gateway's clock when asked, and when that was.
    clock: (u64, Instant),
}

impl Load {
    async fn new(cloud: &Cloud, app: DeployedApp) -> Result<Self> {
        let gateway = cloud.description.gateway.clone();
        let http =
            reqwest::Client::builder().no_proxy().tcp_nodelay(true).pool_max_idle_per_host(CLIENTS as usize).build()?;
        let clock: Clock =
            serde_json::from_slice(&http.get(format!("{gateway}/v1/clock")).send().await?.bytes().await?)?;
        Ok(Self {
            domain: cloud.network().await?.deployment().domain(),
            signer: cloud.signer("client")?,
            nonce: AtomicU64::new(1),
            clock: (clock.time, Instant::now()),
            http,
            gateway,
            app,
        })
    }

    /// The median time of one call at a time.
    async fn latency(&self) -> Result<Duration> {
        let mut times = Vec::new();
        for _ in 0..LATENCY_CALLS {
            let start = Instant::now();
            self.call().await?;
            times.push(start.elapsed());
        }
        times.sort_unstable();
        Ok(times[times.len() / 2])
    }

    /// Certified calls a second of [`CLIENTS`] clients, each with one call at a time.
    async fn rate(&self) -> Result<f64> {
        self.hammer(WARM_UP).await?;
        let start = Instant::now();
        let calls = self.hammer(MEASURE).await?;
        Ok(calls as f64 / start.elapsed().as_secs_f64())
    }

    async fn hammer(&self, time: Duration) -> Result<u64> {
        let start = Instant::now();
        let client = async || {
            let mut calls = 0;
            while start.elapsed() < time {
                self.call().await?;
                calls += 1;
            }
            anyhow::Ok(calls)
        };
        let clients = futures::future::try_join_all((0..CLIENTS).map(|_| client())).await?;
        Ok(clients.iter().sum())
    }

    async fn call(&self) -> Result<()> {
        let request = self.request();
        let signature = ecdsa::sign(request.digest(&self.domain), &self.signer.to_bytes().0)?;
        let call = CallRequest {
            request: (&request).into(),
            client_signature: signature.to_vec().into(),
            payload: PAYLOAD.into(),
        };
        let answer =
            self.http.post(format!("{}/v1/calls", self.gateway)).body(serde_json::to_vec(&call)?).send().await?;
        let status = answer.status();
        let body = answer.bytes().await?;
        ensure!(status.is_success(), "a call failed with {status}: {}", String::from_utf8_lossy(&body));
        Ok(())
    }

    fn request(&self) -> Request {
        let time = self.clock.0 + self.clock.1.elapsed().as_secs();
        Request {
            app: AppId(self.app.app),
            program_id: ProgramId(self.app.program_id),
            client: self.signer.address(),
            nonce: self.nonce.fetch_add(1, Ordering::Relaxed),
            payload_hash: pages::root(PAYLOAD),
            time,
            seed_block: 0,
            deadline: time + 60,
            max_fee: U256::ZERO,
        }
    }
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
