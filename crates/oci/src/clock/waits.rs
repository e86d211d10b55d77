//! Everything that waits for time to pass, and which of it is next.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// One wait.
#[derive(Debug)]
pub(super) struct Wait {
    /// The waiting thread; of a timer, the process it belongs to.
    pub tid: i32,
    pub tgid: i32,
    /// The thread's number in its own pid namespace: settles which of two waits for the same time is first.
    pub own_tid: u32,
    /// The time, since the run's start, that it waits for.
    pub deadline_ns: u64,
    /// How long it wanted to wait.
    pub length_ns: u64,
    pub since: Instant,
    pub kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// A sleep whose call the supervisor holds, and where the caller wants the rest of an interrupted sleep written.
    Sleep { notification: u64, rest: Option<u64> },
    /// A call that waits in the kernel without end. The argument at this position was replaced by `marker`.
    Call { number: i64, argument: usize, marker: u64, original: u64 },
    /// The process's alarm. The descriptor names the process even if its number goes to another.
    Alarm { process: OwnedFd, interval_ns: u64 },
    /// A timer descriptor.
    Timer { file: OwnedFd, descriptor: i32, interval_ns: u64 },
}

/// Waits of other threads' work are given up after this many times their length...
const PATIENCE_FACTOR: u32 = 100;
/// ...but not later than this, or their own length if that is longer.
const PATIENCE_MAX: Duration = Duration::from_secs(10);

impl Wait {
    /// How much real time it waits at most while other threads keep computing.
    fn patience(&self) -> Duration {
        let length = Duration::from_nanos(self.length_ns);
        length.max(length.saturating_mul(PATIENCE_FACTOR).min(PATIENCE_MAX))
    }

    /// Waits this short are housekeeping of a language's runtime: given up, they leave the clock alone.
    pub fn is_housekeeping(&self) -> bool {
        self.length_ns < 20_000_000
    }

    /// Alarms and timers before sleepers, sleepers in order of their threads' numbers.
    fn order(&self) -> (u64, u8, u32) {
        let kind = match self.kind {
            Kind::Alarm { .. } => 0,
            Kind::Timer { .. } => 1,
            Kind::Sleep { .. } | Kind::Call { .. } => 2,
        };
        (self.deadline_ns, kind, self.own_tid)
    }
}

/// All waits of a run.
#[derive(Debug, Default)]
pub(super) struct Waits(Vec<Wait>);

/// Waits at once at most; threads and timers are bounded far below by the container's limits.
const WAITS_MAX: usize = 1 << 16;
/// Calls of one thread that are remembered: a signal's handler may wait while the call it interrupted still counts.
const CALLS_PER_THREAD: usize = 4;

