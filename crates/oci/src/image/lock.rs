//! Locks that the kernel gives back when their holder dies, whatever kills it.

use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};

use super::{Error, error::failed};

/// Held by whoever changes something; the file goes with it, and a lock on a removed file is taken anew.
pub(super) struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// Waits for whoever holds it.
    pub fn take(path: PathBuf) -> Result<Self, Error> {
        loop {
            if let Some(lock) = Self::attempt(&path, FlockOperation::LockExclusive)? {
                return Ok(lock);
            }
        }
    }

    /// None if another one holds it.
    pub fn try_take(path: PathBuf) -> Result<Option<Self>, Error> {
        match Self::attempt(&path, FlockOperation::NonBlockingLockExclusive) {
            Err(Error::File { source, .. }) if source.kind() == std::io::ErrorKind::WouldBlock => Ok(None),
            attempted => attempted,
        }
    }

    /// None if the file was removed meanwhile.
    fn attempt(path: &Path, operation: FlockOperation) -> Result<Option<Self>, Error> {
        let file = File::options().create(true).append(true).open(path).map_err(failed("open", path))?;
        flock(&file, operation).map_err(|error| failed("lock", path)(error.into()))?;
        let is_there = file.metadata().map_err(failed("lock", path))?.nlink() > 0;
        Ok(is_there.then(|| Self { path: path.to_owned(), _file: file }))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // An empty file that stays behind is taken by the next one.
        let _ = fs::remove_file(&self.path);
    }
}

/// Held, by any number, while a folder is in use.
#[derive(Debug)]
pub(super) struct Lease {
    _folder: File,
}

impl Lease {
    pub fn take(folder: &Path) -> Result<Self, Error> {
        let file = File::open(folder).map_err(failed("open", folder))?;
        flock(&file, FlockOperation::LockShared).map_err(|error| failed("lock", folder)(error.into()))?;
        Ok(Self { _folder: file })
    }

    /// Whether anybody holds one. New ones must be kept off otherwise.
    pub fn is_taken(folder: &Path) -> Result<bool, Error> {
        let file = File::open(folder).map_err(failed("open", folder))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(false),
            Err(Errno::WOULDBLOCK) => Ok(true),
            Err(error) => Err(failed("lock", folder)(error.into())),
        }
    }
}
