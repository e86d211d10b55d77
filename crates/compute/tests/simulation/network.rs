//! Links that lose, delay, repeat and reorder messages, and may be cut.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use alloy_primitives::{Address, Bytes, U256};
use futures::future::BoxFuture;
use tokio::sync::oneshot;
use vouch_compute::executor::Executor;
use vouch_compute::fees::debts::{Debt, OwedAnswer, OwedList};
use vouch_compute::gateway::Gateway;
use vouch_compute::lane::chain::{CallError, ExecutorPeer, Peers};
use vouch_compute::machine::Machine;
use vouch_compute::wire::{Answer, Call, Signer};
use vouch_core::{AppId, certificate, ecdsa};

use crate::cast::*;
use crate::chain::Chain;
use crate::history::{self, History};
use crate::scheduler::{Process, Scheduler, WORLD};

/// Executors are nodes 0 to 3; then the gateway, then all clients together.
pub const GATEWAY: usize = EXECUTORS;
pub const CLIENTS: usize = EXECUTORS + 1;
pub const NODES: usize = CLIENTS + 1;

/// The longest that a message is under way.
pub const DELAY_MAX: Duration = Duration::from_secs(4);

/// How an executor behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conduct {
    Honest,
    /// Runs everything and reports and signs something else.
    WrongResults,
    /// Signs whatever is proposed, and denies having signed.
    SignsAnything,
    /// Answers with bytes that mean nothing, or with a signature that is none.
    Garbage,
    /// Answers nothing at all.
    Silent,
}

/// What runs behind an address.
#[derive(Clone)]
pub enum Server {
    Executor(Executor),
    Gateway(Gateway),
}

/// How bad the weather is.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    pub loss: f64,
    pub repeat: f64,
    /// The share of messages that take much longer than others.
    pub slow: f64,
    /// Bit by node: nodes of different bits do not reach each other.
    pub sides: u32,
}

pub const CALM: Weather = Weather { loss: 0.0, repeat: 0.0, slow: 0.0, sides: 0 };

pub struct Network {
    pub scheduler: Scheduler,
    pub history: Arc<History>,
    pub chain: Arc<Chain>,
    conducts: [Conduct; EXECUTORS],
    servers: Mutex<BTreeMap<usize, (Process, Server)>>,
    weather: Mutex<Weather>,
}

impl Network {
    pub fn new(
        scheduler: &Scheduler,
        history: &Arc<History>,
        chain: &Arc<Chain>,
        conducts: [Conduct; EXECUTORS],
    ) -> Arc<Self> {
        Arc::new(Self {
            scheduler: scheduler.clone(),
            history: Arc::clone(history),
            chain: Arc::clone(chain),
            conducts,
            servers: Mutex::default(),
            weather: Mutex::new(CALM),
        })
    }

    pub fn serve(&self, node: usize, process: Process, server: Server) {
        self.servers.lock().unwrap().insert(node, (process, server));
    }

    pub fn silence(&self, node: usize) {
        let gone = self.servers.lock().unwrap().remove(&node);
        drop(gone);
    }

    pub fn server(&self, node: usize) -> Option<(Process, Server)> {
        self.servers.lock().unwrap().get(&node).cloned().filter(|(process, _)| !self.scheduler.has_ended(*process))
    }

    pub fn set_weather(&self, change: impl FnOnce(&mut Weather)) {
        change(&mut self.weather.lock().unwrap());
    }

