//! Each machine as the chain knows it and as it answers.

use std::path::Path;
use std::time::Duration;

use alloy_primitives::Address;
use futures::future::join_all;
use serde::Serialize;
use vouch_api::Health;
use vouch_chain::{Finalized, Network};
use vouch_sdk::Client;

use super::chain_failure;
use super::file::{Machine, MachineRole, NetworkFile};
use crate::failure::{Failure, chain_of};
use crate::output::Output;

/// How long a machine may take to answer.
const MACHINE_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct MachineStatus {
    name: String,
    role: MachineRole,
    account: Address,
    url: String,
    /// It answered, over TLS, with a key that its account registered on chain.
    reached: bool,
    version: Option<String>,
    /// How many finalized blocks it has not read yet.
    lag_blocks: Option<u64>,
    /// What is wrong.
    error: Option<String>,
}

pub async fn run(folder: &Path, output: &Output) -> Result<(), Failure> {
    let file = NetworkFile::load(folder)?;
    let network = file.network(folder).await?;
    let view = network.view().await.map_err(|error| chain_failure(&error))?;
    let machines = join_all(file.machines.iter().map(|machine| look(&network, &view, machine))).await;
    output.data(&machines, |machines| {
        if machines.is_empty() {
            return "no machines yet: vouch network add gateway NAME --url https://HOST:PORT".to_owned();
        }
        machines.iter().map(line).collect::<Vec<_>>().join("\n")
    });
    match machines.iter().filter(|machine| machine.error.is_some()).count() {
        0 => Ok(()),
        wrong => Err(Failure::node(
            format!("{wrong} of {} machines cannot be used", machines.len()),
            "look at what is said of each; on the machine, run `vouch node --config node.toml`",
        )),
    }
}

async fn look(network: &Network, view: &Finalized, machine: &Machine) -> MachineStatus {
    let (health, error) = match ask(network, view, machine).await {
        Ok(health) => (Some(health), None),
        Err(error) => (None, Some(error)),
    };
    let Machine { name, role, account, url } = machine.clone();
    MachineStatus {
        name,
        role,
        account,
        url,
        reached: health.is_some(),
        lag_blocks: health.as_ref().map(|health| view.block().number.saturating_sub(health.chain.finalized_block)),
        version: health.map(|health| health.version),
        error,
    }
}

async fn ask(network: &Network, view: &Finalized, machine: &Machine) -> Result<Health, String> {
    let endpoint = network.endpoint(view, machine.account).await.map_err(|error| chain_of(&error))?;
    let endpoint = endpoint.ok_or("its account has no endpoint in a finalized block")?;
    if endpoint.url.as_str() != machine.url {
        return Err(format!("on chain its url is {}", endpoint.url));
    }
    // Whoever runs this made the machine's folder: its url is no stranger's word.
    let client = Client::pinned(&endpoint, network.deployment().domain(), true).map_err(|error| chain_of(&error))?;
    let answer = tokio::time::timeout(MACHINE_TIMEOUT, client.health()).await;
    let health = answer.map_err(|_| format!("no answer within {} s", MACHINE_TIMEOUT.as_secs()))?;
    let health = health.map_err(|error| chain_of(&error))?;
    if health.address != machine.account {
        return Err(format!("the node there is that of {}", health.address));
    }
    Ok(health)
}

fn line(machine: &MachineStatus) -> String {
    let state = match (&machine.error, machine.lag_blocks) {
        (Some(error), _) => format!("away: {error}"),
        (None, lag) => {
            let version = machine.version.as_deref().unwrap_or("?");
            format!("up, registered key, version {version}, {} blocks behind", lag.unwrap_or_default())
        }
    };
    format!("{:<12} {}  {}  {state}", machine.name, machine.account, machine.url)
}