impl Waits {
    /// Remembers a wait; false if there are too many.
    pub fn add(&mut self, wait: Wait) -> bool {
        match wait.kind {
            Kind::Alarm { .. } => {
                self.take_alarm(wait.tgid);
            }
            Kind::Call { .. } => self.forget_old_calls(wait.tid),
            Kind::Sleep { .. } | Kind::Timer { .. } => {}
        }
        let has_room = self.0.len() < WAITS_MAX;
        if has_room {
            self.0.push(wait);
        }
        has_room
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Wait> {
        self.0.iter()
    }

    /// Threads whose call the supervisor holds.
    pub fn held(&self) -> Vec<i32> {
        self.iter().filter(|wait| matches!(wait.kind, Kind::Sleep { .. })).map(|wait| wait.tid).collect()
    }

    /// Takes out the first wait for which this holds.
    pub fn take(&mut self, mut is_it: impl FnMut(&Wait) -> bool) -> Option<Wait> {
        self.0.iter().position(&mut is_it).map(|index| self.0.remove(index))
    }

    pub fn retain(&mut self, keep: impl FnMut(&Wait) -> bool) {
        self.0.retain(keep);
    }

    pub fn take_alarm(&mut self, tgid: i32) -> Option<Wait> {
        self.take(|wait| wait.tgid == tgid && matches!(wait.kind, Kind::Alarm { .. }))
    }

    /// Takes out the wait that is over first, of those for which `counts` holds.
    pub fn take_next(&mut self, counts: impl Fn(&Wait) -> bool) -> Option<Wait> {
        let next =
            (0..self.0.len()).filter(|index| counts(&self.0[*index])).min_by_key(|index| self.0[*index].order())?;
        Some(self.0.remove(next))
    }

    /// Takes out a wait whose patience is over.
    pub fn take_overdue(&mut self, now: Instant) -> Option<Wait> {
        self.take(|wait| now.duration_since(wait.since) >= wait.patience())
    }

    /// Has the patience with every wait begin now.
    pub fn renew_patience(&mut self, now: Instant) {
        self.0.iter_mut().for_each(|wait| wait.since = now);
    }

    fn forget_old_calls(&mut self, tid: i32) {
        let is_call = |wait: &Wait| wait.tid == tid && matches!(wait.kind, Kind::Call { .. });
        if self.0.iter().filter(|wait| is_call(wait)).count() >= CALLS_PER_THREAD {
            self.take(is_call);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(own_tid: u32, deadline_ns: u64, kind: Kind) -> Wait {
        let tid = own_tid as i32;
        Wait { tid, tgid: tid, own_tid, deadline_ns, length_ns: deadline_ns, since: Instant::now(), kind }
    }

    fn sleep(own_tid: u32, deadline_ns: u64) -> Wait {
        wait(own_tid, deadline_ns, Kind::Sleep { notification: 0, rest: None })
    }

    fn alarm(own_tid: u32, deadline_ns: u64) -> Wait {
        let process = std::fs::File::open("/dev/null").unwrap().into();
        wait(own_tid, deadline_ns, Kind::Alarm { process, interval_ns: 0 })
    }

    fn call(own_tid: u32, marker: u64) -> Wait {
        wait(own_tid, 1, Kind::Call { number: libc::SYS_poll, argument: 2, marker, original: 1 })
    }

    #[test]
    fn the_earliest_is_next_then_timers_then_the_lowest_thread() {
        let mut waits = Waits::default();
        for wait in [sleep(3, 10), sleep(2, 10), sleep(9, 5), alarm(8, 10)] {
            assert!(waits.add(wait));
        }
        let order: Vec<u32> = std::iter::from_fn(|| waits.take_next(|_| true)).map(|wait| wait.own_tid).collect();
        assert_eq!(order, [9, 8, 2, 3]);
    }

    #[test]
    fn a_process_has_one_alarm_and_a_thread_few_calls() {
        let mut waits = Waits::default();
        for deadline in [1, 2] {
            waits.add(alarm(1, deadline));
        }
        assert_eq!(waits.iter().map(|wait| wait.deadline_ns).collect::<Vec<_>>(), [2]);
        for marker in 0..10 {
            waits.add(call(5, marker));
        }
        assert_eq!(waits.iter().filter(|wait| wait.tid == 5).count(), CALLS_PER_THREAD);
    }

    #[test]
    fn patience_grows_with_the_wait_up_to_a_limit_but_is_never_shorter_than_the_wait() {
        let patience = |length_ns| sleep(1, length_ns).patience();
        assert_eq!(patience(1_000), Duration::from_micros(100));
        assert_eq!(patience(1_000_000_000), Duration::from_secs(10));
        assert_eq!(patience(60_000_000_000), Duration::from_secs(60));
        let mut waits = Waits::default();
        waits.add(sleep(1, 1_000_000_000));
        let start = waits.0[0].since;
        assert!(waits.take_overdue(start + Duration::from_millis(9_999)).is_none());
        assert!(waits.take_overdue(start + Duration::from_secs(10)).is_some());
    }

    #[test]
    fn there_is_a_most() {
        let mut waits = Waits::default();
        assert!((0..WAITS_MAX).all(|index| waits.add(sleep(index as u32, 1))));
        assert!(!waits.add(sleep(0, 1)));
    }
}
