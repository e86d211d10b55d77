//! Lanes: the order of an app's batches, and which batch may come next.
//!
//! Rules (design section 4): sequence numbers count from 1; an executor signs at most W sequences beyond the finalized
//! cursor, and only a batch whose parent is the batch at the sequence before or, right behind the cursor, the registry's
//! tip (which stands below the cursor after a skip). All of it is judged at finalized state, so executors that see
//! different heads differ only in what they sign later, never in what they sign at all.

pub mod chain;
pub mod floor;
pub mod handover;
pub mod inbox;
pub mod slots;
pub mod standing;

use alloy_primitives::{Address, U256};
use serde::{Deserialize, Serialize};
use vouch_core::{AppId, Batch, BatchHash, VerifiedCertificate};

use crate::wire::Refusal;

/// Names a lane within a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LaneKey {
    pub app: AppId,
    /// Lanes of an app count from 1.
    pub lane: u32,
}

impl LaneKey {
    pub fn of(header: &Batch) -> Self {
        Self { app: header.app, lane: header.lane }
    }

    /// The bytes under which stores keep what belongs to a sequence: ordered by lane, then by sequence.
    pub fn slot_key(&self, sequence: u64) -> [u8; 44] {
        let mut key = [0; 44];
        key[..32].copy_from_slice(self.app.as_ref());
        key[32..36].copy_from_slice(&self.lane.to_be_bytes());
        key[36..].copy_from_slice(&sequence.to_be_bytes());
        key
    }

    /// The bytes under which stores keep what there is once per lane.
    pub fn key(&self) -> [u8; 36] {
        let mut key = [0; 36];
        key.copy_from_slice(&self.slot_key(0)[..36]);
        key
    }
}

impl std::fmt::Display for LaneKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.app, self.lane)
    }
}

/// Headers to post, with the certificate of the last one.
#[derive(Clone, Debug)]
pub struct PostWork {
    pub headers: Vec<Batch>,
    pub certificate: VerifiedCertificate,
}

/// A lane as the registry has it at a finalized block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneState {
    /// The gateway of this epoch; nobody else's proposals count.
    pub gateway: Address,
    /// W: how many sequences beyond `cursor` executors sign.
    pub window: u32,
    /// The effective cursor: nothing at or below it can still be posted.
    pub cursor: u64,
    /// The batch that the next one names as parent; zero if there is none.
    pub tip: BatchHash,
    /// The sequence of `tip`; below `cursor` after a skip.
    pub tip_sequence: u64,
    /// How many gateways the lane has had, this one included.
    pub epoch: u32,
    /// When the running skip ends, Unix seconds.
    pub skip_ends_at: Option<u64>,
    /// Who may take the lane, and from when on, Unix seconds.
    pub next_gateway: Option<(Address, u64)>,
    /// When this epoch began, Unix seconds; zero in the first.
    pub taken_at: u64,
    /// By how much the gateway's bond falls short of what the lane asks for, wei.
    pub bond_missing: U256,
}

impl LaneState {
    /// The last sequence that may be signed now.
    pub fn last_allowed(&self) -> u64 {
        self.cursor.saturating_add(u64::from(self.window))
    }

    /// The bond rule.
    pub fn check_bond(&self) -> Result<(), Refusal> {
        let missing = self.bond_missing;
        if missing.is_zero() { Ok(()) } else { Err(Refusal::BondTooSmall { missing }) }
    }

    /// The W rule.
    pub fn check_sequence(&self, sequence: u64) -> Result<(), Refusal> {
        if sequence <= self.cursor {
            return Err(Refusal::AtOrBelowCursor { sequence, cursor: self.cursor });
        }
        let last = self.last_allowed();
        if sequence > last { Err(Refusal::BeyondWindow { sequence, last }) } else { Ok(()) }
    }

    /// The parent rule. `parent` is the header that hashes to `header.parent`; not needed right behind the cursor, where
    /// the registry itself says which batch the parent is.
    pub fn check_parent(&self, header: &Batch, parent: Option<&Batch>) -> Result<(), Refusal> {
        if header.sequence == self.cursor.saturating_add(1) {
            return if header.parent == self.tip { Ok(()) } else { Err(Refusal::WrongParent) };
        }
        let parent = parent.ok_or(Refusal::WrongParent)?;
        let follows = parent.hash() == header.parent
            && parent.sequence.checked_add(1) == Some(header.sequence)
            && same_lane(parent, header);
        if follows { Ok(()) } else { Err(Refusal::WrongParent) }
    }
}

/// Whether two headers are of one lane of one deployment; with the sequence, whether they are of one slot.
pub fn same_lane(a: &Batch, b: &Batch) -> bool {
    a.chain_id == b.chain_id
        && a.registry == b.registry
        && a.app == b.app
        && a.operator_set_id == b.operator_set_id
        && a.lane == b.lane
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;

    use super::*;

    #[test]
    fn a_parent_is_the_batch_that_the_header_names_and_the_one_before_in_its_lane() {
        let lane = LaneState { window: 8, ..LaneState::default() };
        let parent = Batch { lane: 1, sequence: 4, ..Batch::default() };
        let header = Batch { lane: 1, sequence: 5, parent: parent.hash(), ..Batch::default() };
        assert_eq!(lane.check_parent(&header, Some(&parent)), Ok(()));
        let unlike = Batch { parent: BatchHash(B256::repeat_byte(1)), ..header.clone() };
        assert_eq!(lane.check_parent(&unlike, Some(&parent)), Err(Refusal::WrongParent), "another hash");
        assert_eq!(lane.check_parent(&header, None), Err(Refusal::WrongParent));
        for other in [Batch { sequence: 3, ..parent.clone() }, Batch { lane: 2, ..parent }] {
            let named = Batch { parent: other.hash(), ..header.clone() };
            assert_eq!(lane.check_parent(&named, Some(&other)), Err(Refusal::WrongParent), "{other:?}");
        }
    }
}
