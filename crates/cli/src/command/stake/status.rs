//! `vouch stake status`.

use serde_json::{Value, json};
use vouch_chain::Error;
use vouch_chain::network::{QueuedWithdrawal, Staker, StakerDeposit};

use super::{ACCOUNT, Assets, short};
use crate::command::consent::AccountOptions;
use crate::failure::Failure;
use crate::output::Output;

pub async fn run(arguments: &AccountOptions, output: &Output) -> Result<(), Failure> {
    let (context, network, account) = arguments.find(ACCOUNT).await?;
    let read = async {
        let view = network.view().await?;
        let staker = network.staker(&view, account).await?;
        Ok::<_, Error>((view.block().number, staker, Assets::read(&network).await?))
    };
    let (block, staker, assets) = read.await.map_err(|error| context.chain_failure(error))?;
    let told = json!({
        "staker": account, "block": block, "delegatedTo": staker.delegated_to,
        "deposits": staker.deposits.iter().map(deposit_view).collect::<Vec<_>>(),
        "withdrawals": staker.withdrawals.iter().map(withdrawal_view).collect::<Vec<_>>(),
    });
    output.data(&told, |_| format!("staker     {account}\n{}", describe(&staker, &assets, block)));
    Ok(())
}

fn deposit_view(deposit: &StakerDeposit) -> Value {
    json!({
        "strategy": deposit.strategy, "depositShares": deposit.deposit_shares,
        "withdrawableShares": deposit.withdrawable_shares, "tokens": deposit.tokens,
    })
}

pub fn withdrawal_view(withdrawal: &QueuedWithdrawal) -> Value {
    let worth = withdrawal
        .worth
        .iter()
        .map(|worth| json!({ "strategy": worth.strategy, "shares": worth.shares, "tokens": worth.tokens }));
    json!({
        "id": withdrawal.root, "delegatedTo": withdrawal.delegated_to, "startBlock": withdrawal.start_block,
        "completableBlock": withdrawal.completable_block, "worth": worth.collect::<Vec<_>>(),
    })
}

fn describe(staker: &Staker, assets: &Assets, block: u64) -> String {
    let delegated = staker.delegated_to.map_or("to nobody".to_owned(), |operator| format!("to {operator}"));
    let mut lines = vec![format!("delegated  {delegated}")];
    lines.extend(staker.deposits.iter().map(|deposit| {
        let tokens = assets.tell_tokens(deposit.strategy, deposit.tokens);
        // Two tokens of a strategy that was never slashed are two shares.
        let slashed = if deposit.withdrawable_shares < deposit.deposit_shares { ", after slashing" } else { "" };
        format!("deposited  {tokens}{slashed}")
    }));
    lines.extend(staker.withdrawals.iter().map(|withdrawal| {
        let worth: Vec<_> = withdrawal.worth.iter().map(|worth| assets.tell(worth)).collect();
        let when = match withdrawal.completable_block.checked_sub(block) {
            Some(left) if left > 0 => format!("from block {} on, in {left}", withdrawal.completable_block),
            _ => "now, with `vouch stake complete`".to_owned(),
        };
        format!("queued     {}  {}, {when}", short(withdrawal.root), worth.join(" and "))
    }));
    lines.push(format!("as of finalized block {block}"));
    lines.join("\n")
}
