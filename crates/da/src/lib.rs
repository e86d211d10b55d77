//! The availability network. So far its wire formats only: what is hashed, what is signed, and the certificates that
//! rollups store. They are EigenDA's, byte for byte.
//!
//! Reading order: [`wire`] (headers and their hashes), [`wire::digest`] (what clients, dispersers and validators sign),
//! [`wire::inclusion`] (the tree over a batch), [`wire::certificate`] (a rollup's certificate, decoded and checked),
//! [`vectors`] (this build against golden files).

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

pub mod vectors;
pub mod wire;
