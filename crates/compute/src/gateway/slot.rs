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
    /// The floor of a restored store covers the whole window: only a skip moves the lane on.
    SkipNeeded,
}

/// The slot behind `last` (the newest one this gateway reserved), or behind the registry's cursor where that is further.
pub fn next_slot(last: Option<&Batch>, lane: &LaneState, standing: Standing) -> Result<NextSlot, Blocked> {
    let floor = match standing {
        Standing::Clear => 0,
        Standing::Floor(floor) => floor,
        Standing::Asking { .. } | Standing::Waiting { .. } => return Err(Blocked::NotReady),
    };
    // The header goes along even when the parent is the registry's tip: an executor whose finalized view lags needs it.
    let follows =
        |last: &&Batch| last.sequence > lane.cursor || (last.sequence == lane.cursor && last.hash() == lane.tip);
    let slot = match last.filter(follows) {
        Some(last) => NextSlot { sequence: last.sequence + 1, parent: last.hash(), parent_header: Some(last.clone()) },
        None => NextSlot { sequence: lane.cursor + 1, parent: lane.tip, parent_header: None },
    };
    if slot.sequence <= floor {
        return Err(Blocked::SkipNeeded);
    }
    if slot.sequence > lane.last_allowed() { Err(Blocked::WindowFull) } else { Ok(slot) }
}
