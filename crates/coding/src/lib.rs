//! Turns payloads into blobs and commits to them.
//!
//! Reading order: [`codec`] (payload, encoded payload, blob), [`domain`] (a blob as a polynomial), [`srs`] (the points
//! that commitments are made of), [`kzg`] (commit, open, verify), [`data`] (what a batch header says of its data and how
//! an executor checks it), [`vectors`] (this build against golden files). The formats are EigenDA's, byte for byte.
//!
//! ```
//! use vouch_coding::{Srs, srs::DevelopmentSrs};
//!
//! let srs = Srs::from(DevelopmentSrs::for_chain(31337)?);
//! let (commitment, opening) = srs.commit_data(b"batch data")?;
//! srs.check_data(&commitment, b"batch data", &opening)?;
//! assert!(srs.check_data(&commitment, b"other data", &opening).is_err());
//! # Ok::<(), vouch_coding::Error>(())
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

pub mod codec;
pub mod data;
pub mod domain;
pub mod fast;
mod fixed_bases;
pub mod kzg;
pub mod srs;
pub mod vectors;

pub use codec::PolynomialForm;
pub use data::{DataCommitment, Opening};
pub use srs::{DevelopmentSrs, Srs};

/// What can go wrong with blobs and commitments.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Codec(#[from] codec::Error),
    #[error(transparent)]
    Srs(#[from] srs::Error),
    #[error(transparent)]
    Data(#[from] data::Error),
}
