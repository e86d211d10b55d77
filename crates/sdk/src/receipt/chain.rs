use std::fmt;

use alloy_primitives::{B256, U256};
use vouch_api::Receipt;
use vouch_chain::bindings::profile;
use vouch_chain::network::{App, BatchRecord, Release, TableKey};
use vouch_chain::{Confirmed, Finalized, FinalizedBlock, Network, Sender};
use vouch_core::{AppId, Batch, BatchHash, Label, ProgramId, RequestId, Status, VerifiedCertificate};

use super::{CheckedReceipt, Facts, Lie, check, check_facts};

/// Why a receipt was not found to hold.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The receipt lies.
    #[error("the receipt does not hold")]
    Lie(#[from] Lie),
    /// Nothing is known about the receipt: the chain could not be asked.
    #[error("the chain cannot be asked")]
    Chain(#[from] vouch_chain::Error),
}

/// Where the batch stands on the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Not there yet.
    Waiting,
    /// Its hash was recorded, Unix seconds; with its own certificate if `certified_at` is there.
    Posted { recorded_at: u64, certified_at: Option<u64> },
    /// Another batch was recorded for its slot: whoever signed both can be slashed.
    Displaced { by: BatchHash },
    /// The lane went on without it: it can never be posted.
    Passed,
}

/// Whether contracts of this chain may act on the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consumption {
    /// Now, up to and with this moment, Unix seconds.
    Until(u64),
    /// Once the batch is posted with its own certificate, up to and with this moment.
    AfterPost { until: u64 },
    /// No more since this moment.
    EndedAt(u64),
    /// Never: the batch was recorded outside the request's time and deadline.
    RecordedOutsideRequest,
    /// Never: the batch cannot be posted.
    CannotBePosted,
    /// Never: the program is of a kind that contracts may not act on at once.
    NotImmediate,
}

/// A receipt that holds, on the word of the chain alone: made by [`verify`] and by nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifiedReceipt {
    pub request_id: RequestId,
    /// Whose operators signed. Compare it with the app that you mean: others may have published the same program.
    pub app: AppId,
    pub program_id: ProgramId,
    pub batch_hash: BatchHash,
    pub status: Status,
    /// The primary weight that signed, and that of the whole table.
    pub signed_weight: U256,
    pub total_weight: U256,
    pub threshold_bips: u16,
    /// How many operators signed, and how many the table has.
    pub signers: usize,
    pub operators: usize,
    pub standing: Standing,
    pub consumption: Consumption,
    /// What the answer rests on, in words for users.
    pub label: &'static str,
    /// The finalized block as of which all of this holds.
    pub as_of: FinalizedBlock,
    batch: Batch,
    certificate: VerifiedCertificate,
}

impl VerifiedReceipt {
    /// Posts the batch with its own certificate, which contracts ask for and a gateway that posts several batches at once
    /// gives to the last of them only. Anyone may; a second time changes nothing.
    ///
    /// # Errors
    /// [`vouch_chain::Error::Reverted`] with `WrongSequence` while batches before this one are not recorded.
    pub async fn post(&self, network: &Network, sender: &Sender) -> Result<Confirmed, vouch_chain::Error> {
        network.post(sender, std::slice::from_ref(&self.batch), &self.certificate).await
    }
}

/// Verifies a receipt against the latest finalized state of the chain, trusting nothing else.
///
/// # Errors
/// [`VerifyError::Lie`] names the check that failed; [`VerifyError::Chain`] when nothing can be said.
pub async fn verify(receipt: &Receipt, network: &Network) -> Result<VerifiedReceipt, VerifyError> {
    let checked = check(receipt, &network.deployment().domain())?;
    let view = network.view().await?;
    check_forced(&checked, network, &view).await?;
    let (app, program) = (checked.batch.app, checked.batch.program_id);
    let release = known(network.release(&view, app, program).await, || format!("release {program} of app {app}"))?;
    let app = known(network.app(&view, app).await, || format!("app {app}"))?;
    let key = TableKey {
        operator_set_id: app.operator_set_id,
        program_id: table_of(&release),
        reference_timestamp: checked.batch.reference_timestamp,
    };
    let table = known(network.table(&view, key).await, || format!("operator table of {}", key.reference_timestamp))?;
    let facts = Facts { app: &app, release: &release, table: &table.table };
    let certificate = check_facts(&checked, &facts)?;
    let standing = standing(&checked, network, &view).await?;
    let claim_age = view.call(app.profile, &profile::claimAgeCall {}).await?;
    let consumption = consumption(&checked, &release, standing, claim_age, view.block().timestamp);
    Ok(summarize(&checked, certificate, &app, facts, standing, consumption, *view.block()))
}

