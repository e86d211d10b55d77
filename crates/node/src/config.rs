//! The configuration of a node: one typed tree, unknown keys refused, defaults in one place.

use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use alloy_primitives::Address;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use vouch_chain::endpoint::EndpointUrl;

/// The index in `data_dir`, unless the configuration names another place.
const INDEX_FILE: &str = "index.sqlite";
/// Peers in one configuration.
const PEERS_MAX: usize = 1_024;

/// A node's configuration file (TOML). Relative paths are relative to the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What this process does: `gateway`, `executor`, `api`, or several.
    pub roles: Vec<Role>,
    /// Where the node keeps its stores; created if absent.
    pub data_dir: PathBuf,
    /// Address and port of the HTTP server.
    pub listen: String,
    pub chain: ChainConfig,
    /// The other nodes of the cloud, by operator or gateway address.
    #[serde(default)]
    pub peers: Vec<Peer>,
    /// Required for the role `gateway`.
    pub gateway: Option<GatewayConfig>,
    /// Required for the role `executor`.
    pub executor: Option<ExecutorConfig>,
    /// TLS with this node's transport key; without it the node listens to its own machine alone, in the clear.
    pub tls: Option<TlsConfig>,
    /// What the role `api` keeps.
    #[serde(default)]
    pub index: IndexConfig,
    /// What it shows of itself.
    #[serde(default)]
    pub telemetry: TelemetryConfig,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    Gateway,
    Executor,
    /// Keeps an index of operators, stakes, sets, slashes and withdrawals, and answers from it.
    Api,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainConfig {
    /// JSON-RPC endpoint, http or https.
    pub rpc: String,
    /// The deployment manifest that `vouch` wrote.
    pub deployment: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayConfig {
    /// Keystore (v3) of the key that signs proposals and sends transactions.
    pub keystore: PathBuf,
    pub password_file: PathBuf,
    /// Seconds between posts of certified batches to the chain.
    #[serde(default = "defaults::post_interval_seconds")]
    pub post_interval_seconds: u64,
    /// Seconds between settlements of posted charges: seldom, because one charge pays for all before it.
    #[serde(default = "defaults::settle_interval_seconds")]
    pub settle_interval_seconds: u64,
    /// How long a caller waits at most for its certificate; executors that still compile a program need the time.
    #[serde(default = "defaults::call_timeout_seconds")]
    pub call_timeout_seconds: u64,
    /// How long one round of execution may take.
    #[serde(default = "defaults::execute_timeout_seconds")]
    pub execute_timeout_seconds: u64,
    /// The operator's word that the store was restored from a backup.
    #[serde(default)]
    pub restored: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecutorConfig {
    /// Keystore (v3) of the operator's key; it registers on chain and signs reports.
    pub keystore: PathBuf,
    pub password_file: PathBuf,
    /// Folder of the operator's BLS keystores, one per operator set.
    pub bls_dir: PathBuf,
    /// Where artifacts are fetched from, by digest.
    #[serde(default)]
    pub artifact_sources: Vec<String>,
    /// The registries that images may be fetched from, by host and port; `*` stands for all. A release names one, and who
    /// published it decides: with `*`, whom this machine talks to.
    #[serde(default)]
    pub registries: Vec<String>,
    /// Which programs this operator runs and accepts; absent: the defaults of [`crate::policy::Policy`].
    pub policy: Option<PathBuf>,
    /// Which new apps this operator joins by itself.
    #[serde(default)]
    pub join: Join,
    /// The share of its stake that the operator allocates to each app that it joins by itself, in 1/10,000.
    #[serde(default = "defaults::allocate_bips")]
    pub allocate_bips: u16,
    /// Programs that run at once; zero: one per processor core.
    #[serde(default)]
    pub concurrency: usize,
    /// Where compiled programs are cached; executors of one machine may share it.
    pub cache_dir: Option<PathBuf>,
    /// The gateway that this operator brings to a lane whose own leaves an entry of the forced inbox unanswered for long. It must
    /// have the lane's bond, and be there: the operator has one turn. Absent: it leaves that to others.
    pub relief_gateway: Option<Address>,
    /// The operator's word that the store was restored from a backup.
    #[serde(default)]
    pub restored: bool,
}

/// Where the index is, and how it is read from the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexConfig {
    /// A file for SQLite, or `postgres://USER@HOST/NAME` for PostgreSQL, whose password belongs into `PGPASSFILE` or
    /// `PGPASSWORD`. Default: `index.sqlite` in `data_dir`.
    pub database: Option<String>,
    /// Blocks whose events are read at once, at most 1,000. With at most 16 all of them are checked against the blocks
    /// themselves, also while the index catches up.
    #[serde(default = "defaults::page_blocks")]
    pub page_blocks: u64,
}

impl Default for IndexConfig {
    fn default() -> Self {
        Self { database: None, page_blocks: defaults::page_blocks() }
    }
}

/// Metrics, traces and logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetryConfig {
    /// Address and port at which `/metrics` is served; `off` for none. Without this key, a port that is taken is no error.
    pub metrics: Option<String>,
    /// The OpenTelemetry collector that spans are sent to, http or https; absent: none are recorded.
    pub otlp: Option<String>,
    /// The share of traces that begin here which is recorded, of 10,000.
    #[serde(default = "defaults::sample_bips")]
    pub sample_bips: u16,
    /// The form of log lines.
    #[serde(default)]
    pub log: LogFormat,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self { metrics: None, otlp: None, sample_bips: defaults::sample_bips(), log: LogFormat::default() }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// A line for people.
    #[default]
    Text,
    /// One JSON object a line, the ids as fields of their own.
    Json,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The node's transport key (PEM, mode 600); made at the first start. Default: `transport-key.pem` in `data_dir`.
    pub key_file: Option<PathBuf>,
    /// Whether urls that others registered on chain may lie in private networks, which this machine reaches and they do not.
    #[serde(default)]
    pub private_peers: bool,
}

