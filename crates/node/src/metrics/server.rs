//! `/metrics`, at an address of its own: whoever may call apps need not see the machine.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tower_http::timeout::TimeoutLayer;
use vouch_chain::sender::Counts;
use vouch_compute::lane::chain::ChainView;

use super::Catalogue;
use super::node::Metrics;
use crate::mirror::Mirror;
use crate::watch::Watch;

/// How long one look may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The media type of OpenMetrics' text format.
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Where the figures come from that are read when somebody asks.
pub struct Sources {
    pub catalogue: Catalogue,
    pub node: Metrics,
    pub watch: Arc<Watch>,
    pub mirror: Arc<Mirror>,
    pub senders: Vec<Arc<Counts>>,
    pub artifacts: PathBuf,
    /// Of the role `api`.
    pub index: Option<(super::index::Metrics, tokio::sync::watch::Receiver<vouch_index::Standing>)>,
}

impl Sources {
    fn scrape(&self) -> Result<String, std::fmt::Error> {
        self.node.chain(self.mirror.head(), self.mirror.silence());
        self.node.transactions(&self.senders);
        self.node.evidence(&self.watch.evidence());
        self.node.machine(&self.artifacts);
        if let Some((metrics, standing)) = &self.index {
            metrics.tell(&standing.borrow());
        }
        self.watch.measure_unposted(|lane| self.mirror.lane(lane).map_or(0, |state| state.cursor));
        self.catalogue.encode()
    }
}

/// Serves nothing else.
pub fn router(sources: Arc<Sources>) -> Router {
    let timeout = TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, TIMEOUT);
    Router::new().route("/metrics", get(metrics)).layer(timeout).with_state(sources)
}

async fn metrics(State(sources): State<Arc<Sources>>) -> Response {
    let scraped = tokio::task::spawn_blocking(move || sources.scrape()).await;
    match scraped {
        Ok(Ok(text)) => ([("content-type", CONTENT_TYPE)], text).into_response(),
        _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
