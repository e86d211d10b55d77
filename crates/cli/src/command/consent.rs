//! What is shown before something is signed: what will happen, when it can be undone, what it costs; then the question.

use std::io::{BufRead, IsTerminal, Write};

use alloy_primitives::utils::{format_units, parse_units};
use alloy_primitives::{Address, U256};
use serde::Serialize;
use serde_json::{Value, json};
use vouch_chain::network::Action;
use vouch_chain::sender::Confirmed;
use vouch_chain::{Error, Network, Sender};

use crate::context::{CloudOptions, Context, KeyOptions};
use crate::failure::{Failure, chain_of};
use crate::output::Output;

/// An answer longer than this is none.
const ANSWER_BYTES_MAX: u64 = 64;

/// Which cloud, who signs, and whether to ask
#[derive(clap::Args, Clone, Debug)]
pub struct SigningOptions {
    #[command(flatten)]
    pub cloud: CloudOptions,
    #[command(flatten)]
    pub key: KeyOptions,
    /// Do it without asking
    #[arg(long, short = 'y')]
    pub yes: bool,
}

/// Whose state is shown
#[derive(clap::Args, Clone, Debug)]
pub struct AccountOptions {
    /// Whose (default: the key's own)
    address: Option<Address>,
    #[command(flatten)]
    cloud: CloudOptions,
    #[command(flatten)]
    key: KeyOptions,
}

impl AccountOptions {
    /// The cloud, and the address: the one that was named, else the key's, else that of the local cloud's `account`.
    pub async fn find(&self, account: &str) -> Result<(Context, Network, Address), Failure> {
        let context = Context::find(&self.cloud)?;
        let network = context.network().await?;
        let address = match self.address {
            Some(address) => address,
            None => context.signer(&self.key, account)?.address(),
        };
        Ok((context, network, address))
    }
}

/// What somebody is asked to agree to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    pub title: String,
    /// What will happen, in order.
    pub steps: Vec<String>,
    /// Whether and when it can be undone.
    pub undo: String,
    /// What is at stake beside the cost; none if nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub risk: Option<String>,
    /// About how much gas it takes.
    pub gas: u64,
    /// What that costs at the price of now, wei.
    pub cost_wei: U256,
}

impl Plan {
    pub fn new(title: impl Into<String>, undo: impl Into<String>) -> Self {
        let (title, undo) = (title.into(), undo.into());
        Self { title, steps: Vec::new(), undo, risk: None, gas: 0, cost_wei: U256::ZERO }
    }

    #[must_use]
    pub fn step(mut self, step: impl Into<String>) -> Self {
        self.steps.push(step.into());
        self
    }

    #[must_use]
    pub fn risk(mut self, risk: impl Into<String>) -> Self {
        self.risk = Some(risk.into());
        self
    }

    /// For people.
    fn lines(&self) -> String {
        let mut lines = vec![self.title.clone()];
        lines.extend(self.steps.iter().enumerate().map(|(index, step)| format!("  {}. {step}", index + 1)));
        lines.push(format!("  undo  {}", self.undo));
        lines.extend(self.risk.iter().map(|risk| format!("  risk  {risk}")));
        lines.push(match self.gas {
            0 => "  cost  nothing: no transaction is sent".to_owned(),
            gas => format!("  cost  about {} ETH ({gas} gas)", rounded(self.cost_wei)),
        });
        lines.join("\n")
    }
}

/// The cloud, and who acts in it.
pub struct Actor {
    pub context: Context,
    pub network: Network,
    pub sender: Sender,
    yes: bool,
}

impl Actor {
    /// The key that was named, else the local cloud's `account`.
    pub async fn find(options: &SigningOptions, account: &str) -> Result<Self, Failure> {
        let context = Context::find(&options.cloud)?;
        let network = context.network().await?;
        let sender = context.sender(&network, context.signer(&options.key, account)?);
        Ok(Self { context, network, sender, yes: options.yes })
    }

    pub fn address(&self) -> Address {
        self.sender.address()
    }

