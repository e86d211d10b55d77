//! A staker behind the operator that lies: what it puts in, and what slashing leaves of it.

use alloy_primitives::{Address, U256, U512};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use vouch_chain::network::WHOLE_MAGNITUDE;

use super::lying::LIAR;
use super::referee::Referee;

const STAKER: &str = "client";
const STRATEGY: &str = "DEMOA";
/// With digits down to the last one, so that the rounding shows; in whole tokens, and in the smallest unit.
const DEPOSIT: &str = "25.000000000000000007";
const DEPOSIT_UNITS: u128 = 25_000_000_000_000_000_007;

/// Deposits and delegates by the command line.
pub async fn delegate(referee: &Referee<'_>) -> Result<((), Value)> {
    let cloud = &referee.stage.cloud;
    let (staker, operator) = (cloud.sender(&referee.network, STAKER)?, cloud.node(LIAR)?.address);
    referee.network.mint(&staker, referee.token, staker.address(), U256::from(DEPOSIT_UNITS)).await?;
    sign(referee, &["stake", "deposit", DEPOSIT, "--strategy", STRATEGY]).await?;
    sign(referee, &["stake", "delegate", &operator.to_string()]).await?;
    let facts = json!({ "staker": staker.address(), "operator": operator, "deposited": DEPOSIT_UNITS.to_string() });
    Ok(((), facts))
}

/// Queues everything, waits the delay out and takes it; it must be `floor(deposit * max magnitude / 1e18)` to the last unit.
pub async fn withdraw(referee: &Referee<'_>) -> Result<((), Value)> {
    let operator = referee.stage.cloud.node(LIAR)?.address;
    referee.anvil.mine(3).await?;
    let status = referee.stage.cloud.json(&["operator", "status", &operator.to_string()]).await?;
    let strategy = referee.network.contracts().stakes.first().context("the cloud has no token")?.strategy;
    let magnitude = max_magnitude(&status, strategy)?;
    ensure!(magnitude < WHOLE_MAGNITUDE, "the operator was not slashed");
    sign(referee, &["stake", "withdraw", "all", "--strategy", STRATEGY]).await?;
    let delay = referee.network.deployment().parameters.withdrawal_delay_blocks;
    referee.anvil.mine(u64::from(delay) + 1).await?;
    let before = balance(referee).await?;
    sign(referee, &["stake", "complete"]).await?;
    let paid = balance(referee).await? - before;
    let expected = U512::from(DEPOSIT_UNITS) * U512::from(magnitude) / U512::from(WHOLE_MAGNITUDE);
    ensure!(U512::from(paid) == expected, "{paid} were paid, {expected} were due");
    let facts = json!({
        "deposited": DEPOSIT_UNITS.to_string(), "maxMagnitude": magnitude.to_string(), "waitedBlocks": delay,
        "paid": paid.to_string(), "formula": "floor(deposited * maxMagnitude / 1e18)",
    });
    Ok(((), facts))
}

/// What slashing has left of the operator's magnitude in the strategy that the staker is in.
fn max_magnitude(status: &Value, strategy: Address) -> Result<u64> {
    let stakes = status["stakes"].as_array().context("the operator's status names no stakes")?;
    let of_strategy = |stake: &&Value| {
        serde_json::from_value(stake["strategy"].clone()).is_ok_and(|found: Address| found == strategy)
    };
    let found = stakes.iter().find(of_strategy).and_then(|stake| stake["maxMagnitude"].as_u64());
    found.context("the operator's status says nothing of its magnitude")
}

async fn sign(referee: &Referee<'_>, arguments: &[&str]) -> Result<Value> {
    referee.stage.cloud.json(&[arguments, &["--as", STAKER, "--yes"]].concat()).await
}

async fn balance(referee: &Referee<'_>) -> Result<U256> {
    referee.anvil.mine(3).await?;
    let staker: Address = referee.stage.cloud.sender(&referee.network, STAKER)?.address();
    let view = referee.network.view().await?;
    Ok(referee.network.token_balance(&view, referee.token, staker).await?)
}
