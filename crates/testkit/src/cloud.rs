//! A local cloud as its user sees it: `vouch up` in a process of its own, and commands against it.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

use alloy::signers::local::PrivateKeySigner;
use alloy_primitives::{Address, B256};
use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Deserialize;
use serde_json::Value;
use tokio::process::{Child, Command};
use vouch_chain::keys::{self, PasswordSource};
use vouch_chain::{Chain, Deployment, Network, Sender, client, sender};
use vouch_core::bls::SecretKey;
use vouch_node::config::Config;

/// How long a cloud may take until it is ready.
const READY_TIMEOUT: Duration = Duration::from_secs(120);
/// How long one command may take.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(240);
const STOP_TIMEOUT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

/// `cloud.json`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    pub rpc: String,
    pub chain_pid: i32,
    pub gateway: String,
    pub deployment: PathBuf,
    pub password_file: PathBuf,
    pub accounts: BTreeMap<String, Account>,
    pub nodes: BTreeMap<String, Node>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Account {
    pub address: Address,
    pub keystore: PathBuf,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Node {
    pub address: Address,
    pub url: String,
    pub pid: i32,
    pub config: PathBuf,
    /// Where it serves its metrics.
    pub metrics: String,
}

/// `.vouch-app.json`: an app that was deployed from a folder.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeployedApp {
    pub app: B256,
    pub program_id: B256,
    pub lane: u32,
}

/// A running cloud. Its processes end when this is dropped.
pub struct Cloud {
    folder: PathBuf,
    binary: PathBuf,
    process: Child,
    pub description: Description,
}

