//! The gateway role: runs the gateway and does on chain what it wishes for.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy_primitives::B256;
use tokio::sync::mpsc;
use vouch_chain::bindings::batch_registry;
use vouch_chain::{Network, Sender, sender};
use vouch_coding::srs::Srs;
use vouch_compute::evidence::Evidence;
use vouch_compute::gateway::{self, Gateway, Wish};
use vouch_compute::lane::LaneKey;
use vouch_compute::lane::chain::ChainView;
use vouch_compute::machine::Machine;
use vouch_compute::observe::Observed;
use vouch_core::AppId;

use crate::config::GatewayConfig;
use crate::fees::Settler;
use crate::mirror::Mirror;
use crate::node::{Error, Parts, open_key};
use crate::watch::Watch;

/// Wishes that wait; more are dropped and come again.
const WISHES_MAX: usize = 256;
/// What the points are worked out for ahead: batch data of 250 KB, a full batch of calls of 1 KB. Larger ones are rare, and
/// cost the first of their size up to a second and a half.
const PREPARED_SYMBOLS: usize = 1 << 13;
/// How often the gateway looks after itself.
const TICK: Duration = Duration::from_secs(1);
/// How long a table transaction that succeeded is given to become final before another is sent.
const TABLE_INTERVAL: Duration = Duration::from_secs(10);

/// A gateway with what it needs to act on chain.
pub struct GatewayRole {
    gateway: Gateway,
    wishes: mpsc::Receiver<Wish>,
    actor: Actor,
}

impl GatewayRole {
    pub fn open(config: &GatewayConfig, parts: &Parts) -> Result<Self, Error> {
        let (signer, _) = open_key(&config.keystore, &config.password_file)?;
        prepare_commitments(Arc::clone(&parts.srs));
        let (wish, wishes) = mpsc::channel(WISHES_MAX);
        let mut settings = gateway::Config::new(parts.data_dir.join("gateway"));
        settings.restored = config.restored;
        settings.observed = Observed::by(Arc::clone(&parts.watch) as _);
        settings.call_timeout = Duration::from_secs(config.call_timeout_seconds);
        settings.execute_timeout = Duration::from_secs(config.execute_timeout_seconds);
        // Certified and posted within a third of the time for which a skip can be cancelled.
        let skip_delay = parts.network.deployment().parameters.skip_delay_seconds;
        settings.skip_margin = Duration::from_secs(u64::from(skip_delay / 3));
        let chain: Arc<dyn ChainView> = Arc::clone(&parts.mirror) as _;
        let gateway = Gateway::open(
            settings,
            gateway::Parts {
                machine: Machine::local(),
                chain,
                peers: Arc::clone(&parts.peers) as _,
                srs: Arc::clone(&parts.srs),
                key: signer.to_bytes().0,
                wishes: wish,
            },
        )?;
        parts.watch.evidence_found(gateway.evidence()?.iter().map(Evidence::name));
        let settler =
            Settler { gateway: gateway.clone(), mirror: Arc::clone(&parts.mirror), network: parts.network.clone() };
        let actor = Actor {
            settler,
            watch: Arc::clone(&parts.watch),
            gateway: gateway.clone(),
            mirror: Arc::clone(&parts.mirror),
            network: parts.network.clone(),
            sender: crate::node::sender(parts, signer),
            post_interval: Duration::from_secs(config.post_interval_seconds),
            settle_interval: Duration::from_secs(config.settle_interval_seconds),
            acted: HashMap::new(),
            skips: HashMap::new(),
        };
        Ok(Self { gateway, wishes, actor })
    }

    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Of its transactions.
    pub fn counts(&self) -> Arc<sender::Counts> {
        self.actor.sender.counts()
    }

    pub async fn run(self) -> Result<(), Error> {
        let Self { gateway, mut wishes, mut actor } = self;
        let ticking = async {
            loop {
                gateway.tick().await;
                tokio::time::sleep(TICK).await;
            }
        };
        let acting = async {
            let mut settle_at = tokio::time::Instant::now() + actor.settle_interval;
            let mut post_at = tokio::time::Instant::now() + actor.post_interval;
            loop {
                tokio::select! {
                    wish = wishes.recv() => match wish {
                        Some(wish) => actor.act(wish).await,
                        None => break,
                    },
                    // The gateway itself only wishes to post before its window is full; contracts wait for every batch.
                    () = tokio::time::sleep_until(post_at) => {
                        actor.post_all().await;
                        actor.take_lanes().await;
                        actor.reclaim_bonds().await;
                        post_at = tokio::time::Instant::now() + actor.post_interval;
                    }
                    () = tokio::time::sleep_until(settle_at) => {
                        actor.settler.settle_all(&actor.sender).await;
                        settle_at = tokio::time::Instant::now() + actor.settle_interval;
                    }
                }
            }
        };
        tokio::select! {
            () = ticking => {}
            () = acting => {}
        }
        Err(Error::Ended("the gateway"))
    }
}

/// Beside everything else: without it, the first batch of each size holds its lane up, and the calls that gather meanwhile make
/// the next batch the first of its size again.
fn prepare_commitments(srs: Arc<Srs>) {
    let work = move || srs.prepare(PREPARED_SYMBOLS);
    if let Err(error) = std::thread::Builder::new().name("srs".into()).spawn(work) {
        tracing::warn!(%error, "gateway.srs.prepare");
    }
}

