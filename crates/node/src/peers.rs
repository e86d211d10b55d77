//! Calls between nodes, over HTTP. Who is where comes from the configuration; who is who from finalized tables.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, Bytes};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use vouch_api::TRACEPARENT_HEADER;
use vouch_compute::lane::LaneKey;
use vouch_compute::lane::chain::{CallError, ChainView, ExecutorPeer, Peers};
use vouch_compute::wire::{BODY_BYTES_MAX, Signer};
use vouch_core::AppId;

use crate::config::Peer;
use crate::mirror::Mirror;
use crate::telemetry::context::traceparent;

/// The nodes that this node can call.
pub struct HttpPeers {
    mirror: Arc<Mirror>,
    urls: HashMap<Address, String>,
    http: reqwest::Client,
}

impl HttpPeers {
    pub fn new(mirror: Arc<Mirror>, peers: &[Peer], http: reqwest::Client) -> Self {
        let urls = peers.iter().map(|peer| (peer.address, peer.url.trim_end_matches('/').to_owned())).collect();
        Self { mirror, urls, http }
    }

    fn url(&self, to: Signer) -> Option<String> {
        match to {
            Signer::Operator(operator) => {
                let (app, address) = self.mirror.owner_of(operator)?;
                Some(format!("{}/v1/executor/{app}", self.urls.get(&address)?))
            }
            Signer::Gateway(gateway) => Some(format!("{}/v1/gateway", self.urls.get(&gateway)?)),
        }
    }
}

impl Peers for HttpPeers {
    fn executors(&self, app: AppId) -> Vec<ExecutorPeer> {
        let operators = self.mirror.operators_of(app).into_iter();
        let reachable = operators.filter(|(_, address)| self.urls.contains_key(address));
        reachable.map(|(operator, transport)| ExecutorPeer { operator, transport }).collect()
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
        let Some(url) = self.url(to) else {
            return async { Err(CallError::Unreachable("no peer of this configuration has that key".to_owned())) }
                .boxed();
        };
        let request = self.http.post(url).timeout(timeout).body(bytes_of(body));
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
