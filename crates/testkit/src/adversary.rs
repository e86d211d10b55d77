//! Nodes that lie: processes of their own that speak the real protocol over HTTP.

pub mod executor;
pub mod gateway;
