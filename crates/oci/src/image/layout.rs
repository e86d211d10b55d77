use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use super::{Bounds, Digest, Error, digest::Hashing, error::failed};

/// The most entries of an archive of a layout.
const ARCHIVE_ENTRIES_MAX: usize = 10_000;

/// An OCI image layout: a folder with `blobs/sha256`, or a tar archive of one.
#[derive(Debug)]
pub struct Layout {
    path: PathBuf,
    /// Where each blob lies in the archive; none for a folder.
    archive: Option<HashMap<String, (u64, u64)>>,
}

impl Layout {
    /// Opens a folder or an archive.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let is_folder = path.metadata().map_err(failed("open", path))?.is_dir();
        let archive = if is_folder { None } else { Some(blobs_of(path).map_err(failed("read the archive", path))?) };
        Ok(Self { path: path.to_owned(), archive })
    }

    /// A blob's bytes, not yet verified, and how many there are.
    pub(super) fn blob(&self, digest: Digest) -> Result<(io::Take<File>, u64), Error> {
        let name = digest.to_hex();
        let Some(archive) = &self.archive else { return self.blob_file(digest, &name) };
        let &(offset, size) = archive.get(&name).ok_or(Error::Missing { digest })?;
        let mut file = File::open(&self.path).map_err(failed("open", &self.path))?;
        file.seek(SeekFrom::Start(offset)).map_err(failed("read", &self.path))?;
        Ok((file.take(size), size))
    }

    fn blob_file(&self, digest: Digest, name: &str) -> Result<(io::Take<File>, u64), Error> {
        let path = self.path.join("blobs/sha256").join(name);
        let file = File::open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::Missing { digest },
            _ => failed("open", &path)(error),
        })?;
        let size = file.metadata().map_err(failed("read", &path))?.len();
        Ok((file.take(size), size))
    }

    /// A small blob, verified; `size` is what its descriptor says, if there is one.
    pub(super) fn document(&self, digest: Digest, size: Option<u64>, bounds: &Bounds) -> Result<Vec<u8>, Error> {
        let (blob, found) = self.blob(digest)?;
        check_size(digest, size.unwrap_or(found), found)?;
        if found > bounds.document_bytes {
            return Err(Error::TooLarge { what: "bytes in a manifest or configuration", max: bounds.document_bytes });
        }
        let (mut bytes, mut reader) = (Vec::new(), Hashing::new(blob));
        reader.read_to_end(&mut bytes).map_err(failed("read", &self.path))?;
        verify(digest, found, reader.finish().map_err(failed("read", &self.path))?)?;
        Ok(bytes)
    }
}

pub(super) fn check_size(digest: Digest, expected: u64, found: u64) -> Result<(), Error> {
    if expected == found { Ok(()) } else { Err(Error::Size { digest, expected, found }) }
}

/// Compares what was read with what was asked for.
pub(super) fn verify(expected: Digest, size: u64, (found, bytes): (Digest, u64)) -> Result<(), Error> {
    check_size(expected, size, bytes)?;
    if expected == found { Ok(()) } else { Err(Error::Content { expected, found }) }
}

fn blobs_of(path: &Path) -> io::Result<HashMap<String, (u64, u64)>> {
    let mut blobs = HashMap::new();
    let mut archive = tar::Archive::new(File::open(path)?);
    // Raw: blobs' names are short, so extensions, which would be read into memory at any size, never matter.
    for (count, entry) in archive.entries_with_seek()?.raw(true).enumerate() {
        if count >= ARCHIVE_ENTRIES_MAX {
            return Err(io::Error::other(format!("it has more than {ARCHIVE_ENTRIES_MAX} entries")));
        }
        let entry = entry?;
        let name = entry.path_bytes();
        let name = name.strip_prefix(b"./").unwrap_or(&name);
        let blob = name.strip_prefix(b"blobs/sha256/").filter(|name| !name.is_empty());
        if let Some(blob) = blob.filter(|_| entry.header().entry_type().is_file()) {
            blobs.insert(String::from_utf8_lossy(blob).into_owned(), (entry.raw_file_position(), entry.size()));
        }
    }
    Ok(blobs)
}
