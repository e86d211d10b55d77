//! An operator that signs two different batches for one slot, and what that costs it.

use std::process::Stdio;
use std::time::Duration;

use alloy_primitives::{B256, U256};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use vouch_chain::network::{Evidence, RecordedTable, SignedBatch, Slash, TableKey};
use vouch_core::Batch;
use vouch_core::bls::Signature;

use super::referee::Referee;
use super::wait;
use crate::adversary::gateway::Asked;
use crate::cloud::sibling;

/// The operator that will lie.
pub const LIAR: &str = "operator-4";
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Replaces an operator by a liar, has it asked twice, and reports it.
pub async fn slash(referee: &Referee<'_>) -> Result<((), Value)> {
    let set = referee.app_view().await?.operator_set_id;
    let wager = referee.begin().await?;
    let receipt = referee.judge(&wager, "not-begun").await?;

    let cloud = &referee.stage.cloud;
    cloud.stop_node(LIAR).await?;
    let mut liar = start_liar(referee, set).await?;
    let asked = ask_twice(referee, &receipt.receipt_file.display().to_string()).await?;
    liar.kill().await?;

    let before = stakes(referee, set).await?;
    let slash = report(referee, set, &asked).await?;
    let after = stakes(referee, set).await?;
    ensure!(after.iter().all(|stake| stake.is_zero()), "something of the allocation is left: {after:?}");
    let taken = in_vault(referee, &slash).await?;
    let facts = json!({
        "operator": slash.operator,
        "slot": { "lane": asked[0].batch.lane, "sequence": asked[0].batch.sequence },
        "batches": [asked[0].batch_hash, asked[1].batch_hash],
        "slashId": slash.slash_id.to_string(),
        "stakeBefore": texts(&before),
        "stakeAfter": texts(&after),
        "slashed": texts(&slash.shares),
        "vault": referee.app_view().await?.slash_vault,
        "inVault": texts(&taken),
    });
    Ok(((), facts))
}

async fn start_liar(referee: &Referee<'_>, set: u32) -> Result<Child> {
    let cloud = &referee.stage.cloud;
    let node = cloud.node(LIAR)?;
    let mut command = std::process::Command::new(sibling("vouch-adversary")?);
    command.arg("executor").arg("--config").arg(cloud.folder().join(&node.config)).args(["--set", &set.to_string()]);
    let child = cloud.spawn_logged(command, "liar")?;
    wait("the liar to answer", START_TIMEOUT, async || {
        Ok(reqwest::get(format!("{}/v1/status", node.url)).await.ok().map(|_| ()))
    })
    .await?;
    Ok(child)
}

async fn ask_twice(referee: &Referee<'_>, receipt: &str) -> Result<[Asked; 2]> {
    let cloud = &referee.stage.cloud;
    let keystore = &cloud.description.accounts.get("gateway").context("the cloud has no gateway")?.keystore;
    let mut command = Command::new(sibling("vouch-adversary")?);
    command.arg("gateway").arg("--keystore").arg(cloud.folder().join(keystore));
    command.arg("--password-file").arg(cloud.folder().join(&cloud.description.password_file));
    command.args(["--executor", &cloud.node(LIAR)?.url, "ask-twice", "--receipt", receipt]);
    let output = command.stdin(Stdio::null()).output().await?;
    ensure!(output.status.success(), "the lying gateway failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// One transaction: both signatures, and the operator's place in the table.
async fn report(referee: &Referee<'_>, set: u32, asked: &[Asked; 2]) -> Result<Slash> {
    let (network, liar) = (&referee.network, referee.stage.cloud.node(LIAR)?.address);
    let view = network.view().await?;
    let reference_timestamp = asked[0].batch.reference_timestamp;
    let key = TableKey { operator_set_id: set, program_id: B256::ZERO, reference_timestamp };
    let table = network.table(&view, key).await?;
    let [first, second] = [signed(&asked[0], &table, liar)?, signed(&asked[1], &table, liar)?];
    let reporter = referee.stage.cloud.sender(network, "client")?;
    Ok(network.prove_equivocation(&reporter, &first, &second).await?)
}

fn signed(asked: &Asked, table: &RecordedTable, liar: alloy_primitives::Address) -> Result<SignedBatch> {
    let batch: Batch = asked.batch.clone().into();
    let signature = asked.signature.as_ref().with_context(|| format!("it refused: {:?}", asked.refusal))?;
    let evidence = Evidence::Signature(Signature::from_bytes(signature)?);
    Ok(SignedBatch::new(batch, table, liar, evidence)?)
}

/// What the liar can lose, in each strategy.
async fn stakes(referee: &Referee<'_>, set: u32) -> Result<Vec<U256>> {
    referee.anvil.mine(3).await?;
    let (network, liar) = (&referee.network, referee.stage.cloud.node(LIAR)?.address);
    let strategies = network.contracts().strategies();
    Ok(network.slashable_stake(&network.view().await?, set, liar, &strategies, 0).await?)
}

/// Waits out the resolution delay and fetches the slashed tokens into the vault.
async fn in_vault(referee: &Referee<'_>, slash: &Slash) -> Result<Vec<U256>> {
    let network = &referee.network;
    let delay = network.deployment().parameters.slash_resolution_delay_blocks;
    referee.anvil.mine(u64::from(delay) + 1).await?;
    let (vault, anyone) = (referee.app_view().await?.slash_vault, referee.stage.cloud.sender(network, "client")?);
    network.collect_slash(&anyone, vault, slash.slash_id).await?;
    referee.anvil.mine(3).await?;
    let view = network.view().await?;
    let mut balances = Vec::new();
    for strategy in &slash.strategies {
        let token = network.token_of(*strategy).await?;
        balances.push(network.token_balance(&view, token, vault).await?);
    }
    Ok(balances)
}

fn texts(amounts: &[U256]) -> Vec<String> {
    amounts.iter().map(ToString::to_string).collect()
}
