//! The handle on one chain.

use std::sync::Arc;
use std::time::Duration;

use alloy::rpc::client::RpcClient;
use alloy::rpc::json_rpc::{ErrorPayload, RpcError, RpcRecv, RpcSend};
use alloy::rpc::types::Block;
use alloy::transports::{TransportError, TransportErrorKind};
use alloy_primitives::{Address, B256, Bytes, U64, U256};
use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::error::{Error, shown};
use crate::finalized::{Finalized, FinalizedBlock};
use crate::revert::Revert;
use crate::transport::BoundedHttp;

/// How to reach a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Any http or https JSON-RPC endpoint.
    pub url: String,
    /// Refuse an endpoint that serves another chain than this.
    pub chain_id: Option<u64>,
    /// How long one request may take, in milliseconds.
    pub request_timeout_ms: u64,
    /// How often a request that failed on the way is sent in all; the waits between double from 50 ms.
    pub attempts_max: u32,
    /// The most bytes that one answer may have.
    pub answer_bytes_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:8545".to_owned(),
            chain_id: None,
            request_timeout_ms: 10_000,
            attempts_max: 4,
            answer_bytes_max: 32 * 1024 * 1024,
        }
    }
}

impl Config {
    /// The defaults for the endpoint `url`.
    #[must_use]
    pub fn at(url: &str) -> Self {
        Self { url: url.to_owned(), ..Self::default() }
    }
}

/// A chain whose id and genesis block are known. Cheap to clone.
///
/// What is read at the latest block is only good for sending transactions; everything that decides something is read
/// through [`Chain::finalized`].
#[derive(Debug, Clone)]
pub struct Chain {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    rpc: RpcClient,
    endpoint: String,
    attempts_max: u32,
    chain_id: u64,
    genesis_hash: B256,
}

impl Chain {
    /// Connects and learns which chain this is.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer or serves another chain than `config.chain_id`.
    pub async fn connect(config: &Config) -> Result<Self, Error> {
        let url = parse_url(&config.url)?;
        let endpoint = url.origin().ascii_serialization();
        let timeout = Duration::from_millis(config.request_timeout_ms);
        let transport = BoundedHttp::new(url, timeout, config.answer_bytes_max).map_err(|source| {
            Error::Unreachable { endpoint: endpoint.clone(), attempts: 0, source: Box::new(source) }
        })?;
        let rpc = RpcClient::new(transport, false);
        let attempts_max = config.attempts_max.max(1);
        let mut inner = Inner { rpc, endpoint, attempts_max, chain_id: 0, genesis_hash: B256::ZERO };
        inner.identify(config.chain_id).await?;
        Ok(Self { inner: Arc::new(inner) })
    }

    #[must_use]
    pub fn chain_id(&self) -> u64 {
        self.inner.chain_id
    }

    /// Tells two chains of one id apart.
    #[must_use]
    pub fn genesis_hash(&self) -> B256 {
        self.inner.genesis_hash
    }

    /// The endpoint's scheme, host and port, for messages.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.inner.endpoint
    }

    /// A view of the chain as of the latest finalized block.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer or knows no finalized block.
    pub async fn finalized(&self) -> Result<Finalized, Error> {
        let block = self.header("finalized").await?;
        Ok(Finalized::new(self.clone(), block))
    }

    /// The latest block. It may still be replaced: nothing may be decided on it.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn latest_block_number(&self) -> Result<u64, Error> {
        let number: U64 = self.request("eth_blockNumber", ()).await?;
        Ok(number.to())
    }

    /// The chain's currency that `account` holds at the latest block, in wei.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn latest_balance(&self, account: Address) -> Result<U256, Error> {
        self.request("eth_getBalance", (account, "latest")).await
    }

    /// The code at `account` at the latest block: whether a deployment needs to go on, never a decision.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer.
    pub async fn latest_code(&self, account: Address) -> Result<Bytes, Error> {
        self.request("eth_getCode", (account, "latest")).await
    }

    /// Calls a view function at the latest block: to prepare a transaction, never to decide.
    ///
    /// # Errors
    /// [`Error::Reverted`] when the contract refuses, [`Error::BadAnswer`] when the answer does not decode.
    pub async fn latest_call<C: alloy_sol_types::SolCall>(&self, to: Address, call: &C) -> Result<C::Return, Error> {
        self.call_at(to, call, json!("latest")).await
    }

    pub(crate) async fn call_at<C: alloy_sol_types::SolCall>(
        &self,
        to: Address,
        call: &C,
        block: serde_json::Value,
    ) -> Result<C::Return, Error> {
        let request = json!({ "to": to, "input": Bytes::from(call.abi_encode()) });
        let answer: Result<Bytes, Error> = self.request("eth_call", (request, block)).await;
        let answer = answer.map_err(|error| relabel(error, C::SIGNATURE))?;
        if answer.is_empty() && !C::SIGNATURE.is_empty() {
            let code = self.latest_code(to).await?;
            if code.is_empty() {
                return Err(Error::NoCode { name: C::SIGNATURE.to_owned(), address: to });
            }
        }
        C::abi_decode_returns_validate(&answer).map_err(|source| self.bad_answer(C::SIGNATURE, source))
    }

    /// The header of a block by number or tag; none when the endpoint does not have it.
    pub(crate) async fn header_if_any(&self, block: impl Serialize) -> Result<Option<FinalizedBlock>, Error> {
        let block: Option<Block> = self.request("eth_getBlockByNumber", (json!(block), false)).await?;
        Ok(block.map(|block| FinalizedBlock::of_header(&block.header)))
    }

    pub(crate) async fn header(&self, block: impl Serialize) -> Result<FinalizedBlock, Error> {
        let block = json!(block);
        if let Some(header) = self.header_if_any(&block).await? {
            return Ok(header);
        }
        // Whether the endpoint lags or has a hole is what whoever reads this asks next.
        let newest = match self.header_if_any("latest").await? {
            Some(newest) => format!("its newest is {:#x}", newest.number),
            None => "nor any other".to_owned(),
        };
        Err(self.bad_answer("eth_getBlockByNumber", format!("it has no block {block}; {newest}")))
    }

    pub(crate) fn bad_answer(&self, method: &str, detail: impl std::fmt::Display) -> Error {
        self.inner.bad_answer(method, detail)
    }

    /// Any JSON-RPC request, repeated while the failure is one of the way there.
    pub(crate) async fn request<P: RpcSend, R: RpcRecv>(&self, method: &'static str, params: P) -> Result<R, Error> {
        self.inner.request(method, params).await
    }
}

