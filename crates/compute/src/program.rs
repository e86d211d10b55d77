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

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use alloy_primitives::{B256, keccak256};
use alloy_sol_types::SolValue;
use serde::Deserialize;
use vouch_oci::image::{self, Digest, Layout};

use crate::{artifact, oci, wasm};

/// Arguments or environment entries a program may have.
pub const ENTRIES_MAX: usize = 64;
/// Bytes of one argument or environment entry.
pub const ENTRY_BYTES_MAX: usize = 4_096;
/// Bytes of a release description.
const DESCRIPTION_BYTES_MAX: u64 = 1 << 20;
/// Fuel that one millisecond of the wall-clock limit may stand for. A unit of fuel takes 0.1 to 1 ns, so that a host a
/// hundred times slower than usual still runs out of fuel, which it may sign, before it runs out of time, which it may not.
const FUEL_PER_MS_MAX: u64 = 100_000;
/// Where the image of a registry is kept, beside the description.
const PULLED_FOLDER: &str = "build/image";

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
    /// Engine, target and settings, such as [`wasm::RUNTIME`].
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

/// A release description: a checked program and where its artifact lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The program.
    pub program: Program,
    /// The artifact's file; of a container, its image layout.
    pub artifact: PathBuf,
    /// Where the image comes from, if not from this machine: a name with a digest in a registry.
    pub reference: Option<String>,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Raw {
    runtime: Option<String>,
    artifact: Option<PathBuf>,
    image: Option<String>,
    interface: Option<Interface>,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    limits: RawLimits,
}

/// What a description says of limits; the rest is the kind's default.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct RawLimits {
    fuel: Option<u64>,
    memory_bytes: Option<u64>,
    payload_bytes: Option<u64>,
    output_bytes: Option<u64>,
    wall_millis: Option<u64>,
    cpu_millis: Option<u64>,
    pids: Option<u32>,
}

impl RawLimits {
    fn or(&self, default: Limits) -> Limits {
        Limits {
            fuel: self.fuel.unwrap_or(default.fuel),
            memory_bytes: self.memory_bytes.unwrap_or(default.memory_bytes),
            payload_bytes: self.payload_bytes.unwrap_or(default.payload_bytes),
            output_bytes: self.output_bytes.unwrap_or(default.output_bytes),
            wall_millis: self.wall_millis.unwrap_or(default.wall_millis),
            cpu_millis: self.cpu_millis.unwrap_or(default.cpu_millis),
            pids: self.pids.unwrap_or(default.pids),
        }
    }
}

impl Description {
    /// Reads `vouch.toml` (or what it is called) and finds the digest of the artifact that it names.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let raw = read_raw(path)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let found = match (raw.artifact, raw.image) {
            (Some(artifact), None) => Artifact::file(folder.join(artifact))?,
            (None, Some(image)) => Artifact::image(folder, image)?,
            _ => return Err(value("artifact", "or `image` must be given, and only one of them")),
        };
        let runtime = raw.runtime.unwrap_or_else(|| found.runtime.to_owned());
        let kind = Kind::of(&runtime);
        check("runtime", kind == Kind::of(found.runtime), || {
            format!("`{runtime}` does not run what is named; leave it out, or name a `{}`", found.runtime)
        })?;
        let program = Program {
            artifact_digest: found.digest,
            interface: raw.interface.unwrap_or(Interface::Command),
            args: raw.args,
            env: raw.env,
            limits: raw.limits.or(Limits::of(kind)),
            runtime,
        };
        program.validate()?;
        program.limits.check_calibration()?;
        Ok(Self { program, artifact: found.path, reference: found.reference })
    }
}

/// What a description names as its artifact.
struct Artifact {
    runtime: &'static str,
    digest: B256,
    path: PathBuf,
    reference: Option<String>,
}

impl Artifact {
    fn file(path: PathBuf) -> Result<Self, Error> {
        Ok(Self { runtime: wasm::RUNTIME, digest: artifact::digest_of(&path)?, path, reference: None })
    }

    /// A name with a digest is an image in a registry, anything else a layout on this machine.
    fn image(folder: &Path, image: String) -> Result<Self, Error> {
        if let Some((_, digest)) = image.split_once('@') {
            let digest: Digest = digest.parse()?;
            let path = folder.join(PULLED_FOLDER);
            return Ok(Self { runtime: oci::RUNTIME, digest: B256::new(digest.bytes()), path, reference: Some(image) });
        }
        let path = folder.join(image);
        let digest = image::default_digest(&Layout::open(&path)?)?;
        Ok(Self { runtime: oci::RUNTIME, digest: B256::new(digest.bytes()), path, reference: None })
    }
}

fn read_raw(path: &Path) -> Result<Raw, Error> {
    let file_error = |source| Error::File { path: path.to_owned(), source };
    let size = std::fs::metadata(path).map_err(file_error)?.len();
    check("description", size <= DESCRIPTION_BYTES_MAX, || {
        format!("has {size} bytes, at most {DESCRIPTION_BYTES_MAX} are read")
    })?;
    let text = std::fs::read_to_string(path).map_err(file_error)?;
    toml::from_str(&text).map_err(|source| Error::Syntax { path: path.to_owned(), source: Box::new(source) })
}

impl Program {
    /// A wasm `command` program with default limits.
    pub fn command(artifact_digest: B256) -> Self {
        Self {
            runtime: wasm::RUNTIME.to_owned(),
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
