//! `vouch avs strategies`.

use serde_json::json;
use vouch_chain::network::OperatorSet;

use super::AvsOptions;
use crate::command::consent::Plan;
use crate::failure::Failure;
use crate::output::Output;

#[derive(clap::Subcommand)]
pub enum Command {
    /// Take stake in further strategies, at once
    Add(Arguments),
    /// Take no more stake in strategies; what is allocated stays slashable for the deallocation delay
    Remove(Arguments),
}

#[derive(clap::Args)]
pub struct Arguments {
    /// The set's number
    id: u32,
    /// Symbols (EIGEN, ...) or strategies' addresses
    #[arg(required = true, value_name = "SYMBOL|ADDRESS")]
    strategies: Vec<String>,
    #[command(flatten)]
    avs: AvsOptions,
}

pub async fn run(command: &Command, output: &Output) -> Result<(), Failure> {
    let (Command::Add(arguments) | Command::Remove(arguments)) = command;
    let (actor, avs) = arguments.avs.actor().await?;
    let (set, id) = (OperatorSet { avs, id: arguments.id }, arguments.id);
    let strategies = actor.strategies(&arguments.strategies)?;
    let names = actor.names_of(&strategies);
    let delay = actor.blocks(actor.network.deployment().parameters.deallocation_delay_blocks);
    let (plan, action, text) = match command {
        Command::Add(_) => (
            Plan::new(
                format!("Add strategies to set {id} of {avs}"),
                format!("with `vouch avs strategies remove`; that takes {delay}"),
            )
            .step(format!("the set takes stake in {names} from the next block on"))
            .risk("operators that had allocated in them for another reason are not touched: they allocate anew"),
            actor.network.add_strategies(set, &strategies),
            format!("set {id} takes stake in {names}"),
        ),
        Command::Remove(_) => (
            Plan::new(
                format!("Remove strategies from set {id} of {avs}"),
                "once they have left, with `vouch avs strategies add`",
            )
            .step(format!("in {delay}, {names} leave the set; until then their stake is slashable as before")),
            actor.network.remove_strategies(set, &strategies),
            format!("in {delay}: {names} out of set {id}"),
        ),
    };
    let told = json!({ "avs": avs, "id": id, "strategies": strategies });
    actor.carry_out(plan, &[action], output, async |_| Ok((told, text))).await
}
