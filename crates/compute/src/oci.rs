//! The container driver: any OCI image, a fresh container for every request.
//!
//! An image is unpacked once, by digest ([`vouch_oci::image`]), and shared read-only by every container of the machine.
//! With the interface `command` each request gets a container of its own ([`vouch_oci::container`]) that sees the request's
//! time and randomness; with `http` and `performer` one container answers many, and its answers are attested only.
//!
//! A container ends by itself or by time, never by fuel: what it could not finish within its memory or its time is this
//! host's failure and is not signed. What it makes of its input (an answer, a trap, too long an answer) is an outcome.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt::Display,
    path::{Path, PathBuf},
    sync::Arc,
};

use alloy_primitives::B256;
use vouch_oci::{
    container::{self, Failure, Input, Prepared, Runtime, Service, ServiceSettings, Settings},
    image::{self, Bounds, Cache, Digest, Layout, Unpacked},
    limits,
};

use crate::{
    artifact,
    driver::{Driver, HostFailure, LoadError, Loaded, Outcome, RunInput, Status},
    program::{self, Interface, Program},
};

pub use vouch_oci::container::{Files, Variation, child_main as supervisor_child_main};

/// The runtime id of this driver: version of what a container is given, processor, version of the settings.
pub const RUNTIME: &str = program::CONTAINER_RUNTIME;

/// Bytes of temporary files, at most; they count as memory too.
const TMP_BYTES_MAX: u64 = 64 << 20;
/// Temporary files and folders.
const TMP_FILES: u64 = 4_096;

/// Settings of an [`OciDriver`]; none of them changes a result.
#[derive(Clone, Debug)]
pub struct Config {
    /// Folder for unpacked images, private to this user; executors of a machine may share it.
    pub cache: PathBuf,
    /// Folder that remembers which containers run; one per executor, on a local file system.
    pub state: PathBuf,
    /// The executable whose process watches over a container, and the arguments that make it do so.
    pub supervisor: (PathBuf, Vec<OsString>),
}

impl Config {
    /// Supervisors are processes of the running executable, called as `internal container`.
    pub fn new(cache: impl Into<PathBuf>, state: impl Into<PathBuf>) -> Self {
        let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("vouch"));
        let arguments = ["internal", "container"].map(OsString::from).to_vec();
        Self { cache: cache.into(), state: state.into(), supervisor: (program, arguments) }
    }

    /// The containers of this host, for `vouch doctor` too; fails where they cannot be isolated and bounded.
    pub fn open_runtime(&self) -> Result<Runtime, container::Error> {
        let (program, arguments) = self.supervisor.clone();
        Runtime::open(container::Config { state: self.state.clone(), program, arguments })
    }
}

/// Runs programs of [`RUNTIME`].
pub struct OciDriver {
    runtime: Runtime,
    cache: Cache,
}

impl OciDriver {
    /// Finds out whether this host can isolate and bound containers; fails with what to do where it cannot.
    pub fn new(config: &Config) -> Result<Self, LoadError> {
        let machine =
            |error: &dyn Display| LoadError::Machine { runtime: RUNTIME.to_owned(), reason: error.to_string() };
        let runtime = config.open_runtime().map_err(|error| machine(&error))?;
        let cache = Cache::open(&config.cache, Bounds::default()).map_err(|error| machine(&error))?;
        Ok(Self { runtime, cache })
    }

    /// The same program, to be run as other hosts might: see [`VariedImage`]. Only those that are run anew for each request.
    pub fn load_varied(&self, program: &Program, artifact: &Path) -> Result<VariedImage, LoadError> {
        if program.interface != Interface::Command {
            return Err(LoadError::Interface(program.interface.name().to_owned()));
        }
        let (settings, image) = self.unpack(program, artifact)?;
        let prepared = self.runtime.prepare(settings).map_err(|error| LoadError::Artifact(error.to_string()))?;
        Ok(VariedImage(LoadedImage { prepared, image }))
    }

    fn unpack(&self, program: &Program, artifact: &Path) -> Result<(Settings, Unpacked), LoadError> {
        if program.runtime != RUNTIME {
            return Err(LoadError::Runtime { wanted: program.runtime.clone(), offered: RUNTIME.to_owned() });
        }
        program.validate()?;
        let digest = Digest::from_bytes(program.artifact_digest.0);
        let layout = Layout::open(artifact).map_err(refused)?;
        let unpacked = self.cache.unpack(&layout, digest).map_err(|error| match error {
            // Unpacking stops at the first blob that is missing; whoever fetches wants to know of all.
            image::Error::Missing { .. } => {
                image::closure(&layout, digest, &Bounds::default()).err().map_or(refused(error), refused)
            }
            error => refused(error),
        })?;
        Ok((settings(program, &unpacked)?, unpacked))
    }
}

impl Driver for OciDriver {
    fn runtimes(&self) -> Vec<String> {
        vec![RUNTIME.to_owned()]
    }

    /// `artifact` is an image layout, or a folder of blobs that are named by their digests.
    fn load(&self, program: &Program, artifact: &Path) -> Result<Arc<dyn Loaded>, LoadError> {
        let (settings, image) = self.unpack(program, artifact)?;
        self.ready(program.interface, settings, image).map_err(|error| LoadError::Artifact(error.to_string()))
    }
}

impl OciDriver {
    fn ready(
        &self,
        interface: Interface,
        settings: Settings,
        image: Unpacked,
    ) -> Result<Arc<dyn Loaded>, container::Error> {
        let served = match interface {
            Interface::Command => {
                return Ok(Arc::new(LoadedImage { prepared: self.runtime.prepare(settings)?, image }));
            }
            Interface::Http => container::Interface::Http,
            Interface::Performer => container::Interface::Performer,
        };
        let service = self.runtime.service(settings, served, ServiceSettings::default())?;
        Ok(Arc::new(LoadedService { service, image }))
    }
}

