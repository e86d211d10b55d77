//! The cloud of one seed: nodes with their disks, and what starts, ends and feeds them.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use rand::Rng;
use tokio::sync::mpsc;
use vouch_compute::driver::{HostFailure, Loaded, Outcome, RunInput, Status};
use vouch_compute::executor::{self, Executor, Keys, Programs};
use vouch_compute::gateway::{self, Gateway, Wish};
use vouch_compute::machine::Machine;
use vouch_core::{AppId, ProgramId};

use crate::cast::*;
use crate::chain::{Chain, Clocks, View};
use crate::disk::{Disk, Image};
use crate::history::History;
use crate::network::{Conduct, GATEWAY, Links, Network, Server};
use crate::scheduler::{Process, Scheduler, WORLD};

/// What kind of world a seed makes.
#[derive(Clone, Debug)]
pub struct Plan {
    pub conducts: [Conduct; EXECUTORS],
    /// Whether the gateway's key is also used by somebody who lies.
    pub gateway_lies: bool,
    /// By node.
    pub clocks: [Clocks; EXECUTORS + 1],
    /// Nodes whose finalized clock is off by more than the tolerance.
    pub out_of_time: Vec<usize>,
    /// Whether calls cost something.
    pub priced: bool,
    /// How many requests go into the forced inbox.
    pub forced: u64,
}

impl Plan {
    /// Draws one: most worlds are such that the protocol promises everything in them.
    pub fn draw(scheduler: &Scheduler) -> Self {
        scheduler.random(|random| {
            let mut plan = Self {
                conducts: [Conduct::Honest; EXECUTORS],
                gateway_lies: random.gen_bool(0.35),
                clocks: [Clocks::default(); EXECUTORS + 1],
                out_of_time: Vec::new(),
                priced: random.gen_bool(0.5),
                forced: if random.gen_bool(0.5) { random.gen_range(1..=4) } else { 0 },
            };
            for clocks in &mut plan.clocks {
                *clocks = Clocks { finalized: random.gen_range(-8..=8), machine: random.gen_range(-3..=8) };
            }
            let lie = |random: &mut rand_chacha::ChaCha8Rng| match random.gen_range(0..4) {
                0 => Conduct::WrongResults,
                1 => Conduct::SignsAnything,
                2 => Conduct::Silent,
                _ => Conduct::Garbage,
            };
            match random.gen_range(0..20) {
                // Less than a third of the stake.
                0..=2 => plan.conducts[1] = lie(random),
                3..=4 => (plan.conducts[2], plan.conducts[3]) = (lie(random), lie(random)),
                5..=6 => plan.conducts[2] = lie(random),
                // More than a third: nothing need come about.
                7 => plan.conducts[0] = lie(random),
                // The threshold: only what the honest say of themselves holds.
                8 => (plan.conducts[0], plan.conducts[1]) = (lie(random), lie(random)),
                9..=10 => {
                    let node = random.gen_range(1..EXECUTORS);
                    plan.clocks[node].finalized = if random.gen_bool(0.5) { 60 } else { -60 };
                    plan.out_of_time.push(node);
                }
                _ => {}
            }
            plan
        })
    }

    pub fn is_honest(&self, node: usize) -> bool {
        self.conducts[node] == Conduct::Honest
    }

    /// Weight of those who lie.
    pub fn lying(&self) -> u64 {
        (0..EXECUTORS).filter(|node| !self.is_honest(*node)).map(|node| WEIGHTS[node]).sum()
    }

    /// Whether so few lie that no two thirds can contradict each other.
    pub fn is_safe(&self) -> bool {
        self.lying() < 2 * THRESHOLD - 1_000
    }

    /// Whether two thirds are honest and know the time, and the gateway is honest: then everything must come about.
    pub fn is_live(&self) -> bool {
        let good = |node: &usize| self.is_honest(*node) && !self.out_of_time.contains(node);
        let weight: u64 = (0..EXECUTORS).filter(good).map(|node| WEIGHTS[node]).sum();
        weight >= THRESHOLD && !self.gateway_lies
    }
}

/// One node over all its lives.
pub struct Node {
    pub disk: Arc<Disk>,
    state: Mutex<Life>,
}

#[derive(Default)]
struct Life {
    view: Option<Arc<View>>,
    /// Until when every start is with the operator's word that the store was replaced.
    word_until: Duration,
    backup: Option<Image>,
    /// Whether its store ever was another's or an older one's.
    replaced: bool,
}

pub struct World {
    pub scheduler: Scheduler,
    pub history: Arc<History>,
    pub chain: Arc<Chain>,
    pub network: Arc<Network>,
    pub plan: Plan,
    /// Executors, then the gateway.
    pub nodes: Vec<Node>,
    processes: Mutex<Process>,
}

