//! What must hold when everything is healed, whatever went wrong before.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::time::{Duration, Instant};

use alloy_primitives::keccak256;
use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt};
use vouch_api::Receipt;
use vouch_chain::Network;
use vouch_compute::evidence::Evidence;
use vouch_compute::executor::store::ExecutorStore;
use vouch_compute::gateway::store::GatewayStore;
use vouch_compute::machine::LocalFiles;
use vouch_compute::store::{Birth, Identity};
use vouch_core::{Batch, BatchHash};
use vouch_sdk::{Standing, VerifyError};

use super::clients::{CALL_TIME_MAX, Outcome};
use super::drill::{Drill, GATEWAY, OPERATORS};

/// How long the gateway may take to post what is left.
const POST_TIMEOUT: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(500);
/// Receipts that are verified at once.
const VERIFIED_AT_ONCE: usize = 8;

/// What a drill came to.
#[derive(Debug, Default)]
pub struct Verdict {
    pub calls: usize,
    pub answered: usize,
    pub batches: usize,
    /// The longest that a call took until it ended.
    pub slowest: Duration,
    /// How calls failed, with how many each.
    pub failures: BTreeMap<String, usize>,
    /// Everything that must not be; empty when all is well.
    pub wrong: Vec<String>,
}

impl Verdict {
    /// Looks at how calls ended, and asks the chain about every answer until all are posted.
    pub async fn of(outcomes: &[Outcome], network: &Network) -> Result<Self> {
        let mut verdict = Self { calls: outcomes.len(), ..Self::default() };
        outcomes.iter().for_each(|outcome| verdict.look_at(outcome));
        let receipts: Vec<&Receipt> = outcomes.iter().filter_map(|outcome| outcome.answer.as_ref().ok()).collect();
        verdict.one_batch_per_slot(&receipts);
        verdict.all_posted(&receipts, network).await?;
        Ok(verdict)
    }

    fn look_at(&mut self, outcome: &Outcome) {
        self.slowest = self.slowest.max(outcome.took);
        if outcome.took > CALL_TIME_MAX {
            self.wrong.push(format!("a call took {:.1} s", outcome.took.as_secs_f64()));
        }
        match &outcome.answer {
            Ok(receipt) => {
                self.answered += 1;
                if receipt.output.as_ref() != outcome.payload {
                    self.wrong.push(format!("request {} got another answer", receipt.exchange.request_id));
                }
            }
            Err(error) => {
                let kind = error.split([':', ';']).next().unwrap_or_default().to_owned();
                *self.failures.entry(kind).or_default() += 1;
            }
        }
    }

    fn one_batch_per_slot(&mut self, receipts: &[&Receipt]) {
        let mut slots: BTreeMap<(u32, u64), BatchHash> = BTreeMap::new();
        for receipt in receipts {
            let batch: Batch = receipt.batch.clone().into();
            let hash = batch.hash();
            let first = *slots.entry((batch.lane, batch.sequence)).or_insert(hash);
            if first != hash {
                self.wrong.push(format!("two batches for slot {}: {first} and {hash}", batch.sequence));
            }
        }
        self.batches = slots.len();
    }

    /// One receipt per batch and certificate is verified with the chain; the others' own parts are checked against it.
    async fn all_posted(&mut self, receipts: &[&Receipt], network: &Network) -> Result<()> {
        let domain = network.deployment().domain();
        let mut certified = HashSet::new();
        let mut distinct = Vec::new();
        for receipt in receipts {
            if let Err(lie) = vouch_sdk::check(receipt, &domain) {
                self.wrong.push(format!("receipt of {}: {lie}", receipt.exchange.request_id));
            }
            if certified.insert(keccak256(serde_json::to_vec(&(&receipt.batch, &receipt.certificate))?)) {
                distinct.push(*receipt);
            }
        }
        let deadline = Instant::now() + POST_TIMEOUT;
        loop {
            let verified = futures::stream::iter(distinct).map(|receipt| verify(receipt, network));
            let verified: Vec<_> = verified.buffer_unordered(VERIFIED_AT_ONCE).try_collect().await?;
            distinct = Vec::new();
            for (receipt, standing) in verified {
                match standing {
                    Ok(Standing::Posted { .. }) => {}
                    Ok(Standing::Waiting) => distinct.push(receipt),
                    Ok(other) => self.wrong.push(format!("batch {}: {other}", receipt.batch.sequence)),
                    Err(error) => self.wrong.push(error),
                }
            }
            if distinct.is_empty() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                self.wrong.push(format!("{} batches are not posted", distinct.len()));
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Looks for evidence of lies in the stores of nodes that have ended: there were none.
    pub fn look_into_stores(&mut self, drill: &Drill, network: &Network) -> Result<()> {
        for name in OPERATORS.into_iter().chain([GATEWAY]) {
            let kept = evidence_of(drill, name, network).with_context(|| format!("the stores of {name}"))?;
            self.wrong.extend(kept.iter().map(|evidence| format!("{name} keeps evidence: {}", describe(evidence))));
        }
        Ok(())
    }

    /// Fails with everything that is wrong.
    pub fn require(&self) -> Result<()> {
        ensure!(self.wrong.is_empty(), "{}", self.wrong.join("\n"));
        Ok(())
    }
}

/// The receipt with where its batch stands, or why it does not hold; fails when the chain cannot be asked.
async fn verify<'a>(receipt: &'a Receipt, network: &Network) -> Result<(&'a Receipt, Result<Standing, String>)> {
    match vouch_sdk::verify(receipt, network).await {
        Ok(verified) => Ok((receipt, Ok(verified.standing))),
        Err(VerifyError::Lie(lie)) => Ok((receipt, Err(format!("receipt of {}: {lie}", receipt.exchange.request_id)))),
        Err(error) => Err(error.into()),
    }
}

fn evidence_of(drill: &Drill, name: &str, network: &Network) -> Result<Vec<Evidence>> {
    let (chain_id, registry) = (network.deployment().chain_id, network.contracts().batch_registry);
    let data = drill.cloud.folder().join("data").join(name);
    if name == GATEWAY {
        let address = drill.cloud.node(name)?.address;
        return Ok(GatewayStore::open(
            &LocalFiles,
            &data.join("gateway"),
            chain_id,
            registry,
            address,
            Birth { block: 0, clock: 0 },
        )?
        .evidence()?);
    }
    let mut all = Vec::new();
    for entry in std::fs::read_dir(data.join("executor"))? {
        let folder = entry?.path();
        let set: u32 = set_of(&folder)?;
        let operator = drill.cloud.bls_key(name, set)?.public_key().operator_id();
        let identity = Identity::new("executor", chain_id, registry, operator.into());
        all.extend(ExecutorStore::open(&LocalFiles, &folder, &identity, Birth { block: 0, clock: 0 })?.evidence()?);
    }
    Ok(all)
}

fn set_of(folder: &Path) -> Result<u32> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    name.parse().with_context(|| format!("{} is no operator set's folder", folder.display()))
}

fn describe(evidence: &Evidence) -> String {
    match evidence {
        Evidence::RefusedProposal { refusal, .. } => format!("{}: {refusal}", evidence.name()),
        other => other.name().to_owned(),
    }
}
