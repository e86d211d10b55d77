//! An operator whose node lies, or ends in the middle of its work.

mod careless;
mod dying;
mod forger;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;
use vouch_chain::keys::{self, Password, PasswordSource};
use vouch_core::bls::SecretKey;
use vouch_node::config::{Config, ExecutorConfig};

/// What the operator does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Lie {
    /// Sign whatever anybody proposes, and reserve nothing
    AnyBatch,
    /// Report another output than the program's
    WrongOutput,
    /// Sign another batch than the proposed one
    AnotherBatch,
    /// Answer a proposal with bytes that are no signature
    NoSignature,
    /// Answer everything a second late
    SlowAnswers,
    /// End as by kill -9 when a slot is reserved on disk and its signature does not exist yet
    DieBeforeSigning,
}

/// Serves in the place of the executor that `config` describes, with its key for operator set `set`.
pub async fn serve(config: &Path, set: u32, lie: Lie) -> Result<()> {
    let config = Config::load(config)?;
    match lie {
        Lie::DieBeforeSigning => dying::serve(config).await,
        Lie::AnyBatch => careless::serve(&config, Keys::read(&config, set)?).await,
        Lie::WrongOutput | Lie::AnotherBatch | Lie::NoSignature | Lie::SlowAnswers => {
            let keys = Keys::read(&config, set)?;
            forger::serve(config, keys, lie).await
        }
    }
}

/// The operator's real keys.
struct Keys {
    account: [u8; 32],
    bls_file: PathBuf,
    password: Password,
}

impl Keys {
    fn read(config: &Config, set: u32) -> Result<Self> {
        let executor: &ExecutorConfig = config.executor.as_ref().context("the configuration is no executor's")?;
        let password = PasswordSource::File(executor.password_file.clone()).read()?;
        let account = keys::read_ecdsa(&executor.keystore, &password)?.to_bytes().0;
        Ok(Self { account, bls_file: executor.bls_dir.join(format!("set-{set}.json")), password })
    }

    /// None while the operator has not joined the set.
    fn bls(&self) -> Option<SecretKey> {
        keys::read_bls(&self.bls_file, &self.password).ok()
    }
}
