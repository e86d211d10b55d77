//! An AVS made by hand: what it says of itself, its operator sets, and its slashes.

use alloy_primitives::Address;
use serde_json::json;
use vouch_chain::Error;

use super::consent::{Actor, Plan, SigningOptions};
use crate::context::{CloudOptions, Context, KeyOptions};
use crate::failure::Failure;
use crate::output::Output;

mod set;
mod slash;
mod strategies;

/// The longest address of a description, bytes.
const URI_BYTES_MAX: usize = 1_024;

/// Make an AVS by hand: its operator sets, the stake that they take, and who slashes
#[derive(clap::Subcommand)]
pub enum Command {
    /// Say what the AVS is, and who is asked when operators join
    Create(CreateArguments),
    /// Show an AVS and its first sets
    Show(ShowArguments),
    /// Make, show and change operator sets
    #[command(subcommand)]
    Set(set::Command),
    /// Change whose stake a set takes
    #[command(subcommand)]
    Strategies(strategies::Command),
    /// Slash a member of a set, as the set's slasher
    Slash(slash::Arguments),
    /// Burn what a slash took, or send it to the set's recipient, once its delay has passed; anyone may
    Resolve(slash::ResolveArguments),
}

#[derive(clap::Args)]
pub struct CreateArguments {
    /// Where the AVS is described: a URI of at most 1,024 bytes
    #[arg(long, value_name = "URI")]
    metadata: String,
    /// Who is asked when operators join: `open` lets every operator in; or a contract's address (default: the AVS itself)
    #[arg(long, value_name = "open|ADDRESS")]
    registrar: Option<String>,
    #[command(flatten)]
    avs: AvsOptions,
}

/// Which AVS
#[derive(clap::Args)]
pub struct AvsOptions {
    /// The AVS (default: the key's own account)
    #[arg(long, value_name = "ADDRESS")]
    avs: Option<Address>,
    #[command(flatten)]
    signing: SigningOptions,
}

#[derive(clap::Args)]
pub struct ShowArguments {
    /// The AVS (default: the key's own account)
    avs: Option<Address>,
    #[command(flatten)]
    cloud: CloudOptions,
    #[command(flatten)]
    key: KeyOptions,
}

pub async fn run(command: Command, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Create(arguments) => create(&arguments, output).await,
        Command::Show(arguments) => show(&arguments, output).await,
        Command::Set(command) => set::run(&command, output).await,
        Command::Strategies(command) => strategies::run(&command, output).await,
        Command::Slash(arguments) => slash::run(&arguments, output).await,
        Command::Resolve(arguments) => slash::resolve(&arguments, output).await,
    }
}

impl AvsOptions {
    async fn actor(&self) -> Result<(Actor, Address), Failure> {
        let actor = Actor::find(&self.signing, "developer").await?;
        let avs = self.avs.unwrap_or(actor.address());
        Ok((actor, avs))
    }
}

async fn create(arguments: &CreateArguments, output: &Output) -> Result<(), Failure> {
    if arguments.metadata.len() > URI_BYTES_MAX {
        return Err(Failure::input("--metadata is too long", format!("give at most {URI_BYTES_MAX} bytes")));
    }
    let (actor, avs) = arguments.avs.actor().await?;
    let registrar = registrar_of(arguments.registrar.as_deref(), actor.network.contracts().open_registrar)?;
    let mut plan = Plan::new(
        format!("Make {avs} an AVS"),
        "at any time: run it again with another description or registrar; an AVS without sets binds nobody",
    )
    .step(format!("note that {avs} is described at {}", arguments.metadata));
    let mut actions = vec![actor.network.update_avs_metadata(avs, &arguments.metadata)];
    if let Some(registrar) = registrar {
        plan = plan.step(format!("ask {registrar} when operators join a set"));
        actions.push(actor.network.set_avs_registrar(avs, registrar));
    }
    let told = json!({ "avs": avs, "metadata": arguments.metadata, "registrar": registrar });
    let text = format!("{avs} is an AVS; make a set with `vouch avs set create ID --strategy SYMBOL`");
    actor.carry_out(plan, &actions, output, async |_| Ok((told, text))).await
}

fn registrar_of(named: Option<&str>, open: Address) -> Result<Option<Address>, Failure> {
    match named {
        None => Ok(None),
        Some("open") => Ok(Some(open)),
        Some(text) => text.parse().map(Some).map_err(|_| {
            Failure::input(format!("{text} is no registrar"), "give `open`, or a contract's address: 0x and 40 digits")
        }),
    }
}

async fn show(arguments: &ShowArguments, output: &Output) -> Result<(), Failure> {
    let context = Context::find(&arguments.cloud)?;
    let network = context.network().await?;
    let account = match arguments.avs {
        Some(avs) => avs,
        None => context.signer(&arguments.key, "developer")?.address(),
    };
    let read = async {
        let view = network.view().await?;
        Ok::<_, Error>((network.avs(&view, account).await?, network.sets_of(&view, account).await?))
    };
    let (found, sets) = read.await.map_err(|error| context.chain_failure(error))?;
    let views: Vec<_> = sets.iter().map(|(id, info)| set::view(*id, info)).collect();
    let told = json!({ "avs": account, "registrar": found.registrar, "setCount": found.set_count, "sets": views });
    output.data(&told, |_| {
        let mut lines = vec![format!("avs        {account}"), format!("registrar  {}", found.registrar)];
        lines.extend(sets.iter().map(|(id, info)| set::describe(*id, info)));
        lines.join("\n")
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registrar_is_open_or_an_address() {
        let open = Address::repeat_byte(1);
        assert_eq!(registrar_of(None, open).unwrap(), None);
        assert_eq!(registrar_of(Some("open"), open).unwrap(), Some(open));
        let other = Address::repeat_byte(2);
        assert_eq!(registrar_of(Some(&other.to_string()), open).unwrap(), Some(other));
        assert!(registrar_of(Some("shut"), open).unwrap_err().next().contains("open"));
    }
}
