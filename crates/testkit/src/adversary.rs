//! Nodes that lie: processes of their own that speak the real protocol over HTTP.
//!
//! A lying gateway has the lane's real key and does its part of the first round honestly, so that a refusal is about the
//! lie alone. A lying executor is a whole honest node whose answers are changed on their way out, or one that ends in the
//! middle of its work. A lying chain stands before a real one, and a lying client needs no cloud of its own.
//!
//! Those that can be watched in a local cloud have their names in [`vouch_node::adversary`].

pub mod chain;
pub mod client;
pub mod dropping;
pub mod executor;
mod front;
pub mod gateway;
mod peer;
pub mod receipts;
