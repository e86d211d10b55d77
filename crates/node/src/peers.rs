//! Calls between nodes. Who is who comes from finalized tables; who is where, and by which key, from the finalized endpoints.
//! The configuration may name another place for a peer, but no other key: in the clear only this machine itself is called.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use alloy_primitives::{Address, Bytes};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use vouch_api::TRACEPARENT_HEADER;
use vouch_chain::endpoint::{Endpoint, EndpointUrl};
use vouch_chain::pinned;
use vouch_compute::lane::LaneKey;
use vouch_compute::lane::chain::{CallError, ChainView, ExecutorPeer, Peers};
use vouch_compute::wire::{BODY_BYTES_MAX, Signer};
use vouch_core::AppId;

use crate::config::Peer;
use crate::mirror::Mirror;
use crate::telemetry::context::traceparent;
use crate::tls::Identity;

/// For which account a node calls: one of those at which its transport key is registered.
pub const ACCOUNT_HEADER: &str = "vouch-account";

/// The nodes that this node can call.
pub struct HttpPeers {
    mirror: Arc<Mirror>,
    urls: HashMap<Address, String>,
    /// For this machine itself, in the clear.
    http: reqwest::Client,
    transport: Option<Transport>,
    account: OnceLock<Address>,
    /// One client per endpoint, made anew when the endpoint changes: its connections were checked against the old keys.
    pinned: Mutex<HashMap<Address, (Endpoint, reqwest::Client)>>,
}

/// How this node calls others over TLS.
pub struct Transport {
    pub identity: Arc<Identity>,
    /// Whether registered urls may lie in private networks.
    pub private_peers: bool,
}

impl HttpPeers {
    pub fn new(mirror: Arc<Mirror>, peers: &[Peer], http: reqwest::Client, transport: Option<Transport>) -> Self {
        let urls = peers.iter().map(|peer| (peer.address, peer.url.trim_end_matches('/').to_owned())).collect();
        Self { mirror, urls, http, transport, account: OnceLock::new(), pinned: Mutex::default() }
    }

    /// Says for whom this node calls; the first word counts.
    pub fn call_for(&self, account: Address) {
        self.account.get_or_init(|| account);
    }

    /// Whether this node could call the account's node.
    fn is_reachable(&self, account: Address) -> bool {
        match self.urls.get(&account) {
            Some(url) if url.starts_with("http://") => true,
            _ => self.transport.is_some() && self.mirror.endpoint(account).is_some(),
        }
    }

    /// The client that reaches the account's node and no other, with the node's base url.
    fn reach(&self, account: Address) -> Result<(reqwest::Client, String), String> {
        let configured = self.urls.get(&account);
        if let Some(url) = configured.filter(|url| url.starts_with("http://")) {
            return Ok((self.http.clone(), url.clone()));
        }
        let unknown =
            || format!("{account} has no endpoint on chain, and the configuration names none on this machine");
        let mut endpoint = self.mirror.endpoint(account).ok_or_else(unknown)?;
        let transport =
            self.transport.as_ref().ok_or("this node has no [tls] section, so it calls no other machine")?;
        if let Some(url) = configured {
            endpoint.url = EndpointUrl::parse(url).map_err(|error| error.to_string())?;
        }
        // What the operator of this machine wrote down is no stranger's word.
        let private = transport.private_peers || configured.is_some();
        let base = endpoint.url.to_string();
        Ok((self.client_of(endpoint, transport, private)?, base))
    }

