//! One layer: verified, counted, and applied to the tree of those below it.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, BufReader, Read},
    os::unix::ffi::OsStrExt,
    path::{Component, Path, PathBuf},
};

use tar::{Archive, Entry, EntryType, PaxExtensions};

use super::{
    Bounds, Digest, Error, Layout,
    digest::Hashing,
    document::Descriptor,
    layout::{check_size, verify},
    tree::{Attributes, Tree},
};
use crate::container::ID_COUNT;

const WHITEOUT: &[u8] = b".wh.";
/// What follows the prefix in the name that empties a folder.
const OPAQUE: &[u8] = b".wh..opq";
/// The most bytes of an entry's extended header.
const EXTENSION_BYTES_MAX: u64 = 64 << 10;

/// What the image's remaining layers may still use.
pub(super) struct Budget {
    pub bytes: u64,
    pub files: u64,
}

/// Verifies a layer, counts it against the budget, and applies what it removes from the layers below.
pub(super) fn check(
    layout: &Layout,
    (layer, _): &(Descriptor, Digest),
    bounds: &Bounds,
    budget: &mut Budget,
    tree: &Tree,
) -> Result<(), Error> {
    verify_blob(layout, layer)?;
    let bytes = each(layer.digest()?, &mut *unpacked(layout, layer)?, budget.bytes, bounds, |entry, _| {
        budget.files = budget.files.checked_sub(1).ok_or(Error::TooLarge { what: "files", max: bounds.files })?;
        match &entry.what {
            What::Opaque => tree.empty(&entry.path).map_err(|error| entry.invalid(error)),
            What::Whiteout => tree.whiteout(&entry.path).map_err(|error| entry.invalid(error)),
            _ => Ok(()),
        }
    })?;
    budget.bytes -= bytes;
    Ok(())
}

/// Writes a layer that was checked, and compares what was unpacked with what the configuration says.
pub(super) fn apply(
    layout: &Layout,
    (layer, id): &(Descriptor, Digest),
    bounds: &Bounds,
    tree: &Tree,
) -> Result<(), Error> {
    let digest = layer.digest()?;
    let mut archive = Hashing::new(unpacked(layout, layer)?);
    each(digest, &mut archive, bounds.unpacked_bytes, bounds, |entry, content| {
        match &entry.what {
            What::Folder => tree.folder(&entry.path, entry.attributes),
            What::File => tree.file(&entry.path, entry.attributes, content),
            What::Link(target) => tree.link(&entry.path, target, entry.attributes),
            What::HardLink(target) => tree.hard_link(&entry.path, target),
            What::Opaque | What::Whiteout => Ok(()),
        }
        .map_err(|error| entry.invalid(error))
    })?;
    let (found, _) = archive.finish().map_err(|source| Error::Layer { digest, source })?;
    if found == *id { Ok(()) } else { Err(Error::Content { expected: *id, found }) }
}

enum What {
    Folder,
    File,
    Link(PathBuf),
    HardLink(PathBuf),
    Whiteout,
    Opaque,
}

struct Item {
    path: PathBuf,
    what: What,
    attributes: Attributes,
}

impl Item {
    fn invalid(&self, error: io::Error) -> Error {
        Error::Entry { path: shown(self.path.as_os_str().as_bytes()), reason: error.to_string() }
    }
}

type Reader<'a> = Bounded<&'a mut dyn Read>;

/// Reads a layer's entries in order; returns the bytes of the unpacked archive, all of which was read.
fn each(
    digest: Digest,
    archive: &mut dyn Read,
    allowed: u64,
    bounds: &Bounds,
    mut visit: impl FnMut(&Item, &mut dyn Read) -> Result<(), Error>,
) -> Result<u64, Error> {
    let broken = |source| Error::Layer { digest, source };
    let mut archive = Archive::new(Bounded { inner: archive, left: allowed });
    let result = (|| {
        let mut extensions = Extensions::default();
        for entry in archive.entries().map_err(broken)?.raw(true) {
            let mut entry = entry.map_err(broken)?;
            if !extensions.take(&mut entry, bounds)? {
                let item = std::mem::take(&mut extensions).item(&entry, bounds)?;
                visit(&item, &mut entry)?;
            }
        }
        Ok(())
    })();
    let mut reader: Reader<'_> = archive.into_inner();
    if result.is_ok() {
        io::copy(&mut reader, &mut io::sink()).map_err(broken)?;
    }
    // An archive that was cut off here seems damaged, but is too large.
    if reader.left == 0 && reader.inner.read(&mut [0]).map_err(broken)? > 0 {
        return Err(Error::TooLarge { what: "unpacked bytes", max: bounds.unpacked_bytes });
    }
    result.map(|()| allowed - reader.left)
}

