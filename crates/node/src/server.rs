//! Connections of the HTTP server: so many at once and no more, each with an end when its caller falls silent.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::serve::Listener;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::sync::Semaphore;
use tower::Layer;

use crate::tls::server::Identified;

/// Connections at once; more wait in the system's queue.
pub const CONNECTIONS_MAX: usize = 4_096;
/// How long a connection may stay without the whole head of a next request. Longer than other nodes keep idle connections, so
/// that they are the ones that close them.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(120);
/// The most bytes of a request's head; larger buffers of bodies are the handlers'.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Limits of a server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub connections: usize,
    pub head_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: CONNECTIONS_MAX, head_timeout: HEAD_TIMEOUT }
    }
}

/// Answers callers by `router`, whose handlers learn as `ConnectInfo<Connection>` who calls. Never ends.
pub async fn serve<L>(mut listener: L, router: Router, limits: Limits) -> Infallible
where
    L: Listener,
    L::Io: Identified,
{
    let free = Arc::new(Semaphore::new(limits.connections));
    loop {
        // The semaphore is never closed.
        let Ok(place) = Arc::clone(&free).acquire_owned().await else { std::future::pending().await };
        let (stream, _from) = listener.accept().await;
        let service = Extension(ConnectInfo(stream.connection())).layer(router.clone());
        tokio::spawn(async move {
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(limits.head_timeout)
                .max_buf_size(HEAD_BYTES_MAX)
                .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
            if let Err(error) = served.await {
                tracing::debug!(%error, "node.http.connection");
            }
            drop(place);
        });
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::body::Bytes;
    use axum::routing::{get, post};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    async fn start(limits: Limits) -> SocketAddr {
        start_with(Router::new().route("/", get(|| async { "here" })), limits).await
    }

    async fn start_with(router: Router, limits: Limits) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, router, limits));
        address
    }

    async fn begun(at: SocketAddr, head: &str) -> TcpStream {
        let mut stream = TcpStream::connect(at).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    }

    async fn rest(mut stream: TcpStream) -> String {
        let mut answer = String::new();
        let reading = stream.read_to_string(&mut answer);
        tokio::time::timeout(Duration::from_secs(10), reading).await.expect("the connection was kept").unwrap();
        answer
    }

    #[tokio::test]
    async fn a_caller_that_never_finishes_a_requests_head_is_cut_off() {
        let at = start(Limits { head_timeout: Duration::from_millis(200), ..Limits::default() }).await;
        assert!(!rest(begun(at, "GET / HTTP/1.1\r\nhost:").await).await.contains("200 OK"));
        let idle = begun(at, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert!(rest(idle).await.contains("here"), "answered, and closed because nothing follows");
    }

    #[tokio::test]
    async fn connections_over_the_limit_wait_until_others_end() {
        let at = start(Limits { connections: 2, ..Limits::default() }).await;
        let (first, _second) = (begun(at, "GET").await, begun(at, "GET").await);
        let third = begun(at, "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        let mut answer = tokio::spawn(rest(third));
        let early = tokio::time::timeout(Duration::from_millis(300), &mut answer).await;
        assert!(early.is_err(), "a third of two was answered");
        drop(first);
        assert!(answer.await.unwrap().contains("here"));
    }

    #[tokio::test]
    async fn a_caller_that_stops_within_a_body_is_cut_off() {
        let echo = Router::new().route("/", post(|body: Bytes| async move { body }));
        let at = start_with(crate::http::with_end(echo, Duration::from_millis(200)), Limits::default()).await;
        let head = "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 4\r\n\r\n";
        assert!(rest(begun(at, &format!("{head}ab")).await).await.starts_with("HTTP/1.1 4"));
        assert!(rest(begun(at, &format!("{head}abcd")).await).await.ends_with("abcd"));
    }

    #[tokio::test]
    async fn a_head_without_end_is_refused() {
        let at = start(Limits::default()).await;
        let head = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "a".repeat(2 * HEAD_BYTES_MAX));
        assert!(rest(begun(at, &head).await).await.starts_with("HTTP/1.1 431"));
    }
}
