//! Version 3 keystores ("Web3 Secret Storage") for keys that send transactions.

use std::path::Path;

use alloy::signers::local::PrivateKeySigner;
use alloy_primitives::keccak256;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::cipher::{Cost, ScryptParameters, apply_keystream, random_bytes, random_uuid};
use super::error::Error;
use super::file;
use super::password::Password;

#[derive(Serialize, Deserialize)]
struct Keystore {
    address: Option<String>,
    // Some tools write it with a capital letter.
    #[serde(alias = "Crypto")]
    crypto: Crypto,
    id: String,
    version: u32,
}

#[derive(Serialize, Deserialize)]
struct Crypto {
    cipher: String,
    cipherparams: CipherParameters,
    #[serde(with = "hex::serde")]
    ciphertext: Vec<u8>,
    kdf: String,
    kdfparams: serde_json::Value,
    #[serde(with = "hex::serde")]
    mac: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct CipherParameters {
    #[serde(with = "hex::serde")]
    iv: [u8; 16],
}

/// Makes a new key and keeps it at `path`.
///
/// # Errors
/// Refuses to overwrite a file.
pub fn create_ecdsa(path: &Path, password: &Password, cost: Cost) -> Result<PrivateKeySigner, Error> {
    let signer = PrivateKeySigner::random();
    write_ecdsa(path, &signer, password, cost)?;
    Ok(signer)
}

/// Keeps a key at `path`.
///
/// # Errors
/// Refuses to overwrite a file.
pub fn write_ecdsa(path: &Path, signer: &PrivateKeySigner, password: &Password, cost: Cost) -> Result<(), Error> {
    let parameters = ScryptParameters::new(cost);
    let key = parameters.derive(password.bytes()).map_err(|detail| Error::corrupted(path, detail))?;
    let iv = random_bytes::<16>();
    let mut secret = Zeroizing::new(signer.to_bytes().0);
    apply_keystream(&key, &iv, secret.as_mut());
    let keystore = Keystore {
        address: Some(hex::encode(signer.address())),
        crypto: Crypto {
            cipher: "aes-128-ctr".to_owned(),
            cipherparams: CipherParameters { iv },
            mac: mac(&key, secret.as_ref()).to_vec(),
            ciphertext: secret.to_vec(),
            kdf: "scrypt".to_owned(),
            kdfparams: serde_json::to_value(&parameters).map_err(|source| Error::corrupted(path, source))?,
        },
        id: random_uuid(),
        version: 3,
    };
    let content = serde_json::to_vec_pretty(&keystore).map_err(|source| Error::corrupted(path, source))?;
    file::write_private(path, &content)
}

/// Reads the key at `path`.
///
/// # Errors
/// Tells a wrong password from a damaged file as far as the form allows: the checksum covers both.
pub fn read_ecdsa(path: &Path, password: &Password) -> Result<PrivateKeySigner, Error> {
    let content = file::read_private(path)?;
    let keystore: Keystore = serde_json::from_slice(&content).map_err(|source| Error::corrupted(path, source))?;
    check_form(path, &keystore)?;
    let parameters: ScryptParameters =
        serde_json::from_value(keystore.crypto.kdfparams.clone()).map_err(|source| Error::corrupted(path, source))?;
    let key = parameters.derive(password.bytes()).map_err(|detail| Error::corrupted(path, detail))?;
    if mac(&key, &keystore.crypto.ciphertext)[..] != keystore.crypto.mac[..] {
        let source_name = password.source_name().to_owned();
        return Err(Error::WrongPassword { path: path.to_owned(), source_name });
    }
    let mut secret = Zeroizing::new(keystore.crypto.ciphertext.clone());
    apply_keystream(&key, &keystore.crypto.cipherparams.iv, &mut secret);
    let signer = PrivateKeySigner::from_slice(&secret).map_err(|source| Error::corrupted(path, source))?;
    check_address(path, &keystore, &signer)?;
    Ok(signer)
}

fn check_form(path: &Path, keystore: &Keystore) -> Result<(), Error> {
    if keystore.version != 3 {
        return Err(Error::unsupported(path, format!("keystore version {}", keystore.version)));
    }
    if keystore.crypto.kdf != "scrypt" {
        return Err(Error::unsupported(path, format!("the key derivation {:?}", keystore.crypto.kdf)));
    }
    if keystore.crypto.cipher != "aes-128-ctr" {
        return Err(Error::unsupported(path, format!("the cipher {:?}", keystore.crypto.cipher)));
    }
    if keystore.crypto.ciphertext.len() != 32 {
        return Err(Error::corrupted(path, "the secret is not 32 bytes long"));
    }
    Ok(())
}

/// The address is outside the checksum, yet it is what people and tools go by.
fn check_address(path: &Path, keystore: &Keystore, signer: &PrivateKeySigner) -> Result<(), Error> {
    let Some(stated) = &keystore.address else { return Ok(()) };
    let actual = hex::encode(signer.address());
    if stated.trim_start_matches("0x").eq_ignore_ascii_case(&actual) {
        return Ok(());
    }
    Err(Error::corrupted(path, format!("it names the address {stated}, its key is that of {actual}")))
}

fn mac(key: &[u8; 32], ciphertext: &[u8]) -> [u8; 32] {
    keccak256([&key[16..], ciphertext].concat()).0
}
