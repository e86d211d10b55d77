//! A cloud with an app, and the liars that a story puts into it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use alloy_primitives::Address;
use clap::ValueEnum;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Child;
use tokio::sync::{Mutex, MutexGuard};
use vouch_api::{Problem, ProblemCode, Receipt};
use vouch_chain::Deployment;
use vouch_chain::anvil::Anvil;
use vouch_core::bls::SecretKey;
use vouch_testkit::adversary::gateway::{Asked, Lie, Told};
use vouch_testkit::cloud::{Cloud, DeployedApp};

const ADVERSARY: &str = env!("CARGO_BIN_EXE_vouch-adversary");
/// The operator set of a cloud's first app.
const SET: u32 = 1;

/// One cloud at a time: each has six processes.
static TURN: Mutex<()> = Mutex::const_new(());

pub struct World {
    pub cloud: Cloud,
    pub app: DeployedApp,
    pub folder: TempDir,
    _turn: MutexGuard<'static, ()>,
}

/// A fresh cloud with an app that answers what it is sent.
pub async fn world() -> World {
    world_with("echo").await
}

/// A fresh cloud with an app of one of the driver's test programs.
pub async fn world_with(program: &str) -> World {
    world_of(|project| write_program(project, program)).await
}

/// The same; `configure` may add arguments of `vouch up` and the environment of its processes.
pub async fn world_under(program: &str, configure: impl FnOnce(&mut std::process::Command)) -> World {
    start(|project| write_program(project, program), configure).await
}

/// A fresh cloud with one of its roles lying, and an app that answers what it is sent.
pub async fn world_with_adversary(name: &str) -> World {
    let lying = |command: &mut std::process::Command| {
        command.args(["--with-adversary", name]);
    };
    start(|project| write_program(project, "echo"), lying).await
}

/// Writes an app's project with one of the driver's test programs.
pub fn write_program(project: &Path, program: &str) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../compute/tests/programs/{program}.wat"));
    std::fs::write(project.join("program.wasm"), wat::parse_file(source).unwrap()).unwrap();
    std::fs::write(project.join("vouch.toml"), "artifact = \"program.wasm\"\n").unwrap();
}

/// A fresh cloud with an app whose project `write` puts into its folder.
pub async fn world_of(write: impl FnOnce(&Path)) -> World {
    start(write, |_| {}).await
}

async fn start(write: impl FnOnce(&Path), configure: impl FnOnce(&mut std::process::Command)) -> World {
    vouch_testkit::prepare();
    let turn = TURN.lock().await;
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("app");
    std::fs::create_dir(&project).unwrap();
    write(&project);
    let cloud = Cloud::start_configured(&folder.path().join("cloud"), false, configure).await.unwrap();
    let app = cloud.deploy(&project).await.unwrap();
    World { cloud, app, folder, _turn: turn }
}

impl World {
    pub fn receipt_file(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.json"))
    }

    /// Calls the app with its own name for the receipt.
    pub async fn call(&self, name: &str) -> Receipt {
        let (app, path) = (self.app.app.to_string(), self.receipt_file(name).display().to_string());
        self.cloud.json(&["app", "call", &app, "--payload", name, "--receipt", &path]).await.unwrap();
        let receipt: Receipt = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(receipt.output.as_ref(), name.as_bytes());
        receipt
    }

    /// Calls the app within seconds that are too few; what each operator said, by its address.
    pub async fn call_in_vain(&self, payload: &str) -> BTreeMap<Address, String> {
        let app = self.app.app.to_string();
        let outcome =
            self.cloud.run(&["--json", "app", "call", &app, "--payload", payload, "--deadline", "5"]).await.unwrap();
        assert_eq!(outcome.code, Some(4), "{payload}: {} {}", outcome.stdout, outcome.stderr);
        let failure: Value = serde_json::from_str(outcome.stderr.lines().last().unwrap()).unwrap();
        let problem: Problem = serde_json::from_value(failure["error"]["details"].clone()).unwrap();
        assert_eq!(problem.code, ProblemCode::NoQuorum, "{problem:?}");
        problem.answered.into_iter().map(|said| (said.operator, said.answer)).collect()
    }

    /// Publishes the same program with other settings: another release of the app, and the newest one.
    pub async fn publish_another_release(&mut self) {
        let project = self.folder.path().join("app");
        let text = "artifact = \"program.wasm\"\n[env]\nRELEASE = \"2\"\n";
        std::fs::write(project.join("vouch.toml"), text).unwrap();
        self.app = self.cloud.deploy(&project).await.unwrap();
    }

    /// The exit code of `vouch receipt verify` with further arguments, and what it said.
    pub async fn verify(&self, name: &str, further: &[&str]) -> (Option<i32>, String) {
        let path = self.receipt_file(name).display().to_string();
        let mut arguments = vec!["receipt", "verify", &path];
        arguments.extend(further);
        let outcome = self.cloud.run(&arguments).await.unwrap();
        (outcome.code, outcome.stderr)
    }

    /// What an operator answers a gateway, a process of its own, that wants other batches in a slot which it has signed for.
    pub async fn ask_again(&self, operator: &str, receipt: &str) -> [Asked; 2] {
        let receipt = self.receipt_file(receipt);
        self.lying_gateway(operator, &["ask-twice", "--ahead", "0", "--receipt", path(&receipt)]).await
    }

