//! `vouch-network.toml`: which chain, and which machines.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use alloy_primitives::Address;
use serde::{Deserialize, Serialize};
use vouch_chain::{Chain, Deployment, Network};

use super::chain_failure;
use crate::failure::{Failure, chain_of};
use crate::local::cloud::unwritable;
use crate::local::config::DEPLOYMENT_FILE;

const FILE: &str = "vouch-network.toml";
const LOCK_FILE: &str = "vouch-network.lock";
const VERSION: u32 = 1;
const FILE_BYTES_MAX: u64 = 1 << 20;
const MACHINES_MAX: usize = 1_024;
const NAME_BYTES_MAX: usize = 32;

/// How long the contracts' delays are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    Local,
    Mainnet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MachineRole {
    Gateway,
    Operator,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkFile {
    pub version: u32,
    /// JSON-RPC endpoint of the chain.
    pub rpc: String,
    pub chain_id: u64,
    pub preset: Preset,
    #[serde(default)]
    pub machines: Vec<Machine>,
}

/// A machine whose folder, named like it, was made here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    pub name: String,
    pub role: MachineRole,
    pub account: Address,
    pub url: String,
}

/// Keeps other commands from changing the folder at the same time, until it is dropped or the process ends.
pub fn lock(folder: &Path) -> Result<File, Failure> {
    let path = folder.join(LOCK_FILE);
    let lock = File::create(&path).map_err(|error| unwritable(&path, &error))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(Failure::input(
            format!("another command is changing {}", folder.display()),
            "wait until it has ended, then run this one again",
        )),
        Err(TryLockError::Error(error)) => Err(unwritable(&path, &error)),
    }
}

pub fn path_in(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

impl NetworkFile {
    pub fn new(rpc: &str, chain_id: u64, preset: Preset) -> Self {
        Self { version: VERSION, rpc: rpc.to_owned(), chain_id, preset, machines: Vec::new() }
    }

    /// Writes a new file; the same one twice is no error, another network's is.
    pub fn create(&self, folder: &Path) -> Result<(), Failure> {
        if !path_in(folder).exists() {
            return self.save(folder);
        }
        let found = Self::load(folder)?;
        if (&found.rpc, found.chain_id, found.preset) == (&self.rpc, self.chain_id, self.preset) {
            return Ok(());
        }
        Err(Failure::input(
            format!("{} is there already, for {} (chain {})", path_in(folder).display(), found.rpc, found.chain_id),
            "name another folder with --dir",
        ))
    }

    pub fn load(folder: &Path) -> Result<Self, Failure> {
        let path = path_in(folder);
        let wrong = |message: String| {
            let next = "start a network with `vouch network init`, or name its folder with --dir";
            Failure::input(format!("{}: {message}", path.display()), next)
        };
        let size = std::fs::metadata(&path).map_err(|error| wrong(error.to_string()))?.len();
        if size > FILE_BYTES_MAX {
            return Err(wrong(format!("it has {size} bytes, at most {FILE_BYTES_MAX} are read")));
        }
        let text = std::fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
        let file: Self = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if file.version != VERSION {
            return Err(wrong(format!("its version is {}, not {VERSION}", file.version)));
        }
        file.check_machines().map_err(wrong)?;
        Ok(file)
    }

    /// A name is a folder's, so each is one machine's and leads nowhere else.
    fn check_machines(&self) -> Result<(), String> {
        if self.machines.len() > MACHINES_MAX {
            return Err(format!("it names {} machines, at most {MACHINES_MAX} are read", self.machines.len()));
        }
        let mut names = BTreeSet::new();
        for machine in &self.machines {
            let name = machine.name.escape_default();
            check_name(&machine.name).map_err(|_| format!("`{name}` is no name of a machine"))?;
            if !names.insert(&machine.name) {
                return Err(format!("it names two machines `{name}`"));
            }
        }
        Ok(())
    }

    /// Replaces the file in one step.
    pub fn save(&self, folder: &Path) -> Result<(), Failure> {
        let (path, draft) = (path_in(folder), folder.join("vouch-network.draft"));
        let text = toml::to_string_pretty(self).map_err(|error| Failure::bug(error.to_string()))?;
        let write = || {
            let mut file = std::fs::File::create(&draft)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&draft, &path)
        };
        write().map_err(|error| unwritable(&path, &error))
    }

    /// Adds a machine, or gives the one of that name its new url.
    pub fn put(&mut self, machine: Machine) -> Result<(), Failure> {
        if let Some(known) = self.machines.iter_mut().find(|known| known.name == machine.name) {
            if (known.role, known.account) != (machine.role, machine.account) {
                let message = format!("`{}` is another machine already, of {}", known.name, known.account);
                return Err(Failure::input(message, "choose another name"));
            }
            *known = machine;
            return Ok(());
        }
        if self.machines.len() >= MACHINES_MAX {
            return Err(Failure::input(format!("a network file names at most {MACHINES_MAX} machines"), "use another"));
        }
        self.machines.push(machine);
        Ok(())
    }

    pub fn machine(&self, name: &str) -> Result<&Machine, Failure> {
        self.machines.iter().find(|machine| machine.name == name).ok_or_else(|| {
            let names: Vec<_> = self.machines.iter().map(|machine| machine.name.as_str()).collect();
            let message = format!("no machine here is called `{}`", name.escape_default());
            Failure::input(message, format!("the machines are: {}", names.join(", ")))
        })
    }

    /// The chain, and no other.
    pub async fn connect(&self) -> Result<Chain, Failure> {
        super::connect(&self.rpc, Some(self.chain_id)).await
    }

    /// The contracts that `vouch network deploy` put there.
    pub async fn network(&self, folder: &Path) -> Result<Network, Failure> {
        let deployment = Deployment::load(&folder.join(DEPLOYMENT_FILE))
            .map_err(|error| Failure::input(chain_of(&error), "run `vouch network deploy` first"))?;
        if deployment.end_block.is_none() {
            return Err(Failure::input("the deployment is unfinished", "run `vouch network deploy` again"));
        }
        Network::new(self.connect().await?, deployment).map_err(|error| chain_failure(&error))
    }
}

