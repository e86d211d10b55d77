//! HTTP to a gateway: every request has an end, every answer a size.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::{Method, Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use vouch_api::{Problem, TRACEPARENT_HEADER, TraceParent};

use vouch_chain::endpoint::Endpoint;
use vouch_chain::pinned;

use crate::receipt::Lie;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The most bytes of an answer that carries no output of a program.
pub(crate) const VIEW_BYTES_MAX: usize = 16 << 20;
/// The most bytes of a refusal.
const PROBLEM_BYTES_MAX: usize = 1 << 20;

/// Why a gateway gave no answer that counts.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{url} is no http or https address")]
    InvalidUrl { url: String },
    #[error("{url} is another machine; calls go there over https only")]
    InTheClear { url: String },
    #[error("the gateway's endpoint cannot be called")]
    Endpoint(#[from] pinned::ClientError),
    /// Try again; a call that was sent may have been certified all the same.
    #[error("no answer from the gateway at {gateway}")]
    Unreachable {
        gateway: String,
        #[source]
        source: reqwest::Error,
    },
    /// The gateway says no, and why.
    #[error("the gateway refused: {}", .0.message)]
    Refused(Box<Problem>),
    #[error("the gateway's answer is larger than {bytes_max} bytes")]
    TooLarge { bytes_max: usize },
    #[error("the gateway's answer is not what {what} must be: {detail}")]
    BadAnswer { what: &'static str, detail: String },
    #[error("the payload has {length} bytes, at most {length_max} can be sent")]
    PayloadTooLarge { length: usize, length_max: usize },
    /// A receipt that proves nothing, or nothing of what was asked.
    #[error("the gateway's receipt does not hold")]
    Lie(#[from] Lie),
    #[error("the request cannot be signed")]
    Sign(#[source] vouch_core::ecdsa::Error),
}

impl Error {
    /// What the gateway refused with, if it did.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused(problem) => Some(problem),
            _ => None,
        }
    }
}

/// A gateway by its address. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: reqwest::Client,
    base: String,
    /// The caller's own trace, if it has one.
    pub traceparent: Option<TraceParent>,
}

/// One request.
pub(crate) struct Ask {
    pub method: Method,
    pub path: String,
    pub body: Option<(&'static str, Vec<u8>)>,
    pub timeout: Duration,
    pub bytes_max: usize,
}

impl Ask {
    pub fn get(path: impl Into<String>) -> Self {
        let timeout = Duration::from_secs(20);
        Self { method: Method::GET, path: path.into(), body: None, timeout, bytes_max: VIEW_BYTES_MAX }
    }
}

impl Http {
    pub fn new(url: &str) -> Result<Self, Error> {
        let invalid = || Error::InvalidUrl { url: url.chars().take(80).collect() };
        let parsed = Url::parse(url).map_err(|_| invalid())?;
        if !matches!(parsed.scheme(), "http" | "https") || parsed.host().is_none() {
            return Err(invalid());
        }
        if parsed.scheme() == "http" && !is_this_machine(&parsed) {
            return Err(Error::InTheClear { url: url.chars().take(80).collect() });
        }
        // Another part of the process may have installed a provider already; whichever it is serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let base = url.trim_end_matches('/').to_owned();
        let client = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).no_proxy().build();
        let client = client.map_err(|source| Error::Unreachable { gateway: base.clone(), source })?;
        Ok(Self { client, base, traceparent: None })
    }

    /// The gateway of an account, believed by its keys on chain; `private`: it may lie in a private network.
    pub fn pinned(endpoint: &Endpoint, private: bool) -> Result<Self, Error> {
        let client = pinned::http_client(endpoint, None, private)?;
        Ok(Self { client, base: endpoint.url.to_string(), traceparent: None })
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    /// The body of a successful answer.
    pub async fn send(&self, ask: Ask) -> Result<Vec<u8>, Error> {
        let mut request = self.client.request(ask.method, format!("{}{}", self.base, ask.path)).timeout(ask.timeout);
        if let Some((kind, bytes)) = ask.body {
            request = request.header("content-type", kind).body(bytes);
        }
        if let Some(parent) = self.traceparent {
            request = request.header(TRACEPARENT_HEADER, parent.to_string());
        }
        let response = request.send().await.map_err(|source| self.unreachable(source))?;
        let status = response.status();
        if status.is_success() {
            return self.read(response, ask.bytes_max).await;
        }
        let body = self.read(response, PROBLEM_BYTES_MAX).await?;
        Err(refusal(status, &body))
    }

    pub async fn json<T: DeserializeOwned>(&self, ask: Ask, what: &'static str) -> Result<T, Error> {
        let body = self.send(ask).await?;
        serde_json::from_slice(&body).map_err(|error| Error::BadAnswer { what, detail: error.to_string() })
    }

    async fn read(&self, mut response: Response, bytes_max: usize) -> Result<Vec<u8>, Error> {
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|source| self.unreachable(source))? {
            if body.len() + part.len() > bytes_max {
                return Err(Error::TooLarge { bytes_max });
            }
            body.extend_from_slice(&part);
        }
        Ok(body)
    }

    fn unreachable(&self, source: reqwest::Error) -> Error {
        Error::Unreachable { gateway: self.base.clone(), source }
    }
}

/// In the clear only this machine is called: whoever listens in could read payloads and keep calls from being answered.
fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

fn refusal(status: StatusCode, body: &[u8]) -> Error {
    match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => Error::Refused(Box::new(problem)),
        Err(_) => Error::BadAnswer { what: "a refusal", detail: format!("status {status} without a problem document") },
    }
}