    /// Has `work` done by the node `to`; none ever if a message on the way is lost.
    pub async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        from: usize,
        to: usize,
        work: impl FnOnce(Process, Server) -> BoxFuture<'static, T> + Send + 'static,
    ) -> Result<T, CallError> {
        let (sender, answer) = oneshot::channel();
        let network = Arc::clone(self);
        // Carried by nobody's process: what was sent arrives even if the sender ends.
        self.scheduler.spawn(WORLD, async move {
            let Some(()) = network.pass(from, to).await else { return };
            let result = match network.server(to) {
                None => Err(CallError::Unreachable("not running".into())),
                Some((process, server)) => {
                    let (done, result) = oneshot::channel();
                    let work = work(process, server);
                    network.scheduler.spawn(process, async move { drop(done.send(work.await)) });
                    let Ok(result) = result.await else { return };
                    Ok(result)
                }
            };
            if network.pass(to, from).await.is_some() {
                drop(sender.send(result));
            }
        });
        match answer.await {
            Ok(answer) => answer,
            Err(_) => pending().await,
        }
    }

    /// One message's way; none if it is lost.
    async fn pass(&self, from: usize, to: usize) -> Option<()> {
        let weather = *self.weather.lock().unwrap();
        let wait = self.scheduler.random(|random| {
            use rand::Rng;
            let most = if random.gen_bool(weather.slow) { DELAY_MAX.as_millis() as u64 } else { 25 };
            (!random.gen_bool(weather.loss)).then(|| Duration::from_millis(random.gen_range(1..most)))
        });
        if self.is_cut(from, to) {
            return None;
        }
        self.scheduler.sleep(wait?).await;
        (!self.is_cut(from, to)).then_some(())
    }

    fn is_cut(&self, from: usize, to: usize) -> bool {
        let sides = self.weather.lock().unwrap().sides;
        (sides >> from) & 1 != (sides >> to) & 1
    }

    /// Sends one body of the protocol.
    pub async fn send(self: &Arc<Self>, from: usize, to: usize, body: Bytes) -> Result<Bytes, CallError> {
        let repeat = self.weather.lock().unwrap().repeat;
        if self.scheduler.chance(repeat) {
            let (network, body) = (Arc::clone(self), body.clone());
            self.scheduler.spawn(WORLD, async move { drop(network.send_once(from, to, body).await) });
        }
        self.send_once(from, to, body).await
    }

    async fn send_once(self: &Arc<Self>, from: usize, to: usize, body: Bytes) -> Result<Bytes, CallError> {
        let network = Arc::clone(self);
        self.ask(from, to, move |_, server| Box::pin(async move { network.handle(to, server, body).await })).await
    }

    /// In the process that answers.
    async fn handle(self: Arc<Self>, node: usize, server: Server, body: Bytes) -> Bytes {
        let answer = match &server {
            Server::Executor(_) if self.conducts[node] == Conduct::Silent => pending().await,
            Server::Executor(executor) => match self.lie(node, &body) {
                Some(lie) => lie,
                None => executor.handle(&body).await,
            },
            Server::Gateway(gateway) => gateway.handle(&body).await,
        };
        if node < EXECUTORS {
            self.history.answer(node, &body, &answer, self.chain.finalized().cursor);
        }
        let (call, said) = (history::name(&body), history::outcome(&answer));
        let what = format!("node {node} answers {call} {:016x} with {said} {:016x}", digest(&body), digest(&answer));
        self.history.note(&self.scheduler, &what);
        answer
    }

    fn lie(&self, node: usize, body: &Bytes) -> Option<Bytes> {
        let call = Call::decode(body).ok()?;
        let answer = match (self.conducts[node], call) {
            (Conduct::SignsAnything, Call::Propose(call)) => {
                let digest = certificate::digest(call.header.reference_timestamp, call.header.hash());
                Answer::Signature(bls_key(node).sign(digest).to_bytes().into())
            }
            (Conduct::SignsAnything, Call::Held(_)) => Answer::Held(Vec::new()),
            (Conduct::WrongResults | Conduct::SignsAnything, Call::Owed(call)) => {
                let debt = Debt { total: U256::from(node as u64) * U256::from(1_000), exact: true };
                let debts = vec![debt; call.question.clients.len()];
                let list = OwedList { operator: operator(node), question: call.question.digest(), debts };
                Answer::Owed(Box::new(OwedAnswer::new(list, &account_key(node)).unwrap()))
            }
            (Conduct::Garbage, Call::Propose(_)) => Answer::Signature([7; 64].into()),
            (Conduct::Garbage, Call::Execute(_)) => return Some(Bytes::from_static(b"garbage")),
            _ => return None,
        };
        Some(answer.encode().into())
    }
}

use history::digest;

/// The links of one life of a node.
pub struct Links {
    pub network: Arc<Network>,
    pub node: usize,
    pub machine: Machine,
}

impl Peers for Links {
    fn executors(&self, _: AppId) -> Vec<ExecutorPeer> {
        let peer =
            |index| ExecutorPeer { operator: operator(index), account: ecdsa::address(&account_key(index)).unwrap() };
        (0..EXECUTORS).map(peer).collect()
    }

    fn gateways(&self, _: AppId) -> Vec<Address> {
        vec![gateway_address()]
    }

    fn call(&self, to: Signer, body: Bytes, timeout: Duration) -> BoxFuture<'static, Result<Bytes, CallError>> {
        let node = match to {
            Signer::Operator(operator) => index_of(operator).unwrap(),
            Signer::Gateway(_) => GATEWAY,
        };
        let (network, machine, own) = (Arc::clone(&self.network), self.machine.clone(), self.node);
        Box::pin(async move {
            if own == GATEWAY {
                network.history.proposal(&body, true);
            }
            let deadline = machine.now() + timeout;
            let answer = machine.timeout_at(deadline, network.send(own, node, body)).await;
            answer.unwrap_or(Err(CallError::Timeout))
        })
    }
}
