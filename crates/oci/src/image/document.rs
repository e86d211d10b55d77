//! The documents of an image, as far as they matter here: index, manifest, configuration.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Bounds, Digest, Error, Layout};

/// An index may name indexes, this deep.
const INDEX_DEPTH_MAX: usize = 3;
/// Entries of an index that an error lists.
const CHOICES_SHOWN: usize = 16;

#[derive(Deserialize)]
pub(super) struct Descriptor {
    #[serde(rename = "mediaType", default)]
    pub media_type: String,
    digest: String,
    pub size: u64,
    platform: Option<Platform>,
    #[serde(default)]
    annotations: HashMap<String, String>,
}

/// What tools call an image in an index, the fuller name first.
const NAMES: [&str; 2] = ["io.containerd.image.name", "org.opencontainers.image.ref.name"];

impl Descriptor {
    pub fn digest(&self) -> Result<Digest, Error> {
        self.digest.parse()
    }

    fn shown(&self) -> String {
        let platform = self.platform.as_ref().map(Platform::name);
        let name = NAMES.iter().find_map(|name| self.annotations.get(*name)).cloned();
        let about: Vec<_> = [name, platform].into_iter().flatten().collect();
        let text =
            if about.is_empty() { self.digest.clone() } else { format!("{} ({})", self.digest, about.join(", ")) };
        text.chars().filter(|letter| !letter.is_control()).take(200).collect()
    }
}

#[derive(Deserialize)]
struct Platform {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
}

impl Platform {
    fn name(&self) -> String {
        format!("{}/{}", self.os, self.architecture)
    }

    fn fits(&self) -> bool {
        self.os == "linux" && self.architecture == "amd64"
    }
}

#[derive(Deserialize)]
pub(super) struct Manifest {
    manifests: Option<Vec<Descriptor>>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
}

impl Manifest {
    /// Configuration and layers, of which there may not be too many.
    pub fn parts(self, digest: Digest, bounds: &Bounds) -> Result<(Descriptor, Vec<Descriptor>), Error> {
        let (Some(config), Some(layers)) = (self.config, self.layers) else {
            return Err(invalid(format!("manifest {digest}"), "it has no `config` and `layers`".into()));
        };
        if layers.len() > bounds.layers {
            return Err(Error::TooLarge { what: "layers", max: bounds.layers as u64 });
        }
        Ok((config, layers))
    }
}

#[derive(Deserialize)]
struct Configuration {
    #[serde(flatten)]
    platform: Platform,
    #[serde(default)]
    config: Option<Execution>,
    rootfs: RootFs,
}

#[derive(Deserialize)]
struct RootFs {
    diff_ids: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Execution {
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    env: Option<Vec<String>>,
    working_dir: Option<String>,
    user: Option<String>,
}

/// What an image says of the program in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// The program and its first arguments; may be empty if there is a command.
    pub entrypoint: Vec<String>,
    /// The arguments after the entrypoint, or the whole command line if there is none.
    pub cmd: Vec<String>,
    /// The environment, in the image's order.
    pub env: Vec<(String, String)>,
    /// The working directory.
    pub cwd: String,
    /// The user as the image gives it: empty, a name or an id, and a group after a colon.
    pub user: String,
}

impl Process {
    /// The program and all its arguments.
    pub fn args(&self) -> Vec<String> {
        self.entrypoint.iter().chain(&self.cmd).cloned().collect()
    }
}

/// What an image says of the program in it, before anything is unpacked.
pub fn inspect(layout: &Layout, digest: Digest, bounds: &Bounds) -> Result<Process, Error> {
    Ok(read(layout, digest, bounds)?.process)
}

/// An image whose documents are verified, its layers not yet.
pub(super) struct Image {
    pub process: Process,
    /// Each layer, lowest first, with the digest of its unpacked archive.
    pub layers: Vec<(Descriptor, Digest)>,
}

/// Reads the image with this digest, which may be that of an index.
pub(super) fn read(layout: &Layout, digest: Digest, bounds: &Bounds) -> Result<Image, Error> {
    let (config, layers) = manifest(layout, digest, bounds)?.parts(digest, bounds)?;
    let config_digest = config.digest()?;
    let bytes = layout.document(config_digest, Some(config.size), bounds)?;
    let config: Configuration = parse("configuration", config_digest, &bytes)?;
    if !config.platform.fits() {
        return Err(Error::Platform { found: config.platform.name() });
    }
    if config.rootfs.diff_ids.len() != layers.len() {
        let reason = format!("it names {} layers, the manifest {}", config.rootfs.diff_ids.len(), layers.len());
        return Err(invalid(format!("configuration {config_digest}"), reason));
    }
    let ids = config.rootfs.diff_ids.iter().map(|id| id.parse()).collect::<Result<Vec<_>, _>>()?;
    Ok(Image { process: process(config.config.unwrap_or_default())?, layers: layers.into_iter().zip(ids).collect() })
}

