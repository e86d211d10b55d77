//! The health of a cloud at a glance.

use std::time::Duration;

use alloy_primitives::Address;
use futures::future::join_all;
use serde::Serialize;
use vouch_api::{AppView, Health};
use vouch_sdk::Client;

use crate::context::{CloudOptions, Context, NodeEndpoint};
use crate::failure::{Failure, chain_of};
use crate::output::Output;

mod judge;
mod show;

use judge::{Finding, judge};

/// How long a node may take to say how it is.
const NODE_TIMEOUT: Duration = Duration::from_secs(5);

/// Show the health of a cloud at a glance: nodes, lanes, tables, operators, and what is wrong
///
/// Fails when something is wrong, and says what to do next.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    cloud: CloudOptions,
}

/// One node, or why it says nothing.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeStatus {
    pub name: String,
    pub url: String,
    /// As the cloud knows it.
    pub address: Option<Address>,
    pub health: Option<Health>,
    /// Why there is none.
    pub error: Option<String>,
}

/// Everything that was asked.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CloudStatus {
    pub healthy: bool,
    /// By this machine's clock, Unix seconds.
    pub at: u64,
    pub chain: ChainStatus,
    pub nodes: Vec<NodeStatus>,
    pub apps: Vec<AppView>,
    pub findings: Vec<Finding>,
}

/// The chain, as this command sees it itself.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChainStatus {
    pub finalized_block: Option<u64>,
    pub finalized_timestamp: Option<u64>,
    pub error: Option<String>,
}

pub async fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let context = Context::find(&arguments.cloud)?;
    let status = look(&context).await?;
    output.data(&status, show::show);
    let wrong = status.findings.iter().filter(|finding| finding.wrong).count();
    if wrong == 0 {
        return Ok(());
    }
    let next = status.findings.iter().find(|finding| finding.wrong).map(|finding| finding.next.clone());
    let things = if wrong == 1 { "1 thing is".to_owned() } else { format!("{wrong} things are") };
    Err(Failure::node(format!("{things} wrong with this cloud"), next.unwrap_or_default()))
}

async fn look(context: &Context) -> Result<CloudStatus, Failure> {
    let endpoints = context.nodes();
    let nodes = endpoints.iter().map(|endpoint| ask(context, endpoint));
    let (nodes, chain, apps) = tokio::join!(join_all(nodes), chain(context), apps(context));
    let nodes = nodes.into_iter().collect::<Result<Vec<_>, _>>()?;
    let at = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let mut status = CloudStatus { healthy: true, at, chain, nodes, apps, findings: Vec::new() };
    status.findings = judge(&status);
    status.healthy = status.findings.iter().all(|finding| !finding.wrong);
    Ok(status)
}

async fn ask(context: &Context, endpoint: &NodeEndpoint) -> Result<NodeStatus, Failure> {
    let client = context.client_of(&endpoint.url).await?;
    let (health, error) = match health(&client).await {
        Ok(health) => (Some(health), None),
        Err(error) => (None, Some(error)),
    };
    let NodeEndpoint { name, url, address } = endpoint.clone();
    Ok(NodeStatus { name, url, address, health, error })
}

async fn health(client: &Client) -> Result<Health, String> {
    match tokio::time::timeout(NODE_TIMEOUT, client.health()).await {
        Ok(answer) => answer.map_err(|error| chain_of(&error)),
        Err(_) => Err(format!("no answer within {} s", NODE_TIMEOUT.as_secs())),
    }
}

async fn chain(context: &Context) -> ChainStatus {
    let view = async { context.network().await?.view().await.map_err(|error| context.chain_failure(error)) };
    match view.await {
        Ok(view) => ChainStatus {
            finalized_block: Some(view.block().number),
            finalized_timestamp: Some(view.block().timestamp),
            error: None,
        },
        Err(failure) => ChainStatus { error: Some(failure.message().to_owned()), ..ChainStatus::default() },
    }
}

/// None if the gateway does not answer, which is a finding of its own.
async fn apps(context: &Context) -> Vec<AppView> {
    let Ok(client) = context.client().await else { return Vec::new() };
    tokio::time::timeout(NODE_TIMEOUT, client.apps()).await.ok().and_then(Result::ok).unwrap_or_default()
}
