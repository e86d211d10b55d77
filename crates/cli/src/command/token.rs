//! EIGEN and the bEIGEN under it.

use alloy_primitives::{Address, U256};
use serde_json::{Value, json};
use vouch_chain::network::{EigenAccount, Outflow, Unwrap};
use vouch_chain::{Error, Network};

use super::consent::{AccountOptions, Actor, Plan, SigningOptions, parse_tokens, whole_tokens};
use crate::failure::Failure;
use crate::output::Output;

/// Turn bEIGEN into EIGEN and back, and see what you have of both; amounts are in whole tokens
#[derive(clap::Subcommand)]
pub enum Command {
    /// Turn bEIGEN into EIGEN, one to one
    Wrap(AmountArguments),
    /// Turn EIGEN back into bEIGEN, one to one; the account's log of unwrapped units grows
    Unwrap(AmountArguments),
    /// Show bEIGEN, EIGEN, what is staked, the unwrap log, and slashed stake that waits in the escrow
    Balance(AccountOptions),
    /// Pay slashed stake whose time in the escrow is over to its recipient; anyone may
    Release(ReleaseArguments),
}

#[derive(clap::Args)]
pub struct AmountArguments {
    /// How much, in whole tokens
    #[arg(value_parser = parse_tokens)]
    amount: U256,
    #[command(flatten)]
    signing: SigningOptions,
}

#[derive(clap::Args)]
pub struct ReleaseArguments {
    /// The outflow's number, as `vouch token balance` shows it
    outflow: U256,
    #[command(flatten)]
    signing: SigningOptions,
}

pub async fn run(command: Command, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Wrap(arguments) => wrap(&arguments, output).await,
        Command::Unwrap(arguments) => unwrap(&arguments, output).await,
        Command::Balance(arguments) => balance(&arguments, output).await,
        Command::Release(arguments) => release(&arguments, output).await,
    }
}

async fn wrap(arguments: &AmountArguments, output: &Output) -> Result<(), Failure> {
    let actor = Actor::find(&arguments.signing, "client").await?;
    let (amount, tokens) = (arguments.amount, whole_tokens(arguments.amount));
    let plan = Plan::new(format!("Wrap {tokens} bEIGEN"), "at any time, with `vouch token unwrap`")
        .step(format!("let the wrapper take {tokens} bEIGEN of {}", actor.address()))
        .step(format!("give them to it for {tokens} EIGEN"))
        .risk("EIGEN does not follow a fork by itself: unwrap it to take part in one");
    let actions = actor.network.wrap(amount);
    let told = json!({ "account": actor.address(), "wrapped": amount });
    let text = format!("{} has {tokens} EIGEN more", actor.address());
    actor.carry_out(plan, &actions, output, async |_| Ok((told, text))).await
}

async fn unwrap(arguments: &AmountArguments, output: &Output) -> Result<(), Failure> {
    let actor = Actor::find(&arguments.signing, "client").await?;
    let (amount, tokens) = (arguments.amount, whole_tokens(arguments.amount));
    let plan = Plan::new(
        format!("Unwrap {tokens} EIGEN"),
        "with `vouch token wrap` while wrapping has not ended; the log's entry stays for ever",
    )
    .step(format!("burn {tokens} EIGEN of {}, and get as many bEIGEN", actor.address()))
    .step("add them to the account's log: it shows what a fork owes who unwraps late");
    let actions = actor.network.unwrap(amount);
    let told = json!({ "account": actor.address(), "unwrapped": amount });
    let text = format!("{} has {tokens} bEIGEN more", actor.address());
    actor.carry_out(plan, &actions, output, async |_| Ok((told, text))).await
}

async fn release(arguments: &ReleaseArguments, output: &Output) -> Result<(), Failure> {
    let actor = Actor::find(&arguments.signing, "client").await?;
    let id = arguments.outflow;
    let plan = Plan::new(format!("Release outflow {id}"), "never: its recipient has the bEIGEN then")
        .step("pay the slashed bEIGEN out of the escrow to its recipient");
    let actions = actor.network.release_outflow(id);
    let told = json!({ "outflow": id });
    actor.carry_out(plan, &actions, output, async |_| Ok((told, format!("outflow {id} is paid")))).await
}

