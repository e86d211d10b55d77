//! Encoded payloads and blobs of strangers.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../../../tests/fuzz/mod.rs"]
mod fuzz;

use vouch_coding::{PolynomialForm, codec};

#[test]
fn encoded_payloads() {
    let seeds = [&b""[..], b"hello", &[7; 100]].map(|payload| codec::encode(payload).unwrap()).to_vec();
    fuzz!("encoded_payloads", seeds, |bytes| {
        let Ok(payload) = codec::decode(bytes) else { return false };
        let again = codec::encode(&payload).unwrap();
        // More zero symbols are allowed, other bytes are not.
        assert!(bytes.starts_with(&again) && bytes[again.len()..].iter().all(|byte| *byte == 0));
        true
    });
}

#[test]
fn blobs() {
    let encoded = codec::encode(b"a payload of more than one symbol, so that it has to be interpolated").unwrap();
    let form = PolynomialForm::Evaluations;
    fuzz!("blobs", vec![codec::to_blob(&encoded, form).unwrap()], |bytes| {
        let Ok(encoded) = codec::from_blob(bytes, form) else { return false };
        assert_eq!(codec::to_blob(&encoded, form).unwrap(), bytes);
        true
    });
}