impl Inner {
    async fn identify(&mut self, expected: Option<u64>) -> Result<(), Error> {
        let found: U64 = self.request("eth_chainId", ()).await?;
        self.chain_id = found.to();
        if let Some(expected) = expected.filter(|expected| *expected != self.chain_id) {
            return Err(Error::WrongChain { expected, found: self.chain_id });
        }
        let genesis: Option<Block> = self.request("eth_getBlockByNumber", ("0x0", false)).await?;
        let genesis = genesis.ok_or_else(|| self.bad_answer("eth_getBlockByNumber", "it has no genesis block"))?;
        self.genesis_hash = genesis.header.hash;
        Ok(())
    }

    async fn request<P: RpcSend, R: RpcRecv>(&self, method: &'static str, params: P) -> Result<R, Error> {
        let params = serde_json::to_value(params).map_err(|source| self.bad_answer(method, source))?;
        let mut wait = Duration::from_millis(50);
        for attempt in 1.. {
            let error = match self.rpc.request::<_, R>(method, params.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if !is_transient(&error) || attempt >= self.attempts_max {
                return Err(self.explain(method, attempt, error));
            }
            tracing::debug!(method, attempt, %error, "request failed on the way");
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(2));
        }
        unreachable!("the loop has no end of its own")
    }

    fn explain(&self, method: &str, attempts: u32, error: TransportError) -> Error {
        match error {
            RpcError::ErrorResp(payload) => explain_payload(method, &payload),
            error if is_transient(&error) => {
                Error::Unreachable { endpoint: self.endpoint.clone(), attempts, source: Box::new(error) }
            }
            other => self.bad_answer(method, other),
        }
    }

    fn bad_answer(&self, method: &str, detail: impl std::fmt::Display) -> Error {
        let detail = shown(&detail.to_string());
        Error::BadAnswer { endpoint: self.endpoint.clone(), method: method.to_owned(), detail }
    }
}

/// Whether the endpoint may answer the same question the next time.
fn is_transient(error: &TransportError) -> bool {
    match error {
        RpcError::Transport(TransportErrorKind::HttpError(http)) => {
            http.status == 429 || (500..600).contains(&http.status)
        }
        RpcError::Transport(TransportErrorKind::NonRetryable(_)) => false,
        RpcError::Transport(_) => true,
        // "Limit exceeded" as EIP-1474 numbers it.
        RpcError::ErrorResp(payload) => payload.code == -32005 || payload.code == 429,
        _ => false,
    }
}

fn explain_payload(method: &str, payload: &ErrorPayload) -> Error {
    match Revert::of_payload(payload) {
        Some(revert) => Error::Reverted { label: method.to_owned(), revert },
        None => Error::Rpc { method: method.to_owned(), code: payload.code, message: shown(&payload.message) },
    }
}

/// A revert names what was called rather than how.
pub(crate) fn relabel(error: Error, label: &str) -> Error {
    match error {
        Error::Reverted { revert, .. } => Error::Reverted { label: label.to_owned(), revert },
        other => other,
    }
}

fn parse_url(url: &str) -> Result<Url, Error> {
    Url::parse(url)
        .ok()
        .filter(|parsed| matches!(parsed.scheme(), "http" | "https") && parsed.host().is_some())
        .ok_or_else(|| Error::InvalidEndpoint { url: url.chars().take(80).collect() })
}
