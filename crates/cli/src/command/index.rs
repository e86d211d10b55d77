use std::path::PathBuf;

use serde_json::json;
use vouch_chain::{Chain, Deployment, client};
use vouch_index::{Error, Indexer, Report, Store, Subject, verify};
use vouch_node::config::Config;

use crate::failure::{Failure, chain_of};
use crate::output::Output;

/// Look at a node's index of operators, stakes, sets, slashes and withdrawals
#[derive(clap::Subcommand)]
pub enum Command {
    /// Show how far the index is, and how much it holds
    Status(Arguments),
    /// Compare the index with the state of the contracts at its block, and say what differs
    Verify(Arguments),
    /// Throw the index away and make it anew from the chain's events; the same events make the same index
    Rebuild(Arguments),
}

#[derive(clap::Args)]
pub struct Arguments {
    /// The configuration file of the node that keeps the index
    #[arg(long, value_name = "FILE", default_value = ".vouch/gateway.toml")]
    config: PathBuf,
}

/// An index and the chain that it is of.
struct Place {
    config: Config,
    chain: Chain,
    deployment: Deployment,
}

impl Place {
    async fn of(arguments: &Arguments) -> Result<Self, Failure> {
        let config = Config::load(&arguments.config).map_err(|error| {
            Failure::input(chain_of(&error), "name the configuration of a node with the role api: `--config FILE`")
        })?;
        let unreachable = |error: vouch_chain::Error| {
            Failure::chain(chain_of(&error), "check `chain.rpc` and `chain.deployment` in the configuration")
        };
        let deployment = Deployment::load(&config.chain.deployment).map_err(unreachable)?;
        let chain = Chain::connect(&client::Config::at(&config.chain.rpc)).await.map_err(unreachable)?;
        deployment.require_chain(&chain).map_err(unreachable)?;
        Ok(Self { config, chain, deployment })
    }

    fn subject(&self) -> Subject {
        Subject::of(&self.deployment)
    }

    async fn open(&self) -> Result<Store, Failure> {
        Store::open(&self.config.index_url(), self.subject()).await.map_err(|error| failure(&error))
    }
}

pub async fn run(command: Command, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Status(arguments) => status(&arguments, output).await,
        Command::Verify(arguments) => check(&arguments, output).await,
        Command::Rebuild(arguments) => rebuild(&arguments, output).await,
    }
}

async fn status(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let place = Place::of(arguments).await?;
    let store = place.open().await?;
    let finalized = place.chain.finalized().await.map_err(|error| failure(&error.into()))?.block().number;
    let mut reader = store.read().await.map_err(|error| failure(&error))?;
    let position = reader.position();
    let counts = reader.counts().await.map_err(|error| failure(&error))?;
    let block = position.cursor.map(|cursor| cursor.number);
    let rows: serde_json::Map<_, _> = counts.iter().map(|(table, rows)| ((*table).to_owned(), json!(rows))).collect();
    let value = json!({
        "database": store.shown(),
        "block": block,
        "finalizedBlock": finalized,
        "events": position.events,
        "rows": rows,
    });
    output.data(&value, |_| {
        let standing = match block {
            Some(block) => format!("block {block}, {} behind", finalized.saturating_sub(block)),
            None => "empty".to_owned(),
        };
        let rows: Vec<_> = counts.iter().map(|(table, rows)| format!("  {table:<28}{rows:>10}")).collect();
        format!("{}\n{standing}; {} events\n{}", store.shown(), position.events, rows.join("\n"))
    });
    Ok(())
}

async fn check(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let place = Place::of(arguments).await?;
    let store = place.open().await?;
    let mut reader = store.read().await.map_err(|error| failure(&error))?;
    let report = verify(&mut reader, &place.chain, &place.deployment).await.map_err(|error| failure(&error))?;
    let digest = reader.digest().await.map_err(|error| failure(&error))?;
    let value = value_of(&report, &digest.to_string());
    if report.difference_count == 0 {
        output.data(&value, |_| {
            format!(
                "block {}: {} values are as the contracts have them\ndigest {digest}",
                report.block, report.compared
            )
        });
        return Ok(());
    }
    let lines: Vec<_> = report
        .differences
        .iter()
        .map(|one| format!("{}: index {}, chain {}", one.what, one.index, one.chain))
        .collect();
    let message = format!(
        "block {}: {} of {} values differ from the contracts'\n{}",
        report.block,
        report.difference_count,
        report.compared,
        lines.join("\n")
    );
    Err(Failure::verification(message, "run `vouch index rebuild`; if it differs again, ask another endpoint")
        .with_details(value))
}

fn value_of(report: &Report, digest: &str) -> serde_json::Value {
    let differences: Vec<_> = report
        .differences
        .iter()
        .map(|one| json!({ "what": one.what, "index": one.index, "chain": one.chain }))
        .collect();
    json!({
        "block": report.block,
        "blockHash": report.block_hash,
        "compared": report.compared,
        "differenceCount": report.difference_count,
        "differences": differences,
        "digest": digest,
    })
}

async fn rebuild(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let place = Place::of(arguments).await?;
    let opened = Store::open_empty(&place.config.index_url(), place.subject()).await;
    let store = opened.map_err(|error| failure(&error))?;
    output.say(format!("reading every event from block {} on", place.deployment.start_block));
    let config = vouch_index::Config { page_blocks: place.config.index.page_blocks, ..vouch_index::Config::default() };
    let indexer = Indexer::new(place.chain.clone(), store.clone(), &place.deployment, config);
    indexer.catch_up().await.map_err(|error| failure(&error))?;
    // The node may have gone on meanwhile: the digest is of the block that it is shown with.
    let mut reader = store.read().await.map_err(|error| failure(&error))?;
    let block = reader.cursor().map_err(|error| failure(&error))?.number;
    let (events, digest) = (reader.position().events, reader.digest().await.map_err(|error| failure(&error))?);
    let value = json!({ "database": store.shown(), "block": block, "events": events, "digest": digest });
    output.data(&value, |_| format!("block {block}: made from {events} events\ndigest {digest}"));
    Ok(())
}

fn failure(error: &Error) -> Failure {
    let message = chain_of(error);
    match error {
        Error::Chain(_) | Error::Contradiction { .. } | Error::Undecodable { .. } | Error::Pruned { .. } => {
            Failure::chain(message, "name another endpoint as `chain.rpc`, one that keeps all history")
        }
        Error::InvalidDatabase(_) | Error::OtherDeployment { .. } | Error::NewerSchema { .. } | Error::Empty => {
            Failure::input(message, "check `[index]` in the configuration")
        }
        Error::Database { .. } | Error::Late { .. } | Error::OtherWriter { .. } | Error::Damaged { .. } => {
            Failure::host(message, "check that the database is there; `vouch index rebuild` makes the index anew")
        }
    }
}
