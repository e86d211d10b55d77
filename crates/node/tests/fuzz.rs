//! Files by which an operator tells its node what to do, and what strangers publish and show.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../../../tests/fuzz/mod.rs"]
mod fuzz;

use std::sync::Arc;

use alloy_primitives::B256;
use rustls::client::ResolvesClientCert;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection, SignatureScheme};
use vouch_chain::endpoint::TransportKeys;
use vouch_chain::pinned::{self, ClientIdentity};
use vouch_compute::program::Program;
use vouch_node::config::Config;
use vouch_node::policy::Policy;
use vouch_node::programs::{Settings, named, runnable};
use vouch_node::tls::Identity;
use vouch_node::tls::server::server_config;

const EXECUTOR: &str = r#"
roles = ["executor"]
data_dir = "data"
listen = "127.0.0.1:0"
[chain]
rpc = "http://127.0.0.1:8545"
deployment = "deployment.json"
[executor]
keystore = "operator.json"
password_file = "password"
bls_dir = "bls"
"#;

const POLICY: &str = r#"
interfaces = ["command", "http"]
hardware_class = "cpu"
minimum_fee = "1000"
acceptance = "automatic"
[limits]
memory_bytes = 1_000_000
"#;

#[test]
fn node_configurations() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("node.toml");
    fuzz!("node_configurations", vec![EXECUTOR.into()], |bytes| {
        std::fs::write(&path, bytes).unwrap();
        let Ok(config) = Config::load(&path) else { return false };
        assert!(config.data_dir.is_absolute() && config.chain.deployment.is_absolute());
        true
    });
}

#[test]
fn policies() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.toml");
    let written = toml::to_string(&Policy::default()).unwrap();
    fuzz!("policies", vec![POLICY.into(), written.into()], |bytes| {
        std::fs::write(&path, bytes).unwrap();
        let Ok(policy) = Policy::load(&path) else { return false };
        std::fs::write(&path, toml::to_string(&policy).unwrap()).unwrap();
        assert_eq!(Policy::load(&path).unwrap(), policy);
        true
    });
}

#[test]
fn release_settings() {
    let env = [("MODE".to_owned(), "fast".to_owned())].into();
    let settings = Settings { args: vec!["--strict".to_owned()], env, image: Some("r.example/a".to_owned()) };
    let program = Program { args: settings.args.clone(), env: settings.env.clone(), ..Program::command(B256::ZERO) };
    let named = named(&program);
    let seeds = vec![settings.to_uri().into_bytes(), b"https://example.org/app.wasm".to_vec()];
    fuzz!("release_settings", seeds, |bytes| {
        let Ok(uri) = std::str::from_utf8(bytes) else { return false };
        let Ok(settings) = Settings::from_uri(uri) else { return false };
        assert_eq!(Settings::from_uri(&settings.to_uri()), Ok(settings.clone()));
        // Whatever a URI says, what runs is what the program's id names.
        if let Ok(found) = runnable(&named, settings) {
            assert_eq!(found, program);
        }
        true
    });
}

/// Shows a certificate, whosever it is, and signs with its own key.
#[derive(Debug)]
struct Shows(Arc<CertifiedKey>);

impl Shows {
    fn new(certificate: &[u8], own: &ClientIdentity) -> Arc<Self> {
        let key = pinned::provider().key_provider.load_private_key(own.key.clone_key()).unwrap();
        let shown = vec![CertificateDer::from(certificate.to_vec())];
        Arc::new(Self(Arc::new(CertifiedKey::new(shown, key))))
    }
}

impl ResolvesServerCert for Shows {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

impl ResolvesClientCert for Shows {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Whom client and server each believe to have on the other side; none if one of them ends the handshake.
fn handshake(client: ClientConfig, server: &ServerConfig) -> Option<(B256, Option<B256>)> {
    let name = ServerName::try_from("node.example").unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
    let mut server = ServerConnection::new(Arc::new(server.clone())).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        pass(&mut client, &mut server)?;
        pass(&mut server, &mut client)?;
    }
    let key = |certificates: Option<&[CertificateDer<'_>]>| pinned::transport_key(certificates?.first()?).ok();
    Some((key(client.peer_certificates())?, key(server.peer_certificates())))
}

/// Carries over what one side has to say.
fn pass<A, B>(
    from: &mut impl std::ops::DerefMut<Target = rustls::ConnectionCommon<A>>,
    to: &mut impl std::ops::DerefMut<Target = rustls::ConnectionCommon<B>>,
) -> Option<()> {
    let mut said = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut said).ok()?;
    }
    let mut said = &said[..];
    while !said.is_empty() {
        to.read_tls(&mut said).ok()?;
        to.process_new_packets().ok()?;
    }
    Some(())
}

fn client_of(key: B256) -> ClientConfig {
    pinned::client_config(TransportKeys::new(key, B256::ZERO), None).unwrap()
}

#[test]
fn peer_certificates() {
    let [honest, other] = [(), ()].map(|()| Identity::ephemeral().unwrap());
    let (honest_key, servers) = (honest.transport_key(), server_config(&honest).unwrap());
    assert_eq!(handshake(client_of(honest_key), &servers), Some((honest_key, None)), "the honest node is reached");
    fuzz!("peer_certificates", vec![honest.shown().certificate.to_vec()], |bytes| {
        let shows = Shows::new(bytes, other.shown());
        let mut lying = servers.clone();
        lying.cert_resolver = Arc::clone(&shows) as Arc<dyn ResolvesServerCert>;
        assert_eq!(handshake(client_of(honest_key), &lying), None, "somebody else is taken for the honest node");
        let mut client = client_of(honest_key);
        client.client_auth_cert_resolver = shows;
        let callers_key = handshake(client, &servers).and_then(|(_, caller)| caller);
        assert_ne!(callers_key, Some(honest_key), "somebody else calls as the honest node");
        pinned::transport_key(&CertificateDer::from(bytes.to_vec())).is_ok()
    });
}
