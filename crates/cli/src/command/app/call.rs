use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use alloy_primitives::{B256, U256, hex};
use serde_json::json;
use vouch_api::{PAYLOAD_BYTES_MAX, Receipt, TraceParent};
use vouch_sdk::{CallOptions, Client, VerifiedReceipt};

use super::project::{NetworkName, Target};
use crate::command::receipt::{signers_line, status_name, verified_view, write_receipt};
use crate::context::{CloudOptions, Context, KeyOptions};
use crate::failure::Failure;
use crate::output::{Output, is_plain_text};

#[derive(clap::Args)]
pub struct Arguments {
    /// An app's id, or the folder of a deployed app
    #[arg(default_value = ".", value_name = "APP|DIR")]
    target: String,
    #[command(flatten)]
    payload: Payload,
    /// Write the output here instead of to standard output
    #[arg(long, value_name = "FILE")]
    output_file: Option<PathBuf>,
    /// Write the receipt here: everything that proves the answer
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// The program to call (default: the folder's, or the app's newest release)
    #[arg(long, value_name = "ID")]
    program: Option<B256>,
    /// Seconds within which the answer must be posted for contracts to act on it
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    deadline: u64,
    /// Seconds to wait for the answer
    #[arg(long, value_name = "SECONDS", default_value_t = 110)]
    patience: u64,
    /// The block whose randomness the program sees; 0 for none
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed_block: u64,
    /// Everything that you agree to owe the app with this call, in the smallest unit of its fee token (default: what you
    /// owe already by the gateway's word, and this call's fee)
    #[arg(long, value_name = "AMOUNT")]
    max_fee: Option<U256>,
    /// The trace that the call belongs to, as W3C's header `traceparent`
    #[arg(long, env = "TRACEPARENT", value_name = "TRACEPARENT")]
    traceparent: Option<TraceParent>,
    #[command(flatten)]
    cloud: CloudOptions,
    #[command(flatten)]
    key: KeyOptions,
}

/// What a program is asked
#[derive(clap::Args)]
pub struct Payload {
    /// What to ask, as text; without this and --payload-file, standard input
    #[arg(long, value_name = "TEXT", conflicts_with = "payload_file")]
    pub payload: Option<String>,
    /// What to ask, from a file
    #[arg(long, value_name = "FILE")]
    pub payload_file: Option<PathBuf>,
}

pub async fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let context = Context::find(&arguments.cloud)?;
    let target = Target::find(&arguments.target)?;
    let network = context.network().await?;
    target.require_on(NetworkName::of(&network), &arguments.target)?;
    let payload = arguments.payload.read()?;
    let signer = context.signer(&arguments.key, "client")?;
    let client = context.client_for(target.app).await?;
    let client = arguments.traceparent.map_or(client.clone(), |parent| client.traced(parent));
    let program = match arguments.program.or(target.program) {
        Some(program) => program,
        None => newest_release(&context, &client, target.app).await?,
    };
    let options = CallOptions {
        deadline_seconds: arguments.deadline,
        patience: Duration::from_secs(arguments.patience),
        seed_block: arguments.seed_block,
        max_fee: arguments.max_fee,
    };
    let receipt = client.call(target.app, program, &payload, &signer, &options).await;
    let receipt = receipt.map_err(|error| context.gateway_failure(error))?;
    if let Some(path) = &arguments.receipt {
        write_receipt(path, &receipt)?;
    }
    // The gateway is not believed either: the certificate must hold under the chain's own operator table.
    let verified = vouch_sdk::verify(&receipt, &network).await.map_err(|error| context.verify_failure(error))?;
    show(arguments.output_file.as_deref(), output, &receipt, &verified)
}

impl Payload {
    /// Reads no more than the protocol's largest payload, whatever is on the other end.
    pub fn read(&self) -> Result<Vec<u8>, Failure> {
        let limit = PAYLOAD_BYTES_MAX as u64 + 1;
        let mut bytes = Vec::new();
        match (&self.payload, &self.payload_file) {
            (Some(text), _) => bytes.extend_from_slice(text.as_bytes()),
            (None, Some(path)) => {
                let read = std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
                read.map_err(|error| Failure::input(format!("{}: {error}", path.display()), "check --payload-file"))?;
            }
            (None, None) => {
                let read = std::io::stdin().take(limit).read_to_end(&mut bytes);
                read.map_err(|error| {
                    Failure::input(format!("standard input: {error}"), "give --payload or --payload-file")
                })?;
            }
        }
        if bytes.len() > PAYLOAD_BYTES_MAX {
            return Err(Failure::input(format!("the payload has more than {PAYLOAD_BYTES_MAX} bytes"), "send less"));
        }
        Ok(bytes)
    }
}

async fn newest_release(context: &Context, client: &Client, app: B256) -> Result<B256, Failure> {
    let view = client.app(app).await.map_err(|error| context.gateway_failure(error))?;
    let newest = view.releases.iter().max_by_key(|release| release.published_at);
    let newest = newest
        .ok_or_else(|| Failure::input(format!("app {app} has no release"), "publish one with `vouch app deploy`"))?;
    Ok(newest.program_id)
}

/// A certified failure of the program is an answer like any other: the platform did its part.
pub fn show(
    output_file: Option<&Path>,
    output: &Output,
    receipt: &Receipt,
    verified: &VerifiedReceipt,
) -> Result<(), Failure> {
    let status = status_name(verified.status);
    if let Some(path) = output_file {
        write_output(path, &receipt.output)?;
    }
    if output.is_json() {
        let text = std::str::from_utf8(&receipt.output).ok();
        let call = json!({
            "requestId": verified.request_id.0, "status": status, "output": receipt.output, "text": text,
            "app": receipt.request.app, "programId": receipt.request.program_id, "verified": verified_view(verified),
        });
        output.data(&call, |_| String::new());
        return Ok(());
    }
    if output_file.is_none() {
        print_output(&receipt.output);
    }
    output.say(format!("status     {status}"));
    output.say(format!("request    {}", verified.request_id));
    output.say(format!("signed by  {}", signers_line(verified)));
    output.say(format!("on chain   {}", verified.consumption));
    output.say(format!("rests on   {}", verified.label));
    Ok(())
}

/// Text as it is, other bytes as hexadecimal: what a program says must not drive the terminal.
pub fn print_output(bytes: &[u8]) {
    let mut stdout = std::io::stdout();
    let printed = match std::str::from_utf8(bytes).ok().filter(|_| is_plain_text(bytes)) {
        Some("") => Ok(()),
        Some(text) => writeln!(stdout, "{}", text.strip_suffix('\n').unwrap_or(text)),
        None => writeln!(stdout, "{}", hex::encode_prefixed(bytes)),
    };
    // A reader that closed the pipe has seen what it wanted.
    let _closed = printed;
}

fn write_output(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    std::fs::write(path, bytes)
        .map_err(|error| Failure::host(format!("{} cannot be written: {error}", path.display()), "check --output-file"))
}
