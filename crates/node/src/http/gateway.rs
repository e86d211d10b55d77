use std::sync::Arc;
use std::time::Instant;

use alloy_primitives::{Address, B256, U256};
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use tracing::{Instrument, debug_span};
use vouch_api::{CallRequest, FeeStanding, PAYLOAD_BYTES_MAX, Problem, ProblemCode, Receipt};
use vouch_compute::gateway::{self, CallError, Gateway};
use vouch_compute::oci;
use vouch_compute::wire::SignedRequest;
use vouch_core::{AppId, RequestId};

use super::answer::{Failure, body, call_error, json, parse};
use crate::executor::ExecutorRole;
use crate::metrics::variant_name;
use crate::node::Shared;
use crate::telemetry::context::continue_from;
use crate::watch::Outcome;

/// Call an app: run a signed request on its operators and wait for the certificate
#[utoipa::path(
    post, path = "/v1/calls", request_body = CallRequest,
    responses(
        (status = 200, body = Receipt), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 413, body = Problem), (status = 503, body = Problem), (status = 504, body = Problem),
    )
)]
pub async fn call(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Json<Receipt>, Failure> {
    let gateway = gateway_of(&shared)?;
    let call: CallRequest = json(&body(bytes)?)?;
    if call.payload.len() > PAYLOAD_BYTES_MAX {
        let message = format!("the payload has {} bytes, at most {PAYLOAD_BYTES_MAX} are taken", call.payload.len());
        return Err(Failure::new(ProblemCode::PayloadTooLarge, message));
    }
    let signed =
        SignedRequest { request: call.request.into(), signature: call.client_signature, payload: call.payload };
    let (request, app, program) = (signed.request.id(), signed.request.app, signed.request.program_id);
    let span = debug_span!("gateway.call.answer", %request, %app, %program);
    continue_from(&span, &headers);
    let started = Instant::now();
    let outcome = gateway.call(signed).instrument(span).await;
    let refused =
        outcome.as_ref().is_err_and(|error| !matches!(error, CallError::NoQuorum { .. } | CallError::LaneSkipped));
    let answer = outcome.map_err(|error| call_error(error, &shared.mirror));
    shared.watch.call_ended(request, (app, program), &summary(&answer, refused), started.elapsed());
    answer.map(|receipt| Json(view(&receipt)))
}

/// How a call ended, for those who count and for those who ask later.
fn summary(answer: &Result<Arc<gateway::receipt::Receipt>, Failure>, refused: bool) -> Outcome {
    match answer {
        Ok(receipt) => {
            let status = variant_name(&receipt.exchange.status);
            Outcome { code: "certified".to_owned(), said: format!("status {status}"), refused }
        }
        Err(Failure(problem)) => {
            let said = problem.answered.iter().map(|said| format!("; {}: {}", said.operator, said.answer));
            let said = problem.message.clone() + &said.collect::<String>();
            Outcome { code: variant_name(&problem.code), said, refused }
        }
    }
}

/// The receipt of a request that was certified here, or that came through the forced inbox and was signed here
#[utoipa::path(
    get, path = "/v1/receipts/{requestId}", params(("requestId" = String, Path)),
    responses((status = 200, body = Receipt), (status = 404, body = Problem))
)]
pub async fn receipt(
    State(shared): State<Arc<Shared>>,
    Path(request_id): Path<String>,
) -> Result<Json<Receipt>, Failure> {
    let id: RequestId = parse("the request id", &request_id)?;
    let certified = match &shared.gateway {
        Some(gateway) => gateway.receipt(id).await.map_err(|error| call_error(error, &shared.mirror))?,
        None => None,
    };
    if let Some(receipt) = certified {
        return Ok(Json(view(&receipt)));
    }
    let found = forced_receipt(&shared, id).await;
    let found = found
        .ok_or_else(|| Failure::new(ProblemCode::NotFound, format!("there is no receipt of request {id} here")))?;
    Ok(Json(view(&found)))
}

/// What executors hold is held for clients whom gateways ignore. One that cannot answer now says so in its log.
async fn forced_receipt(shared: &Shared, id: RequestId) -> Option<gateway::receipt::Receipt> {
    for (_, executor) in shared.executor_role().map(ExecutorRole::all).unwrap_or_default() {
        match executor.forced_receipt(id).await {
            Ok(Some(receipt)) => return Some(receipt),
            Ok(None) => {}
            Err(refusal) => tracing::warn!(%id, %refusal, "node.receipt.forced"),
        }
    }
    None
}