/// How a command ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// None when a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Cloud {
    /// Starts a fresh cloud in `folder` that goes on when one of its nodes ends. It ends with this process, however that
    /// ends, unless it is to `outlive` it.
    pub async fn start(folder: &Path, outlive: bool) -> Result<Self> {
        Self::start_with(folder, outlive, &[]).await
    }

    /// As [`Cloud::start`], with further arguments of `vouch up`.
    pub async fn start_with(folder: &Path, outlive: bool, further: &[&str]) -> Result<Self> {
        let add = |command: &mut std::process::Command| {
            command.args(further);
        };
        Self::start_configured(folder, outlive, add).await
    }

    /// As [`Cloud::start`]; `configure` may add arguments of `vouch up` and the environment of its processes.
    pub async fn start_configured(
        folder: &Path,
        outlive: bool,
        configure: impl FnOnce(&mut std::process::Command),
    ) -> Result<Self> {
        let binary = vouch_binary()?;
        let mut command = std::process::Command::new(&binary);
        command.args(["up", "--quiet", "--keep-going", "--dir"]).arg(folder);
        configure(&mut command);
        if !outlive {
            end_with_parent(&mut command);
        }
        let mut command = Command::from(command);
        std::fs::create_dir_all(folder)?;
        let log = std::fs::File::create(folder.with_extension("log")).context("the cloud's log")?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(true);
        // A Ctrl-C is for whoever started us; the cloud ends with us.
        command.process_group(0);
        let started = SystemTime::now();
        let mut process = command.spawn().with_context(|| format!("starting {}", binary.display()))?;
        let description = wait_ready(folder, &mut process, started).await?;
        Ok(Self { folder: folder.to_owned(), binary, process, description })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The id of the `vouch up` process; none once it has ended.
    pub fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    pub fn node(&self, name: &str) -> Result<&Node> {
        self.description.nodes.get(name).with_context(|| format!("the cloud has no node {name}"))
    }

    /// Runs `vouch` with `arguments` and this cloud.
    pub async fn run(&self, arguments: &[&str]) -> Result<Outcome> {
        let mut command = Command::new(&self.binary);
        command.args(arguments).env("VOUCH_CLOUD", &self.folder).stdin(Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(COMMAND_TIMEOUT, command.output()).await;
        let output = output.with_context(|| format!("vouch {} took too long", arguments.join(" ")))??;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Outcome { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) })
    }

    /// Runs `vouch --json` with `arguments`; what it printed. Fails when the command does.
    pub async fn json(&self, arguments: &[&str]) -> Result<Value> {
        let mut all = vec!["--json"];
        all.extend(arguments);
        let outcome = self.run(&all).await?;
        ensure!(
            outcome.code == Some(0),
            "vouch {} ended with {:?}: {}",
            arguments.join(" "),
            outcome.code,
            outcome.stderr.trim()
        );
        serde_json::from_str(&outcome.stdout)
            .with_context(|| format!("vouch {} printed no JSON: {}", arguments.join(" "), outcome.stdout))
    }

    /// Deploys the app project in `folder` and reads what was deployed.
    pub async fn deploy(&self, folder: &Path) -> Result<DeployedApp> {
        self.json(&["app", "deploy", &folder.display().to_string()]).await?;
        let path = folder.join(".vouch-app.json");
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        serde_json::from_str(&text).with_context(|| path.display().to_string())
    }

    /// The chain with the contracts on it.
    pub async fn network(&self) -> Result<Network> {
        let deployment = Deployment::load(&self.folder.join(&self.description.deployment))?;
        let chain = Chain::connect(&client::Config::at(&self.description.rpc)).await?;
        Ok(Network::new(chain, deployment)?)
    }

    /// The key of an account: `developer`, `white`, `operator-1`, ...
    pub fn signer(&self, account: &str) -> Result<PrivateKeySigner> {
        let entry =
            self.description.accounts.get(account).with_context(|| format!("the cloud has no account {account}"))?;
        let password = PasswordSource::File(self.folder.join(&self.description.password_file)).read()?;
        Ok(keys::read_ecdsa(&self.folder.join(&entry.keystore), &password)?)
    }

    /// The file that describes a node.
    pub fn config_file(&self, node: &str) -> Result<PathBuf> {
        Ok(self.folder.join(&self.node(node)?.config))
    }

    /// An operator's BLS key for an operator set.
    pub fn bls_key(&self, operator: &str, set: u32) -> Result<SecretKey> {
        let config = Config::load(&self.config_file(operator)?)?;
        let executor = config.executor.with_context(|| format!("{operator} is no operator"))?;
        let password = PasswordSource::File(executor.password_file).read()?;
        Ok(keys::read_bls(&executor.bls_dir.join(format!("set-{set}.json")), &password)?)
    }

    pub fn sender(&self, network: &Network, account: &str) -> Result<Sender> {
        Ok(Sender::new(network.chain().clone(), self.signer(account)?, sender::Config::default()))
    }

    /// Describes another gateway, with an account's key, that knows the operators; [`Cloud::restart_node`] starts it.
    pub fn add_gateway(&mut self, account: &str) -> Result<()> {
        let entry = self.description.accounts.get(account).with_context(|| format!("no account {account}"))?.clone();
        let text = std::fs::read_to_string(self.config_file("gateway")?)?;
        // Free a moment ago.
        let listen = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let own = [
            ("data_dir", format!("data/{account}")),
            ("listen", listen.to_string()),
            ("keystore", entry.keystore.display().to_string()),
            ("metrics", "off".to_owned()),
        ];
        let line = |line: &str| {
            let found = own.iter().find(|(key, _)| line.starts_with(&format!("{key} = ")));
            found.map_or_else(|| format!("{line}\n"), |(key, value)| format!("{key} = \"{value}\"\n"))
        };
        let config = PathBuf::from(format!("{account}.toml"));
        std::fs::write(self.folder.join(&config), text.lines().map(line).collect::<String>())?;
        let (url, metrics) = (format!("http://{listen}"), String::new());
        self.description
            .nodes
            .insert(account.to_owned(), Node { address: entry.address, url, pid: 0, config, metrics });
        Ok(())
    }

    /// Ends a node as a power failure would.
    pub async fn kill_node(&self, name: &str) -> Result<()> {
        let node = self.node(name)?;
        kill(Pid::from_raw(node.pid), Signal::SIGKILL)?;
        wait_gone(node.pid).await
    }

    /// Asks a node to end, and waits until it has.
    pub async fn stop_node(&self, name: &str) -> Result<()> {
        let node = self.node(name)?;
        kill(Pid::from_raw(node.pid), Signal::SIGTERM)?;
        wait_gone(node.pid).await
    }

    /// Asks the chain to end, and waits until it has. What it had is in [`Cloud::chain_folder`] then.
    pub async fn stop_chain(&self) -> Result<()> {
        kill(Pid::from_raw(self.description.chain_pid), Signal::SIGTERM)?;
        wait_gone(self.description.chain_pid).await
    }

    /// Where the chain keeps its old states, and `state.json` once it has ended.
    pub fn chain_folder(&self) -> PathBuf {
        self.folder.join("chain")
    }

    /// Starts a node that was ended, in a process of its own, and waits until it answers.
    pub async fn restart_node(&self, name: &str) -> Result<Child> {
        let (node, mut child) = (self.node(name)?, self.spawn_node(name)?);
        let deadline = Instant::now() + READY_TIMEOUT;
        while reqwest::get(format!("{}/v1/status", node.url)).await.is_err() {
            if let Some(status) = child.try_wait()? {
                bail!("{name} ended: {status}");
            }
            ensure!(Instant::now() < deadline, "{name} does not answer");
            tokio::time::sleep(POLL).await;
        }
        Ok(child)
    }

    /// Starts a node as [`Cloud::restart_node`] does, and waits for nothing; its log lies with the others.
    pub fn spawn_node(&self, name: &str) -> Result<Child> {
        let mut command = std::process::Command::new(&self.binary);
        command.args(["node", "--config"]).arg(self.config_file(name)?);
        self.spawn_logged(command, &format!("{name}-again"))
    }

    /// Starts a process that ends with this one and logs to the cloud's folder.
    pub fn spawn_logged(&self, mut command: std::process::Command, log: &str) -> Result<Child> {
        end_with_parent(&mut command);
        let mut command = Command::from(command);
        let log = std::fs::File::create(self.log_file(log))?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(true);
        Ok(command.spawn()?)
    }

    pub fn log_file(&self, name: &str) -> PathBuf {
        self.folder.join("logs").join(format!("{name}.log"))
    }

    /// Stops the cloud as Ctrl-C does.
    pub async fn stop(mut self) -> Result<()> {
        let Some(pid) = self.process.id() else { return Ok(()) };
        kill(Pid::from_raw(pid.cast_signed()), Signal::SIGTERM)?;
        let status =
            tokio::time::timeout(STOP_TIMEOUT, self.process.wait()).await.context("the cloud does not stop")??;
        ensure!(status.success(), "the cloud ended with {status}");
        Ok(())
    }

    /// Leaves the cloud running after this process; returns the id of its `vouch up`.
    pub fn leave_running(self) -> Option<u32> {
        let pid = self.process.id();
        std::mem::forget(self.process);
        pid
    }
}

