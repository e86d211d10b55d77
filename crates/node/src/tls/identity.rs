//! This node's transport key and the certificate in whose form it is shown.

use std::path::{Path, PathBuf};

use alloy_primitives::B256;
use rcgen::{CertificateParams, KeyPair, PublicKeyData};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use vouch_chain::keys;
use vouch_chain::pinned::{ClientIdentity, key_of_spki};

/// Whoever looks at a certificate sees what it is for; nobody checks the name.
const CERTIFICATE_NAME: &str = "vouch-node";

/// Why there is no transport key.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    File(#[from] keys::Error),
    #[error("{} holds no private key in PEM form: {detail}", .path.display())]
    NoKey { path: PathBuf, detail: String },
    #[error("a transport key cannot be made: {0}")]
    Make(#[from] rcgen::Error),
}

/// A transport key with its certificate, which is made anew at each start: only the key in it counts.
#[derive(Debug)]
pub struct Identity {
    shown: ClientIdentity,
    key: B256,
}

impl Identity {
    /// Reads the key at `path`, or makes one there that only its owner can read.
    ///
    /// # Errors
    /// Names the file that others can read, or that holds something else.
    pub fn open_or_create(path: &Path) -> Result<Self, Error> {
        if !path.exists() {
            let made = keys::write_private(path, KeyPair::generate()?.serialize_pem().as_bytes());
            // Two processes that start at once both go on with the key of the one that was first.
            if let Err(error) = made
                && !matches!(error, keys::Error::Exists { .. })
            {
                return Err(error.into());
            }
        }
        Self::open(path)
    }

    fn open(path: &Path) -> Result<Self, Error> {
        let no_key = |detail: String| Error::NoKey { path: path.to_owned(), detail };
        let pem = String::from_utf8(keys::read_private(path)?).map_err(|error| no_key(error.to_string()))?;
        Self::of(&KeyPair::from_pem(&pem).map_err(|error| no_key(error.to_string()))?)
    }

    /// A key that lives as long as this.
    ///
    /// # Errors
    /// When the machine gives no randomness.
    pub fn ephemeral() -> Result<Self, Error> {
        Self::of(&KeyPair::generate()?)
    }

    fn of(pair: &KeyPair) -> Result<Self, Error> {
        let certificate = CertificateParams::new(vec![CERTIFICATE_NAME.to_owned()])?.self_signed(pair)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pair.serialize_der()));
        let shown = ClientIdentity { certificate: certificate.der().clone(), key };
        Ok(Self { shown, key: key_of_spki(&pair.subject_public_key_info()) })
    }

    /// What the contract `Endpoints` knows this node by.
    pub fn transport_key(&self) -> B256 {
        self.key
    }

    /// What is shown to others.
    pub fn shown(&self) -> &ClientIdentity {
        &self.shown
    }
}
