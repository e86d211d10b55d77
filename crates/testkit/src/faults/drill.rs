//! The cloud of a drill: its nodes and its chain are this process's own children, behind links that can be cut.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use alloy_primitives::Address;
use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::Child;
use vouch_chain::Chain;
use vouch_chain::anvil::{Anvil, Instance, Mining, Options};
use vouch_node::config::Config;

use super::disk::Disk;
use super::link::Link;
use super::schedule::{Edge, Fault, Schedule};
use crate::cloud::{Cloud, vouch_binary};

pub const GATEWAY: &str = "gateway";
pub const OPERATORS: [&str; 4] = ["operator-1", "operator-2", "operator-3", "operator-4"];
/// Whose disk is filled: no quorum needs it.
pub const DISK_NODE: &str = "operator-4";
/// How long a node may take until it answers once everything is healed.
const HEAL_TIMEOUT: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(100);
/// From the newest final block's time to one that no block has.
const TIME_GAP_SECONDS: u64 = 10;
const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// A cloud to which faults are done.
pub struct Drill {
    pub cloud: Cloud,
    nodes: BTreeMap<&'static str, Node>,
    chain: Option<Instance>,
    chain_options: Options,
    disk: Option<Disk>,
    /// What ended although nobody had ended it.
    pub deaths: Vec<String>,
}

struct Node {
    /// None while it is killed.
    process: Option<Child>,
    /// Where others reach it.
    link: Link,
    /// How it reaches the chain.
    chain: Link,
    starts: u32,
    /// Its disk has been full since it was started, so that it may end.
    may_end: bool,
}

impl Drill {
    /// Takes over the processes of `cloud`, which must go on without them.
    pub async fn take_over(cloud: Cloud) -> Result<Self> {
        let chain_port = port_of(&cloud.description.rpc)?;
        let folder = cloud.chain_folder();
        let chain_options = Options {
            mining: Mining::EverySecond,
            port: chain_port,
            cache: folder.join("old-states"),
            state: Some(folder.join("state.json")),
        };
        let mut drill =
            Self { cloud, nodes: BTreeMap::new(), chain: None, chain_options, disk: None, deaths: Vec::new() };
        for name in OPERATORS.into_iter().chain([GATEWAY]) {
            drill.adopt(name).await?;
        }
        drill.wait_all_serve().await?;
        Ok(drill)
    }

    /// Whether there is a disk to fill; where there is none, that is said.
    pub fn has_disk(&self) -> bool {
        self.disk.is_some()
    }

    /// Puts the node behind links and starts it again.
    async fn adopt(&mut self, name: &'static str) -> Result<()> {
        self.cloud.stop_node(name).await?;
        let file = self.cloud.config_file(name)?;
        let config = Config::load(&file)?;
        if name == DISK_NODE {
            self.disk =
                Disk::mount(&config.data_dir).inspect_err(|error| println!("no disk is filled: {error:#}")).ok();
        }
        let own = free_address()?;
        let link = Link::new(config.listen.parse()?, own).await?;
        let chain = Link::new(LOOPBACK, SocketAddr::new(LOOPBACK.ip(), self.chain_options.port)).await?;
        let text = std::fs::read_to_string(&file)?;
        let text = replace_value(&text, "listen", &own.to_string())?;
        let text = replace_value(&text, "rpc", &format!("http://{}", chain.address()))?;
        std::fs::write(&file, text)?;
        self.nodes.insert(name, Node { process: None, link, chain, starts: 0, may_end: false });
        self.spawn(name)
    }

    /// Does to the cloud what `schedule` says; returns when the last fault has ended.
    pub async fn run(&mut self, schedule: &Schedule) -> Result<()> {
        let start = Instant::now();
        for (at, edge) in schedule.edges() {
            tokio::time::sleep((start + at).saturating_duration_since(Instant::now())).await;
            self.look();
            println!("{:>6.1} s  {edge}", start.elapsed().as_secs_f64());
            match edge {
                Edge::Begin(fault) => self.begin(fault).await,
                Edge::End(fault) => self.end(fault).await,
            }
            .with_context(|| edge.to_string())?;
        }
        self.look();
        Ok(())
    }

