//! A real local cloud under load: one process per role, HTTP between them, disks and a chain.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
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
/// What the clients of one measurement send is signed before it; if they send more, they sign the rest as they go.
const SIGNED_AHEAD: u64 = 40_000;
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
    let (rate, calls) = load.rate().await?;
    let batches = load.sequence().await?.saturating_sub(before).max(1);
    let (name, baseline) = (format!("{program}: certified, {CLIENTS} clients"), speed.calls_per_second / EXECUTORS);
    match program {
        "noop" => figures.value(name, rate, "calls/s", None, Target::AtLeast(2_000.0)),
        _ => figures.ratio(name, rate, "calls/s", baseline, Target::AtLeast(0.7)),
    }
    figures.value(format!("{program}: calls a batch"), calls as f64 / batches as f64, "calls", None, Target::None);
    Ok(())
}

/// Clients of one app.
struct Load {
    http: reqwest::Client,
    url: String,
    /// Calls that are signed already.
    signed: Mutex<Vec<Vec<u8>>>,
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
            url: format!("{gateway}/v1/calls"),
            signed: Mutex::default(),
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

    /// Certified calls a second of [`CLIENTS`] clients, each with one call at a time; and how many calls there were with
    /// those of the warming up.
    async fn rate(&self) -> Result<(f64, u64)> {
        self.sign_ahead(SIGNED_AHEAD)?;
        let warm_up = self.hammer(WARM_UP).await?;
        let start = Instant::now();
        let calls = self.hammer(MEASURE).await?;
        Ok((calls as f64 / start.elapsed().as_secs_f64(), warm_up + calls))
    }

    /// The newest batch's place in its lane.
    async fn sequence(&self) -> Result<u64> {
        let receipt: vouch_api::Receipt = serde_json::from_slice(&self.call().await?)?;
        Ok(receipt.batch.sequence)
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

    async fn call(&self) -> Result<Vec<u8>> {
        let signed = self.signed.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let body = signed.map_or_else(|| self.sign(), Ok)?;
        let answer = self.http.post(&self.url).body(body).send().await?;
        let status = answer.status();
        let body = answer.bytes().await?;
        ensure!(status.is_success(), "a call failed with {status}: {}", String::from_utf8_lossy(&body));
        Ok(body.into())
    }

    /// Signs so many calls ahead: it is the cloud that is measured, not how fast this process signs.
    fn sign_ahead(&self, calls: u64) -> Result<()> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let share = calls / threads as u64;
        let sign_share = || (0..share).map(|_| self.sign()).collect::<Result<Vec<_>>>();
        let shares: Vec<_> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(sign_share)).collect();
            workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| Ok(Vec::new()))).collect()
        });
        for share in shares {
            self.signed.lock().unwrap_or_else(PoisonError::into_inner).extend(share?);
        }
        Ok(())
    }

    /// The body of a new call.
    fn sign(&self) -> Result<Vec<u8>> {
        let request = self.request();
        let signature = ecdsa::sign(request.digest(&self.domain), &self.signer.to_bytes().0)?;
        let call = CallRequest {
            request: (&request).into(),
            client_signature: signature.to_vec().into(),
            payload: PAYLOAD.into(),
        };
        Ok(serde_json::to_vec(&call)?)
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
