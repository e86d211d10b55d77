//! Finds what an executor runs: the release on chain, its artifact by digest, its arguments in the release's URI.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use alloy_primitives::B256;
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use vouch_compute::artifact::{self, ArtifactStore};
use vouch_compute::driver::{Driver, DriverSet, LoadError, Loaded};
use vouch_compute::executor::Programs;
use vouch_compute::program::{Interface, Kind, Limits, Program};
use vouch_core::{AppId, Program as Named, ProgramId};

use crate::mirror::Mirror;
use crate::peers::HttpPeers;
use crate::registries::Registries;

/// Programs kept ready; the least recently used is dropped beyond.
const LOADED_MAX: usize = 64;
/// How long fetching one artifact may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(60);
/// How often an image may name blobs that were not known before: indexes, a manifest, its configuration and layers.
const IMAGE_LEVELS_MAX: usize = 6;
/// What a release's URI starts with when it carries the program's settings.
const SETTINGS_PREFIX: &str = "data:application/json,";

/// Arguments and environment of a program; its id binds their hashes, the release's URI carries them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(default)]
    pub args: Vec<String>,
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The registry that a container's image is fetched from: NAME@sha256:DIGEST.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

impl Settings {
    /// The URI to publish a release with.
    pub fn to_uri(&self) -> String {
        if *self == Self::default() {
            return String::new();
        }
        let json = serde_json::to_string(self).expect("strings always encode");
        format!("{SETTINGS_PREFIX}{json}")
    }

    /// Reads a release's URI; one of another kind carries none.
    pub fn from_uri(uri: &str) -> Result<Self, String> {
        let Some(json) = uri.strip_prefix(SETTINGS_PREFIX) else { return Ok(Self::default()) };
        serde_json::from_str(json).map_err(|error| format!("the release's settings cannot be read: {error}"))
    }
}

/// The programs of a node.
pub struct ProgramStore {
    mirror: Arc<Mirror>,
    driver: DriverSet,
    artifacts: Arc<ArtifactStore>,
    sources: Vec<String>,
    registries: Registries,
    peers: Arc<HttpPeers>,
    runtime: Handle,
    /// By program alone: what is ready is the same, whichever app's release it was made from.
    loaded: Mutex<HashMap<ProgramId, Entry>>,
}

/// A program that is ready, or being made ready by whoever holds the lock.
#[derive(Clone, Default)]
struct Entry {
    slot: Arc<Mutex<Option<Arc<dyn Loaded>>>>,
    used: u64,
}

impl ProgramStore {
    /// `sources` are the base URLs of nodes that serve artifacts, besides the gateways of lanes; `registries` those that images may be fetched from.
    pub fn new(
        mirror: Arc<Mirror>,
        driver: DriverSet,
        artifacts: Arc<ArtifactStore>,
        (sources, registries): (Vec<String>, Registries),
        peers: Arc<HttpPeers>,
    ) -> Self {
        let (runtime, loaded) = (Handle::current(), Mutex::default());
        Self { mirror, driver, artifacts, sources, registries, peers, runtime, loaded }
    }

    fn entry(&self, program: ProgramId) -> Entry {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let now = loaded.values().map(|entry| entry.used).max().unwrap_or(0) + 1;
        let entry = loaded.entry(program).or_default();
        entry.used = now;
        let entry = entry.clone();
        if loaded.len() > LOADED_MAX
            && let Some(oldest) = loaded.iter().min_by_key(|(_, entry)| entry.used).map(|(id, _)| *id)
        {
            loaded.remove(&oldest);
        }
        entry
    }

    /// From the app's own release: whoever published the same program elsewhere may have given it another URI.
    fn prepare(&self, app: AppId, program: ProgramId) -> Result<Arc<dyn Loaded>, String> {
        use vouch_compute::lane::chain::ChainView;
        let release = self.mirror.release(app, program).ok_or("the program is no finalized release of the app")?;
        let uri = self.mirror.release_uri(app, program).unwrap_or_default();
        let settings = Settings::from_uri(&uri)?;
        let reference = settings.image.clone();
        let runnable = runnable(&release.program, settings)?;
        match Kind::of(&runnable.runtime) {
            Kind::Wasm => self.load_file(&runnable),
            Kind::Container => self.load_image(&runnable, reference.as_deref()),
        }
    }

    fn load_file(&self, program: &Program) -> Result<Arc<dyn Loaded>, String> {
        let digest = program.artifact_digest;
        if self.artifacts.path(digest).is_err() {
            self.runtime.block_on(self.fetch(digest))?;
        }
        let path = self.artifacts.path(digest).map_err(|error| error.to_string())?;
        self.driver.load(program, &path).map_err(|error| error.to_string())
    }

    /// An image's blobs are artifacts, each by its digest; which ones there are is known from level to level only.
    fn load_image(&self, program: &Program, reference: Option<&str>) -> Result<Arc<dyn Loaded>, String> {
        for _ in 0..IMAGE_LEVELS_MAX {
            match (self.driver.load(program, self.artifacts.folder()), reference) {
                (Ok(loaded), _) => return Ok(loaded),
                (Err(LoadError::Missing(_)), Some(reference)) => {
                    self.runtime.block_on(self.registries.pull(reference, program.artifact_digest, &self.artifacts))?;
                }
                (Err(LoadError::Missing(blobs)), None) => {
                    blobs.into_iter().try_for_each(|blob| self.runtime.block_on(self.fetch(blob)))?;
                }
                (Err(error), _) => return Err(error.to_string()),
            }
        }
        Err(format!("image {} names blobs within blobs, more than {IMAGE_LEVELS_MAX} deep", program.artifact_digest))
    }

