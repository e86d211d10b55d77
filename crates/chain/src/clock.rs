//! The time by which requests are judged.
//!
//! It is the latest finalized block's timestamp plus the monotonic time since this process learned of that block: no
//! machine clock that somebody can turn takes part. A new block may set it back a little; it never goes back in blocks.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::finalized::FinalizedBlock;

/// The finalized chain's time, told forward.
#[derive(Debug)]
pub struct FinalizedClock {
    reading: Mutex<Reading>,
}

#[derive(Debug, Clone, Copy)]
struct Reading {
    block: FinalizedBlock,
    learned_at: Instant,
}

impl FinalizedClock {
    /// Starts from a block that the process learned of at `learned_at`.
    #[must_use]
    pub fn new(block: FinalizedBlock, learned_at: Instant) -> Self {
        Self { reading: Mutex::new(Reading { block, learned_at }) }
    }

    /// Takes a newer block; an older one, or the same again, changes nothing.
    pub fn observe(&self, block: FinalizedBlock, learned_at: Instant) {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if block.number > reading.block.number {
            *reading = Reading { block, learned_at };
        }
    }

    /// Unix seconds at `instant`.
    #[must_use]
    pub fn seconds_at(&self, instant: Instant) -> u64 {
        let reading = self.read();
        reading.block.timestamp.saturating_add(instant.saturating_duration_since(reading.learned_at).as_secs())
    }

    /// Unix seconds now.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.seconds_at(Instant::now())
    }

    /// The block that the clock stands on.
    #[must_use]
    pub fn block(&self) -> FinalizedBlock {
        self.read().block
    }

    /// How long ago the process learned of that block; long means that the chain, or our view of it, stands still.
    #[must_use]
    pub fn silence_at(&self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.read().learned_at)
    }

    fn read(&self) -> Reading {
        *self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(number: u64, timestamp: u64) -> FinalizedBlock {
        FinalizedBlock { number, timestamp, hash: Default::default(), prevrandao: Default::default() }
    }

    #[test]
    fn time_passes_from_the_moment_the_block_was_learned() {
        let start = Instant::now();
        let clock = FinalizedClock::new(block(5, 1_000), start);
        assert_eq!(clock.seconds_at(start), 1_000);
        assert_eq!(clock.seconds_at(start + Duration::from_millis(2_999)), 1_002);
        clock.observe(block(6, 1_001), start + Duration::from_secs(2));
        assert_eq!(clock.seconds_at(start + Duration::from_secs(3)), 1_002);
    }

    #[test]
    fn an_older_block_does_not_turn_the_clock() {
        let start = Instant::now();
        let clock = FinalizedClock::new(block(5, 1_000), start);
        clock.observe(block(4, 9_000), start);
        clock.observe(block(5, 9_000), start);
        assert_eq!(clock.seconds_at(start), 1_000);
        assert_eq!(clock.block().number, 5);
    }
}
