use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, B256};
use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::StatusCode;
use axum::response::Redirect;
use axum::routing::get;
use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, DigitallySignedStruct, ServerConfig, SignatureScheme};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use vouch_chain::endpoint::{Endpoint, TransportKeys};
use vouch_chain::pinned::{self, ClientIdentity};

use crate::server;

use super::identity::Identity;
use super::server::{Connection, Limits, TlsListener, server_config};

/// A server that answers who called.
async fn serve(identity: &Identity, limits: Limits) -> SocketAddr {
    serve_with(server_config(identity).unwrap(), limits).await
}

async fn serve_with(config: ServerConfig, limits: Limits) -> SocketAddr {
    let who = |ConnectInfo(from): ConnectInfo<Connection>| async move { format!("{:?}", from.transport_key) };
    serve_router(Router::new().route("/", get(who)), config, limits).await
}

async fn serve_router(router: Router, config: ServerConfig, limits: Limits) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listener = TlsListener::new(listener, config, limits).unwrap();
    let address = axum::serve::Listener::local_addr(&listener).unwrap();
    tokio::spawn(server::serve(listener, router, server::Limits::default()));
    address
}

fn client(at: SocketAddr, key: B256, next: B256, identity: Option<&ClientIdentity>) -> reqwest::Client {
    let endpoint = endpoint(at, TransportKeys::new(key, next));
    pinned::http_client(&endpoint, identity, true).unwrap()
}

fn endpoint(at: SocketAddr, keys: TransportKeys) -> Endpoint {
    let url = vouch_chain::endpoint::EndpointUrl::parse(&format!("https://{at}")).unwrap();
    Endpoint { account: Address::ZERO, url, keys }
}

async fn ask(client: &reqwest::Client, at: SocketAddr) -> Result<String, reqwest::Error> {
    client.get(format!("https://{at}/")).timeout(Duration::from_secs(10)).send().await?.text().await
}

#[tokio::test]
async fn the_registered_key_is_believed_and_the_caller_is_known_by_its_own() {
    let (server, caller) = (Identity::ephemeral().unwrap(), Identity::ephemeral().unwrap());
    let at = serve(&server, Limits::default()).await;
    let anonymous = client(at, server.transport_key(), B256::ZERO, None);
    assert_eq!(ask(&anonymous, at).await.unwrap(), "None");
    let known = client(at, server.transport_key(), B256::ZERO, Some(caller.shown()));
    assert_eq!(ask(&known, at).await.unwrap(), format!("{:?}", Some(caller.transport_key())));
}

#[tokio::test]
async fn another_certificate_at_the_right_address_is_refused() {
    let (server, other) = (Identity::ephemeral().unwrap(), Identity::ephemeral().unwrap());
    let at = serve(&server, Limits::default()).await;
    // Another operator's registered key is as wrong here as nobody's: each account has keys of its own.
    for key in [other.transport_key(), B256::repeat_byte(7), B256::ZERO] {
        assert!(ask(&client(at, key, B256::ZERO, None), at).await.is_err());
    }
}

#[tokio::test]
async fn during_a_change_both_keys_are_believed() {
    let (old, new) = (Identity::ephemeral().unwrap(), Identity::ephemeral().unwrap());
    for server in [&old, &new] {
        let at = serve(server, Limits::default()).await;
        ask(&client(at, old.transport_key(), new.transport_key(), None), at).await.unwrap();
    }
}

#[tokio::test]
async fn plain_http_on_the_tls_port_gets_no_answer() {
    let server = Identity::ephemeral().unwrap();
    let at = serve(&server, Limits::default()).await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _reset = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await.unwrap();
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}

#[tokio::test]
async fn tls_12_is_refused() {
    let server = Identity::ephemeral().unwrap();
    let at = serve(&server, Limits::default()).await;
    for (version, works) in [(&rustls::version::TLS12, false), (&rustls::version::TLS13, true)] {
        let config = ClientConfig::builder_with_provider(pinned::provider())
            .with_protocol_versions(&[version])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anything))
            .with_no_client_auth();
        let stream = TcpStream::connect(at).await.unwrap();
        let name = ServerName::try_from("node.example").unwrap();
        assert_eq!(TlsConnector::from(Arc::new(config)).connect(name, stream).await.is_ok(), works, "{version:?}");
    }
}

