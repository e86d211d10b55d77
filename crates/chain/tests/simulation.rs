//! The follower against a chain that a seed makes: blocks are replaced until they are final, the endpoint fails, falls behind and
//! catches up between any two requests, and the process ends between a page and its commit.
//!
//! Statements: whatever was handled and committed is exactly the events of the final blocks up to the cursor, each once and in
//! order; a page that was not committed comes again; a final block that changes is noticed.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::{Arc, Mutex};

use alloy_primitives::{Address, B256, Bloom, U64};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use vouch_chain::client::{Chain, Config};
use vouch_chain::follower;
use vouch_chain::{Cursor, CursorStore, Error, Follower};

const CONTRACT: Address = Address::repeat_byte(0x44);
/// How often the follower looks for a page in one run.
const LOOKS: usize = 40;
const SEEDS: u64 = 12;

struct Block {
    hash: B256,
    events: Vec<u64>,
}

/// The chain behind the endpoint.
struct Simulated {
    random: StdRng,
    blocks: Vec<Block>,
    final_at: usize,
    next: u64,
    /// No more trouble.
    calm: bool,
}

impl Simulated {
    fn new(seed: u64) -> Self {
        let genesis = Block { hash: B256::repeat_byte(1), events: Vec::new() };
        Self { random: StdRng::seed_from_u64(seed), blocks: vec![genesis], final_at: 0, next: 2, calm: false }
    }

    fn mine(&mut self) {
        let count = self.random.gen_range(0..4);
        let first = self.next;
        self.next += 1 + count;
        let hash = B256::from(alloy_primitives::U256::from(first) << 128);
        self.blocks.push(Block { hash, events: (0..count).map(|index| first + index).collect() });
    }

    /// Something happens between two requests.
    fn pass(&mut self) {
        match self.random.gen_range(0..8) {
            0..=3 => self.mine(),
            4 => self.blocks.truncate(self.random.gen_range(self.final_at..self.blocks.len()) + 1),
            5 => self.final_at = self.random.gen_range(self.final_at..self.blocks.len()),
            _ => {}
        }
    }

    fn answer(&mut self, method: &str, params: &Value) -> Option<Value> {
        if !self.calm {
            self.pass();
            if self.random.gen_bool(0.1) {
                return None;
            }
        }
        Some(match method {
            "eth_chainId" => json!("0x1"),
            "eth_getBlockByNumber" => match params[0].as_str()? {
                "finalized" => {
                    let seen = self.seen_final();
                    self.header(seen)
                }
                number => self.header(number.parse::<U64>().ok()?.to::<u64>() as usize),
            },
            "eth_getLogs" => {
                let bound = |name: &str| Some(params[0][name].as_str()?.parse::<U64>().ok()?.to::<u64>() as usize);
                self.logs(bound("fromBlock")?, bound("toBlock")?)
            }
            _ => return None,
        })
    }

    /// One of several machines behind the endpoint answers; some are behind.
    fn seen_final(&mut self) -> usize {
        let behind = if !self.calm && self.random.gen_bool(0.2) { self.random.gen_range(0..5) } else { 0 };
        self.final_at.saturating_sub(behind)
    }

    fn header(&self, number: usize) -> Value {
        let Some(block) = self.blocks.get(number) else { return Value::Null };
        let mut header: Value = serde_json::from_str(include_str!("common/genesis.json")).unwrap();
        header["hash"] = json!(block.hash);
        header["number"] = json!(U64::from(number));
        header["timestamp"] = json!(U64::from(1_000 + number));
        let mut bloom = Bloom::ZERO;
        block.events.iter().for_each(|_| bloom.accrue_raw_log(CONTRACT, &[B256::ZERO]));
        header["logsBloom"] = json!(bloom);
        header
    }

    fn logs(&self, from: usize, to: usize) -> Value {
        let mut logs = Vec::new();
        for number in from..=to.min(self.blocks.len() - 1) {
            for (index, event) in self.blocks[number].events.iter().enumerate() {
                let data = B256::from(alloy_primitives::U256::from(*event));
                logs.push(json!({
                    "address": CONTRACT, "topics": [B256::ZERO], "data": data, "removed": false,
                    "blockNumber": U64::from(number), "blockHash": self.blocks[number].hash,
                    "transactionHash": data, "transactionIndex": "0x0", "logIndex": U64::from(index),
                }));
            }
        }
        json!(logs)
    }

    fn final_events(&self, through: usize) -> Vec<u64> {
        self.blocks[1..=through].iter().flat_map(|block| block.events.clone()).collect()
    }
}

