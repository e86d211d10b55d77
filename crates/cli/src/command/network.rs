//! A cloud on more than one machine: its contracts, and each machine's keys, configuration and endpoint.

use std::path::{Path, PathBuf};

use serde_json::json;
use vouch_chain::anvil::Anvil;
use vouch_chain::client::Config;
use vouch_chain::deploy::{Parameters, deploy};
use vouch_chain::keys::{self, Cost, PasswordSource};
use vouch_chain::{Chain, Error, Sender, sender};

use crate::failure::{Failure, chain_of};
use crate::local::cloud::unwritable;
use crate::local::config::{DEPLOYMENT_FILE, PASSWORD_FILE};
use crate::local::setup::coins;
use crate::output::Output;

mod add;
mod file;
mod rotate;
mod status;

use file::{NetworkFile, Preset, lock};

/// The deployer's keystore, beside the network's file.
const DEPLOYER_FILE: &str = "deployer.json";

/// Set up a cloud on any chain, and join machines to it
#[derive(clap::Subcommand)]
pub enum Command {
    /// Start a folder for a network: vouch-network.toml and the deployer's key
    Init(InitArguments),
    /// Put the contracts on the chain; goes on where an earlier run was cut off, and deploys nothing twice
    Deploy(FolderArguments),
    /// Make a machine's keys and configuration, and register it on chain; can be run again after it was cut off
    #[command(subcommand)]
    Add(add::Command),
    /// Give a machine another transport key while it goes on being reached: once before its restart, once after
    Rotate(rotate::Arguments),
    /// Show each machine: endpoint on chain, whether it answers with its registered key, how far it has read
    Status(FolderArguments),
}

#[derive(clap::Args)]
pub struct FolderArguments {
    /// The network's folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

#[derive(clap::Args)]
pub struct InitArguments {
    #[command(flatten)]
    folder: FolderArguments,
    /// JSON-RPC endpoint of the chain, as the machines reach it
    #[arg(long, env = "VOUCH_RPC", value_name = "URL")]
    rpc: String,
    /// Delays of the contracts: minutes and worthless tokens, or weeks
    #[arg(long, value_enum, default_value_t = Preset::Local)]
    preset: Preset,
}

pub async fn run(command: Command, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Init(arguments) => init(&arguments, output).await,
        Command::Deploy(arguments) => deploy_contracts(&arguments.dir, output).await,
        Command::Add(command) => add::run(&command, output).await,
        Command::Rotate(arguments) => rotate::run(&arguments, output).await,
        Command::Status(arguments) => status::run(&arguments.dir, output).await,
    }
}

async fn init(arguments: &InitArguments, output: &Output) -> Result<(), Failure> {
    let folder = &arguments.folder.dir;
    let chain = connect(&arguments.rpc, None).await?;
    std::fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
    let file = NetworkFile::new(&arguments.rpc, chain.chain_id(), arguments.preset);
    file.create(folder)?;
    let deployer = key_in(folder, DEPLOYER_FILE)?;
    let next = "vouch network deploy";
    output.data(&json!({ "chainId": file.chain_id, "deployer": deployer.address(), "next": next }), |_| {
        format!(
            "{} names chain {}. The deployer is {}: give it some of the chain's currency, then run `{next}`.",
            file::path_in(folder).display(),
            file.chain_id,
            deployer.address()
        )
    });
    Ok(())
}

async fn deploy_contracts(folder: &Path, output: &Output) -> Result<(), Failure> {
    let file = NetworkFile::load(folder)?;
    let _lock = lock(folder)?;
    let chain = file.connect().await?;
    let deployer = sender_of(&chain, key_in(folder, DEPLOYER_FILE)?).await?;
    output.say(format!("deploying from {} on chain {}", deployer.address(), chain.chain_id()));
    let parameters = file.preset.parameters();
    let deployed = deploy(&deployer, &parameters, &folder.join(DEPLOYMENT_FILE)).await;
    let deployed = deployed.map_err(|error| chain_failure(&error))?;
    output.data(&deployed, |deployed| {
        format!(
            "The contracts stand on chain {} (BatchRegistry {}).\nNext: vouch network add gateway NAME --url https://HOST:PORT",
            deployed.chain_id, deployed.contracts.batch_registry
        )
    });
    Ok(())
}

impl Preset {
    fn parameters(self) -> Parameters {
        match self {
            Self::Local => Parameters::local(),
            Self::Mainnet => Parameters::mainnet(),
        }
    }
}

async fn connect(rpc: &str, chain_id: Option<u64>) -> Result<Chain, Failure> {
    let config = Config { chain_id, attempts_max: 2, ..Config::at(rpc) };
    Chain::connect(&config).await.map_err(|error| chain_failure(&error))
}

/// The key in `folder/name`, made with a password of its own when there is none.
fn key_in(folder: &Path, name: &str) -> Result<alloy::signers::local::PrivateKeySigner, Failure> {
    let (path, password_file) = (folder.join(name), folder.join(PASSWORD_FILE));
    let failure = |error: keys::Error| Failure::host(chain_of(&error), "check the folder and who may read it");
    if !password_file.exists() {
        // Nobody has to remember it: who may read the file may use the keys.
        let password = format!("{}\n", alloy::signers::local::PrivateKeySigner::random().to_bytes());
        keys::write_private(&password_file, password.as_bytes()).map_err(failure)?;
    }
    let password = PasswordSource::File(password_file).read().map_err(failure)?;
    let key = if path.exists() {
        keys::read_ecdsa(&path, &password)
    } else {
        keys::create_ecdsa(&path, &password, Cost::Light)
    };
    key.map_err(failure)
}

/// A sender that can pay: on a development chain it is given coins.
async fn sender_of(chain: &Chain, signer: alloy::signers::local::PrivateKeySigner) -> Result<Sender, Failure> {
    if let Ok(anvil) = Anvil::of(chain).await {
        let given = anvil.set_balance(signer.address(), coins()).await;
        given.map_err(|error| chain_failure(&error))?;
    }
    Ok(Sender::new(chain.clone(), signer, sender::Config::default()))
}

fn chain_failure(error: &Error) -> Failure {
    let message = chain_of(error);
    match error {
        Error::InsufficientFunds { .. } => {
            Failure::input(message, "give the key some of the chain's currency, then run it again")
        }
        _ => Failure::chain(
            message,
            "check `rpc` in vouch-network.toml, then run the same command again: it goes on where it stopped",
        ),
    }
}