#[tokio::test]
async fn handshakes_that_never_end_are_cut_off_and_others_get_through() {
    let server = Identity::ephemeral().unwrap();
    let limits = Limits { handshakes: 2, handshake_timeout: Duration::from_millis(300) };
    let at = serve(&server, limits).await;
    let mut silent = Vec::new();
    for _ in 0..6 {
        silent.push(TcpStream::connect(at).await.unwrap());
    }
    ask(&client(at, server.transport_key(), B256::ZERO, None), at).await.unwrap();
    for mut stream in silent {
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
        assert!(ended.is_ok(), "a silent connection was kept");
    }
}

/// A stranger's key behind somebody's public certificate.
fn pretender(of: &Identity) -> CertifiedKey {
    let own = Identity::ephemeral().unwrap();
    let key = pinned::provider().key_provider.load_private_key(own.shown().key.clone_key()).unwrap();
    CertifiedKey::new(vec![of.shown().certificate.clone()], key)
}

/// Shows the same whatever it is asked for.
#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

impl ResolvesClientCert for Shown {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn a_server_that_shows_a_certificate_without_its_key_is_refused() {
    let victim = Identity::ephemeral().unwrap();
    let config = ServerConfig::builder_with_provider(pinned::provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Shown(Arc::new(pretender(&victim)))));
    let at = serve_with(config, Limits::default()).await;
    assert!(ask(&client(at, victim.transport_key(), B256::ZERO, None), at).await.is_err());
}

#[tokio::test]
async fn a_caller_that_shows_a_certificate_without_its_key_is_refused() {
    let (server, victim) = (Identity::ephemeral().unwrap(), Identity::ephemeral().unwrap());
    let at = serve(&server, Limits::default()).await;
    for (shown, works) in [(pretender(&victim), false), (certified(&victim), true)] {
        let config = ClientConfig::builder_with_provider(pinned::provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anything))
            .with_client_cert_resolver(Arc::new(Shown(Arc::new(shown))));
        let client = reqwest::Client::builder().tls_backend_preconfigured(config).no_proxy().build().unwrap();
        assert_eq!(ask(&client, at).await.is_ok(), works);
    }
}

fn certified(identity: &Identity) -> CertifiedKey {
    let key = pinned::provider().key_provider.load_private_key(identity.shown().key.clone_key()).unwrap();
    CertifiedKey::new(vec![identity.shown().certificate.clone()], key)
}

#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_not_followed() {
    let server = Identity::ephemeral().unwrap();
    let at = serve(&server, Limits::default()).await;
    let base = format!("https://localhost:{}", at.port());
    let keys = TransportKeys::new(server.transport_key(), B256::ZERO);
    let url = vouch_chain::endpoint::EndpointUrl::parse(&base).unwrap();
    let endpoint = Endpoint { account: Address::ZERO, url, keys };
    for private in [false, true] {
        let client = pinned::http_client(&endpoint, None, private).unwrap();
        assert_eq!(client.get(&base).send().await.is_ok(), private);
    }
    assert!(pinned::http_client(&self::endpoint(at, keys), None, false).is_err(), "the address itself");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (server, other) = (Identity::ephemeral().unwrap(), Identity::ephemeral().unwrap());
    let elsewhere = serve(&other, Limits::default()).await;
    let away = move || async move { Redirect::temporary(&format!("https://{elsewhere}/")) };
    let at =
        serve_router(Router::new().route("/", get(away)), server_config(&server).unwrap(), Limits::default()).await;
    let both = client(at, server.transport_key(), other.transport_key(), None);
    let answer = both.get(format!("https://{at}/")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::TEMPORARY_REDIRECT);
}

#[test]
fn a_key_is_made_once_and_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("transport-key.pem");
    let made = Identity::open_or_create(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(Identity::open_or_create(&path).unwrap().transport_key(), made.transport_key());
    assert_eq!(pinned::transport_key(&made.shown().certificate).unwrap(), made.transport_key());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(Identity::open_or_create(&path).is_err());
}

/// Believes every certificate, so that only the version decides.
#[derive(Debug)]
struct Anything;

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        pinned::provider().signature_verification_algorithms.supported_schemes()
    }
}