impl World {
    pub fn new(seed: u64, verbose: bool) -> Arc<Self> {
        let scheduler = Scheduler::new(seed);
        let history = Arc::new(History::new(verbose));
        let chain = Chain::new(&scheduler, &history);
        let plan = Plan::draw(&scheduler);
        history.note(&scheduler, &format!("seed {seed}: {plan:?}"));
        if plan.priced {
            chain.name_price(PRICE);
        }
        let network = Network::new(&scheduler, &history, &chain, plan.conducts);
        let node = |_| Node { disk: Disk::new(&scheduler), state: Mutex::default() };
        let nodes = (0..=GATEWAY).map(node).collect();
        let world = Self { chain, network, plan, nodes, scheduler, history, processes: Mutex::new(WORLD) };
        Arc::new(world)
    }

    /// Starts a node with what is on its disk.
    pub fn start(&self, node: usize) {
        let process = self.next_process();
        let word = self.scheduler.elapsed() < self.life(node, |life| life.word_until);
        let behind = if self.scheduler.chance(0.25) { self.scheduler.range(0..10) } else { 0 };
        let view = View::new(&self.chain, self.plan.clocks[node], self.scheduler.range(0..3), behind);
        self.life(node, |life| life.view = Some(Arc::clone(&view)));
        let machine = Machine::new(self.scheduler.tasks(process), self.nodes[node].disk.mount(process));
        self.scheduler.spawn(process, Arc::clone(&view).run());
        self.note(&format!("node {node} starts{}", if word { " with its operator's word" } else { "" }));
        let started = if node == GATEWAY {
            self.start_gateway(process, machine, view, word).map_err(|error| error.to_string())
        } else {
            self.start_executor(node, process, machine, view, word).map_err(|error| error.to_string())
        };
        if let Err(error) = started {
            self.history.wrong(format!("node {node} does not start with its own store: {error}"));
        }
    }

    fn start_executor(
        &self,
        node: usize,
        process: Process,
        machine: Machine,
        view: Arc<View>,
        restored: bool,
    ) -> Result<(), executor::Error> {
        let mut config = executor::Config::new(PathBuf::from("/executor"));
        config.concurrency = 2;
        config.time_tolerance_seconds = TIME_TOLERANCE;
        config.peer_timeout = Duration::from_secs(2);
        config.restored = restored;
        let parts = executor::Parts {
            peers: self.links(node, &machine),
            machine,
            chain: view,
            programs: Arc::new(Programme {
                node,
                conduct: self.plan.conducts[node],
                history: Arc::clone(&self.history),
            }),
            srs: srs(),
            keys: Keys { bls: bls_key(node), account: account_key(node) },
        };
        let executor = Executor::open(config, parts)?;
        let (ticking, scheduler) = (executor.clone(), self.scheduler.clone());
        self.scheduler.spawn(process, async move {
            loop {
                ticking.tick().await;
                scheduler.sleep(Duration::from_secs(1)).await;
            }
        });
        self.network.serve(node, process, Server::Executor(executor));
        Ok(())
    }

    fn start_gateway(
        &self,
        process: Process,
        machine: Machine,
        view: Arc<View>,
        restored: bool,
    ) -> Result<(), gateway::Error> {
        let mut config = gateway::Config::new(PathBuf::from("/gateway"));
        config.time_tolerance_seconds = TIME_TOLERANCE;
        config.call_timeout = CALL_TIMEOUT;
        config.execute_timeout = Duration::from_secs(3);
        config.propose_timeout = Duration::from_secs(3);
        config.certify_timeout = Duration::from_secs(3);
        config.skip_after = Duration::from_secs(20);
        config.peer_timeout = Duration::from_secs(2);
        config.restored = restored;
        let (sender, wishes) = mpsc::channel(64);
        let parts = gateway::Parts {
            peers: self.links(GATEWAY, &machine),
            machine: machine.clone(),
            chain: view,
            srs: srs(),
            key: GATEWAY_KEY,
            wishes: sender,
        };
        let gateway = Gateway::open(config, parts)?;
        let (ticking, scheduler) = (gateway.clone(), self.scheduler.clone());
        self.scheduler.spawn(process, async move {
            loop {
                ticking.tick().await;
                scheduler.sleep(Duration::from_secs(1)).await;
            }
        });
        let actor = Actor { gateway: gateway.clone(), chain: Arc::clone(&self.chain), machine, wishes };
        self.scheduler.spawn(process, actor.run());
        self.network.serve(GATEWAY, process, Server::Gateway(gateway));
        Ok(())
    }

    fn links(&self, node: usize, machine: &Machine) -> Arc<Links> {
        Arc::new(Links { network: Arc::clone(&self.network), node, machine: machine.clone() })
    }

    /// Ends a node's life as `kill -9` or, with `power`, as a power loss does. It may have ended already.
    pub fn kill(&self, node: usize, power: bool) {
        let Some((process, server)) = self.network.server(node) else { return self.network.silence(node) };
        let disk = &self.nodes[node].disk;
        if power {
            disk.lose_power()
        } else {
            disk.unmount()
        }
        self.note(&format!("node {node} {}", if power { "loses power" } else { "is killed" }));
        self.scheduler.end(process);
        self.network.silence(node);
        drop(server);
    }