    /// Shows what will happen and does it once somebody agreed; prints plan and result as one object.
    pub async fn carry_out(
        &self,
        plan: Plan,
        actions: &[Action],
        output: &Output,
        result: impl AsyncFnOnce(&[Confirmed]) -> Result<(Value, String), Error>,
    ) -> Result<(), Failure> {
        let plan = self.priced(plan, actions).await.map_err(|error| self.refusal(error))?;
        self.agree_to(&plan, output)?;
        let confirmed = self.network.perform(&self.sender, actions).await.map_err(|error| self.refusal(error))?;
        let (told, text) = result(&confirmed).await.map_err(|error| self.refusal(error))?;
        let transactions: Vec<_> = confirmed.iter().map(|done| done.transaction).collect();
        output.data(&json!({ "plan": plan, "transactions": transactions, "result": told }), |_| text);
        Ok(())
    }

    /// Shows what will happen, and asks.
    pub fn agree_to(&self, plan: &Plan, output: &Output) -> Result<(), Failure> {
        output.say(plan.lines());
        self.agree()
    }

    async fn priced(&self, mut plan: Plan, actions: &[Action]) -> Result<Plan, Error> {
        plan.gas = self.network.gas_of(self.address(), actions).await?;
        plan.cost_wei = U256::from(plan.gas) * U256::from(self.network.gas_price().await?);
        Ok(plan)
    }

    fn agree(&self) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        if !std::io::stdin().is_terminal() {
            return Err(Failure::input("nobody is there to be asked", "run it in a terminal, or give --yes"));
        }
        eprint!("Do it? [y/N] ");
        let _shown = std::io::stderr().flush();
        let agreed = is_yes(std::io::stdin().lock()).map_err(|error| {
            Failure::host(format!("no answer can be read: {error}"), "run it in a terminal, or give --yes")
        })?;
        if agreed { Ok(()) } else { Err(Failure::input("nothing was done", "answer y to do it")) }
    }

    /// What a contract has against it, and what to do.
    pub fn refusal(&self, error: Error) -> Failure {
        match error.revert_name().and_then(advice) {
            Some((message, next)) => Failure::input(format!("{message} ({})", chain_of(&error)), next),
            None => self.context.chain_failure(error),
        }
    }

    /// So many blocks, and about how long they take.
    pub fn blocks(&self, blocks: u32) -> String {
        in_blocks(blocks, self.network.deployment().parameters.seconds_per_block)
    }

    /// The strategies of these symbols or addresses, ascending and each once.
    pub fn strategies(&self, names: &[String]) -> Result<Vec<Address>, Failure> {
        let mut strategies =
            names.iter().map(|name| strategy_of(&self.network, name)).collect::<Result<Vec<_>, _>>()?;
        strategies.sort_unstable();
        strategies.dedup();
        Ok(strategies)
    }

    /// Strategies for people: with their token's symbol where it is known.
    pub fn names_of(&self, strategies: &[Address]) -> String {
        let stakes = self.network.contracts().stakes_with_eigen();
        let name = |strategy: &Address| match stakes.iter().find(|stake| stake.strategy == *strategy) {
            Some(stake) => format!("{} ({strategy})", stake.symbol),
            None => strategy.to_string(),
        };
        strategies.iter().map(name).collect::<Vec<_>>().join(", ")
    }
}