    /// What an operator answers a gateway, a process of its own, that lies about a batch right behind a receipt's. The
    /// proposal is kept in [`World::proposal_file`].
    pub async fn lie(&self, operator: &str, receipt: &str, lie: Lie) -> Told {
        let (receipt, save) = (self.receipt_file(receipt), self.proposal_file());
        let client = self.cloud.folder().join(&self.cloud.description.accounts["client"].keystore);
        let name = lie.to_possible_value().unwrap();
        let mut arguments = vec!["propose", "--lie", name.get_name(), "--client-keystore", path(&client)];
        arguments.extend(["--receipt", path(&receipt), "--save", path(&save)]);
        self.lying_gateway(operator, &arguments).await
    }

    /// What an operator answers to a proposal that was kept.
    pub async fn repeat(&self, operator: &str, proposal: &Path) -> Asked {
        self.lying_gateway(operator, &["repeat", "--proposal", path(proposal)]).await
    }

    pub fn proposal_file(&self) -> PathBuf {
        self.folder.path().join("proposal")
    }

    async fn lying_gateway<T: DeserializeOwned>(&self, operator: &str, deed: &[&str]) -> T {
        let (folder, description) = (self.cloud.folder(), &self.cloud.description);
        let mut command = tokio::process::Command::new(ADVERSARY);
        command.arg("gateway").arg("--keystore").arg(folder.join(&description.accounts["gateway"].keystore));
        command.arg("--password-file").arg(folder.join(&description.password_file));
        command.args(["--executor", &self.cloud.node(operator).unwrap().url]).args(deed);
        let output = command.output().await.unwrap();
        assert!(output.status.success(), "{deed:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Puts a liar in the place of an operator's node, which must have ended.
    pub async fn start_liar(&self, operator: &str, lie: &str) -> Child {
        let mut command = std::process::Command::new(ADVERSARY);
        command.arg("executor").arg("--config").arg(self.cloud.config_file(operator).unwrap());
        command.args(["--set", &SET.to_string(), "--lie", lie]);
        let child = self.cloud.spawn_logged(command, &format!("{operator}-liar")).unwrap();
        let url = format!("{}/v1/executor/{}", self.cloud.node(operator).unwrap().url, self.app.app);
        let probe = async || reqwest::Client::new().post(&url).body("").send().await;
        wait_for("the liar's executor", async || probe().await.is_ok_and(|answer| answer.status().is_success())).await;
        child
    }

    /// Starts the gateway again as one that posts nothing, so that every slot stays open to lies.
    pub async fn hold_posts(&self) -> Child {
        let file = self.cloud.config_file("gateway").unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        let line = text.lines().find(|line| line.starts_with("post_interval_seconds")).unwrap();
        std::fs::write(&file, text.replace(line, "post_interval_seconds = 3600")).unwrap();
        self.cloud.stop_node("gateway").await.unwrap();
        self.cloud.restart_node("gateway").await.unwrap()
    }

    /// Starts another gateway, which has no lane yet, with the key of the account.
    pub async fn start_gateway(&mut self, account: &str) -> Child {
        self.cloud.add_gateway(account).unwrap();
        self.cloud.restart_node(account).await.unwrap()
    }

    /// Starts an operator again as one that brings `gateway` to lanes whose own ignores the inbox.
    pub async fn relieve_with(&self, operator: &str, gateway: Address) -> Child {
        let file = self.cloud.config_file(operator).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        let section = format!("[executor]\nrelief_gateway = \"{gateway}\"");
        std::fs::write(&file, text.replace("[executor]", &section)).unwrap();
        self.cloud.stop_node(operator).await.unwrap();
        self.cloud.restart_node(operator).await.unwrap()
    }

    /// Puts a gateway that drops everything in the place of the honest one.
    pub async fn drop_everything(&self) -> Child {
        self.cloud.stop_node("gateway").await.unwrap();
        let mut command = std::process::Command::new(ADVERSARY);
        command.arg("drop").arg("--config").arg(self.cloud.config_file("gateway").unwrap());
        let child = self.cloud.spawn_logged(command, "dropping").unwrap();
        wait_for("the gateway that drops everything", async || self.log("dropping").contains("gateway.drop")).await;
        child
    }

    /// The app's lane as `vouch lane show` tells of it.
    pub async fn lane(&self) -> Value {
        self.cloud.json(&["lane", "show", &self.app.app.to_string()]).await.unwrap()
    }

    /// Lets so many seconds pass on the chain, in final blocks.
    pub async fn pass(&self, seconds: u64) {
        let anvil = Anvil::of(self.cloud.network().await.unwrap().chain()).await.unwrap();
        anvil.increase_time(seconds).await.unwrap();
        anvil.mine(5).await.unwrap();
    }

    pub fn address(&self, node: &str) -> Address {
        self.cloud.node(node).unwrap().address
    }

    /// The chain and the registry on it.
    pub fn deployment(&self) -> (u64, Address) {
        let file = self.cloud.folder().join(&self.cloud.description.deployment);
        let deployment = Deployment::load(&file).unwrap();
        (deployment.chain_id, deployment.contracts.batch_registry)
    }

    /// The operator's key for the app.
    pub fn key(&self, operator: &str) -> SecretKey {
        self.cloud.bls_key(operator, SET).unwrap()
    }

    /// The store of the operator's executor for the app.
    pub fn store(&self, operator: &str) -> PathBuf {
        self.cloud.folder().join(format!("data/{operator}/executor/{SET}"))
    }

    /// What a node has logged; `again` once it was started a second time.
    pub fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.cloud.log_file(name)).unwrap()
    }
}

/// Waits until something holds.
pub async fn wait_for(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting)
        .await
        .unwrap_or_else(|_| panic!("waited in vain for {what}"));
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
