//! One step per way in which a game moves, or does not move, the stakes.

use alloy_primitives::U256;
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use vouch_chain::Error;
use vouch_chain::network::Outcome;

use super::referee::{Answer, Referee, STAKE};

/// Sides as the contract numbers them.
const NEITHER: u8 = 0;
const WHITE: u8 = 1;

type Step = Result<((), Value)>;

pub async fn resignation(referee: &Referee<'_>) -> Step {
    let before = referee.balances().await?;
    let wager = referee.begin().await?;
    let escrowed = referee.balances().await?;
    let answer = referee.judge(&wager, "deep-blue-kasparov-1997-6").await?;
    let reason = settled(referee.show(&wager, &answer).await??, WHITE)?;
    let after = referee.balances().await?;
    paid(before, after, [STAKE as i128, -(STAKE as i128)])?;
    let facts = json!({
        "game": "Deep Blue - Kasparov, 1997, game 6",
        "reason": reason,
        "requestId": answer.receipt.exchange.request_id,
        "receipt": answer.receipt_file,
        "white": { "before": text(before[0]), "escrowed": text(escrowed[0]), "after": text(after[0]) },
        "black": { "before": text(before[1]), "escrowed": text(escrowed[1]), "after": text(after[1]) },
    });
    Ok(((), facts))
}

pub async fn illegal_and_forged(referee: &Referee<'_>) -> Step {
    let wager = referee.begin().await?;
    let before = referee.balances().await?;
    let mut facts = serde_json::Map::new();
    for input in ["illegal-move", "forged-signature"] {
        let answer = referee.judge(&wager, input).await?;
        let name = refused(referee.show(&wager, &answer).await?)?;
        ensure!(name == "IllegalRecord", "{input} was refused as {name}");
        facts.insert(input.to_owned(), json!(name));
    }
    let (after, state) = (referee.balances().await?, referee.phase(&wager).await?);
    ensure!(before == after && state.plies == 0 && state.clock_ends_at.is_none(), "something changed");
    facts.extend(balance_facts(before, after));
    Ok(((), Value::Object(facts)))
}

pub async fn silence(referee: &Referee<'_>) -> Step {
    let before = referee.balances().await?;
    let wager = referee.begin().await?;
    let answer = referee.judge(&wager, "silent-loser").await?;
    let (ends_at, reason) = clock_then_settle(referee, &wager, &answer, WHITE).await?;
    let after = referee.balances().await?;
    paid(before, after, [STAKE as i128, -(STAKE as i128)])?;
    let mut facts = balance_facts(before, after);
    facts.extend([("clockEndedAt".to_owned(), json!(ends_at)), ("reason".to_owned(), json!(reason))]);
    Ok(((), Value::Object(facts)))
}

pub async fn takeback(referee: &Referee<'_>) -> Step {
    let before = referee.balances().await?;
    let wager = referee.begin().await?;
    let answer = referee.judge(&wager, "takeback").await?;
    // White took the move back.
    let reason = settled(referee.show(&wager, &answer).await??, 2)?;
    let after = referee.balances().await?;
    paid(before, after, [-(STAKE as i128), STAKE as i128])?;
    let mut facts = balance_facts(before, after);
    facts.insert("reason".to_owned(), json!(reason));
    Ok(((), Value::Object(facts)))
}

pub async fn repetition(referee: &Referee<'_>) -> Step {
    let before = referee.balances().await?;
    let wager = referee.begin().await?;
    let answer = referee.judge(&wager, "repetition").await?;
    let (_, reason) = clock_then_settle(referee, &wager, &answer, NEITHER).await?;
    let after = referee.balances().await?;
    paid(before, after, [0, 0])?;
    let mut facts = balance_facts(before, after);
    facts.insert("reason".to_owned(), json!(reason));
    Ok(((), Value::Object(facts)))
}

/// Shows a game that starts a clock, sees that nobody is paid before its end, and settles after it.
async fn clock_then_settle(
    referee: &Referee<'_>,
    wager: &super::referee::Wager,
    answer: &Answer,
    winner: u8,
) -> Result<(u64, String)> {
    let ends_at = match referee.show(wager, answer).await?? {
        Outcome::Clock { pending, ends_at } if pending == winner => ends_at,
        other => bail!("expected a clock for side {winner}, found {other:?}"),
    };
    let settle = async || referee.network.settle_wager(&referee.white, referee.contract, wager.number).await;
    let early = refused(settle().await)?;
    ensure!(early == "ClockRunning", "settling early was refused as {early}");
    referee.let_clock_end().await?;
    Ok((ends_at, settled(settle().await?, winner)?))
}

fn settled(outcome: Outcome, expected: u8) -> Result<String> {
    match outcome {
        Outcome::Settled { winner, reason } if winner == expected => Ok(reason),
        other => bail!("expected side {expected} to be paid, found {other:?}"),
    }
}

/// The name of the contract's error.
fn refused(result: Result<Outcome, Error>) -> Result<String> {
    match result {
        Ok(outcome) => bail!("the contract took it: {outcome:?}"),
        Err(error) => Ok(error.revert_name().with_context(|| error.to_string())?.to_owned()),
    }
}

/// What each side has more after than before.
fn paid(before: [U256; 2], after: [U256; 2], expected: [i128; 2]) -> Result<()> {
    for (side, expected) in expected.into_iter().enumerate() {
        let amount = U256::from(expected.unsigned_abs());
        let should = if expected < 0 { before[side] - amount } else { before[side] + amount };
        ensure!(after[side] == should, "side {} has {}, not {should}", side + 1, after[side]);
    }
    Ok(())
}

fn balance_facts(before: [U256; 2], after: [U256; 2]) -> serde_json::Map<String, Value> {
    let side = |index: usize| json!({ "before": text(before[index]), "after": text(after[index]) });
    [("white".to_owned(), side(0)), ("black".to_owned(), side(1))].into_iter().collect()
}

/// A number of the token's smallest unit; too large for JSON's numbers.
fn text(amount: U256) -> String {
    amount.to_string()
}
