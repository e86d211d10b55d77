use std::path::{Path, PathBuf};

use alloy_primitives::{B256, U256};
use serde_json::{Value, json};
use vouch_api::Receipt;
use vouch_core::Status;
use vouch_sdk::{Consumption, Standing, VerifiedReceipt};

use crate::context::{CloudOptions, Context};
use crate::failure::Failure;
use crate::output::{Output, percent};

mod archive;
mod calldata;
mod post;

/// The largest receipt file: the largest output in hexadecimal, with its proofs.
const RECEIPT_BYTES_MAX: u64 = 132 << 20;

/// Show a receipt, verify it against the chain alone, or bring it to a contract
#[derive(clap::Subcommand)]
pub enum Command {
    /// Show what a receipt claims; nothing is verified
    Show(ShowArguments),
    /// Verify a receipt, trusting the chain alone; or an archive, trusting one block's hash
    Verify(VerifyArguments),
    /// Wait until contracts may act on the answer; certifies its batch on chain where the gateway did not
    Post(post::Arguments),
    /// Keep a certified receipt with proofs from the chain, so that it can be verified without one
    Archive(archive::Arguments),
    /// Print the call that shows the answer to a contract; nothing is verified
    Calldata(calldata::Arguments),
}

#[derive(clap::Args)]
pub struct ShowArguments {
    /// A receipt's file, or the id of a request that the gateway answered
    #[arg(value_name = "FILE|ID")]
    receipt: String,
    #[command(flatten)]
    cloud: CloudOptions,
}

#[derive(clap::Args)]
pub struct VerifyArguments {
    /// A receipt's file; with --offline, an archive's
    #[arg(value_name = "FILE")]
    receipt: PathBuf,
    #[command(flatten)]
    offline: archive::OfflineArguments,
    #[command(flatten)]
    cloud: CloudOptions,
}

pub async fn run(command: Command, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Show(arguments) => show(&arguments, output).await,
        Command::Verify(arguments) => verify(&arguments, output).await,
        Command::Post(arguments) => post::run(&arguments, output).await,
        Command::Archive(arguments) => archive::run(&arguments, output).await,
        Command::Calldata(arguments) => calldata::run(&arguments, output),
    }
}

async fn show(arguments: &ShowArguments, output: &Output) -> Result<(), Failure> {
    let receipt = match arguments.receipt.parse::<B256>() {
        Ok(id) => {
            let context = Context::find(&arguments.cloud)?;
            context.client().await?.receipt(id).await.map_err(|error| context.gateway_failure(error))?
        }
        Err(_) => read_receipt(Path::new(&arguments.receipt))?,
    };
    output.data(&receipt, describe);
    Ok(())
}

async fn verify(arguments: &VerifyArguments, output: &Output) -> Result<(), Failure> {
    let deployment = || Context::offline_deployment(&arguments.cloud);
    if let Some(checkpoint) = arguments.offline.checkpoint(deployment)? {
        return archive::verify(&arguments.receipt, &checkpoint, output);
    }
    let receipt = read_receipt(&arguments.receipt)?;
    let context = Context::find(&arguments.cloud)?;
    let network = context.network().await?;
    let verified = vouch_sdk::verify(&receipt, &network).await.map_err(|error| context.verify_failure(error))?;
    output.data(&verified_view(&verified), |_| describe_verified(&verified));
    Ok(())
}

fn read_receipt(path: &Path) -> Result<Receipt, Failure> {
    read_json(path, "receipt", "name a file that `vouch app call --receipt FILE` wrote, or a request's id")
}

/// A file of at most [`RECEIPT_BYTES_MAX`] that holds a `kind`.
fn read_json<T: serde::de::DeserializeOwned>(path: &Path, kind: &str, next: &str) -> Result<T, Failure> {
    let unreadable = |detail: &dyn std::fmt::Display| Failure::input(format!("{}: {detail}", path.display()), next);
    let size = std::fs::metadata(path).map_err(|error| unreadable(&error))?.len();
    if size > RECEIPT_BYTES_MAX {
        return Err(unreadable(&format!("it has {size} bytes, at most {RECEIPT_BYTES_MAX} are read")));
    }
    let text = std::fs::read(path).map_err(|error| unreadable(&error))?;
    serde_json::from_slice(&text).map_err(|error| unreadable(&format!("it is no {kind}: {error}")))
}

