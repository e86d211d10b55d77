//! Executors and a gateway over in-memory links, and every lie that one can tell the other.

#![allow(clippy::unwrap_used, reason = "tests")]

mod acceptance;
mod calls;
mod executor_lies;
mod fees;
mod gateway_lies;
mod inbox;
mod restore;
mod wasm;
mod world;
