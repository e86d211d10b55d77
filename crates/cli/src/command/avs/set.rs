//! `vouch avs set`.

use alloy_primitives::Address;
use serde_json::{Value, json};
use vouch_chain::network::{NewSet, OperatorSet, SetInfo};

use super::AvsOptions;
use crate::command::consent::Plan;
use crate::context::{CloudOptions, Context, KeyOptions};
use crate::failure::Failure;
use crate::output::Output;

#[derive(clap::Subcommand)]
pub enum Command {
    /// Make an operator set; its slashed stake burns, or goes to one recipient for ever
    Create(CreateArguments),
    /// Show a set: strategies, slasher, recipient, members, and changes that are under way
    Show(ShowArguments),
    /// Name the set's next slasher, who takes over after the configuration delay
    Slasher(SlasherArguments),
}

#[derive(clap::Args)]
pub struct CreateArguments {
    /// The set's number; any that the AVS has not used
    id: u32,
    /// Whose stake the set takes: a symbol (EIGEN, ...) or a strategy's address; several times for several
    #[arg(long = "strategy", value_name = "SYMBOL|ADDRESS", required = true)]
    strategies: Vec<String>,
    /// Who may slash its members (default: the AVS)
    #[arg(long, value_name = "ADDRESS")]
    slasher: Option<Address>,
    /// Who gets slashed stake; without it, slashed stake burns
    #[arg(long, value_name = "ADDRESS")]
    redistribute_to: Option<Address>,
    #[command(flatten)]
    avs: AvsOptions,
}

#[derive(clap::Args)]
pub struct ShowArguments {
    /// The set's number
    id: u32,
    /// The AVS (default: the key's own account)
    #[arg(long, value_name = "ADDRESS")]
    avs: Option<Address>,
    #[command(flatten)]
    cloud: CloudOptions,
    #[command(flatten)]
    key: KeyOptions,
}

#[derive(clap::Args)]
pub struct SlasherArguments {
    /// The set's number
    id: u32,
    /// Who may slash then
    slasher: Address,
    #[command(flatten)]
    avs: AvsOptions,
}

pub async fn run(command: &Command, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Create(arguments) => create(arguments, output).await,
        Command::Show(arguments) => show(arguments, output).await,
        Command::Slasher(arguments) => slasher(arguments, output).await,
    }
}

async fn create(arguments: &CreateArguments, output: &Output) -> Result<(), Failure> {
    let (actor, avs) = arguments.avs.actor().await?;
    let new = NewSet {
        set: OperatorSet { avs, id: arguments.id },
        strategies: actor.strategies(&arguments.strategies)?,
        slasher: arguments.slasher.unwrap_or(avs),
        redistribution_recipient: arguments.redistribute_to,
    };
    let fate = match new.redistribution_recipient {
        Some(recipient) => format!("slashed stake goes to {recipient}: this can never be changed"),
        None => "slashed stake burns: this can never be changed".to_owned(),
    };
    let delay = actor.blocks(actor.network.deployment().parameters.allocation_configuration_delay_blocks);
    let plan = Plan::new(
        format!("Make set {} of {avs}", arguments.id),
        format!("never: a set stays. Its slasher changes after {delay}; its strategies with `vouch avs strategies`"),
    )
    .step(format!("make the set, which takes stake in {}", actor.names_of(&new.strategies)))
    .step(format!("let {} slash its members", new.slasher))
    .step(fate)
    .risk("operators that join let this slasher take all that they allocate to the set");
    let action = actor.network.create_set(&new);
    let told = json!({
        "avs": avs, "id": arguments.id, "strategies": new.strategies, "slasher": new.slasher,
        "redistributionRecipient": new.redistribution_recipient,
    });
    let text = format!("set {} of {avs} stands; operators allocate to it and join it", arguments.id);
    actor.carry_out(plan, &[action], output, async |_| Ok((told, text))).await
}

