//! A whole cloud on this machine: accounts, folder, configuration files and processes.

pub mod accounts;
pub mod adversary;
pub mod cloud;
pub mod config;
pub mod process;
pub mod setup;