    pub fn is_up(&self, node: usize) -> bool {
        self.network.server(node).is_some()
    }

    /// Keeps a copy of a node's store.
    pub fn back_up(&self, node: usize) {
        let image = self.nodes[node].disk.image();
        self.life(node, |life| life.backup = Some(image));
        self.note(&format!("node {node} is backed up"));
    }

    /// Puts the kept copy, or nothing, in the place of a stopped node's store. `word`: the operator says so at the starts
    /// that follow.
    pub fn replace(&self, node: usize, deleted: bool, word: bool) {
        let backup = self.life(node, |life| life.backup.clone());
        let image = if deleted { Image::new() } else { backup.unwrap_or_default() };
        let until = self.scheduler.elapsed() + WORD;
        self.life(node, |life| {
            life.replaced = true;
            life.word_until = if word { until } else { life.word_until };
        });
        self.nodes[node].disk.restore(&image);
        self.note(&format!("node {node} gets {} store", if image.is_empty() { "an empty" } else { "an old" }));
    }

    pub fn has_backup(&self, node: usize) -> bool {
        self.life(node, |life| life.backup.is_some())
    }

    pub fn was_replaced(&self, node: usize) -> bool {
        self.life(node, |life| life.replaced)
    }

    /// The node's endpoint of the chain stands still for so long.
    pub fn freeze(&self, node: usize, duration: Duration) {
        if let Some(view) = self.life(node, |life| life.view.clone()) {
            view.freeze(duration);
        }
    }

    pub fn gateway(&self) -> Option<Gateway> {
        match self.network.server(GATEWAY) {
            Some((_, Server::Gateway(gateway))) => Some(gateway),
            _ => None,
        }
    }

    pub fn note(&self, what: &str) {
        self.history.note(&self.scheduler, what);
    }

    fn life<T>(&self, node: usize, work: impl FnOnce(&mut Life) -> T) -> T {
        work(&mut self.nodes[node].state.lock().unwrap())
    }

    fn next_process(&self) -> Process {
        let mut process = self.processes.lock().unwrap();
        *process += 1;
        *process
    }
}

/// How long a call waits at most.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(8);
/// How long an operator keeps `restored = true`: longer than finality takes.
const WORD: Duration = Duration::from_secs(25);

/// Does what the gateway wishes for, as the node does.
struct Actor {
    gateway: Gateway,
    chain: Arc<Chain>,
    machine: Machine,
    wishes: mpsc::Receiver<Wish>,
}

impl Actor {
    async fn run(mut self) {
        let timer = self.machine.clone();
        let mut post_at = timer.sleep(POST_INTERVAL).boxed();
        let mut acted = std::collections::BTreeMap::new();
        loop {
            let wish = tokio::select! {
                biased;
                wish = self.wishes.recv() => wish,
                () = &mut post_at => {
                    post_at = timer.sleep(POST_INTERVAL).boxed();
                    self.post().await;
                    continue;
                }
            };
            let Some(wish) = wish else { return };
            // A wish is made again and again until its effect is final.
            let now = self.machine.now();
            let name = format!("{wish:?}");
            if acted.get(&name).is_some_and(|at| now.duration_since(*at) < POST_INTERVAL) {
                continue;
            }
            acted.insert(name, now);
            match wish {
                Wish::Post { .. } => self.post().await,
                Wish::RequestSkip { .. } => self.chain.request_skip(),
                Wish::RefreshTable { .. } => self.chain.refresh_table(),
            }
        }
    }

    async fn post(&self) {
        let (gateway, cursor) = (self.gateway.clone(), self.chain.latest().cursor);
        let work = self.machine.blocking(move || gateway.unposted(LANE, cursor)).await;
        if let Ok(Ok(Some(work))) = work {
            self.chain.post(work);
        }
        let gateway = self.gateway.clone();
        let due = self.machine.blocking(move || gateway.due_charges(LANE, cursor)).await;
        due.into_iter().flatten().flatten().for_each(|due| self.chain.settle(due));
    }
}

const POST_INTERVAL: Duration = Duration::from_secs(3);

/// Reverses; an executor that lies about results appends something.
struct Programme {
    node: usize,
    conduct: Conduct,
    history: Arc<History>,
}

impl Programs for Programme {
    fn load(&self, _: AppId, _: ProgramId) -> Result<Arc<dyn Loaded>, String> {
        Ok(Arc::new(Self { node: self.node, conduct: self.conduct, history: Arc::clone(&self.history) }))
    }
}

impl Loaded for Programme {
    fn run(&self, input: &RunInput<'_>) -> Result<Outcome, HostFailure> {
        self.history.facts(|facts| {
            let request = facts.requests.iter().find(|(_, signed)| *signed.payload == *input.payload);
            let id = request.map(|(id, _)| *id);
            facts.runs.extend(id.map(|id| (self.node, id)));
        });
        let mut output = reversed(input.payload);
        if self.conduct == Conduct::WrongResults {
            output.push(b'!');
        }
        Ok(Outcome { status: Status::Ok, output, fuel_used: 1, message: None })
    }
}
