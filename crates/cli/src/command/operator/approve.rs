//! `vouch operator approve`.

use alloy_primitives::Address;
use serde_json::json;

use super::ACCOUNT;
use crate::command::consent::{Actor, Plan, SigningOptions};
use crate::failure::Failure;
use crate::output::Output;

const SECONDS_PER_HOUR: u64 = 3_600;

#[derive(clap::Args)]
pub struct Arguments {
    /// Who may delegate
    staker: Address,
    /// To which operator (default: the key's own)
    #[arg(long, value_name = "ADDRESS")]
    operator: Option<Address>,
    /// For how many hours the leave is good
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u64).range(1..=8_760))]
    hours: u64,
    #[command(flatten)]
    signing: SigningOptions,
}

pub async fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let actor = Actor::find(&arguments.signing, ACCOUNT).await?;
    let (approver, staker) = (actor.address(), arguments.staker);
    let operator = arguments.operator.unwrap_or(approver);
    let now = require_approver(&actor, operator).await?;
    let hours = arguments.hours;
    let plan = Plan::new(
        format!("Let {staker} delegate to operator {operator}"),
        format!("once given it cannot be taken back; it is good once, for {hours} hours"),
    )
    .step("sign the leave; whoever holds it can hand it to the staker, and nobody else can use it");
    actor.agree_to(&plan, output)?;
    let signer = actor.context.signer(&arguments.signing.key, ACCOUNT)?;
    let expiry = now + hours * SECONDS_PER_HOUR;
    let signed = actor.network.approve_delegation(&signer, staker, operator, expiry);
    let approval = signed.map_err(|error| actor.context.chain_failure(error))?;
    let told = json!({
        "operator": operator, "staker": staker, "approver": approver,
        "approval": approval.signature, "expiry": approval.expiry.to::<u64>(), "salt": approval.salt,
    });
    output.data(&json!({ "plan": plan, "result": told }), |_| {
        format!(
            "the staker runs:\n  vouch stake delegate {operator} --approval {} --expiry {} --salt {}",
            approval.signature, approval.expiry, approval.salt
        )
    });
    Ok(())
}

/// The chain's time. A leave that the operator does not ask for, or of somebody else than its approver, would be worth
/// nothing, and the staker would learn that from a refused transaction.
async fn require_approver(actor: &Actor, operator: Address) -> Result<u64, Failure> {
    let read = async {
        let view = actor.network.view().await?;
        Ok::<_, vouch_chain::Error>((
            view.block().timestamp,
            actor.network.is_operator(&view, operator).await?,
            actor.network.delegation_approver(&view, operator).await?,
        ))
    };
    let (now, is_operator, approver) = read.await.map_err(|error| actor.context.chain_failure(error))?;
    match approver {
        Some(approver) if approver == actor.address() => Ok(now),
        Some(approver) => Err(Failure::input(
            format!("{approver} signs for delegations to {operator}, not {}", actor.address()),
            "act as that address (--as, --keystore)",
        )),
        None if is_operator => Err(Failure::input(
            format!("nobody has to sign for delegations to {operator}"),
            "the staker delegates without: `vouch stake delegate`; to change that: `vouch operator update --approver`",
        )),
        None => Err(Failure::input(
            format!("{operator} is no operator in a finalized block"),
            "name one with --operator; see who is with `vouch operator list`",
        )),
    }
}
