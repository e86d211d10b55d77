//! The role `api`: an index beside the other roles, which must not fall with it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use vouch_chain::Network;
use vouch_index::{Error, Indexer, Reader, Standing, Store, Subject};

use crate::config::Config;
use crate::node;

/// Requests that read the index at once; more are told to come again.
const READERS_MAX: usize = 3;
/// How often the chain is asked for new finalized blocks.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The longest wait between two tries to reach the database at the start.
const OPEN_WAIT_MAX: Duration = Duration::from_secs(30);

/// Why the index does not answer.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    #[error("the index is not open yet")]
    Closed,
    #[error("the index has no finalized block yet")]
    Empty,
    #[error("{READERS_MAX} requests read the index already")]
    Busy,
    #[error("the index cannot be read: {0}")]
    Failed(Error),
}

/// A snapshot of the index and the right to look at it.
pub struct Look {
    pub reader: Reader,
    /// The block of which all answers are.
    pub block: u64,
    _place: OwnedSemaphorePermit,
}

pub struct IndexRole {
    url: String,
    subject: Subject,
    network: Network,
    config: vouch_index::Config,
    store: OnceLock<Store>,
    standing: watch::Sender<Standing>,
    readers: Arc<Semaphore>,
}

impl IndexRole {
    pub fn new(config: &Config, network: &Network) -> Self {
        Self {
            url: config.index_url(),
            subject: Subject::of(network.deployment()),
            network: network.clone(),
            config: vouch_index::Config { page_blocks: config.index.page_blocks, poll_interval: POLL_INTERVAL },
            store: OnceLock::new(),
            standing: watch::Sender::new(Standing::default()),
            readers: Arc::new(Semaphore::new(READERS_MAX)),
        }
    }

    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// The network whose contracts are indexed.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// One snapshot to answer from.
    pub async fn look(&self) -> Result<Look, Unavailable> {
        let place = Arc::clone(&self.readers).try_acquire_owned().map_err(|_| Unavailable::Busy)?;
        let store = self.store.get().ok_or(Unavailable::Closed)?;
        let reader = store.read().await.map_err(Unavailable::Failed)?;
        let block = reader.cursor().map_err(|_| Unavailable::Empty)?.number;
        Ok(Look { reader, block, _place: place })
    }

    /// Keeps the index. What ends it ends the node only if that has no other role; `/v1/index` and the metrics tell it.
    ///
    /// # Errors
    /// Why the index cannot go on.
    pub async fn run(&self, alone: bool) -> Result<(), node::Error> {
        let Err(error) = self.keep().await;
        if alone {
            return Err(error.into());
        }
        tracing::error!(error = vouch_index::chain_of(&error), "node.index.stop");
        self.standing.send_modify(|standing| standing.failure = Some(vouch_index::chain_of(&error)));
        std::future::pending().await
    }

    async fn keep(&self) -> Result<std::convert::Infallible, Error> {
        let store = self.open().await?;
        tracing::info!(database = store.shown(), "node.index.open");
        let store = self.store.get_or_init(|| store).clone();
        let indexer = Indexer::new(self.network.chain().clone(), store, self.network.deployment(), self.config);
        indexer.telling(self.standing.clone()).run().await
    }

    /// A database that is away is waited for.
    async fn open(&self) -> Result<Store, Error> {
        let mut wait = Duration::from_secs(1);
        loop {
            match Store::open(&self.url, self.subject.clone()).await {
                Err(error) if error.is_transient() => {
                    let text = vouch_index::chain_of(&error);
                    tracing::warn!(error = text, retry_ms = wait.as_millis(), "node.index.open");
                    self.standing.send_modify(|standing| standing.failure = Some(text));
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(OPEN_WAIT_MAX);
                }
                opened => return opened,
            }
        }
    }
}
