use alloy_primitives::{Address, B256, U256};
use serde_json::json;
use vouch_chain::Network;
use vouch_chain::network::FeePrice;
use vouch_core::AppId;

use crate::context::{CloudOptions, Context, KeyOptions};
use crate::failure::Failure;
use crate::output::Output;

mod account;

/// Pay for calls, and be paid for them; amounts are in the smallest unit of the app's fee token
#[derive(clap::Subcommand)]
pub enum Command {
    /// Pay in for calls of an app
    Deposit(DepositArguments),
    /// Ask for a part of your deposit, or take out what you asked for
    Withdraw(account::WithdrawArguments),
    /// Show a client's deposit, and what it owes
    Balance(account::BalanceArguments),
    /// Show what an operator or a gateway has earned, and collect it
    Earned(account::EarnedArguments),
    /// Show what calls of an app cost, or name it as the app's owner
    Price(PriceArguments),
}

#[derive(clap::Args)]
pub struct DepositArguments {
    /// The app's id
    app: B256,
    /// How much, in the smallest unit of the app's fee token
    amount: U256,
    /// For whose calls (default: the key's own); only this client can withdraw it
    #[arg(long, value_name = "ADDRESS")]
    client: Option<Address>,
    #[command(flatten)]
    cloud: CloudOptions,
    #[command(flatten)]
    key: KeyOptions,
}

#[derive(clap::Args)]
pub struct PriceArguments {
    /// The app's id
    app: B256,
    /// Name the price of a call; 0 and no --per-page make the app free
    #[arg(long, value_name = "AMOUNT")]
    per_call: Option<u128>,
    /// Name the price of each started 16,384 bytes of a payload
    #[arg(long, value_name = "AMOUNT", requires = "per_call", default_value_t = 0)]
    per_page: u128,
    /// The ERC-20 token to charge in; fixed with the first price
    #[arg(long, value_name = "ADDRESS", requires = "per_call")]
    token: Option<Address>,
    #[command(flatten)]
    cloud: CloudOptions,
    #[command(flatten)]
    key: KeyOptions,
}

pub async fn run(command: Command, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Deposit(arguments) => deposit(&arguments, output).await,
        Command::Withdraw(arguments) => account::withdraw(&arguments, output).await,
        Command::Balance(arguments) => account::balance(&arguments, output).await,
        Command::Earned(arguments) => account::earned(&arguments, output).await,
        Command::Price(arguments) => price(&arguments, output).await,
    }
}

async fn deposit(arguments: &DepositArguments, output: &Output) -> Result<(), Failure> {
    let context = Context::find(&arguments.cloud)?;
    let network = context.network().await?;
    let signer = context.signer(&arguments.key, "client")?;
    let client = arguments.client.unwrap_or(signer.address());
    let app = AppId(arguments.app);
    let price = price_of(&context, &network, app).await?;
    let sender = context.sender(&network, signer);
    let received = network.deposit_fees(&sender, app, price.token, client, arguments.amount).await;
    let received = received.map_err(|error| refusal(&context, error))?;
    let told = json!({ "app": arguments.app, "client": client, "token": price.token, "received": received });
    output.data(&told, |_| format!("{client} has {received} more for calls of {app}"));
    Ok(())
}

async fn price(arguments: &PriceArguments, output: &Output) -> Result<(), Failure> {
    let context = Context::find(&arguments.cloud)?;
    let network = context.network().await?;
    let app = AppId(arguments.app);
    if let Some(per_call) = arguments.per_call {
        let token = match arguments.token {
            Some(token) => token,
            None => price_of(&context, &network, app).await.map_err(|_| token_missing())?.token,
        };
        let sender = context.sender(&network, context.signer(&arguments.key, "developer")?);
        let named = network.set_fee_price(&sender, app, token, per_call, arguments.per_page).await;
        named.map_err(|error| refusal(&context, error))?;
        let told = json!({
            "app": arguments.app, "token": token, "perCall": U256::from(per_call),
            "perPage": U256::from(arguments.per_page),
        });
        output.data(&told, |_| format!("{app} charges {per_call} a call and {} a page of {token}", arguments.per_page));
        return Ok(());
    }
    let price = price_of(&context, &network, app).await?;
    let told = json!({
        "app": arguments.app, "token": price.token, "perCall": U256::from(price.per_call),
        "perPage": U256::from(price.per_page), "validFrom": price.valid_from,
    });
    output.data(&told, |_| {
        format!("{app} charges {} a call and {} a page of {}", price.per_call, price.per_page, price.token)
    });
    Ok(())
}

fn token_missing() -> Failure {
    Failure::input("the app has not named a price yet, so its token is not known", "give --token ADDRESS")
}

/// The app's price; an app that has none is free, and there is nothing to pay or to earn.
async fn price_of(context: &Context, network: &Network, app: AppId) -> Result<FeePrice, Failure> {
    let read = async {
        let view = network.view().await?;
        network.fee_price(&view, app).await
    };
    let price = read.await.map_err(|error| context.chain_failure(error))?;
    price.ok_or_else(|| {
        Failure::input(
            format!("app {app} has never named a price: its calls are free"),
            "nothing needs to be paid; its owner names a price with `vouch fee price`",
        )
    })
}

/// What the vault or the token has against it, and what to do.
fn refusal(context: &Context, error: vouch_chain::Error) -> Failure {
    match error.revert_name() {
        Some("NotAppOwner") => {
            Failure::input("only the app's owner names its price", "act as the owner with --as or --keystore")
        }
        Some("TokenIsFixed") => Failure::input("the app charges in another token", "leave out --token"),
        Some("ERC20InsufficientBalance") => Failure::input(
            "the key does not have so many of the app's fee token",
            "see its token with `vouch fee price APP`",
        ),
        Some("InsufficientBalance") => {
            Failure::input("the deposit is smaller than that", "see `vouch fee balance APP`")
        }
        Some("NotWithdrawableYet") => Failure::input(
            "it cannot leave yet: calls under way may still be charged",
            "see when with `vouch fee balance APP`",
        ),
        Some("NothingWithdrawing") => {
            Failure::input("nothing was asked for", "ask first: `vouch fee withdraw APP AMOUNT`")
        }
        Some("NothingEarned") => Failure::input(
            "there is nothing to collect",
            "a gateway settles every few minutes; see `vouch fee earned APP`",
        ),
        _ => context.chain_failure(error),
    }
}
