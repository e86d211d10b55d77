//! `vouch stake`.

use alloy_primitives::utils::{ParseUnits, parse_units};
use alloy_primitives::{Address, B256, Bytes, U256};
use serde_json::json;
use vouch_chain::network::{Approval, QueuedWithdrawal};
use vouch_chain::{Error, Network};

use super::consent::{AccountOptions, Actor, Plan, SigningOptions};
use crate::failure::Failure;
use crate::output::{Output, count};

mod amount;
mod status;

pub use amount::{Asset, Assets};

/// Whose stake it is where no key is named, in a local cloud.
const ACCOUNT: &str = "client";

/// Put tokens behind an operator, and take them out again
#[derive(clap::Subcommand)]
pub enum Command {
    /// Deposit tokens; they count for nothing until they are delegated
    Deposit(DepositArguments),
    /// Delegate all of your stake, present and future, to one operator
    Delegate(DelegateArguments),
    /// End the delegation; everything goes into the withdrawal queue
    Undelegate(UndelegateArguments),
    /// End the delegation and delegate to another operator what comes back
    Redelegate(DelegateArguments),
    /// Put some of your stake into the withdrawal queue
    Withdraw(WithdrawArguments),
    /// Take out what has waited long enough
    Complete(CompleteArguments),
    /// Show deposits, delegation, and what waits in the withdrawal queue
    Status(AccountOptions),
}

#[derive(clap::Args)]
pub struct DepositArguments {
    /// How much, in whole tokens
    amount: String,
    /// Into which strategy: a symbol (EIGEN, ...) or its address
    #[arg(long, value_name = "SYMBOL|ADDRESS")]
    strategy: String,
    /// Deposit EIGEN instead of the bEIGEN that it wraps; the strategy unwraps it
    #[arg(long)]
    wrapped: bool,
    #[command(flatten)]
    signing: SigningOptions,
}

#[derive(clap::Args)]
pub struct DelegateArguments {
    /// The operator's address
    operator: Address,
    /// The operator's approver's signature, where it asks for one
    #[arg(long, value_name = "HEX", requires = "expiry")]
    approval: Option<Bytes>,
    /// When that signature ends, Unix seconds
    #[arg(long, value_name = "SECONDS")]
    expiry: Option<u64>,
    /// The salt that was signed
    #[arg(long, value_name = "HEX", requires = "approval")]
    salt: Option<B256>,
    #[command(flatten)]
    signing: SigningOptions,
}

#[derive(clap::Args)]
pub struct UndelegateArguments {
    /// Whose delegation ends: an operator may send its stakers away (default: the key's own)
    #[arg(long, value_name = "ADDRESS")]
    staker: Option<Address>,
    #[command(flatten)]
    signing: SigningOptions,
}

#[derive(clap::Args)]
pub struct WithdrawArguments {
    /// How much, in whole tokens after slashing; or `all`
    amount: String,
    /// From which strategy: a symbol (EIGEN, ...) or its address
    #[arg(long, value_name = "SYMBOL|ADDRESS")]
    strategy: String,
    #[command(flatten)]
    signing: SigningOptions,
}

#[derive(clap::Args)]
pub struct CompleteArguments {
    /// Which withdrawal: its id, or the first digits of it (default: all that have waited long enough)
    #[arg(value_name = "ID")]
    withdrawal: Option<String>,
    /// Put it back among your deposits instead of taking the tokens
    #[arg(long)]
    as_shares: bool,
    #[command(flatten)]
    signing: SigningOptions,
}

pub async fn run(command: Command, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Deposit(arguments) => deposit(&arguments, output).await,
        Command::Delegate(arguments) => delegate(&arguments, output).await,
        Command::Undelegate(arguments) => undelegate(&arguments, output).await,
        Command::Redelegate(arguments) => redelegate(&arguments, output).await,
        Command::Withdraw(arguments) => withdraw(&arguments, output).await,
        Command::Complete(arguments) => complete(&arguments, output).await,
        Command::Status(arguments) => status::run(&arguments, output).await,
    }
}

