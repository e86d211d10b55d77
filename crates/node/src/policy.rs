//! Which programs an operator runs, and so which ones it accepts: a TOML file that the operator writes.
//!
//! ```toml
//! apps = ["0x5c..."]                  # optional: any app that it has joined
//! runtimes = ["oci-1/x86-64/1"]       # optional: any that its machine runs
//! interfaces = ["command"]            # optional, this by default
//! hardware_class = ""                 # optional: what its machine is
//! minimum_fee = "0"                   # optional, in the smallest unit of the app's fee token
//! acceptance = "automatic"            # or "manual"; optional
//! [limits]                            # optional: the most that a program may ask for
//! memory_bytes = 268435456
//! wall_millis = 10000
//! [slashing]
//! container_outputs = false           # optional: whether its stake answers for what containers answer
//! ```

use std::path::Path;

use alloy_primitives::{B256, U256};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use vouch_core::{AppId, Label, Program};

use crate::config::{Error, parse_strictly, read_bounded};

/// Entries of a list.
const ENTRIES_MAX: usize = 1_024;
/// Bytes of a policy file.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What an operator runs and answers for. The default runs commands of any joined app and answers for WebAssembly alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Ids of apps; absent: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apps: Option<Vec<B256>>,
    /// Runtime ids; absent: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtimes: Option<Vec<String>>,
    /// Of `command`, `http`, `performer`.
    #[serde(default = "command_only")]
    pub interfaces: Vec<String>,
    /// What this machine is. A program that names no class runs anywhere.
    #[serde(default)]
    pub hardware_class: String,
    /// What a call must cost at least by the app's price, in the smallest unit of the app's fee token.
    #[serde(default, deserialize_with = "decimal", serialize_with = "as_decimal")]
    pub minimum_fee: U256,
    #[serde(default)]
    pub acceptance: Mode,
    #[serde(default)]
    pub limits: LimitsMax,
    #[serde(default)]
    pub slashing: Slashing,
}

/// Who sends `acceptProgram`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The node: accepts what the policy allows, and takes back what it no longer allows.
    #[default]
    Automatic,
    /// The operator alone, with `vouch operator accept` and `refuse`.
    Manual,
}

/// The most that a program may ask for; absent: whatever the chain lets it ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsMax {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_millis: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_millis: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids: Option<u64>,
}

/// What the operator's stake answers for, beyond signing two batches and the outputs of WebAssembly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slashing {
    /// Outputs of containers: who accepts such a program can lose stake for an output that others do not get.
    #[serde(default)]
    pub container_outputs: bool,
}

/// Why a program is not run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("`apps` does not name app {0}")]
    App(AppId),
    #[error("`runtimes` does not name `{0}`")]
    Runtime(String),
    #[error("`interfaces` does not name `{0}`")]
    Interface(String),
    #[error("it asks for hardware of class `{wanted}`; `hardware_class` is `{own}`")]
    HardwareClass { wanted: String, own: String },
    #[error("it asks for {asked} {name}; `limits.{name}` allows {max}")]
    Limit { name: &'static str, asked: u64, max: u64 },
    #[error("its stake would answer for a container's output; `slashing.container_outputs` is false")]
    Slashing,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            apps: None,
            runtimes: None,
            interfaces: command_only(),
            hardware_class: String::new(),
            minimum_fee: U256::ZERO,
            acceptance: Mode::default(),
            limits: LimitsMax::default(),
            slashing: Slashing::default(),
        }
    }
}

impl Policy {
    /// Runs and accepts everything, as the operators of a local cloud do.
    #[must_use]
    pub fn accept_all() -> Self {
        let interfaces = ["command", "http", "performer"].map(str::to_owned).to_vec();
        Self { interfaces, slashing: Slashing { container_outputs: true }, ..Self::default() }
    }

