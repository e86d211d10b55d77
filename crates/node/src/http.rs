//! The HTTP server of a node: the public API of a gateway, and the peer endpoints of both roles.

mod answer;
mod explain;
mod gateway;
mod health;
mod peer;
mod stake;
mod views;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post, put};
use tower_http::timeout::{RequestBodyTimeoutLayer, TimeoutLayer};
use utoipa::OpenApi;
use vouch_api::{ARTIFACT_BYTES_MAX, BODY_BYTES_MAX};
use vouch_compute::wire;

use crate::node::Shared;

/// The longest that any request may take; calls end earlier, by the gateway's own limits.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(300);
/// How long a caller may send nothing of a body that it has begun.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);

/// The OpenAPI document of the public API.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Vouch node",
        description = "Call apps and fetch what proves their answers.",
        license(name = "MIT OR Apache-2.0")
    ),
    paths(
        views::status,
        views::clock,
        health::health,
        explain::explain,
        views::apps,
        views::app,
        gateway::call,
        gateway::receipt,
        gateway::fees,
        gateway::put_artifact,
        gateway::get_artifact,
        peer::batch_data,
        stake::index,
        stake::operators,
        stake::operator,
        stake::staker,
        stake::set,
        stake::slashes,
        stake::withdrawals,
    )
)]
struct Document;

/// The public API as an OpenAPI document, pretty-printed JSON.
pub fn openapi_document() -> String {
    Document::openapi().to_pretty_json().expect("the document has string keys only")
}

/// Every route that a node of these roles answers.
pub fn router(shared: Arc<Shared>) -> Router {
    let artifacts = Router::new()
        .route("/v1/artifacts/{digest}", put(gateway::put_artifact).get(gateway::get_artifact))
        .layer(DefaultBodyLimit::max(ARTIFACT_BYTES_MAX));
    let peers = Router::new()
        .route("/v1/executor/{app}", post(peer::executor))
        .route("/v1/gateway", post(peer::gateway))
        .layer(DefaultBodyLimit::max(wire::BODY_BYTES_MAX));
    let routes = Router::new()
        .route("/v1/status", get(views::status))
        .route("/v1/clock", get(views::clock))
        .route("/v1/health", get(health::health))
        .route("/v1/explain", get(explain::explain))
        .route("/v1/apps", get(views::apps))
        .route("/v1/apps/{app}", get(views::app))
        .route("/v1/apps/{app}/clients/{client}/fees", get(gateway::fees))
        .route("/v1/calls", post(gateway::call))
        .route("/v1/receipts/{request_id}", get(gateway::receipt))
        .route("/v1/apps/{app}/batches/{batch_hash}/data", get(peer::batch_data))
        .merge(stake_routes())
        .route("/openapi.json", get(|| async { ([("content-type", "application/json")], openapi_document()) }))
        .fallback(answer::no_route)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .merge(artifacts)
        .merge(peers);
    with_end(routes, BODY_TIMEOUT).with_state(shared)
}

/// What the role `api` answers.
fn stake_routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/v1/index", get(stake::index))
        .route("/v1/operators", get(stake::operators))
        .route("/v1/operators/{operator}", get(stake::operator))
        .route("/v1/stakers/{staker}", get(stake::staker))
        .route("/v1/sets/{avs}/{id}", get(stake::set))
        .route("/v1/slashes", get(stake::slashes))
        .route("/v1/withdrawals", get(stake::withdrawals))
}

/// Gives every request an end, and an earlier one to a caller that begins a body and sends no more of it.
pub(crate) fn with_end<S: Clone + Send + Sync + 'static>(routes: Router<S>, body_timeout: Duration) -> Router<S> {
    routes
        .layer(RequestBodyTimeoutLayer::new(body_timeout))
        .layer(TimeoutLayer::with_status_code(axum::http::StatusCode::REQUEST_TIMEOUT, REQUEST_TIMEOUT))
}
