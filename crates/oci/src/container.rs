//! One container per run: what goes in, what comes out, and who watches it.
//!
//! Every run has a process of its own, the **supervisor**: this very program, called in a way that ends up in
//! [`child_main`]. It is single-threaded when it forks, holds nothing of its caller's (no environment, no files but those
//! it is handed) and does the following, in this order:
//! 1. a mount namespace of its own, with the root assembled read-only in it, so that no mount is ever seen by the host;
//! 2. the control group, with every limit written and read back;
//! 3. the container by `libcontainer`: user, pid, mount, network, ipc and uts namespaces, a read-only root, masked paths,
//!    no capability, no new privileges; its first process stops before the program;
//! 4. the first process is checked to be in the group, and only then let go; it checks that it has no right left, enters
//!    the [request's clock](crate::clock), installs the system call filter and becomes the program;
//! 5. it waits for the program, the deadline or its caller's end, kills everything, removes the group, and reports.
//!
//! A program can end in two ways that never mix: an [`Outcome`], which another host would find as well, or a [`Failure`]
//! of this host, which says nothing about the program.
//!
//! Whoever dies, nothing survives: the program's first process dies with the supervisor, everything else in its pid
//! namespace with it, and the supervisor ends itself when its caller's end of the control socket is closed. What neither
//! could remove, the next one to open the [state folder](crate::state) removes.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

mod check;
mod exchange;
mod facts;
mod filter;
mod launch;
mod replica;
mod root;
pub mod service;
mod spec;
mod supervisor;
mod time;
mod variation;
mod wire;
mod workload;

pub use check::{Check, CheckResult};
pub use service::{Interface, Service, ServiceSettings};
pub use supervisor::child_main;
pub use variation::{Files, Variation};

use crate::{
    limits::{self, Host, Limits, Usage},
    state,
};

/// What the container's user and group ids are offset by on the host. The files of a root must belong to `ID_BASE` plus
/// the id that the image gives them, which makes them nobody's on the host, set-user-id programs among them. It is the
/// same on all hosts, because a program can read it.
pub const ID_BASE: u32 = 1_879_048_192;
/// How many user and group ids a container has: 0 to this, exclusive.
pub const ID_COUNT: u32 = 65_536;

/// The most folders that a root is made of.
const LAYERS_MAX: usize = 128;
/// The most arguments, environment entries or groups, and the bytes of one.
const ENTRIES_MAX: usize = 256;
const ENTRY_BYTES_MAX: usize = 4_096;

/// How the runtime calls itself and where it remembers what runs.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder for locks; one per executor, on a local file system.
    pub state: PathBuf,
    /// The executable whose process becomes a supervisor, usually the running one.
    pub program: PathBuf,
    /// The arguments with which it ends up in [`child_main`].
    pub arguments: Vec<OsString>,
}

/// Runs containers on this host.
#[derive(Clone, Debug)]
pub struct Runtime {
    config: Arc<Config>,
    folder: state::Folder,
    host: Host,
}

/// What runs, and within which limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The folders that make up the root, the uppermost first. They are only read, by any number of containers at a time;
    /// see [`ID_BASE`] for whom their files must belong to.
    pub layers: Vec<PathBuf>,
    /// The program and its arguments. A name without a slash is looked up in the environment's `PATH`.
    pub args: Vec<String>,
    /// The whole environment, in the order in which the program sees it.
    pub env: Vec<(String, String)>,
    /// The working directory.
    pub cwd: PathBuf,
    /// The user id inside.
    pub user: u32,
    /// The group id inside.
    pub group: u32,
    /// Further group ids inside.
    pub groups: Vec<u32>,
    /// What it may use.
    pub limits: Limits,
}

/// A container that is ready to answer any number of requests, each in a fresh instance.
#[derive(Clone, Debug)]
pub struct Prepared {
    runtime: Runtime,
    settings: Arc<Settings>,
}

/// All that a program can observe of a request.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// What the program reads from its standard input.
    pub payload: &'a [u8],
    /// The request's time in Unix seconds.
    pub time: u64,
    /// The source of all randomness that the program sees.
    pub seed: [u8; 32],
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It exited with zero.
    Ok,
    /// It exited with another code, was killed by a signal of its own making, or could not be started from this image.
    Trap,
    /// It wrote more than its limit.
    OutputTooLarge,
}

/// A finished run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub status: Status,
    /// What it wrote to its standard output; empty unless the status is [`Status::Ok`].
    pub output: Vec<u8>,
    /// What it used; for metrics only.
    pub usage: Usage,
    /// What went wrong and the end of what it wrote to its standard error; for this host's log only.
    pub message: Option<String>,
}

