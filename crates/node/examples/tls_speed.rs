//! Prints what TLS between nodes costs against the clear: answers to small and large bodies on kept connections, and a connection
//! of its own for each request.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256};
use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::routing::post;
use tokio::net::TcpListener;
use vouch_chain::endpoint::{Endpoint, EndpointUrl, TransportKeys};
use vouch_chain::pinned;
use vouch_node::server::{Limits, serve};
use vouch_node::tls::{self, Identity, TlsListener};

/// How long each thing is measured.
const TIME: Duration = Duration::from_secs(2);
const CASES: [(&str, usize); 3] = [("1 KiB", 1 << 10), ("64 KiB", 1 << 16), ("1 MiB", 1 << 20)];

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Result<()> {
    let (identity, own) = (Identity::ephemeral()?, Identity::ephemeral()?);
    let clear = start(None).await?;
    let tls = start(Some(&identity)).await?;
    let url = EndpointUrl::parse(&format!("https://{tls}"))?;
    let keys = TransportKeys::new(identity.transport_key(), B256::ZERO);
    let endpoint = Endpoint { account: Address::ZERO, url, keys };
    let pinned = || pinned::http_client(&endpoint, Some(own.shown()), true);
    let (plain, secure) = (reqwest::Client::new(), pinned()?);
    for (name, bytes) in CASES {
        let clear = time(async || send(&plain, &format!("http://{clear}/"), bytes).await).await?;
        let tls = time(async || send(&secure, &format!("https://{tls}/"), bytes).await).await?;
        println!(
            "{name:<8} there and back: {clear:>10.1?} in the clear, {tls:>10.1?} over TLS, {:?} more",
            tls - clear
        );
    }
    let handshake = time(async || send(&pinned()?, &format!("https://{tls}/"), 0).await).await?;
    println!("a client and a connection of its own: {handshake:.1?}, both ends on this machine");
    Ok(())
}

async fn start(identity: Option<&Identity>) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let router = Router::new().route("/", post(|body: Bytes| async move { body })).layer(DefaultBodyLimit::disable());
    match identity {
        None => drop(tokio::spawn(serve(listener, router, Limits::default()))),
        Some(identity) => {
            let listener =
                TlsListener::new(listener, tls::server::server_config(identity)?, tls::server::Limits::default())?;
            drop(tokio::spawn(serve(listener, router, Limits::default())));
        }
    }
    Ok(address)
}

async fn send(client: &reqwest::Client, url: &str, bytes: usize) -> Result<()> {
    let answer = client.post(url).body(vec![7; bytes]).send().await?.bytes().await?;
    if answer.len() == bytes { Ok(()) } else { Err("another answer".into()) }
}

/// The mean time of one.
async fn time(mut once: impl AsyncFnMut() -> Result<()>) -> Result<Duration> {
    once().await?;
    let (start, mut times) = (Instant::now(), 0);
    while start.elapsed() < TIME {
        once().await?;
        times += 1;
    }
    Ok(start.elapsed() / times)
}