async fn deposit(arguments: &DepositArguments, output: &Output) -> Result<(), Failure> {
    let actor = Actor::find(&arguments.signing, ACCOUNT).await?;
    let mut asset = asset_of(&actor, &arguments.strategy).await?;
    let eigen = &actor.network.contracts().eigen;
    if arguments.wrapped {
        if asset.strategy != eigen.strategy {
            return Err(Failure::input(
                "only EIGEN is a wrapped token",
                "leave out --wrapped, or give --strategy EIGEN",
            ));
        }
        (asset.token, asset.symbol) = (eigen.token, "EIGEN".to_owned());
    }
    let amount = asset.parse(&arguments.amount)?;
    let tokens = asset.tell(amount);
    let delay = actor.blocks(actor.network.deployment().parameters.withdrawal_delay_blocks);
    let plan = Plan::new(
        format!("Deposit {tokens}"),
        format!("with `vouch stake withdraw`: the tokens come back {delay} later"),
    )
    .step(format!("let the StrategyManager take {tokens} of {}", actor.address()))
    .step(format!("deposit them in strategy {}", asset.strategy))
    .risk("once delegated, the operator's misdeeds are paid with it");
    let actions = actor.network.deposit_actions(asset.strategy, asset.token, amount);
    let told = json!({ "staker": actor.address(), "strategy": asset.strategy, "deposited": amount });
    let text = format!("{} has {tokens} deposited more", actor.address());
    actor.carry_out(plan, &actions, output, async |_| Ok((told, text))).await
}

async fn delegate(arguments: &DelegateArguments, output: &Output) -> Result<(), Failure> {
    let actor = Actor::find(&arguments.signing, ACCOUNT).await?;
    let operator = arguments.operator;
    let delay = actor.blocks(actor.network.deployment().parameters.withdrawal_delay_blocks);
    let plan = Plan::new(
        format!("Delegate all stake of {} to {operator}", actor.address()),
        format!("at any time with `vouch stake undelegate`; the stake is slashable for {delay} more"),
    )
    .step("everything deposited now or later counts as the operator's stake")
    .risk("when the operator is slashed, every deposit loses the same share");
    let action = actor.network.delegate_action(operator, &arguments.approval());
    let told = json!({ "staker": actor.address(), "operator": operator });
    let text = format!("{} is delegated to {operator}", actor.address());
    actor.carry_out(plan, &[action], output, async |_| Ok((told, text))).await
}

async fn undelegate(arguments: &UndelegateArguments, output: &Output) -> Result<(), Failure> {
    let actor = Actor::find(&arguments.signing, ACCOUNT).await?;
    let staker = arguments.staker.unwrap_or(actor.address());
    let plan = leaving(&actor, format!("End the delegation of {staker}"))
        .step("every deposit goes into the withdrawal queue, one withdrawal per strategy");
    let action = actor.network.undelegate_action(staker);
    let told = json!({ "staker": staker });
    let text = format!("{staker} is delegated to nobody; see the queue with `vouch stake status {staker}`");
    actor.carry_out(plan, &[action], output, async |_| Ok((told, text))).await
}

async fn redelegate(arguments: &DelegateArguments, output: &Output) -> Result<(), Failure> {
    let actor = Actor::find(&arguments.signing, ACCOUNT).await?;
    let operator = arguments.operator;
    let plan = leaving(&actor, format!("Move the delegation of {} to {operator}", actor.address()))
        .step("every deposit goes into the withdrawal queue, one withdrawal per strategy")
        .step(format!("delegate to {operator}: what is completed with --as-shares counts as its stake"));
    let action = actor.network.redelegate_action(operator, &arguments.approval());
    let told = json!({ "staker": actor.address(), "operator": operator });
    let text = format!(
        "{} is delegated to {operator}; once the queue is through, run `vouch stake complete --as-shares`",
        actor.address()
    );
    actor.carry_out(plan, &[action], output, async |_| Ok((told, text))).await
}

