//! The golden files by name, in memory.

use alloy_primitives::{B256, Bytes, U256, keccak256};
use serde_json::{Value, json};

mod certificates;
mod data;
mod signed;

/// The rows of each table of `shares.json`.
const SHARE_ROWS: usize = 120;

/// Every file of `vectors/` that this crate and `vouch-core` own.
pub fn files() -> Vec<(&'static str, String)> {
    let files = [
        ("types.json", signed::types()),
        ("merkle.json", data::merkle()),
        ("pages.json", data::pages()),
        ("batch_data.json", data::batch_data()),
        ("kzg.json", data::kzg()),
        ("bls.json", certificates::bls()),
        ("certificate.json", certificates::certificate()),
    ];
    let mut files: Vec<_> = files
        .map(|(name, value)| (name, serde_json::to_string_pretty(&value).expect("JSON of strings and numbers") + "\n"))
        .into();
    files.push(("shares.json", vouch_coding::vectors::shares_file(hash("shares", 0), SHARE_ROWS)));
    files
}

/// A hash of its own for every use.
fn hash(label: &str, index: usize) -> B256 {
    keccak256(format!("vouch vectors/{label}/{index}"))
}

/// A number whose high bits are set too.
fn number(label: &str, index: usize) -> U256 {
    hash(label, index).into()
}

fn u64_of(label: &str, index: usize) -> u64 {
    number(label, index).as_limbs()[3]
}

fn secret(label: &str, index: usize) -> [u8; 32] {
    hash(label, index).0
}

/// `length` bytes, byte i being i mod 251.
fn ramp(length: usize) -> Bytes {
    (0..length).map(|index| (index % 251) as u8).collect()
}

/// Words as 0x and 64 digits, since JSON numbers are short.
fn words(words: &[U256]) -> Value {
    json!(words.iter().map(|word| B256::from(*word)).collect::<Vec<_>>())
}
