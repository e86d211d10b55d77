use std::{
    fs::{self, DirBuilder, File},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};

use super::{
    Bounds, Digest, Error, Layout, Process, document,
    error::failed,
    layer::{self, Budget},
    tree::Tree,
};

/// Unpacked images, by digest, in a folder that is this crate's alone.
#[derive(Clone, Debug)]
pub struct Cache {
    path: PathBuf,
    bounds: Bounds,
}

/// An image that is ready to run; its files are only read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// All layers as one folder, to be the only one in [`Settings`](crate::container::Settings).
    pub root: PathBuf,
    /// What runs in it.
    pub process: Process,
}

impl Cache {
    /// Opens the folder, or makes it; nobody else may look into it.
    pub fn open(path: &Path, bounds: Bounds) -> Result<Self, Error> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed("make", path))?;
        Ok(Self { path: path.canonicalize().map_err(failed("open", path))?, bounds })
    }

    /// The image with this digest, unpacked unless it is already. Whoever else asks for it meanwhile waits.
    pub fn unpack(&self, layout: &Layout, digest: Digest) -> Result<Unpacked, Error> {
        let _lock = Lock::take(self.path.join(format!("{}.lock", digest.to_hex())))?;
        let done = self.path.join(digest.to_hex());
        let partial = self.path.join(format!("{}.partial", digest.to_hex()));
        discard(&partial)?;
        if !done.exists() {
            if let Err(error) = self.fill(layout, digest, &partial) {
                discard(&partial)?;
                return Err(error);
            }
            fs::rename(&partial, &done).map_err(failed("name", &done))?;
            sync(&self.path)?;
        }
        let process = done.join("process.json");
        let bytes = fs::read(&process).map_err(failed("read", &process))?;
        let process = serde_json::from_slice(&bytes).map_err(|error| failed("read", &process)(error.into()))?;
        Ok(Unpacked { root: done.join("root"), process })
    }

    fn fill(&self, layout: &Layout, digest: Digest, partial: &Path) -> Result<(), Error> {
        let image = document::read(layout, digest, &self.bounds)?;
        fs::create_dir(partial).map_err(failed("make", partial))?;
        let root = partial.join("root");
        let tree = Tree::create(&root, self.bounds.depth).map_err(failed("make", &root))?;
        let mut budget = Budget { bytes: self.bounds.unpacked_bytes, files: self.bounds.files };
        for layer in &image.layers {
            layer::check(layout, layer, &self.bounds, &mut budget, &tree)?;
            layer::apply(layout, layer, &self.bounds, &tree)?;
        }
        let (path, bytes) = (partial.join("process.json"), serde_json::to_vec(&image.process));
        let bytes = bytes.map_err(|error| failed("write", &path)(error.into()))?;
        File::create(&path).and_then(|mut file| file.write_all(&bytes)).map_err(failed("write", &path))?;
        tree.finish().map_err(failed("write", &root))
    }
}

/// Held while an image is unpacked; the file goes with it, and a lock on a removed file is taken anew.
struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    fn take(path: PathBuf) -> Result<Self, Error> {
        loop {
            let file = File::options().create(true).append(true).open(&path).map_err(failed("open", &path))?;
            flock(&file, FlockOperation::LockExclusive).map_err(|error| failed("lock", &path)(error.into()))?;
            if file.metadata().map_err(failed("lock", &path))?.nlink() > 0 {
                return Ok(Self { path, _file: file });
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // An empty file that stays behind is taken by the next one.
        let _ = fs::remove_file(&self.path);
    }
}

fn discard(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path)(error)),
        _ => Ok(()),
    }
}

fn sync(path: &Path) -> Result<(), Error> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(failed("sync", path))
}
