//! Keystores of EIP-2335's form for BLS keys.
//!
//! The curve is BN254, not BLS12-381, so `pubkey` holds our own encoding and `path` is empty: what is kept compatible is
//! the encryption, so that common tools can change the password.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use vouch_core::bls::SecretKey;
use vouch_core::points;
use zeroize::Zeroizing;

use super::cipher::{Cost, ScryptParameters, apply_keystream, random_bytes, random_uuid};
use super::error::Error;
use super::file;
use super::password::Password;

#[derive(Serialize, Deserialize)]
struct Keystore {
    crypto: Crypto,
    description: String,
    pubkey: String,
    path: String,
    uuid: String,
    version: u32,
}

#[derive(Serialize, Deserialize)]
struct Crypto {
    kdf: Module<serde_json::Value>,
    checksum: Module<Empty>,
    cipher: Module<CipherParameters>,
}

#[derive(Serialize, Deserialize)]
struct Module<P> {
    function: String,
    params: P,
    #[serde(with = "hex::serde")]
    message: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Empty {}

#[derive(Serialize, Deserialize)]
struct CipherParameters {
    #[serde(with = "hex::serde")]
    iv: [u8; 16],
}

/// Makes a new key and keeps it at `path`.
///
/// # Errors
/// Refuses to overwrite a file.
pub fn create_bls(path: &Path, password: &Password, cost: Cost) -> Result<SecretKey, Error> {
    let entropy = Zeroizing::new(random_bytes::<48>());
    let secret = SecretKey::from_entropy(&entropy).map_err(|source| Error::corrupted(path, source))?;
    write_bls(path, &secret, password, cost)?;
    Ok(secret)
}

/// Keeps a key at `path`.
///
/// # Errors
/// Refuses to overwrite a file.
pub fn write_bls(path: &Path, secret: &SecretKey, password: &Password, cost: Cost) -> Result<(), Error> {
    let parameters = ScryptParameters::new(cost);
    let key = parameters.derive(&normalize(password)).map_err(|detail| Error::corrupted(path, detail))?;
    let iv = random_bytes::<16>();
    let mut message = secret.to_bytes();
    apply_keystream(&key, &iv, message.as_mut());
    let kdfparams = serde_json::to_value(&parameters).map_err(|source| Error::corrupted(path, source))?;
    let keystore = Keystore {
        crypto: Crypto {
            kdf: Module { function: "scrypt".to_owned(), params: kdfparams, message: Vec::new() },
            checksum: Module {
                function: "sha256".to_owned(),
                params: Empty {},
                message: checksum(&key, message.as_ref()).to_vec(),
            },
            cipher: Module {
                function: "aes-128-ctr".to_owned(),
                params: CipherParameters { iv },
                message: message.to_vec(),
            },
        },
        description: "BN254 key of a Vouch operator".to_owned(),
        pubkey: public_name(secret),
        path: String::new(),
        uuid: random_uuid(),
        version: 4,
    };
    let content = serde_json::to_vec_pretty(&keystore).map_err(|source| Error::corrupted(path, source))?;
    file::write_private(path, &content)
}

/// Reads the key at `path`.
///
/// # Errors
/// Tells a wrong password from a damaged file as far as the form allows: the checksum covers both.
pub fn read_bls(path: &Path, password: &Password) -> Result<SecretKey, Error> {
    let content = file::read_private(path)?;
    let keystore: Keystore = serde_json::from_slice(&content).map_err(|source| Error::corrupted(path, source))?;
    check_form(path, &keystore)?;
    let crypto = &keystore.crypto;
    let parameters: ScryptParameters =
        serde_json::from_value(crypto.kdf.params.clone()).map_err(|source| Error::corrupted(path, source))?;
    let key = parameters.derive(&normalize(password)).map_err(|detail| Error::corrupted(path, detail))?;
    if checksum(&key, &crypto.cipher.message)[..] != crypto.checksum.message[..] {
        let source_name = password.source_name().to_owned();
        return Err(Error::WrongPassword { path: path.to_owned(), source_name });
    }
    let mut bytes = Zeroizing::new([0u8; 32]);
    bytes.copy_from_slice(&crypto.cipher.message);
    apply_keystream(&key, &crypto.cipher.params.iv, bytes.as_mut());
    let secret = SecretKey::from_bytes(&bytes).map_err(|source| Error::corrupted(path, source))?;
    let actual = public_name(&secret);
    if keystore.pubkey != actual {
        return Err(Error::corrupted(path, format!("it names the key {}, it holds that of {actual}", keystore.pubkey)));
    }
    Ok(secret)
}

fn check_form(path: &Path, keystore: &Keystore) -> Result<(), Error> {
    let crypto = &keystore.crypto;
    if keystore.version != 4 {
        return Err(Error::unsupported(path, format!("keystore version {}", keystore.version)));
    }
    let functions = [&crypto.kdf.function, &crypto.checksum.function, &crypto.cipher.function];
    for (function, expected) in functions.into_iter().zip(["scrypt", "sha256", "aes-128-ctr"]) {
        if function != expected {
            return Err(Error::unsupported(path, format!("{function:?} where {expected} is expected")));
        }
    }
    if crypto.cipher.message.len() != 32 {
        return Err(Error::corrupted(path, "the secret is not 32 bytes long"));
    }
    Ok(())
}

/// EIP-2335 strips control characters. Its NFKD step is left to the caller's keyboard: it matters for passwords with
/// composed characters only, and would cost a Unicode table.
fn normalize(password: &Password) -> Zeroizing<Vec<u8>> {
    let bytes = password.bytes();
    match std::str::from_utf8(bytes) {
        Ok(text) => Zeroizing::new(text.chars().filter(|letter| !letter.is_control()).collect::<String>().into_bytes()),
        Err(_) => Zeroizing::new(bytes.to_vec()),
    }
}

fn checksum(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(&key[16..]).chain_update(message).finalize().into()
}

/// The compressed public key on G1, as gnark writes it.
fn public_name(secret: &SecretKey) -> String {
    hex::encode(points::g1_compressed(secret.public_key().g1().point()))
}
