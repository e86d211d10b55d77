//! What of its stake an operator binds to a set.

use serde_json::json;
use vouch_chain::network::WHOLE_MAGNITUDE;

use super::ACCOUNT;
use super::set::SetOptions;
use crate::command::consent::{Actor, Plan, SigningOptions};
use crate::failure::Failure;
use crate::output::Output;

#[derive(clap::Args)]
pub struct AllocateArguments {
    /// The part of all stake that the set may slash from then on, percent, such as 12.5; of what slashing has left of it, at most
    /// what is bound to no other set
    #[arg(value_parser = magnitude_of)]
    percent: u64,
    /// Which stake: a symbol (EIGEN, ...) or a strategy's address; several times for several
    #[arg(long = "strategy", value_name = "SYMBOL|ADDRESS", required = true)]
    strategies: Vec<String>,
    #[command(flatten)]
    set: SetOptions,
    #[command(flatten)]
    signing: SigningOptions,
}

#[derive(clap::Args)]
pub struct DeallocateArguments {
    /// Which stake: a symbol (EIGEN, ...) or a strategy's address; several times for several
    #[arg(long = "strategy", value_name = "SYMBOL|ADDRESS", required = true)]
    strategies: Vec<String>,
    #[command(flatten)]
    set: SetOptions,
    #[command(flatten)]
    signing: SigningOptions,
}

pub async fn allocate(arguments: &AllocateArguments, output: &Output) -> Result<(), Failure> {
    let actor = Actor::find(&arguments.signing, ACCOUNT).await?;
    let parameters = actor.network.deployment().parameters.clone();
    let free = actor.blocks(parameters.deallocation_delay_blocks);
    let guard = actor.blocks(parameters.guard_blocks);
    let part = percent_of(arguments.percent);
    let plan = |names: &str, set: &str| {
        Plan::new(
            format!("Let {set} slash up to {part} % of the stake in {names}"),
            format!("with `vouch operator deallocate`; it stays slashable for {free} then"),
        )
        .step(format!("an increase counts after the operator's allocation delay and {guard}"))
        .step(format!("a decrease counts {free} later where the operator is slashable, else at once"))
        .risk("the set's slasher may take all of that part, from every staker alike")
    };
    change(&actor, &arguments.set, &arguments.strategies, arguments.percent, plan, output).await
}

pub async fn deallocate(arguments: &DeallocateArguments, output: &Output) -> Result<(), Failure> {
    let actor = Actor::find(&arguments.signing, ACCOUNT).await?;
    let free = actor.blocks(actor.network.deployment().parameters.deallocation_delay_blocks);
    let plan = |names: &str, set: &str| {
        Plan::new(
            format!("Take the stake in {names} back from {set}"),
            "with `vouch operator allocate`, which waits for the allocation delay again",
        )
        .step(format!("where the operator is slashable, it is free {free} later, and counts no less until then"))
        .risk(format!("it stays slashable for {free}"))
    };
    change(&actor, &arguments.set, &arguments.strategies, 0, plan, output).await
}

async fn change(
    actor: &Actor,
    set: &SetOptions,
    strategies: &[String],
    magnitude: u64,
    plan: impl FnOnce(&str, &str) -> Plan,
    output: &Output,
) -> Result<(), Failure> {
    let set = set.find(actor).await?;
    let strategies = actor.strategies(strategies)?;
    let plan = plan(&actor.names_of(&strategies), &format!("set {} of {}", set.id, set.avs));
    let action = actor.network.allocation_change(actor.address(), set, &strategies, magnitude);
    let told = json!({
        "operator": actor.address(), "avs": set.avs, "set": set.id, "strategies": strategies, "magnitude": magnitude,
    });
    let text = "changed; see from which block on with `vouch operator status`".to_owned();
    actor.carry_out(plan, &[action], output, async |_| Ok((told, text))).await
}

/// Percent as people write it, in parts of [`WHOLE_MAGNITUDE`].
fn magnitude_of(text: &str) -> Result<u64, String> {
    let wrong =
        || "expected more than 0 and at most 100, with at most 4 digits behind the point, such as 12.5".to_owned();
    let (whole, behind) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.chars().all(|letter| letter.is_ascii_digit());
    if whole.is_empty() || whole.len() > 3 || behind.len() > 4 || !digits(whole) || !digits(behind) {
        return Err(wrong());
    }
    let ten_thousandths = format!("{whole}{behind:0<4}").parse::<u64>().map_err(|_| wrong())?;
    if ten_thousandths == 0 || ten_thousandths > 1_000_000 {
        return Err(wrong());
    }
    Ok(WHOLE_MAGNITUDE / 1_000_000 * ten_thousandths)
}

/// A magnitude as percent, for people.
pub fn percent_of(magnitude: u64) -> String {
    let text = format!("{:.4}", magnitude as f64 / WHOLE_MAGNITUDE as f64 * 100.0);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_percent() {
        assert_eq!(magnitude_of("100"), Ok(WHOLE_MAGNITUDE));
        assert_eq!(magnitude_of("12.5"), Ok(WHOLE_MAGNITUDE / 8));
        assert_eq!(percent_of(magnitude_of("0.0001").unwrap()), "0.0001");
        assert_eq!(percent_of(0), "0");
        for wrong in ["0", "0.0", "101", "100.0001", "-1", "1e1", "", ".", "1.00001", "12.5.1", "%"] {
            assert!(magnitude_of(wrong).is_err(), "{wrong}");
        }
    }
}
