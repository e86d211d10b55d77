//! A whole honest node whose answers are changed on their way out: what it does not lie about is real.

use std::sync::Arc;

use alloy_primitives::Bytes as Output;
use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use vouch_compute::wire::{Answer, BODY_BYTES_MAX, Call, ExecuteAnswer, Report};
use vouch_core::{Batch, ecdsa, pages};
use vouch_node::config::Config;

use super::careless::sign;
use super::{Keys, Lie};

/// What the program never answered.
const OUTPUT: &[u8] = b"a lie";

struct Forger {
    keys: Keys,
    lie: Lie,
    /// Where the honest node answers.
    honest: String,
    http: reqwest::Client,
}

/// Listens where the operator's node should, with that node behind.
pub async fn serve(config: Config, keys: Keys, lie: Lie) -> Result<()> {
    let listener = TcpListener::bind(&config.listen).await.with_context(|| config.listen.clone())?;
    let behind = free_address().await?;
    let forger = Forger { keys, lie, honest: format!("http://{behind}"), http: reqwest::Client::new() };
    let router = Router::new()
        .route("/v1/executor/{app}", post(answer))
        .route("/v1/status", get(status))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(Arc::new(forger));
    tokio::select! {
        ended = vouch_node::run(Config { listen: behind, ..config }) => Ok(ended?),
        served = axum::serve(listener, router) => Ok(served?),
    }
}

/// An address of this machine that was free a moment ago.
async fn free_address() -> Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0").await?.local_addr()?.to_string())
}

async fn status(State(forger): State<Arc<Forger>>, uri: Uri) -> Response {
    forward(forger.http.get(forger.url(&uri))).await.into_response()
}

async fn answer(State(forger): State<Arc<Forger>>, uri: Uri, body: Bytes) -> Response {
    let (code, honest) = forward(forger.http.post(forger.url(&uri)).body(body.clone())).await;
    let answer = if code.is_success() { forger.forge(&body, honest) } else { honest };
    (code, answer).into_response()
}

async fn forward(request: reqwest::RequestBuilder) -> (StatusCode, Bytes) {
    let answered = async {
        let answer = request.send().await?;
        let code = answer.status();
        Ok::<_, reqwest::Error>((code, answer.bytes().await?))
    };
    answered.await.unwrap_or((StatusCode::BAD_GATEWAY, Bytes::new()))
}

impl Forger {
    fn url(&self, uri: &Uri) -> String {
        format!("{}{}", self.honest, uri.path())
    }

    fn forge(&self, question: &[u8], honest: Bytes) -> Bytes {
        let forged = match (self.lie, Answer::decode(&honest), Call::decode(question)) {
            (Lie::WrongOutput, Ok(Answer::Reports(answer)), _) => self.other_output(*answer),
            (Lie::AnotherBatch, Ok(Answer::Signature(_)), Ok(Call::Propose(call))) => {
                let other = Batch { exchange_count: call.header.exchange_count + 1, ..call.header };
                Some(Answer::Signature(sign(&self.keys.bls, &other)))
            }
            (Lie::NoSignature, Ok(Answer::Signature(_)), _) => Some(Answer::Signature([0xff; 64].into())),
            _ => None,
        };
        forged.map_or(honest, |answer| answer.encode().into())
    }

    /// Signed properly, with the operator's own transport key.
    fn other_output(&self, mut answer: ExecuteAnswer) -> Option<Answer> {
        for (report, output) in answer.list.reports.iter_mut().zip(&mut answer.outputs) {
            if let Report::Ran(exchange) = report {
                exchange.output_hash = pages::root(OUTPUT);
                *output = Output::from_static(OUTPUT);
            }
        }
        answer.signature = ecdsa::sign(answer.list.digest(), &self.keys.transport).ok()?.into();
        Some(Answer::Reports(Box::new(answer)))
    }
}