async fn slasher(arguments: &SlasherArguments, output: &Output) -> Result<(), Failure> {
    let (actor, avs) = arguments.avs.actor().await?;
    let (id, slasher) = (arguments.id, arguments.slasher);
    let delay = actor.blocks(actor.network.deployment().parameters.allocation_configuration_delay_blocks);
    let plan = Plan::new(
        format!("Let {slasher} slash for set {id} of {avs}"),
        format!("by naming another, who then waits {delay} in turn"),
    )
    .step(format!("{slasher} takes over in {delay}; until then the slasher of now stays"))
    .risk("members who do not trust it have that long to deallocate and leave");
    let action = actor.network.update_slasher(OperatorSet { avs, id }, slasher);
    let told = json!({ "avs": avs, "id": id, "nextSlasher": slasher });
    let text = format!("{slasher} takes over: see the block with `vouch avs set show {id} --avs {avs}`");
    actor.carry_out(plan, &[action], output, async |_| Ok((told, text))).await
}

async fn show(arguments: &ShowArguments, output: &Output) -> Result<(), Failure> {
    let context = Context::find(&arguments.cloud)?;
    let network = context.network().await?;
    let avs = match arguments.avs {
        Some(avs) => avs,
        None => context.signer(&arguments.key, "developer")?.address(),
    };
    let read = async {
        let view = network.view().await?;
        network.set_info(&view, OperatorSet { avs, id: arguments.id }).await
    };
    let info = read.await.map_err(|error| context.chain_failure(error))?;
    let info = info.ok_or_else(|| {
        Failure::input(
            format!("{avs} has no set {} in a finalized block", arguments.id),
            "see its sets with `vouch avs show`; a new one shows up after some seconds",
        )
    })?;
    output.data(&view(arguments.id, &info), |_| describe(arguments.id, &info));
    Ok(())
}

/// A set, for machines.
pub fn view(id: u32, info: &SetInfo) -> Value {
    let strategy = |(strategy, leaves): &(Address, Option<u32>)| json!({ "strategy": strategy, "leavesAt": leaves });
    let pending = info.pending_slasher.map(|(slasher, block)| json!({ "slasher": slasher, "effectBlock": block }));
    json!({
        "id": id, "strategies": info.strategies.iter().map(strategy).collect::<Vec<_>>(), "slasher": info.slasher,
        "pendingSlasher": pending, "redistributionRecipient": info.redistribution_recipient,
        "members": info.member_count, "slashes": info.slash_count,
    })
}

/// A set, for people.
pub fn describe(id: u32, info: &SetInfo) -> String {
    let mut lines = vec![
        format!("set {id}      {} members, slashed {} times", info.member_count, info.slash_count),
        format!("slasher    {}", info.slasher),
    ];
    if let Some((slasher, block)) = info.pending_slasher {
        lines.push(format!("next       {slasher} slashes from block {block} on"));
    }
    lines.push(match info.redistribution_recipient {
        Some(recipient) => format!("slashed    goes to {recipient}"),
        None => "slashed    burns".to_owned(),
    });
    lines.extend(info.strategies.iter().map(|(strategy, leaves)| match leaves {
        Some(block) => format!("strategy   {strategy}, until block {block}"),
        None => format!("strategy   {strategy}"),
    }));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use alloy_primitives::U256;

    use super::*;

    #[test]
    fn what_is_under_way_is_shown_with_its_block() {
        let (strategy, slasher) = (Address::repeat_byte(1), Address::repeat_byte(2));
        let info = SetInfo {
            strategies: vec![(strategy, Some(99))],
            slasher,
            pending_slasher: Some((strategy, 77)),
            redistribution_recipient: None,
            member_count: U256::from(2),
            slash_count: U256::ZERO,
        };
        let text = describe(4, &info);
        assert!(text.contains("from block 77 on") && text.contains("until block 99"), "{text}");
        assert!(text.contains("slashed    burns"), "{text}");
        assert_eq!(view(4, &info)["pendingSlasher"]["effectBlock"], 77);
    }
}
