//! The honest executor that a lying gateway speaks to.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::StatusCode;
use tokio::time::{Instant, sleep};
use vouch_api::AppView;
use vouch_compute::wire::{Answer, Call, Refusal};
use vouch_core::AppId;

/// How long a node that has just started may take until it can answer.
const READY_TIMEOUT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);

/// A node, by its URL.
pub struct Peer {
    url: String,
    http: reqwest::Client,
}

impl Peer {
    pub fn new(url: &str) -> Self {
        Self { url: url.trim_end_matches('/').to_owned(), http: reqwest::Client::new() }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// The app as the node sees it, once it has read the chain as far as the app's operator table.
    pub async fn app(&self, app: AppId) -> Result<AppView> {
        let url = format!("{}/v1/apps/{app}", self.url);
        let end = Instant::now() + READY_TIMEOUT;
        loop {
            let answer = self.http.get(&url).send().await?;
            if answer.status().is_success() {
                let view: AppView = serde_json::from_slice(&answer.bytes().await?)?;
                if view.ready {
                    return Ok(view);
                }
            }
            ensure!(Instant::now() < end, "{} does not know app {app} with an operator table", self.url);
            sleep(POLL).await;
        }
    }

    /// Asks the node's executor of `app`, again while it says that it is still starting. None: the connection ended
    /// without an answer.
    pub async fn ask(&self, app: AppId, call: &Call) -> Result<Option<Answer>> {
        let (url, body) = (format!("{}/v1/executor/{app}", self.url), call.encode());
        let end = Instant::now() + READY_TIMEOUT;
        loop {
            let Ok(answer) = self.http.post(&url).body(body.clone()).send().await else { return Ok(None) };
            if answer.status() != StatusCode::NOT_FOUND {
                let Ok(answer) = answer.error_for_status()?.bytes().await else { return Ok(None) };
                let answer = Answer::decode(&answer).context("the executor's answer")?;
                if !matches!(answer, Answer::Refused(Refusal::NotReady(_))) {
                    return Ok(Some(answer));
                }
            }
            ensure!(Instant::now() < end, "the executor at {} is not ready", self.url);
            sleep(POLL).await;
        }
    }
}
