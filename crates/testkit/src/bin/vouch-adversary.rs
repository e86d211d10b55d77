//! A node that lies, in a process of its own.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use vouch_chain::keys::{self, PasswordSource};
use vouch_testkit::adversary::{executor, gateway};

/// Speak the real protocol, and lie; only for tests and demonstrations on a local cloud.
#[derive(Parser)]
enum Arguments {
    #[command(flatten)]
    Role(Role),
}

#[derive(Subcommand)]
enum Role {
    /// Sign whatever is proposed, in the place of an executor
    Executor {
        /// The executor's configuration file
        #[arg(long)]
        config: PathBuf,
        /// The operator set of its BLS key
        #[arg(long)]
        set: u32,
    },
    /// Ask an executor to sign two different batches for one slot; prints what it answered as JSON
    Gateway {
        #[arg(long)]
        keystore: PathBuf,
        #[arg(long)]
        password_file: PathBuf,
        /// The executor's URL
        #[arg(long)]
        executor: String,
        /// A receipt of the lane, whose batch both lies are made from
        #[arg(long)]
        receipt: PathBuf,
        /// How far the slot lies after the receipt's; 0: the very slot
        #[arg(long, default_value_t = 1)]
        ahead: u64,
    },
}

#[tokio::main]
async fn main() -> Result<()> {
    vouch_testkit::prepare();
    let Arguments::Role(role) = Arguments::parse();
    match role {
        Role::Executor { config, set } => executor::serve(&config, set).await,
        Role::Gateway { keystore, password_file, executor, receipt, ahead } => {
            let signer = keys::read_ecdsa(&keystore, &PasswordSource::File(password_file).read()?)?;
            let text = std::fs::read_to_string(&receipt).with_context(|| receipt.display().to_string())?;
            let receipt: vouch_api::Receipt = serde_json::from_str(&text)?;
            let asked = gateway::ask_twice(&signer, &executor, &receipt.batch.into(), ahead).await?;
            println!("{}", serde_json::to_string_pretty(&asked)?);
            Ok(())
        }
    }
}
