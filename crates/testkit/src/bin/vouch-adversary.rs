//! A node that lies, in a process of its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use alloy::signers::local::PrivateKeySigner;
use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand, ValueEnum};
use serde::Serialize;
use vouch_api::Receipt;
use vouch_chain::Deployment;
use vouch_chain::keys::{self, PasswordSource};
use vouch_compute::wire::Call;
use vouch_testkit::adversary::client::LyingClient;
use vouch_testkit::adversary::gateway::{Lie, LyingGateway};
use vouch_testkit::adversary::{chain, client, dropping, executor, receipts};

/// Speak the real protocol, and lie; only for tests and demonstrations on a local cloud.
#[derive(Parser)]
enum Arguments {
    #[command(flatten)]
    Role(Role),
}

#[derive(Subcommand)]
enum Role {
    /// Lie in the place of an executor
    Executor {
        /// The executor's configuration file
        #[arg(long)]
        config: PathBuf,
        /// The operator set of its BLS key: that of a cloud's first app unless told otherwise
        #[arg(long, default_value_t = 1)]
        set: u32,
        #[arg(long, default_value = "any-batch")]
        lie: executor::Lie,
    },
    /// Lie to an executor as a lane's gateway; prints what it answered as JSON
    Gateway(Gateway),
    /// Serve in the place of a gateway and change the outputs in the receipts that it gives out
    Receipts {
        /// The gateway's configuration file
        #[arg(long)]
        config: PathBuf,
    },
    /// Serve in the place of a gateway and drop everything
    Drop {
        /// The gateway's configuration file
        #[arg(long)]
        config: PathBuf,
        /// How long to be honest first, in seconds
        #[arg(long, default_value_t = 0)]
        honest_seconds: u64,
    },
    /// Stand before a chain's endpoint and lie about the chain
    Chain {
        /// The honest endpoint
        #[arg(long)]
        rpc: String,
        /// Where to lie, address and port
        #[arg(long)]
        listen: String,
        #[arg(long)]
        lie: chain::Lie,
        /// How long to be honest first, in seconds
        #[arg(long, default_value_t = 0)]
        honest_seconds: u64,
    },
    /// Lie to a gateway as a client; prints what it answered as JSON, a lie a line
    Client(Client),
}

#[derive(clap::Args)]
struct Gateway {
    /// The gateway's key
    #[arg(long)]
    keystore: PathBuf,
    /// Opens all keystores
    #[arg(long)]
    password_file: PathBuf,
    /// The executor's URL
    #[arg(long)]
    executor: String,
    #[command(subcommand)]
    deed: Deed,
}

#[derive(clap::Args)]
struct Client {
    /// The key that signs
    #[arg(long)]
    keystore: PathBuf,
    /// Opens the keystore
    #[arg(long)]
    password_file: PathBuf,
    /// The gateway's URL
    #[arg(long)]
    gateway: String,
    /// Where the contracts stand: deployment.json
    #[arg(long)]
    deployment: PathBuf,
    /// Only this lie; without it all of them, one after another
    #[arg(long)]
    lie: Option<client::Lie>,
    /// Begin again after so many seconds
    #[arg(long)]
    every: Option<u64>,
}

#[derive(Subcommand)]
enum Deed {
    /// Ask for signatures of two different batches for one slot
    AskTwice {
        /// A receipt of the lane, whose batch both are made from
        #[arg(long)]
        receipt: PathBuf,
        /// How far the slot lies after the receipt's; 0: the very slot
        #[arg(long, default_value_t = 1)]
        ahead: u64,
    },
    /// Have requests executed, then propose a batch that lies about them
    Propose {
        /// The receipt behind whose batch the proposal comes
        #[arg(long)]
        receipt: PathBuf,
        /// The key of the client that signs the requests
        #[arg(long)]
        client_keystore: PathBuf,
        #[arg(long)]
        lie: Lie,
        /// Write the proposal here
        #[arg(long)]
        save: Option<PathBuf>,
    },
    /// Send a proposal that was saved, byte for byte
    Repeat {
        #[arg(long)]
        proposal: PathBuf,
    },
}

#[tokio::main]
async fn main() -> Result<()> {
    vouch_testkit::prepare();
    let Arguments::Role(role) = Arguments::parse();
    match role {
        Role::Executor { config, set, lie } => {
            // A node that dies at what it logs looks at that itself.
            if lie != executor::Lie::DieBeforeSigning {
                log_to_stderr();
            }
            executor::serve(&config, set, lie).await
        }
        Role::Gateway(gateway) => gateway.run().await,
        Role::Receipts { config } => {
            log_to_stderr();
            receipts::serve(&config).await
        }
        Role::Drop { config, honest_seconds } => {
            log_to_stderr();
            dropping::serve(&config, Duration::from_secs(honest_seconds)).await
        }
        Role::Chain { rpc, listen, lie, honest_seconds } => {
            chain::serve(&rpc, &listen, lie, Duration::from_secs(honest_seconds)).await
        }
        Role::Client(client) => client.run().await,
    }
}

/// As a node logs.
fn log_to_stderr() {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).with_max_level(tracing::Level::INFO).init();
}

impl Client {
    async fn run(&self) -> Result<()> {
        let password = PasswordSource::File(self.password_file.clone()).read()?;
        let signer = keys::read_ecdsa(&self.keystore, &password)?;
        let domain = Deployment::load(&self.deployment)?.domain();
        let liar = LyingClient::new(&self.gateway, domain, signer).await?;
        loop {
            for lie in self.lie.as_ref().map_or(client::Lie::value_variants(), std::slice::from_ref) {
                println!("{}", serde_json::to_string(&liar.tell(*lie).await?)?);
            }
            let Some(seconds) = self.every else { return Ok(()) };
            tokio::time::sleep(Duration::from_secs(seconds)).await;
        }
    }
}

impl Gateway {
    async fn run(&self) -> Result<()> {
        let liar = LyingGateway::new(self.signer(&self.keystore)?, &self.executor);
        match &self.deed {
            Deed::AskTwice { receipt, ahead } => print(&liar.ask_twice(&batch_of(receipt)?, *ahead).await?),
            Deed::Propose { receipt, client_keystore, lie, save } => {
                let client = self.signer(client_keystore)?;
                let (told, proposal) = liar.lie(&batch_of(receipt)?, &client, *lie).await?;
                if let Some(path) = save {
                    let body = Call::Propose(Box::new(proposal)).encode();
                    std::fs::write(path, body).with_context(|| path.display().to_string())?;
                }
                print(&told)
            }
            Deed::Repeat { proposal } => {
                let body = std::fs::read(proposal).with_context(|| proposal.display().to_string())?;
                match Call::decode(&body).with_context(|| proposal.display().to_string())? {
                    Call::Propose(call) => print(&liar.propose(&call).await?),
                    _ => bail!("{} is no proposal", proposal.display()),
                }
            }
        }
    }

    fn signer(&self, keystore: &Path) -> Result<PrivateKeySigner> {
        let password = PasswordSource::File(self.password_file.clone()).read()?;
        Ok(keys::read_ecdsa(keystore, &password)?)
    }
}

/// The batch that a receipt is of.
fn batch_of(receipt: &Path) -> Result<vouch_core::Batch> {
    let text = std::fs::read_to_string(receipt).with_context(|| receipt.display().to_string())?;
    let receipt: Receipt = serde_json::from_str(&text).with_context(|| receipt.display().to_string())?;
    Ok(receipt.batch.into())
}

fn print(answer: &impl Serialize) -> Result<()> {
    println!("{}", serde_json::to_string_pretty(answer)?);
    Ok(())
}
