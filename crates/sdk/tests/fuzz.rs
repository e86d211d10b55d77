//! Archives of receipts that a stranger hands over.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../../../tests/fuzz/mod.rs"]
mod fuzz;

use alloy_primitives::{Address, B256, keccak256};
use serde_json::Value;
use vouch_core::Domain;
use vouch_sdk::{Archive, Checkpoint, InboxCheckpoint, verify_archive};

const GOLDEN: &str = include_str!("../src/receipt/archive/golden.json");
const FORCED_GOLDEN: &str = include_str!("../src/receipt/archive/golden_forced.json");

fn kept(golden: &str) -> (Archive, Checkpoint) {
    let golden: Value = serde_json::from_str(golden).unwrap();
    let hash = |name: &str| golden[name].as_str().map(|text| text.parse::<B256>().unwrap());
    let kept: Archive = serde_json::from_value(golden["archive"].clone()).unwrap();
    let chain_id = alloy_primitives::U256::from(kept.receipt.batch.chain_id);
    let domain = Domain { chain_id, registry: kept.receipt.batch.registry };
    let address = Address::repeat_byte(0x55);
    let inbox = hash("inboxCodeHash").map(|code_hash| InboxCheckpoint { address, code_hash: Some(code_hash) });
    (kept, Checkpoint { block_hash: hash("checkpoint").unwrap(), domain, code_hash: hash("codeHash"), inbox })
}

#[test]
fn archives() {
    let both = [GOLDEN, FORCED_GOLDEN].map(kept);
    let seeds = both.iter().map(|(kept, _)| serde_json::to_vec(kept).unwrap()).collect();
    let expected = both.each_ref().map(|(kept, checkpoint)| verify_archive(kept, checkpoint).unwrap());
    fuzz!("archives", seeds, |bytes| {
        let Ok(archive) = serde_json::from_slice::<Archive>(bytes) else { return false };
        // Whatever holds under a checkpoint says what the kept one says.
        let holds = |(_, checkpoint): &(Archive, Checkpoint)| verify_archive(&archive, checkpoint).ok();
        let verified = both.each_ref().map(holds);
        for (verified, expected) in verified.iter().zip(&expected) {
            assert!(verified.as_ref().is_none_or(|verified| verified == expected));
        }
        verified.iter().any(Option::is_some)
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
        let checkpoint = Checkpoint { block_hash: keccak256(bytes), domain, code_hash, inbox: None };
        let archive = Archive { header: bytes.to_vec().into(), ..kept.clone() };
        verify_archive(&archive, &checkpoint).is_ok()
    });
}
