//! Runs a program from an OCI image in an isolated, bounded container.
//!
//! - [`container`] runs one: namespaces, system call filter, read-only root, one supervisor process per run.
//! - [`container::service`] keeps one running that answers many requests, over HTTP or as an Hourglass performer.
//! - [`clock`] shows it the request's time and randomness instead of the host's.
//! - [`image`] turns an image into a root and a configuration: verified, bounded, cached by digest.
//! - [`limits`] bounds it: control groups of either version, read back before anything starts.
//! - [`state`] remembers what is running, so that nothing survives a crash.
//!
//! The crate knows nothing of programs' ids, of signing or of the chain; whoever drives it maps [`container::Outcome`] and
//! [`container::Failure`] to what may be signed and what may not.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

// Replaces machine code, and knows that of x86-64 only. No container is run on a machine on which it would see the host's
// time and randomness.
#[cfg(target_arch = "x86_64")]
pub mod clock;
#[cfg(target_arch = "x86_64")]
pub mod container;
mod count;
#[cfg(test)]
#[path = "../../../tests/fuzz/mod.rs"]
mod fuzz;
pub mod image;
pub mod limits;
pub mod state;

#[cfg(target_arch = "x86_64")]
pub use container::child_main;
pub use count::{Counts, counts};
