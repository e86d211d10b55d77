use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use super::{Bounds, Digest, Error, digest::Hashing, error::failed};

/// The most entries of an archive of a layout.
const ARCHIVE_ENTRIES_MAX: usize = 10_000;

/// Where a layout says which images it holds.
const INDEX: &str = "index.json";
/// Where archives of `docker save` say the same in their own way.
const DOCKER_MANIFEST: &str = "manifest.json";
/// Where a layout keeps its blobs, in files named by their digests.
pub const BLOBS: &str = "blobs/sha256";

/// An OCI image layout: a folder with `blobs/sha256`, a tar archive of one, or the blobs' folder alone.
#[derive(Debug)]
pub struct Layout {
    path: PathBuf,
    place: Place,
}

/// Where blobs lie.
#[derive(Debug)]
enum Place {
    /// In a folder.
    Folder(PathBuf),
    /// At these offsets and of these sizes in the archive, by their names in it.
    Archive(Entries),
}

impl Layout {
    /// Opens a layout's folder or archive, or a folder that holds nothing but blobs.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let is_folder = path.metadata().map_err(failed("open", path))?.is_dir();
        let place = if is_folder {
            let blobs = path.join(BLOBS);
            Place::Folder(if blobs.is_dir() { blobs } else { path.to_owned() })
        } else {
            Place::Archive(archive(path)?)
        };
        Ok(Self { path: path.to_owned(), place })
    }

    /// Opens a folder of blobs, which may lack some, or all.
    pub fn blobs(folder: &Path) -> Result<Self, Error> {
        folder.read_dir().map_err(failed("open", folder))?;
        Ok(Self { path: folder.to_owned(), place: Place::Folder(folder.to_owned()) })
    }

    /// A blob's bytes, verified.
    ///
    /// # Errors
    /// Also if it has more than `bytes_max`.
    pub fn read_blob(&self, digest: Digest, bytes_max: u64) -> Result<Vec<u8>, Error> {
        self.document(digest, None, &Bounds { document_bytes: bytes_max, ..Bounds::default() })
    }

    /// The document that says which images the layout holds; nothing vouches for it.
    pub(super) fn index(&self, bounds: &Bounds) -> Result<Vec<u8>, Error> {
        let path = self.path.join(INDEX);
        let (file, size) = match &self.place {
            Place::Folder(_) => {
                let file = File::open(&path).map_err(failed("open", &path))?;
                let size = file.metadata().map_err(failed("read", &path))?.len();
                (file.take(size), size)
            }
            Place::Archive(entries) => {
                let reason = "it says not which image it is for (it has no index.json); name the image by its digest";
                let absent = || Error::NotLayout { path: self.path.clone(), reason };
                self.entry(*entries.get(INDEX).ok_or_else(absent)?)?
            }
        };
        if size > bounds.document_bytes {
            return Err(Error::TooLarge { what: "bytes in index.json", max: bounds.document_bytes });
        }
        let (mut file, mut bytes) = (file, Vec::new());
        file.read_to_end(&mut bytes).map_err(failed("read", &path))?;
        Ok(bytes)
    }

    /// A blob's bytes, not yet verified, and how many there are.
    pub(super) fn blob(&self, digest: Digest) -> Result<(io::Take<File>, u64), Error> {
        let name = digest.to_hex();
        match &self.place {
            Place::Folder(folder) => blob_file(digest, &folder.join(name)),
            Place::Archive(entries) => {
                let entry = entries.get(&format!("{BLOBS}/{name}"));
                self.entry(*entry.ok_or_else(|| missing(digest))?)
            }
        }
    }

    fn entry(&self, (offset, size): (u64, u64)) -> Result<(io::Take<File>, u64), Error> {
        let mut file = File::open(&self.path).map_err(failed("open", &self.path))?;
        file.seek(SeekFrom::Start(offset)).map_err(failed("read", &self.path))?;
        Ok((file.take(size), size))
    }

    /// Whether the blob is there, whatever is in it.
    pub(super) fn has(&self, digest: Digest) -> bool {
        match &self.place {
            Place::Folder(folder) => folder.join(digest.to_hex()).is_file(),
            Place::Archive(entries) => entries.contains_key(&format!("{BLOBS}/{}", digest.to_hex())),
        }
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

fn missing(digest: Digest) -> Error {
    Error::Missing { digests: vec![digest] }
}

fn blob_file(digest: Digest, path: &Path) -> Result<(io::Take<File>, u64), Error> {
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => missing(digest),
        _ => failed("open", path)(error),
    })?;
    let size = file.metadata().map_err(failed("read", path))?.len();
    Ok((file.take(size), size))
}

pub(super) fn check_size(digest: Digest, expected: u64, found: u64) -> Result<(), Error> {
    if expected == found { Ok(()) } else { Err(Error::Size { digest, expected, found }) }
}

/// Compares what was read with what was asked for.
pub(super) fn verify(expected: Digest, size: u64, (found, bytes): (Digest, u64)) -> Result<(), Error> {
    check_size(expected, size, bytes)?;
    if expected == found { Ok(()) } else { Err(Error::Content { expected, found }) }
}

/// What tools' other archives begin with or hold instead of blobs, and what to do then.
const PACKED: &str = "it is compressed as a whole; unpack it first (gunzip, zstd -d)";
const OLD_DOCKER: &str = "it is an archive of `docker save` without OCI blobs; save it with Docker 25 or newer, or copy it: \
    skopeo copy docker-archive:FILE oci-archive:OTHER (Podman: podman save --format oci-archive)";
const NO_BLOBS: &str =
    "it has no folder blobs/sha256; make an archive of a layout, as `podman save --format oci-archive` does";

fn archive(path: &Path) -> Result<Entries, Error> {
    let refused = |reason| Err(Error::NotLayout { path: path.to_owned(), reason });
    let mut start = Vec::new();
    let file = File::open(path).map_err(failed("open", path))?;
    file.take(4).read_to_end(&mut start).map_err(failed("read", path))?;
    if start.starts_with(&[0x1f, 0x8b]) || start == [0x28, 0xb5, 0x2f, 0xfd] {
        return refused(PACKED);
    }
    let entries = entries_of(path).map_err(failed("read the archive", path))?;
    match entries.keys().any(|name| name.starts_with(BLOBS)) {
        true => Ok(entries),
        false if entries.contains_key(DOCKER_MANIFEST) => refused(OLD_DOCKER),
        false => refused(NO_BLOBS),
    }
}

/// Where everything lies in an archive, by name: offset and size.
type Entries = HashMap<String, (u64, u64)>;

fn entries_of(path: &Path) -> io::Result<Entries> {
    let mut entries = HashMap::new();
    let mut archive = tar::Archive::new(File::open(path)?);
    // Raw: the names that matter are short, so extensions, which would be read into memory at any size, never matter.
    for (count, entry) in archive.entries_with_seek()?.raw(true).enumerate() {
        if count >= ARCHIVE_ENTRIES_MAX {
            return Err(io::Error::other(format!("it has more than {ARCHIVE_ENTRIES_MAX} entries")));
        }
        let entry = entry?;
        if entry.header().entry_type().is_file() {
            let name = entry.path_bytes();
            let name = String::from_utf8_lossy(name.strip_prefix(b"./").unwrap_or(&name)).into_owned();
            entries.insert(name, (entry.raw_file_position(), entry.size()));
        }
    }
    Ok(entries)
}