async fn withdraw(arguments: &WithdrawArguments, output: &Output) -> Result<(), Failure> {
    let actor = Actor::find(&arguments.signing, ACCOUNT).await?;
    let asset = asset_of(&actor, &arguments.strategy).await?;
    let refusal = |error| actor.refusal(error);
    let staker = actor.network.newest_staker(actor.address()).await.map_err(refusal)?;
    let deposit = staker.deposits.iter().find(|deposit| deposit.strategy == asset.strategy).ok_or_else(|| {
        Failure::input(
            format!("{} has nothing deposited in {}", actor.address(), asset.strategy),
            "see what there is with `vouch stake status`",
        )
    })?;
    let (shares, tokens) = if arguments.amount == "all" {
        (deposit.deposit_shares, deposit.tokens)
    } else {
        let tokens = asset.parse(&arguments.amount)?;
        if tokens > deposit.tokens {
            return Err(Failure::input(
                format!(
                    "{} is more than the {} there are after slashing",
                    asset.tell(tokens),
                    asset.tell(deposit.tokens)
                ),
                "give `all`, or less",
            ));
        }
        let shares = actor.network.shares_of(asset.strategy, tokens).await.map_err(refusal)?;
        let shares = actor.network.deposit_shares_of(actor.address(), asset.strategy, shares).await.map_err(refusal)?;
        (shares, tokens)
    };
    let plan = leaving(&actor, format!("Withdraw about {}", asset.tell(tokens)))
        .step("it counts for the operator no more, from now on");
    let action = actor.network.withdrawal_action(asset.strategy, shares);
    let told = json!({ "staker": actor.address(), "strategy": asset.strategy, "depositShares": shares });
    let text = format!("about {} in the queue; see when with `vouch stake status`", asset.tell(tokens));
    actor.carry_out(plan, &[action], output, async |_| Ok((told, text))).await
}

async fn complete(arguments: &CompleteArguments, output: &Output) -> Result<(), Failure> {
    let actor = Actor::find(&arguments.signing, ACCOUNT).await?;
    let read = async {
        let head = actor.network.newest_block().await?;
        Ok::<_, Error>((head, actor.network.newest_staker(actor.address()).await?, assets(&actor.network).await?))
    };
    let (head, staker, assets) = read.await.map_err(|error| actor.refusal(error))?;
    // The transaction is mined in a later block than the newest one.
    let ready = chosen(arguments.withdrawal.as_deref(), &staker.withdrawals, head.saturating_add(1))?;
    let undo = if arguments.as_shares { "with `vouch stake withdraw`" } else { "with `vouch stake deposit`" };
    let mut plan = Plan::new(format!("Complete {}", count(ready.len(), "withdrawal")), undo);
    for withdrawal in &ready {
        let worth: Vec<_> = withdrawal.worth.iter().map(|worth| assets.tell(worth)).collect();
        let fate = if arguments.as_shares { "among the deposits again" } else { "paid out" };
        plan = plan.step(format!("{}: {} {fate}", short(withdrawal.root), worth.join(" and ")));
    }
    let actions: Vec<_> =
        ready.iter().map(|done| actor.network.completion_action(done.root, !arguments.as_shares)).collect();
    let told = json!({
        "staker": actor.address(), "asShares": arguments.as_shares,
        "withdrawals": ready.iter().map(|done| status::withdrawal_view(done)).collect::<Vec<_>>(),
    });
    let text = format!("{} completed", count(ready.len(), "withdrawal"));
    actor.carry_out(plan, &actions, output, async |_| Ok((told, text))).await
}

/// What every way out has in common.
fn leaving(actor: &Actor, title: String) -> Plan {
    let delay = actor.blocks(actor.network.deployment().parameters.withdrawal_delay_blocks);
    Plan::new(
        title,
        format!("what is queued comes back {delay} later, with `vouch stake complete`; --as-shares deposits it again"),
    )
    .risk(format!("what is queued stays slashable for {delay}, for what the operator did before"))
}

/// The withdrawals to complete: the one that is named, or all whose time has come.
fn chosen<'a>(
    named: Option<&str>,
    queued: &'a [QueuedWithdrawal],
    next_block: u64,
) -> Result<Vec<&'a QueuedWithdrawal>, Failure> {
    let see = "see them with `vouch stake status`";
    let is_ready = |withdrawal: &&QueuedWithdrawal| withdrawal.completable_block <= next_block;
    let early = |withdrawal: &QueuedWithdrawal| {
        let (block, left) = (withdrawal.completable_block, withdrawal.completable_block - next_block);
        Failure::input(
            format!("withdrawal {} can be completed from block {block} on", short(withdrawal.root)),
            format!("run it again in {left} blocks"),
        )
    };
    let Some(named) = named else {
        let ready: Vec<_> = queued.iter().filter(is_ready).collect();
        return match queued.iter().min_by_key(|withdrawal| withdrawal.completable_block) {
            None => Err(Failure::input("nothing waits in the queue", "queue it first with `vouch stake withdraw`")),
            Some(first) if ready.is_empty() => Err(early(first)),
            Some(_) => Ok(ready),
        };
    };
    let digits = named.trim_start_matches("0x").to_ascii_lowercase();
    let mut found =
        queued.iter().filter(|withdrawal| alloy_primitives::hex::encode(withdrawal.root).starts_with(&digits));
    match (found.next(), found.next()) {
        (Some(withdrawal), None) if is_ready(&withdrawal) => Ok(vec![withdrawal]),
        (Some(withdrawal), None) => Err(early(withdrawal)),
        (None, _) => Err(Failure::input(format!("no withdrawal in the queue is called {named}"), see)),
        (Some(_), Some(_)) => {
            Err(Failure::input(format!("{named} names more withdrawals than one"), "give more digits"))
        }
    }
}

