//! Names, hashes and verifies everything that Vouch signs.
//!
//! One of two independent implementations of `docs/protocol.md`; the other is `contracts/src/libraries/VouchTypes.sol`.
//! `vectors/*.json` holds both to the same bytes. Nothing here reads a clock, a file or a network.
//!
//! Reading order: [`ids`], [`types`] (what is signed), [`ecdsa`] (client signatures), [`merkle`], [`pages`] and
//! [`batch_data`] (how long data becomes one hash), [`seed`], [`Label`] (what an answer rests on), then [`points`], [`bls`], [`table`] and [`certificate`]
//! (how a quorum signs), and [`shares`] (what stake is worth after deposits and slashes).
//!
//! The signed records derive serde plainly, because they travel unchanged between peers and in stores; their hashes never
//! depend on a serde format.
//!
//! ```
//! use vouch_core::{Exchange, Status, merkle};
//!
//! let exchange = Exchange { status: Status::Trap, ..Exchange::default() };
//! let leaves = vec![exchange.leaf(); 3];
//! let proof = merkle::prove(&leaves, 2)?;
//! assert!(merkle::verify(&proof, merkle::root(&leaves), leaves[2], 2, 3));
//! # Ok::<(), merkle::Error>(())
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

pub mod batch_data;
pub mod bls;
pub mod certificate;
pub mod ecdsa;
pub mod ids;
mod label;
pub mod merkle;
pub mod pages;
pub mod points;
pub mod seed;
pub mod shares;
pub mod table;
pub mod types;
mod words;

pub use batch_data::{BatchData, Entry, Origin};
pub use certificate::{Certificate, NonSignerWitness, VerifiedCertificate};
pub use ids::{AppId, BatchHash, OperatorId, ProgramId, RequestId, Slot};
pub use label::Label;
pub use table::{OperatorInfo, OperatorTable, TableSummary};
pub use types::{Batch, Charge, Domain, Exchange, FORCED_NONCE_FIRST, Limits, Program, Request, Status};
