//! Standing in front of an honest node, which runs in the same process: what is not lied about is real.

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use vouch_compute::wire::BODY_BYTES_MAX;
use vouch_node::config::Config;

/// The honest node.
pub struct Behind {
    url: String,
    http: reqwest::Client,
}

impl Behind {
    pub fn new(url: String) -> Self {
        Self { url, http: reqwest::Client::new() }
    }

    /// What the honest node answers to the same question.
    pub async fn get(&self, uri: &Uri) -> (StatusCode, Bytes) {
        forward(self.http.get(self.at(uri))).await
    }

    pub async fn post(&self, uri: &Uri, body: Bytes) -> (StatusCode, Bytes) {
        forward(self.http.post(self.at(uri)).body(body)).await
    }

    /// Passes a request on as it is.
    pub async fn pass(&self, request: Request) -> Response {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let Ok(body) = axum::body::to_bytes(request.into_body(), BODY_BYTES_MAX).await else {
            return StatusCode::PAYLOAD_TOO_LARGE.into_response();
        };
        forward(self.http.request(method, self.at(&uri)).body(body)).await.into_response()
    }

    fn at(&self, uri: &Uri) -> String {
        let path = uri.path_and_query().map_or(uri.path(), |path| path.as_str());
        format!("{}{path}", self.url)
    }
}

async fn forward(request: reqwest::RequestBuilder) -> (StatusCode, Bytes) {
    let answered = async {
        let answer = request.send().await?;
        let code = answer.status();
        Ok::<_, reqwest::Error>((code, answer.bytes().await?))
    };
    answered.await.unwrap_or((StatusCode::BAD_GATEWAY, Bytes::new()))
}

/// Listens where the node of `config` should, with that node behind; `routes` is told where it is.
pub async fn serve(config: Config, routes: impl FnOnce(Behind) -> Router) -> Result<()> {
    let listener = TcpListener::bind(&config.listen).await.with_context(|| config.listen.clone())?;
    // Free a moment ago.
    let listen = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.to_string();
    let router = routes(Behind::new(format!("http://{listen}"))).layer(DefaultBodyLimit::max(BODY_BYTES_MAX));
    tokio::select! {
        ended = vouch_node::run(Config { listen, ..config }) => Ok(ended?),
        served = axum::serve(listener, router) => Ok(served?),
    }
}