/// An image that is ready to answer, in a fresh container each time.
struct LoadedImage {
    prepared: Prepared,
    /// Kept, so that the cache keeps it too.
    image: Unpacked,
}

impl Loaded for LoadedImage {
    fn run(&self, input: &RunInput<'_>) -> Result<Outcome, HostFailure> {
        self.prepared.run(&observed(input)).map(outcome).map_err(failure)
    }

    fn is_whole(&self) -> bool {
        self.image.root.is_dir()
    }
}

/// An image whose surroundings can be varied, for finding out whether a program looks at them. It is no [`Loaded`]: nothing
/// that it answers can be signed.
pub struct VariedImage(LoadedImage);

impl VariedImage {
    /// Runs one request as another host might. Blocks for up to the program's wall-clock limit.
    pub fn run(&self, input: &RunInput<'_>, variation: &Variation) -> Result<Outcome, HostFailure> {
        self.0.prepared.run_varied(&observed(input), variation).map(outcome).map_err(failure)
    }
}

/// A container that is kept and asked again and again: what it answers can be attested, and nobody is slashed for it.
struct LoadedService {
    service: Service,
    image: Unpacked,
}

impl Loaded for LoadedService {
    fn run(&self, input: &RunInput<'_>) -> Result<Outcome, HostFailure> {
        self.service.call(&observed(input)).map(outcome).map_err(failure)
    }

    fn is_whole(&self) -> bool {
        self.image.root.is_dir()
    }
}

/// The parts of an image that are known of and not in the folder, by SHA-256; nothing if it is whole or no image.
pub fn missing_parts(folder: &Path, image: B256) -> Vec<B256> {
    let parts = Layout::open(folder)
        .and_then(|layout| image::closure(&layout, Digest::from_bytes(image.0), &Bounds::default()))
        .map_err(refused);
    if let Err(LoadError::Missing(parts)) = parts { parts } else { Vec::new() }
}

/// All parts of the image in a layout, each with its size, from the top: what names before what is named.
pub fn parts(layout: &Path, image: B256) -> Result<Vec<(B256, u64)>, LoadError> {
    let layout = Layout::open(layout).map_err(refused)?;
    let parts = image::closure(&layout, Digest::from_bytes(image.0), &Bounds::default()).map_err(refused)?;
    Ok(parts.into_iter().map(|part| (part.digest.bytes().into(), part.size)).collect())
}

/// The bytes of one part of an image, verified.
pub fn read_part(layout: &Path, part: B256) -> Result<Vec<u8>, LoadError> {
    let layout = Layout::open(layout).map_err(refused)?;
    layout.read_blob(Digest::from_bytes(part.0), artifact::BYTES_MAX).map_err(refused)
}

fn settings(program: &Program, unpacked: &Unpacked) -> Result<Settings, LoadError> {
    let user = unpacked.user().map_err(refused)?;
    let process = &unpacked.process;
    let own = if program.args.is_empty() { &process.cmd } else { &program.args };
    Ok(Settings {
        layers: vec![unpacked.root.clone()],
        args: process.entrypoint.iter().chain(own).cloned().collect(),
        env: environment(&unpacked.environment(&user), &program.env),
        cwd: process.cwd.clone().into(),
        user: user.uid,
        group: user.gid,
        groups: user.groups,
        limits: bounds(program),
    })
}

/// The image's environment in its order, with the program's values in place of its own and its new names behind.
fn environment(image: &[(String, String)], program: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let mut all = image.to_vec();
    for (name, value) in program {
        match all.iter_mut().find(|(known, _)| known == name) {
            Some(known) => known.1.clone_from(value),
            None => all.push((name.clone(), value.clone())),
        }
    }
    all
}

fn bounds(program: &Program) -> limits::Limits {
    let limits = &program.limits;
    limits::Limits {
        memory_bytes: limits.memory_bytes,
        cpu_millis: limits.cpu_millis,
        processes: u64::from(limits.pids),
        payload_bytes: limits.payload_bytes,
        output_bytes: limits.output_bytes,
        tmp_bytes: TMP_BYTES_MAX.min(limits.memory_bytes / 2),
        tmp_files: TMP_FILES,
        wall_millis: limits.wall_millis,
    }
}

fn observed<'a>(input: &RunInput<'a>) -> Input<'a> {
    Input { payload: input.payload, time: input.time, seed: input.seed.0 }
}

fn outcome(ended: container::Outcome) -> Outcome {
    let status = match ended.status {
        container::Status::Ok => Status::Ok,
        container::Status::Trap => Status::Trap,
        container::Status::OutputTooLarge => Status::OutputTooLarge,
    };
    Outcome { status, output: ended.output, fuel_used: 0, message: ended.message }
}

fn failure(failure: Failure) -> HostFailure {
    match failure {
        Failure::WallClock { limit_ms } => HostFailure::WallClock { limit_ms },
        Failure::PayloadTooLarge { bytes, max } => HostFailure::PayloadTooLarge { bytes, max },
        Failure::Memory { .. } | Failure::State(_) | Failure::Setup(_) | Failure::Service(_) => {
            HostFailure::Resources(failure.to_string())
        }
        Failure::Killed(_) => HostFailure::Killed(failure.to_string()),
        Failure::Io { .. } => HostFailure::Engine(failure.to_string()),
    }
}

fn refused(error: image::Error) -> LoadError {
    match error {
        image::Error::Missing { digests } => {
            LoadError::Missing(digests.iter().map(|digest| digest.bytes().into()).collect())
        }
        error => LoadError::Artifact(error.to_string()),
    }
}