/// What is shown of an account; one view of finalized blocks.
struct Holdings {
    account: Address,
    holds: EigenAccount,
    log: Vec<Unwrap>,
    outflows: Vec<Outflow>,
    wrapping_stopped_at: Option<u64>,
    forkable: bool,
}

async fn balance(arguments: &AccountOptions, output: &Output) -> Result<(), Failure> {
    let (context, network, account) = arguments.find("client").await?;
    let holdings = Holdings::read(&network, account).await.map_err(|error| context.chain_failure(error))?;
    output.data(&holdings.view(), |_| holdings.describe());
    Ok(())
}

impl Holdings {
    async fn read(network: &Network, account: Address) -> Result<Self, Error> {
        let view = network.view().await?;
        let mut outflows = network.outflows(&view).await?;
        outflows.retain(|outflow| outflow.recipient == account);
        Ok(Self {
            account,
            holds: network.eigen_account(&view, account).await?,
            log: network.unwrap_log(&view, account).await?,
            outflows,
            wrapping_stopped_at: network.wrapping_stopped_at(&view).await?,
            forkable: network.is_forkable(&view).await?,
        })
    }

    /// Amounts are in the smallest unit.
    fn view(&self) -> Value {
        let log: Vec<Value> =
            self.log.iter().map(|entry| json!({ "timestamp": entry.timestamp, "total": entry.total })).collect();
        let outflow = |out: &Outflow| json!({ "id": out.id, "amount": out.amount, "releaseBlock": out.release_block });
        json!({
            "account": self.account, "bEigen": self.holds.backing, "eigen": self.holds.wrapped,
            "staked": self.holds.staked, "matured": self.holds.matured, "unwrapped": self.holds.unwrapped,
            "unwrapLog": log, "outflows": self.outflows.iter().map(outflow).collect::<Vec<_>>(),
            "wrappingStoppedAt": self.wrapping_stopped_at, "forkable": self.forkable,
        })
    }

    fn describe(&self) -> String {
        let tokens = whole_tokens;
        let mut lines = vec![
            format!("account    {}", self.account),
            format!("bEIGEN     {}", tokens(self.holds.backing)),
            format!("EIGEN      {}", tokens(self.holds.wrapped)),
            format!("staked     {} deposited and not queued, before slashing", tokens(self.holds.staked)),
            format!("unwrapped  {} in all", tokens(self.holds.unwrapped)),
        ];
        if !self.holds.matured.is_zero() {
            lines.push(format!("matured    {} queued long enough to leave", tokens(self.holds.matured)));
        }
        let entry = |entry: &Unwrap| format!("  by {} (Unix seconds)  {}", entry.timestamp, tokens(entry.total));
        lines.extend(self.log.iter().map(entry));
        lines.extend(self.outflows.iter().map(|outflow| {
            let (amount, block) = (tokens(outflow.amount), outflow.release_block);
            format!("outflow {}  {amount} bEIGEN from block {block} on: `vouch token release {0}`", outflow.id)
        }));
        if let Some(stopped) = self.wrapping_stopped_at {
            lines.push(format!("wrapping   ended at {stopped} (Unix seconds)"));
        }
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_balance_shows_what_waits_and_how_to_get_it() {
        let one = U256::from(10).pow(U256::from(18));
        let account = Address::repeat_byte(1);
        let holdings = Holdings {
            account,
            holds: EigenAccount {
                backing: one,
                wrapped: one / U256::from(2),
                unwrapped: one,
                ..EigenAccount::default()
            },
            log: vec![Unwrap { timestamp: 1_800_000_000, total: one }],
            outflows: vec![Outflow { id: U256::from(3), recipient: account, amount: one, release_block: 77 }],
            wrapping_stopped_at: None,
            forkable: false,
        };
        let text = holdings.describe();
        assert!(text.contains("EIGEN      0.5\n") && text.contains("unwrapped  1 in all"), "{text}");
        assert!(text.ends_with("outflow 3  1 bEIGEN from block 77 on: `vouch token release 3`"), "{text}");
        assert_eq!(holdings.view()["outflows"][0]["releaseBlock"], 77);
    }
}
