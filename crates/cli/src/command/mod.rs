//! One module per command.

pub mod admin;
pub mod app;
pub mod avs;
pub mod consent;
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
pub mod srs;
pub mod stake;
pub mod status;
pub mod token;
pub mod up;
pub mod vectors;
