//! A cloud whose roles share nothing but a network: each runs in a network namespace of its own, is set up with
//! `vouch network`, and is found and believed by what stands on chain.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use vouch_chain::anvil;
use vouch_testkit::cloud::vouch_binary;
use vouch_testkit::machines::Machines;

use crate::world::wait_for;

const OPERATORS: [&str; 3] = ["operator-1", "operator-2", "operator-3"];
const PORT: u16 = 7000;

/// Ends with the story, however that ends.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

struct Net {
    machines: Machines,
    folder: TempDir,
    vouch: PathBuf,
    _chain: Process,
}

impl Net {
    /// A chain on a machine of its own, and nothing on the others.
    async fn start() -> Self {
        let mut names = vec!["chain", "gateway-1", "user"];
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
        let net = Self { machines, folder, vouch: vouch_binary().unwrap(), _chain: chain };
        wait_for("the chain", async || net.vouch(&["network", "init", "--rpc", &net.rpc()]).status.success()).await;
        net
    }

    fn rpc(&self) -> String {
        format!("http://{}:8545", self.machines.address("chain").unwrap())
    }

    fn url(&self, machine: &str, port: u16) -> String {
        format!("https://{}:{port}", self.machines.address(machine).unwrap())
    }

    /// `vouch --json` on the user's machine, in the network's folder.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.machines.command("user", &self.vouch);
        command.current_dir(self.folder.path()).arg("--json").args(arguments);
        command
    }

    fn vouch(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What a command that succeeds prints.
    fn json(&self, arguments: &[&str]) -> Value {
        json_of(&self.vouch(arguments), arguments)
    }

    /// A command about an app, as whoever is not on any of the cloud's machines has to say it.
    fn app(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(arguments);
        command.env("VOUCH_RPC", self.rpc()).env("VOUCH_DEPLOYMENT", "deployment.json");
        command.env("VOUCH_PRIVATE_PEERS", "true");
        command.env("VOUCH_KEYSTORE", "deployer.json").env("VOUCH_PASSWORD_FILE", "password");
        command.output().unwrap()
    }

    fn call(&self, payload: &str) {
        let arguments = ["app", "call", "app", "--payload", payload, "--receipt", "receipt.json"];
        json_of(&self.app(&arguments), &arguments);
        let arguments = ["receipt", "verify", "receipt.json"];
        json_of(&self.app(&arguments), &arguments);
    }

    fn account(&self, machine: &str) -> String {
        let machine = self.status(machine).unwrap();
        machine["account"].as_str().unwrap().to_owned()
    }

    /// Adds a machine, after the same command was killed at several moments.
    async fn add(&self, role: &str, name: &str) {
        let url = self.url(name, PORT);
        let arguments = ["network", "add", role, name, "--url", &url, "--private-peers"];
        self.run_with_kills(&arguments).await;
    }

    /// Runs a command to its end after it was killed again and again, each time a little later.
    async fn run_with_kills(&self, arguments: &[&str]) {
        for milliseconds in [20, 60, 120] {
            let mut child = self.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            child.kill().unwrap();
            child.wait().unwrap();
        }
        self.json(arguments);
    }

    /// Starts a machine's node from the folder that `vouch network add` made for it.
    fn start_node(&self, name: &str) -> Process {
        let mut command = self.machines.command(name, &self.vouch);
        command.args(["node", "--config"]).arg(self.folder.path().join(name).join("node.toml"));
        Process(logged(command, &self.folder.path().join(format!("{name}.log"))))
    }

    /// What `vouch network status` says of a machine: none if it can be used.
    fn trouble(&self, name: &str) -> Option<String> {
        self.status(name)?["error"].as_str().map(str::to_owned)
    }

    fn status(&self, name: &str) -> Option<Value> {
        let output = self.vouch(&["network", "status"]);
        let machines: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap_or_default();
        machines.into_iter().find(|machine| machine["name"] == name)
    }

    async fn wait_until_all_answer(&self) {
        wait_for("all machines", async || self.vouch(&["network", "status"]).status.success()).await;
    }
}

fn logged(mut command: Command, log: &Path) -> Child {
    let file = std::fs::File::create(log).unwrap();
    command.stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap()
}

fn json_of(output: &Output, arguments: &[&str]) -> Value {
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}

