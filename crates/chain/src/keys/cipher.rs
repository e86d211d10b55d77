//! What both forms of keystore share: scrypt and AES-128 in counter mode.

use aes::Aes128;
use ctr::cipher::{KeyIvInit, StreamCipher};
use rand::RngCore;
use rand::rngs::OsRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The most memory that reading a keystore may take: scrypt needs 128 * n * r bytes.
const MEMORY_BYTES_MAX: u64 = 1 << 30;
/// The most work, in blocks mixed (n * r * p): four times the usual.
const WORK_MAX: u64 = 1 << 23;

/// What guessing a password costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// 256 MiB and about a second a guess: for keys with value.
    Standard,
    /// 4 MiB and some milliseconds: for the keys of a local cloud, which are worth nothing.
    Light,
}

/// scrypt's parameters and what is bound to them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ScryptParameters {
    pub dklen: u32,
    pub n: u64,
    pub r: u32,
    pub p: u32,
    #[serde(with = "hex::serde")]
    pub salt: Vec<u8>,
}

impl ScryptParameters {
    pub(super) fn new(cost: Cost) -> Self {
        let n = match cost {
            Cost::Standard => 1 << 18,
            Cost::Light => 1 << 12,
        };
        Self { dklen: 32, n, r: 8, p: 1, salt: random_bytes::<32>().to_vec() }
    }

    /// The 32-byte key of a password, or what is wrong with the parameters. They come from a file that somebody else
    /// may have written, so what they cost is bounded.
    pub(super) fn derive(&self, password: &[u8]) -> Result<Zeroizing<[u8; 32]>, String> {
        let blocks = self.n.checked_mul(u64::from(self.r)).ok_or("scrypt parameters overflow")?;
        let memory = blocks.checked_mul(128).ok_or("scrypt parameters overflow")?;
        let work = blocks.checked_mul(u64::from(self.p)).ok_or("scrypt parameters overflow")?;
        if !self.n.is_power_of_two() || self.n < 2 || self.dklen != 32 || self.salt.len() > 64 {
            return Err("scrypt parameters are none that anybody uses".to_owned());
        }
        if memory > MEMORY_BYTES_MAX || work > WORK_MAX {
            return Err(format!("scrypt parameters ask for {memory} bytes of memory and {work} blocks of work"));
        }
        let log_n = u8::try_from(self.n.trailing_zeros()).map_err(|source| source.to_string())?;
        let parameters = scrypt::Params::new(log_n, self.r, self.p, 32).map_err(|source| source.to_string())?;
        let mut key = Zeroizing::new([0u8; 32]);
        scrypt::scrypt(password, &self.salt, &parameters, key.as_mut()).map_err(|source| source.to_string())?;
        Ok(key)
    }
}

/// AES-128 in counter mode with the first half of `key`; encrypts and decrypts.
pub(super) fn apply_keystream(key: &[u8; 32], iv: &[u8; 16], data: &mut [u8]) {
    let mut half = Zeroizing::new([0u8; 16]);
    half.copy_from_slice(&key[..16]);
    ctr::Ctr128BE::<Aes128>::new((&*half).into(), iv.into()).apply_keystream(data);
}

pub(super) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0u8; N];
    OsRng.fill_bytes(&mut bytes);
    bytes
}

/// A random UUID of version 4, as both keystore forms want one.
pub(super) fn random_uuid() -> String {
    let mut bytes = random_bytes::<16>();
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let text = hex::encode(bytes);
    format!("{}-{}-{}-{}-{}", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..])
}
