//! Another transport key for a machine. For a while the chain names both, so that the machine is reached before its restart and
//! after it. Each step looks first whether it has been taken.

use std::path::{Path, PathBuf};

use alloy_primitives::B256;
use serde_json::json;
use vouch_chain::endpoint::Endpoint;
use vouch_chain::{Network, Sender};
use vouch_node::tls::Identity;

use super::add::{KEY_FILE, TRANSPORT_KEY_FILE};
use super::file::{NetworkFile, lock};
use super::{chain_failure, key_in, sender_of};
use crate::failure::{Failure, chain_of};
use crate::local::cloud::unwritable;
use crate::output::Output;

const NEXT_KEY_FILE: &str = "transport-key-next.pem";

#[derive(clap::Args)]
pub struct Arguments {
    /// The machine's name
    name: String,
    /// The machine runs with its new key: the old one is not to count any more
    #[arg(long)]
    finish: bool,
    /// The network's folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

pub async fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let file = NetworkFile::load(&arguments.dir)?;
    let _lock = lock(&arguments.dir)?;
    let machine = file.machine(&arguments.name)?;
    let network = file.network(&arguments.dir).await?;
    let folder = arguments.dir.join(&machine.name);
    let sender = sender_of(network.chain(), key_in(&folder, KEY_FILE)?).await?;
    sender.settled_nonce().await.map_err(|error| chain_failure(&error))?;
    let known = network.latest_endpoint(sender.address()).await.map_err(|error| chain_failure(&error))?;
    let known = known.ok_or_else(|| {
        Failure::input("its account has no endpoint on chain", "run `vouch network add` for the machine again")
    })?;
    let next = if arguments.finish {
        finish(&network, &sender, &known, &folder).await?
    } else {
        begin(&network, &sender, &known, &folder).await?
    };
    let (name, folder) = (&machine.name, folder.display());
    output.data(&json!({ "name": name, "transportKey": next, "finished": arguments.finish }), |_| {
        if arguments.finish {
            return format!("{name} is known by {next} alone.");
        }
        format!(
            "{name} may show {next} too. Copy {folder}/{NEXT_KEY_FILE} over its {TRANSPORT_KEY_FILE} and start its node \
             again,\nthen run: vouch network rotate {name} --finish"
        )
    });
    Ok(())
}

/// Registers the new key beside the old one.
async fn begin(network: &Network, sender: &Sender, known: &Endpoint, folder: &Path) -> Result<B256, Failure> {
    let (old, next) = (key_of(&folder.join(TRANSPORT_KEY_FILE))?, key_of(&folder.join(NEXT_KEY_FILE))?);
    if !known.keys.contains(old) {
        let message = format!("{TRANSPORT_KEY_FILE} in {} is not the key on chain", folder.display());
        return Err(Failure::input(message, "put the machine's own key there, or run `vouch network add` again"));
    }
    if !known.keys.contains(next) {
        let set = network.set_endpoint(sender, &known.url, old, next).await;
        set.map_err(|error| chain_failure(&error))?;
    }
    Ok(next)
}

/// Leaves the new key alone on chain, and puts it in the old one's place.
async fn finish(network: &Network, sender: &Sender, known: &Endpoint, folder: &Path) -> Result<B256, Failure> {
    let (path, next_path) = (folder.join(TRANSPORT_KEY_FILE), folder.join(NEXT_KEY_FILE));
    if !next_path.exists() {
        // A run that ended after this file was moved has done all the rest.
        let key = key_of(&path)?;
        if known.keys.both() == (key, None) {
            return Ok(key);
        }
        let message = format!("no change of keys is under way in {}", folder.display());
        return Err(Failure::input(message, "begin one with `vouch network rotate NAME`"));
    }
    let next = key_of(&next_path)?;
    if !known.keys.contains(next) {
        return Err(Failure::input("the new key is not on chain yet", "run `vouch network rotate NAME` first"));
    }
    if known.keys.both() != (next, None) {
        let set = network.set_endpoint(sender, &known.url, next, B256::ZERO).await;
        set.map_err(|error| chain_failure(&error))?;
    }
    std::fs::rename(&next_path, &path).map_err(|error| unwritable(&path, &error))?;
    Ok(next)
}

/// What the chain calls the key in this file, which is made if there is none.
fn key_of(path: &Path) -> Result<B256, Failure> {
    let identity = Identity::open_or_create(path);
    Ok(identity.map_err(|error| Failure::host(chain_of(&error), "check the machine's folder"))?.transport_key())
}
