//! Machines with a cloud on them, each a network namespace, as their user sees it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use alloy_primitives::Address;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::oneshot;
use vouch_chain::keys::{self, PasswordSource};
use vouch_chain::{Chain, Deployment, Network, anvil, client};
use vouch_sdk::Client;
use vouch_testkit::cloud::vouch_binary;
use vouch_testkit::faults::{Clients, Edge, Fault, GATEWAY, OPERATORS, Schedule, Verdict};
use vouch_testkit::machines::Machines;

use crate::world::{wait_for, write_program};

pub const PORT: u16 = 7000;

/// Ends with the story, however that ends.
pub struct Process(pub Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

pub struct Net {
    pub machines: Machines,
    pub folder: TempDir,
    vouch: PathBuf,
    _chain: Process,
    /// None while one is killed.
    nodes: BTreeMap<&'static str, Option<Process>>,
}

impl Net {
    /// A chain on a machine of its own, and nothing on the others.
    ///
    /// None, and said aloud, where there can be no machines.
    pub async fn start() -> Option<Self> {
        if let Some(reason) = Machines::unavailable() {
            eprintln!("not run: {reason}");
            return None;
        }
        vouch_testkit::prepare();
        let mut names = vec!["chain", GATEWAY, "user"];
        names.extend(OPERATORS);
        let machines = Machines::connect(&names).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut chain = machines.command("chain", anvil::find_binary().unwrap());
        chain.args(["--host", &machines.address("chain").unwrap().to_string(), "--slots-in-an-epoch", "1"]);
        // A block for each transaction, so that setting up is quick, and one a second, so that blocks become final.
        chain
            .args(["--block-time", "1", "--mixed-mining", "--max-persisted-states", "128", "--cache-path"])
            .arg(folder.path().join("chain"));
        let chain = Process(logged(chain, &folder.path().join("chain.log")));
        let (vouch, nodes) = (vouch_binary().unwrap(), BTreeMap::new());
        let net = Self { machines, folder, vouch, _chain: chain, nodes };
        wait_for("the chain", async || net.vouch(&["network", "init", "--rpc", &net.rpc()]).status.success()).await;
        Some(net)
    }

    pub fn rpc(&self) -> String {
        format!("http://{}:8545", self.machines.address("chain").unwrap())
    }

    pub fn url(&self, machine: &str, port: u16) -> String {
        format!("https://{}:{port}", self.machines.address(machine).unwrap())
    }

    /// `vouch --json` on the user's machine, in the network's folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.machines.command("user", &self.vouch);
        command.current_dir(self.folder.path()).arg("--json").args(arguments);
        command
    }

    pub fn vouch(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What a command that succeeds prints.
    pub fn json(&self, arguments: &[&str]) -> Value {
        json_of(&self.vouch(arguments), arguments)
    }

    /// A command about an app, as whoever is not on any of the cloud's machines has to say it.
    pub fn app(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(arguments);
        command.env("VOUCH_RPC", self.rpc()).env("VOUCH_DEPLOYMENT", "deployment.json");
        command.env("VOUCH_PRIVATE_PEERS", "true");
        command.env("VOUCH_KEYSTORE", "deployer.json").env("VOUCH_PASSWORD_FILE", "password");
        command.output().unwrap()
    }

    pub fn call(&self, payload: &str) {
        let arguments = ["app", "call", "app", "--payload", payload, "--receipt", "receipt.json"];
        json_of(&self.app(&arguments), &arguments);
        let arguments = ["receipt", "verify", "receipt.json"];
        json_of(&self.app(&arguments), &arguments);
    }

    pub fn account(&self, machine: &str) -> String {
        let machine = self.status(machine).unwrap();
        machine["account"].as_str().unwrap().to_owned()
    }

    /// Adds a machine, after the same command was killed at several moments.
    pub async fn add(&self, role: &str, name: &str) {
        let url = self.url(name, PORT);
        let arguments = ["network", "add", role, name, "--url", &url, "--private-peers"];
        self.run_with_kills(&arguments).await;
    }

    /// Runs a command to its end after it was killed again and again, each time a little later.
    pub async fn run_with_kills(&self, arguments: &[&str]) {
        for milliseconds in [20, 60, 120] {
            let mut child = self.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            child.kill().unwrap();
            child.wait().unwrap();
        }
        self.json(arguments);
    }

    pub fn add_at_once(&self, role: &str, name: &str) {
        self.json(&["network", "add", role, name, "--url", &self.url(name, PORT), "--private-peers"]);
    }

    /// An app that answers what it is sent, with a lane at the gateway; three of the four operators must sign.
    pub fn deploy(&self) {
        let project = self.folder.path().join("app");
        std::fs::create_dir(&project).unwrap();
        write_program(&project, "echo");
        // Whoever calls it needs to be told of no gateway: the chain says who has the lane.
        let gateway = self.account(GATEWAY);
        let arguments = ["app", "deploy", "app", "--operators", "4", "--gateway", &gateway];
        json_of(&self.app(&arguments), &arguments);
    }

    pub fn start_nodes(&mut self) {
        for name in [GATEWAY].into_iter().chain(OPERATORS) {
            self.start_node(name);
        }
    }

    /// Starts a machine's node from the folder that `vouch network add` made for it.
    fn start_node(&mut self, name: &'static str) {
        let mut command = self.machines.command(name, &self.vouch);
        command.args(["node", "--config"]).arg(self.folder.path().join(name).join("node.toml"));
        let process = Process(logged(command, &self.folder.path().join(format!("{name}.log"))));
        self.nodes.insert(name, Some(process));
    }

    /// Kills a machine's node and starts it again.
    pub fn restart(&mut self, name: &'static str) {
        self.nodes.insert(name, None);
        self.start_node(name);
    }

    /// Does to the machines what `schedule` says, each fault as far as there is something like it here.
    pub async fn break_things(&mut self, schedule: &Schedule) {
        let start = Instant::now();
        for (at, edge) in schedule.edges() {
            tokio::time::sleep((start + at).saturating_duration_since(Instant::now())).await;
            println!("{:>6.1} s  {edge}", start.elapsed().as_secs_f64());
            match edge {
                Edge::Begin(fault) => self.begin(fault),
                Edge::End(fault) => self.end(fault),
            }
        }
    }

    fn begin(&mut self, fault: Fault) {
        match fault {
            Fault::Kill(name) => drop(self.nodes.insert(name, None)),
            Fault::Pause(name) => self.signal(name, Signal::SIGSTOP),
            Fault::Cut(name) | Fault::CutChain(name) => self.machines.cut(name).unwrap(),
            Fault::StopChain => self.machines.cut("chain").unwrap(),
            Fault::FillDisk | Fault::Reorganize(_) => {}
        }
    }

    fn end(&mut self, fault: Fault) {
        match fault {
            Fault::Kill(name) => self.start_node(name),
            Fault::Pause(name) => self.signal(name, Signal::SIGCONT),
            Fault::Cut(name) | Fault::CutChain(name) => self.machines.heal(name).unwrap(),
            Fault::StopChain => self.machines.heal("chain").unwrap(),
            Fault::FillDisk | Fault::Reorganize(_) => {}
        }
    }

    fn signal(&self, name: &str, what: Signal) {
        let node = self.nodes[name].as_ref().unwrap();
        kill(Pid::from_raw(node.0.id().cast_signed()), what).unwrap();
    }

    /// No node has ended by itself.
    pub fn require_all_alive(&mut self) {
        for (name, node) in &mut self.nodes {
            let ended = node.as_mut().unwrap().0.try_wait().unwrap();
            let log = || std::fs::read_to_string(self.folder.path().join(format!("{name}.log"))).unwrap_or_default();
            assert!(ended.is_none(), "{name} ended by itself with {ended:?}: {}", log());
        }
    }

    /// Calls the app from the user's machine until it is told to stop; what came of it.
    pub fn load(&self, stop: oneshot::Receiver<()>) -> impl Future<Output = Verdict> + use<> {
        let (folder, rpc) = (self.folder.path().to_owned(), self.rpc());
        let gateway: Address = self.account(GATEWAY).parse().unwrap();
        let work = self.machines.on("user", move || async move {
            let deployment = Deployment::load(&folder.join("deployment.json")).unwrap();
            let network = Network::new(Chain::connect(&client::Config::at(&rpc)).await.unwrap(), deployment).unwrap();
            let endpoint = network.endpoint(&network.view().await.unwrap(), gateway).await.unwrap().unwrap();
            let client = Client::pinned(&endpoint, network.deployment().domain(), true).unwrap();
            let password = PasswordSource::File(folder.join("password")).read().unwrap();
            let signer = keys::read_ecdsa(&folder.join("deployer.json"), &password).unwrap();
            let app = std::fs::read(folder.join("app/.vouch-app.json")).unwrap();
            let clients = Clients::start_with(&client, serde_json::from_slice(&app).unwrap(), &signer);
            stop.await.unwrap();
            let outcomes = clients.stop().await;
            Verdict::of(&outcomes, &network).await.unwrap()
        });
        async move { work.await.unwrap() }
    }

    /// What `vouch network status` says of a machine: none if it can be used.
    pub fn trouble(&self, name: &str) -> Option<String> {
        self.status(name)?["error"].as_str().map(str::to_owned)
    }

    pub fn status(&self, name: &str) -> Option<Value> {
        let output = self.vouch(&["network", "status"]);
        let machines: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap_or_default();
        machines.into_iter().find(|machine| machine["name"] == name)
    }

    pub async fn wait_until_all_answer(&self) {
        wait_for("all machines", async || self.vouch(&["network", "status"]).status.success()).await;
    }
}

fn logged(mut command: Command, log: &Path) -> Child {
    let file = std::fs::File::create(log).unwrap();
    command.stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap()
}

pub fn json_of(output: &Output, arguments: &[&str]) -> Value {
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}
