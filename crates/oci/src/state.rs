//! What is running, on disk: one numbered slot per container, each held by a file lock.
//!
//! Executor and supervisor each hold a lock of their own on the slot's file, and a lock dies with its process, however
//! that dies. A slot on which neither is left belongs to nobody: whatever is left of its container is killed and removed
//! by whoever takes it next, and by everyone who opens the folder. The supervisor's lock is of the kind that the processes
//! it starts do not inherit, so that one which is left over does not pass for it. Lock files are never removed, because a
//! lock on a removed file excludes nobody.

use std::{
    fs,
    io::{self, ErrorKind},
    os::{
        fd::OwnedFd,
        unix::fs::{DirBuilderExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FlockOperation, fcntl_lock, flock},
    io::Errno,
};
use sha2::{Digest, Sha256};

use crate::{
    count::Counted,
    limits::{self, Group, Host},
};

/// How many containers may run at a time over one folder.
pub const SLOTS_MAX: u32 = 1_024;

/// The folder that remembers what is running.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
    /// Tells this folder's control groups from those of other folders on the host.
    tag: String,
    host: Host,
}

/// A slot that this process holds until it is dropped.
#[derive(Debug)]
pub struct Slot {
    /// The executor's lock.
    _lock: OwnedFd,
    /// The same file, opened again, on which the supervisor takes a lock of its own.
    pub for_supervisor: OwnedFd,
    /// The container's control group, which does not exist yet.
    pub group: Group,
    /// The slot's name, unique on this host among running containers.
    pub name: String,
    _counted: Counted,
}

/// Why the state folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder or a file in it is not usable.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// Every slot is taken.
    #[error("{SLOTS_MAX} containers run already, which is the most at a time; try again when one has ended")]
    Full,
    /// What is left of an earlier container cannot be removed.
    #[error("what is left of an earlier container cannot be removed: {0}")]
    Leftover(#[from] limits::Error),
}

impl Folder {
    /// Opens the folder, which is created if need be, and removes what crashed processes left behind.
    pub fn open(path: &Path, host: &Host) -> Result<Self, Error> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed("create", path))?;
        let path = path.canonicalize().map_err(failed("resolve", path))?;
        let digest = Sha256::digest(path.as_os_str().as_encoded_bytes());
        let tag = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        let folder = Self { path, tag, host: host.clone() };
        folder.clean()?;
        Ok(folder)
    }

    /// Takes a free slot and removes what an earlier holder may have left in it.
    pub fn take(&self) -> Result<Slot, Error> {
        for number in 0..SLOTS_MAX {
            if let Some(slot) = self.try_take(number)? {
                return Ok(slot);
            }
        }
        Err(Error::Full)
    }

    /// Removes what is left of containers whose slots nobody holds.
    fn clean(&self) -> Result<(), Error> {
        for number in 0..SLOTS_MAX {
            if !self.lock_path(number).exists() {
                // Slots are taken from the lowest, so the first that was never taken ends the list.
                return Ok(());
            }
            drop(self.try_take(number)?);
        }
        Ok(())
    }

    fn try_take(&self, number: u32) -> Result<Option<Slot>, Error> {
        let path = self.lock_path(number);
        let lock = open(&path)?;
        if !locked(flock(&lock, FlockOperation::NonBlockingLockExclusive), &path)? {
            return Ok(None);
        }
        let for_supervisor = open(&path)?;
        if !lock_as_supervisor(&for_supervisor).map_err(failed("lock", &path))? {
            return Ok(None);
        }
        fcntl_lock(&for_supervisor, FlockOperation::Unlock).map_err(|error| failed("unlock", &path)(error.into()))?;
        let name = format!("{}-{number}", self.tag);
        let group = Group::named(&self.host, &name);
        group.remove()?;
        Ok(Some(Slot { _lock: lock, for_supervisor, group, name, _counted: Counted::live() }))
    }

    fn lock_path(&self, number: u32) -> PathBuf {
        self.path.join(format!("{number}.lock"))
    }
}

/// Takes the supervisor's lock, for as long as this process lives; false if another process has it.
pub fn lock_as_supervisor(file: &OwnedFd) -> io::Result<bool> {
    match fcntl_lock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::AGAIN | Errno::ACCESS) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn open(path: &Path) -> Result<OwnedFd, Error> {
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(libc::O_NOFOLLOW);
    Ok(options.open(path).map_err(failed("open", path))?.into())
}

fn locked(result: rustix::io::Result<()>, path: &Path) -> Result<bool, Error> {
    match result {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(failed("lock", path)(error.into())),
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { action, path, source: describe(source) }
}

fn describe(source: io::Error) -> io::Error {
    if source.kind() == ErrorKind::PermissionDenied {
        return io::Error::new(ErrorKind::PermissionDenied, format!("{source}; run as root or choose another folder"));
    }
    source
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_held_once_and_free_again_after() {
        let Ok(host) = Host::detect() else {
            eprintln!("not run: this host has no control groups");
            return;
        };
        let folder = tempfile::tempdir().unwrap();
        let folder = Folder::open(&folder.path().join("state"), &host).unwrap();
        let first = folder.take().unwrap();
        let second = folder.take().unwrap();
        assert_ne!(first.name, second.name);
        let name = first.name.clone();
        drop(first);
        assert_eq!(folder.take().unwrap().name, name);
    }
}