/// What to tell whom a contract refused: in plain words, and what to do next.
fn advice(revert: &str) -> Option<(&'static str, &'static str)> {
    Some(match revert {
        "ERC20InsufficientBalance" => {
            ("the key does not have so many tokens", "see `vouch token balance` and `vouch stake status`")
        }
        "InsufficientMagnitude" => {
            ("more is bound to sets than there is", "see what is free with `vouch operator status`")
        }
        "SameMagnitude" => ("that is what is allocated already", "see `vouch operator status`"),
        "ModificationAlreadyPending" => {
            ("a change of that allocation is under way", "see until which block with `vouch operator status`")
        }
        "UninitializedAllocationDelay" => {
            ("the operator's allocation delay has not taken effect yet", "see from when with `vouch operator status`")
        }
        "InvalidOperator" => ("the key is no operator", "become one with `vouch operator register`"),
        "AlreadyMemberOfSet" => ("the operator is in that set", "see `vouch operator status`"),
        "NotMemberOfSet" => ("the operator is not in that set", "see its sets with `vouch operator status`"),
        "OperatorAlreadyRegistered" => {
            ("a key is registered for that set", "change it with `vouch operator keys rotate`")
        }
        "KeyAlreadyRegistered" => ("that key was used before, by somebody or for another set", "make a new one"),
        "KeyNotFound" => ("no key is registered for that set", "register one with `vouch operator keys register`"),
        "OperatorSetNotConfigured" => ("the set takes no keys", "ask the AVS for which curve its set is configured"),
        "UnknownApp" => ("there is no such app", "see `vouch app list`"),
        "OperatorNotRegistered" => {
            ("nobody is registered as an operator there", "see who is with `vouch operator list`")
        }
        "ActivelyDelegated" => ("the account is delegated already", "move with `vouch stake redelegate OPERATOR`"),
        "NotActivelyDelegated" => {
            ("the account is delegated to nobody", "delegate first: `vouch stake delegate OPERATOR`")
        }
        "OperatorsCannotUndelegate" => {
            ("an operator is delegated to itself for ever", "take its own stake out with `vouch stake withdraw`")
        }
        "CallerCannotUndelegate" => {
            ("only the staker, its operator or that operator's approver end a delegation", "act as one of them")
        }
        "FullySlashed" => ("everything there was slashed away", "nothing is left to withdraw or to add to"),
        "InvalidSignature" | "SignatureExpired" | "SaltSpent" => (
            "the operator's leave to delegate is missing, over or used",
            "ask it for a new one: --approval, --expiry, --salt",
        ),
        "WithdrawalNotQueued" => ("there is no such withdrawal, or it was completed", "see `vouch stake status`"),
        "WithdrawalDelayNotElapsed" => {
            ("it is too early for that withdrawal", "see its block with `vouch stake status`")
        }
        "WithdrawerNotCaller" => ("only the staker completes its withdrawal", "act as the staker"),
        "SharesAmountTooHigh" => ("that is more than what is deposited", "see `vouch stake status`, or give `all`"),
        "StrategyNotWhitelisted" => ("deposits into that strategy are closed", "name another strategy"),
        "WrappingStopped" => {
            ("wrapping has ended for this generation of EIGEN", "keep and stake bEIGEN as it is; unwrapping goes on")
        }
        "TooEarly" => ("it is too early for that outflow", "see its block with `vouch token balance`"),
        "UnknownOutflow" => ("there is no such outflow, or it was paid", "see `vouch token balance`"),
        "InvalidPermissions" => (
            "the key may not do this for that account",
            "act as the account or its admin (--as, --keystore), or have it appoint you: `vouch admin appoint`",
        ),
        "NonexistentAVSMetadata" => ("the AVS has not said what it is", "run `vouch avs create --metadata URI` first"),
        "InvalidOperatorSet" => {
            ("the set exists already, or does not exist", "see the AVS's sets with `vouch avs set show ID`")
        }
        "InvalidAVSRegistrar" => {
            ("that registrar does not serve this AVS", "name one whose supportsAVS says yes, or `open`")
        }
        "InvalidRedistributionRecipient" => {
            ("slashed stake cannot be redistributed to the burn address", "leave out --redistribute-to to burn it")
        }
        "StrategyAlreadyInOperatorSet" => ("the set has that strategy already", "see `vouch avs set show ID`"),
        "StrategyNotInOperatorSet" => ("the set does not have that strategy", "see `vouch avs set show ID`"),
        "StrategyRemovalPending" => ("the strategy is leaving already", "see when with `vouch avs set show ID`"),
        "InvalidCaller" => ("only the set's slasher slashes", "act as the slasher: `vouch avs set show ID` names it"),
        "OperatorNotSlashable" => {
            ("the operator is not in the set, and left it too long ago", "see its members with `vouch avs set show ID`")
        }
        "SlashNotResolved" => {
            ("the slash's delay has not passed yet", "run it again after so many blocks; the number is the block")
        }
        "NotAdmin" => ("only an admin of the account does this", "see who is with `vouch admin list ACCOUNT`"),
        "AppointeeAlreadySet" => ("it was appointed for that already", "see `vouch admin list ACCOUNT`"),
        "AppointeeNotSet" => ("it was not appointed for that", "see `vouch admin list ACCOUNT`"),
        "AdminAlreadySet" => ("it is an admin already", "see `vouch admin list ACCOUNT`"),
        "AdminAlreadyPending" => ("it was made that offer already", "it accepts with `vouch admin accept ACCOUNT`"),
        "AdminNotPending" => ("no such offer was made", "an admin makes it with `vouch admin offer ADDRESS`"),
        "AdminNotSet" => ("it is no admin", "see `vouch admin list ACCOUNT`"),
        "CannotHaveZeroAdmins" => {
            ("an account keeps its last admin", "offer the rights to another first: `vouch admin offer ADDRESS`")
        }
        _ => return None,
    })
}