/// An id as people read it; `vouch stake complete` takes it like that.
fn short(root: B256) -> String {
    alloy_primitives::hex::encode_prefixed(&root[..4])
}

async fn asset_of(actor: &Actor, name: &str) -> Result<Asset, Failure> {
    let strategy = *actor.strategies(&[name.to_owned()])?.first().unwrap_or(&Address::ZERO);
    Asset::read(&actor.network, strategy).await.map_err(|error| actor.refusal(error))
}

async fn assets(network: &Network) -> Result<Assets, Error> {
    Assets::read(network).await
}

impl DelegateArguments {
    fn approval(&self) -> Approval {
        Approval {
            signature: self.approval.clone().unwrap_or_default(),
            expiry: U256::from(self.expiry.unwrap_or_default()),
            salt: self.salt.unwrap_or_default(),
        }
    }
}

/// An amount in a token's smallest unit, of whole tokens as people write them.
fn in_smallest_unit(text: &str, decimals: u8) -> Option<U256> {
    let plain = text.chars().all(|letter| letter.is_ascii_digit() || letter == '.');
    let behind = text.split_once('.').map_or(0, |(_, rest)| rest.len());
    let digits = text.contains(|letter: char| letter.is_ascii_digit());
    if !plain || !digits || behind > usize::from(decimals) {
        return None;
    }
    match parse_units(text, decimals).ok()? {
        ParseUnits::U256(amount) => Some(amount).filter(|amount| !amount.is_zero()),
        ParseUnits::I256(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queued(byte: u8, completable_block: u64) -> QueuedWithdrawal {
        let root = B256::repeat_byte(byte);
        QueuedWithdrawal { root, delegated_to: None, start_block: 0, completable_block, worth: Vec::new() }
    }

    #[test]
    fn what_has_waited_long_enough_is_completed() {
        let all = [queued(1, 10), queued(2, 11), queued(3, 12)];
        let roots = |found: Vec<&QueuedWithdrawal>| found.iter().map(|one| one.root[0]).collect::<Vec<_>>();
        assert_eq!(roots(chosen(None, &all, 11).unwrap()), [1, 2]);
        assert_eq!(roots(chosen(Some("0x0202"), &all, 11).unwrap()), [2]);
    }

    #[test]
    fn who_comes_too_early_learns_when() {
        let all = [queued(1, 10), queued(0x12, 20)];
        let said = chosen(None, &all, 7).unwrap_err();
        assert!(said.message().contains("block 10") && said.next().contains("3 blocks"), "{}", said.message());
        assert!(chosen(Some("12"), &all, 11).unwrap_err().next().contains("9 blocks"));
    }

    #[test]
    fn an_id_must_name_one_withdrawal() {
        let all = [queued(1, 1), queued(0x0f, 1)];
        assert!(chosen(Some("0x0"), &all, 9).unwrap_err().message().contains("more withdrawals"));
        assert!(chosen(Some("ff"), &all, 9).unwrap_err().message().contains("no withdrawal"));
        assert!(chosen(None, &[], 9).unwrap_err().message().contains("nothing waits"));
    }

    #[test]
    fn amounts_have_no_more_digits_than_the_token() {
        assert_eq!(in_smallest_unit("2.5", 6), Some(U256::from(2_500_000)));
        assert_eq!(in_smallest_unit("7", 0), Some(U256::from(7)));
        for (wrong, decimals) in [("2.5", 0), ("1.0000001", 6), ("-1", 6), ("1e3", 6), ("0", 6), ("", 6), (".", 6)] {
            assert_eq!(in_smallest_unit(wrong, decimals), None, "{wrong}");
        }
    }
}