/// Waits until the process itself is gone, and with it its hold on its stores; `vouch up` reaps it.
async fn wait_gone(pid: i32) -> Result<()> {
    let deadline = Instant::now() + STOP_TIMEOUT;
    while kill(Pid::from_raw(pid), None).is_ok() {
        ensure!(Instant::now() < deadline, "process {pid} goes on");
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

/// Has the kernel ask the child to end when this thread does.
pub(crate) fn end_with_parent(command: &mut std::process::Command) {
    // SAFETY: prctl is async-signal-safe and touches nothing of the parent's memory.
    unsafe {
        command.pre_exec(|| nix::sys::prctl::set_pdeathsig(Signal::SIGTERM).map_err(std::io::Error::from));
    }
}

/// Waits for a `cloud.json` that was written after `started`: an earlier cloud's may still lie there.
async fn wait_ready(folder: &Path, process: &mut Child, started: SystemTime) -> Result<Description> {
    let path = folder.join("cloud.json");
    let deadline = Instant::now() + READY_TIMEOUT;
    loop {
        if let Some(status) = process.try_wait()? {
            let log = std::fs::read_to_string(folder.with_extension("log")).unwrap_or_default();
            bail!("the cloud ended with {status}: {}", log.trim());
        }
        let written = std::fs::metadata(&path).and_then(|metadata| metadata.modified());
        if written.is_ok_and(|written| written >= started) {
            let text = std::fs::read_to_string(&path)?;
            return serde_json::from_str(&text).with_context(|| path.display().to_string());
        }
        ensure!(
            Instant::now() < deadline,
            "the cloud is not ready after {} s; see {}",
            READY_TIMEOUT.as_secs(),
            folder.join("logs").display()
        );
        tokio::time::sleep(POLL).await;
    }
}

/// The `vouch` binary of this build: beside this program, or one folder up for tests.
pub fn vouch_binary() -> Result<PathBuf> {
    sibling("vouch")
}

/// A program of this build.
pub fn sibling(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folders = own.ancestors().skip(1).take(2);
    let mut candidates = folders.map(|folder| folder.join(name));
    candidates
        .find(|candidate| candidate.is_file())
        .with_context(|| format!("{name} is not built; run `cargo build -p vouch -p vouch-testkit`"))
}
