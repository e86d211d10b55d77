//! Archives of receipts that a stranger hands over.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../../../tests/fuzz/mod.rs"]
mod fuzz;

use alloy_primitives::{B256, keccak256};
use serde_json::Value;
use vouch_core::Domain;
use vouch_sdk::{Archive, Checkpoint, verify_archive};

const GOLDEN: &str = include_str!("../src/receipt/archive/golden.json");

#[test]
fn archives() {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    let hash = |name: &str| golden[name].as_str().unwrap().parse::<B256>().unwrap();
    let kept: Archive = serde_json::from_value(golden["archive"].clone()).unwrap();
    let domain = Domain {
        chain_id: alloy_primitives::U256::from(kept.receipt.batch.chain_id),
        registry: kept.receipt.batch.registry,
    };
    let checkpoint = Checkpoint { block_hash: hash("checkpoint"), domain, code_hash: Some(hash("codeHash")) };
    let expected = verify_archive(&kept, &checkpoint).unwrap();
    fuzz!("archives", vec![serde_json::to_vec(&kept).unwrap()], |bytes| {
        let Ok(archive) = serde_json::from_slice::<Archive>(bytes) else { return false };
        // Whatever holds under the checkpoint says what the kept one says.
        let Ok(verified) = verify_archive(&archive, &checkpoint) else { return false };
        assert_eq!(verified, expected);
        true
    });
}

#[test]
fn archived_headers() {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    let kept: Archive = serde_json::from_value(golden["archive"].clone()).unwrap();
    let registry = kept.receipt.batch.registry;
    let domain = Domain { chain_id: alloy_primitives::U256::from(kept.receipt.batch.chain_id), registry };
    let code_hash = Some(keccak256(&kept.code));
    fuzz!("archived_headers", vec![kept.header.to_vec()], |bytes| {
        // A checkpoint that somebody was talked into: what the header says must still fit the proofs.
        let checkpoint = Checkpoint { block_hash: keccak256(bytes), domain, code_hash };
        let archive = Archive { header: bytes.to_vec().into(), ..kept.clone() };
        verify_archive(&archive, &checkpoint).is_ok()
    });
}
