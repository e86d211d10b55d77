//! A collector of OpenTelemetry spans, as far as a test needs one: takes OTLP over HTTP and reads its protocol buffers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::HeaderMap;
use axum::routing::post;
use tokio::net::TcpListener;

/// A span that arrived; ids in hexadecimal.
#[derive(Clone, Debug, Default)]
pub struct Span {
    pub trace: String,
    pub id: String,
    pub parent: String,
    pub name: String,
    /// Those that are text.
    pub attributes: BTreeMap<String, String>,
    /// The traces of the spans that it is linked with.
    pub links: Vec<String>,
}

type Spans = Arc<Mutex<Vec<Span>>>;

/// Listens on a port of its own until the test ends.
pub struct Collector {
    pub url: String,
    spans: Spans,
}

impl Collector {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let spans = Spans::default();
        let routes = Router::new().route("/v1/traces", post(take)).layer(DefaultBodyLimit::max(64 << 20));
        let routes = routes.with_state(Arc::clone(&spans));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { url, spans }
    }

    /// The spans of one trace so far.
    pub fn trace(&self, trace: &str) -> Vec<Span> {
        self.spans.lock().unwrap().iter().filter(|span| span.trace == trace).cloned().collect()
    }
}

async fn take(State(spans): State<Spans>, headers: HeaderMap, body: Bytes) {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    // ExportTraceServiceRequest.resource_spans, ResourceSpans.scope_spans, ScopeSpans.spans.
    let found = nested(&body, 1).into_iter().flat_map(|resource| nested(resource, 2));
    let found: Vec<Span> = found.flat_map(|scope| nested(scope, 2)).map(span).collect();
    spans.lock().unwrap().extend(found);
}

/// The fields of `opentelemetry.proto.trace.v1.Span` that tests look at.
fn span(bytes: &[u8]) -> Span {
    let mut span = Span::default();
    for (number, value) in fields(bytes) {
        match number {
            1 => span.trace = hex(value),
            2 => span.id = hex(value),
            4 => span.parent = hex(value),
            5 => span.name = text(value),
            9 => span.attributes.extend(attribute(value)),
            13 => span.links.extend(nested(value, 1).into_iter().map(hex)),
            _ => {}
        }
    }
    span
}

/// KeyValue.key and KeyValue.value.string_value.
fn attribute(bytes: &[u8]) -> Option<(String, String)> {
    let key = nested(bytes, 1).first().map(|key| text(key))?;
    let value = nested(bytes, 2).first().and_then(|value| nested(value, 1).first().map(|value| text(value)))?;
    Some((key, value))
}

/// Every field of this number that is a message, text or bytes.
fn nested(bytes: &[u8], wanted: u64) -> Vec<&[u8]> {
    fields(bytes).into_iter().filter(|(number, _)| *number == wanted).map(|(_, value)| value).collect()
}

/// The fields of a message in their order; numbers have no bytes here.
fn fields(mut bytes: &[u8]) -> Vec<(u64, &[u8])> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let value = match tag & 7 {
            0 => {
                varint(&mut bytes);
                &[]
            }
            1 => split(&mut bytes, 8),
            2 => {
                let length = varint(&mut bytes);
                split(&mut bytes, usize::try_from(length).unwrap())
            }
            5 => split(&mut bytes, 4),
            kind => panic!("wire type {kind}"),
        };
        fields.push((tag >> 3, value));
    }
    fields
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = split(bytes, 1)[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return value;
        }
    }
    panic!("a number of more than 64 bits");
}

fn split<'a>(bytes: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (head, rest) = bytes.split_at(length);
    *bytes = rest;
    head
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).unwrap().to_owned()
}