/// Another node of the cloud.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// The operator's address, or the gateway's.
    pub address: Address,
    pub url: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Join {
    /// Joins only by command.
    #[default]
    None,
    /// Joins every app, as the operators of a local cloud do.
    All,
}

mod defaults {
    pub fn post_interval_seconds() -> u64 {
        2
    }

    pub fn settle_interval_seconds() -> u64 {
        600
    }

    pub fn call_timeout_seconds() -> u64 {
        150
    }

    pub fn execute_timeout_seconds() -> u64 {
        20
    }

    pub fn sample_bips() -> u16 {
        10_000
    }

    pub fn page_blocks() -> u64 {
        vouch_chain::PAGE_BLOCKS_MAX
    }

    pub fn allocate_bips() -> u16 {
        2_000
    }
}

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{path} cannot be read")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{path}: unknown key `{key}`; did you mean `{nearest}`?")]
    UnknownKey { path: PathBuf, key: String, nearest: String },
    #[error("{path}: {message}")]
    Invalid { path: PathBuf, message: String },
}

/// The longest configuration file that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The text of a file of the operator's, unless it is longer than such files are; whatever a path that is no file gives.
pub(crate) fn read_bounded(path: &Path, bytes_max: u64) -> Result<String, Error> {
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(bytes_max + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > bytes_max {
        let message = format!("it has more than {bytes_max} bytes, at most so many are read");
        return Err(Error::Invalid { path: path.to_owned(), message });
    }
    Ok(text)
}

impl Config {
    /// Reads and checks a configuration file; relative paths become relative to its folder.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let mut config = Self::parse(&read_bounded(path, FILE_BYTES_MAX)?, path)?;
        config.resolve(path.parent().unwrap_or(Path::new(".")));
        config.check(path)?;
        Ok(config)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        parse_strictly(text, path)
    }

    fn resolve(&mut self, folder: &Path) {
        let mut paths = vec![&mut self.data_dir, &mut self.chain.deployment];
        if let Some(gateway) = &mut self.gateway {
            paths.extend([&mut gateway.keystore, &mut gateway.password_file]);
        }
        if let Some(executor) = &mut self.executor {
            paths.extend([&mut executor.keystore, &mut executor.password_file, &mut executor.bls_dir]);
            paths.extend(executor.cache_dir.as_mut());
            paths.extend(executor.policy.as_mut());
        }
        paths.extend(self.tls.as_mut().and_then(|tls| tls.key_file.as_mut()));
        for path in paths {
            *path = folder.join(&path);
        }
        if let Some(database) = self.index.database.as_mut().filter(|database| !is_postgres(database)) {
            *database = folder.join(&*database).display().to_string();
        }
    }

    /// The address of the index.
    #[must_use]
    pub fn index_url(&self) -> String {
        match &self.index.database {
            Some(database) if is_postgres(database) => database.clone(),
            Some(file) => vouch_index::file_url(Path::new(file)),
            None => vouch_index::file_url(&self.data_dir.join(INDEX_FILE)),
        }
    }

    fn check(&self, path: &Path) -> Result<(), Error> {
        let invalid = |message: &str| Err(Error::Invalid { path: path.to_owned(), message: message.to_owned() });
        if self.roles.is_empty() {
            return invalid("roles: name at least one of gateway, executor, api");
        }
        if self.roles.contains(&Role::Gateway) && self.gateway.is_none() {
            return invalid("the role gateway needs a [gateway] section");
        }
        if self.roles.contains(&Role::Executor) && self.executor.is_none() {
            return invalid("the role executor needs an [executor] section");
        }
        if self.executor.as_ref().is_some_and(|executor| executor.allocate_bips > 10_000) {
            return invalid("executor.allocate_bips: at most 10000");
        }
        if !(1..=vouch_chain::PAGE_BLOCKS_MAX).contains(&self.index.page_blocks) {
            return invalid("index.page_blocks: from 1 to 1000");
        }
        if self.index.database.as_ref().is_some_and(|database| database.contains("://") && !is_postgres(database)) {
            return invalid("index.database: expected the path of a file, or postgres://USER@HOST/NAME");
        }
        if self.telemetry.sample_bips > 10_000 {
            return invalid("telemetry.sample_bips: at most 10000");
        }
        let is_http = |url: &String| url.starts_with("http://") || url.starts_with("https://");
        if !self.telemetry.otlp.as_ref().is_none_or(is_http) {
            return invalid("telemetry.otlp: expected an http or https address");
        }
        if self.peers.len() > PEERS_MAX {
            return invalid("peers: at most 1024");
        }
        if self.tls.is_none() && !is_this_machine(&self.listen) {
            return invalid(
                "listen: without a [tls] section only an address of this machine itself, as 127.0.0.1:7000, is served; add [tls]",
            );
        }
        let sources = self.executor.iter().flat_map(|executor| &executor.artifact_sources);
        for url in self.peers.iter().map(|peer| &peer.url).chain(sources) {
            check_url(url).map_err(|message| Error::Invalid { path: path.to_owned(), message })?;
        }
        Ok(())
    }
}

