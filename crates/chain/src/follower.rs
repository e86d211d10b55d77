//! Following the finalized events of some contracts across restarts.
//!
//! Events come in pages, in chain order, each page exactly once while the process lives. The cursor is made durable after
//! the page was handled; a crash between the two brings the same page again, byte for byte. A handler whose effects must
//! happen once implements [`CursorStore`] over its own database and saves the cursor together with them.

use std::future::Future;
use std::ops::ControlFlow;
use std::time::Duration;

use alloy::rpc::types::Log;
use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};

use crate::client::Chain;
use crate::error::Error;
use crate::finalized::{Finalized, PAGE_BLOCKS_MAX};

mod cursor;

pub use cursor::RedbCursor;

/// Up to where events were handled, and on which chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    pub chain_id: u64,
    pub genesis_hash: B256,
    /// Every event up to and including this block was handled.
    pub number: u64,
    /// That block's hash.
    pub hash: B256,
}

impl Cursor {
    /// The very block of `view`.
    #[must_use]
    pub fn of(view: &Finalized) -> Self {
        let (chain, block) = (view.chain(), view.block());
        Self { chain_id: chain.chain_id(), genesis_hash: chain.genesis_hash(), number: block.number, hash: block.hash }
    }

    /// Checks that `view` is of the chain that this was taken from. A view that lags behind proves nothing yet.
    ///
    /// # Errors
    /// [`Error::WrongChain`], [`Error::WrongGenesis`] or [`Error::HistoryChanged`]: nothing may be built on it then.
    pub async fn require(&self, view: &Finalized) -> Result<(), Error> {
        let chain = view.chain();
        if self.chain_id != chain.chain_id() {
            return Err(Error::WrongChain { expected: self.chain_id, found: chain.chain_id() });
        }
        if self.genesis_hash != chain.genesis_hash() {
            return Err(Error::WrongGenesis { expected: self.genesis_hash, found: chain.genesis_hash() });
        }
        view.check_history(self.number, self.hash).await
    }
}

/// Keeps a cursor durably.
pub trait CursorStore: Send {
    /// The cursor saved last, none in a new store.
    ///
    /// # Errors
    /// Names the file that cannot be read.
    fn load(&mut self) -> Result<Option<Cursor>, Error>;

    /// Durable when this returns.
    ///
    /// # Errors
    /// Names the file that cannot be written.
    fn save(&mut self, cursor: &Cursor) -> Result<(), Error>;
}

/// Events of consecutive blocks.
#[derive(Debug, Clone)]
pub struct Page {
    pub logs: Vec<Log>,
    /// The finalized view from which they were read.
    pub view: Finalized,
    /// Where the follower stands once this page is handled.
    pub cursor: Cursor,
}

/// What to follow.
#[derive(Debug, Clone)]
pub struct Config {
    pub addresses: Vec<Address>,
    /// Where a new store begins: the deployment's block.
    pub start_block: u64,
    /// Blocks a page, at most [`PAGE_BLOCKS_MAX`].
    pub page_blocks_max: u64,
    /// How often to look for new finalized blocks.
    pub poll_interval: Duration,
}

/// Walks through finalized events.
#[derive(Debug)]
pub struct Follower<S> {
    chain: Chain,
    config: Config,
    store: S,
    cursor: Option<Cursor>,
}

impl<S: CursorStore> Follower<S> {
    /// Takes up where `store` says.
    ///
    /// # Errors
    /// [`Error::WrongChain`], [`Error::WrongGenesis`] or [`Error::HistoryChanged`] when the chain is not the one that the
    /// store knows: nothing may be built on it then.
    pub async fn resume(chain: Chain, config: Config, mut store: S) -> Result<Self, Error> {
        let cursor = store.load()?;
        let follower = Self { chain, config, store, cursor };
        if let Some(cursor) = &follower.cursor {
            cursor.require(&follower.chain.finalized().await?).await?;
        }
        Ok(follower)
    }

    /// Where the last handled page ended.
    #[must_use]
    pub fn cursor(&self) -> Option<&Cursor> {
        self.cursor.as_ref()
    }

    /// The next events, or none when nothing new is finalized. The same page comes again until it is committed.
    ///
    /// # Errors
    /// [`Error::HistoryChanged`] when the block at the cursor is not what it was.
    pub async fn next_page(&mut self) -> Result<Option<Page>, Error> {
        let view = self.chain.finalized().await?;
        let from = self.cursor.map_or(self.config.start_block, |cursor| cursor.number + 1);
        if view.block().number < from {
            return Ok(None);
        }
        if let Some(cursor) = &self.cursor {
            view.check_history(cursor.number, cursor.hash).await?;
        }
        let blocks = self.config.page_blocks_max.clamp(1, PAGE_BLOCKS_MAX);
        let to = view.block().number.min(from.saturating_add(blocks - 1));
        let logs = view.logs(&self.config.addresses, &[], from, to).await?;
        let last = view.block_at(to).await?;
        let cursor = Cursor {
            chain_id: self.chain.chain_id(),
            genesis_hash: self.chain.genesis_hash(),
            number: last.number,
            hash: last.hash,
        };
        Ok(Some(Page { logs, view, cursor }))
    }

    /// Makes the end of `page` durable: it will not come again.
    ///
    /// # Errors
    /// Names the file that cannot be written.
    pub fn commit(&mut self, page: &Page) -> Result<(), Error> {
        self.store.save(&page.cursor)?;
        self.cursor = Some(page.cursor);
        Ok(())
    }

    /// Hands every page to `handler` until it breaks off. Failures that go away by themselves are waited out.
    ///
    /// # Errors
    /// The first error that is not transient, of the chain, the store or the handler.
    pub async fn run<H, F>(&mut self, mut handler: H) -> Result<(), Error>
    where
        H: FnMut(Page) -> F,
        F: Future<Output = Result<ControlFlow<()>, Error>>,
    {
        loop {
            match self.step(&mut handler).await {
                Ok(ControlFlow::Break(())) => return Ok(()),
                Ok(ControlFlow::Continue(true)) => continue,
                Ok(ControlFlow::Continue(false)) => {}
                Err(error) if error.is_transient() => tracing::warn!(%error, "the chain cannot be followed just now"),
                Err(error) => return Err(error),
            }
            tokio::time::sleep(self.config.poll_interval).await;
        }
    }

    /// Whether to stop, else whether there was a page.
    async fn step<H, F>(&mut self, handler: &mut H) -> Result<ControlFlow<(), bool>, Error>
    where
        H: FnMut(Page) -> F,
        F: Future<Output = Result<ControlFlow<()>, Error>>,
    {
        let Some(page) = self.next_page().await? else { return Ok(ControlFlow::Continue(false)) };
        let flow = handler(page.clone()).await?;
        self.commit(&page)?;
        Ok(flow.map_continue(|()| true))
    }
}
