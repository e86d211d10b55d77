use alloy_primitives::utils::format_units;
use alloy_primitives::{Address, B256, U256};
use serde::Serialize;
use vouch_chain::bindings::token;
use vouch_chain::network::App;
use vouch_chain::{Finalized, Network};

use crate::command::consent::AccountOptions;
use crate::context::{CloudOptions, Context};
use crate::failure::Failure;
use crate::output::{Output, count};

mod acceptance;
mod account;
mod allocations;
mod approve;
mod keys;
mod policy;
mod set;
mod status;

/// Who acts where no key is named, in a local cloud.
const ACCOUNT: &str = "operator-1";

/// Become an operator, bind stake to sets, and decide which programs you answer for
#[derive(clap::Subcommand)]
pub enum Command {
    /// Become an operator
    Register(account::RegisterArguments),
    /// Change the operator's description, approver or allocation delay
    Update(account::UpdateArguments),
    /// Sign leave for a staker to delegate, where the operator asks for one
    Approve(approve::Arguments),
    /// Show, register and change signing keys
    #[command(subcommand)]
    Keys(keys::Command),
    /// Let a set slash a part of the operator's stake
    Allocate(allocations::AllocateArguments),
    /// Take stake back from a set
    Deallocate(allocations::DeallocateArguments),
    /// Become a member of a set
    Join(set::Arguments),
    /// Leave a set
    Leave(set::Arguments),
    /// Show an operator's stake, what of it is bound to which set, and changes that are under way
    Status(AccountOptions),
    /// List the operators of the deployment
    List(ListArguments),
    /// Show an operator's stake, allocation delay, and the apps that it runs
    Info(InfoArguments),
    /// Accept a container program of an app by hand: the operator's stake then answers for it, from the next table on
    Accept(acceptance::Arguments),
    /// Take an acceptance back; earlier tables stay as they are
    Refuse(acceptance::Arguments),
    /// See what an operator's policy file means
    #[command(subcommand)]
    Policy(policy::Command),
}

#[derive(clap::Args)]
pub struct ListArguments {
    #[command(flatten)]
    cloud: CloudOptions,
}

#[derive(clap::Args)]
pub struct InfoArguments {
    /// The operator's address
    address: Address,
    #[command(flatten)]
    cloud: CloudOptions,
}

/// An operator as finalized blocks have it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OperatorInfo {
    operator: Address,
    stakes: Vec<Stake>,
    /// In blocks; none before the first one has taken effect.
    allocation_delay_blocks: Option<u32>,
    apps: Vec<Membership>,
}

#[derive(Debug, Serialize)]
struct Stake {
    symbol: String,
    strategy: Address,
    /// Delegated, its own included, in the token's smallest unit.
    shares: U256,
    /// How many digits of `shares` stand behind the point when people read it.
    decimals: u8,
}

