//! TLS to a node whose keys the chain names: version 1.3, and no certificate authority anywhere.
//!
//! A certificate is only the form in which a key is shown; its names and dates say nothing, because the chain says whose key it
//! is and until when. The handshake proves that the other side has the key.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::B256;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use sha2::{Digest, Sha256};

use crate::endpoint::{Endpoint, TransportKeys, UrlError, is_public};

/// How long connecting and the handshake may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Idle connections kept per node.
const IDLE_PER_NODE_MAX: usize = 32;

/// What a certificate shows: SHA-256 of its SubjectPublicKeyInfo.
///
/// # Errors
/// When it is no X.509 certificate.
pub fn transport_key(certificate: &CertificateDer<'_>) -> Result<B256, Error> {
    let parsed = ParsedCertificate::try_from(certificate)?;
    Ok(key_of_spki(parsed.subject_public_key_info().as_ref()))
}

/// The transport key of a DER-encoded SubjectPublicKeyInfo.
#[must_use]
pub fn key_of_spki(spki: &[u8]) -> B256 {
    B256::from(<[u8; 32]>::from(Sha256::digest(spki)))
}

/// The provider of all TLS between nodes.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// What a node shows of itself when it calls another.
#[derive(Debug)]
pub struct ClientIdentity {
    pub certificate: CertificateDer<'static>,
    pub key: PrivateKeyDer<'static>,
}

/// Believes a server that has one of these keys, and no other.
#[derive(Debug)]
struct PinnedServer {
    keys: TransportKeys,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinnedServer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if !self.keys.contains(transport_key(end_entity)?) {
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("nodes speak TLS 1.3 only".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// TLS to a server that has one of `keys`.
///
/// # Errors
/// When the identity's key does not fit its certificate.
pub fn client_config(keys: TransportKeys, identity: Option<&ClientIdentity>) -> Result<ClientConfig, Error> {
    let provider = provider();
    let verifier = Arc::new(PinnedServer { keys, provider: Arc::clone(&provider) });
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    match identity {
        Some(identity) => builder.with_client_auth_cert(vec![identity.certificate.clone()], identity.key.clone_key()),
        None => Ok(builder.with_no_client_auth()),
    }
}

/// Why there is no client for an endpoint.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error(transparent)]
    Url(#[from] UrlError),
    #[error("TLS cannot be set up")]
    Tls(#[from] Error),
    #[error("there is no HTTP client")]
    Http(#[from] reqwest::Error),
}

/// An HTTP client that reaches this endpoint's account and nobody else: not by a redirect, not through a proxy, not in the
/// clear, and with `private` false nothing in a private network, whatever a name resolves to.
///
/// # Errors
/// [`UrlError::Private`], or TLS that cannot be set up.
pub fn http_client(
    endpoint: &Endpoint,
    identity: Option<&ClientIdentity>,
    private: bool,
) -> Result<reqwest::Client, ClientError> {
    if !private {
        endpoint.url.require_public()?;
    }
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(client_config(endpoint.keys, identity)?)
        .https_only(true)
        .dns_resolver(Arc::new(Names { private }))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_max_idle_per_host(IDLE_PER_NODE_MAX)
        .tcp_nodelay(true);
    Ok(builder.build()?)
}

/// Resolves names by the system, and leaves out what a registered name may not point to.
struct Names {
    private: bool,
}

impl reqwest::dns::Resolve for Names {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let private = self.private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<_> = found.filter(|address| private || is_public(address.ip())).collect();
            if allowed.is_empty() {
                return Err(UrlError::Private { host: name.as_str().to_owned() }.into());
            }
            let addresses: Box<dyn Iterator<Item = SocketAddr> + Send> = Box::new(allowed.into_iter());
            Ok(addresses)
        })
    }
}
