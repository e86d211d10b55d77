use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use super::error::Error;

/// Keystores and password files are small; what is larger is something else.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Reads a small file that only its owner may read.
///
/// # Errors
/// [`Error::TooOpen`] when others may read it.
pub fn read_private(path: &Path) -> Result<Vec<u8>, Error> {
    let file = File::open(path).map_err(|source| Error::io(path, source))?;
    let mode = file.metadata().map_err(|source| Error::io(path, source))?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(Error::TooOpen { path: path.to_owned(), mode });
    }
    let mut content = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut content).map_err(|source| Error::io(path, source))?;
    if content.len() as u64 > FILE_BYTES_MAX {
        return Err(Error::TooLarge { path: path.to_owned(), bytes_max: FILE_BYTES_MAX });
    }
    Ok(content)
}

/// Writes a new file that only its owner may read; durable when this returns. Never overwrites.
///
/// # Errors
/// [`Error::Exists`] when there is one.
pub fn write_private(path: &Path, content: &[u8]) -> Result<(), Error> {
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = created.map_err(|source| match source.kind() {
        ErrorKind::AlreadyExists => Error::Exists { path: path.to_owned() },
        _ => Error::io(path, source),
    })?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    if let Err(source) = written {
        // Half a keystore would look like a damaged one.
        let _ = std::fs::remove_file(path);
        return Err(Error::io(path, source));
    }
    Ok(())
}
