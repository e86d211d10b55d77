use std::sync::Arc;

use alloy_primitives::{Address, B256};
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use tracing::{Instrument, debug_span};
use vouch_api::{Problem, ProblemCode};
use vouch_chain::endpoint::Endpoint;
use vouch_compute::wire::{Answer, Call};
use vouch_core::{AppId, BatchHash};

use super::answer::{Failure, body, parse};
use crate::node::Shared;
use crate::peers::ACCOUNT_HEADER;
use crate::telemetry::context::continue_from;
use crate::tls::Connection;

/// The two-round protocol, seen from the executor of one app.
pub async fn executor(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(from): ConnectInfo<Connection>,
    Path(app): Path<String>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<impl IntoResponse, Failure> {
    let app: AppId = parse("the app", &app)?;
    admit(&shared, from, &headers, Some(app))?;
    let executor = shared.executor(app);
    let executor = executor
        .ok_or_else(|| Failure::new(ProblemCode::UnknownApp, format!("this node runs no executor of app {app}")))?;
    let span = debug_span!("executor.call.answer", %app);
    continue_from(&span, &headers);
    let bytes = body(bytes)?;
    Ok(executor.handle(&bytes).instrument(span).await.0)
}

/// What executors ask a gateway.
pub async fn gateway(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(from): ConnectInfo<Connection>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<impl IntoResponse, Failure> {
    admit(&shared, from, &headers, None)?;
    let gateway =
        shared.gateway.as_ref().ok_or_else(|| Failure::new(ProblemCode::NotFound, "this node is no gateway"))?;
    Ok(gateway.handle(&body(bytes)?).await.0)
}

/// Lets in who takes part in the protocol: an operator in a finalized table, or the gateway of a lane, who calls with a key that
/// its account has registered. The key alone would not do, since anybody may register a key that is somebody else's; the account
/// alone is only a word. What is said on these routes is signed besides: this keeps strangers from costing anything.
///
/// In the clear only this machine itself calls, and it is trusted.
fn admit(shared: &Shared, from: Connection, headers: &HeaderMap, app: Option<AppId>) -> Result<(), Failure> {
    if !from.encrypted {
        return Ok(());
    }
    let mirror = &shared.mirror;
    admitted(from.transport_key, headers, |account| mirror.endpoint(account), |account| mirror.is_peer(app, account))
        .map_err(|message| Failure::new(ProblemCode::NotAPeer, message))
}

fn admitted(
    key: Option<B256>,
    headers: &HeaderMap,
    endpoint: impl Fn(Address) -> Option<Endpoint>,
    is_peer: impl Fn(Address) -> bool,
) -> Result<(), &'static str> {
    let key =
        key.ok_or("this route is for operators and gateways: show a certificate with your registered transport key")?;
    let named = headers.get(ACCOUNT_HEADER).and_then(|value| value.to_str().ok()?.parse::<Address>().ok());
    let account = named.ok_or("the header vouch-account must name the account that you call for")?;
    if !endpoint(account).is_some_and(|endpoint| endpoint.keys.contains(key)) {
        return Err("the account that you call for has not registered this transport key in a finalized block");
    }
    if !is_peer(account) {
        return Err("the account that you call for is no operator in a finalized table here and has no lane");
    }
    Ok(())
}

/// The data of a certified batch: what its data commitment commits to
#[utoipa::path(
    get, path = "/v1/apps/{app}/batches/{batchHash}/data",
    params(("app" = String, Path), ("batchHash" = String, Path)),
    responses((status = 200, content_type = "application/octet-stream"), (status = 404, body = Problem))
)]
pub async fn batch_data(
    State(shared): State<Arc<Shared>>,
    Path((app, hash)): Path<(String, String)>,
) -> Result<impl IntoResponse, Failure> {
    let app: AppId = parse("the app", &app)?;
    let hash: BatchHash = parse("the batch hash", &hash)?;
    let call = Call::Batch(hash).encode();
    let answer = match (shared.executor(app), &shared.gateway) {
        (Some(executor), _) => executor.handle(&call).await,
        (None, Some(gateway)) => gateway.handle(&call).await,
        (None, None) => {
            return Err(Failure::new(ProblemCode::UnknownApp, format!("this node keeps nothing of app {app}")));
        }
    };
    match Answer::decode(&answer) {
        Ok(Answer::Batch(Some(batch))) if batch.data.is_some() => Ok(batch.data.unwrap_or_default().0),
        Ok(_) => Err(Failure::new(ProblemCode::NotFound, format!("the batch {hash} is not here"))),
        Err(error) => Err(Failure::new(ProblemCode::Internal, error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use vouch_chain::endpoint::{EndpointUrl, TransportKeys};

    use super::*;

    const OPERATOR: Address = Address::repeat_byte(1);
    const COPYCAT: Address = Address::repeat_byte(2);
    const KEY: B256 = B256::repeat_byte(3);

    /// The operator and a copycat have registered the same key; only the operator takes part.
    fn ask(key: Option<B256>, account: Option<Address>) -> Result<(), &'static str> {
        let mut headers = HeaderMap::new();
        if let Some(account) = account {
            headers.insert(ACCOUNT_HEADER, account.to_string().parse().unwrap());
        }
        let endpoint = |account| {
            let url = EndpointUrl::parse("https://node.example").unwrap();
            let keys = TransportKeys::new(KEY, B256::ZERO);
            [OPERATOR, COPYCAT].contains(&account).then_some(Endpoint { account, url, keys })
        };
        admitted(key, &headers, endpoint, |account| account == OPERATOR)
    }

    #[test]
    fn only_an_account_that_takes_part_with_a_key_of_its_own_is_let_in() {
        ask(Some(KEY), Some(OPERATOR)).unwrap();
        assert!(ask(None, Some(OPERATOR)).unwrap_err().contains("show a certificate"));
        assert!(ask(Some(KEY), None).unwrap_err().contains("vouch-account"));
        assert!(ask(Some(B256::ZERO), Some(OPERATOR)).unwrap_err().contains("not registered"));
        assert!(ask(Some(B256::repeat_byte(9)), Some(OPERATOR)).unwrap_err().contains("not registered"));
        assert!(ask(Some(KEY), Some(COPYCAT)).unwrap_err().contains("no operator"));
        assert!(ask(Some(KEY), Some(Address::ZERO)).unwrap_err().contains("not registered"));
    }
}
