//! Composes roles into running processes.
//!
//! This is where the crates meet: the chain's finalized state becomes the [`ChainView`](vouch_compute::lane::chain::ChainView)
//! that executor and gateway know ([`mirror`]), HTTP becomes their [`Peers`](vouch_compute::lane::chain::Peers) ([`peers`]),
//! and what they wish for on chain becomes transactions. Reading order: [`config`], [`policy`], [`mirror`], [`programs`], then
//! [`run`].
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a failed unwrap fails the test"))]

mod acceptance;
pub mod adversary;
pub mod config;
mod executor;
mod fees;
mod gateway;
mod http;
mod index;
mod journal;
pub mod metrics;
pub mod mirror;
mod node;
pub mod peers;
pub mod policy;
pub mod programs;
mod registries;
mod relief;
pub mod server;
mod standin;
pub mod telemetry;
pub mod tls;
pub mod watch;

pub use http::openapi_document;
pub use node::{Error, run};
