//! A copy of a root's files in memory, as another host's file system might hold them: see [`Files`].
//!
//! It lies in the supervisor's own mount namespace and is gone with it.

use std::{
    collections::HashMap,
    fs, io,
    os::unix::fs::{MetadataExt, lchown, symlink},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, CWD, Timespec, Timestamps, utimensat},
    mount::{MountFlags, mount},
};

use super::variation::Files;

/// The most that is copied; all of it is memory while the run lasts.
const OPTIONS: &std::ffi::CStr = c"size=1g,nr_inodes=262144,mode=0755";

/// Copies the layers to folders of a new file system at `place`, and names those folders.
pub(super) fn make(layers: &[PathBuf], place: &Path, files: Files) -> io::Result<Vec<PathBuf>> {
    fs::create_dir(place)?;
    mount("tmpfs", place, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, OPTIONS)?;
    let mut copies = Vec::new();
    for (number, layer) in layers.iter().enumerate() {
        let copy = place.join(number.to_string());
        // A layer is named by an open file: its name is a link, which only the slash follows.
        Copier { files, links: HashMap::new() }.copy(&layer.join(""), &copy).map_err(explained)?;
        copies.push(copy);
    }
    Ok(copies)
}

fn explained(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::StorageFull => {
            io::Error::other("the image's files cannot be varied: only 1 GiB in 262,144 files can be copied to memory")
        }
        _ => error,
    }
}

struct Copier {
    files: Files,
    /// Copies of files that have several names, by device and number of the original.
    links: HashMap<(u64, u64), PathBuf>,
}

impl Copier {
    fn copy(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let metadata = fs::symlink_metadata(from)?;
        let identity = (metadata.dev(), metadata.ino());
        if metadata.is_symlink() {
            symlink(fs::read_link(from)?, to)?;
        } else if let Some(known) = self.links.get(&identity) {
            return fs::hard_link(known, to);
        } else if metadata.is_file() {
            fs::copy(from, to)?;
            if metadata.nlink() > 1 {
                self.links.insert(identity, to.to_owned());
            }
        } else if metadata.is_dir() {
            self.copy_folder(from, to)?;
        } else {
            return Err(io::Error::other(format!("`{}` is neither file, folder nor link", to.display())));
        }
        self.give_attributes(&metadata, to)
    }

    fn copy_folder(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        fs::create_dir(to)?;
        let mut names = fs::read_dir(from)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
        names.sort();
        if self.files.reversed {
            names.reverse();
        }
        names.iter().try_for_each(|name| self.copy(&from.join(name), &to.join(name)))
    }

    /// Permissions after owners, whose change takes some away; times at the very end.
    fn give_attributes(&self, metadata: &fs::Metadata, to: &Path) -> io::Result<()> {
        lchown(to, Some(metadata.uid()), Some(metadata.gid()))?;
        if !metadata.is_symlink() {
            fs::set_permissions(to, metadata.permissions())?;
        }
        let seconds = metadata.mtime().saturating_add(self.files.shift_seconds);
        let time = Timespec { tv_sec: seconds, tv_nsec: metadata.mtime_nsec() };
        let times = Timestamps { last_access: time, last_modification: time };
        Ok(utimensat(CWD, to, &times, AtFlags::SYMLINK_NOFOLLOW)?)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn copy(from: &Path, files: Files) -> tempfile::TempDir {
        let to = tempfile::tempdir().unwrap();
        Copier { files, links: HashMap::new() }.copy(&from.join(""), &to.path().join("copy")).unwrap();
        to
    }

    #[test]
    fn a_copy_has_everything_but_the_time_that_is_shifted() {
        let from = tempfile::tempdir().unwrap();
        let path = |name: &str| from.path().join(name);
        fs::create_dir(path("folder")).unwrap();
        fs::write(path("folder/file"), "text").unwrap();
        fs::set_permissions(path("folder/file"), fs::Permissions::from_mode(0o4711)).unwrap();
        fs::hard_link(path("folder/file"), path("again")).unwrap();
        symlink("nowhere", path("link")).unwrap();

        let to = copy(from.path(), Files { reversed: true, shift_seconds: -60 });
        let copied = |name: &str| to.path().join("copy").join(name);
        assert_eq!(fs::read(copied("folder/file")).unwrap(), b"text");
        assert_eq!(fs::read_link(copied("link")).unwrap(), Path::new("nowhere"));
        for name in ["", "folder", "folder/file", "link"] {
            let (one, other) = (fs::symlink_metadata(path(name)).unwrap(), fs::symlink_metadata(copied(name)).unwrap());
            assert_eq!(one.mode(), other.mode(), "{name}");
            assert_eq!((one.mtime() - 60, one.mtime_nsec()), (other.mtime(), other.mtime_nsec()), "{name}");
        }
        let file = fs::metadata(copied("folder/file")).unwrap();
        assert_eq!((file.nlink(), file.ino()), (2, fs::metadata(copied("again")).unwrap().ino()));
    }

    #[test]
    fn what_is_no_file_is_not_passed_over() {
        let from = tempfile::tempdir().unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(from.path().join("socket")).unwrap();
        let to = tempfile::tempdir().unwrap();
        let mut copier = Copier { files: Files::default(), links: HashMap::new() };
        let error = copier.copy(from.path(), &to.path().join("copy")).unwrap_err();
        assert!(error.to_string().contains("socket"), "{error}");
    }
}