    fn client_of(&self, endpoint: Endpoint, transport: &Transport, private: bool) -> Result<reqwest::Client, String> {
        let mut clients = self.pinned.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, client)) = clients.get(&endpoint.account)
            && *known == endpoint
        {
            return Ok(client.clone());
        }
        let client = pinned::http_client(&endpoint, Some(transport.identity.shown()), private);
        let client = client.map_err(|error| error.to_string())?;
        clients.insert(endpoint.account, (endpoint, client.clone()));
        Ok(client)
    }

    fn target(&self, to: Signer) -> Result<reqwest::RequestBuilder, String> {
        let (account, path) = match to {
            Signer::Operator(operator) => {
                let (app, address) = self.mirror.owner_of(operator).ok_or("no finalized table shows that key")?;
                (address, format!("/v1/executor/{app}"))
            }
            Signer::Gateway(gateway) => (gateway, "/v1/gateway".to_owned()),
        };
        let (client, base) = self.reach(account)?;
        let request = client.post(format!("{base}{path}"));
        Ok(match self.account.get() {
            Some(account) => request.header(ACCOUNT_HEADER, account.to_string()),
            None => request,
        })
    }

    /// Where the lanes' gateways answer that this node can call: they serve artifacts.
    pub fn gateway_bases(&self) -> Vec<String> {
        self.all_gateways().into_iter().filter_map(|gateway| Some(self.reach(gateway).ok()?.1)).collect()
    }

    fn all_gateways(&self) -> Vec<Address> {
        let mut gateways: Vec<_> = self.mirror.apps().iter().flat_map(|(app, _)| self.gateways(*app)).collect();
        gateways.sort_unstable();
        gateways.dedup();
        gateways
    }

    /// The client for a base url: pinned where a lane's gateway has it as its endpoint, in the clear for this machine alone.
    ///
    /// # Errors
    /// Says why nobody at this url can be believed.
    pub fn client_for(&self, base: &str) -> Result<reqwest::Client, String> {
        if base.starts_with("http://") {
            return Ok(self.http.clone());
        }
        let mut reached = self.all_gateways().into_iter().filter_map(|gateway| self.reach(gateway).ok());
        let found = reached.find(|(_, url)| url == base.trim_end_matches('/'));
        found.map(|(client, _)| client).ok_or_else(|| "no gateway of a lane has this url as its endpoint".to_owned())
    }
}

impl Peers for HttpPeers {
    fn executors(&self, app: AppId) -> Vec<ExecutorPeer> {
        let operators = self.mirror.operators_of(app).into_iter();
        let reachable = operators.filter(|(_, address)| self.is_reachable(*address));
        reachable.map(|(operator, account)| ExecutorPeer { operator, account }).collect()
    }

    fn gateways(&self, app: AppId) -> Vec<Address> {
        let lanes = self.mirror.app_record(app).map_or(0, |record| record.lanes);
        let mut gateways: Vec<_> =
            (1..=lanes).filter_map(|lane| self.mirror.lane(LaneKey { app, lane }).map(|state| state.gateway)).collect();
        gateways.sort_unstable();
        gateways.dedup();
        gateways
    }

    fn call(&self, to: Signer, body: Bytes, timeout: Duration) -> BoxFuture<'static, Result<Bytes, CallError>> {
        let request = match self.target(to) {
            Ok(request) => request.timeout(timeout).body(bytes_of(body)),
            Err(reason) => return async move { Err(CallError::Unreachable(reason)) }.boxed(),
        };
        let request = match traceparent() {
            Some(parent) => request.header(TRACEPARENT_HEADER, parent.to_string()),
            None => request,
        };
        async move {
            let answer = request.send().await.map_err(call_error)?;
            if !answer.status().is_success() {
                return Err(CallError::Unreachable(format!("status {}", answer.status())));
            }
            read_bounded(answer).await
        }
        .boxed()
    }
}

/// The same bytes under the HTTP library's name; nothing is copied.
fn bytes_of(body: Bytes) -> reqwest::Body {
    reqwest::Body::from(body.0)
}

async fn read_bounded(answer: reqwest::Response) -> Result<Bytes, CallError> {
    let mut body = Vec::with_capacity(answer.content_length().unwrap_or(0).min(1 << 20) as usize);
    let mut stream = answer.bytes_stream();
    while let Some(part) = stream.next().await {
        let part = part.map_err(call_error)?;
        if body.len() + part.len() > BODY_BYTES_MAX {
            return Err(CallError::Unreachable(format!("the answer has more than {BODY_BYTES_MAX} bytes")));
        }
        body.extend_from_slice(&part);
    }
    Ok(body.into())
}

fn call_error(error: reqwest::Error) -> CallError {
    if error.is_timeout() { CallError::Timeout } else { CallError::Unreachable(describe(&error)) }
}

fn describe(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).last().map(ToString::to_string).unwrap_or_default()
}
