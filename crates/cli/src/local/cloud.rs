//! The folder of a local cloud, and `cloud.json`, by which every command finds it.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use alloy_primitives::Address;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// Describes a cloud that is ready; gone once it has stopped.
pub const CLOUD_FILE: &str = "cloud.json";
/// Marks a folder that may be wiped, and is locked while a cloud runs in it.
const MARKER_FILE: &str = ".vouch-cloud";
pub const VERSION: u32 = 1;

/// Where everything of a running cloud is; paths are relative to its folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cloud {
    pub version: u32,
    pub rpc: String,
    /// The chain's process.
    pub chain_pid: u32,
    pub gateway: String,
    pub deployment: PathBuf,
    pub password_file: PathBuf,
    pub accounts: BTreeMap<String, AccountEntry>,
    pub nodes: BTreeMap<String, NodeEntry>,
    /// The node that a liar keeps from ever joining an app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub misled: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountEntry {
    pub address: Address,
    pub keystore: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeEntry {
    pub address: Address,
    pub url: String,
    pub pid: u32,
    pub config: PathBuf,
    /// Where Prometheus finds it.
    pub metrics: String,
}

impl Cloud {
    /// Shows the cloud to other commands, all of it at once.
    pub fn save(&self, folder: &Path) -> Result<(), Failure> {
        let path = folder.join(CLOUD_FILE);
        let draft = folder.join("cloud.json.draft");
        let write = || {
            let mut file = File::create(&draft)?;
            file.write_all(&serde_json::to_vec_pretty(self)?)?;
            file.sync_all()?;
            fs::rename(&draft, &path)
        };
        write().map_err(|error| unwritable(&path, &error))
    }
}

/// The folder of a cloud that this process runs; no other process can while this lives.
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Takes `path` for a fresh cloud: what an earlier cloud left there is removed, what anything else left is not.
    pub fn prepare(path: &Path) -> Result<Self, Failure> {
        fs::create_dir_all(path).map_err(|error| unwritable(path, &error))?;
        let path = path.canonicalize().map_err(|error| unwritable(path, &error))?;
        let marker = path.join(MARKER_FILE);
        let entries = entries(&path)?;
        if !entries.is_empty() && !marker.exists() {
            return Err(Failure::input(
                format!("{} has files that no cloud wrote", path.display()),
                "name an empty or a new folder with --dir",
            ));
        }
        let lock = File::create(&marker).map_err(|error| unwritable(&marker, &error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::input(
                    format!("a cloud runs in {} already", path.display()),
                    "stop it first, or name another folder with --dir",
                ));
            }
            Err(TryLockError::Error(error)) => return Err(unwritable(&marker, &error)),
        }
        for entry in entries.iter().filter(|entry| **entry != marker) {
            remove(entry)?;
        }
        Ok(Self { path, _lock: lock })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The cloud has stopped: what is left is for people to read, not for commands to call.
        let _absent = fs::remove_file(self.path.join(CLOUD_FILE));
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let read = || fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>();
    read().map_err(|error| unwritable(folder, &error))
}

fn remove(path: &Path) -> Result<(), Failure> {
    // A link is removed, not followed.
    let is_folder = path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir());
    let removed = if is_folder { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.map_err(|error| unwritable(path, &error))
}

pub fn unwritable(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::host(format!("{} cannot be written: {error}", path.display()), "check the folder's owner and free space")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_somebody_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let precious = folder.path().join("thesis.txt");
        fs::write(&precious, "years").unwrap();
        assert!(Folder::prepare(folder.path()).is_err());
        assert_eq!(fs::read_to_string(precious).unwrap(), "years");
    }

    #[test]
    fn what_an_earlier_cloud_left_is_removed_even_if_it_never_became_ready() {
        let folder = tempfile::tempdir().unwrap();
        drop(Folder::prepare(folder.path()).unwrap());
        fs::create_dir(folder.path().join("gateway")).unwrap();
        fs::write(folder.path().join("gateway/store"), "old").unwrap();
        let _held = Folder::prepare(folder.path()).unwrap();
        assert!(!folder.path().join("gateway").exists());
    }

    #[test]
    fn two_clouds_cannot_share_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let _held = Folder::prepare(folder.path()).unwrap();
        assert!(Folder::prepare(folder.path()).is_err());
    }
}
