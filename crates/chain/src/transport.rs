//! JSON-RPC over HTTP with a limit on every answer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use alloy::rpc::json_rpc::{RequestPacket, ResponsePacket};
use alloy::transports::{TransportError, TransportErrorKind};
use reqwest::{Client, Url};

use crate::error::shown;

/// The most bytes of an answer that an error shows.
const SHOWN_BYTES_MAX: usize = 512;

/// An answer is larger than we are ready to hold.
#[derive(Debug, thiserror::Error)]
#[error("the answer is larger than {bytes_max} bytes")]
pub(crate) struct AnswerTooLarge {
    bytes_max: usize,
}

/// A JSON-RPC endpoint: every call has a timeout and a bound on the answer's size.
#[derive(Debug, Clone)]
pub(crate) struct BoundedHttp {
    client: Client,
    url: Url,
    answer_bytes_max: usize,
}

impl BoundedHttp {
    pub(crate) fn new(url: Url, timeout: Duration, answer_bytes_max: usize) -> Result<Self, reqwest::Error> {
        // Another part of the process may have installed a provider already; whichever it is serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().timeout(timeout).connect_timeout(timeout).no_proxy().build()?;
        Ok(Self { client, url, answer_bytes_max })
    }

    async fn post(self, request: RequestPacket) -> Result<ResponsePacket, TransportError> {
        let response =
            self.client.post(self.url.clone()).json(&request).send().await.map_err(TransportErrorKind::custom)?;
        let status = response.status();
        let body = self.read(response).await?;
        if !status.is_success() {
            return Err(TransportErrorKind::http_error(status.as_u16(), beginning(&body)));
        }
        serde_json::from_slice(&body).map_err(|source| TransportError::deser_err(source, beginning(&body)))
    }

    async fn read(&self, mut response: reqwest::Response) -> Result<Vec<u8>, TransportError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(TransportErrorKind::custom)? {
            if body.len() + chunk.len() > self.answer_bytes_max {
                let source = AnswerTooLarge { bytes_max: self.answer_bytes_max };
                return Err(TransportError::Transport(TransportErrorKind::NonRetryable(Box::new(source))));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

/// What an error shows of an answer.
fn beginning(body: &[u8]) -> String {
    shown(&String::from_utf8_lossy(&body[..body.len().min(SHOWN_BYTES_MAX)]))
}

impl tower::Service<RequestPacket> for BoundedHttp {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = Pin<Box<dyn Future<Output = Result<ResponsePacket, TransportError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: RequestPacket) -> Self::Future {
        Box::pin(self.clone().post(request))
    }
}
