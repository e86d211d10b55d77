//! Runs a program from an OCI image in an isolated, bounded container.
//!
//! - [`container`] runs one: namespaces, system call filter, read-only root, one supervisor process per run.
//! - [`image`] turns an image into a root and a configuration: verified, bounded, cached by digest.
//! - [`limits`] bounds it: control groups of either version, read back before anything starts.
//! - [`state`] remembers what is running, so that nothing survives a crash.
//!
//! The crate knows nothing of programs' ids, of signing or of the chain; whoever drives it maps [`container::Outcome`] and
//! [`container::Failure`] to what may be signed and what may not.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

pub mod container;
pub mod image;
pub mod limits;
pub mod state;

pub use container::child_main;
