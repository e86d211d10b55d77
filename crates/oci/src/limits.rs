//! What a container may use, and the control groups that hold it to that.
//!
//! Linux offers the controllers in two versions, and hosts mix them: all in version 1 (legacy), all in version 2
//! (unified), or version 1 with an empty version 2 tree beside it (hybrid). [`Host`] finds each controller wherever it
//! is; [`Group`] is one container's place in all of them. Every limit is read back after it was written: a container
//! whose limits do not hold is never started.

use std::{
    io,
    path::{Path, PathBuf},
};

mod files;
mod group;
mod host;

pub use group::{Entered, Group, Usage};
pub use host::{Controller, Host, Layout};

/// The least memory that a container can start with.
const MEMORY_BYTES_MIN: u64 = 8 << 20;

/// What one container may use at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Limits {
    /// Bytes of memory of all its processes together, with its temporary files and what the kernel keeps for them.
    pub memory_bytes: u64,
    /// Thousandths of a processor that all its processes together may use.
    pub cpu_millis: u64,
    /// Processes and threads at a time, at least two, which starting a container takes.
    pub processes: u64,
    /// Bytes of a request's payload.
    pub payload_bytes: u64,
    /// Bytes of an answer.
    pub output_bytes: u64,
    /// Bytes of temporary files, in `/tmp` and in `/dev/shm` each; they count as memory too.
    pub tmp_bytes: u64,
    /// Files and folders, in `/tmp` and in `/dev/shm` each.
    pub tmp_files: u64,
    /// Milliseconds from the program's start after which it is killed.
    pub wall_millis: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 512 << 20,
            cpu_millis: 1_000,
            processes: 128,
            payload_bytes: 1 << 20,
            output_bytes: 1 << 20,
            tmp_bytes: 64 << 20,
            tmp_files: 4_096,
            wall_millis: 120_000,
        }
    }
}

impl Limits {
    /// Checks that each limit is usable.
    pub fn validate(&self) -> Result<(), Error> {
        const TIB: u64 = 1 << 40;
        within("memory_bytes", self.memory_bytes, MEMORY_BYTES_MIN, TIB)?;
        within("cpu_millis", self.cpu_millis, 10, 1_024_000)?;
        within("processes", self.processes, 2, 32_768)?;
        within("payload_bytes", self.payload_bytes, 0, 64 << 20)?;
        within("output_bytes", self.output_bytes, 0, 64 << 20)?;
        within("tmp_bytes", self.tmp_bytes, 4_096, TIB)?;
        within("tmp_files", self.tmp_files, 2, 1 << 24)?;
        within("wall_millis", self.wall_millis, 1, 86_400_000)
    }
}

/// Why a container cannot be held to its limits here.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A limit is out of bounds.
    #[error("limit `{field}` is {value}, must be from {min} to {max}")]
    Bounds {
        /// Which limit.
        field: &'static str,
        /// What it is.
        value: u64,
        /// The least it may be.
        min: u64,
        /// The most it may be.
        max: u64,
    },
    /// The host has no such controller where this process could use it.
    #[error("the host offers no `{controller}` control group, so {what} cannot be bounded; {advice}")]
    Missing {
        /// The controller.
        controller: String,
        /// What it limits.
        what: &'static str,
        /// What to do.
        advice: String,
    },
    /// Swap cannot be limited on a host that has some.
    #[error(
        "memory can be swapped out without a limit on this host; turn swap off (`swapoff -a`) or start the kernel with `swapaccount=1`"
    )]
    Swap,
    /// The kernel refused a limit, or took another one than it was told.
    #[error("{}: wrote `{wrote}`, the kernel keeps `{kept}`; the container was not started", path.display())]
    NotKept {
        /// The control file.
        path: PathBuf,
        /// What was written.
        wrote: String,
        /// What it says now.
        kept: String,
    },
    /// A process is not where it has to be.
    #[error("process {pid} is not in the control group {}; the container was not started", path.display())]
    NotMember {
        /// The process.
        pid: u32,
        /// The group's folder.
        path: PathBuf,
    },
    /// Processes are left over that cannot be killed.
    #[error("the control group {} still has processes after they were killed; look for processes in state D", path.display())]
    Stuck {
        /// The group's folder.
        path: PathBuf,
    },
    /// A control file cannot be used.
    #[error("cannot {action} {}: {source}; run as root, with control groups mounted and writable", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
}

impl Error {
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }
}

fn within(field: &'static str, value: u64, min: u64, max: u64) -> Result<(), Error> {
    if (min..=max).contains(&value) { Ok(()) } else { Err(Error::Bounds { field, value, min, max }) }
}
