//! Runs a small cloud and its adversaries, for the demo, the benches and the stories in `tests/`.
//!
//! Everything here drives the real `vouch` binary as a user would ([`cloud`]); what only players and operators of the
//! demo do goes through `vouch_chain`. [`adversary`] holds processes that speak the real protocol and lie, [`faults`] what breaks
//! honest ones.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

pub mod adversary;
pub mod bench;
pub mod cloud;
pub mod demo;
pub mod faults;
pub mod load;
pub mod machines;

/// Prepares the process: TLS for HTTP clients. Calling it again changes nothing.
pub fn prepare() {
    // An error says that a provider is there already.
    let _installed = rustls::crypto::ring::default_provider().install_default();
}
