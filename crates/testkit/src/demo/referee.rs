//! The wager contract and the referee app, as the two players use them.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use alloy_primitives::{Address, U256, hex};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::process::Command;
use vouch_api::{AppView, Clock, Receipt};
use vouch_chain::anvil::Anvil;
use vouch_chain::network::Outcome;
use vouch_chain::{Error, Network, Sender};
use vouch_core::{AppId, BatchHash, ProgramId};

use super::{Stage, wait};
use crate::cloud::DeployedApp;

/// Seconds for the other side to show more.
const CLOCK_SECONDS: u32 = 60;
const REFUND_DELAY_SECONDS: u32 = 3_600;
/// What each player stakes: ten tokens.
pub const STAKE: u128 = 10_000_000_000_000_000_000;
/// How long a certified batch may take to stand on the finalized chain.
const POST_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the gateway may take to make a new operator table after time was moved.
const TABLE_TIMEOUT: Duration = Duration::from_secs(60);
/// A table older than this may become stale before a game has been judged.
const TABLE_AGE_MAX: u64 = 75;

/// The example's folder in this checkout.
pub fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/referee")
}

/// A wager contract that acts on the referee's answers.
pub struct Referee<'a> {
    pub stage: &'a Stage,
    pub app: DeployedApp,
    pub network: Network,
    pub anvil: Anvil,
    pub contract: Address,
    pub token: Address,
    pub white: Sender,
    pub black: Sender,
}

/// A wager that both have staked on.
pub struct Wager {
    pub number: U256,
    inputs: PathBuf,
}

/// A certified answer of the referee.
pub struct Answer {
    pub receipt: Receipt,
    pub receipt_file: PathBuf,
    payload: Vec<u8>,
}

impl<'a> Referee<'a> {
    pub async fn open(stage: &'a Stage, app: DeployedApp) -> Result<(Self, Value)> {
        let network = stage.cloud.network().await?;
        let token = network.contracts().stakes.first().context("the cloud has no token")?.token;
        let (white, black) = (stage.cloud.sender(&network, "white")?, stage.cloud.sender(&network, "black")?);
        for player in [&white, &black] {
            network.mint(player, token, player.address(), U256::from(STAKE) * U256::from(100)).await?;
        }
        let developer = stage.cloud.sender(&network, "developer")?;
        let release = (AppId(app.app), ProgramId(app.program_id));
        let contract = network.deploy_wager(&developer, token, release, CLOCK_SECONDS, REFUND_DELAY_SECONDS).await?;
        let anvil = Anvil::of(network.chain()).await?;
        let facts = json!({ "contract": contract, "token": token, "clockSeconds": CLOCK_SECONDS });
        Ok((Self { stage, app, network, anvil, contract, token, white, black }, facts))
    }

    /// White stakes and invites, black joins; then every input of the example is signed for this wager.
    pub async fn begin(&self) -> Result<Wager> {
        let (number, _) =
            self.network.open_wager(&self.white, self.contract, self.black.address(), STAKE, true).await?;
        self.network.join_wager(&self.black, self.contract, number).await?;
        let inputs = self.stage.out.join(format!("inputs/wager-{number}"));
        self.sign_inputs(number, &inputs).await?;
        Ok(Wager { number, inputs })
    }