    /// Reads and checks a policy file.
    ///
    /// # Errors
    /// Names the key that does not hold, and the known one that is nearest to an unknown one.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let policy: Self = parse_strictly(&read_bounded(path, FILE_BYTES_MAX)?, path)?;
        policy.check().map_err(|message| Error::Invalid { path: path.to_owned(), message })?;
        Ok(policy)
    }

    fn check(&self) -> Result<(), String> {
        let lengths = [
            ("apps", self.apps.as_ref().map_or(0, Vec::len)),
            ("runtimes", self.runtimes.as_ref().map_or(0, Vec::len)),
            ("interfaces", self.interfaces.len()),
        ];
        if let Some((key, length)) = lengths.into_iter().find(|(_, length)| *length > ENTRIES_MAX) {
            return Err(format!("{key} has {length} entries, at most {ENTRIES_MAX} are allowed"));
        }
        let known = |interface: &&String| !["command", "http", "performer"].contains(&interface.as_str());
        match self.interfaces.iter().find(known) {
            Some(unknown) => Err(format!("interfaces: `{unknown}` is none of command, http and performer")),
            None => Ok(()),
        }
    }

    /// Whether the operator has anything to do with the app.
    #[must_use]
    pub fn names(&self, app: AppId) -> bool {
        self.apps.as_ref().is_none_or(|apps| apps.contains(&app.0))
    }

    /// Whether the operator runs an app's program, and answers for it.
    ///
    /// # Errors
    /// The first key that forbids it.
    pub fn verdict(&self, app: AppId, program: &Program) -> Result<(), Refused> {
        if !self.names(app) {
            return Err(Refused::App(app));
        }
        if self.runtimes.as_ref().is_some_and(|runtimes| !runtimes.contains(&program.runtime)) {
            return Err(Refused::Runtime(program.runtime.clone()));
        }
        if !self.interfaces.contains(&program.interface_name) {
            return Err(Refused::Interface(program.interface_name.clone()));
        }
        let (wanted, own) = (&program.hardware_class, &self.hardware_class);
        if !wanted.is_empty() && wanted != own {
            return Err(Refused::HardwareClass { wanted: wanted.clone(), own: own.clone() });
        }
        self.limits.check(program)?;
        // What is only attested is never slashed for its output.
        if Label::of(program) == Label::Accepters && !self.slashing.container_outputs {
            return Err(Refused::Slashing);
        }
        Ok(())
    }
}

impl LimitsMax {
    fn check(&self, program: &Program) -> Result<(), Refused> {
        let limits = &program.limits;
        let pairs = [
            ("fuel", limits.fuel, self.fuel),
            ("memory_bytes", limits.memory_bytes, self.memory_bytes),
            ("payload_bytes", limits.payload_bytes, self.payload_bytes),
            ("output_bytes", limits.output_bytes, self.output_bytes),
            ("wall_millis", limits.wall_millis, self.wall_millis),
            ("cpu_millis", limits.cpu_millis, self.cpu_millis),
            ("pids", u64::from(limits.pids), self.pids),
        ];
        let above = |(name, asked, max): (&'static str, u64, Option<u64>)| {
            max.filter(|max| asked > *max).map(|max| Refused::Limit { name, asked, max })
        };
        pairs.into_iter().find_map(above).map_or(Ok(()), Err)
    }
}

fn command_only() -> Vec<String> {
    vec!["command".to_owned()]
}

/// TOML has no numbers of 256 bits.
fn decimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<U256, D::Error> {
    let text = String::deserialize(deserializer)?;
    U256::from_str_radix(&text, 10)
        .map_err(|_| serde::de::Error::custom(format!("minimum_fee: a decimal number in quotes, found `{text}`")))
}

