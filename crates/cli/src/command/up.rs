use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::select_all;
use vouch_chain::anvil::{self, Mining};
use vouch_node::adversary::{Adversary, Role};

use crate::command::doctor::INSTALL_ANVIL;
use crate::command::node::stop_signal;
use crate::failure::Failure;
use crate::local::accounts::{self, Account, OPERATORS_MAX};
use crate::local::adversary::Liar;
use crate::local::cloud::{AccountEntry, CLOUD_FILE, Cloud, Folder, NodeEntry, VERSION, unwritable};
use crate::local::config::{self, DEPLOYMENT_FILE, Node, PASSWORD_FILE, keystore_of};
use crate::local::process::{Logs, Process, free_ports};
use crate::local::setup;
use crate::output::Output;

/// How long a node may take until it answers.
const NODE_TIMEOUT: Duration = Duration::from_secs(60);
/// The name of the chain's process.
const CHAIN: &str = "chain";
/// The name of a liar's process, unless it has a node's place and name.
const ADVERSARY: &str = "adversary";
/// What to do when a process of the cloud fails.
const LOOK: &str = "look at its log: above, or in the folder's logs; `vouch doctor` checks this machine";
const NODE_POLL: Duration = Duration::from_millis(100);

/// Run a whole local cloud: chain, contracts, operators with unequal stake, and a gateway
///
/// Every start is fresh: what an earlier cloud left in the folder is removed. Runs until Ctrl-C.
#[derive(clap::Args)]
pub struct Arguments {
    /// The cloud's folder
    #[arg(long, value_name = "DIR", default_value = ".vouch")]
    dir: PathBuf,
    /// Write the logs of the cloud's processes to DIR/logs instead of showing them
    #[arg(long)]
    quiet: bool,
    /// Go on when a process of the cloud ends, the chain included (for drills that stop them and start them again)
    #[arg(long)]
    keep_going: bool,
    /// The OpenTelemetry collector that all nodes send their spans to, as http://127.0.0.1:4318
    #[arg(long, value_name = "URL")]
    otlp: Option<String>,
    #[arg(long, value_name = "NAME", help = WITH_ADVERSARY, long_help = adversary_help())]
    with_adversary: Option<Adversary>,
    /// How many operators
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=OPERATORS_MAX as i64))]
    operators: u8,
}

/// What `--with-adversary` does, in a line.
const WITH_ADVERSARY: &str = "Let one role lie and watch the lie fail; implies --keep-going (--help lists the names)";

fn adversary_help() -> String {
    format!("Let one role lie and watch the lie fail; implies --keep-going. The names:\n{}", Adversary::list())
}

pub async fn run(mut arguments: Arguments, output: &Output) -> Result<(), Failure> {
    let stop = stop_signal()?;
    tokio::pin!(stop);
    let liar = arguments.with_adversary.map(Liar::find).transpose()?;
    // Some liars end, and some end the node that they lie to.
    arguments.keep_going |= liar.is_some();
    let folder = Folder::prepare(&arguments.dir)?;
    let mut processes = Vec::new();
    let started = tokio::select! {
        started = start(&arguments, liar.as_ref(), folder.path(), &mut processes, output) => {
            started.map(|cloud| announce(&cloud, liar.as_ref(), folder.path(), output))
        }
        _ = &mut stop => return stop_all(processes, output, Ok(())).await,
    };
    if let Err(failure) = started {
        return stop_all(processes, output, Err(failure)).await;
    }
    let ended = tokio::select! {
        failure = watch(&mut processes, arguments.keep_going, output) => Err(failure),
        _ = &mut stop => Ok(()),
    };
    stop_all(processes, output, ended).await
}

/// Returns when a process ended; with `keep_going` that is said, and the cloud goes on.
async fn watch(processes: &mut Vec<Process>, keep_going: bool, output: &Output) -> Failure {
    while !processes.is_empty() {
        let (what, index, _) = select_all(processes.iter_mut().map(|process| process.ended().boxed())).await;
        if !keep_going {
            return Failure::host(what, LOOK);
        }
        output.say(what);
        processes.remove(index);
    }
    // Somebody else runs them now.
    std::future::pending().await
}

