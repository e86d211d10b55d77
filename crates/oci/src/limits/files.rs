//! Reading and writing the small files of control groups and of /proc.

use std::{
    fs,
    io::{self, Read, Write},
    path::Path,
};

use super::Error;

/// The longest control file that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Reads a control file.
pub(super) fn read(path: &Path) -> Result<String, Error> {
    let mut text = String::new();
    fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text))
        .map_err(Error::file("read", path))?;
    Ok(text)
}

/// Reads a control file that this kernel may not have.
pub(super) fn read_if_present(path: &Path) -> Result<Option<String>, Error> {
    match read(path) {
        Ok(text) => Ok(Some(text)),
        Err(Error::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes a control file in one call, without creating it.
pub(super) fn write(path: &Path, value: &str) -> Result<(), Error> {
    fs::OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|mut file| file.write_all(value.as_bytes()))
        .map_err(Error::file("write", path))
}

/// Writes a limit and makes sure that the kernel keeps it: `holds` decides on what it says afterwards.
pub(super) fn write_limit(path: &Path, value: &str, holds: impl FnOnce(&str) -> bool) -> Result<(), Error> {
    write(path, value)?;
    let kept = read(path)?;
    if holds(kept.trim()) {
        return Ok(());
    }
    Err(Error::NotKept { path: path.to_owned(), wrote: value.to_owned(), kept: kept.trim().to_owned() })
}

/// The number behind `key` in a file of `key number` lines.
pub(super) fn keyed(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}
