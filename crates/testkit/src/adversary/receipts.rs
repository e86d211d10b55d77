//! A gateway that changes the output in the receipts that it gives out; everything else it does is honest.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use vouch_api::Receipt;
use vouch_node::config::Config;

use super::front::{self, Behind};

/// What the program never answered.
const OUTPUT: &[u8] = b"a lie";

/// Serves in the place of the gateway that `config` describes.
pub async fn serve(config: &Path) -> Result<()> {
    let routes = |behind| {
        Router::new()
            .route("/v1/calls", post(call))
            .route("/v1/receipts/{request_id}", get(receipt))
            .fallback(pass)
            .with_state(Arc::new(behind))
    };
    front::serve(Config::load(config)?, routes).await
}

async fn call(State(behind): State<Arc<Behind>>, uri: Uri, body: Bytes) -> Response {
    let (code, answer) = behind.post(&uri, body).await;
    (code, forge(&answer).unwrap_or(answer)).into_response()
}

async fn receipt(State(behind): State<Arc<Behind>>, uri: Uri) -> Response {
    let (code, answer) = behind.get(&uri).await;
    (code, forge(&answer).unwrap_or(answer)).into_response()
}

async fn pass(State(behind): State<Arc<Behind>>, request: Request) -> Response {
    behind.pass(request).await
}

/// None for what is no receipt.
fn forge(answer: &[u8]) -> Option<Bytes> {
    let receipt: Receipt = serde_json::from_slice(answer).ok()?;
    let forged = Receipt { output: OUTPUT.into(), ..receipt };
    serde_json::to_vec(&forged).ok().map(Bytes::from)
}