fn verify_blob(layout: &Layout, layer: &Descriptor) -> Result<(), Error> {
    let digest = layer.digest()?;
    let (blob, found) = layout.blob(digest)?;
    check_size(digest, layer.size, found)?;
    let read = Hashing::new(BufReader::new(blob)).finish().map_err(|source| Error::Layer { digest, source })?;
    verify(digest, layer.size, read)
}

fn unpacked(layout: &Layout, layer: &Descriptor) -> Result<Box<dyn Read>, Error> {
    let digest = layer.digest()?;
    let blob: BufReader<io::Take<File>> = BufReader::with_capacity(64 << 10, layout.blob(digest)?.0);
    match layer.media_type.rsplit(['.', '+']).next() {
        Some("gzip") => Ok(Box::new(flate2::bufread::MultiGzDecoder::new(blob))),
        Some("zstd") => match ruzstd::decoding::StreamingDecoder::new(blob) {
            Ok(decoder) => Ok(Box::new(decoder)),
            Err(error) => Err(Error::Layer { digest, source: io::Error::other(error.to_string()) }),
        },
        Some("tar") => Ok(Box::new(blob)),
        _ => Err(Error::Document {
            what: format!("layer {digest}"),
            reason: format!("its type is `{}`; expected tar, tar+gzip or tar+zstd", layer.media_type),
        }),
    }
}

/// Ends after so many bytes.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = (&mut self.inner).take(self.left).read(buffer)?;
        self.left -= count as u64;
        Ok(count)
    }
}

/// What extended headers say of the entry after them.
#[derive(Default)]
struct Extensions {
    path: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    ids: [Option<u64>; 2],
}

