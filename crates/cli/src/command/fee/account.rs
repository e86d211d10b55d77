use alloy_primitives::{Address, B256, U256};
use serde::Serialize;
use serde_json::json;
use vouch_core::AppId;

use super::{price_of, refusal};
use crate::context::{CloudOptions, Context, KeyOptions};
use crate::failure::Failure;
use crate::output::Output;

#[derive(clap::Args)]
pub struct WithdrawArguments {
    /// The app's id
    app: B256,
    /// Ask for so much, instead of what was asked for before; 0 takes that back. Without it, what was asked for is taken out
    amount: Option<U256>,
    #[command(flatten)]
    cloud: CloudOptions,
    #[command(flatten)]
    key: KeyOptions,
}

#[derive(clap::Args)]
pub struct BalanceArguments {
    /// The app's id
    app: B256,
    /// Whose (default: the key's own)
    #[arg(long, value_name = "ADDRESS")]
    client: Option<Address>,
    #[command(flatten)]
    cloud: CloudOptions,
    #[command(flatten)]
    key: KeyOptions,
}

#[derive(clap::Args)]
pub struct EarnedArguments {
    /// The app's id: what is earned is counted in its fee token, over all apps that charge in it
    app: B256,
    /// Whose (default: the key's own)
    #[arg(long, value_name = "ADDRESS", conflicts_with = "collect")]
    earner: Option<Address>,
    /// Send it to the key's own account
    #[arg(long)]
    collect: bool,
    #[command(flatten)]
    cloud: CloudOptions,
    #[command(flatten)]
    key: KeyOptions,
}

/// A client's account as finalized blocks have it, with what its gateway counts.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Balance {
    app: B256,
    client: Address,
    token: Address,
    balance: U256,
    withdrawing: U256,
    /// Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawable_at: Option<u64>,
    settled: U256,
    /// Charged and not settled, as the gateway says; none if it does not answer.
    unpaid: Option<U256>,
}

pub async fn withdraw(arguments: &WithdrawArguments, output: &Output) -> Result<(), Failure> {
    let context = Context::find(&arguments.cloud)?;
    let network = context.network().await?;
    let app = AppId(arguments.app);
    let sender = context.sender(&network, context.signer(&arguments.key, "client")?);
    let Some(amount) = arguments.amount else {
        let withdrawn = network.withdraw_fees(&sender, app).await.map_err(|error| refusal(&context, error))?;
        output.data(&json!({ "app": arguments.app, "withdrawn": withdrawn }), |_| format!("{withdrawn} were paid out"));
        return Ok(());
    };
    let at = network.request_fee_withdrawal(&sender, app, amount).await.map_err(|error| refusal(&context, error))?;
    output.data(&json!({ "app": arguments.app, "withdrawing": amount, "withdrawableAt": at }), |_| match amount {
        U256::ZERO => "nothing is being withdrawn any more".to_owned(),
        amount => format!("{amount} may leave at {at} (Unix seconds): then `vouch fee withdraw {app}`"),
    });
    Ok(())
}

pub async fn balance(arguments: &BalanceArguments, output: &Output) -> Result<(), Failure> {
    let context = Context::find(&arguments.cloud)?;
    let network = context.network().await?;
    let app = AppId(arguments.app);
    let client = match arguments.client {
        Some(client) => client,
        None => context.signer(&arguments.key, "client")?.address(),
    };
    let price = price_of(&context, &network, app).await?;
    let read = async {
        let view = network.view().await?;
        network.fee_account(&view, app, client).await
    };
    let account = read.await.map_err(|error| context.chain_failure(error))?;
    // The deposit is the chain's to say; a gateway that is away only knows better what is under way.
    let standing = match context.client_for(app.0).await {
        Ok(gateway) => gateway.fees(app.0, client).await.ok(),
        Err(_) => None,
    };
    let balance = Balance {
        app: app.0,
        client,
        token: price.token,
        balance: account.balance,
        withdrawing: account.withdrawing,
        withdrawable_at: account.withdrawable_at,
        settled: account.settled,
        unpaid: standing.map(|standing| standing.unpaid),
    };
    output.data(&balance, describe);
    Ok(())
}

pub async fn earned(arguments: &EarnedArguments, output: &Output) -> Result<(), Failure> {
    let context = Context::find(&arguments.cloud)?;
    let network = context.network().await?;
    let token = price_of(&context, &network, AppId(arguments.app)).await?.token;
    if arguments.collect {
        let sender = context.sender(&network, context.signer(&arguments.key, "gateway")?);
        let collected = network.collect_fees(&sender, token).await.map_err(|error| refusal(&context, error))?;
        let told = json!({ "token": token, "earner": sender.address(), "collected": collected });
        output.data(&told, |_| format!("{collected} of {token} were paid to {}", sender.address()));
        return Ok(());
    }
    let earner = match arguments.earner {
        Some(earner) => earner,
        None => context.signer(&arguments.key, "gateway")?.address(),
    };
    let read = async {
        let view = network.view().await?;
        network.earned(&view, token, earner).await
    };
    let earned = read.await.map_err(|error| context.chain_failure(error))?;
    let told = json!({ "token": token, "earner": earner, "earned": earned });
    output.data(&told, |_| format!("{earner} has earned {earned} of {token}; collect it with --collect"));
    Ok(())
}

fn describe(balance: &Balance) -> String {
    let mut lines = vec![
        format!("client     {}", balance.client),
        format!("deposit    {} of {}", balance.balance, balance.token),
        format!("settled    {}", balance.settled),
        match balance.unpaid {
            Some(unpaid) => format!("unpaid     {unpaid}, calls under way included"),
            None => "unpaid     not known: the gateway does not answer".to_owned(),
        },
    ];
    if let Some(at) = balance.withdrawable_at {
        lines.push(format!("leaving    {}, at {at} (Unix seconds)", balance.withdrawing));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_balance_is_told_with_what_is_leaving() {
        let mut balance = Balance {
            app: B256::ZERO,
            client: Address::ZERO,
            token: Address::repeat_byte(1),
            balance: U256::from(100),
            withdrawing: U256::from(40),
            withdrawable_at: Some(1_700_000_000),
            settled: U256::from(7),
            unpaid: None,
        };
        let text = describe(&balance);
        assert!(text.contains("the gateway does not answer") && text.ends_with("40, at 1700000000 (Unix seconds)"));
        (balance.withdrawable_at, balance.unpaid) = (None, Some(U256::from(3)));
        assert!(describe(&balance).ends_with("3, calls under way included"));
    }
}
