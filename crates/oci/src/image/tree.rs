//! A root that is being built: every path is resolved by the kernel as if the root were `/`, so that no `..` and no link
//! leads out of it, whoever made the link.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::fd::{AsRawFd, OwnedFd},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{
        AtFlags, Dir, FileType, Gid, Mode, OFlags, ResolveFlags, Timespec, Timestamps, Uid, chownat, fchmod, linkat,
        mkdirat, openat, openat2, statat, symlinkat, unlinkat, utimensat,
    },
    io::Errno,
};

use crate::container::ID_BASE;

const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::RDONLY).union(OFlags::CLOEXEC);

/// Whose a file is, who may use it and when it was changed.
#[derive(Clone, Copy)]
pub(super) struct Attributes {
    pub user: u32,
    pub group: u32,
    /// Permissions; set-user-id and set-group-id bits are dropped.
    pub mode: u32,
    /// Seconds since 1970.
    pub modified: i64,
}

/// What folders that no layer describes are given.
const IMPLIED: Attributes = Attributes { user: 0, group: 0, mode: 0o755, modified: 0 };

pub(super) struct Tree {
    root: OwnedFd,
    path: PathBuf,
    depth: usize,
}

impl Tree {
    /// Starts with an empty folder, which is made.
    pub fn create(path: &Path, depth: usize) -> io::Result<Self> {
        fs::create_dir(path)?;
        let root = File::open(path)?.into();
        let tree = Self { root, path: path.canonicalize()?, depth };
        tree.set(&tree.root, ".", IMPLIED)?;
        fchmod(&tree.root, Mode::from_raw_mode(0o755))?;
        Ok(tree)
    }

    pub fn folder(&self, path: &Path, attributes: Attributes) -> io::Result<()> {
        let Some((parent, name)) = self.place(path)? else {
            self.set(&self.root, ".", attributes)?;
            return Ok(fchmod(&self.root, mode(attributes))?);
        };
        self.make_folder(&parent, name, attributes)
    }

    fn make_folder(&self, parent: &OwnedFd, name: &Path, attributes: Attributes) -> io::Result<()> {
        if kind(parent, name)? != Some(FileType::Directory) {
            remove(parent, name)?;
            mkdirat(parent, name, Mode::from_raw_mode(0o700))?;
        }
        let folder = openat(parent, name, FOLDER | OFlags::NOFOLLOW, Mode::empty())?;
        self.set(parent, name, attributes)?;
        Ok(fchmod(&folder, mode(attributes))?)
    }

