use alloy_primitives::{B256, Bytes, keccak256};
use serde_json::{Value, json};
use vouch_coding::{DevelopmentSrs, Srs, codec, data};
use vouch_core::pages::PAGE_BYTES;
use vouch_core::{BatchData, Entry, Origin, Request, Status, merkle, pages, points};

use super::{hash, ramp, signed, words};

pub fn merkle() -> Value {
    let tree = |count: usize| {
        let leaves: Vec<B256> = (0..count).map(|index| hash("leaf", index)).collect();
        let proof = |index| merkle::prove(&leaves, index).expect("the index is below the count");
        json!({
            "leaves": leaves,
            "root": merkle::root(&leaves),
            "depth": merkle::depth(count),
            "proofs": (0..count).map(proof).collect::<Vec<_>>(),
        })
    };
    let trees = [1, 2, 3, 4, 5, 8, 9].map(tree);
    json!({
        "about": "proofs[i]: the siblings of leaf i, from its level upwards",
        "trees": trees,
    })
}

pub fn pages() -> Value {
    let string = |length: usize| {
        let bytes = ramp(length);
        let proof = length.checked_sub(1).and_then(|last| pages::prove(&bytes, last / PAGE_BYTES).ok());
        json!({
            "byteLength": length,
            "merkleRoot": merkle::root(&bytes.chunks(PAGE_BYTES).map(keccak256).collect::<Vec<_>>()),
            "pageRoot": pages::root(&bytes),
            "lastPageProof": proof.map_or(vec![], |proof| proof.siblings),
        })
    };
    let lengths = [0, 1, 64, PAGE_BYTES - 1, PAGE_BYTES, PAGE_BYTES + 1, 2 * PAGE_BYTES, 3 * PAGE_BYTES - 5];
    let strings = lengths.map(string);
    json!({ "about": "byte i of a string is i mod 251", "strings": strings })
}

fn entries() -> Vec<Entry> {
    let sizes = [(3usize, 7usize), (0, 0), (31, 100), (100, 0)];
    let statuses = [Status::Ok, Status::Trap, Status::Ok, Status::OutOfFuel];
    let entry = |(index, ((payload, output), status)): (usize, ((usize, usize), Status))| Entry {
        request: Request { payload_hash: pages::root(&ramp(payload)), ..signed::request(index) },
        origin: if index == 1 { Origin::Inbox } else { Origin::Signed },
        signature: if index == 1 { Bytes::new() } else { vec![index as u8; 65].into() },
        payload: ramp(payload),
        reads: if index == 2 { ramp(5) } else { Bytes::new() },
        status,
        output: ramp(output),
        pre_state: hash("pre", index),
        post_state: hash("post", index),
    };
    sizes.into_iter().zip(statuses).enumerate().map(entry).collect()
}

pub fn batch_data() -> Value {
    let batches = [1, 3, 4].map(|count| {
        let data = BatchData::new(entries()[..count].to_vec()).expect("the entries are regular");
        let exchanges = data.entries().iter().map(|entry| signed::encoded_exchange(&entry.exchange()));
        json!({
            "data": Bytes::from(data.encode()),
            "exchanges": exchanges.collect::<Vec<_>>(),
            "leaves": data.leaves(),
            "exchangesRoot": data.exchanges_root(),
        })
    });
    json!({ "about": "data: as in docs/protocol.md; exchanges: abi.encode of each", "batches": batches })
}

pub fn kzg() -> Value {
    let srs = Srs::from(DevelopmentSrs::for_chain(31_337).expect("a development chain"));
    let opening = |length: usize| {
        let data = ramp(length);
        let blob = codec::encode(&data).expect("the data are short");
        let (commitment, opening) = srs.commit_data(&data).expect("the data are short");
        let point = data::blob_point(&commitment, &blob);
        json!({
            "length": length,
            "blobHash": keccak256(&blob),
            "symbols": blob.len() / codec::SYMBOL_LEN,
            "commitment": words(&[commitment.x, commitment.y]),
            "point": B256::new(points::scalar_bytes(&point)),
            "value": opening.value,
            "proof": Bytes::copy_from_slice(opening.proof.as_slice()),
        })
    };
    let openings = [0, 1, 31, 32, 1_000, 5_000].map(opening);
    json!({
        "about": "under the development SRS; byte i of the data is i mod 251; points as (X, Y), on G2 imaginary parts first",
        "tauG2": words(&points::g2_words(srs.tau_g2())),
        "openings": openings,
    })
}