/// Writes a receipt as `vouch receipt verify` reads it.
pub fn write_receipt(path: &Path, receipt: &Receipt) -> Result<(), Failure> {
    let text = serde_json::to_vec_pretty(receipt).expect("a receipt has string keys only");
    std::fs::write(path, text)
        .map_err(|error| Failure::host(format!("{} cannot be written: {error}", path.display()), "check --receipt"))
}

pub fn status_name(status: Status) -> &'static str {
    match status {
        Status::Ok => "ok",
        Status::Trap => "trap",
        Status::OutOfFuel => "out of fuel",
        Status::OutputTooLarge => "output too large",
    }
}

fn describe(receipt: &Receipt) -> String {
    let batch = &receipt.batch;
    let status = Status::try_from(receipt.exchange.status).map_or("unknown", status_name);
    let lines = [
        format!("request    {}", receipt.exchange.request_id),
        format!("client     {} (nonce {})", receipt.request.client, receipt.request.nonce),
        format!("app        {}", receipt.request.app),
        format!("program    {}", receipt.request.program_id),
        format!("payload    {} bytes", receipt.payload.length),
        format!("time       {}, deadline {}", receipt.request.time, receipt.request.deadline),
        format!("status     {status}"),
        format!("output     {} bytes, hash {}", receipt.output.len(), receipt.exchange.output_hash),
        format!(
            "batch      {} of lane {}, exchange {} of {}",
            batch.sequence, batch.lane, receipt.index, batch.exchange_count
        ),
        format!(
            "table      of {}; {} of its operators did not sign",
            batch.reference_timestamp,
            receipt.certificate.non_signers.len()
        ),
        "these are claims; `vouch receipt verify` checks them".to_owned(),
    ];
    lines.join("\n")
}

/// What is known about a receipt that holds, for programs.
pub fn verified_view(verified: &VerifiedReceipt) -> Value {
    let (recorded_at, certified_at) = match verified.standing {
        Standing::Posted { recorded_at, certified_at } => (Some(recorded_at), certified_at),
        _ => (None, None),
    };
    let (standing, displaced_by) = match verified.standing {
        Standing::Waiting => ("waiting", None),
        Standing::Posted { .. } => ("posted", None),
        Standing::Displaced { by } => ("displaced", Some(by.0)),
        Standing::Passed => ("passed", None),
    };
    let (consumption, until) = match verified.consumption {
        Consumption::Until(until) => ("now", Some(until)),
        Consumption::AfterPost { until } => ("after-post", Some(until)),
        Consumption::EndedAt(at) => ("ended", Some(at)),
        Consumption::RecordedOutsideRequest => ("recorded-outside-request", None),
        Consumption::CannotBePosted => ("cannot-be-posted", None),
        Consumption::NotImmediate => ("not-immediate", None),
    };
    json!({
        "holds": true, "requestId": verified.request_id.0, "batchHash": verified.batch_hash.0,
        "app": verified.app.0, "programId": verified.program_id.0,
        "status": status_name(verified.status),
        "signedWeight": verified.signed_weight.to_string(), "totalWeight": verified.total_weight.to_string(),
        "thresholdBips": verified.threshold_bips, "signers": verified.signers, "operators": verified.operators,
        "standing": standing, "displacedBy": displaced_by, "posted": recorded_at.is_some(),
        "recordedAt": recorded_at, "certifiedAt": certified_at,
        "consumption": consumption, "consumableUntil": until, "label": verified.label,
        "asOf": { "block": verified.as_of.number, "hash": verified.as_of.hash, "timestamp": verified.as_of.timestamp },
    })
}

/// Who signed, for people; the exact weights are in the JSON.
pub fn signers_line(verified: &VerifiedReceipt) -> String {
    let share = percent(verified.signed_weight, verified.total_weight);
    format!("{} of {} operators with {share} of the stake", verified.signers, verified.operators)
}

fn describe_verified(verified: &VerifiedReceipt) -> String {
    let lines = [
        "the receipt holds".to_owned(),
        format!("request    {}", verified.request_id),
        format!("app        {}", verified.app),
        format!("program    {}", verified.program_id),
        format!("batch      {}", verified.batch_hash),
        format!("status     {}", status_name(verified.status)),
        format!(
            "signed by  {}; {} are needed",
            signers_line(verified),
            percent(U256::from(verified.threshold_bips), U256::from(10_000))
        ),
        format!("posted     {}", verified.standing),
        format!("on chain   {}", verified.consumption),
        format!("rests on   {}", verified.label),
        format!("as of      finalized block {} ({})", verified.as_of.number, verified.as_of.timestamp),
    ];
    lines.join("\n")
}
