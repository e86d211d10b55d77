//! The container's root, assembled in the supervisor's own mount namespace.
//!
//! The layers are stacked read-only by overlayfs under a skeleton that has what every container needs at its top: the
//! mount points (whatever the image has in their places, symbolic links to elsewhere among them) and names for the
//! loopback addresses. Nothing is written to the layers, and no mount is ever visible outside.
//!
//! A user namespace cannot make device nodes, so they are bound from the supervisor's `/dev`, which is one of its own too:
//! the host's may hold other things under these names, and its size would tell of the host.

use std::{
    ffi::CString,
    fs, io,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::fs::{PermissionsExt, chown},
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{CWD, FileType, Mode, OFlags, makedev, mknodat, open},
    mount::{MountFlags, MountPropagationFlags, mount, mount_change},
    thread::{UnshareFlags, unshare_unsafe},
};

use super::{ID_BASE, replica, variation::Files};

/// Where the supervisor works: a folder that every Linux host has, over which it mounts a private tmpfs. Unlike the state
/// folder it can be reached by a user without rights on the host, which the container's first process is.
const WORK: &str = "/run";
/// Room for the skeleton, the container's description and its state; the program cannot write there.
const WORK_OPTIONS: &std::ffi::CStr = c"size=16m,nr_inodes=256,mode=0755";
/// Mount points, made if the image lacks them.
const MOUNT_POINTS: [&str; 4] = ["dev", "proc", "sys", "tmp"];
/// The devices that a container has, by their numbers; those of randomness are the request's.
const DEVICES: [(&str, u32, u32); 4] = [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("tty", 5, 0)];
const HOSTS: &str = "127.0.0.1 localhost\n::1 localhost\n";

/// Folders of one supervisor.
#[derive(Debug)]
pub(super) struct Folders {
    /// Holds `config.json`.
    pub bundle: PathBuf,
    /// For libcontainer's state.
    pub state: PathBuf,
    /// For files that are mounted into the container.
    pub facts: PathBuf,
}

/// Where the root lies in the supervisor's mount namespace.
pub(super) fn path() -> PathBuf {
    Path::new(WORK).join("root")
}

/// Moves this process to a mount namespace of its own and assembles the root in it, from a copy of the layers if `files`
/// wants one.
pub(super) fn assemble(layers: &[PathBuf], files: Option<Files>) -> io::Result<Folders> {
    leave_host_mounts()?;
    let mut layers = open_folders(layers)?;
    make_devices()?;
    let private = MountFlags::NOSUID | MountFlags::NODEV;
    mount("tmpfs", WORK, "tmpfs", private | MountFlags::NOEXEC, WORK_OPTIONS)?;
    let folder = |name| Path::new(WORK).join(name);
    let folders = Folders { bundle: folder("bundle"), state: folder("state"), facts: folder("facts") };
    for folder in [&folders.bundle, &folders.state, &folders.facts, &path()] {
        fs::create_dir(folder)?;
    }
    if let Some(files) = files {
        let originals: Vec<_> = layers.iter().map(path_of).collect();
        layers = open_folders(&replica::make(&originals, &folder("replica"), files)?)?;
    }
    let skeleton = folder("skeleton");
    make_skeleton(&skeleton)?;
    let skeleton = open_folder(&skeleton)?;
    let options = overlay_options([&skeleton].into_iter().chain(&layers))?;
    mount("overlay", path(), "overlay", private | MountFlags::RDONLY, &*options)?;
    Ok(folders)
}

/// Names a layer by its open file: its path may hold anything, may be long, and may lie under [`WORK`].
fn overlay_options<'a>(layers: impl Iterator<Item = &'a OwnedFd>) -> io::Result<CString> {
    let layers: Vec<String> = layers.map(|layer| path_of(layer).display().to_string()).collect();
    // Images may carry attributes that mean something to overlayfs; none of them is followed.
    let options = format!("lowerdir={},redirect_dir=nofollow,metacopy=off,index=off", layers.join(":"));
    CString::new(options).map_err(io::Error::other)
}

fn path_of(folder: &OwnedFd) -> PathBuf {
    format!("/proc/self/fd/{}", folder.as_raw_fd()).into()
}

fn open_folders(paths: &[PathBuf]) -> io::Result<Vec<OwnedFd>> {
    paths.iter().map(|path| open_folder(path)).collect()
}

fn open_folder(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    open(path, flags, Mode::empty())
        .map_err(|error| io::Error::new(io::Error::from(error).kind(), format!("{}: {error}", path.display())))
}

fn leave_host_mounts() -> io::Result<()> {
    // SAFETY: only the mount namespace (and with it root and working directory) is unshared, not the table of open
    // files, which is what makes the call unsafe; and there is one thread.
    unsafe { unshare_unsafe(UnshareFlags::NEWNS) }?;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    Ok(())
}

fn make_devices() -> io::Result<()> {
    let options = c"size=64k,nr_inodes=16,mode=0755";
    mount("tmpfs", "/dev", "tmpfs", MountFlags::NOSUID | MountFlags::NOEXEC, options)?;
    for (name, major, minor) in DEVICES {
        let path = Path::new("/dev").join(name);
        mknodat(CWD, &path, FileType::CharacterDevice, Mode::from_raw_mode(0o600), makedev(major, minor))?;
        // Not subject to the mask for new files.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666))?;
    }
    Ok(())
}

fn make_skeleton(skeleton: &Path) -> io::Result<()> {
    for folder in
        [skeleton.to_owned(), skeleton.join("etc")].into_iter().chain(MOUNT_POINTS.map(|name| skeleton.join(name)))
    {
        fs::create_dir(&folder)?;
        chown(&folder, Some(ID_BASE), Some(ID_BASE))?;
    }
    let hosts = skeleton.join("etc/hosts");
    fs::write(&hosts, HOSTS)?;
    chown(&hosts, Some(ID_BASE), Some(ID_BASE))
}
