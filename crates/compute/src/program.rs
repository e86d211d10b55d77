//! What runs: a release, as its developer describes it (`vouch.toml`) and as the chain names it.
//!
//! ```toml
//! runtime = "wasmtime-48/x86-64/1"     # optional: this node's own
//! artifact = "build/referee.wasm"      # a WebAssembly file, relative to the description; or, for a container:
//! # image = "build/image"              # an OCI image layout (folder or archive), or NAME@sha256:DIGEST in a registry
//! interface = "command"                # optional
//! args = ["--strict"]                  # optional, at most 64
//! [env]                                # optional, at most 64
//! MODE = "fast"
//! [limits]                             # optional, each with a default
//! fuel = 10000000000
//! ```

use std::{collections::BTreeMap, path::PathBuf};

use alloy_primitives::{B256, keccak256};
use alloy_sol_types::SolValue;
use serde::Deserialize;

use crate::artifact;

mod description;

pub use description::Description;

/// The runtime id of WebAssembly programs: engine line, compilation target (x86-64-v2) and version of the engine's settings.
pub const WASM_RUNTIME: &str = "wasmtime-48/x86-64/1";
/// The runtime id of containers: version of what a container is given, processor, version of the settings.
pub const CONTAINER_RUNTIME: &str = "oci-1/x86-64/1";

/// Arguments or environment entries a program may have.
pub const ENTRIES_MAX: usize = 64;
/// Bytes of one argument or environment entry.
pub const ENTRY_BYTES_MAX: usize = 4_096;
/// Fuel that one millisecond of the wall-clock limit may stand for. A unit of fuel takes 0.1 to 1 ns, so that a host a
/// hundred times slower than usual still runs out of fuel, which it may sign, before it runs out of time, which it may not.
const FUEL_PER_MS_MAX: u64 = 100_000;

/// How a program takes a request and gives its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Interface {
    /// Request in, output out, a fresh instance per request.
    Command,
    /// POST to `$PORT`.
    Http,
    /// Hourglass `PerformerService`.
    Performer,
}

impl Interface {
    /// The name that enters the programId.
    pub fn name(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Http => "http",
            Self::Performer => "performer",
        }
    }
}

/// What a runtime runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A WebAssembly file, metered by fuel.
    Wasm,
    /// An OCI image, bounded by time.
    Container,
}

impl Kind {
    /// Of a runtime id.
    pub fn of(runtime: &str) -> Self {
        if runtime.starts_with("oci-") { Self::Container } else { Self::Wasm }
    }
}

/// The limits of one run; part of the programId. What does not apply to a kind of program is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Units of fuel: about one per WebAssembly instruction and per byte of a bulk operation. Zero for a container.
    pub fuel: u64,
    /// Bytes of all linear memories, or of all a container's processes, together.
    pub memory_bytes: u64,
    /// Bytes of a request's payload.
    pub payload_bytes: u64,
    /// Bytes of an answer.
    pub output_bytes: u64,
    /// Milliseconds after which the host gives up, without anything to sign; far above what `fuel` can take.
    pub wall_millis: u64,
    /// Thousandths of a processor that a container's processes may use together. Zero for WebAssembly.
    pub cpu_millis: u64,
    /// Processes and threads of a container at a time, at least two, which starting it takes. Zero for WebAssembly.
    pub pids: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self::of(Kind::Wasm)
    }
}

/// A program that a driver can load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Engine, target and settings, such as [`WASM_RUNTIME`].
    pub runtime: String,
    /// SHA-256 of the artifact.
    pub artifact_digest: B256,
    /// How it is called.
    pub interface: Interface,
    /// Command-line arguments after the program's name.
    pub args: Vec<String>,
    /// The whole environment.
    pub env: BTreeMap<String, String>,
    /// Limits of one run.
    pub limits: Limits,
}

