use std::{
    fs::{self, DirBuilder, File, FileTimes},
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use serde::{Deserialize, Serialize};

use super::{
    Bounds, Digest, Error, Layout, Process, document,
    error::failed,
    layer::{self, Budget},
    lock::{Lease, Lock},
    tree::Tree,
};

/// What follows the digest in the name of an image that is being unpacked, and of the file that whoever unpacks it locks.
const PARTIAL: &str = "partial";
const LOCK: &str = "lock";
/// What a cache remembers of an image, in the image's folder.
const ENTRY: &str = "image.json";
/// Locked while room is made and taken.
const ROOM_LOCK: &str = "room.lock";
/// Bytes that a file takes beside its content, at most, by which images are counted.
const FILE_OVERHEAD: u64 = 4_096;

/// Unpacked images, by digest, in a folder that is this crate's alone. Processes may share it.
#[derive(Clone, Debug)]
pub struct Cache {
    path: PathBuf,
    bounds: Bounds,
    bytes_max: u64,
}

/// An image that is ready to run; its files are only read. It stays in the cache as long as this or a clone of it is kept.
#[derive(Clone, Debug)]
pub struct Unpacked {
    /// All layers as one folder, to be the only one in [`Settings`](crate::container::Settings).
    pub root: PathBuf,
    /// What runs in it.
    pub process: Process,
    pub(super) _lease: Arc<Lease>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    process: Process,
    /// Bytes on the disk, at most.
    bytes: u64,
}

impl Cache {
    /// Bytes of a cache unless [`Cache::with_capacity`] says otherwise.
    pub const BYTES_MAX: u64 = 64 << 30;

    /// Opens the folder, or makes it; nobody else may look into it. What killed processes left half done is removed.
    pub fn open(path: &Path, bounds: Bounds) -> Result<Self, Error> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed("make", path))?;
        let path = path.canonicalize().map_err(failed("open", path))?;
        let cache = Self { path, bounds, bytes_max: Self::BYTES_MAX };
        cache.sweep()?;
        Ok(cache)
    }

    /// Bounds the unpacked images' bytes together; the least recently asked for that is not in use makes room. While an image
    /// is unpacked there may be as many more as it has.
    pub fn with_capacity(self, bytes_max: u64) -> Self {
        Self { bytes_max, ..self }
    }

    /// The image with this digest, unpacked unless it is already. Whoever else asks for it meanwhile waits.
    pub fn unpack(&self, layout: &Layout, digest: Digest) -> Result<Unpacked, Error> {
        let name = digest.to_hex();
        let _lock = Lock::take(self.file(&name, LOCK))?;
        let (done, partial) = (self.path.join(&name), self.file(&name, PARTIAL));
        let entry = done.join(ENTRY);
        discard(&partial)?;
        if !entry.exists() {
            discard(&done)?;
            if let Err(error) = self.fill(layout, digest, &partial).and_then(|bytes| self.keep(bytes, &partial, &done))
            {
                discard(&partial)?;
                return Err(error);
            }
        }
        let lease = Arc::new(Lease::take(&done)?);
        let process = read(&entry)?.process;
        touch(&entry).map_err(failed("write", &entry))?;
        Ok(Unpacked { root: done.join("root"), process, _lease: lease })
    }

    fn file(&self, name: &str, extension: &str) -> PathBuf {
        self.path.join(format!("{name}.{extension}"))
    }

    /// Unpacks; returns the bytes on the disk, at most.
    fn fill(&self, layout: &Layout, digest: Digest, partial: &Path) -> Result<u64, Error> {
        let image = document::read(layout, digest, &self.bounds)?;
        fs::create_dir(partial).map_err(failed("make", partial))?;
        let root = partial.join("root");
        let tree = Tree::create(&root, self.bounds.depth).map_err(failed("make", &root))?;
        let mut budget = Budget { bytes: self.bounds.unpacked_bytes, files: self.bounds.files };
        for layer in &image.layers {
            layer::check(layout, layer, &self.bounds, &mut budget, &tree)?;
            layer::apply(layout, layer, &self.bounds, &tree)?;
        }
        let files = self.bounds.files - budget.files;
        let bytes = self.bounds.unpacked_bytes - budget.bytes + files * FILE_OVERHEAD;
        write(&partial.join(ENTRY), &Entry { process: image.process, bytes })?;
        tree.finish().map_err(failed("write", &root))?;
        Ok(bytes)
    }

    /// Makes room for an image and gives it its name.
    fn keep(&self, bytes: u64, partial: &Path, done: &Path) -> Result<(), Error> {
        let _room = Lock::take(self.path.join(ROOM_LOCK))?;
        self.make_room(bytes)?;
        fs::rename(partial, done).map_err(failed("name", done))?;
        File::open(&self.path).and_then(|folder| folder.sync_all()).map_err(failed("sync", &self.path))
    }

    fn make_room(&self, needed: u64) -> Result<(), Error> {
        let mut images = self.images()?;
        images.sort();
        let mut total = images.iter().fold(needed, |sum, (_, _, bytes)| sum.saturating_add(*bytes));
        for (_, name, bytes) in images {
            if total > self.bytes_max && self.evict(&name)? {
                total -= bytes;
            }
        }
        if total <= self.bytes_max { Ok(()) } else { Err(Error::CacheFull { needed: total, max: self.bytes_max }) }
    }

    /// All whole images: when each was last asked for, its name, its bytes.
    fn images(&self) -> Result<Vec<(SystemTime, String, u64)>, Error> {
        let mut images = Vec::new();
        for name in self.names()? {
            if name.contains('.') {
                continue;
            }
            let path = self.path.join(&name).join(ENTRY);
            match path.metadata().and_then(|metadata| metadata.modified()) {
                Ok(used) => images.push((used, name, read(&path)?.bytes)),
                // Not an image, or not any more.
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
                Err(error) => return Err(failed("read", &path)(error)),
            }
        }
        Ok(images)
    }

    /// Removes an image that is neither in use nor being asked for; says whether it did.
    fn evict(&self, name: &str) -> Result<bool, Error> {
        let (done, partial) = (self.path.join(name), self.file(name, PARTIAL));
        let Some(_lock) = Lock::try_take(self.file(name, LOCK))? else { return Ok(false) };
        if Lease::is_taken(&done)? {
            return Ok(false);
        }
        fs::rename(&done, &partial).map_err(failed("name", &partial))?;
        discard(&partial)?;
        Ok(true)
    }

    /// Removes what is half done and what was locked, where nobody is at work any more.
    fn sweep(&self) -> Result<(), Error> {
        for name in self.names()? {
            let Some((digest, PARTIAL | LOCK)) = name.rsplit_once('.') else { continue };
            if let Some(_lock) = Lock::try_take(self.file(digest, LOCK))? {
                discard(&self.file(digest, PARTIAL))?;
            }
        }
        Ok(())
    }

    fn names(&self) -> Result<Vec<String>, Error> {
        let listed = fs::read_dir(&self.path)
            .and_then(|entries| entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect());
        listed.map_err(failed("list", &self.path))
    }
}

fn read(path: &Path) -> Result<Entry, Error> {
    let bytes = fs::read(path).map_err(failed("read", path))?;
    serde_json::from_slice(&bytes).map_err(|error| failed("read", path)(error.into()))
}

fn write(path: &Path, entry: &Entry) -> Result<(), Error> {
    let bytes = serde_json::to_vec(entry).map_err(|error| failed("write", path)(error.into()))?;
    File::create(path).and_then(|mut file| file.write_all(&bytes)).map_err(failed("write", path))
}

/// Remembers that an image was asked for.
fn touch(path: &Path) -> io::Result<()> {
    File::options().append(true).open(path)?.set_times(FileTimes::new().set_modified(SystemTime::now()))
}

fn discard(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path)(error)),
        _ => Ok(()),
    }
}
