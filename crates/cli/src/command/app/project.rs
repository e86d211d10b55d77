//! An app's folder: `vouch.toml`, and `.vouch-app.json`, which remembers where the app was deployed.

use std::path::{Path, PathBuf};

use alloy_primitives::B256;
use serde::{Deserialize, Serialize};
use vouch_chain::Network;
use vouch_compute::program::Description;

use crate::failure::{Failure, chain_of};

pub const DESCRIPTION_FILE: &str = "vouch.toml";
const STATE_FILE: &str = ".vouch-app.json";
const STATE_BYTES_MAX: u64 = 1 << 16;

/// A folder with a release description.
pub struct Project {
    pub folder: PathBuf,
    pub description: Description,
}

/// What was deployed, and on which chain; what is absent is still to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct State {
    pub app: B256,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program_id: Option<B256>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<u32>,
    pub network: NetworkName,
}

/// Tells chains apart, two local ones of the same id as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkName {
    pub chain_id: u64,
    pub genesis_hash: B256,
}

impl NetworkName {
    pub fn of(network: &Network) -> Self {
        Self { chain_id: network.chain().chain_id(), genesis_hash: network.chain().genesis_hash() }
    }
}

impl Project {
    pub fn open(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join(DESCRIPTION_FILE);
        if !path.is_file() {
            let message = format!("{} is no app: there is no {DESCRIPTION_FILE}", folder.display());
            return Err(Failure::input(message, format!("start one with `vouch app init {}`", folder.display())));
        }
        let description = Description::read(&path).map_err(|error| {
            let hint = "correct vouch.toml; if the artifact is missing, build it first (`vouch app build`, or the app's own build)";
            Failure::input(format!("{}: {}", path.display(), chain_of(&error)), hint)
        })?;
        Ok(Self { folder: folder.to_owned(), description })
    }
}

impl State {
    /// What `folder` remembers; none if the app was never deployed.
    pub fn load(folder: &Path) -> Result<Option<Self>, Failure> {
        let path = folder.join(STATE_FILE);
        let Ok(metadata) = std::fs::metadata(&path) else { return Ok(None) };
        let unreadable = |detail: &dyn std::fmt::Display| {
            Failure::input(
                format!("{} cannot be read: {detail}", path.display()),
                "restore the file, or remove it to deploy a new app",
            )
        };
        if metadata.len() > STATE_BYTES_MAX {
            return Err(unreadable(&format!("it has {} bytes", metadata.len())));
        }
        let text = std::fs::read_to_string(&path).map_err(|error| unreadable(&error))?;
        serde_json::from_str(&text).map(Some).map_err(|error| unreadable(&error))
    }

    /// Replaces what `folder` remembers in one step.
    pub fn save(&self, folder: &Path) -> Result<(), Failure> {
        let (path, draft) = (folder.join(STATE_FILE), folder.join(".vouch-app.json.draft"));
        let text = serde_json::to_string_pretty(self).expect("a state has string keys only");
        let written = std::fs::write(&draft, text).and_then(|()| std::fs::rename(&draft, &path));
        written.map_err(|error| {
            Failure::host(format!("{} cannot be written: {error}", path.display()), "check the folder's permissions")
        })
    }
}

/// What a command is to call or show.
pub struct Target {
    pub app: B256,
    /// The folder's program; none when the app was named by its id.
    pub program: Option<B256>,
    /// Where a folder's app lives.
    pub network: Option<NetworkName>,
}

impl Target {
    /// An app's id, or the folder of a deployed app.
    pub fn find(text: &str) -> Result<Self, Failure> {
        if let Ok(app) = text.parse::<B256>() {
            return Ok(Self { app, program: None, network: None });
        }
        let folder = Path::new(text);
        let state = State::load(folder)?.ok_or_else(|| {
            let message = format!("`{text}` is neither an app's id nor the folder of a deployed app");
            Failure::input(message, format!("deploy it with `vouch app deploy {text}`, or see `vouch app list`"))
        })?;
        Ok(Self { app: state.app, program: state.program_id, network: Some(state.network) })
    }

    /// Refuses a folder whose app lives on another chain than `network`.
    pub fn require_on(&self, network: NetworkName, folder: &str) -> Result<(), Failure> {
        if self.network.is_none_or(|own| own == network) {
            return Ok(());
        }
        let message = format!("the app of {folder} was deployed on another chain than this one");
        Err(Failure::input(message, format!("deploy it here with `vouch app deploy {folder}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        let network = NetworkName { chain_id: 31_337, genesis_hash: B256::repeat_byte(9) };
        State { app: B256::repeat_byte(1), program_id: None, lane: Some(1), network }
    }

    #[test]
    fn a_state_is_what_was_saved() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(State::load(folder.path()).unwrap(), None);
        state().save(folder.path()).unwrap();
        assert_eq!(State::load(folder.path()).unwrap(), Some(state()));
    }

    #[test]
    fn a_damaged_state_is_not_taken_for_none() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(STATE_FILE), "{\"app\":").unwrap();
        assert!(State::load(folder.path()).is_err());
    }

    #[test]
    fn an_app_of_another_chain_is_not_called() {
        let target = Target { app: state().app, program: None, network: Some(state().network) };
        assert!(target.require_on(state().network, "x").is_ok());
        let other = NetworkName { genesis_hash: B256::ZERO, ..state().network };
        assert!(target.require_on(other, "x").is_err());
    }
}
