//! What a developer writes, read and checked.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use alloy_primitives::B256;
use serde::Deserialize;
use vouch_oci::image::{self, Digest, Layout};

use super::{CONTAINER_RUNTIME, Error, Interface, Kind, Limits, Program, WASM_RUNTIME, check, value};
use crate::artifact;

/// Bytes of a release description.
const DESCRIPTION_BYTES_MAX: u64 = 1 << 20;
/// Where the image of a registry is kept, beside the description.
const PULLED_FOLDER: &str = "build/image";

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
        Ok(Self { runtime: WASM_RUNTIME, digest: artifact::digest_of(&path)?, path, reference: None })
    }

    /// A name with a digest is an image in a registry, anything else a layout on this machine.
    fn image(folder: &Path, image: String) -> Result<Self, Error> {
        if let Some((_, digest)) = image.split_once('@') {
            let digest: Digest = digest.parse()?;
            let path = folder.join(PULLED_FOLDER);
            return Ok(Self {
                runtime: CONTAINER_RUNTIME,
                digest: B256::new(digest.bytes()),
                path,
                reference: Some(image),
            });
        }
        let path = folder.join(image);
        let digest = image::default_digest(&Layout::open(&path)?)?;
        Ok(Self { runtime: CONTAINER_RUNTIME, digest: B256::new(digest.bytes()), path, reference: None })
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