/// An app that greets, with a lane at the gateway, and three operators of which two must sign.
fn deploy(net: &Net) {
    net.json(&["app", "init", "app"]);
    let gateway = net.account("gateway-1");
    let mut arguments = vec!["app", "deploy", "app", "--operators", "3", "--threshold-bips", "6000"];
    // From here on the chain says who has a lane of the app.
    arguments.extend(["--gateway", &gateway]);
    json_of(&net.app(&arguments), &arguments);
}

#[tokio::test]
async fn machines_that_share_a_network_alone_find_and_believe_each_other_by_the_chain() {
    if let Some(reason) = Machines::unavailable() {
        eprintln!("not run: {reason}");
        return;
    }
    vouch_testkit::prepare();
    let net = Net::start().await;
    net.run_with_kills(&["network", "deploy"]).await;
    // Addresses follow from the deployer's nonces: had anything been deployed twice, all that follows would stand elsewhere.
    let deployed = net.json(&["network", "deploy"]);
    assert_eq!(deployed["firstNonce"], 0, "a deployment that was cut off began again");
    assert_eq!(deployed, net.json(&["network", "deploy"]));
    net.add("gateway", "gateway-1").await;
    for operator in OPERATORS {
        net.add("operator", operator).await;
    }
    let mut nodes: Vec<_> = ["gateway-1"].iter().chain(&OPERATORS).map(|name| net.start_node(name)).collect();
    net.wait_until_all_answer().await;
    deploy(&net);
    net.call("anybody");

    // A machine that the network lost is not missed, and takes part again when it is back.
    net.machines.cut("operator-2").unwrap();
    net.call("without operator-2");
    assert!(net.trouble("operator-2").is_some());
    net.machines.heal("operator-2").unwrap();
    net.machines.cut("operator-3").unwrap();
    net.call("without operator-3");
    net.machines.heal("operator-3").unwrap();
    net.wait_until_all_answer().await;

    a_stolen_address_is_not_believed(&net, &mut nodes).await;
    a_key_changes_while_the_machine_is_called(&net, &mut nodes).await;
    a_machine_moves(&net, &mut nodes).await;
}

/// A node with another key at an operator's address and port: nobody talks to it.
async fn a_stolen_address_is_not_believed(net: &Net, nodes: &mut [Process]) {
    let key = net.folder.path().join("operator-3/transport-key.pem");
    let kept = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    // It makes a key of its own when it finds none.
    restart(net, nodes, "operator-3");
    wait_for("the impostor", async || net.trouble("operator-3").is_some_and(|said| !said.contains("refused"))).await;
    net.call("two of three");
    std::fs::write(&key, kept).unwrap();
    restart(net, nodes, "operator-3");
    net.wait_until_all_answer().await;
}

async fn a_key_changes_while_the_machine_is_called(net: &Net, nodes: &mut [Process]) {
    let folder = net.folder.path().join("operator-1");
    let begun = net.json(&["network", "rotate", "operator-1"]);
    net.wait_until_all_answer().await;
    net.call("with the old key");
    std::fs::copy(folder.join("transport-key-next.pem"), folder.join("transport-key.pem")).unwrap();
    restart(net, nodes, "operator-1");
    net.wait_until_all_answer().await;
    let finished = net.json(&["network", "rotate", "operator-1", "--finish"]);
    assert_eq!(begun["transportKey"], finished["transportKey"]);
    net.wait_until_all_answer().await;
    // Only with operator-1 is there a quorum.
    net.machines.cut("operator-3").unwrap();
    net.call("with the new key alone");
    net.machines.heal("operator-3").unwrap();
}

async fn a_machine_moves(net: &Net, nodes: &mut [Process]) {
    let (old, new) = (format!(":{PORT}"), format!(":{}", PORT + 1));
    let file = net.folder.path().join("operator-2/node.toml");
    std::fs::write(&file, std::fs::read_to_string(&file).unwrap().replace(&old, &new)).unwrap();
    restart(net, nodes, "operator-2");
    let url = net.url("operator-2", PORT + 1);
    net.json(&["network", "add", "operator", "operator-2", "--url", &url, "--private-peers"]);
    net.wait_until_all_answer().await;
    net.machines.cut("operator-3").unwrap();
    net.call("at its new place");
}

/// Kills a machine's node and starts it again.
fn restart(net: &Net, nodes: &mut [Process], operator: &str) {
    let position = 1 + OPERATORS.iter().position(|known| *known == operator).unwrap();
    nodes[position].0.kill().unwrap();
    nodes[position].0.wait().unwrap();
    nodes[position] = net.start_node(operator);
}
