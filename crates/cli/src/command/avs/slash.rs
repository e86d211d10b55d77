//! `vouch avs slash`.

use alloy_primitives::utils::parse_units;
use alloy_primitives::{Address, U256};
use serde_json::json;
use vouch_chain::network::OperatorSet;

use super::AvsOptions;
use crate::command::consent::Plan;
use crate::failure::Failure;
use crate::output::Output;

/// The longest reason, bytes: it is stored in an event for ever.
const REASON_BYTES_MAX: usize = 1_024;

#[derive(clap::Args)]
pub struct Arguments {
    /// The set's number
    id: u32,
    /// Whom
    operator: Address,
    /// How much of what the operator has allocated to the set, in percent: more than 0, at most 100
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent)]
    percent: U256,
    /// In which strategies: a symbol or an address; several times for several
    #[arg(long = "strategy", value_name = "SYMBOL|ADDRESS", required = true)]
    strategies: Vec<String>,
    /// Why; everybody can read it
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    avs: AvsOptions,
}

#[derive(clap::Args)]
pub struct ResolveArguments {
    /// The set's number
    id: u32,
    /// Which of its slashes, from 1
    slash: U256,
    #[command(flatten)]
    avs: AvsOptions,
}

pub async fn resolve(arguments: &ResolveArguments, output: &Output) -> Result<(), Failure> {
    let (actor, avs) = arguments.avs.actor().await?;
    let (id, slash) = (arguments.id, arguments.slash);
    let lag = actor.blocks(actor.network.deployment().parameters.escrow_lag_blocks());
    let plan = Plan::new(format!("Resolve slash {slash} of set {id} of {avs}"), "never")
        .step("burn what it took, or send it to the set's recipient")
        .step(format!("slashed EIGEN waits in its escrow until {lag} after the slash: then `vouch token release`"));
    let action = actor.network.resolve_slash(OperatorSet { avs, id }, slash);
    let told = json!({ "avs": avs, "id": id, "slashId": slash });
    let text = format!("slash {slash} of set {id} is resolved");
    actor.carry_out(plan, &[action], output, async |_| Ok((told, text))).await
}

pub async fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    if arguments.reason.len() > REASON_BYTES_MAX {
        return Err(Failure::input("--reason is too long", format!("give at most {REASON_BYTES_MAX} bytes")));
    }
    let (actor, avs) = arguments.avs.actor().await?;
    let (set, operator) = (OperatorSet { avs, id: arguments.id }, arguments.operator);
    let strategies = actor.strategies(&arguments.strategies)?;
    let wads = vec![arguments.percent; strategies.len()];
    let resolution = actor.blocks(actor.network.deployment().parameters.slash_resolution_delay_blocks);
    let plan = Plan::new(format!("Slash {operator} in set {} of {avs}", arguments.id), "never")
        .step(format!("take the part of its allocation in {}", actor.names_of(&strategies)))
        .step(format!("in {resolution}, anyone may burn it, or send it to the set's recipient"))
        .risk("the operator and everybody who delegates to it lose the same part of what is allocated");
    let action = actor.network.slash_set_member(set, operator, &strategies, &wads, &arguments.reason);
    let network = &actor.network;
    let asked = json!({ "avs": avs, "id": arguments.id, "operator": operator });
    actor
        .carry_out(plan, &[action], output, async |confirmed| {
            let slash = network.set_slash_of(set, confirmed).await?;
            let text = format!("slash {} of the set: {operator} was slashed", slash.slash_id);
            let told = json!({ "slash": asked, "slashId": slash.slash_id, "wadSlashed": slash.wad_slashed });
            Ok((told, text))
        })
        .await
}

/// A part of 1e18.
fn parse_percent(text: &str) -> Result<U256, String> {
    let wrong = || "expected a percentage above 0 and up to 100, such as 12.5".to_owned();
    if text.is_empty() || !text.chars().all(|letter| letter.is_ascii_digit() || letter == '.') {
        return Err(wrong());
    }
    let wad: U256 = parse_units(text, 16).map_err(|_| wrong())?.into();
    if wad.is_zero() || wad > U256::from(10).pow(U256::from(18)) { Err(wrong()) } else { Ok(wad) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_parts_of_a_wad() {
        assert_eq!(parse_percent("100"), Ok(U256::from(1_000_000_000_000_000_000u64)));
        assert_eq!(parse_percent("12.5"), Ok(U256::from(125_000_000_000_000_000u64)));
        for wrong in ["", ".", "0", "100.1", "-1", "1e1", "101", &"9".repeat(100)] {
            assert!(parse_percent(wrong).is_err(), "{wrong}");
        }
    }
}