/// Why a release description is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: std::io::Error,
    },
    /// The text is not a release description.
    #[error("{}: {source}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, column and what was expected.
        source: Box<toml::de::Error>,
    },
    /// A value is out of its bounds.
    #[error("`{field}` {problem}")]
    Value {
        /// The key, as written in the description.
        field: &'static str,
        /// What is wrong with it and what would be right.
        problem: String,
    },
    /// The artifact cannot be read.
    #[error(transparent)]
    Artifact(#[from] artifact::Error),
    /// The image cannot be read.
    #[error(transparent)]
    Image(#[from] vouch_oci::image::Error),
}

impl Program {
    /// A wasm `command` program with default limits.
    pub fn command(artifact_digest: B256) -> Self {
        Self {
            runtime: WASM_RUNTIME.to_owned(),
            artifact_digest,
            interface: Interface::Command,
            args: Vec::new(),
            env: BTreeMap::new(),
            limits: Limits::default(),
        }
    }

    /// Checks every bound that does not depend on the host.
    pub fn validate(&self) -> Result<(), Error> {
        check("runtime", !self.runtime.is_empty() && self.runtime.len() <= 128, || {
            "must have 1 to 128 characters".into()
        })?;
        check_entries("args", self.args.iter().map(|arg| (arg.len(), arg.as_str())))?;
        check_entries("env", self.env.iter().map(|(key, value)| (key.len() + value.len() + 1, value.as_str())))?;
        for key in self.env.keys() {
            check("env", !key.is_empty() && !key.contains(['=', '\0']), || format!("has an invalid name `{key}`"))?;
        }
        self.limits.validate(Kind::of(&self.runtime))
    }

    /// The record that the chain names, whose hash is the programId.
    pub fn signed(&self) -> vouch_core::Program {
        vouch_core::Program {
            runtime: self.runtime.clone(),
            artifact_digest: self.artifact_digest,
            interface_name: self.interface.name().to_owned(),
            args_hash: self.args_hash(),
            env_hash: self.env_hash(),
            limits: self.limits.signed(),
            ..vouch_core::Program::default()
        }
    }

    /// Hash of the arguments: zero without any, else keccak256 of their ABI encoding as `string[]`.
    pub fn args_hash(&self) -> B256 {
        strings_hash(self.args.clone())
    }

    /// Hash of the environment: zero if empty, else keccak256 of `NAME=value`, ordered by name, as ABI `string[]`.
    pub fn env_hash(&self) -> B256 {
        strings_hash(self.env.iter().map(|(key, value)| format!("{key}={value}")).collect())
    }
}

impl Limits {
    /// The defaults of a kind.
    pub fn of(kind: Kind) -> Self {
        let (fuel, cpu_millis, pids) = match kind {
            Kind::Wasm => (10_000_000_000, 0, 0),
            Kind::Container => (0, 1_000, 128),
        };
        Self {
            fuel,
            memory_bytes: 512 << 20,
            payload_bytes: 1 << 20,
            output_bytes: 1 << 20,
            wall_millis: 120_000,
            cpu_millis,
            pids,
        }
    }

    /// Checks that each limit is usable, and that none is set which means nothing.
    pub fn validate(&self, kind: Kind) -> Result<(), Error> {
        const GIB: u64 = 1 << 30;
        let pids = u64::from(self.pids);
        let memory_min = match kind {
            Kind::Wasm => {
                within("limits.fuel", self.fuel, 1, 1_000_000_000_000)?;
                within("limits.cpu-millis", self.cpu_millis, 0, 0)?;
                within("limits.pids", pids, 0, 0)?;
                65_536
            }
            Kind::Container => {
                within("limits.fuel", self.fuel, 0, 0)?;
                within("limits.cpu-millis", self.cpu_millis, 10, 1_024_000)?;
                within("limits.pids", pids, 2, 32_768)?;
                8 << 20
            }
        };
        within("limits.memory-bytes", self.memory_bytes, memory_min, 4 * GIB)?;
        within("limits.payload-bytes", self.payload_bytes, 0, 64 << 20)?;
        within("limits.output-bytes", self.output_bytes, 0, 64 << 20)?;
        within("limits.wall-millis", self.wall_millis, 100, 86_400_000)
    }

    /// The limits as the chain names them.
    pub fn signed(&self) -> vouch_core::Limits {
        vouch_core::Limits {
            fuel: self.fuel,
            memory_bytes: self.memory_bytes,
            payload_bytes: self.payload_bytes,
            output_bytes: self.output_bytes,
            wall_millis: self.wall_millis,
            cpu_millis: self.cpu_millis,
            pids: self.pids,
        }
    }

    /// Checks that fuel ends long before time does, without which slow hosts have nothing to sign.
    pub fn check_calibration(&self) -> Result<(), Error> {
        within("limits.wall-millis", self.wall_millis, self.fuel / FUEL_PER_MS_MAX, 86_400_000)
    }
}

fn within(field: &'static str, value: u64, min: u64, max: u64) -> Result<(), Error> {
    check(field, (min..=max).contains(&value), || format!("is {value}, must be from {min} to {max}"))
}

fn check(field: &'static str, ok: bool, problem: impl FnOnce() -> String) -> Result<(), Error> {
    if ok { Ok(()) } else { Err(Error::Value { field, problem: problem() }) }
}

fn value(field: &'static str, problem: &str) -> Error {
    Error::Value { field, problem: problem.to_owned() }
}

fn check_entries<'a>(field: &'static str, entries: impl Iterator<Item = (usize, &'a str)>) -> Result<(), Error> {
    for (number, (bytes, text)) in entries.enumerate() {
        check(field, number < ENTRIES_MAX, || format!("has more than {ENTRIES_MAX} entries"))?;
        check(field, bytes <= ENTRY_BYTES_MAX, || format!("has an entry above {ENTRY_BYTES_MAX} bytes"))?;
        check(field, !text.contains('\0'), || "has an entry with a zero byte".into())?;
    }
    Ok(())
}

fn strings_hash(strings: Vec<String>) -> B256 {
    if strings.is_empty() {
        return B256::ZERO;
    }
    keccak256(strings.abi_encode())
}

#[cfg(test)]
mod tests;