    async fn fetch(&self, digest: B256) -> Result<(), String> {
        let mut tried = Vec::new();
        let mut sources = self.sources.clone();
        sources.extend(self.peers.gateway_bases().into_iter().filter(|base| !self.sources.contains(base)));
        for source in &sources {
            match self.fetch_from(source, digest).await {
                Ok(bytes) => match self.artifacts.put(digest, &bytes) {
                    Ok(_) => return Ok(()),
                    Err(error) => tried.push(format!("{source}: {error}")),
                },
                Err(error) => tried.push(format!("{source}: {error}")),
            }
        }
        Err(format!("artifact {digest} was not found at any source ({})", tried.join("; ")))
    }

    async fn fetch_from(&self, source: &str, digest: B256) -> Result<Vec<u8>, String> {
        let url = format!("{}/v1/artifacts/{digest}", source.trim_end_matches('/'));
        let client = self.peers.client_for(source)?;
        let answer = client.get(url).timeout(FETCH_TIMEOUT).send().await.map_err(|error| error.to_string())?;
        if !answer.status().is_success() {
            return Err(format!("status {}", answer.status()));
        }
        let mut bytes = Vec::new();
        let mut stream = answer.bytes_stream();
        while let Some(part) = stream.next().await {
            bytes.extend_from_slice(&part.map_err(|error| error.to_string())?);
            if bytes.len() as u64 > artifact::BYTES_MAX {
                return Err(format!("more than {} bytes", artifact::BYTES_MAX));
            }
        }
        Ok(bytes)
    }
}

impl Programs for ProgramStore {
    fn load(&self, app: AppId, program: ProgramId) -> Result<Arc<dyn Loaded>, String> {
        let entry = self.entry(program);
        let mut slot = entry.slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(loaded) = slot.as_ref().filter(|loaded| loaded.is_whole()) {
            return Ok(Arc::clone(loaded));
        }
        let loaded = self.prepare(app, program)?;
        *slot = Some(Arc::clone(&loaded));
        Ok(loaded)
    }
}

/// What runs for a program as the chain names it; its settings must have the hashes that are part of its id.
pub fn runnable(named: &Named, settings: Settings) -> Result<Program, String> {
    let interface = match named.interface_name.as_str() {
        "command" => Interface::Command,
        "http" => Interface::Http,
        "performer" => Interface::Performer,
        other => return Err(format!("the interface `{other}` is not known; known are command, http and performer")),
    };
    for (name, hash) in [("state", named.state), ("egress", named.egress), ("secrets", named.secrets)] {
        if !hash.is_zero() {
            return Err(format!("programs with {name} cannot be run here"));
        }
    }
    let limits = Limits {
        fuel: named.limits.fuel,
        memory_bytes: named.limits.memory_bytes,
        payload_bytes: named.limits.payload_bytes,
        output_bytes: named.limits.output_bytes,
        wall_millis: named.limits.wall_millis,
        cpu_millis: named.limits.cpu_millis,
        pids: named.limits.pids,
    };
    let program = Program {
        runtime: named.runtime.clone(),
        artifact_digest: named.artifact_digest,
        interface,
        args: settings.args,
        env: settings.env,
        limits,
    };
    if program.args_hash() != named.args_hash || program.env_hash() != named.env_hash {
        return Err("the release's URI does not carry the arguments and environment that the program names".to_owned());
    }
    program.validate().map_err(|error| error.to_string())?;
    Ok(program)
}

/// The program as the chain names it.
pub fn named(program: &Program) -> Named {
    Named {
        runtime: program.runtime.clone(),
        artifact_digest: program.artifact_digest,
        interface_name: program.interface.name().to_owned(),
        args_hash: program.args_hash(),
        env_hash: program.env_hash(),
        limits: program.limits.signed(),
        hardware_class: String::new(),
        state: B256::ZERO,
        egress: B256::ZERO,
        secrets: B256::ZERO,
        verifier_keys_hash: B256::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings { args: vec!["--strict".into()], env: BTreeMap::from([("MODE".into(), "fast".into())]), image: None }
    }

    fn program(settings: &Settings) -> Program {
        Program { args: settings.args.clone(), env: settings.env.clone(), ..Program::command(B256::repeat_byte(1)) }
    }

    #[test]
    fn settings_travel_in_the_uri_and_are_held_against_their_hashes() {
        let uri = settings().to_uri();
        let program = program(&settings());
        assert_eq!(runnable(&named(&program), Settings::from_uri(&uri).unwrap()).unwrap(), program);
        let forged = Settings { args: vec!["--lax".into()], ..settings() };
        assert!(runnable(&named(&program), forged).unwrap_err().contains("does not carry"));
        assert!(runnable(&named(&program), Settings::default()).is_err());
    }

    #[test]
    fn a_uri_of_another_kind_carries_no_settings_and_a_broken_one_is_refused() {
        assert_eq!(Settings::from_uri("https://example.org/app.wasm").unwrap(), Settings::default());
        assert_eq!(Settings::default().to_uri(), "");
        assert!(Settings::from_uri("data:application/json,{\"args\":1}").is_err());
        assert!(Settings::from_uri("data:application/json,{\"agrs\":[]}").is_err());
    }

    #[test]
    fn what_this_node_cannot_provide_is_refused_by_name() {
        let plain = named(&program(&Settings::default()));
        let stateful = Named { state: B256::repeat_byte(1), ..plain.clone() };
        assert!(runnable(&stateful, Settings::default()).unwrap_err().contains("state"));
        let unknown = Named { interface_name: "carrier-pigeon".into(), ..plain };
        assert!(runnable(&unknown, Settings::default()).unwrap_err().contains("carrier-pigeon"));
    }
}
