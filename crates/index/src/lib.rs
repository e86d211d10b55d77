//! Keeps operators, stakes, sets, slashes and withdrawals of finalized events in a database.
//!
//! - [`event`] decodes what the three core contracts say; [`apply`] is the rules, plain functions from an event and the
//!   [`rows`] before it to the rows after it; [`now`] says what holds at a block.
//! - [`Store`] keeps the rows in SQLite or PostgreSQL, a page of blocks per transaction with the cursor in it.
//! - [`Indexer`] carries events from the chain into the store; [`verify()`] compares the store with the chain's own state.
//!
//! The same events leave the same rows in either database, so an index can be thrown away and built anew at any time:
//! [`Reader::digest`] says whether two are equal. It knows nothing that decides anything: no signature and no certificate
//! rests on it.
//!
//! ```no_run
//! # async fn example(chain: vouch_chain::Chain, deployment: vouch_chain::Deployment) -> Result<(), vouch_index::Error> {
//! use vouch_index::{Config, Indexer, Store, Subject};
//!
//! let store = Store::open("sqlite:///var/lib/vouch/index.sqlite", Subject::of(&deployment)).await?;
//! Indexer::new(chain, store.clone(), &deployment, Config::default()).catch_up().await?;
//! println!("{}", store.read().await?.digest().await?);
//! # Ok(())
//! # }
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a failed unwrap fails the test"))]

pub mod apply;
mod error;
pub mod event;
mod field;
mod follow;
pub mod now;
mod row;
pub mod rows;
pub mod state;
mod store;
mod verify;

pub use error::Error;
pub use field::{Cell, Field, Kind};
pub use follow::{Config, Indexer, Standing, chain_of};
pub use row::{Column, Place, Row, Table};
pub use store::{PAGE_TIMEOUT, Position, Reader, Select, Store, Subject, file_url};
pub use verify::{Difference, Report, verify};
