//! Turns payloads into blobs and commits to them.
//!
//! Reading order: [`codec`] (payload, encoded payload, blob), [`domain`] (a blob as a polynomial), [`srs`] (the points
//! that commitments are made of), [`kzg`] (commit, open, verify), [`data`] (what a batch header says of its data and how
//! an executor checks it). For the availability network: [`powers`] (all points of an SRS, the three commitments of a
//! blob), [`shape`] (how a blob is cut), [`chunks`] (cut and restore), [`proofs`] (a proof for each chunk), [`frame`] (both as
//! bytes), [`verify`], [`scheme`] (all of that as one code, and what every code keeps), [`assignment`] (who stores what). Below all of it [`fast`] (sums and transforms), beside it [`vectors`]
//! (this build against golden files). The formats are EigenDA's, byte for byte.
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

pub mod assignment;
pub mod chunks;
pub mod codec;
pub mod data;
pub mod domain;
pub mod fast;
mod fixed_bases;
pub mod frame;
pub mod kzg;
pub mod powers;
pub mod proofs;
pub mod scheme;
pub mod shape;
pub mod srs;
pub mod vectors;
pub mod verify;

pub use codec::PolynomialForm;
pub use data::{DataCommitment, Opening};
pub use powers::{BlobCommitments, Powers};
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
    #[error(transparent)]
    Powers(#[from] powers::Error),
}