/// A request without a signature must be one that the chain recorded.
async fn check_forced(checked: &CheckedReceipt, network: &Network, view: &Finalized) -> Result<(), VerifyError> {
    if checked.forced && network.forced_index(view, checked.request_id().0).await?.is_none() {
        return Err(Lie::NotForced.into());
    }
    Ok(())
}

/// Operators that did not accept a container program are not in its table, so what they sign adds nothing.
fn table_of(release: &Release) -> B256 {
    if release.wasm { B256::ZERO } else { release.program_id.0 }
}

/// What the chain does not know, the receipt made up.
fn known<T>(answer: Result<T, vouch_chain::Error>, what: impl FnOnce() -> String) -> Result<T, VerifyError> {
    answer.map_err(|error| match error.revert_name() {
        Some("UnknownApp" | "UnknownRelease" | "UnknownTable") => Lie::UnknownToChain { what: what() }.into(),
        _ => error.into(),
    })
}

async fn standing(checked: &CheckedReceipt, network: &Network, view: &Finalized) -> Result<Standing, VerifyError> {
    let batch = &checked.batch;
    let hash = batch.hash();
    if let Some(BatchRecord { recorded_at, certified_at, .. }) = network.record(view, hash).await? {
        return Ok(Standing::Posted { recorded_at, certified_at });
    }
    if let Some(by) = network.batch_at(view, batch.app, batch.lane, batch.sequence).await? {
        return Ok(Standing::Displaced { by });
    }
    let lane = known(network.lane(view, batch.app, batch.lane).await, || format!("lane {}", batch.lane));
    Ok(if lane?.cursor >= batch.sequence { Standing::Passed } else { Standing::Waiting })
}

/// The rules of `VouchConsumer`, at the time of the finalized block.
pub(super) fn consumption(
    checked: &CheckedReceipt,
    release: &Release,
    standing: Standing,
    claim_age: u32,
    now: u64,
) -> Consumption {
    let until = u64::from(checked.batch.reference_timestamp) + u64::from(claim_age);
    let request = &checked.request;
    // What came through the forced inbox stays good after its deadline.
    let deadline = if checked.forced { u64::MAX } else { request.deadline };
    match standing {
        _ if !release.immediate => Consumption::NotImmediate,
        Standing::Displaced { .. } | Standing::Passed => Consumption::CannotBePosted,
        Standing::Posted { recorded_at, .. } if !(request.time..=deadline).contains(&recorded_at) => {
            Consumption::RecordedOutsideRequest
        }
        _ if now > until => Consumption::EndedAt(until),
        Standing::Posted { certified_at: Some(_), .. } => Consumption::Until(until),
        Standing::Waiting if now > deadline => Consumption::EndedAt(deadline),
        Standing::Waiting | Standing::Posted { .. } => Consumption::AfterPost { until },
    }
}

fn summarize(
    checked: &CheckedReceipt,
    certificate: VerifiedCertificate,
    app: &App,
    facts: Facts<'_>,
    standing: Standing,
    consumption: Consumption,
    as_of: FinalizedBlock,
) -> VerifiedReceipt {
    let operators = facts.table.infos().len();
    VerifiedReceipt {
        request_id: checked.request_id(),
        app: checked.batch.app,
        program_id: checked.batch.program_id,
        batch_hash: checked.batch.hash(),
        status: checked.exchange.status,
        signed_weight: certificate.signed_weights()[0],
        total_weight: facts.table.totals()[0],
        threshold_bips: app.threshold_bips,
        signers: operators - certificate.certificate().non_signers.len(),
        operators,
        standing,
        consumption,
        label: Label::of(&facts.release.program).as_str(),
        as_of,
        batch: checked.batch.clone(),
        certificate,
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting => write!(formatter, "not posted yet"),
            Self::Posted { recorded_at, certified_at: None } => {
                write!(formatter, "recorded at {recorded_at}, on a later batch's certificate")
            }
            Self::Posted { recorded_at, certified_at: Some(at) } => {
                write!(formatter, "recorded at {recorded_at}, certified at {at}")
            }
            Self::Displaced { by } => write!(formatter, "batch {by} was recorded in its place"),
            Self::Passed => write!(formatter, "the lane went on without it"),
        }
    }
}

impl fmt::Display for Consumption {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Until(until) => write!(formatter, "contracts may act on it until {until}"),
            Self::AfterPost { until } => {
                write!(formatter, "contracts may act on it once it is posted with its own certificate, until {until}")
            }
            Self::EndedAt(since) => write!(formatter, "contracts may not act on it any more since {since}"),
            Self::RecordedOutsideRequest => {
                write!(
                    formatter,
                    "contracts may never act on it: it was recorded outside the request's time and deadline"
                )
            }
            Self::CannotBePosted => write!(formatter, "contracts may never act on it: it cannot be posted"),
            Self::NotImmediate => write!(formatter, "contracts may not act on programs of this kind"),
        }
    }
}
