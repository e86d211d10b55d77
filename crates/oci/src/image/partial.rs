use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use super::{
    Digest, Error,
    digest::Hasher,
    error::failed,
    layout::{check_size, verify},
    lock::Lock,
};

/// What follows the digest in the name of a blob that is not whole yet.
const PARTIAL: &str = "partial";

/// A blob that is being written to a folder of blobs; it gets its name when it is whole, and is removed otherwise.
pub(super) struct Partial {
    digest: Digest,
    size: Option<u64>,
    bytes_max: u64,
    file: File,
    hasher: Hasher,
    path: PathBuf,
    /// Who is killed leaves the file behind, but not the lock: see [`Partial::sweep`].
    _lock: Lock,
}

impl Partial {
    /// Starts a blob; `bytes_max` holds where its size is not known.
    pub fn create(folder: &Path, digest: Digest, size: Option<u64>, bytes_max: u64) -> Result<Self, Error> {
        let lock = folder.join(format!("{}.lock", digest.to_hex()));
        let _lock = Lock::try_take(lock)?.ok_or(Error::Busy { digest })?;
        let path = folder.join(format!("{}.{PARTIAL}", digest.to_hex()));
        let file = File::create(&path).map_err(failed("write", &path))?;
        Ok(Self { digest, size, bytes_max, file, hasher: Hasher::default(), path, _lock })
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// If there are more than the blob has.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.hasher.update(bytes);
        let found = self.hasher.bytes();
        match self.size {
            Some(expected) if found > expected => Err(Error::Size { digest: self.digest, expected, found }),
            None if found > self.bytes_max => {
                Err(Error::TooLarge { what: "bytes in a manifest or configuration", max: self.bytes_max })
            }
            _ => self.file.write_all(bytes).map_err(failed("write", &self.path)),
        }
    }

    /// Gives the blob its name if it is what it should be. From then on it survives a crash.
    pub fn keep(mut self) -> Result<(), Error> {
        let found = std::mem::take(&mut self.hasher).finish();
        check_size(self.digest, self.size.unwrap_or(found.1), found.1)?;
        verify(self.digest, found.1, found)?;
        self.file.sync_all().map_err(failed("write", &self.path))?;
        let done = self.path.with_extension("");
        fs::rename(&self.path, &done).map_err(failed("name", &done))
    }

    /// Removes what killed processes left half done.
    pub fn sweep(folder: &Path) -> Result<(), Error> {
        for entry in fs::read_dir(folder).map_err(failed("list", folder))? {
            let path = entry.map_err(failed("list", folder))?.path();
            if path.extension().is_some_and(|extension| extension == PARTIAL)
                && let Some(_lock) = Lock::try_take(path.with_extension("lock"))?
            {
                // Whoever was at work may have been done since the folder was listed.
                let _ = fs::remove_file(&path);
            }
        }
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // Gone if it was kept.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Told at once and not when all of it has come: what sends for ever would fill the disk.
    #[test]
    fn more_than_a_blob_has_is_refused_as_soon_as_it_comes() {
        let folder = tempfile::tempdir().unwrap();
        let digest = Digest::of(b"abc");
        let create = |size, bytes_max| Partial::create(folder.path(), digest, size, bytes_max).unwrap();
        let mut sized = create(Some(3), 100);
        sized.write(b"ab").unwrap();
        assert!(matches!(sized.write(b"cd"), Err(Error::Size { expected: 3, found: 4, .. })));
        drop(sized);
        let mut unsized_ = create(None, 3);
        unsized_.write(b"abc").unwrap();
        assert!(matches!(unsized_.write(b"d"), Err(Error::TooLarge { max: 3, .. })));
        drop(unsized_);
        assert!(!folder.path().join(digest.to_hex()).exists());
        let mut whole = create(Some(3), 100);
        whole.write(b"abc").unwrap();
        whole.keep().unwrap();
        assert_eq!(fs::read(folder.path().join(digest.to_hex())).unwrap(), b"abc");
    }
}
