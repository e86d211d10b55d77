//! Encoded payloads and blobs of strangers.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../../../tests/fuzz/mod.rs"]
mod fuzz;

use vouch_coding::frame::{Frame, decode_bundle, encode_bundle};
use vouch_coding::powers::folder;
use vouch_coding::srs::DevelopmentSrs;
use vouch_coding::{PolynomialForm, Powers, codec};
use vouch_core::points::{Fr, G1Affine};

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

fn frame(length: u64) -> Frame {
    let generator = vouch_core::bls::SecretKey::from_entropy(&[7; 48]).unwrap().public_key();
    let proof: G1Affine = *generator.g1().point();
    Frame { proof, coefficients: (0..length).map(|at| -Fr::from(at)).collect() }
}

#[test]
fn frames() {
    fuzz!("frames", vec![frame(1).encode(), frame(4).encode()], |bytes| {
        let Ok(frame) = Frame::decode(bytes) else { return false };
        assert_eq!(frame.encode(), bytes);
        true
    });
}

#[test]
fn bundles() {
    let seeds = [1, 4].map(|length| encode_bundle(&[frame(length), frame(length)]).unwrap()).to_vec();
    fuzz!("bundles", seeds, |bytes| {
        let Ok(frames) = decode_bundle(bytes) else { return false };
        assert_eq!(encode_bundle(&frames).as_deref(), Some(bytes));
        true
    });
}

#[test]
fn srs_manifests() {
    let folder = tempfile::tempdir().unwrap();
    let powers = Powers::development(&DevelopmentSrs::for_chain(31_337).unwrap(), 2).unwrap();
    folder::write(&powers, folder::Kind::DevelopmentSecretKnown, folder.path()).unwrap();
    let path = folder.path().join(folder::MANIFEST);
    fuzz!("srs_manifests", vec![std::fs::read(&path).unwrap()], |bytes| {
        std::fs::write(&path, bytes).unwrap();
        let Ok((manifest, found)) = folder::inspect(folder.path(), &|_, _| {}) else { return false };
        // Whatever is said of the files, they are the ones that were written.
        assert_eq!((manifest.symbols, &found), (2, &powers));
        true
    });
}
