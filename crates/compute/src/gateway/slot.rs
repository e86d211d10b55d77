//! Which slot the gateway proposes next. Pure.

use vouch_core::{Batch, BatchHash};

use crate::lane::LaneState;
use crate::lane::floor::Standing;

/// A slot to fill.
#[derive(Clone, Debug, PartialEq)]
pub struct NextSlot {
    pub sequence: u64,
    /// Zero if there is no batch before.
    pub parent: BatchHash,
    /// The parent's header, where the gateway made it itself.
    pub parent_header: Option<Batch>,
}

/// Why nothing can be proposed now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocked {
    /// W batches wait to be posted: post, and wait for finality.
    WindowFull,
    /// The store may have lost its memory and peers are still being asked, or the floor's block is not there yet.
    NotReady,
    /// The floor of a restored store covers the whole window, or too much stake is bound to what a former gateway
    /// proposed: only a skip moves the lane on.
    SkipNeeded,
    /// A skip ends too soon: what is certified now might not be posted before, and would be lost.
    SkipEnds,
}

/// What keeps a gateway from slots that are free as far as the chain is concerned.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub standing: Standing,
    /// A slot in which nothing can be certified any more.
    pub dead: Option<u64>,
    /// The finalized clock, Unix seconds.
    pub now: u64,
    /// How long before a skip ends the last batch is proposed, seconds.
    pub skip_margin: u64,
}

/// The slot behind `last` (the newest one this gateway reserved), or behind the registry's cursor where that is further;
/// whether or not it can be filled now.
pub fn behind(last: Option<&Batch>, lane: &LaneState) -> NextSlot {
    // The header goes along even when the parent is the registry's tip: an executor whose finalized view lags needs it.
    let follows =
        |last: &&Batch| last.sequence > lane.cursor || (last.sequence == lane.cursor && last.hash() == lane.tip);
    match last.filter(follows) {
        Some(last) => NextSlot { sequence: last.sequence + 1, parent: last.hash(), parent_header: Some(last.clone()) },
        None => NextSlot { sequence: lane.cursor + 1, parent: lane.tip, parent_header: None },
    }
}

/// [`behind`], if it can be filled now.
pub fn next_slot(last: Option<&Batch>, lane: &LaneState, limits: Limits) -> Result<NextSlot, Blocked> {
    let floor = match limits.standing {
        Standing::Clear => 0,
        Standing::Floor(floor) => floor,
        Standing::Asking { .. } | Standing::Waiting { .. } => return Err(Blocked::NotReady),
    };
    let slot = behind(last, lane);
    if lane.skip_ends_at.is_some_and(|ends_at| limits.now.saturating_add(limits.skip_margin) >= ends_at) {
        return Err(Blocked::SkipEnds);
    }
    if slot.sequence <= floor || limits.dead.is_some_and(|dead| slot.sequence >= dead && lane.cursor < dead) {
        return Err(Blocked::SkipNeeded);
    }
    if slot.sequence > lane.last_allowed() { Err(Blocked::WindowFull) } else { Ok(slot) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;

    fn lane(cursor: u64, tip: BatchHash) -> LaneState {
        LaneState { window: 4, cursor, tip, tip_sequence: cursor, ..LaneState::default() }
    }

    fn standing(standing: Standing) -> Limits {
        Limits { standing, dead: None, now: 1_000, skip_margin: 10 }
    }

    fn clear() -> Limits {
        standing(Standing::Clear)
    }

    fn header(sequence: u64) -> Batch {
        Batch { sequence, ..Batch::default() }
    }

    #[test]
    fn the_first_slot_has_no_parent() {
        let slot = next_slot(None, &lane(0, BatchHash::ZERO), clear()).unwrap();
        assert_eq!(slot, NextSlot { sequence: 1, parent: BatchHash::ZERO, parent_header: None });
    }

    #[test]
    fn slots_follow_the_newest_one_up_to_the_window() {
        let last = header(3);
        let slot = next_slot(Some(&last), &lane(0, BatchHash::ZERO), clear()).unwrap();
        assert_eq!((slot.sequence, slot.parent), (4, last.hash()));
        let full = next_slot(Some(&header(4)), &lane(0, BatchHash::ZERO), clear());
        assert_eq!(full, Err(Blocked::WindowFull));
    }

    #[test]
    fn after_a_skip_the_parent_is_the_tip() {
        let tip = BatchHash(B256::repeat_byte(1));
        let slot = next_slot(Some(&header(3)), &lane(8, tip), clear()).unwrap();
        assert_eq!(slot, NextSlot { sequence: 9, parent: tip, parent_header: None });
        let posted = next_slot(Some(&header(3)), &lane(3, header(3).hash()), clear()).unwrap();
        assert_eq!(posted.parent_header, Some(header(3)), "executors whose view lags need the header");
    }

    #[test]
    fn a_floor_over_the_whole_window_needs_a_skip() {
        let before = next_slot(None, &lane(0, BatchHash::ZERO), standing(Standing::Floor(4)));
        assert_eq!(before, Err(Blocked::SkipNeeded));
        assert_eq!(next_slot(None, &lane(4, BatchHash::ZERO), standing(Standing::Floor(4))).unwrap().sequence, 5);
        let asking = next_slot(None, &lane(0, BatchHash::ZERO), standing(Standing::Asking { saved: None }));
        assert_eq!(asking, Err(Blocked::NotReady));
    }

    #[test]
    fn a_dead_slot_needs_a_skip_and_only_one() {
        let dead = Limits { dead: Some(2), ..clear() };
        assert_eq!(next_slot(None, &lane(0, BatchHash::ZERO), dead).unwrap().sequence, 1);
        assert_eq!(next_slot(Some(&header(1)), &lane(0, BatchHash::ZERO), dead), Err(Blocked::SkipNeeded));
        assert_eq!(next_slot(Some(&header(1)), &lane(4, BatchHash::ZERO), dead).unwrap().sequence, 5);
    }

    #[test]
    fn nothing_is_proposed_that_a_skip_might_pass_over() {
        let ending = |ends_at| LaneState { skip_ends_at: Some(ends_at), ..lane(0, BatchHash::ZERO) };
        assert!(next_slot(None, &ending(1_011), clear()).is_ok());
        assert_eq!(next_slot(None, &ending(1_010), clear()), Err(Blocked::SkipEnds));
        assert_eq!(next_slot(None, &ending(900), clear()), Err(Blocked::SkipEnds), "the end is not final yet");
    }
}
