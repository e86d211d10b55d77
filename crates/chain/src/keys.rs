//! Keys at rest.
//!
//! Transaction keys lie in version 3 keystores, as every Ethereum tool reads them; BLS keys in keystores of EIP-2335's
//! form. Files are readable by their owner alone, secrets are wiped from memory, and a password comes from a file, the
//! environment or a prompt, never from an argument, which every user of the machine could read.

mod bls;
mod cipher;
mod ecdsa;
mod error;
mod file;
mod password;

pub use bls::{create_bls, read_bls, write_bls};
pub use cipher::Cost;
pub use ecdsa::{create_ecdsa, read_ecdsa, write_ecdsa};
pub use error::Error;
pub use file::{read_private, write_private};
pub use password::{Password, PasswordSource};

#[cfg(test)]
mod tests;