/// Sends the transactions that a gateway wishes for; what fails comes back as a new wish.
struct Actor {
    watch: Arc<Watch>,
    settler: Settler,
    gateway: Gateway,
    mirror: Arc<Mirror>,
    network: Network,
    sender: Sender,
    post_interval: Duration,
    settle_interval: Duration,
    acted: HashMap<Wish, Instant>,
    /// When the skips end that this gateway put a bond on, Unix seconds.
    skips: HashMap<LaneKey, u64>,
}

impl Actor {
    async fn post_all(&mut self) {
        for lane in self.gateway.lanes() {
            if let Err(error) = self.post(lane).await {
                self.watch.post_failed(lane, &error);
            }
        }
    }

    async fn act(&mut self, wish: Wish) {
        let interval = match wish {
            // A post that a running skip waits for cannot wait itself.
            Wish::Post { lane } if self.is_skipping(lane) => TICK,
            Wish::Post { .. } => self.post_interval,
            Wish::RefreshTable { .. } | Wish::RequestSkip { .. } => TABLE_INTERVAL,
        };
        // A wish is made again and again until its effect is final; acting on each would pay for the same twice.
        if self.acted.get(&wish).is_some_and(|at| at.elapsed() < interval) {
            return;
        }
        let done = match wish {
            Wish::RefreshTable { app, table } => self.refresh_table(app, table).await,
            Wish::Post { lane } => self.post(lane).await,
            Wish::RequestSkip { lane } => self.request_skip(lane).await,
        };
        match done {
            Ok(()) => {
                self.acted.insert(wish, Instant::now());
            }
            Err(error) if error.is_transient() => tracing::warn!(?wish, %error, "gateway.chain.act"),
            Err(error) => {
                self.acted.insert(wish, Instant::now());
                tracing::warn!(?wish, %error, "gateway.chain.act refused");
            }
        }
    }

    async fn refresh_table(&self, app: AppId, table: B256) -> Result<(), vouch_chain::Error> {
        let Some(record) = self.mirror.app_record(app) else { return Ok(()) };
        let set = record.state.operator_set_id;
        // A set without members has no table yet; its first member changes that.
        let view = self.network.view().await?;
        if self.network.members(&view, set).await?.is_empty() {
            return Ok(());
        }
        let timestamp = self.network.update_table(&self.sender, set, table).await?;
        tracing::info!(%app, timestamp, "gateway.table.update");
        Ok(())
    }

    async fn post(&self, lane: LaneKey) -> Result<(), vouch_chain::Error> {
        // The newest cursor, not the finalized one: what stands there already need not be posted again.
        let call = batch_registry::laneInfoCall { app: lane.app.0, lane: lane.lane };
        let info = self.network.chain().latest_call(self.network.contracts().batch_registry, &call).await?;
        let gateway = self.gateway.clone();
        let cursor = info.cursor;
        let work = tokio::task::spawn_blocking(move || gateway.unposted(lane, cursor)).await;
        let work =
            match work.map_err(|error| error.to_string()).and_then(|work| work.map_err(|error| error.to_string())) {
                Ok(Some(work)) => work,
                Ok(None) => return Ok(()),
                Err(error) => {
                    tracing::error!(%lane, error, "gateway.post.read");
                    return Ok(());
                }
            };
        let posted = self.network.post(&self.sender, &work.headers, &work.certificate).await?;
        let last = work.headers.last().map_or(0, |header| header.sequence);
        for span in self.gateway.posted(lane, last) {
            span.record("transaction", tracing::field::display(posted.transaction));
        }
        self.watch.posted(lane, &work.headers, &posted);
        Ok(())
    }

    async fn request_skip(&mut self, lane: LaneKey) -> Result<(), vouch_chain::Error> {
        if self.is_skipping(lane) {
            return Ok(());
        }
        let ends_at = self.network.request_skip(&self.sender, lane.app, lane.lane).await?;
        self.skips.insert(lane, ends_at);
        tracing::warn!(%lane, ends_at, "gateway.skip.request");
        Ok(())
    }

    fn is_skipping(&self, lane: LaneKey) -> bool {
        self.mirror.lane(lane).is_some_and(|state| state.skip_ends_at.is_some())
    }

    /// Takes the lanes whose owners have named this gateway, once their time has come.
    async fn take_lanes(&self) {
        let (own, now) = (self.gateway.address(), self.mirror.head().timestamp);
        for lane in self.mirror.lanes() {
            let next = self.mirror.lane(lane).and_then(|state| state.next_gateway);
            if next.is_none_or(|(gateway, after)| gateway != own || now < after) {
                continue;
            }
            match self.network.take_lane(&self.sender, lane.app, lane.lane).await {
                Ok(epoch) => tracing::info!(%lane, epoch, "gateway.lane.take"),
                Err(error) => tracing::warn!(%lane, %error, "gateway.lane.take"),
            }
        }
    }

    /// Fetches the bonds of skips that are over.
    async fn reclaim_bonds(&mut self) {
        let now = self.mirror.head().timestamp;
        let over: Vec<LaneKey> =
            self.skips.iter().filter(|(_, ends_at)| **ends_at <= now).map(|(lane, _)| *lane).collect();
        for lane in over {
            match self.network.reclaim_skip_bond(&self.sender, lane.app, lane.lane).await {
                Ok(amount) => tracing::info!(%lane, %amount, "gateway.bond.reclaim"),
                Err(error) if error.is_transient() => continue,
                Err(error) => tracing::warn!(%lane, %error, "gateway.bond.reclaim"),
            }
            self.skips.remove(&lane);
        }
    }
}
