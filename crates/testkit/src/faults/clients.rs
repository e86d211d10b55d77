//! Clients that go on calling whatever happens, and remember how each call ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use alloy::signers::local::PrivateKeySigner;
use anyhow::Result;
use tokio::task::JoinSet;
use vouch_api::Receipt;
use vouch_core::Domain;
use vouch_sdk::{CallOptions, Client};

use crate::cloud::{Cloud, DeployedApp};

const CLIENTS: usize = 4;
/// Between two calls of one client: the load is steady, not all that the cloud can take.
const REST: Duration = Duration::from_millis(100);
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// What the client may take beyond its patience: asking for the clock (20 s) and the last answer's way (10 s).
pub const CALL_TIME_MAX: Duration = Duration::from_secs(20 + 20 + 10 + 5);

/// How one call ended.
#[derive(Debug)]
pub struct Outcome {
    /// Since the start of the load.
    pub at: Duration,
    pub took: Duration,
    /// What it asked for.
    pub payload: Vec<u8>,
    pub answer: Result<Receipt, String>,
}

/// Running clients.
pub struct Clients {
    stop: Arc<AtomicBool>,
    clients: JoinSet<Vec<Outcome>>,
}

struct Caller {
    client: Client,
    app: DeployedApp,
    signer: PrivateKeySigner,
    start: Instant,
}

impl Clients {
    /// Clients of a local cloud's gateway.
    pub fn start(cloud: &Cloud, app: DeployedApp, domain: Domain) -> Result<Self> {
        let client = Client::new(&cloud.description.gateway, domain)?;
        Ok(Self::start_with(&client, app, &cloud.signer("client")?))
    }

    /// Clients that call an app through `client`.
    pub fn start_with(client: &Client, app: DeployedApp, signer: &PrivateKeySigner) -> Self {
        let (stop, start) = (Arc::new(AtomicBool::new(false)), Instant::now());
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            let caller = Caller { client: client.clone(), app, signer: signer.clone(), start };
            let stop = Arc::clone(&stop);
            clients.spawn(async move { caller.run(number, &stop).await });
        }
        Self { stop, clients }
    }

    /// Waits for what was asked already, which every call's own time bounds.
    pub async fn stop(self) -> Vec<Outcome> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all: Vec<_> = self.clients.join_all().await.into_iter().flatten().collect();
        all.sort_by_key(|outcome| outcome.at);
        all
    }
}

impl Caller {
    async fn run(&self, number: usize, stop: &AtomicBool) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            outcomes.push(self.call(format!("client {number} call {}", outcomes.len()).into_bytes()).await);
            tokio::time::sleep(REST).await;
        }
        outcomes
    }

    async fn call(&self, payload: Vec<u8>) -> Outcome {
        let options =
            CallOptions { deadline_seconds: PATIENCE.as_secs() * 6, patience: PATIENCE, ..CallOptions::default() };
        let (at, begun) = (self.start.elapsed(), Instant::now());
        let answer = self.client.call(self.app.app, self.app.program_id, &payload, &self.signer, &options).await;
        Outcome { at, took: begun.elapsed(), payload, answer: answer.map_err(|error| error.to_string()) }
    }
}