fn is_postgres(database: &str) -> bool {
    database.starts_with("postgres://") || database.starts_with("postgresql://")
}

/// Whether `host:port` names this machine by a loopback address.
fn is_this_machine(address: &str) -> bool {
    let named = address.rsplit_once(':').is_some_and(|(host, _)| host == "localhost");
    named || address.parse::<SocketAddr>().is_ok_and(|address| address.ip().to_canonical().is_loopback())
}

/// In the clear only this machine itself is called.
fn check_url(text: &str) -> Result<(), String> {
    if let Some(rest) = text.strip_prefix("http://") {
        let authority = rest.trim_end_matches('/');
        if is_this_machine(authority) {
            return Ok(());
        }
        return Err(format!("`{text}`: http:// is for this machine alone (127.0.0.1 with a port); write https://"));
    }
    EndpointUrl::parse(text).map(|_| ()).map_err(|error| error.to_string())
}

/// Reads TOML into a type that refuses unknown keys.
pub(crate) fn parse_strictly<T: DeserializeOwned>(text: &str, path: &Path) -> Result<T, Error> {
    toml::from_str(text).map_err(|error| {
        let message = error.message().to_owned();
        match unknown_key(&message) {
            Some((key, nearest)) => Error::UnknownKey { path: path.to_owned(), key, nearest },
            None => Error::Invalid { path: path.to_owned(), message: error.to_string().trim_end().to_owned() },
        }
    })
}