fn strategy_of(network: &Network, name: &str) -> Result<Address, Failure> {
    if let Ok(address) = name.parse() {
        return Ok(address);
    }
    let stakes = network.contracts().stakes_with_eigen();
    let known: Vec<&str> = stakes.iter().map(|stake| stake.symbol.as_str()).collect();
    let found = stakes.iter().find(|stake| stake.symbol.eq_ignore_ascii_case(name));
    found.map(|stake| stake.strategy).ok_or_else(|| {
        Failure::input(
            format!("no strategy is called {name}"),
            format!("give a strategy's address, or one of {}", known.join(", ")),
        )
    })
}

fn is_yes(input: impl BufRead) -> std::io::Result<bool> {
    let mut answer = String::new();
    input.take(ANSWER_BYTES_MAX).read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

fn in_blocks(blocks: u32, seconds_per_block: u32) -> String {
    let seconds = u64::from(blocks) * u64::from(seconds_per_block);
    let time = match seconds {
        0..120 => format!("{seconds} seconds"),
        120..7_200 => format!("{} minutes", seconds / 60),
        7_200..172_800 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    };
    format!("{blocks} blocks, at least {time}")
}

/// An amount in wei as ETH, to six digits behind the point, rounded up.
fn rounded(wei: U256) -> String {
    let millionth = U256::from(10).pow(U256::from(12));
    whole_tokens(wei.div_ceil(millionth).saturating_mul(millionth))
}

/// An amount of a token with 18 decimals, for people.
pub fn whole_tokens(amount: U256) -> String {
    let text = format_units(amount, 18).unwrap_or_else(|_| amount.to_string());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// An amount in whole tokens of 18 decimals, as people write it: digits and perhaps a point.
pub fn parse_tokens(text: &str) -> Result<U256, String> {
    let plain = text.chars().all(|letter| letter.is_ascii_digit() || letter == '.');
    let decimals = text.split_once('.').map_or(0, |(_, rest)| rest.len());
    if !plain || decimals > 18 || !text.contains(|letter: char| letter.is_ascii_digit()) {
        return Err("expected whole tokens with at most 18 digits behind the point, such as 2.5".to_owned());
    }
    let amount: U256 = parse_units(text, 18).map_err(|error| error.to_string())?.into();
    if amount.is_zero() { Err("expected more than nothing".to_owned()) } else { Ok(amount) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_says_what_happens_when_it_can_be_undone_and_what_it_costs() {
        let mut plan = Plan::new("Leave the set", "join again").step("leave").step("pay").risk("slashable for a while");
        (plan.gas, plan.cost_wei) = (21_000, U256::from(41_500_000_000_001u64));
        let text = plan.lines();
        let expected = "Leave the set\n  1. leave\n  2. pay\n  undo  join again\n  risk  slashable for a while\n  \
                        cost  about 0.000042 ETH (21000 gas)";
        assert_eq!(text, expected);
        assert_eq!(serde_json::to_value(&plan).unwrap()["costWei"], serde_json::json!(plan.cost_wei));
    }

    #[test]
    fn only_a_yes_is_a_yes() {
        for (answer, agreed) in [("y\n", true), ("YES\n", true), ("\n", false), ("", false), ("yolo\n", false)] {
            assert_eq!(is_yes(answer.as_bytes()).unwrap(), agreed, "{answer:?}");
        }
    }

    #[test]
    fn blocks_are_told_in_time() {
        assert_eq!(in_blocks(600, 1), "600 blocks, at least 10 minutes");
        assert_eq!(in_blocks(216_000, 12), "216000 blocks, at least 30 days");
        assert_eq!(in_blocks(u32::MAX, u32::MAX).split_once(' ').unwrap().0, "4294967295");
    }

    #[test]
    fn amounts_are_whole_tokens() {
        assert_eq!(parse_tokens("2.5"), Ok(U256::from(2_500_000_000_000_000_000u64)));
        assert_eq!(whole_tokens(parse_tokens("1000.000000000000000001").unwrap()), "1000.000000000000000001");
        assert_eq!(whole_tokens(U256::ZERO), "0");
        for wrong in ["", ".", "-1", "1e3", "0", "0.0", "1.2.3", "1.0000000000000000001", "0x10", &"9".repeat(90)] {
            assert!(parse_tokens(wrong).is_err(), "{wrong}");
        }
    }
}
