//! One call over gRPC: one message to the program, one back, over HTTP/2 without encryption.

use std::error::Error as _;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{HeaderMap, Request, Response, StatusCode, body::Incoming, client::conn::http2, header::HeaderValue};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::net::TcpStream;

use super::{http::AbortOnDrop, keeper::Unanswered};

/// The status of a method that the program does not have (gRPC's `UNIMPLEMENTED`).
pub(super) const UNIMPLEMENTED: u32 = 12;
/// gRPC's `NOT_FOUND`, which a health service says of services that it does not know.
pub(super) const NOT_FOUND: u32 = 5;
/// The status of a call that ended without saying how (gRPC's `UNKNOWN`).
const UNKNOWN: u32 = 2;
/// Before each message: whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;
/// Bytes of an answer's header fields.
const FIELDS_BYTES_MAX: u32 = 64 << 10;
/// How much of an answer the program may send ahead.
const WINDOW_BYTES: u32 = 1 << 20;
/// The longest reason that is kept.
const REASON_BYTES_MAX: usize = 1_024;

/// A connection to the program.
pub(super) struct Client {
    sender: http2::SendRequest<Full<Bytes>>,
    _driver: AbortOnDrop<hyper::Result<()>>,
}

/// A status other than OK, with the program's own words.
#[derive(Debug)]
pub(super) struct Refused {
    pub status: u32,
    pub reason: String,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "answered with gRPC status {}: {}", self.status, self.reason)
    }
}

impl Client {
    pub(super) async fn new(connection: TcpStream) -> Result<Self, Unanswered> {
        let mut client = http2::Builder::new(TokioExecutor::new());
        client.initial_stream_window_size(WINDOW_BYTES).initial_connection_window_size(WINDOW_BYTES);
        client.max_header_list_size(FIELDS_BYTES_MAX);
        let (sender, driver) = client.handshake(TokioIo::new(connection)).await.map_err(|error| broken(&error))?;
        Ok(Self { sender, _driver: AbortOnDrop(tokio::spawn(driver)) })
    }

    /// Calls a method (`/package.Service/Method`). An answer above the limit is not read to its end.
    pub(super) async fn call<A: Message + Default>(
        &mut self,
        method: &str,
        question: &impl Message,
        answer_bytes_max: u64,
    ) -> Result<Result<A, Refused>, Unanswered> {
        let request = Request::post(format!("http://localhost{method}"))
            .header("te", "trailers")
            .header("content-type", "application/grpc")
            .body(Full::new(frame(question)?))
            .map_err(|error| Unanswered::Broken(error.to_string()))?;
        let response = self.sender.send_request(request).await.map_err(|error| broken(&error))?;
        read(response, answer_bytes_max).await
    }
}

async fn read<A: Message + Default>(
    response: Response<Incoming>,
    answer_bytes_max: u64,
) -> Result<Result<A, Refused>, Unanswered> {
    let (head, body) = response.into_parts();
    if head.status != StatusCode::OK {
        return Err(Unanswered::Broken(format!("HTTP status {} instead of a gRPC answer", head.status.as_u16())));
    }
    let limit = usize::try_from(answer_bytes_max).unwrap_or(usize::MAX).saturating_add(PREFIX_BYTES);
    let body = Limited::new(body, limit).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() { Unanswered::TooLarge } else { Unanswered::Broken(error.to_string()) }
    })?;
    // A call that fails at once has its status in the head.
    let fields = body.trailers().filter(|trailers| trailers.contains_key("grpc-status")).unwrap_or(&head.headers);
    let status = status(fields)?;
    if status != 0 {
        return Ok(Err(Refused { status, reason: reason(fields) }));
    }
    let message = unframe(&body.to_bytes())?;
    A::decode(message).map(Ok).map_err(|error| Unanswered::Broken(error.to_string()))
}

/// A call without a status has not ended properly.
fn status(fields: &HeaderMap) -> Result<u32, Unanswered> {
    let Some(status) = fields.get("grpc-status") else {
        return Err(Unanswered::Broken("the call ended without a status".into()));
    };
    Ok(status.to_str().ok().and_then(|status| status.parse().ok()).unwrap_or(UNKNOWN))
}

fn reason(fields: &HeaderMap) -> String {
    let reason = fields.get("grpc-message").map(HeaderValue::as_bytes).unwrap_or_default();
    String::from_utf8_lossy(&reason[..reason.len().min(REASON_BYTES_MAX)]).into_owned()
}

fn frame(message: &impl Message) -> Result<Bytes, Unanswered> {
    let length = u32::try_from(message.encoded_len()).map_err(|error| Unanswered::Broken(error.to_string()))?;
    let mut bytes = Vec::with_capacity(PREFIX_BYTES + message.encoded_len());
    bytes.push(0);
    bytes.extend_from_slice(&length.to_be_bytes());
    message.encode(&mut bytes).map_err(|error| Unanswered::Broken(error.to_string()))?;
    Ok(bytes.into())
}

/// The one message of a body; nothing was said that would allow it to be compressed.
fn unframe(body: &Bytes) -> Result<Bytes, Unanswered> {
    let wrong = |what: &str| Unanswered::Broken(format!("the answer {what}"));
    let Some((&[compressed, a, b, c, d], message)) = body.split_first_chunk::<PREFIX_BYTES>() else {
        return Err(wrong("has no message"));
    };
    if compressed != 0 {
        return Err(wrong("is compressed"));
    }
    if usize::try_from(u32::from_be_bytes([a, b, c, d])) != Ok(message.len()) {
        return Err(wrong("is not one whole message"));
    }
    Ok(body.slice(PREFIX_BYTES..))
}

fn broken(error: &hyper::Error) -> Unanswered {
    let source = error.source().map(|source| format!(": {source}")).unwrap_or_default();
    Unanswered::Broken(format!("{error}{source}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    #[test]
    fn a_body_is_one_whole_uncompressed_message() {
        let whole = frame(&b"abc".to_vec()).unwrap();
        // A message of one field that holds these bytes, as prost writes it.
        let inner = b"abc".to_vec().encode_to_vec();
        assert_eq!(unframe(&whole).unwrap(), inner);
        assert_eq!(whole[..PREFIX_BYTES], [0, 0, 0, 0, inner.len() as u8]);
        let mut compressed = whole.to_vec();
        compressed[0] = 1;
        let twice = [&whole[..], &whole[..]].concat();
        for (body, expected) in [
            (Vec::new(), "has no message"),
            (whole[..4].to_vec(), "has no message"),
            (whole[..whole.len() - 1].to_vec(), "not one whole message"),
            (twice, "not one whole message"),
            (compressed, "is compressed"),
        ] {
            let Unanswered::Broken(reason) = unframe(&body.into()).unwrap_err() else { panic!("{expected}") };
            assert!(reason.contains(expected), "{reason}");
        }
    }
    #[test]
    fn performer_messages() {
        fuzz!("performer_messages", vec![frame(&b"abc".to_vec()).unwrap().to_vec()], |bytes| {
            let Ok(message) = unframe(&Bytes::copy_from_slice(bytes)) else { return false };
            assert_eq!(message, bytes[PREFIX_BYTES..]);
            let Ok(value) = Vec::<u8>::decode(message.clone()) else { return false };
            // What is decoded is no larger than what came.
            assert!(value.len() <= message.len());
            assert_eq!(Vec::<u8>::decode(&value.encode_to_vec()[..]), Ok(value));
            true
        });
    }
}
