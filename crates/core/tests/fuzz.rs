//! Bytes of strangers: batch data, points, keys and signatures.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../../../tests/fuzz/mod.rs"]
mod fuzz;

use alloy_primitives::{Address, B256, Bytes, U256};
use vouch_core::bls::{self, SecretKey};
use vouch_core::{AppId, BatchData, Entry, Origin, ProgramId, Request, Status, ecdsa, pages, points};

fn entry(payload: &[u8], output: &[u8], status: Status) -> Entry {
    let request = Request {
        app: AppId(B256::repeat_byte(1)),
        program_id: ProgramId(B256::repeat_byte(2)),
        client: Address::repeat_byte(3),
        nonce: 4,
        payload_hash: pages::root(payload),
        time: 1_700_000_000,
        seed_block: 0,
        deadline: 1_700_000_060,
        max_fee: U256::ZERO,
    };
    Entry {
        request,
        origin: Origin::Signed,
        signature: vec![7; 65].into(),
        payload: payload.to_vec().into(),
        reads: Bytes::new(),
        status,
        output: output.to_vec().into(),
        pre_state: B256::ZERO,
        post_state: B256::ZERO,
    }
}

#[test]
fn batch_data() {
    let forced = Entry { origin: Origin::Inbox, signature: Bytes::new(), ..entry(b"x", b"", Status::Trap) };
    let batches = [vec![entry(b"hello", b"world", Status::Ok)], vec![entry(b"", b"", Status::Ok), forced]];
    let seeds = batches.map(|entries| BatchData::new(entries).unwrap().encode()).to_vec();
    fuzz!("batch_data", seeds, |bytes| {
        let Ok(data) = BatchData::decode(bytes) else { return false };
        // One encoding for every batch, and nothing that is not in it.
        assert_eq!(data.encode(), bytes);
        assert!(bytes.len() <= vouch_core::batch_data::LEN_MAX);
        true
    });
}

fn key(byte: u8) -> SecretKey {
    SecretKey::from_entropy(&[byte; 48]).unwrap()
}

#[test]
fn points_of_g1() {
    let point = *key(1).public_key().g1().point();
    let seeds = vec![points::g1_bytes(&point).to_vec(), points::g1_compressed(&point).to_vec()];
    fuzz!("points_of_g1", seeds, |bytes| {
        let Ok(point) = points::decode_g1(bytes) else { return false };
        let again = match bytes.len() {
            points::G1_LEN => points::g1_bytes(&point).to_vec(),
            _ => points::g1_compressed(&point).to_vec(),
        };
        assert!(again == bytes || points::g1_words(&point) == [U256::ZERO; 2], "two encodings of one point");
        assert_eq!(points::g1_from_words(points::g1_words(&point)), Ok(point));
        true
    });
}

#[test]
fn points_of_g2() {
    let point = *key(1).public_key().g2().point();
    let seeds = vec![points::g2_bytes(&point).to_vec(), points::g2_compressed(&point).to_vec()];
    fuzz!("points_of_g2", seeds, |bytes| {
        let Ok(point) = points::decode_g2(bytes) else { return false };
        let again = match bytes.len() {
            points::G2_LEN => points::g2_bytes(&point).to_vec(),
            _ => points::g2_compressed(&point).to_vec(),
        };
        assert!(again == bytes || points::g2_words(&point) == [U256::ZERO; 4], "two encodings of one point");
        assert_eq!(points::g2_from_words(points::g2_words(&point)), Ok(point));
        true
    });
}

#[test]
fn bls_signatures() {
    let seeds = vec![key(1).sign(B256::repeat_byte(9)).to_bytes().to_vec()];
    fuzz!("bls_signatures", seeds, |bytes| {
        let Ok(signature) = bls::Signature::from_bytes(bytes) else { return false };
        let whole = signature.to_bytes();
        assert!(bytes == whole || bytes.len() == points::G1_COMPRESSED_LEN, "two encodings of one signature");
        assert_eq!(bls::Signature::from_bytes(&whole), Ok(signature));
        true
    });
}

#[test]
fn ecdsa_signatures() {
    let digest = B256::repeat_byte(5);
    let seeds = vec![ecdsa::sign(digest, &[6; 32]).unwrap().to_vec()];
    let signer = ecdsa::address(&[6; 32]).unwrap();
    fuzz!("ecdsa_signatures", seeds.clone(), |bytes| {
        let Ok(found) = ecdsa::recover(digest, bytes) else { return false };
        // Nobody else's bytes are a signature of the signer: signatures have one form.
        assert!(found != signer || bytes == seeds[0]);
        assert_eq!(ecdsa::verify(digest, bytes, found), Ok(()));
        true
    });
}