fn as_decimal<S: Serializer>(value: &U256, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

#[cfg(test)]
mod tests {
    use vouch_core::Limits;

    use super::*;

    const APP: AppId = AppId(B256::repeat_byte(7));

    fn load(text: &str) -> Result<Policy, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.toml");
        std::fs::write(&path, text).unwrap();
        Policy::load(&path)
    }

    fn wasm() -> Program {
        let limits = Limits { fuel: 10, memory_bytes: 100, wall_millis: 1_000, pids: 3, ..Limits::default() };
        let (runtime, interface_name) = ("wasmtime-48/x86-64/1".to_owned(), "command".to_owned());
        Program { runtime, interface_name, limits, ..Program::default() }
    }

    fn container() -> Program {
        Program { runtime: "oci-1/x86-64/1".to_owned(), ..wasm() }
    }

    #[test]
    fn without_a_file_wasm_commands_run_and_no_stake_answers_for_containers() {
        let policy = load("").unwrap();
        assert_eq!(policy, Policy::default());
        assert_eq!(policy.verdict(APP, &wasm()), Ok(()));
        assert_eq!(policy.verdict(APP, &container()), Err(Refused::Slashing));
        let service = Program { interface_name: "http".to_owned(), ..container() };
        assert_eq!(policy.verdict(APP, &service), Err(Refused::Interface("http".to_owned())));
    }

    #[test]
    fn every_key_forbids_by_its_name() {
        let other = B256::repeat_byte(8);
        let container_line = "[slashing]\ncontainer_outputs = true\n";
        let cases = [
            (format!("apps = [\"{other}\"]"), wasm(), "`apps` does not name"),
            ("runtimes = [\"oci-1/x86-64/1\"]".to_owned(), wasm(), "`runtimes` does not name `wasmtime-48"),
            ("interfaces = [\"http\"]".to_owned(), wasm(), "`interfaces` does not name `command`"),
            (String::new(), Program { hardware_class: "gpu".to_owned(), ..wasm() }, "hardware of class `gpu`"),
            ("[limits]\nfuel = 9".to_owned(), wasm(), "it asks for 10 fuel; `limits.fuel` allows 9"),
            ("[limits]\nmemory_bytes = 99".to_owned(), wasm(), "it asks for 100 memory_bytes"),
            ("[limits]\nwall_millis = 999".to_owned(), wasm(), "it asks for 1000 wall_millis"),
            ("[limits]\npids = 2".to_owned(), wasm(), "it asks for 3 pids"),
            (container_line.replace("true", "false"), container(), "`slashing.container_outputs` is false"),
        ];
        for (text, program, expected) in cases {
            let refused = load(&text).unwrap().verdict(APP, &program).unwrap_err().to_string();
            assert!(refused.contains(expected), "{text}: {refused}");
        }
        let allowed = [
            (format!("apps = [\"{other}\", \"{APP}\"]"), wasm()),
            ("hardware_class = \"gpu\"".to_owned(), Program { hardware_class: "gpu".to_owned(), ..wasm() }),
            ("hardware_class = \"gpu\"".to_owned(), wasm()),
            ("[limits]\nfuel = 10\nmemory_bytes = 100".to_owned(), wasm()),
            (container_line.to_owned(), container()),
        ];
        for (text, program) in allowed {
            assert_eq!(load(&text).unwrap().verdict(APP, &program), Ok(()), "{text}");
        }
    }

    #[test]
    fn attested_answers_need_no_consent_to_be_slashed() {
        let service = Program { interface_name: "http".to_owned(), ..container() };
        let policy = load("interfaces = [\"http\"]").unwrap();
        assert_eq!(policy.verdict(APP, &service), Ok(()));
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_known_one() {
        for (text, key, nearest) in
            [("intefaces = []", "intefaces", "interfaces"), ("[limits]\nmemory = 1", "memory", "memory_bytes")]
        {
            let error = load(text).unwrap_err();
            let Error::UnknownKey { key: found, nearest: hint, .. } = error else { panic!("{error}") };
            assert_eq!((found.as_str(), hint.as_str()), (key, nearest));
        }
    }

    #[test]
    fn what_is_no_policy_is_refused_by_name() {
        let cases = [
            ("interfaces = [\"carrier-pigeon\"]", "carrier-pigeon"),
            ("minimum_fee = \"-1\"", "minimum_fee: a decimal number in quotes"),
            ("acceptance = \"sometimes\"", "sometimes"),
            ("apps = [\"0x12\"]", "apps"),
        ];
        for (text, expected) in cases {
            let error = load(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let long = format!("runtimes = [{}]", "\"a\",".repeat(ENTRIES_MAX + 1));
        assert!(load(&long).unwrap_err().to_string().contains("at most 1024"));
        assert!(load(&" ".repeat(FILE_BYTES_MAX as usize + 1)).unwrap_err().to_string().contains("are read"));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let policy = Policy { minimum_fee: U256::MAX, apps: Some(vec![APP.0]), ..Policy::accept_all() };
        assert_eq!(load(&toml::to_string_pretty(&policy).unwrap()).unwrap(), policy);
        assert_eq!(Policy::accept_all().verdict(APP, &container()), Ok(()));
    }
}