/// Serves the chain over HTTP, one request a connection; a request without an answer fails on the way.
async fn serve(chain: Arc<Mutex<Simulated>>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            let body: Value = loop {
                let mut chunk = [0; 4096];
                let length = stream.read(&mut chunk).await.unwrap();
                request.extend_from_slice(&chunk[..length]);
                let text = String::from_utf8_lossy(&request).into_owned();
                if let Some(body) = text.split("\r\n\r\n").nth(1).and_then(|body| serde_json::from_str(body).ok()) {
                    break body;
                }
                assert!(length > 0, "the request ended early");
            };
            let method = body["method"].as_str().unwrap();
            let result = chain.lock().unwrap().answer(method, &body["params"]);
            let (status, answer) = match result {
                // Not every endpoint gives receipts out.
                _ if method == "eth_getBlockReceipts" => {
                    let error = json!({ "code": -32_601, "message": "method not found" });
                    ("200 OK", json!({ "jsonrpc": "2.0", "id": body["id"], "error": error }).to_string())
                }
                Some(result) => ("200 OK", json!({ "jsonrpc": "2.0", "id": body["id"], "result": result }).to_string()),
                None => ("503 Service Unavailable", String::new()),
            };
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", answer.len());
            stream.write_all((head + &answer).as_bytes()).await.unwrap();
        }
    });
    format!("http://{address}")
}

/// A cursor that outlives the follower, whose disk sometimes fails.
#[derive(Clone)]
struct Kept {
    cursor: Arc<Mutex<Option<Cursor>>>,
    random: Arc<Mutex<StdRng>>,
}

impl CursorStore for Kept {
    fn load(&mut self) -> Result<Option<Cursor>, Error> {
        Ok(*self.cursor.lock().unwrap())
    }

    fn save(&mut self, cursor: &Cursor) -> Result<(), Error> {
        if self.random.lock().unwrap().gen_bool(0.1) {
            return Err(Error::Store { path: "cursor".into(), source: "the disk is full".into() });
        }
        *self.cursor.lock().unwrap() = Some(*cursor);
        Ok(())
    }
}

fn config(seed: u64) -> follower::Config {
    follower::Config {
        addresses: vec![CONTRACT],
        start_block: 1,
        page_blocks_max: 1 + seed % 5,
        poll_interval: std::time::Duration::from_millis(1),
    }
}

async fn resume(chain: &Chain, seed: u64, kept: &Kept) -> Follower<Kept> {
    loop {
        match Follower::resume(chain.clone(), config(seed), kept.clone()).await {
            Ok(follower) => return follower,
            Err(error) => assert!(error.is_transient(), "seed {seed}: {error}"),
        }
    }
}

fn events(page: &follower::Page) -> Vec<u64> {
    page.logs.iter().map(|log| u64::from_be_bytes(log.inner.data.data[24..32].try_into().unwrap())).collect()
}

/// Follows one chain through its trouble; what was handled, and the chain.
async fn run(seed: u64) -> Vec<u64> {
    let simulated = Arc::new(Mutex::new(Simulated::new(seed)));
    let url = serve(Arc::clone(&simulated)).await;
    let chain = loop {
        if let Ok(chain) = Chain::connect(&Config { attempts_max: 1, ..Config::at(&url) }).await {
            break chain;
        }
    };
    let random = Arc::new(Mutex::new(StdRng::seed_from_u64(!seed)));
    let kept = Kept { cursor: Arc::default(), random: Arc::clone(&random) };
    let mut follower = resume(&chain, seed, &kept).await;
    let (mut handled, mut uncommitted) = (Vec::new(), None::<(u64, Vec<u64>)>);
    for look in 0.. {
        assert!(look < 20 * LOOKS, "seed {seed}: the follower gets nowhere");
        simulated.lock().unwrap().calm = look >= LOOKS;
        let page = match follower.next_page().await {
            Ok(Some(page)) => page,
            Ok(None) if look >= LOOKS => break,
            Ok(None) => continue,
            Err(error) => {
                assert!(error.is_transient(), "seed {seed}: {error}");
                continue;
            }
        };
        let found = events(&page);
        if let Some((number, before)) = uncommitted.take() {
            let same = before.iter().zip(&found).all(|(before, found)| before == found);
            assert!(same, "seed {seed}: the page up to {number} came again as another one");
        }
        let ends = look < LOOKS && random.lock().unwrap().gen_bool(0.2);
        if !ends && follower.commit(&page).is_ok() {
            handled.extend(found);
            let cursor = follower.cursor().unwrap().number as usize;
            assert_eq!(handled, simulated.lock().unwrap().final_events(cursor), "seed {seed}, cursor {cursor}");
        } else {
            uncommitted = Some((page.cursor.number, found));
            follower = resume(&chain, seed, &kept).await;
        }
    }
    let cursor = follower.cursor().map_or(0, |cursor| cursor.number as usize);
    {
        let mut simulated = simulated.lock().unwrap();
        assert_eq!(handled, simulated.final_events(simulated.final_at), "seed {seed}: all of it in the end");
        simulated.blocks[cursor].hash = B256::repeat_byte(9);
        simulated.mine();
        simulated.final_at = simulated.blocks.len() - 1;
    }
    if cursor > 0 {
        let error = follower.next_page().await.unwrap_err();
        assert!(matches!(error, Error::HistoryChanged { .. }), "seed {seed}: {error}");
    }
    handled
}

#[tokio::test]
async fn the_follower_hands_out_final_events_once_and_in_order() {
    let mut events = 0;
    for seed in 0..SEEDS {
        events += run(seed).await.len();
    }
    assert!(events > 100, "only {events} events were followed");
}

#[tokio::test]
async fn the_same_seed_gives_the_same_events() {
    assert_eq!(run(3).await, run(3).await);
}
