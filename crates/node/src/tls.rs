//! TLS between nodes: the key that this node shows ([`identity`]), and the server that asks every caller for one ([`server`]).
//!
//! Version 1.3 only. Nobody signs certificates: a handshake proves a key, finalized blocks say whose keys count.

pub mod identity;
pub mod server;

#[cfg(test)]
mod tests;

pub use identity::Identity;
pub use server::{Connection, TlsListener};
