//! How many containers this process has, for whoever watches it.

use std::sync::atomic::{AtomicU64, Ordering};

static LIVE: AtomicU64 = AtomicU64::new(0);
static KEPT: AtomicU64 = AtomicU64::new(0);

/// Containers of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// All of them, the kept ones included.
    pub live: u64,
    /// Those that are asked again and again.
    pub kept: u64,
}

/// The containers of this process now.
pub fn counts() -> Counts {
    Counts { live: LIVE.load(Ordering::Relaxed), kept: KEPT.load(Ordering::Relaxed) }
}

/// Counts one until it is dropped.
#[derive(Debug)]
pub(crate) struct Counted(&'static AtomicU64);

impl Counted {
    pub(crate) fn live() -> Self {
        Self::one(&LIVE)
    }

    pub(crate) fn kept() -> Self {
        Self::one(&KEPT)
    }

    fn one(count: &'static AtomicU64) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