/// Nodes end before the chain that they read.
async fn stop_all(mut processes: Vec<Process>, output: &Output, result: Result<(), Failure>) -> Result<(), Failure> {
    output.say("stopping the cloud");
    while let Some(process) = processes.pop() {
        process.stop().await;
    }
    result
}

async fn start(
    arguments: &Arguments,
    liar: Option<&Liar>,
    folder: &Path,
    processes: &mut Vec<Process>,
    output: &Output,
) -> Result<Cloud, Failure> {
    let accounts = accounts::accounts(usize::from(arguments.operators));
    setup::write_keys(folder, &accounts)?;
    // One for the chain and one before it; for the gateway and each operator one for calls and one for metrics.
    let ports = free_ports(2 + 2 * (usize::from(arguments.operators) + 1))?;
    let rpc = format!("http://127.0.0.1:{}", ports[0]);

    output.say("starting the chain");
    let logs = Logs::new(folder, arguments.quiet)?;
    processes.push(spawn_chain(arguments, folder, ports[0], &logs)?);
    let chain_pid = processes[0].id().unwrap_or_default();
    let chain = watched(setup::connect(&rpc), processes).await?;
    output.say("deploying contracts and staking");
    watched(setup::populate(&chain, folder, &accounts), processes).await?;

    let nodes = config::nodes(&accounts, &ports[2..]);
    config::write(folder, &rpc, &nodes, arguments.otlp.as_deref())?;
    if let Some((liar, misled)) = liar.and_then(|liar| Some((liar, nodes.iter().find(|n| liar.misleads(&n.name))?))) {
        processes.push(Process::spawn(ADVERSARY, liar.program(), &liar.before_chain(&rpc, ports[1]), &logs)?);
        let lying = format!("http://127.0.0.1:{}", ports[1]);
        config::write_node(folder, &lying, misled, &nodes, arguments.otlp.as_deref())?;
    }
    output.say(format!("starting {} nodes", nodes.len()));
    let mut pids = BTreeMap::new();
    for node in &nodes {
        let process = spawn_node(folder, node, liar, &logs)?;
        pids.insert(node.name.clone(), process.id().unwrap_or_default());
        processes.push(process);
    }
    // Whether a node that is lied to about the chain ever serves is the liar's doing.
    let honest = nodes.iter().filter(|node| liar.is_none_or(|liar| !liar.misleads(&node.name)));
    wait_for(honest, processes, liar.is_some()).await?;

    let misled = nodes.iter().find(|node| liar.is_some_and(|liar| liar.misleads(&node.name)));
    let misled = misled.map(|node| node.name.clone());
    let cloud = Cloud { misled, ..describe(&rpc, chain_pid, &accounts, &nodes, &pids) };
    cloud.save(folder)?;
    if let Some(liar) = liar.filter(|liar| liar.adversary.role == Role::Client) {
        processes.push(Process::spawn(ADVERSARY, liar.program(), &liar.as_client(folder, &cloud.gateway), &logs)?);
    }
    Ok(cloud)
}

fn spawn_chain(arguments: &Arguments, folder: &Path, port: u16, logs: &Logs) -> Result<Process, Failure> {
    let chain = folder.join(CHAIN);
    std::fs::create_dir_all(chain.join("old-states")).map_err(|error| unwritable(&chain, &error))?;
    let binary = anvil::find_binary().ok_or_else(|| {
        Failure::host(
            format!(
                "anvil, the local chain, was found neither in {} nor on PATH nor in node_modules",
                anvil::BINARY_VARIABLE
            ),
            format!("run `{INSTALL_ANVIL}`"),
        )
    })?;
    // Drills end the chain and start it again with what it had.
    let state = arguments.keep_going.then(|| chain.join("state.json"));
    let options = anvil::Options { mining: Mining::EverySecond, port, cache: chain.join("old-states"), state };
    // It logs every request; its errors reach whoever sent the request.
    let arguments = options.arguments().into_iter().chain(["--quiet".to_owned()]).collect::<Vec<_>>();
    Process::spawn(CHAIN, &binary, &arguments, logs)
}