fn manifest(layout: &Layout, digest: Digest, bounds: &Bounds) -> Result<Manifest, Error> {
    walk(layout, digest, bounds, |_, _| {})
}

/// Follows indexes to the manifest for this platform; `next` is told each document's digest before it is read, and its size
/// as far as another one names it.
pub(super) fn walk(
    layout: &Layout,
    digest: Digest,
    bounds: &Bounds,
    mut next: impl FnMut(Digest, Option<u64>),
) -> Result<Manifest, Error> {
    let (mut digest, mut size) = (digest, None);
    for _ in 0..=INDEX_DEPTH_MAX {
        next(digest, size);
        let manifest: Manifest = parse("manifest", digest, &layout.document(digest, size, bounds)?)?;
        let Some(choices) = manifest.manifests else { return Ok(manifest) };
        let chosen = choose(&choices)?;
        (digest, size) = (chosen.digest()?, Some(chosen.size));
    }
    Err(Error::TooLarge { what: "indexes within indexes", max: INDEX_DEPTH_MAX as u64 })
}

/// The image that a layout is there for: its only one, or the only one for this platform.
///
/// # Errors
/// [`Error::Choices`] with what there is, if that is none or several.
pub fn default_digest(layout: &Layout) -> Result<Digest, Error> {
    let bytes = layout.index(&Bounds::default())?;
    let index: Manifest =
        serde_json::from_slice(&bytes).map_err(|error| invalid("index.json".into(), error.to_string()))?;
    let all = index.manifests.unwrap_or_default();
    let fitting = |choice: &&Descriptor| all.len() == 1 || choice.platform.as_ref().is_none_or(Platform::fits);
    let digests = all.iter().filter(fitting).map(Descriptor::digest).collect::<Result<BTreeSet<_>, _>>()?;
    match digests.first() {
        Some(digest) if digests.len() == 1 => Ok(*digest),
        _ => Err(Error::Choices { choices: all.iter().take(CHOICES_SHOWN).map(Descriptor::shown).collect() }),
    }
}

/// The only entry of an index for this platform; the only entry at all if it names none, as single images do.
fn choose(choices: &[Descriptor]) -> Result<&Descriptor, Error> {
    if let [Descriptor { platform: None, .. }] = choices {
        return Ok(&choices[0]);
    }
    let platforms = || choices.iter().filter_map(|choice| choice.platform.as_ref());
    choices.iter().find(|choice| choice.platform.as_ref().is_some_and(Platform::fits)).ok_or_else(|| Error::Platform {
        found: platforms().take(CHOICES_SHOWN).map(Platform::name).collect::<Vec<_>>().join(", "),
    })
}

fn process(execution: Execution) -> Result<Process, Error> {
    let (entrypoint, cmd) = (execution.entrypoint.unwrap_or_default(), execution.cmd.unwrap_or_default());
    if entrypoint.is_empty() && cmd.is_empty() {
        return Err(Error::NoEntrypoint);
    }
    let cwd = execution.working_dir.filter(|cwd| !cwd.is_empty()).unwrap_or_else(|| "/".into());
    let env = environment(execution.env.unwrap_or_default())?;
    Ok(Process { entrypoint, cmd, env, cwd, user: execution.user.unwrap_or_default() })
}

/// Splits entries at the first `=`; of two for the same name the later one holds, in the place of the first.
fn environment(entries: Vec<String>) -> Result<Vec<(String, String)>, Error> {
    let mut env: Vec<(String, String)> = Vec::new();
    let mut places = HashMap::new();
    for entry in entries {
        let Some((name, value)) = entry.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err(invalid("the configuration's `Env`".into(), "an entry is not NAME=value".into()));
        };
        let place = *places.entry(name.to_owned()).or_insert(env.len());
        match env.get_mut(place) {
            Some(known) => known.1 = value.to_owned(),
            None => env.push((name.to_owned(), value.to_owned())),
        }
    }
    Ok(env)
}

fn parse<T: DeserializeOwned>(what: &str, digest: Digest, bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|error| invalid(format!("{what} {digest}"), error.to_string()))
}

fn invalid(what: String, reason: String) -> Error {
    Error::Document { what, reason }
}