/// Why this host has no result. Says nothing about the program.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The run took longer than its limit.
    #[error(
        "the run exceeded its wall-clock limit of {limit_ms} ms; this machine is too slow or too busy for the program"
    )]
    WallClock {
        /// The limit in milliseconds.
        limit_ms: u64,
    },
    /// Memory ran out. Where it does depends on the host, so it is not the program's result.
    #[error("the run needed more than its {limit_bytes} bytes of memory; raise the program's memory limit")]
    Memory {
        /// The limit in bytes.
        limit_bytes: u64,
    },
    /// The payload is above the limit, which must be refused before running.
    #[error("the payload has {bytes} bytes, the program takes {max}")]
    PayloadTooLarge {
        /// Size of the payload.
        bytes: u64,
        /// The limit.
        max: u64,
    },
    /// The container was killed from outside.
    #[error("the run was killed: {0}")]
    Killed(String),
    /// The container was not started, because it could not be isolated or held to its limits.
    #[error("the container was not started: {0}")]
    Setup(String),
    /// There is no room for another container.
    #[error(transparent)]
    State(#[from] state::Error),
    /// No container of a [`Service`] could answer.
    #[error(transparent)]
    Service(#[from] service::Unavailable),
    /// The supervisor cannot be run or talked to.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// What went wrong.
        source: io::Error,
    },
}

/// Why no container can be run on this host, or not this one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Namespaces and control groups need privileges.
    #[error("containers need root here: {0}; run the executor as root, or run programs of the wasm runtimes only")]
    NotRoot(String),
    /// A limit cannot be set.
    #[error(transparent)]
    Limits(#[from] limits::Error),
    /// The state folder cannot be used.
    #[error(transparent)]
    State(#[from] state::Error),
    /// A setting is out of its bounds.
    #[error("`{field}` {problem}")]
    Setting {
        /// Which setting.
        field: &'static str,
        /// What is wrong with it and what would be right.
        problem: String,
    },
}

impl Runtime {
    /// Finds out what this host offers, and removes what crashed executors left behind in the same state folder.
    pub fn open(config: Config) -> Result<Self, Error> {
        if !rustix::process::geteuid().is_root() {
            return Err(Error::NotRoot(format!("this process has user id {}", rustix::process::geteuid().as_raw())));
        }
        let host = Host::detect()?;
        let folder = state::Folder::open(&config.state, &host)?;
        Ok(Self { config: Arc::new(config), folder, host })
    }

    /// How this host lays out its control groups.
    pub fn layout(&self) -> limits::Layout {
        self.host.layout()
    }

    /// Checks the settings; nothing is started.
    pub fn prepare(&self, settings: Settings) -> Result<Prepared, Error> {
        settings.validate()?;
        Ok(Prepared { runtime: self.clone(), settings: Arc::new(settings) })
    }
}

impl Prepared {
    /// Runs one request in a fresh container. Blocks for up to the wall-clock limit.
    pub fn run(&self, input: &Input<'_>) -> Result<Outcome, Failure> {
        let certified = Variation::default();
        launch::run(&self.runtime.config, &self.runtime.folder, &self.settings, &certified, input)
    }
}

impl Settings {
    fn validate(&self) -> Result<(), Error> {
        self.limits.validate()?;
        check("layers", !self.layers.is_empty() && self.layers.len() <= LAYERS_MAX, || {
            format!("has {} folders, must have 1 to {LAYERS_MAX}", self.layers.len())
        })?;
        for layer in &self.layers {
            check("layers", layer.is_dir(), || format!("names {}, which is not a folder", layer.display()))?;
        }
        check("args", !self.args.is_empty() && !self.args[0].is_empty(), || {
            "is empty; name the program to run".into()
        })?;
        check_entries("args", self.args.iter().map(String::as_str))?;
        check_entries("env", self.env.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]))?;
        for (name, _) in &self.env {
            check("env", !name.is_empty() && !name.contains('='), || format!("has an invalid name `{name}`"))?;
        }
        check("cwd", is_absolute_text(&self.cwd), || format!("is {}, must be an absolute path", self.cwd.display()))?;
        for id in [self.user, self.group].iter().chain(&self.groups) {
            check("user", *id < ID_COUNT, || format!("has id {id}, must be below {ID_COUNT}"))?;
        }
        check("groups", self.groups.len() <= ENTRIES_MAX, || format!("has more than {ENTRIES_MAX} entries"))
    }
}

fn is_absolute_text(path: &Path) -> bool {
    path.is_absolute() && path.to_str().is_some_and(|text| text.len() <= ENTRY_BYTES_MAX && !text.contains('\0'))
}

fn check(field: &'static str, ok: bool, problem: impl FnOnce() -> String) -> Result<(), Error> {
    if ok { Ok(()) } else { Err(Error::Setting { field, problem: problem() }) }
}

fn check_entries<'a>(field: &'static str, entries: impl Iterator<Item = &'a str>) -> Result<(), Error> {
    for (number, text) in entries.enumerate() {
        check(field, number < 2 * ENTRIES_MAX, || format!("has more than {ENTRIES_MAX} entries"))?;
        check(field, text.len() <= ENTRY_BYTES_MAX, || format!("has an entry above {ENTRY_BYTES_MAX} bytes"))?;
        check(field, !text.contains('\0'), || "has an entry with a zero byte".into())?;
    }
    Ok(())
}