    async fn sign_inputs(&self, number: U256, inputs: &Path) -> Result<()> {
        std::fs::create_dir_all(inputs)?;
        let key_file = |player: &str| -> Result<String> {
            let path = inputs.join(format!("{player}.key"));
            std::fs::write(&path, hex::encode(self.stage.cloud.signer(player)?.to_bytes()))?;
            Ok(path.display().to_string())
        };
        let mut command = Command::new("node");
        command.arg(source().join("make-inputs.mjs"));
        command.args([
            "--chain-id",
            &self.network.chain().chain_id().to_string(),
            "--contract",
            &self.contract.to_string(),
        ]);
        command.args([
            "--number",
            &number.to_string(),
            "--white-key",
            &key_file("white")?,
            "--black-key",
            &key_file("black")?,
        ]);
        let output = command.arg("--out").arg(inputs).stdin(Stdio::null()).output().await.context("node")?;
        ensure!(
            output.status.success(),
            "signing the games failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(())
    }

    /// Asks the referee about one of the example's inputs; the receipt has been verified against the chain.
    pub async fn judge(&self, wager: &Wager, input: &str) -> Result<Answer> {
        self.wait_for_table().await?;
        let (app, payload_file) = (self.app.app.to_string(), wager.inputs.join(format!("{input}.json")));
        let receipt_file = wager.inputs.join(format!("{input}.receipt.json"));
        let (payload_path, receipt_path) = (payload_file.display().to_string(), receipt_file.display().to_string());
        let cloud = &self.stage.cloud;
        cloud.json(&["app", "call", &app, "--payload-file", &payload_path, "--receipt", &receipt_path]).await?;
        cloud.json(&["receipt", "verify", &receipt_path]).await?;
        let receipt = serde_json::from_str(&std::fs::read_to_string(&receipt_file)?)?;
        Ok(Answer { receipt, receipt_file, payload: std::fs::read(payload_file)? })
    }

    /// Waits until the answer's batch stands on chain, then shows the answer.
    pub async fn show(&self, wager: &Wager, answer: &Answer) -> Result<Result<Outcome, Error>> {
        self.wait_posted(answer).await?;
        let certified = vouch_sdk::certified_answer(&answer.receipt, &answer.payload)?;
        Ok(self.network.show_game(&self.white, self.contract, wager.number, &certified).await)
    }

    /// Mines through a wager's clock.
    pub async fn let_clock_end(&self) -> Result<()> {
        Ok(self.anvil.mine(u64::from(CLOCK_SECONDS) + 1).await?)
    }

    /// What white and black have in their accounts, final.
    pub async fn balances(&self) -> Result<[U256; 2]> {
        self.anvil.mine(3).await?;
        let view = self.network.view().await?;
        let of = async |player: &Sender| self.network.token_balance(&view, self.token, player.address()).await;
        Ok([of(&self.white).await?, of(&self.black).await?])
    }

    pub async fn phase(&self, wager: &Wager) -> Result<vouch_chain::network::Wager> {
        self.anvil.mine(3).await?;
        Ok(self.network.wager(&self.network.view().await?, self.contract, wager.number).await?)
    }

    pub async fn app_view(&self) -> Result<AppView> {
        let url = format!("{}/v1/apps/{}", self.stage.cloud.description.gateway, self.app.app);
        read(&url).await
    }

    async fn wait_posted(&self, answer: &Answer) -> Result<()> {
        let hash: vouch_core::Batch = answer.receipt.batch.clone().into();
        let hash: BatchHash = hash.hash();
        wait("the batch to be posted", POST_TIMEOUT, async || {
            let view = self.network.view().await?;
            Ok(self.network.record(&view, hash).await?.map(|_| ()))
        })
        .await
    }

    /// After time was moved, the gateway needs a moment to make a table that is not stale.
    async fn wait_for_table(&self) -> Result<()> {
        let gateway = &self.stage.cloud.description.gateway;
        wait("a fresh operator table", TABLE_TIMEOUT, async || {
            let clock: Clock = read(&format!("{gateway}/v1/clock")).await?;
            let view = self.app_view().await?;
            Ok((u64::from(view.reference_timestamp) + TABLE_AGE_MAX >= clock.time).then_some(()))
        })
        .await
    }
}

async fn read<T: serde::de::DeserializeOwned>(url: &str) -> Result<T> {
    let bytes = reqwest::get(url).await?.error_for_status()?.bytes().await?;
    Ok(serde_json::from_slice(&bytes)?)
}
