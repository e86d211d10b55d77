//! One module per command.

pub mod app;
pub mod doctor;
pub mod explain;
pub mod fee;
pub mod gateway;
pub mod generated;
pub mod image;
pub mod index;
pub mod internal;
pub mod lane;
pub mod network;
pub mod node;
pub mod operator;
pub mod receipt;
pub mod status;
pub mod up;
pub mod vectors;
