use std::path::PathBuf;
use std::time::Duration;

use alloy_primitives::{B256, U256};
use tokio::time::Instant;
use vouch_api::Receipt;
use vouch_chain::Network;
use vouch_chain::network::{Forced, Submission};
use vouch_core::{AppId, ProgramId};
use vouch_sdk::Client;

use super::call::{Payload, show};
use super::project::{NetworkName, Target};
use crate::command::receipt::write_receipt;
use crate::context::{CloudOptions, Context, KeyOptions};
use crate::failure::Failure;
use crate::output::Output;

/// How often to ask whether there is an answer.
const POLL: Duration = Duration::from_secs(1);
/// The most nodes that are asked.
const NODES_MAX: usize = 64;

#[derive(clap::Args)]
pub struct Arguments {
    /// An app's id, or the folder of a deployed app
    #[arg(default_value = ".", value_name = "APP|DIR")]
    target: String,
    #[command(flatten)]
    payload: Payload,
    /// The lane that has to answer
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    lane: u32,
    /// The program to call (default: the folder's, or the app's newest release)
    #[arg(long, value_name = "ID")]
    program: Option<B256>,
    /// Seconds after which the lane stands still until it has answered (default: twice the least that the inbox takes)
    #[arg(long, value_name = "SECONDS")]
    deadline: Option<u32>,
    /// The most to pay, wei; what the inbox does not ask for comes back (default: twice its price now)
    #[arg(long, value_name = "WEI")]
    fee_max: Option<U256>,
    /// Seconds to wait for the answer
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    patience: u64,
    /// A node to ask for the answer beside the gateway: any executor of the app. May be repeated
    #[arg(long, value_name = "URL")]
    node: Vec<String>,
    /// Write the output here instead of to standard output
    #[arg(long, value_name = "FILE")]
    output_file: Option<PathBuf>,
    /// Write the receipt here: everything that proves the answer
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    #[command(flatten)]
    cloud: CloudOptions,
    #[command(flatten)]
    key: KeyOptions,
}

pub async fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let context = Context::find(&arguments.cloud)?;
    let target = Target::find(&arguments.target)?;
    let network = context.network().await?;
    target.require_on(NetworkName::of(&network), &arguments.target)?;
    let payload = arguments.payload.read()?;
    let nodes = nodes(arguments, &context).await?;
    let forced = submit(arguments, &context, &network, &target, payload).await?;
    let id = forced.request.id();
    output.say(format!("request    {id}"));
    output.say(format!("inbox      entry {} of lane {}, for {} wei", forced.index, forced.lane, forced.fee));
    let progress = output.progress("waiting for the answer");
    let receipt = wait(arguments, &context, &network, &nodes, &forced).await?;
    drop(progress);
    if let Some(path) = &arguments.receipt {
        write_receipt(path, &receipt)?;
    }
    let verified = vouch_sdk::verify(&receipt, &network).await.map_err(|error| context.verify_failure(error))?;
    show(arguments.output_file.as_deref(), output, &receipt, &verified)
}

/// Who is asked for the answer: the gateway, which may be silent, and whom the user names.
async fn nodes(arguments: &Arguments, context: &Context) -> Result<Vec<Client>, Failure> {
    if arguments.node.len() > NODES_MAX {
        return Err(Failure::input(format!("more than {NODES_MAX} nodes"), "give fewer --node"));
    }
    let mut nodes: Vec<Client> = context.client().await.into_iter().collect();
    for url in &arguments.node {
        nodes.push(context.client_of(url).await?);
    }
    if nodes.is_empty() {
        return Err(Failure::input("no node is known that could be asked for the answer", "give --node"));
    }
    Ok(nodes)
}

async fn submit(
    arguments: &Arguments,
    context: &Context,
    network: &Network,
    target: &Target,
    payload: Vec<u8>,
) -> Result<Forced, Failure> {
    let chain_failure = |error| context.chain_failure(error);
    let view = network.view().await.map_err(chain_failure)?;
    let app = AppId(target.app);
    let program_id = match arguments.program.or(target.program) {
        Some(program) => ProgramId(program),
        None => newest_release(network.release_ids(&view, app).await.map_err(chain_failure)?, app)?,
    };
    let release = network.release(&view, app, program_id).await.map_err(chain_failure)?;
    let rules = network.deployment().parameters.inbox;
    let ahead = arguments.deadline.unwrap_or((2 * rules.deadline_min_seconds).min(rules.deadline_max_seconds));
    let submission = Submission {
        app,
        lane: arguments.lane,
        program: &release.program,
        payload: payload.into(),
        // The block's time counts, which is not before the finalized one's.
        deadline: latest_time(network).await.map_err(chain_failure)? + u64::from(ahead),
    };
    let fee_max = match arguments.fee_max {
        Some(fee_max) => fee_max,
        None => network.forced_fee(&submission).await.map_err(chain_failure)?.saturating_mul(U256::from(2)),
    };
    let sender = context.sender(network, context.signer(&arguments.key, "client")?);
    network.submit_forced(&sender, &submission, fee_max).await.map_err(chain_failure)
}

/// The machine's clock or the finalized block's, whichever is ahead: deadlines count from the block that takes the request.
async fn latest_time(network: &Network) -> Result<u64, vouch_chain::Error> {
    let machine = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let finalized = network.view().await?.block().timestamp;
    Ok(machine.map_or(finalized, |since| since.as_secs().max(finalized)))
}

fn newest_release(releases: Vec<ProgramId>, app: AppId) -> Result<ProgramId, Failure> {
    let none = || Failure::input(format!("app {app} has no release"), "publish one with `vouch app deploy`");
    releases.last().copied().ok_or_else(none)
}

/// Asks every node in turn; a silent one costs no more than the others' turn.
async fn wait(
    arguments: &Arguments,
    context: &Context,
    network: &Network,
    nodes: &[Client],
    forced: &Forced,
) -> Result<Receipt, Failure> {
    let end = Instant::now() + Duration::from_secs(arguments.patience);
    let id = forced.request.id();
    loop {
        for node in nodes {
            if let Ok(Ok(receipt)) = tokio::time::timeout(POLL, node.receipt(id.0)).await {
                return Ok(receipt);
            }
        }
        if Instant::now() > end {
            break;
        }
        tokio::time::sleep(POLL).await;
    }
    let view = network.view().await.map_err(|error| context.chain_failure(error))?;
    let cursor = network.inbox_cursor(&view, forced.app, forced.lane).await;
    let answered = cursor.map_err(|error| context.chain_failure(error))? >= forced.index;
    Err(if answered {
        Failure::node(
            format!("entry {} was answered on chain, and no node that was asked gives the answer", forced.index),
            "ask executors of the app: give their URLs with --node",
        )
    } else {
        Failure::node(
            format!("entry {} is not answered yet; its lane does nothing else from its deadline on", forced.index),
            "see `vouch lane show`: if its gateway is gone, operators of the app can bring another one with `vouch lane relieve`",
        )
    })
}