/// Reads serde's message about an unknown field and finds the known key nearest to it.
fn unknown_key(message: &str) -> Option<(String, String)> {
    let rest = message.strip_prefix("unknown field `")?;
    let (key, rest) = rest.split_once('`')?;
    let known = rest.split('`').skip(1).step_by(2);
    let nearest = known.max_by(|a, b| strsim::jaro_winkler(key, a).total_cmp(&strsim::jaro_winkler(key, b)))?;
    Some((key.to_owned(), nearest.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXECUTOR: &str = r#"
        roles = ["executor"]
        data_dir = "data"
        listen = "127.0.0.1:0"
        [chain]
        rpc = "http://127.0.0.1:8545"
        deployment = "deployment.json"
        [executor]
        keystore = "operator.json"
        password_file = "password"
        bls_dir = "bls"
    "#;

    fn load(text: &str) -> Result<Config, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.toml");
        std::fs::write(&path, text).unwrap();
        Config::load(&path)
    }

    #[test]
    fn paths_are_relative_to_the_file_and_defaults_are_filled_in() {
        let config = load(EXECUTOR).unwrap();
        assert!(config.data_dir.is_absolute());
        let executor = config.executor.unwrap();
        assert_eq!(executor.join, Join::None);
        assert_eq!(executor.allocate_bips, 2_000);
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_known_one() {
        let error = load(&EXECUTOR.replace("bls_dir", "bls_dri")).unwrap_err();
        let Error::UnknownKey { key, nearest, .. } = error else { panic!("{error}") };
        assert_eq!((key.as_str(), nearest.as_str()), ("bls_dri", "bls_dir"));
    }

    #[test]
    fn a_role_without_its_section_is_refused() {
        let error = load(&EXECUTOR.replace("[\"executor\"]", "[\"gateway\"]")).unwrap_err();
        assert!(error.to_string().contains("[gateway]"), "{error}");
    }

    #[test]
    fn the_index_is_a_file_beside_the_others_or_a_server() {
        let with = |lines: &str| load(&format!("{EXECUTOR}\n[index]\n{lines}"));
        let own = load(&EXECUTOR.replace("\"executor\"]", "\"executor\", \"api\"]")).unwrap();
        assert!(own.roles.contains(&Role::Api) && own.index_url().ends_with("/data/index.sqlite"));
        let file = with("database = \"stakes.sqlite\"").unwrap().index_url();
        assert!(file.starts_with("sqlite:///") && file.ends_with("/stakes.sqlite"), "{file}");
        let server = "postgres://vouch@db.example/stakes";
        assert_eq!(with(&format!("database = \"{server}\"")).unwrap().index_url(), server);
        for (line, expected) in [
            ("page_blocks = 0", "from 1 to 1000"),
            ("page_blocks = 1001", "from 1 to 1000"),
            ("database = \"mysql://db/stakes\"", "postgres://"),
        ] {
            let error = with(line).unwrap_err().to_string();
            assert!(error.contains(expected), "{line}: {error}");
        }
    }

    #[test]
    fn what_a_node_shows_of_itself_has_defaults_and_bounds() {
        let with = |lines: &str| load(&format!("{EXECUTOR}\n[telemetry]\n{lines}"));
        assert_eq!(load(EXECUTOR).unwrap().telemetry, TelemetryConfig::default());
        assert_eq!(with("log = \"json\"").unwrap().telemetry.log, LogFormat::Json);
        for (line, expected) in [
            ("sample_bips = 10001", "at most 10000"),
            ("otlp = \"localhost:4318\"", "http or https"),
            ("log = \"xml\"", "xml"),
            ("metric = \"off\"", "metrics"),
        ] {
            let error = with(line).unwrap_err().to_string();
            assert!(error.contains(expected), "{line}: {error}");
        }
    }

    #[test]
    fn a_file_without_end_is_refused() {
        let error = Config::load(Path::new("/dev/zero")).unwrap_err();
        assert!(error.to_string().contains("1048576 bytes"), "{error}");
    }

    #[test]
    fn a_file_that_is_no_toml_is_refused_with_its_place() {
        let error = load("roles = [").unwrap_err();
        assert!(error.to_string().contains("line 1"), "{error}");
    }

    #[test]
    fn in_the_clear_only_this_machine_is_served_and_called() {
        let error = load(&EXECUTOR.replace("127.0.0.1:0", "0.0.0.0:7000")).unwrap_err();
        assert!(error.to_string().contains("[tls]"), "{error}");
        load(&format!("{}\n[tls]", EXECUTOR.replace("127.0.0.1:0", "0.0.0.0:7000"))).unwrap();
        let peer = |url: &str| {
            let peer = format!("[[peers]]\naddress = \"0x0101010101010101010101010101010101010101\"\nurl = \"{url}\"");
            load(&format!("{EXECUTOR}\n{peer}"))
        };
        for url in ["http://127.0.0.1:7001", "http://[::1]:7001/", "https://10.0.0.1:7001", "https://node.example"] {
            peer(url).unwrap();
        }
        for url in
            ["http://10.0.0.1:7001", "http://127.0.0.1@node.example:1", "http://127.0.0.1.example:7001", "ftp://x"]
        {
            assert!(peer(url).is_err(), "{url}");
        }
    }
}
