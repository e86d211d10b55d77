//! Executors and a gateway over in-memory links, and every lie that one can tell the other.

#![allow(clippy::unwrap_used, reason = "tests")]

mod acceptance;
mod calls;
mod debts;
mod executor_lies;
mod fees;
mod gateway_lies;
mod handover;
mod inbox;
mod restore;
mod standin;
mod wasm;
mod world;
