//! Compiled code on disk: one file per artifact and engine settings, compiled once per machine, executed only if its
//! checksum still holds.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use alloy_primitives::B256;
use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest, Sha256};

use crate::{artifact::write_atomically, driver::LoadError};

/// A folder of compiled code for one setting of the engine.
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// Opens the part of `root` that belongs to these settings, creating it for this user alone.
    pub fn open(root: &Path, settings: B256) -> Result<Self, LoadError> {
        let folder = root.join(hex::encode(&settings[..8]));
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(&folder).map_err(at(&folder))?;
        check_private(&folder)?;
        Ok(Self { folder })
    }

    /// The verified code of an artifact; `compile` writes it to the file it is given if it is missing or damaged.
    ///
    /// Whoever comes while it is being compiled, in this or another process, waits for that instead of compiling too.
    pub fn get(
        &self,
        artifact: B256,
        compile: impl FnOnce(&Path) -> Result<(), LoadError>,
    ) -> Result<PathBuf, LoadError> {
        let name = hex::encode(artifact);
        let (code, checksum) = (self.folder.join(format!("{name}.cwasm")), self.folder.join(format!("{name}.sha256")));
        if is_intact(&code, &checksum)? {
            return Ok(code);
        }
        let _lock = self.lock(&name)?;
        if !is_intact(&code, &checksum)? {
            self.fill(&code, &checksum, compile)?;
        }
        Ok(code)
    }

    fn fill(
        &self,
        code: &Path,
        checksum: &Path,
        compile: impl FnOnce(&Path) -> Result<(), LoadError>,
    ) -> Result<(), LoadError> {
        let fresh = code.with_extension(format!("new-{}", std::process::id()));
        let result = compile(&fresh).and_then(|()| {
            let digest = hash_of(&fresh).map_err(at(&fresh))?;
            write_atomically(checksum, hex::encode(digest).as_bytes()).map_err(at(checksum))?;
            fs::rename(&fresh, code).map_err(at(code))
        });
        if result.is_err() {
            let _ = fs::remove_file(&fresh);
        }
        result
    }

    /// Held until dropped; released by the kernel when its holder dies.
    fn lock(&self, name: &str) -> Result<Flock<File>, LoadError> {
        let path = self.folder.join(format!("{name}.lock"));
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path).map_err(at(&path))?;
        Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, error)| at(&path)(error.into()))
    }
}

/// Code from this folder is executed, so nobody else may write to it.
fn check_private(folder: &Path) -> Result<(), LoadError> {
    let mode = fs::metadata(folder).map_err(at(folder))?.permissions().mode();
    if mode & 0o022 == 0 {
        return Ok(());
    }
    let reason = "others may write to this folder of compiled code; take that right away (chmod go-w)";
    Err(at(folder)(io::Error::new(io::ErrorKind::PermissionDenied, reason)))
}

/// Whether the code is there and is what the checksum says. The same open file is not executed later, but files here are
/// only ever replaced whole, and the folder is this user's.
fn is_intact(code: &Path, checksum: &Path) -> Result<bool, LoadError> {
    let expected = match fs::read_to_string(checksum) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok(false),
        Err(error) => return Err(at(checksum)(error)),
    };
    match hash_of(code) {
        Ok(actual) if hex::encode(actual) == expected => Ok(true),
        Ok(_) => {
            tracing::warn!(file = %code.display(), "compiled code does not match its checksum; compiling it again");
            Ok(false)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(at(code)(error)),
    }
}

fn hash_of(path: &Path) -> io::Result<B256> {
    let mut hasher = Sha256::new();
    io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok(B256::new(hasher.finalize().into()))
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> LoadError {
    let path = path.to_owned();
    move |source| LoadError::File { path, source }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::Cell,
        sync::{
            Barrier,
            atomic::{AtomicU32, Ordering},
        },
        thread,
    };

    use super::*;

    fn fill(cache: &Cache, compiled: &Cell<u32>) -> PathBuf {
        let compile = |output: &Path| {
            compiled.set(compiled.get() + 1);
            fs::write(output, b"code").map_err(at(output))
        };
        cache.get(B256::repeat_byte(1), compile).unwrap()
    }

    #[test]
    fn what_is_intact_is_not_compiled_again() {
        let (folder, compiled) = (tempfile::tempdir().unwrap(), Cell::new(0));
        let cache = Cache::open(folder.path(), B256::ZERO).unwrap();
        let path = fill(&cache, &compiled);
        assert_eq!(fill(&cache, &compiled), path);
        assert_eq!((fs::read(path).unwrap(), compiled.get()), (b"code".to_vec(), 1));
    }

    #[test]
    fn damaged_code_is_compiled_again_and_never_handed_out() {
        let (folder, compiled) = (tempfile::tempdir().unwrap(), Cell::new(0));
        let cache = Cache::open(folder.path(), B256::ZERO).unwrap();
        let path = fill(&cache, &compiled);
        fs::write(&path, b"evil").unwrap();
        assert_eq!(fs::read(fill(&cache, &compiled)).unwrap(), b"code");
        fs::remove_file(&path).unwrap();
        fill(&cache, &compiled);
        fs::write(path.with_extension("sha256"), [0xff, 0xfe]).unwrap();
        fill(&cache, &compiled);
        assert_eq!(compiled.get(), 4);
    }

    #[test]
    fn four_that_come_at_once_compile_once() {
        let (folder, compiled) = (tempfile::tempdir().unwrap(), AtomicU32::new(0));
        let start = Barrier::new(4);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    // Each has its own view of the folder, as executors in processes of their own would.
                    let cache = Cache::open(folder.path(), B256::ZERO).unwrap();
                    start.wait();
                    let compile = |output: &Path| {
                        compiled.fetch_add(1, Ordering::Relaxed);
                        fs::write(output, b"code").map_err(at(output))
                    };
                    cache.get(B256::ZERO, compile).unwrap();
                });
            }
        });
        assert_eq!(compiled.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path(), B256::ZERO).unwrap();
        fs::set_permissions(&cache.folder, fs::Permissions::from_mode(0o777)).unwrap();
        let Err(error) = Cache::open(folder.path(), B256::ZERO) else { panic!("it was opened") };
        assert!(error.to_string().contains("chmod"), "{error}");
    }

    #[test]
    fn a_failed_compilation_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path(), B256::ZERO).unwrap();
        let failed = cache.get(B256::ZERO, |output| {
            fs::write(output, b"half").unwrap();
            Err(LoadError::Compile("killed".into()))
        });
        assert!(matches!(failed, Err(LoadError::Compile(_))));
        let compiled = Cell::new(0);
        fill(&cache, &compiled);
        assert_eq!(compiled.get(), 1);
    }

    #[test]
    fn other_settings_have_their_own_code() {
        let (folder, compiled) = (tempfile::tempdir().unwrap(), Cell::new(0));
        let [one, other] = [1, 2].map(|byte| Cache::open(folder.path(), B256::repeat_byte(byte)).unwrap());
        assert_ne!(fill(&one, &compiled), fill(&other, &compiled));
        assert_eq!(compiled.get(), 2);
    }
}
