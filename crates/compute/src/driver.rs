//! What runs a program: one trait, whatever the engine.
//!
//! A driver turns an artifact into something [`Loaded`] that answers requests. Its results come in two kinds that never
//! mix. An [`Outcome`] is what every honest host gets for the same request: it may be signed. A [`HostFailure`] is this
//! host's own trouble (it ran out of memory, was too slow, was killed): it is reported and never signed.
//!
//! Calls block the calling thread; whoever drives a driver bounds how many run at once. [`kit`] holds the cases that
//! every driver must pass.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use alloy_primitives::B256;
pub use vouch_core::Status;

use crate::program::{self, Program};

pub mod kit;
mod set;

pub use set::DriverSet;

/// Loads programs of the runtimes it knows.
pub trait Driver: Send + Sync {
    /// The runtime ids (`engine-version/target/settings`) whose programs this driver runs.
    fn runtimes(&self) -> Vec<String>;

    /// Prepares a program whose artifact lies at `artifact`, a file, or a folder of blobs for programs that are made of
    /// many; slow at first (it may compile or unpack), quick when cached.
    ///
    /// The digest must be the program's; a driver checks this itself before it trusts a byte of it.
    fn load(&self, program: &Program, artifact: &Path) -> Result<Arc<dyn Loaded>, LoadError>;
}

/// A program that is ready to answer. Every call starts from the same fresh state; nothing is carried over.
pub trait Loaded: Send + Sync {
    /// Runs one request to its end. Blocks for up to the program's wall-clock limit.
    fn run(&self, input: &RunInput<'_>) -> Result<Outcome, HostFailure>;

    /// Whether what it runs from is still there; once it is not, it must be loaded again.
    fn is_whole(&self) -> bool {
        true
    }
}

/// All that a program can observe of a request.
#[derive(Clone, Copy, Debug)]
pub struct RunInput<'a> {
    /// The request's payload; at most the program's `payload_bytes`.
    pub payload: &'a [u8],
    /// The request's time in Unix seconds: the only wall clock the program sees.
    pub time: u64,
    /// The source of all randomness the program sees.
    pub seed: B256,
}

/// A finished run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub status: Status,
    /// What it answered; empty unless the status is [`Status::Ok`].
    pub output: Vec<u8>,
    /// Fuel used, for metrics only; never part of what is signed.
    pub fuel_used: u64,
    /// What went wrong, for this host's log only; never part of what is signed.
    pub message: Option<String>,
}

impl Outcome {
    /// A run that ended without an answer.
    pub fn failed(status: Status, fuel_used: u64, message: impl Into<String>) -> Self {
        Self { status, output: Vec::new(), fuel_used, message: Some(message.into()) }
    }
}

/// Why this host has no result for a request. Says nothing about the program, so it is never signed.
#[derive(Debug, thiserror::Error)]
pub enum HostFailure {
    /// The run took longer than the program's wall-clock limit.
    #[error(
        "the run exceeded its wall-clock limit of {limit_ms} ms; this machine is too slow or too busy for the program"
    )]
    WallClock {
        /// The limit in milliseconds.
        limit_ms: u64,
    },
    /// Every sandbox was busy, or the machine could not give one the memory it needs.
    #[error("no sandbox could be set up: {0}")]
    Resources(String),
    /// The run was killed from outside.
    #[error("the run was killed: {0}")]
    Killed(String),
    /// The caller handed over a payload above the program's limit, which must be refused before running.
    #[error("the payload has {bytes} bytes, the program takes {max}")]
    PayloadTooLarge {
        /// Size of the payload.
        bytes: u64,
        /// The program's `payload_bytes`.
        max: u64,
    },
    /// The engine behaved in a way that is a bug of this host.
    #[error("the engine failed: {0}")]
    Engine(String),
}

/// Why a program cannot be run here.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The program asks for a runtime that this driver is not.
    #[error(
        "the program needs runtime `{wanted}`, this node runs {offered}; upgrade the node or publish a release for one of these"
    )]
    Runtime {
        /// The program's runtime id.
        wanted: String,
        /// The runtime ids of this driver, comma separated.
        offered: String,
    },
    /// The interface is not one this driver offers.
    #[error("the program's interface `{0}` is not offered by this runtime; use `command`")]
    Interface(String),
    /// The program itself is out of bounds.
    #[error(transparent)]
    Program(#[from] program::Error),
    /// The artifact's bytes are not those the program names.
    #[error("the artifact's SHA-256 is {actual}, the program names {expected}; fetch the artifact again")]
    Digest {
        /// What the program names.
        expected: B256,
        /// What the file has.
        actual: B256,
    },
    /// The artifact is not something that this driver can run.
    #[error("the artifact cannot be run: {0}")]
    Artifact(String),
    /// Parts of the artifact are not here. There may be more: what a missing part names is not known yet.
    #[error("parts of the artifact are not here: {}; fetch them by their SHA-256", .0.iter().map(B256::to_string).collect::<Vec<_>>().join(", "))]
    Missing(Vec<B256>),
    /// Compiling failed on this host (time, memory, the child process), which says nothing about the program.
    #[error("compiling the artifact failed on this host: {0}")]
    Compile(String),
    /// The CPU lacks what the runtime id requires.
    #[error("this machine cannot run `{runtime}`: {reason}")]
    Machine {
        /// The runtime id.
        runtime: String,
        /// What is missing.
        reason: String,
    },
    /// Reading or writing a file failed.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: std::io::Error,
    },
}
