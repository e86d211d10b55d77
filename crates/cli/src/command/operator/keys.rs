//! An operator's signing keys.

use std::path::PathBuf;

use serde_json::json;
use vouch_chain::keys::{self, PasswordSource};

use super::ACCOUNT;
use super::set::SetOptions;
use crate::command::consent::{AccountOptions, Actor, Plan, SigningOptions};
use crate::failure::Failure;
use crate::output::Output;

/// Show, register and change the BLS keys with which an operator signs for sets
#[derive(clap::Subcommand)]
pub enum Command {
    /// Show the keys of the sets that the operator is in
    Show(AccountOptions),
    /// Register a key for a set; a node of this cloud does so by itself for the apps that it joins
    Register(ChangeArguments),
    /// Put another key in the place of a set's key, at once; the old one stays known for ever, for evidence
    Rotate(ChangeArguments),
}

#[derive(clap::Args)]
pub struct ChangeArguments {
    /// Keystore of the BLS key (EIP-2335 over BN254, as nodes write it)
    #[arg(long, value_name = "FILE")]
    bls_keystore: PathBuf,
    /// File with that keystore's password
    #[arg(long, value_name = "FILE")]
    bls_password_file: PathBuf,
    #[command(flatten)]
    set: SetOptions,
    #[command(flatten)]
    signing: SigningOptions,
}

pub async fn run(command: &Command, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Show(arguments) => show(arguments, output).await,
        Command::Register(arguments) => change(arguments, false, output).await,
        Command::Rotate(arguments) => change(arguments, true, output).await,
    }
}

async fn change(arguments: &ChangeArguments, rotate: bool, output: &Output) -> Result<(), Failure> {
    let unreadable = |error: keys::Error| {
        Failure::input(
            format!("the BLS keystore cannot be used: {}", crate::failure::chain_of(&error)),
            "give --bls-keystore and --bls-password-file of a key that a node wrote",
        )
    };
    let password = PasswordSource::File(arguments.bls_password_file.clone()).read().map_err(unreadable)?;
    let secret = keys::read_bls(&arguments.bls_keystore, &password).map_err(unreadable)?;
    let actor = Actor::find(&arguments.signing, ACCOUNT).await?;
    let set = arguments.set.find(&actor).await?;
    let title = if rotate { "Change the signing key" } else { "Register a signing key" };
    let plan = Plan::new(
        format!("{title} of {} for set {} of {}", actor.address(), set.id, set.avs),
        "by rotating to another key; one that was used once can never be used again",
    )
    .step("prove to the KeyRegistrar that the operator has the secret")
    .step("tables made from now on name this key; older ones keep theirs")
    .risk("who has both keys' secrets can be slashed for what either signed");
    let action = actor.network.key_action(actor.address(), set, &secret, rotate).await;
    let action = action.map_err(|error| actor.refusal(error))?;
    let told = json!({ "operator": actor.address(), "avs": set.avs, "set": set.id, "rotated": rotate });
    let text = "the key stands; have the node that signs with it run before the set's next table".to_owned();
    actor.carry_out(plan, &[action], output, async |_| Ok((told, text))).await
}

async fn show(arguments: &AccountOptions, output: &Output) -> Result<(), Failure> {
    let (context, network, operator) = arguments.find(ACCOUNT).await?;
    let read = async {
        let view = network.view().await?;
        let sets = network.sets_joined(&view, operator).await?;
        network.keys_of(&view, operator, &sets).await
    };
    let found = read.await.map_err(|error| context.chain_failure(error))?;
    let views: Vec<_> =
        found.iter().map(|key| json!({ "avs": key.set.avs, "set": key.set.id, "keyHash": key.hash })).collect();
    output.data(&json!({ "operator": operator, "keys": views }), |_| {
        if found.is_empty() {
            return format!("{operator} is in no set");
        }
        let line = |key: &vouch_chain::network::SetKey| {
            let hash = key.hash.map_or("no key".to_owned(), |hash| format!("key {hash}"));
            format!("set {} of {}  {hash}", key.set.id, key.set.avs)
        };
        found.iter().map(line).collect::<Vec<_>>().join("\n")
    });
    Ok(())
}
