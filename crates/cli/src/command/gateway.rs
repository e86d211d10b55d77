use alloy_primitives::{Address, U256};
use serde_json::json;
use vouch_chain::network::Bond;

use crate::context::{CloudOptions, Context, KeyOptions};
use crate::failure::Failure;
use crate::output::Output;

/// Put down, take back and show the bond that a gateway loses when it signs two batches for one slot; amounts are in wei
#[derive(clap::Subcommand)]
pub enum Command {
    /// Add to a gateway's bond; anyone may
    Deposit(DepositArguments),
    /// Ask for a part of your bond, or take out what you asked for
    Withdraw(WithdrawArguments),
    /// Show a gateway's bond
    Bond(BondArguments),
}

#[derive(clap::Args)]
pub struct DepositArguments {
    /// How much, wei
    amount: U256,
    /// Whose bond (default: the key's own); only this gateway can take it back
    #[arg(long = "for", value_name = "ADDRESS")]
    bonded: Option<Address>,
    #[command(flatten)]
    cloud: CloudOptions,
    #[command(flatten)]
    key: KeyOptions,
}

#[derive(clap::Args)]
pub struct WithdrawArguments {
    /// Ask for so much, wei, instead of what was asked for before; 0 takes that back. Without it, what was asked for is taken out
    amount: Option<U256>,
    #[command(flatten)]
    cloud: CloudOptions,
    #[command(flatten)]
    key: KeyOptions,
}

#[derive(clap::Args)]
pub struct BondArguments {
    /// Whose (default: the key's own)
    address: Option<Address>,
    #[command(flatten)]
    cloud: CloudOptions,
    #[command(flatten)]
    key: KeyOptions,
}

pub async fn run(command: Command, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Deposit(arguments) => deposit(&arguments, output).await,
        Command::Withdraw(arguments) => withdraw(&arguments, output).await,
        Command::Bond(arguments) => bond(&arguments, output).await,
    }
}

async fn deposit(arguments: &DepositArguments, output: &Output) -> Result<(), Failure> {
    let context = Context::find(&arguments.cloud)?;
    let network = context.network().await?;
    let sender = context.sender(&network, context.signer(&arguments.key, "gateway")?);
    let gateway = arguments.bonded.unwrap_or(sender.address());
    let paid = network.deposit_bond(&sender, gateway, arguments.amount).await;
    paid.map_err(|error| refusal(&context, error))?;
    output.data(&json!({ "gateway": gateway, "deposited": arguments.amount }), |_| {
        format!("the bond of {gateway} has {} wei more", arguments.amount)
    });
    Ok(())
}

async fn withdraw(arguments: &WithdrawArguments, output: &Output) -> Result<(), Failure> {
    let context = Context::find(&arguments.cloud)?;
    let network = context.network().await?;
    let sender = context.sender(&network, context.signer(&arguments.key, "gateway")?);
    let gateway = sender.address();
    let Some(amount) = arguments.amount else {
        network.withdraw_bond(&sender).await.map_err(|error| refusal(&context, error))?;
        output.data(&json!({ "gateway": gateway, "withdrawn": true }), |_| format!("{gateway} has its coins back"));
        return Ok(());
    };
    network.request_bond_withdrawal(&sender, amount).await.map_err(|error| refusal(&context, error))?;
    output.data(&json!({ "gateway": gateway, "leaving": amount }), |_| match amount {
        U256::ZERO => "nothing is leaving any more".to_owned(),
        amount => format!(
            "{amount} wei are leaving and count for no lane from now on; see when with `vouch gateway bond {gateway}`"
        ),
    });
    Ok(())
}

async fn bond(arguments: &BondArguments, output: &Output) -> Result<(), Failure> {
    let context = Context::find(&arguments.cloud)?;
    let network = context.network().await?;
    let gateway = match arguments.address {
        Some(gateway) => gateway,
        None => context.signer(&arguments.key, "gateway")?.address(),
    };
    let read = async {
        let view = network.view().await?;
        network.bond(&view, gateway).await
    };
    let bond = read.await.map_err(|error| context.chain_failure(error))?;
    let told = json!({
        "gateway": gateway, "bond": bond.amount, "standing": bond.standing(), "slashed": bond.slashed,
        "leaving": bond.leaving.map(|(amount, at)| json!({ "amount": amount, "at": at })),
    });
    output.data(&told, |_| describe(gateway, &bond));
    Ok(())
}

fn describe(gateway: Address, bond: &Bond) -> String {
    let mut lines = vec![
        format!("gateway    {gateway}"),
        format!("bond       {} wei", bond.amount),
        format!("standing   {} wei count for its lanes", bond.standing()),
    ];
    if let Some((amount, at)) = bond.leaving {
        lines.push(format!("leaving    {amount} wei, at {at} (Unix seconds): then `vouch gateway withdraw`"));
    }
    if bond.slashed {
        lines.push("slashed    it signed two batches for one slot, and is never bonded again".to_owned());
    }
    lines.join("\n")
}

/// What the bonds have against it, and what to do.
fn refusal(context: &Context, error: vouch_chain::Error) -> Failure {
    match error.revert_name() {
        Some("GatewaySlashed") => Failure::input(
            "this gateway signed two batches for one slot: it is never bonded again",
            "use another key for a gateway",
        ),
        Some("BondTooSmall") => Failure::input("the bond is smaller than that", "see it with `vouch gateway bond`"),
        Some("TooEarly") => Failure::input(
            "it cannot leave yet: the gateway may still be slashed for what it signed",
            "see when with `vouch gateway bond`",
        ),
        Some("NothingLeaves") => Failure::input("nothing was asked for", "ask first: `vouch gateway withdraw AMOUNT`"),
        _ => context.chain_failure(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bond_is_told_with_what_is_leaving() {
        let mut bond = Bond { amount: U256::from(10), leaving: Some((U256::from(4), 1_700_000_000)), slashed: false };
        let text = describe(Address::ZERO, &bond);
        assert!(text.contains("6 wei count") && text.contains("leaving    4 wei, at 1700000000"), "{text}");
        (bond.leaving, bond.slashed) = (None, true);
        assert!(describe(Address::ZERO, &bond).ends_with("never bonded again"));
    }
}
