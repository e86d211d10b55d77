use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::NamedTempFile;

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

/// Writes a new file that only its owner may read: whole and durable when this returns, and not there at all when the process
/// ends before. Never overwrites.
///
/// # Errors
/// [`Error::Exists`] when there is one.
pub fn write_private(path: &Path, content: &[u8]) -> Result<(), Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Only its owner may read a temporary file; a name of its own keeps two writers apart.
    let mut draft = NamedTempFile::new_in(folder).map_err(|source| Error::io(path, source))?;
    let written = draft.write_all(content).and_then(|()| draft.as_file().sync_all());
    written.map_err(|source| Error::io(path, source))?;
    draft.persist_noclobber(path).map_err(|failed| match failed.error.kind() {
        ErrorKind::AlreadyExists => Error::Exists { path: path.to_owned() },
        _ => Error::io(path, failed.error),
    })?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|source| Error::io(path, source))
}