impl Stake {
    /// In whole tokens; in the smallest unit where a token claims more digits than there can be.
    fn amount(&self) -> String {
        let amount = format_units(self.shares, self.decimals).unwrap_or_else(|_| self.shares.to_string());
        let plain = if amount.contains('.') { amount.trim_end_matches('0').trim_end_matches('.') } else { &amount };
        format!("{plain} {}", self.symbol)
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Membership {
    app: B256,
    operator_set_id: u32,
    /// In the newest table of wasm programs, by strategy; none while no table shows the operator.
    weights: Option<Vec<U256>>,
}

pub async fn run(command: Command, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Register(arguments) => account::register(&arguments, output).await,
        Command::Update(arguments) => account::update(&arguments, output).await,
        Command::Approve(arguments) => approve::run(&arguments, output).await,
        Command::Keys(command) => keys::run(&command, output).await,
        Command::Allocate(arguments) => allocations::allocate(&arguments, output).await,
        Command::Deallocate(arguments) => allocations::deallocate(&arguments, output).await,
        Command::Join(arguments) => set::join(&arguments, output).await,
        Command::Leave(arguments) => set::leave(&arguments, output).await,
        Command::Status(arguments) => status::run(&arguments, output).await,
        Command::List(arguments) => list(&arguments, output).await,
        Command::Info(arguments) => info(&arguments, output).await,
        Command::Accept(arguments) => acceptance::run(&arguments, true, output).await,
        Command::Refuse(arguments) => acceptance::run(&arguments, false, output).await,
        Command::Policy(command) => policy::run(command, output).await,
    }
}

async fn list(arguments: &ListArguments, output: &Output) -> Result<(), Failure> {
    let context = Context::find(&arguments.cloud)?;
    let network = context.network().await?;
    let infos = read_all(&network).await.map_err(|error| context.chain_failure(error))?;
    output.data(&infos, |infos| {
        if infos.is_empty() {
            return "no operators".to_owned();
        }
        infos.iter().map(line).collect::<Vec<_>>().join("\n")
    });
    Ok(())
}

async fn info(arguments: &InfoArguments, output: &Output) -> Result<(), Failure> {
    let context = Context::find(&arguments.cloud)?;
    let network = context.network().await?;
    let read = async {
        let view = network.view().await?;
        if !network.is_operator(&view, arguments.address).await? {
            return Ok(None);
        }
        let apps = network.apps(&view).await?;
        read_one(&network, &view, &apps, arguments.address).await.map(Some)
    };
    let info = read.await.map_err(|error| context.chain_failure(error))?;
    let info = info
        .ok_or_else(|| Failure::input(format!("{} is no operator", arguments.address), "see `vouch operator list`"))?;
    output.data(&info, describe);
    Ok(())
}

async fn read_all(network: &Network) -> Result<Vec<OperatorInfo>, vouch_chain::Error> {
    let view = network.view().await?;
    let apps = network.apps(&view).await?;
    let mut infos = Vec::new();
    for operator in network.operators(&view).await? {
        infos.push(read_one(network, &view, &apps, operator).await?);
    }
    Ok(infos)
}

async fn read_one(
    network: &Network,
    view: &Finalized,
    apps: &[App],
    operator: Address,
) -> Result<OperatorInfo, vouch_chain::Error> {
    let mut stakes = Vec::new();
    for stake in &network.contracts().stakes {
        let shares = network.operator_shares(view, operator, stake.strategy).await?;
        let decimals = view.call(stake.token, &token::decimalsCall {}).await?;
        stakes.push(Stake { symbol: stake.symbol.clone(), strategy: stake.strategy, shares, decimals });
    }
    let mut memberships = Vec::new();
    for app in apps {
        if network.members(view, app.operator_set_id).await?.contains(&operator) {
            let weights = weights(network, view, app.operator_set_id, operator).await?;
            memberships.push(Membership { app: app.id.0, operator_set_id: app.operator_set_id, weights });
        }
    }
    let allocation_delay_blocks = network.allocation_delay(view, operator).await?;
    Ok(OperatorInfo { operator, stakes, allocation_delay_blocks, apps: memberships })
}

async fn weights(
    network: &Network,
    view: &Finalized,
    set: u32,
    operator: Address,
) -> Result<Option<Vec<U256>>, vouch_chain::Error> {
    let Some(key) = network.latest_table(view, set, B256::ZERO).await? else { return Ok(None) };
    let table = network.table(view, key).await?;
    Ok(table.index_of(operator).map(|index| table.table.infos()[index].weights.clone()))
}

fn line(info: &OperatorInfo) -> String {
    let stakes = info.stakes.iter().map(Stake::amount).collect::<Vec<_>>().join(", ");
    format!("{}  {stakes}, {}", info.operator, count(info.apps.len(), "app"))
}

fn describe(info: &OperatorInfo) -> String {
    let delay =
        info.allocation_delay_blocks.map_or("not in effect yet".to_owned(), |blocks| format!("{blocks} blocks"));
    let mut lines =
        vec![format!("operator   {}", info.operator), format!("delay      {delay} until an allocation counts")];
    lines.extend(info.stakes.iter().map(|stake| format!("stake      {} in {}", stake.amount(), stake.strategy)));
    lines.extend(info.apps.iter().map(|membership| {
        let weights = membership.weights.as_ref().map_or("in no table yet".to_owned(), |weights| {
            format!("weights {}", weights.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        });
        format!("app        {} (set {}), {weights}", membership.app, membership.operator_set_id)
    }));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stake(shares: u64, decimals: u8) -> Stake {
        Stake { symbol: "ABC".to_owned(), strategy: Address::ZERO, shares: U256::from(shares), decimals }
    }

    #[test]
    fn stake_is_told_in_whole_tokens() {
        assert_eq!(stake(40_000_000, 6).amount(), "40 ABC");
        assert_eq!(stake(1_250_000, 6).amount(), "1.25 ABC");
        assert_eq!(stake(400, 0).amount(), "400 ABC");
        assert_eq!(stake(0, 18).amount(), "0 ABC");
        assert_eq!(stake(400, u8::MAX).amount(), "400 ABC");
    }
}
