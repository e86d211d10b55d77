//! Calls Vouch apps and verifies their receipts.
//!
//! - [`Client`] talks to a gateway: it signs a request, sends it, and hands out only answers to what was asked.
//! - [`verify`] trusts the chain alone: neither the gateway nor whoever passed the receipt on. It says which check failed.
//! - [`archive`] keeps a receipt with proofs from the chain; [`verify_archive`] then needs the hash of one block and no chain.
//! - [`certified_exchange`] is what a contract that inherits `VouchConsumer` takes.
//!
//! ```no_run
//! # async fn example(signer: alloy::signers::local::PrivateKeySigner, network: vouch_chain::Network) -> Result<(), Box<dyn std::error::Error>> {
//! use vouch_sdk::{CallOptions, Client};
//!
//! let client = Client::new("http://127.0.0.1:8080", network.deployment().domain())?;
//! let app = client.apps().await?.remove(0);
//! let receipt = client.call(app.app, app.releases[0].program_id, b"hello", &signer, &CallOptions::default()).await?;
//! let verified = vouch_sdk::verify(&receipt, &network).await?;
//! println!("{} of {} weight signed", verified.signed_weight, verified.total_weight);
//! # Ok(())
//! # }
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

mod client;
mod http;
mod receipt;

pub use client::{CallOptions, Client, SignedCall};
pub use http::Error;
pub use receipt::{
    ARCHIVE_VERSION, AccountProof, Archive, ArchiveError, ArchiveLie, ArchivedReceipt, CheckedReceipt, Checkpoint,
    Consumption, EntryProof, Facts, InboxCheckpoint, Lie, RecordProof, Standing, VerifiedReceipt, VerifyError, archive,
    certified_answer, certified_exchange, check, check_facts, verify, verify_archive,
};
