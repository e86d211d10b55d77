//! Reads finalized chain state, sends transactions and keeps keys.
//!
//! - What decides something is read through [`Finalized`], a view of one finalized block that can read nothing else.
//! - [`Follower`] hands out finalized events page by page, across restarts, and stops when history is not what it was.
//! - [`FinalizedClock`] is the only time by which requests are judged.
//! - [`Sender`] is the one way out for a key's transactions: nonces, fees, replacement, confirmation, reasons.
//! - [`keys`] keeps secrets in files.
//! - [`deploy`] puts the contracts on a chain, each once; [`Network`] does on a deployment what the command line and the
//!   local cloud need, with typed answers.
//! - [`anvil`] moves time on local development chains and refuses every other.
//!
//! ```no_run
//! # async fn example() -> Result<(), vouch_chain::Error> {
//! use vouch_chain::{Chain, client::Config};
//!
//! let chain = Chain::connect(&Config::at("http://127.0.0.1:8545")).await?;
//! let view = chain.finalized().await?;
//! println!("block {} was final at {}", view.block().number, view.block().timestamp);
//! # Ok(())
//! # }
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

pub mod anvil;
pub mod artifacts;
pub mod bindings;
pub mod client;
pub mod clock;
mod convert;
pub mod deploy;
pub mod endpoint;
mod error;
mod finalized;
pub mod follower;
pub mod keys;
pub mod network;
pub mod pinned;
mod revert;
pub mod sender;
mod transport;

pub use client::Chain;
pub use clock::FinalizedClock;
pub use deploy::Deployment;
pub use error::{Error, Fault};
pub use finalized::{Finalized, FinalizedBlock, PAGE_BLOCKS_MAX, PROOF_SLOTS_MAX};
pub use follower::{Cursor, CursorStore, Follower};
pub use network::Network;
pub use revert::Revert;
pub use sender::{Confirmed, Sender};