    pub fn file(&self, path: &Path, attributes: Attributes, content: &mut dyn Read) -> io::Result<()> {
        let (parent, name) = self.new_place(path)?;
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(openat(&parent, name, flags, Mode::from_raw_mode(0o600))?);
        io::copy(&mut *content, &mut file)?;
        self.set(&parent, name, attributes)?;
        fchmod(&file, mode(attributes))?;
        Ok(utimensat(&parent, name, &times(attributes.modified), AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// A symbolic link; where it leads is decided when it is followed, always within the root.
    pub fn link(&self, path: &Path, target: &Path, attributes: Attributes) -> io::Result<()> {
        let (parent, name) = self.new_place(path)?;
        symlinkat(target, &parent, name)?;
        self.set(&parent, name, attributes)
    }

    pub fn hard_link(&self, path: &Path, target: &Path) -> io::Result<()> {
        let (from, old) = self.place(target)?.ok_or_else(|| io::Error::other("its target is the root"))?;
        if kind(&from, old)?.is_none_or(|kind| kind == FileType::Directory) {
            return Err(io::Error::other("its target is not a file that came before"));
        }
        if path == target {
            return Ok(());
        }
        let (parent, name) = self.new_place(path)?;
        Ok(linkat(&from, old, &parent, name, AtFlags::empty())?)
    }

    /// Removes what lower layers have there, if anything.
    pub fn whiteout(&self, path: &Path) -> io::Result<()> {
        match self.place(path)? {
            Some((parent, name)) => remove(&parent, name),
            None => Err(io::Error::other("it removes the root")),
        }
    }

    /// Removes all that lower layers have in a folder.
    pub fn empty(&self, path: &Path) -> io::Result<()> {
        let Some((parent, name)) = self.place(path)? else { return clear(&self.root) };
        match kind(&parent, name)? {
            Some(FileType::Directory) => clear(&openat(&parent, name, FOLDER | OFlags::NOFOLLOW, Mode::empty())?),
            _ => Ok(()),
        }
    }

    /// Gives all folders the same time, which otherwise tells when each was unpacked, and writes everything to the disk.
    pub fn finish(self) -> io::Result<()> {
        stamp(&self.root)?;
        Ok(rustix::fs::syncfs(&self.root)?)
    }

    fn new_place<'a>(&self, path: &'a Path) -> io::Result<(OwnedFd, &'a Path)> {
        let (parent, name) = self.place(path)?.ok_or_else(|| io::Error::other("it replaces the root"))?;
        remove(&parent, name)?;
        Ok((parent, name))
    }

    /// The folder a path is in, made where it is missing, and the name in it; none for the root itself.
    fn place<'a>(&self, path: &'a Path) -> io::Result<Option<(OwnedFd, &'a Path)>> {
        let (Some(name), Some(parent)) = (path.file_name(), path.parent()) else { return Ok(None) };
        let folder = self.open_or_make(parent)?;
        self.check_depth(&folder)?;
        Ok(Some((folder, Path::new(name))))
    }

    fn open_or_make(&self, path: &Path) -> io::Result<OwnedFd> {
        let mut reached = PathBuf::from(".");
        let mut folder = self.open(&reached)?;
        for component in path.components() {
            reached.push(component);
            folder = match self.open(&reached) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.check_depth(&folder)?;
                    mkdirat(&folder, component.as_os_str(), Mode::from_raw_mode(0o700))?;
                    self.make_folder(&folder, Path::new(component.as_os_str()), IMPLIED)?;
                    self.open(&reached)?
                }
                opened => opened?,
            };
        }
        Ok(folder)
    }

    fn open(&self, path: &Path) -> io::Result<OwnedFd> {
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
        Ok(openat2(&self.root, path, FOLDER, Mode::empty(), resolve)?)
    }

    /// Links can make a folder deeper than the path that leads to it; what is too deep could not be removed again.
    fn check_depth(&self, folder: &OwnedFd) -> io::Result<()> {
        let path = fs::read_link(format!("/proc/self/fd/{}", folder.as_raw_fd()))?;
        let inside = path.strip_prefix(&self.path).map_err(io::Error::other)?;
        if inside.components().count() < self.depth {
            return Ok(());
        }
        Err(io::Error::other(format!("it is more than {} folders deep", self.depth)))
    }

    fn set(&self, parent: &OwnedFd, name: impl AsRef<Path>, attributes: Attributes) -> io::Result<()> {
        let name = name.as_ref();
        let (user, group) = (ID_BASE + attributes.user, ID_BASE + attributes.group);
        let (user, group) = (Uid::from_raw(user), Gid::from_raw(group));
        chownat(parent, name, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(utimensat(parent, name, &times(attributes.modified), AtFlags::SYMLINK_NOFOLLOW)?)
    }
}

fn mode(attributes: Attributes) -> Mode {
    Mode::from_raw_mode(attributes.mode & 0o1777)
}

fn times(seconds: i64) -> Timestamps {
    let time = Timespec { tv_sec: seconds, tv_nsec: 0 };
    Timestamps { last_access: time, last_modification: time }
}

fn kind(parent: &OwnedFd, name: &Path) -> io::Result<Option<FileType>> {
    match statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode))),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Removes a file or a folder with all that is in it, following no link.
fn remove(parent: &OwnedFd, name: &Path) -> io::Result<()> {
    match kind(parent, name)? {
        None => Ok(()),
        Some(FileType::Directory) => {
            clear(&openat(parent, name, FOLDER | OFlags::NOFOLLOW, Mode::empty())?)?;
            Ok(unlinkat(parent, name, AtFlags::REMOVEDIR)?)
        }
        Some(_) => Ok(unlinkat(parent, name, AtFlags::empty())?),
    }
}

fn clear(folder: &OwnedFd) -> io::Result<()> {
    names(folder)?.iter().try_for_each(|name| remove(folder, name))
}

fn stamp(folder: &OwnedFd) -> io::Result<()> {
    for name in names(folder)? {
        if kind(folder, &name)? == Some(FileType::Directory) {
            stamp(&openat(folder, &name, FOLDER | OFlags::NOFOLLOW, Mode::empty())?)?;
        }
    }
    Ok(utimensat(folder, ".", &times(0), AtFlags::empty())?)
}

fn names(folder: &OwnedFd) -> io::Result<Vec<PathBuf>> {
    use std::os::unix::ffi::OsStrExt;
    let name = |entry: rustix::fs::DirEntry| PathBuf::from(std::ffi::OsStr::from_bytes(entry.file_name().to_bytes()));
    let all = Dir::read_from(folder)?.map(|entry| entry.map(name)).collect::<Result<Vec<_>, _>>()?;
    Ok(all.into_iter().filter(|name| name.as_os_str() != "." && name.as_os_str() != "..").collect())
}