/// How a client stands with an app: its price, what the client owes and what its deposit has left
#[utoipa::path(
    get, path = "/v1/apps/{app}/clients/{client}/fees", params(("app" = String, Path), ("client" = String, Path)),
    responses((status = 200, body = FeeStanding), (status = 400, body = Problem), (status = 404, body = Problem))
)]
pub async fn fees(
    State(shared): State<Arc<Shared>>,
    Path((app, client)): Path<(String, String)>,
) -> Result<Json<FeeStanding>, Failure> {
    let app: AppId = parse("the app's id", &app)?;
    let client: Address = client
        .parse()
        .map_err(|_| Failure::new(ProblemCode::InvalidRequest, "the client must be an address: 20 bytes of hex"))?;
    let gateway = gateway_of(&shared)?.clone();
    let found = gateway.standing(app, client).await.map_err(|error| call_error(error, &shared.mirror))?;
    let price = found.price.unwrap_or_default();
    Ok(Json(FeeStanding {
        token: shared.mirror.fee_token(app),
        per_call: U256::from(price.per_call),
        per_page: U256::from(price.per_page),
        owed: found.standing.owed,
        unpaid: found.standing.unpaid,
        available: found.deposit.available(),
    }))
}

/// Upload the artifact of a published release
#[utoipa::path(
    put, path = "/v1/artifacts/{digest}", params(("digest" = String, Path)),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 204), (status = 404, body = Problem), (status = 413, body = Problem), (status = 422, body = Problem))
)]
pub async fn put_artifact(
    State(shared): State<Arc<Shared>>,
    Path(digest): Path<String>,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<axum::http::StatusCode, Failure> {
    let digest: B256 = parse("the digest", &digest)?;
    let bytes = body(bytes)?;
    let kept = tokio::task::spawn_blocking(move || keep_artifact(&shared, digest, &bytes)).await;
    kept.map_err(|error| Failure::new(ProblemCode::Internal, error.to_string()))?
}

/// Only what a finalized release names is kept, so that nobody fills this disk without paying the chain.
fn keep_artifact(shared: &Shared, digest: B256, bytes: &[u8]) -> Result<axum::http::StatusCode, Failure> {
    if shared.artifacts.path(digest).is_ok() {
        return Ok(axum::http::StatusCode::NO_CONTENT);
    }
    if !shared.mirror.names_artifact(digest) && !is_missing_part(shared, digest) {
        let message = format!("no finalized release names the artifact {digest}; publish the release first");
        return Err(Failure::new(ProblemCode::UnknownProgram, message));
    }
    match shared.artifacts.put(digest, bytes) {
        Ok(_) => Ok(axum::http::StatusCode::NO_CONTENT),
        Err(error) => Err(Failure::new(ProblemCode::DigestMismatch, error.to_string())),
    }
}

/// A release names an image's uppermost document; what that names is known once it is here.
fn is_missing_part(shared: &Shared, digest: B256) -> bool {
    let folder = shared.artifacts.folder();
    shared.mirror.images().into_iter().any(|image| oci::missing_parts(folder, image).contains(&digest))
}

/// An artifact by its SHA-256
#[utoipa::path(
    get, path = "/v1/artifacts/{digest}", params(("digest" = String, Path)),
    responses((status = 200, content_type = "application/octet-stream"), (status = 404, body = Problem))
)]
pub async fn get_artifact(
    State(shared): State<Arc<Shared>>,
    Path(digest): Path<String>,
) -> Result<impl IntoResponse, Failure> {
    let digest: B256 = parse("the digest", &digest)?;
    let artifacts = Arc::clone(&shared.artifacts);
    let read = tokio::task::spawn_blocking(move || artifacts.read(digest)).await;
    let read = read.map_err(|error| Failure::new(ProblemCode::Internal, error.to_string()))?;
    read.map_err(|_| Failure::new(ProblemCode::NotFound, format!("the artifact {digest} is not here")))
}

fn gateway_of(shared: &Shared) -> Result<&Gateway, Failure> {
    shared.gateway.as_ref().ok_or_else(|| Failure::new(ProblemCode::NotFound, "this node is no gateway"))
}

fn view(receipt: &gateway::receipt::Receipt) -> Receipt {
    Receipt::new(
        &receipt.request,
        &receipt.client_signature,
        &receipt.payload,
        &receipt.exchange,
        &receipt.output,
        (receipt.index, receipt.proof.clone()),
        &receipt.certified.batch,
        &receipt.certified.certificate,
    )
}