fn spawn_node(folder: &Path, node: &Node, liar: Option<&Liar>, logs: &Logs) -> Result<Process, Failure> {
    if let Some(liar) = liar.filter(|liar| liar.replaces(&node.name)) {
        let arguments = liar.in_place_of(&folder.join(node.config_file()));
        return Process::spawn(&node.name, liar.program(), &arguments, logs);
    }
    let binary = std::env::current_exe()
        .map_err(|error| Failure::host(format!("this program cannot be found: {error}"), "install it again"))?;
    let config = folder.join(node.config_file());
    Process::spawn(&node.name, &binary, &["node".to_owned(), "--config".to_owned(), config.display().to_string()], logs)
}

/// Does `work` unless a process of the cloud ends first.
async fn watched<T>(work: impl Future<Output = Result<T, Failure>>, processes: &mut [Process]) -> Result<T, Failure> {
    let children = select_all(processes.iter_mut().map(|process| process.ended().boxed()));
    tokio::select! {
        done = work => done,
        (what, _, _) = children => Err(Failure::host(what, LOOK)),
    }
}

/// Waits until all `nodes` answer. Where a liar may end a process, only the wait's own end is a failure.
async fn wait_for(nodes: impl Iterator<Item = &Node>, processes: &mut [Process], may_end: bool) -> Result<(), Failure> {
    let all_answer = async {
        let deadline = Instant::now() + NODE_TIMEOUT;
        for node in nodes {
            while let Err(error) = reqwest::get(format!("{}/v1/status", node.url())).await {
                if Instant::now() >= deadline {
                    return Err(Failure::node(format!("{} does not answer: {error}", node.name), LOOK));
                }
                tokio::time::sleep(NODE_POLL).await;
            }
        }
        Ok(())
    };
    if may_end { all_answer.await } else { watched(all_answer, processes).await }
}

fn describe(rpc: &str, chain_pid: u32, accounts: &[Account], nodes: &[Node], pids: &BTreeMap<String, u32>) -> Cloud {
    let account = |account: &Account| {
        (account.name.clone(), AccountEntry { address: account.signer.address(), keystore: keystore_of(&account.name) })
    };
    let node = |node: &Node| {
        let pid = pids.get(&node.name).copied().unwrap_or_default();
        (
            node.name.clone(),
            NodeEntry {
                address: node.address,
                url: node.url(),
                pid,
                config: node.config_file(),
                metrics: node.metrics_url(),
            },
        )
    };
    Cloud {
        version: VERSION,
        rpc: rpc.to_owned(),
        chain_pid,
        gateway: nodes.iter().find(|node| node.name == "gateway").map(Node::url).unwrap_or_default(),
        deployment: DEPLOYMENT_FILE.into(),
        password_file: PASSWORD_FILE.into(),
        accounts: accounts.iter().map(account).collect(),
        nodes: nodes.iter().map(node).collect(),
        misled: None,
    }
}

fn announce(cloud: &Cloud, liar: Option<&Liar>, folder: &Path, output: &Output) {
    output.data(cloud, |cloud| {
        let file = folder.join(CLOUD_FILE);
        let operators = cloud.nodes.len() - 1;
        let liar = liar.map(|liar| format!("{}\n", liar.describe())).unwrap_or_default();
        format!(
            "{liar}The cloud is ready: {operators} operators and a gateway.\n  chain    {}\n  gateway  {}\n  cloud    {}\nTry `vouch app init hello && vouch app deploy hello` in another terminal. Ctrl-C stops it.",
            cloud.rpc,
            cloud.gateway,
            file.display()
        )
    });
}
