//! Becoming an operator, and what it says of itself.

use alloy_primitives::Address;
use serde_json::json;

use super::ACCOUNT;
use crate::command::consent::{Actor, Plan, SigningOptions};
use crate::failure::Failure;
use crate::output::Output;

/// The longest description's address that is sent.
const URI_BYTES_MAX: usize = 1_024;

#[derive(clap::Args)]
pub struct RegisterArguments {
    /// Where the operator describes itself: a URI of at most 1,024 bytes
    #[arg(long, value_name = "URI", default_value = "")]
    metadata: String,
    /// Who must sign for every delegation (default: nobody has to)
    #[arg(long, value_name = "ADDRESS")]
    approver: Option<Address>,
    /// How many blocks pass before what the operator allocates counts; starts at the withdrawal delay whatever is given
    #[arg(long, value_name = "BLOCKS")]
    allocation_delay: Option<u32>,
    #[command(flatten)]
    signing: SigningOptions,
}

#[derive(clap::Args)]
pub struct UpdateArguments {
    /// Where the operator describes itself: a URI of at most 1,024 bytes
    #[arg(long, value_name = "URI")]
    metadata: Option<String>,
    /// Who must sign for every delegation from now on; 0x0000000000000000000000000000000000000000 for nobody
    #[arg(long, value_name = "ADDRESS")]
    approver: Option<Address>,
    /// How many blocks pass before what the operator allocates counts; holds after the configuration delay
    #[arg(long, value_name = "BLOCKS")]
    allocation_delay: Option<u32>,
    #[command(flatten)]
    signing: SigningOptions,
}

pub async fn register(arguments: &RegisterArguments, output: &Output) -> Result<(), Failure> {
    check_uri(&arguments.metadata)?;
    let actor = Actor::find(&arguments.signing, ACCOUNT).await?;
    let parameters = actor.network.deployment().parameters.clone();
    let delay = arguments.allocation_delay.unwrap_or(parameters.withdrawal_delay_blocks);
    let mut plan = Plan::new(
        format!("Make {} an operator", actor.address()),
        "never: an operator stays one, delegated to itself; without stake and sets it binds nobody",
    )
    .step("its own deposits count as its stake from now on")
    .step(format!("what it allocates counts {} later", actor.blocks(parameters.withdrawal_delay_blocks)));
    if delay != parameters.withdrawal_delay_blocks {
        let configured = actor.blocks(parameters.allocation_configuration_delay_blocks);
        plan = plan.step(format!("from {configured} on it counts {} later", actor.blocks(delay)));
    }
    if let Some(approver) = arguments.approver {
        plan = plan.step(format!("nobody delegates to it without a signature of {approver}"));
    }
    let approver = arguments.approver.unwrap_or_default();
    let action = actor.network.register_operator_action(approver, delay, &arguments.metadata);
    let told = json!({ "operator": actor.address(), "approver": arguments.approver, "allocationDelayBlocks": delay });
    let text =
        format!("{} is an operator; stake with `vouch stake deposit`, then `vouch operator allocate`", actor.address());
    actor.carry_out(plan, &[action], output, async |_| Ok((told, text))).await
}

pub async fn update(arguments: &UpdateArguments, output: &Output) -> Result<(), Failure> {
    let actor = Actor::find(&arguments.signing, ACCOUNT).await?;
    let operator = actor.address();
    let mut plan = Plan::new(format!("Change what is said of operator {operator}"), "run it again with other values");
    let mut actions = Vec::new();
    if let Some(uri) = &arguments.metadata {
        check_uri(uri)?;
        plan = plan.step(format!("it is described at {uri}"));
        actions.push(actor.network.operator_metadata_action(operator, uri));
    }
    if let Some(approver) = arguments.approver {
        let who = if approver.is_zero() { "nobody".to_owned() } else { approver.to_string() };
        plan = plan.step(format!("{who} signs for delegations from now on; those that stand stay"));
        actions.push(actor.network.operator_approver_action(operator, approver));
    }
    if let Some(blocks) = arguments.allocation_delay {
        let configured = actor.network.deployment().parameters.allocation_configuration_delay_blocks;
        let (delay, configured) = (actor.blocks(blocks), actor.blocks(configured));
        plan = plan.step(format!("what it allocates counts {delay} later, from {configured} on"));
        actions.push(actor.network.allocation_delay_action(operator, blocks));
    }
    if actions.is_empty() {
        return Err(Failure::input("nothing is to be changed", "give --metadata, --approver or --allocation-delay"));
    }
    let told = json!({
        "operator": operator, "metadata": arguments.metadata, "approver": arguments.approver,
        "allocationDelayBlocks": arguments.allocation_delay,
    });
    let text = "changed; see it with `vouch operator status`".to_owned();
    actor.carry_out(plan, &actions, output, async |_| Ok((told, text))).await
}

fn check_uri(uri: &str) -> Result<(), Failure> {
    if uri.len() <= URI_BYTES_MAX {
        return Ok(());
    }
    Err(Failure::input("--metadata is too long", format!("give at most {URI_BYTES_MAX} bytes")))
}
