//! Carrying finalized events into the store, for ever or until there are no more.

use std::convert::Infallible;
use std::time::Duration;

use alloy::rpc::types::Log;
use alloy_primitives::B256;
use tokio::sync::watch;
use vouch_chain::follower::{self, CursorStore, Page};
use vouch_chain::{Chain, Cursor, Deployment, Follower, PAGE_BLOCKS_MAX};

use crate::error::Error;
use crate::event::{Event, Sources};
use crate::store::{Position, Store};

/// Waits after a failure, in seconds: the first, doubling up to the last.
const RETRY_SECONDS: (u64, u64) = (1, 60);

#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Blocks a page. With at most 16 every page is checked against the blocks' own filters and receipts, also while an index
    /// catches up; larger pages are faster and trust the endpoint's answer, except for what the rules find out.
    pub page_blocks: u64,
    /// How often to look for new finalized blocks.
    pub poll_interval: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self { page_blocks: PAGE_BLOCKS_MAX, poll_interval: Duration::from_secs(1) }
    }
}

/// How the index does, for whoever watches it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Every event up to and including this block is in.
    pub block: u64,
    /// The latest finalized block that was seen.
    pub finalized: u64,
    pub events: u64,
    /// Why it does not go on; none while it does.
    pub failure: Option<String>,
}

impl Standing {
    #[must_use]
    pub fn blocks_behind(&self) -> u64 {
        self.finalized.saturating_sub(self.block)
    }
}

/// The cursor is saved by the store, in the transaction of its page.
#[derive(Debug)]
struct SavedElsewhere(Option<Cursor>);

impl CursorStore for SavedElsewhere {
    fn load(&mut self) -> Result<Option<Cursor>, vouch_chain::Error> {
        Ok(self.0)
    }

    fn save(&mut self, _: &Cursor) -> Result<(), vouch_chain::Error> {
        Ok(())
    }
}

/// Writes one index.
#[derive(Debug)]
pub struct Indexer {
    chain: Chain,
    store: Store,
    sources: Sources,
    config: Config,
    start_block: u64,
    /// By this block the deployment's own first events must have shown.
    end_block: u64,
    standing: watch::Sender<Standing>,
}

/// Where a run stands.
#[derive(Debug)]
struct Run {
    follower: Follower<SavedElsewhere>,
    position: Position,
}

impl Indexer {
    #[must_use]
    pub fn new(chain: Chain, store: Store, deployment: &Deployment, config: Config) -> Self {
        Self {
            chain,
            store,
            sources: Sources::of(&deployment.contracts),
            config,
            start_block: deployment.start_block,
            end_block: deployment.end_block.unwrap_or(deployment.start_block),
            standing: watch::Sender::new(Standing::default()),
        }
    }

    /// Tells `standing` how the index does.
    #[must_use]
    pub fn telling(self, standing: watch::Sender<Standing>) -> Self {
        Self { standing, ..self }
    }

    /// Follows the chain until it cannot go on; waits out what goes away by itself.
    ///
    /// # Errors
    /// The first failure that waiting does not mend, which [`Standing::failure`] says too.
    pub async fn run(&self) -> Result<Infallible, Error> {
        let (mut wait, mut page_blocks) = (RETRY_SECONDS.0, self.config.page_blocks);
        loop {
            let block = self.standing.borrow().block;
            let Err(error) = self.follow(page_blocks).await;
            self.standing.send_modify(|standing| standing.failure = Some(chain_of(&error)));
            if !error.is_transient() {
                return Err(error);
            }
            if self.standing.borrow().block > block {
                (wait, page_blocks) = (RETRY_SECONDS.0, self.config.page_blocks);
            }
            tracing::warn!(error = chain_of(&error), retry_seconds = wait, "index.follow");
            tokio::time::sleep(Duration::from_secs(wait)).await;
            // An endpoint may refuse a page only for its size.
            (wait, page_blocks) = ((wait * 2).min(RETRY_SECONDS.1), (page_blocks / 2).max(1));
        }
    }

    /// Reads every finalized event there is now.
    ///
    /// # Errors
    /// The first failure; what was read until then is in the index.
    pub async fn catch_up(&self) -> Result<Position, Error> {
        let mut run = self.resume(self.config.page_blocks).await?;
        loop {
            match self.step(&mut run).await {
                Ok(true) => {}
                Ok(false) => return Ok(run.position),
                Err(Error::OtherWriter { .. }) => run = self.resume(self.config.page_blocks).await?,
                Err(error) => return Err(error),
            }
        }
    }

    async fn follow(&self, page_blocks: u64) -> Result<Infallible, Error> {
        let mut run = self.resume(page_blocks).await?;
        loop {
            if !self.step(&mut run).await? {
                tokio::time::sleep(self.config.poll_interval).await;
            }
        }
    }

    async fn resume(&self, page_blocks: u64) -> Result<Run, Error> {
        let position = self.store.position().await?;
        let config = follower::Config {
            addresses: self.sources.addresses(),
            start_block: self.start_block,
            page_blocks_max: page_blocks.clamp(1, PAGE_BLOCKS_MAX),
            poll_interval: self.config.poll_interval,
        };
        let follower = Follower::resume(self.chain.clone(), config, SavedElsewhere(position.cursor)).await?;
        Ok(Run { follower, position })
    }

    /// Writes the next page; false when there is none yet.
    async fn step(&self, run: &mut Run) -> Result<bool, Error> {
        let Some(page) = run.follower.next_page().await? else {
            let finalized = self.chain.finalized().await?.block().number;
            self.tell(&run.position, finalized);
            return Ok(false);
        };
        let events = self.decode(&page)?;
        if page.cursor.number >= self.end_block && run.position.events == 0 && events.is_empty() {
            return Err(Error::Pruned { endpoint: self.chain.endpoint().to_owned(), block: page.cursor.number });
        }
        run.position = self.store.write(&run.position, page.cursor, &events).await?;
        run.follower.commit(&page)?;
        self.tell(&run.position, page.view.block().number);
        Ok(true)
    }

    fn tell(&self, position: &Position, finalized: u64) {
        let block = position.cursor.map_or(0, |cursor| cursor.number);
        self.standing.send_replace(Standing { block, finalized, events: position.events, failure: None });
    }

    fn decode(&self, page: &Page) -> Result<Vec<(u64, B256, Event)>, Error> {
        let decode = |log: &Log| {
            let block = log.block_number.unwrap_or_default();
            let event = self.sources.decode(log);
            let event = event.map_err(|source| Error::Undecodable { block, contract: log.address(), source })?;
            Ok(event.map(|event| (block, log.transaction_hash.unwrap_or_default(), event)))
        };
        page.logs.iter().filter_map(|log| decode(log).transpose()).collect()
    }
}

/// An error with its causes, in one line.
#[must_use]
pub fn chain_of(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
