//! The listening side: handshakes beside each other, at most so many at once and each with an end, so that a caller who never
//! finishes one takes nothing from the others.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::B256;
use axum::serve::Listener;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use vouch_chain::pinned::{provider, transport_key};

use super::identity::Identity;

/// How long a handshake may take.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Handshakes under way at once; further connections wait in the system's queue.
pub const HANDSHAKES_MAX: usize = 256;
/// After a failed accept (no file descriptors left, say), before the next one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// What is known of the other side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Whether TLS protects it; in the clear this node listens to its own machine alone.
    pub encrypted: bool,
    /// The key that the caller proved to have, if it showed one.
    pub transport_key: Option<B256>,
}

/// A stream that says what is known of its other side.
pub trait Identified {
    fn connection(&self) -> Connection;
}

impl Identified for TlsStream<TcpStream> {
    fn connection(&self) -> Connection {
        Connection { encrypted: true, transport_key: shown_key(self) }
    }
}

impl Identified for TcpStream {
    fn connection(&self) -> Connection {
        Connection { encrypted: false, transport_key: None }
    }
}

fn shown_key(stream: &TlsStream<TcpStream>) -> Option<B256> {
    let (_, session) = stream.get_ref();
    let certificate = session.peer_certificates()?.first()?;
    transport_key(certificate).ok()
}

/// Asks for a certificate, takes any key that the caller proves to have, and takes none too: which keys count on which route
/// is decided there, by the finalized block of that moment.
#[derive(Debug)]
struct AnyKey {
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for AnyKey {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        transport_key(end_entity)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("nodes speak TLS 1.3 only".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// How this node serves.
///
/// # Errors
/// When the identity's key does not fit its certificate.
pub fn server_config(identity: &Identity) -> Result<ServerConfig, rustls::Error> {
    let provider = provider();
    let shown = identity.shown();
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(Arc::new(AnyKey { provider }))
        .with_single_cert(vec![shown.certificate.clone()], shown.key.clone_key())?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Limits of a listener.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub handshakes: usize,
    pub handshake_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { handshakes: HANDSHAKES_MAX, handshake_timeout: HANDSHAKE_TIMEOUT }
    }
}

type Accepted = (TlsStream<TcpStream>, SocketAddr);

/// Connections whose handshake is done.
pub struct TlsListener {
    accepted: mpsc::Receiver<Accepted>,
    local: SocketAddr,
    accepting: AbortHandle,
}

impl TlsListener {
    /// # Errors
    /// When the listener has no address.
    pub fn new(listener: TcpListener, config: ServerConfig, limits: Limits) -> io::Result<Self> {
        let local = listener.local_addr()?;
        let (done, accepted) = mpsc::channel(limits.handshakes);
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let accepting = tokio::spawn(accept_all(listener, acceptor, limits, done)).abort_handle();
        Ok(Self { accepted, local, accepting })
    }
}

impl Drop for TlsListener {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> Accepted {
        match self.accepted.recv().await {
            Some(accepted) => accepted,
            // The accepting task runs as long as this lives; without it nobody can call any more.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }
}

async fn accept_all(listener: TcpListener, acceptor: TlsAcceptor, limits: Limits, done: mpsc::Sender<Accepted>) {
    let slots = Arc::new(Semaphore::new(limits.handshakes));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, from)) => {
                let handshake = shake(acceptor.clone(), stream, from, limits.handshake_timeout, done.clone(), slot);
                tokio::spawn(handshake);
            }
            Err(error) => {
                tracing::warn!(%error, "node.tls.accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn shake(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    from: SocketAddr,
    timeout: Duration,
    done: mpsc::Sender<Accepted>,
    slot: OwnedSemaphorePermit,
) {
    // Answers are small and awaited; without this each waits for the acknowledgement of the one before.
    let _unset = stream.set_nodelay(true);
    match tokio::time::timeout(timeout, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => {
            // A full queue holds the slot, so that new connections wait too.
            let _ended = done.send((stream, from)).await;
        }
        Ok(Err(error)) => tracing::debug!(%from, %error, "node.tls.handshake"),
        Err(_) => tracing::debug!(%from, "node.tls.handshake timed out"),
    }
    drop(slot);
}
