use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use tracing::{Instrument, debug_span};
use vouch_api::{Problem, ProblemCode};
use vouch_compute::wire::{Answer, Call};
use vouch_core::{AppId, BatchHash};

use super::answer::{Failure, body, parse};
use crate::node::Shared;
use crate::telemetry::context::continue_from;

/// The two-round protocol, seen from the executor of one app.
pub async fn executor(
    State(shared): State<Arc<Shared>>,
    Path(app): Path<String>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<impl IntoResponse, Failure> {
    let app: AppId = parse("the app", &app)?;
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
    bytes: Result<Bytes, BytesRejection>,
) -> Result<impl IntoResponse, Failure> {
    let gateway =
        shared.gateway.as_ref().ok_or_else(|| Failure::new(ProblemCode::NotFound, "this node is no gateway"))?;
    Ok(gateway.handle(&body(bytes)?).await.0)
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
