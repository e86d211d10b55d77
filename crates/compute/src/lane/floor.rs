//! What a store may still sign after it may have lost its memory.
//!
//! A slot signed twice costs the stake, and a store that was deleted or replaced by an old copy no longer knows what it
//! signed. Whatever that was, it lies at or below cursor + W of some finalized block of the past; so a restored store
//! signs nothing at or below cursor + W of a finalized block *later than the start*. The floor is fixed once and kept.
//!
//! [`Standing`] is the pure state of one lane:
//!
//! ```text
//! Asking --peers hold nothing newer, store older than the key's first table--> Clear
//!    \----any sign of a loss--> Waiting --finalized block later than the start--> Floor
//! ```

use serde::{Deserialize, Serialize};

use super::LaneState;

/// Why a store counts as restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// A peer showed a newer batch with our own signature.
    PeerHoldsNewer { sequence: u64 },
    /// A peer showed another batch with our own signature in a slot that we know.
    PeerHoldsOther { sequence: u64 },
    /// The store is younger than the first finalized block that showed the key (or the lane); block numbers.
    StoreIsYounger { created: u64, shown: u64 },
    /// By the clock it is, Unix seconds: the endpoint had not shown that block yet when the store was created.
    StoreIsLater { created: u64, shown: u64 },
    /// The operator said so.
    OperatorsWord,
}

/// What may be signed in a lane. The part that must survive a crash is [`Saved`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Peers have not answered yet: nothing is signed. `saved` is what the store says.
    Asking { saved: Option<Saved> },
    /// Nothing was lost.
    Clear,
    /// Restored; the floor waits for a finalized block with a timestamp above `since`.
    Waiting { since: u64, cause: Cause, least: u64 },
    /// Nothing at or below this is signed.
    Floor(u64),
}

/// The durable part: absent while nothing was ever lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Saved {
    /// Restored, floor not fixed yet, and not below `least` (an earlier floor). A crash in between starts the wait anew.
    Waiting { cause: Cause, least: u64 },
    /// The floor, with why there is one.
    Floor { cause: Cause, floor: u64 },
}

/// What moves a [`Standing`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// All signs have been looked at; `loss` is the first that says restored. `now`: Unix seconds, never behind the
    /// finalized clock.
    Asked { loss: Option<Cause>, now: u64 },
    /// A finalized state of the lane, of a block with this timestamp.
    Finalized { lane: LaneState, timestamp: u64 },
}

impl Standing {
    pub fn start(saved: Option<Saved>) -> Self {
        Self::Asking { saved }
    }

    /// The next state, and what must be saved durably before that state is acted on.
    pub fn step(self, event: Event) -> (Self, Option<Saved>) {
        match (self, event) {
            (Self::Asking { saved }, Event::Asked { loss, now }) => Self::asked(saved, loss, now),
            (Self::Waiting { since, cause, least }, Event::Finalized { lane, timestamp }) if timestamp > since => {
                let floor = lane.last_allowed().max(least);
                (Self::Floor(floor), Some(Saved::Floor { cause, floor }))
            }
            (standing, _) => (standing, None),
        }
    }

    fn asked(saved: Option<Saved>, loss: Option<Cause>, now: u64) -> (Self, Option<Saved>) {
        let least = match saved {
            Some(Saved::Floor { floor, .. }) => floor,
            Some(Saved::Waiting { least, .. }) => least,
            None => 0,
        };
        match (loss, saved) {
            (Some(cause), _) => (Self::Waiting { since: now, cause, least }, Some(Saved::Waiting { cause, least })),
            (None, Some(Saved::Waiting { cause, .. })) => (Self::Waiting { since: now, cause, least }, None),
            (None, Some(Saved::Floor { floor, .. })) => (Self::Floor(floor), None),
            (None, None) => (Self::Clear, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(cursor: u64) -> LaneState {
        LaneState { window: 8, cursor, tip_sequence: cursor, ..LaneState::default() }
    }

    fn finalized(cursor: u64, timestamp: u64) -> Event {
        Event::Finalized { lane: lane(cursor), timestamp }
    }

    const LOSS: Cause = Cause::PeerHoldsNewer { sequence: 5 };

    #[test]
    fn nothing_lost_means_no_floor() {
        let (standing, saved) = Standing::start(None).step(Event::Asked { loss: None, now: 100 });
        assert_eq!((standing, saved), (Standing::Clear, None));
    }

    #[test]
    fn a_finalized_block_does_not_end_the_asking() {
        let start = Standing::start(None);
        assert_eq!(start.step(finalized(3, 1_000)), (start, None));
    }

    #[test]
    fn the_floor_is_read_from_a_block_later_than_the_start_and_fixed_once() {
        let (waiting, saved) = Standing::start(None).step(Event::Asked { loss: Some(LOSS), now: 100 });
        assert_eq!(saved, Some(Saved::Waiting { cause: LOSS, least: 0 }));
        assert_eq!(waiting.step(finalized(3, 100)), (waiting, None), "a block as old as the start proves nothing");
        let (fixed, saved) = waiting.step(finalized(4, 101));
        assert_eq!((fixed, saved), (Standing::Floor(12), Some(Saved::Floor { cause: LOSS, floor: 12 })));
        assert_eq!(fixed.step(finalized(9, 200)), (fixed, None));
    }

    #[test]
    fn a_crash_while_waiting_waits_again() {
        let saved = Some(Saved::Waiting { cause: LOSS, least: 0 });
        let (standing, _) = Standing::start(saved).step(Event::Asked { loss: None, now: 300 });
        assert_eq!(standing, Standing::Waiting { since: 300, cause: LOSS, least: 0 });
    }

    #[test]
    fn a_later_start_keeps_the_floor_and_a_second_loss_never_lowers_it() {
        let saved = Some(Saved::Floor { cause: LOSS, floor: 40 });
        assert_eq!(Standing::start(saved).step(Event::Asked { loss: None, now: 1 }).0, Standing::Floor(40));
        let (waiting, _) = Standing::start(saved).step(Event::Asked { loss: Some(Cause::OperatorsWord), now: 1 });
        assert_eq!(waiting.step(finalized(2, 9)).0, Standing::Floor(40));
    }
}
