//! `vouch operator status`.

use alloy_primitives::Address;
use serde_json::{Value, json};
use vouch_chain::Error;
use vouch_chain::network::{OperatorStake, OperatorStatus, SetAllocation};

use super::ACCOUNT;
use super::allocations::percent_of;
use crate::command::consent::AccountOptions;
use crate::command::stake::Assets;
use crate::failure::Failure;
use crate::output::Output;

pub async fn run(arguments: &AccountOptions, output: &Output) -> Result<(), Failure> {
    let (context, network, operator) = arguments.find(ACCOUNT).await?;
    let read = async {
        let view = network.view().await?;
        if !network.is_operator(&view, operator).await? {
            return Ok::<_, Error>(None);
        }
        let assets = Assets::read(&network).await?;
        let status = network.operator_status(&view, operator, &assets.strategies()).await?;
        Ok(Some((view.block().number, assets, status)))
    };
    let found = read.await.map_err(|error| context.chain_failure(error))?;
    let (block, assets, status) = found.ok_or_else(|| {
        Failure::input(
            format!("{operator} is no operator in a finalized block"),
            "become one with `vouch operator register`; see who is with `vouch operator list`",
        )
    })?;
    output.data(&view(operator, block, &status), |_| {
        format!("operator   {operator}\n{}\nas of finalized block {block}", describe(&status, &assets))
    });
    Ok(())
}

fn view(operator: Address, block: u64, status: &OperatorStatus) -> Value {
    let allocation = |bound: &SetAllocation| {
        let pending =
            bound.pending.map(|(change, block)| json!({ "change": change.to_string(), "effectBlock": block }));
        json!({ "avs": bound.set.avs, "set": bound.set.id, "magnitude": bound.magnitude, "pending": pending })
    };
    let stake = |stake: &OperatorStake| {
        json!({
            "strategy": stake.strategy, "shares": stake.shares, "maxMagnitude": stake.max_magnitude,
            "allocatable": stake.allocatable, "allocations": stake.allocations.iter().map(allocation).collect::<Vec<_>>(),
        })
    };
    json!({
        "operator": operator, "block": block, "approver": status.approver,
        "allocationDelayBlocks": status.allocation_delay,
        "stakes": status.stakes.iter().map(stake).collect::<Vec<_>>(),
        "sets": status.sets.iter().map(|set| json!({ "avs": set.avs, "set": set.id })).collect::<Vec<_>>(),
    })
}

fn describe(status: &OperatorStatus, assets: &Assets) -> String {
    let delay = status.allocation_delay.map_or("not in effect yet".to_owned(), |blocks| format!("{blocks} blocks"));
    let approver = status.approver.map_or("nobody".to_owned(), |approver| approver.to_string());
    let mut lines = vec![
        format!("approver   {approver} signs for delegations"),
        format!("delay      {delay} until an allocation counts"),
    ];
    for stake in &status.stakes {
        let left = match stake.max_magnitude {
            vouch_chain::network::WHOLE_MAGNITUDE => "never slashed".to_owned(),
            left => format!("{} % left after slashing", percent_of(left)),
        };
        let free = percent_of(stake.allocatable);
        lines.push(format!("stake      {}, {left}, {free} % free", assets.tell_tokens(stake.strategy, stake.shares)));
        lines.extend(stake.allocations.iter().map(|bound| {
            let pending = bound.pending.map_or(String::new(), |(change, block)| {
                let sign = if change < 0 { "-" } else { "+" };
                let size = u64::try_from(change.unsigned_abs()).unwrap_or(u64::MAX);
                format!(", {sign}{} % from block {block} on", percent_of(size))
            });
            format!("  {} % to set {} of {}{pending}", percent_of(bound.magnitude), bound.set.id, bound.set.avs)
        }));
    }
    lines.extend(status.sets.iter().map(|set| format!("member     set {} of {}", set.id, set.avs)));
    lines.join("\n")
}
