//! Artifacts by their SHA-256: a local folder that verifies on every read.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use alloy_primitives::B256;
use sha2::{Digest, Sha256};

/// Largest artifact: 256 MiB.
pub const BYTES_MAX: u64 = 256 << 20;

/// Why an artifact cannot be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Where.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// No artifact of this digest is stored.
    #[error("artifact {0} is not stored here; fetch it from the release's location")]
    Missing(B256),
    /// The bytes are not those of the digest.
    #[error("{} has SHA-256 {actual}, expected {expected}; delete the file and fetch it again", path.display())]
    Digest {
        /// The file or what stands for it.
        path: PathBuf,
        /// The digest asked for.
        expected: B256,
        /// The digest of the bytes.
        actual: B256,
    },
    /// More bytes than an artifact may have.
    #[error("{} is larger than {BYTES_MAX} bytes, the most an artifact may have", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
}

/// SHA-256 of bytes in memory.
pub fn digest(bytes: &[u8]) -> B256 {
    B256::new(Sha256::digest(bytes).into())
}

/// SHA-256 of a file of at most [`BYTES_MAX`] bytes.
pub fn digest_of(path: &Path) -> Result<B256, Error> {
    let file_error = |source| Error::File { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(file_error)?.take(BYTES_MAX + 1);
    let mut hasher = Sha256::new();
    let bytes = io::copy(&mut file, &mut hasher).map_err(file_error)?;
    if bytes > BYTES_MAX {
        return Err(Error::TooLarge { path: path.to_owned() });
    }
    Ok(B256::new(hasher.finalize().into()))
}

/// Artifacts in a folder, one file each, named by their digest.
#[derive(Clone, Debug)]
pub struct ArtifactStore {
    folder: PathBuf,
}

impl ArtifactStore {
    /// Opens the folder, creating it if need be.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, Error> {
        let folder = folder.into();
        fs::create_dir_all(&folder).map_err(|source| Error::File { path: folder.clone(), source })?;
        Ok(Self { folder })
    }

    /// Stores bytes that must have the given digest. The file appears whole or not at all.
    pub fn put(&self, expected: B256, bytes: &[u8]) -> Result<PathBuf, Error> {
        let path = self.path_of(expected);
        if bytes.len() as u64 > BYTES_MAX {
            return Err(Error::TooLarge { path });
        }
        let actual = digest(bytes);
        if actual != expected {
            return Err(Error::Digest { path, expected, actual });
        }
        write_atomically(&path, bytes).map_err(|source| Error::File { path: path.clone(), source })?;
        Ok(path)
    }

    /// Stores a copy of a file and returns its digest.
    pub fn import(&self, source: &Path) -> Result<B256, Error> {
        let file_error = |error| Error::File { path: source.to_owned(), source: error };
        let mut bytes = Vec::new();
        File::open(source).and_then(|file| file.take(BYTES_MAX + 1).read_to_end(&mut bytes)).map_err(file_error)?;
        if bytes.len() as u64 > BYTES_MAX {
            return Err(Error::TooLarge { path: source.to_owned() });
        }
        let digest = digest(&bytes);
        self.put(digest, &bytes)?;
        Ok(digest)
    }

    /// The verified file of an artifact.
    pub fn path(&self, expected: B256) -> Result<PathBuf, Error> {
        let path = self.path_of(expected);
        if !path.exists() {
            return Err(Error::Missing(expected));
        }
        let actual = digest_of(&path)?;
        if actual != expected {
            return Err(Error::Digest { path, expected, actual });
        }
        Ok(path)
    }

    /// The folder, in which each artifact is a file named by its digest in hexadecimal.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The verified bytes of an artifact.
    pub fn read(&self, expected: B256) -> Result<Vec<u8>, Error> {
        let path = self.path(expected)?;
        let bytes = fs::read(&path).map_err(|source| Error::File { path: path.clone(), source })?;
        let actual = digest(&bytes);
        if actual != expected {
            return Err(Error::Digest { path, expected, actual });
        }
        Ok(bytes)
    }

    fn path_of(&self, digest: B256) -> PathBuf {
        self.folder.join(hex::encode(digest))
    }
}

/// Writes through a temporary file in the same folder, synced before it gets its name.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension(format!("tmp-{}-{:016x}", std::process::id(), rand::random::<u64>()));
    let written = File::create_new(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let result = written.and_then(|()| fs::rename(&temporary, path));
    if result.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, ArtifactStore) {
        let folder = tempfile::tempdir().unwrap();
        let store = ArtifactStore::open(folder.path().join("artifacts")).unwrap();
        (folder, store)
    }

    #[test]
    fn what_is_put_can_be_read() {
        let (_folder, store) = store();
        store.put(digest(b"program"), b"program").unwrap();
        assert_eq!(store.read(digest(b"program")).unwrap(), b"program");
        assert!(matches!(store.read(digest(b"other")), Err(Error::Missing(_))));
    }

    #[test]
    fn bytes_that_are_not_of_the_digest_are_refused() {
        let (_folder, store) = store();
        assert!(matches!(store.put(digest(b"a"), b"b"), Err(Error::Digest { .. })));
    }

    #[test]
    fn a_corrupted_file_is_never_handed_out() {
        let (_folder, store) = store();
        let path = store.put(digest(b"program"), b"program").unwrap();
        fs::write(&path, b"prograM").unwrap();
        assert!(matches!(store.path(digest(b"program")), Err(Error::Digest { .. })));
        assert!(matches!(store.read(digest(b"program")), Err(Error::Digest { .. })));
    }

    #[test]
    fn a_file_above_the_bound_is_refused() {
        let (folder, store) = store();
        let path = folder.path().join("large");
        File::create(&path).unwrap().set_len(BYTES_MAX + 1).unwrap();
        assert!(matches!(digest_of(&path), Err(Error::TooLarge { .. })));
        assert!(matches!(store.import(&path), Err(Error::TooLarge { .. })));
    }
}
