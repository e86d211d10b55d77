//! Where the registry keeps its record of a batch, `mapping(bytes32 => BatchRecord) _records`, and the forced inbox that of
//! a request, `mapping(bytes32 => Place) _places`.
//!
//! A mapping's value lies at the hash of its key and the mapping's slot. The record's three small fields share the first
//! word, the lowest bytes first; the signers' hash and the count of weights follow, and the weights lie at the hash of
//! the count's place. A request's place fits one word.

use alloy_primitives::{B256, U256, keccak256};
use vouch_core::{BatchHash, RequestId};

/// The slot of `_records`; held against `contracts/snapshots/layout.json` by a test.
pub(crate) const RECORDS_SLOT: u64 = 6;
/// The slot of `_places`; held against the same file.
pub(crate) const PLACES_SLOT: u64 = 2;

/// The slots of a record with `weights` signed weights: times, signers, count, then each weight.
pub(crate) fn of_record(batch: BatchHash, weights: usize) -> Vec<B256> {
    let base = mapped(batch.0, U256::from(RECORDS_SLOT));
    let count = base.wrapping_add(U256::from(2));
    let first = U256::from_be_bytes(keccak256(count.to_be_bytes::<32>()).0);
    let own = (0..3).map(|offset| base.wrapping_add(U256::from(offset)));
    let elements = (0..weights).map(|index| first.wrapping_add(U256::from(index)));
    own.chain(elements).map(B256::from).collect()
}

/// Only the count of weights, which says how many more there are.
pub(crate) fn of_count(batch: BatchHash) -> B256 {
    of_record(batch, 0)[2]
}

/// The first word of a record.
pub(crate) fn pack(recorded_at: u64, certified_at: u64, reference_timestamp: u32) -> U256 {
    U256::from_limbs([recorded_at, certified_at, u64::from(reference_timestamp), 0])
}

/// What [`pack`] packs; none when other bits are set.
pub(crate) fn unpack(word: U256) -> Option<(u64, u64, u32)> {
    let [recorded_at, certified_at, reference_timestamp, rest] = word.into_limbs();
    let reference_timestamp = u32::try_from(reference_timestamp).ok()?;
    (rest == 0).then_some((recorded_at, certified_at, reference_timestamp))
}

/// The only word of a request's place.
pub(crate) fn of_place(request: RequestId) -> B256 {
    B256::from(mapped(request.0, U256::from(PLACES_SLOT)))
}

/// That word: the lane, the index in it and the deadline.
pub(crate) fn pack_place(lane: u32, index: u64, deadline: u64) -> U256 {
    U256::from(lane) | (U256::from(index) << 32) | (U256::from(deadline) << 96)
}

/// What [`pack_place`] packs; none when other bits are set.
pub(crate) fn unpack_place(word: U256) -> Option<(u32, u64, u64)> {
    let [lane, index, deadline] = [0_usize, 32, 96].map(|shift| (word >> shift).wrapping_to::<u64>());
    let lane = lane as u32;
    (pack_place(lane, index, deadline) == word).then_some((lane, index, deadline))
}

fn mapped(key: B256, slot: U256) -> U256 {
    let preimage = [key.0, slot.to_be_bytes::<32>()].concat();
    U256::from_be_bytes(keccak256(preimage).0)
}
