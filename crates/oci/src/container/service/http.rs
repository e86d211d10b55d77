//! One request over HTTP/1.1.

use std::error::Error as _;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{
    Request, Response, StatusCode,
    body::{Body, Incoming},
    client::conn::http1,
    header,
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::keeper::{Answer, Unanswered};

/// Bytes of an answer's head, and how many fields it may have.
const HEAD_BYTES_MAX: usize = 64 << 10;
const FIELDS_MAX: usize = 100;
/// Names the request's time.
const TIME: &str = "vouch-time";

/// Asks the program behind a fresh connection. The answer is its output, or why there is none.
pub(super) async fn ask(
    connection: TcpStream,
    time: u64,
    payload: Vec<u8>,
    output_bytes_max: u64,
) -> Result<Answer, Unanswered> {
    let mut client = http1::Builder::new();
    client.max_buf_size(HEAD_BYTES_MAX).max_headers(FIELDS_MAX);
    let (mut sender, driver) = client.handshake(TokioIo::new(connection)).await.map_err(|error| broken(&error))?;
    let driver = AbortOnDrop(tokio::spawn(driver));
    let request = Request::post("/")
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, "application/octet-stream")
        .header(header::CONNECTION, "close")
        .header(TIME, time)
        .body(Full::new(Bytes::from(payload)))
        .map_err(|error| Unanswered::Broken(error.to_string()))?;
    let response = sender.send_request(request).await.map_err(|error| broken(&error))?;
    let answer = read(response, output_bytes_max).await;
    drop(driver);
    answer
}

async fn read(response: Response<Incoming>, output_bytes_max: u64) -> Result<Answer, Unanswered> {
    let status = response.status();
    if status == StatusCode::OK && !ends_by_itself(&response) {
        let reason = "its answer has neither a content-length nor chunks, so it cannot be known to be whole";
        return Err(Unanswered::Broken(reason.into()));
    }
    let limit = usize::try_from(output_bytes_max).unwrap_or(usize::MAX);
    let body = Limited::new(response.into_body(), limit).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() { Unanswered::TooLarge } else { Unanswered::Broken(error.to_string()) }
    })?;
    if status == StatusCode::OK {
        Ok(Ok(body.to_bytes().into()))
    } else {
        Ok(Err(format!("the program answered with status {}", status.as_u16())))
    }
}

/// A body that lasts until the connection is closed may be half of one.
fn ends_by_itself(response: &Response<Incoming>) -> bool {
    let encoding = response.headers().get_all(header::TRANSFER_ENCODING).iter().next_back();
    let has_chunks = encoding.is_some_and(|value| value.as_bytes().to_ascii_lowercase().ends_with(b"chunked"));
    has_chunks || response.body().size_hint().exact().is_some()
}

fn broken(error: &hyper::Error) -> Unanswered {
    let source = error.source().map(|source| format!(": {source}")).unwrap_or_default();
    Unanswered::Broken(format!("{error}{source}"))
}

/// What moves a connection's bytes, for as long as they are wanted.
pub(super) struct AbortOnDrop<T>(pub tokio::task::JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
