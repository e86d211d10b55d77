//! Load on a cloud, and how the cloud bears it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use alloy::signers::local::PrivateKeySigner;
use alloy_primitives::U256;
use anyhow::{Result, ensure};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use vouch_api::{CallRequest, Clock};
use vouch_core::{AppId, Domain, ProgramId, Request, ecdsa, pages};

use crate::cloud::{Cloud, DeployedApp};

/// Who call at once.
pub const CLIENTS: u64 = 64;
/// What every call sends.
pub const PAYLOAD: &[u8] = b"abc";
const LATENCY_CALLS: u64 = 40;
/// What the clients of one measurement send is signed before it; if they send more, they sign the rest as they go.
const SIGNED_AHEAD: u64 = 40_000;
/// The most calls that wait for their answers under a steady load.
const OPEN_CALLS_MAX: usize = 4_096;

/// The part of sorted values below which `share` of them lie.
#[must_use]
pub fn percentile(sorted: &[Duration], share: f64) -> Duration {
    let index = (sorted.len() as f64 * share) as usize;
    sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// Clients of one app.
pub struct Load {
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
    /// # Errors
    /// Fails when the gateway or the chain does not answer.
    pub async fn new(cloud: &Cloud, app: DeployedApp) -> Result<Self> {
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
    pub async fn latency(&self) -> Result<Duration> {
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
    pub async fn rate(&self, warm_up: Duration, measure: Duration) -> Result<(f64, u64)> {
        self.sign_ahead(SIGNED_AHEAD)?;
        let warm_up = self.hammer(warm_up).await?;
        let start = Instant::now();
        let calls = self.hammer(measure).await?;
        let rate = calls as f64 / start.elapsed().as_secs_f64();
        // What was signed for this would be too old for what comes after it.
        self.signed.lock().unwrap_or_else(PoisonError::into_inner).clear();
        Ok((rate, warm_up + calls))
    }

    /// The newest batch's place in its lane.
    pub async fn sequence(&self) -> Result<u64> {
        let receipt: vouch_api::Receipt = serde_json::from_slice(&self.call().await?)?;
        Ok(receipt.batch.sequence)
    }

    /// How long calls take, shortest first, when so many a second are made whether or not those before have ended.
    ///
    /// # Errors
    /// When a call fails, or more than [`OPEN_CALLS_MAX`] are open: the load is too much then.
    pub async fn steadily(&self, calls_per_second: f64, time: Duration) -> Result<Vec<Duration>> {
        let (start, mut open, mut times) = (Instant::now(), FuturesUnordered::new(), Vec::new());
        let mut due = tokio::time::interval(Duration::from_secs_f64(1.0 / calls_per_second));
        loop {
            tokio::select! {
                at = due.tick(), if start.elapsed() < time => {
                    ensure!(open.len() < OPEN_CALLS_MAX, "{OPEN_CALLS_MAX} calls are open");
                    open.push(async move { self.call().await.map(|_| at.elapsed()) });
                }
                Some(took) = open.next() => times.push(took?),
                else => break,
            }
        }
        times.sort_unstable();
        Ok(times)
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

    /// One call; what the gateway answered.
    ///
    /// # Errors
    /// With the gateway's reason when there is no receipt.
    pub async fn call(&self) -> Result<Vec<u8>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_values_there_are() {
        let values: Vec<_> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(percentile(&values, 0.5), Duration::from_millis(51));
        assert_eq!(percentile(&values, 0.99), Duration::from_millis(100));
        assert_eq!((percentile(&values, 1.0), percentile(&[], 0.5)), (Duration::from_millis(100), Duration::ZERO));
    }
}