impl Extensions {
    /// Whether the entry is an extended header, which is then remembered.
    fn take(&mut self, entry: &mut Entry<'_, Reader<'_>>, bounds: &Bounds) -> Result<bool, Error> {
        let kind = entry.header().entry_type();
        let names = [EntryType::GNULongName, EntryType::GNULongLink];
        if !names.contains(&kind) && ![EntryType::XHeader, EntryType::XGlobalHeader].contains(&kind) {
            return Ok(false);
        }
        let max = if names.contains(&kind) { bounds.path_bytes as u64 + 1 } else { EXTENSION_BYTES_MAX };
        if entry.size() > max {
            return Err(Error::TooLarge { what: "bytes in an entry's path or extended header", max });
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(|error| invalid(b"(extended header)", error.to_string()))?;
        match kind {
            EntryType::GNULongName => self.path = Some(until_zero(bytes)),
            EntryType::GNULongLink => self.target = Some(until_zero(bytes)),
            EntryType::XHeader => self.read(&bytes)?,
            _ => {}
        }
        Ok(true)
    }

    fn read(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let wrong = |reason: String| invalid(b"(extended header)", reason);
        for extension in PaxExtensions::new(bytes) {
            let extension = extension.map_err(|error| wrong(error.to_string()))?;
            let (key, value) = (extension.key_bytes(), extension.value_bytes());
            let id = || std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
            match key {
                b"path" => self.path = Some(value.to_vec()),
                b"linkpath" => self.target = Some(value.to_vec()),
                b"uid" => self.ids[0] = id(),
                b"gid" => self.ids[1] = id(),
                // Readers disagree on these, so that one would see other files than the next.
                b"size" => return Err(wrong("it changes the entry's size".into())),
                _ if key.starts_with(b"GNU.sparse") => return Err(wrong("sparse files are not supported".into())),
                _ => {}
            }
        }
        Ok(())
    }

    fn item(self, entry: &Entry<'_, Reader<'_>>, bounds: &Bounds) -> Result<Item, Error> {
        let header = entry.header();
        let raw = self.path.unwrap_or_else(|| header.path_bytes().into_owned());
        let target = self.target.or_else(|| header.link_name_bytes().map(|name| name.into_owned()));
        let path = inside(&raw, &raw, bounds)?;
        let attributes = attributes(header, self.ids).map_err(|reason| invalid(&raw, reason))?;
        let (path, what) = match header.entry_type() {
            _ if is_whiteout(&path) => removed(&raw, &path)?,
            EntryType::Directory => (path, What::Folder),
            EntryType::Regular | EntryType::Continuous => (path, What::File),
            EntryType::Symlink => (path, What::Link(link_target(&raw, target, bounds)?)),
            EntryType::Link => (path, What::HardLink(inside(&raw, &target.unwrap_or_default(), bounds)?)),
            other => return Err(Error::Kind { path: shown(&raw), kind: kind_name(other) }),
        };
        Ok(Item { path, what, attributes })
    }
}

fn attributes(header: &tar::Header, ids: [Option<u64>; 2]) -> Result<Attributes, String> {
    let text = |error: io::Error| error.to_string();
    let id = |id: u64| match u32::try_from(id) {
        Ok(id) if id < ID_COUNT => Ok(id),
        _ => Err(format!("it belongs to id {id}; ids must be below {ID_COUNT}")),
    };
    let user = ids[0].map_or_else(|| header.uid().map_err(text), Ok)?;
    let group = ids[1].map_or_else(|| header.gid().map_err(text), Ok)?;
    let modified = i64::try_from(header.mtime().map_err(text)?).unwrap_or(0);
    Ok(Attributes { user: id(user)?, group: id(group)?, mode: header.mode().map_err(text)?, modified })
}

/// A path below the root, without `.`; the root itself is the empty path.
fn inside(entry: &[u8], path: &[u8], bounds: &Bounds) -> Result<PathBuf, Error> {
    if path.len() > bounds.path_bytes {
        return Err(Error::TooLarge { what: "bytes in a path", max: bounds.path_bytes as u64 });
    }
    let escape = |reason| Err(Error::Escape { path: shown(entry), reason });
    let mut clean = PathBuf::new();
    for component in Path::new(OsStr::from_bytes(path)).components() {
        match component {
            Component::Normal(name) => clean.push(name),
            Component::CurDir => {}
            Component::ParentDir => return escape("`..`"),
            Component::RootDir | Component::Prefix(_) => return escape("an absolute path"),
        }
    }
    Ok(clean)
}

fn link_target(entry: &[u8], target: Option<Vec<u8>>, bounds: &Bounds) -> Result<PathBuf, Error> {
    let target = target.filter(|target| !target.is_empty()).ok_or_else(|| invalid(entry, "it leads nowhere".into()))?;
    if target.len() > bounds.path_bytes {
        return Err(Error::TooLarge { what: "bytes in a link's target", max: bounds.path_bytes as u64 });
    }
    Ok(PathBuf::from(OsStr::from_bytes(&target)))
}

fn name_of(path: &Path) -> &[u8] {
    path.file_name().map_or(b"", OsStr::as_bytes)
}

fn is_whiteout(path: &Path) -> bool {
    name_of(path).starts_with(WHITEOUT)
}

fn removed(raw: &[u8], path: &Path) -> Result<(PathBuf, What), Error> {
    let folder = path.parent().unwrap_or(Path::new(""));
    match &name_of(path)[WHITEOUT.len()..] {
        OPAQUE => Ok((folder.to_owned(), What::Opaque)),
        b"" | b"." | b".." => Err(Error::Escape { path: shown(raw), reason: "a whiteout of a folder it is in" }),
        name => Ok((folder.join(OsStr::from_bytes(name)), What::Whiteout)),
    }
}

fn kind_name(kind: EntryType) -> String {
    match kind {
        EntryType::Char | EntryType::Block => "a device node".into(),
        EntryType::Fifo => "a named pipe".into(),
        EntryType::GNUSparse => "a sparse file".into(),
        other => format!("of type {:#04x}", other.as_byte()),
    }
}

fn until_zero(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len()));
    bytes
}

fn invalid(path: &[u8], reason: String) -> Error {
    Error::Entry { path: shown(path), reason }
}

fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).chars().take(200).collect()
}
