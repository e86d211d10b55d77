use alloy_primitives::{B256, Bytes, U256};
use alloy_sol_types::SolValue;
use serde_json::{Value, json};
use vouch_core::bls::{SecretKey, hash_to_g1};
use vouch_core::certificate::{SignerShare, digest};
use vouch_core::table::threshold;
use vouch_core::{BatchHash, Certificate, OperatorInfo, OperatorTable, points};

use super::{hash, number, words};

mod sol {
    alloy_sol_types::sol! {
        struct G1Point { uint256 X; uint256 Y; }
        struct BN254OperatorInfo { G1Point pubkey; uint256[] weights; }
    }
}

const KEYS: usize = 5;
const TIME: u32 = 1_800_000_000;

fn key(index: usize) -> SecretKey {
    let entropy = [hash("bls", index).as_slice(), &hash("bls more", index)[..16]].concat();
    SecretKey::from_entropy(entropy.as_slice().try_into().expect("48 bytes")).expect("not zero")
}

pub fn bls() -> Value {
    let signature = |index: usize| {
        let (key, digest) = (key(index), hash("digest", index));
        let public = key.public_key();
        json!({
            "secretKey": B256::new(*key.to_bytes()),
            "g1": words(&public.g1().to_words()),
            "g2": words(&public.g2().to_words()),
            "g1Compressed": Bytes::copy_from_slice(&points::g1_compressed(public.g1().point())),
            "g2Compressed": Bytes::copy_from_slice(&points::g2_compressed(public.g2().point())),
            "operatorId": public.operator_id(),
            "digest": digest,
            "hashToG1": words(&points::g1_words(&hash_to_g1(digest))),
            "signature": words(&key.sign(digest).to_words()),
        })
    };
    json!({ "about": "points as (X, Y), on G2 imaginary parts first", "signatures": (0..KEYS).map(signature).collect::<Vec<_>>() })
}

fn table() -> OperatorTable {
    let info = |index: usize| OperatorInfo {
        pubkey: *key(index).public_key().g1(),
        weights: vec![number("weight", index) >> 100, U256::from(index)],
    };
    OperatorTable::new(TIME, (0..KEYS).map(info).collect()).expect("five regular operators")
}

pub fn certificate() -> Value {
    let table = table();
    let info = |info: &OperatorInfo| {
        let [x, y] = info.pubkey.to_words();
        let encoded = sol::BN254OperatorInfo { pubkey: sol::G1Point { X: x, Y: y }, weights: info.weights.clone() };
        json!({ "encoded": Bytes::from(encoded.abi_encode()), "leaf": info.leaf() })
    };
    let thresholds = [(1u64, 6_600u16), (3, 6_667), (10_000, 6_667), (10_001, 6_667), (0, 10_000), (7, 0)];
    let certificates = [&[0, 1, 2, 3, 4][..], &[1, 2, 4], &[3]].map(|signers| signed(&table, signers));
    let threshold = |(total, bips): (u64, u16)| json!({ "total": total, "bips": bips, "threshold": threshold(U256::from(total), bips).to::<u64>() });
    let thresholds = thresholds.map(threshold);
    json!({
        "about": "threshold: ceil(total * bips / 10,000); points as (X, Y), on G2 imaginary parts first",
        "referenceTimestamp": TIME,
        "infos": table.infos().iter().map(info).collect::<Vec<_>>(),
        "root": table.root(),
        "aggregate": words(&table.summary().aggregate.to_words()),
        "totals": words(table.totals()),
        "certificates": certificates,
        "thresholds": thresholds,
    })
}

fn signed(table: &OperatorTable, signers: &[usize]) -> Value {
    let message = BatchHash(hash("message", signers.len()));
    let digest = digest(TIME, message);
    let share = |index: &usize| {
        let key = key(*index);
        SignerShare { index: *index, key: *key.public_key().g2(), signature: key.sign(digest) }
    };
    let shares: Vec<SignerShare> = signers.iter().map(share).collect();
    let verified = Certificate::assemble(table, message, &shares).expect("every share is honest");
    let certificate = verified.certificate();
    json!({
        "messageHash": message,
        "digest": digest,
        "signature": words(&certificate.signature.to_words()),
        "apk": words(&certificate.apk.to_words()),
        "nonSigners": certificate.non_signers.iter().map(|witness| witness.index).collect::<Vec<_>>(),
        "proofs": certificate.non_signers.iter().map(|witness| &witness.siblings).collect::<Vec<_>>(),
        "signedWeights": words(verified.signed_weights()),
    })
}