/// A machine's name is its folder's: letters, digits and dashes.
pub fn check_name(name: &str) -> Result<(), Failure> {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if plain && !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.starts_with('-') {
        return Ok(());
    }
    let message = format!("`{}` is no name of a machine", name.escape_default());
    Err(Failure::input(message, format!("use up to {NAME_BYTES_MAX} letters, digits and dashes")))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use proptest::collection::vec;
    use proptest::prelude::any;
    use proptest::test_runner::TestRunner;

    use super::*;
    use crate::fuzz;

    fn machine(name: &str, byte: u8) -> Machine {
        let (role, url) = (MachineRole::Operator, "https://10.0.0.1:7000".to_owned());
        Machine { name: name.to_owned(), role, account: Address::repeat_byte(byte), url }
    }

    #[test]
    fn a_file_reads_back_and_another_networks_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = NetworkFile::new("http://127.0.0.1:8545", 31_337, Preset::Local);
        file.create(folder.path()).unwrap();
        file.put(machine("operator-1", 1)).unwrap();
        file.save(folder.path()).unwrap();
        assert_eq!(NetworkFile::load(folder.path()).unwrap(), file);
        NetworkFile::new("http://127.0.0.1:8545", 31_337, Preset::Local).create(folder.path()).unwrap();
        assert_eq!(NetworkFile::load(folder.path()).unwrap().machines.len(), 1);
        assert!(NetworkFile::new("http://127.0.0.1:8545", 1, Preset::Local).create(folder.path()).is_err());
    }

    #[test]
    fn a_machine_is_added_once_and_keeps_its_account() {
        let mut file = NetworkFile::new("http://127.0.0.1:8545", 31_337, Preset::Local);
        file.put(machine("operator-1", 1)).unwrap();
        file.put(machine("operator-1", 1)).unwrap();
        assert_eq!(file.machines.len(), 1);
        assert!(file.put(machine("operator-1", 2)).is_err());
    }

    #[test]
    fn two_commands_do_not_change_a_folder_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let held = lock(folder.path()).unwrap();
        assert!(lock(folder.path()).unwrap_err().message().contains("another command"));
        drop(held);
        lock(folder.path()).unwrap();
    }

    #[test]
    fn a_name_cannot_leave_its_folder() {
        for name in ["", "..", "a/b", "-x", "a b", "caf\u{e9}", &"a".repeat(33)] {
            assert!(check_name(name).is_err(), "{name}");
        }
        check_name("operator-1").unwrap();
    }

    #[test]
    fn a_file_that_names_a_machine_twice_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = NetworkFile::new("http://127.0.0.1:8545", 31_337, Preset::Local);
        file.machines = vec![machine("operator-1", 1), machine("operator-1", 2)];
        file.save(folder.path()).unwrap();
        let error = NetworkFile::load(folder.path()).unwrap_err();
        assert!(error.message().contains("two machines `operator-1`"), "{}", error.message());
    }

    /// What is read is written as a file that reads the same, and leads to no folder but its machines' own.
    fn taken(folder: &Path, bytes: &[u8]) -> bool {
        std::fs::write(path_in(folder), bytes).unwrap();
        let Ok(file) = NetworkFile::load(folder) else { return false };
        let mut names: Vec<&str> = file.machines.iter().map(|machine| machine.name.as_str()).collect();
        assert!(names.iter().all(|name| Path::new(name).components().count() == 1 && !name.starts_with('.')));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), file.machines.len());
        file.save(folder).unwrap();
        assert_eq!(NetworkFile::load(folder).unwrap(), file);
        true
    }

    #[test]
    fn network_files() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = NetworkFile::new("http://127.0.0.1:8545", 31_337, Preset::Local);
        let empty = toml::to_string_pretty(&file).unwrap().into_bytes();
        file.machines = vec![machine("operator-1", 1), machine("gateway", 2)];
        let generated = vec![empty, toml::to_string_pretty(&file).unwrap().into_bytes()];
        assert!(generated.iter().all(|seed| taken(folder.path(), seed)));
        let seeds = fuzz::seeds(env!("CARGO_MANIFEST_DIR"), "network_files", generated);
        for seed in &seeds {
            taken(folder.path(), seed);
        }
        let ((_, time), begun) = (fuzz::extent(), Instant::now());
        let mut runner = TestRunner::default();
        while begun.elapsed() < time {
            let run = runner.run(&vec(any::<u8>(), 0..512), |choices| {
                taken(folder.path(), &fuzz::bend(&seeds, &choices));
                Ok(())
            });
            run.unwrap();
        }
    }
}
