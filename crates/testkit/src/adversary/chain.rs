//! A chain's endpoint that lies about the chain behind it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use clap::ValueEnum;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::OnceCell;

/// The largest request that is passed on.
const REQUEST_BYTES_MAX: usize = 1 << 20;
const TIMEOUT: Duration = Duration::from_secs(10);

/// What the endpoint gets wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Lie {
    /// Say that it is another chain
    AnotherChain,
    /// Show no newer block than the one at which the lie began
    StaleChain,
    /// Show other hashes for all blocks
    ForkedChain,
    /// Leave all events out
    DroppedLogs,
    /// Make an event up
    InventedLogs,
}

struct Liar {
    lie: Lie,
    /// It is honest before.
    begins: Instant,
    rpc: String,
    http: reqwest::Client,
    /// The block at which a stale chain stands.
    stands_at: OnceCell<u64>,
}

/// Stands at `listen` before the endpoint `rpc` and lies once `honest_for` has passed.
pub async fn serve(rpc: &str, listen: &str, lie: Lie, honest_for: Duration) -> Result<()> {
    let listener = TcpListener::bind(listen).await.with_context(|| listen.to_owned())?;
    Ok(axum::serve(listener, router(rpc, lie, honest_for)?).await?)
}

/// The same on a free port in a task of its own, for tests; returns the address.
pub async fn spawn(rpc: &str, lie: Lie, honest_for: Duration) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (address, router) = (listener.local_addr()?, router(rpc, lie, honest_for)?);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

fn router(rpc: &str, lie: Lie, honest_for: Duration) -> Result<Router> {
    let http = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build()?;
    let begins = Instant::now() + honest_for;
    let liar = Liar { lie, begins, rpc: rpc.to_owned(), http, stands_at: OnceCell::new() };
    let router = Router::new().route("/", post(answer)).layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX));
    Ok(router.with_state(Arc::new(liar)))
}

async fn answer(State(liar): State<Arc<Liar>>, body: Bytes) -> Response {
    let Ok(question) = serde_json::from_slice::<Value>(&body) else { return StatusCode::BAD_REQUEST.into_response() };
    match liar.answer(question).await {
        Ok(answer) => Json(answer).into_response(),
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

impl Liar {
    async fn answer(&self, mut question: Value) -> Result<Value> {
        if Instant::now() < self.begins {
            return self.ask(&question).await;
        }
        let method = question["method"].as_str().unwrap_or_default().to_owned();
        if self.lie == Lie::StaleChain {
            self.hold_back(&method, &mut question).await?;
        }
        let mut answer = self.ask(&question).await?;
        self.twist(&method, &question, &mut answer);
        Ok(answer)
    }

    async fn ask(&self, question: &Value) -> Result<Value> {
        Ok(serde_json::from_slice(&self.http.post(&self.rpc).json(question).send().await?.bytes().await?)?)
    }

    /// Has the question be about the block at which the chain is to stand.
    async fn hold_back(&self, method: &str, question: &mut Value) -> Result<()> {
        let stands_at = *self.stands_at.get_or_try_init(|| self.finalized()).await?;
        let block = format!("{stands_at:#x}");
        for parameter in question["params"].as_array_mut().into_iter().flatten() {
            if matches!(parameter.as_str(), Some("finalized" | "latest" | "safe" | "pending")) {
                *parameter = json!(block);
            }
        }
        if method == "eth_blockNumber" {
            question["method"] = json!("eth_getBlockByNumber");
            question["params"] = json!([block, false]);
        }
        Ok(())
    }

    async fn finalized(&self) -> Result<u64> {
        let question =
            json!({"jsonrpc": "2.0", "id": 1, "method": "eth_getBlockByNumber", "params": ["finalized", false]});
        let answer = self.ask(&question).await?;
        let number = answer["result"]["number"].as_str().context("no finalized block")?;
        Ok(u64::from_str_radix(number.trim_start_matches("0x"), 16)?)
    }

    fn twist(&self, method: &str, question: &Value, answer: &mut Value) {
        let result = &mut answer["result"];
        match (self.lie, method) {
            (Lie::StaleChain, "eth_blockNumber") => *result = result["number"].clone(),
            (Lie::AnotherChain, "eth_chainId") => *result = json!("0x1"),
            // The beginning stays the same, or it would be another chain.
            (Lie::ForkedChain, "eth_getBlockByNumber") if result.is_object() && result["number"] != "0x0" => {
                result["hash"] = json!(other_hash(result["hash"].as_str().unwrap_or_default()));
            }
            (Lie::DroppedLogs, "eth_getLogs") if result.is_array() => *result = json!([]),
            (Lie::InventedLogs, "eth_getLogs") => {
                if let Some(logs) = result.as_array_mut() {
                    logs.extend(invented(&question["params"][0]));
                }
            }
            _ => {}
        }
    }
}

/// The same without its last digit, and another one.
fn other_hash(hash: &str) -> String {
    let mut other = hash.to_owned();
    let last = other.pop();
    other.push(if last == Some('0') { '1' } else { '0' });
    other
}

/// An event as it was asked for that never happened.
fn invented(filter: &Value) -> Option<Value> {
    let address = filter["address"].as_array().and_then(|addresses| addresses.first()).or(filter.get("address"))?;
    let word = |digit: char| format!("0x{}", String::from(digit).repeat(64));
    Some(json!({
        "address": address, "topics": [word('a')], "data": "0x", "blockNumber": filter["toBlock"], "removed": false,
        "transactionHash": word('b'), "transactionIndex": "0x0", "logIndex": "0xff",
    }))
}