    /// Waits until every node serves, starting those again that a full disk has ended.
    pub async fn wait_all_serve(&mut self) -> Result<()> {
        let (deadline, http) = (Instant::now() + HEAL_TIMEOUT, reqwest::Client::builder().no_proxy().build()?);
        for name in OPERATORS.into_iter().chain([GATEWAY]) {
            let url = format!("{}/v1/status", self.cloud.node(name)?.url);
            while http.get(&url).timeout(Duration::from_secs(2)).send().await.is_err() {
                ensure!(Instant::now() < deadline, "{name} does not serve after {} s", HEAL_TIMEOUT.as_secs());
                self.look();
                if self.node(name)?.process.is_none() {
                    self.spawn(name)?;
                }
                tokio::time::sleep(POLL).await;
            }
        }
        self.wait_chain(deadline).await?;
        self.look();
        Ok(())
    }

    /// A chain that was just started has its blocks, and the states of the newest to come.
    async fn wait_chain(&self, deadline: Instant) -> Result<()> {
        let network = self.cloud.network().await?;
        while let Err(error) = network.view().await?.balance(Address::ZERO).await {
            ensure!(Instant::now() < deadline, "the chain is of no use: {error}");
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Asks all nodes to end, and waits: their stores can be read then.
    pub async fn stop_nodes(&mut self) -> Result<()> {
        self.look();
        for (name, node) in &mut self.nodes {
            let Some(mut process) = node.process.take() else { continue };
            signal(&process, Signal::SIGTERM)?;
            let ended = tokio::time::timeout(HEAL_TIMEOUT, process.wait()).await;
            ended.with_context(|| format!("{name} does not stop"))??;
        }
        Ok(())
    }

    /// Ends everything, and gives back the folder's disk.
    pub async fn stop(mut self) -> Result<()> {
        self.stop_nodes().await?;
        self.stop_chain().await?;
        drop(self.disk.take());
        self.cloud.stop().await
    }

    async fn begin(&mut self, fault: Fault) -> Result<()> {
        match fault {
            Fault::Kill(name) => self.kill(name).await?,
            Fault::Pause(name) => self.signal(name, Signal::SIGSTOP)?,
            Fault::Cut(name) => self.node(name)?.link.cut(),
            Fault::CutChain(name) => self.node(name)?.chain.cut(),
            Fault::FillDisk => {
                self.node(DISK_NODE)?.may_end = true;
                self.disk()?.fill()?;
            }
            Fault::StopChain => self.stop_chain().await?,
            Fault::Reorganize(blocks) => {
                let network = self.cloud.network().await?;
                match Anvil::of(network.chain()).await?.reorganize(blocks).await {
                    // A chain that was just started again has no states of the blocks before.
                    Err(vouch_chain::Error::Rpc { message, .. }) => {
                        println!("        not done: {message}");
                        return Ok(());
                    }
                    done => done?,
                }
            }
        }
        Ok(())
    }

    async fn end(&mut self, fault: Fault) -> Result<()> {
        match fault {
            Fault::Kill(name) => self.spawn(name)?,
            Fault::Pause(name) => self.signal(name, Signal::SIGCONT)?,
            Fault::Cut(name) => self.node(name)?.link.heal(),
            Fault::CutChain(name) => self.node(name)?.chain.heal(),
            Fault::FillDisk => {
                self.disk()?.empty()?;
                if self.node(DISK_NODE)?.process.is_none() {
                    self.spawn(DISK_NODE)?;
                }
            }
            Fault::StopChain => {
                keep_one_genesis(&self.cloud.chain_folder().join("state.json"))?;
                let chain = Instance::start_with(&self.chain_options).await?;
                keep_time(&chain.connect().await?).await?;
                self.chain = Some(chain);
            }
            Fault::Reorganize(_) => {}
        }
        Ok(())
    }

    async fn kill(&mut self, name: &'static str) -> Result<()> {
        // It may have ended by itself, which has been written down.
        let Some(mut process) = self.node(name)?.process.take() else { return Ok(()) };
        Ok(process.kill().await?)
    }

    fn signal(&mut self, name: &'static str, what: Signal) -> Result<()> {
        self.node(name)?.process.as_ref().map_or(Ok(()), |process| signal(process, what))
    }

    /// The first time it is the cloud's own process that ends.
    async fn stop_chain(&mut self) -> Result<()> {
        let Some(mut chain) = self.chain.take() else { return self.cloud.stop_chain().await };
        if let Some(pid) = chain.pid() {
            kill(Pid::from_raw(pid.cast_signed()), Signal::SIGTERM)?;
        }
        let ended = tokio::time::timeout(HEAL_TIMEOUT, chain.ended()).await;
        Ok(ended.context("the chain does not stop")??)
    }

    fn spawn(&mut self, name: &'static str) -> Result<()> {
        let mut command = std::process::Command::new(vouch_binary()?);
        command.args(["node", "--config"]).arg(self.cloud.config_file(name)?);
        let starts = self.node(name)?.starts + 1;
        let process = self.cloud.spawn_logged(command, &format!("{name}-{starts}"))?;
        let node = self.node(name)?;
        (node.process, node.starts, node.may_end) = (Some(process), starts, false);
        Ok(())
    }

    /// Writes down what has ended by itself.
    fn look(&mut self) {
        for (name, node) in &mut self.nodes {
            let ended: Option<ExitStatus> = node.process.as_mut().and_then(|process| process.try_wait().ok().flatten());
            let Some(status) = ended else { continue };
            node.process = None;
            let log = std::fs::read_to_string(self.cloud.log_file(&format!("{name}-{}", node.starts)));
            let log = log.unwrap_or_default();
            let last: Vec<_> = log.lines().rev().take(3).collect();
            let death = format!("{name} ended by itself with {status}: {}", last.join(" / "));
            println!("{death}");
            if !node.may_end {
                self.deaths.push(death);
            }
        }
    }

    fn node(&mut self, name: &'static str) -> Result<&mut Node> {
        self.nodes.get_mut(name).with_context(|| format!("there is no {name}"))
    }

    fn disk(&self) -> Result<&Disk> {
        self.disk.as_ref().context("there is no disk to fill")
    }
}

fn signal(process: &Child, what: Signal) -> Result<()> {
    let pid = process.id().context("it has ended")?;
    Ok(kill(Pid::from_raw(pid.cast_signed()), what)?)
}

/// Anvil makes a genesis block of its own at each start and writes it down beside the one that it has read; which of the
/// two counts the next time is left to chance. The first is the oldest.
fn keep_one_genesis(state: &Path) -> Result<()> {
    let text = std::fs::read_to_string(state).with_context(|| state.display().to_string())?;
    let mut state_of: serde_json::Value = serde_json::from_str(&text)?;
    let blocks = state_of["blocks"].as_array_mut().context("the chain's state has no blocks")?;
    let number = |block: &serde_json::Value, name: &str| {
        let text = block["header"][name].as_str().unwrap_or_default();
        u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap_or(u64::MAX)
    };
    let is_genesis = |block: &serde_json::Value| number(block, "number") == 0;
    let first = blocks.iter().filter(|block| is_genesis(block)).map(|block| number(block, "timestamp")).min();
    blocks.retain(|block| !is_genesis(block) || Some(number(block, "timestamp")) == first);
    Ok(std::fs::write(state, serde_json::to_vec(&state_of)?)?)
}

/// Anvil starts at the machine's time, which lies behind that of a chain whose blocks were mined faster than seconds pass;
/// no real chain's time goes back.
async fn keep_time(chain: &Chain) -> Result<()> {
    let newest_final = chain.finalized().await?.block().timestamp;
    Ok(Anvil::of(chain).await?.set_next_time(newest_final + TIME_GAP_SECONDS).await?)
}

/// The configuration with another value of a key that it has once.
fn replace_value(text: &str, key: &str, value: &str) -> Result<String> {
    let start = format!("{key} = ");
    let line = text.lines().find(|line| line.starts_with(&start)).with_context(|| format!("there is no {key}"))?;
    Ok(text.replacen(line, &format!("{start}\"{value}\""), 1))
}

fn port_of(url: &str) -> Result<u16> {
    let port = url.rsplit_once(':').map(|(_, port)| port.trim_end_matches('/'));
    port.and_then(|port| port.parse().ok()).with_context(|| format!("{url} names no port"))
}

/// An address of this machine that was free a moment ago.
fn free_address() -> Result<SocketAddr> {
    Ok(std::net::TcpListener::bind(LOOPBACK)?.local_addr()?)
}
