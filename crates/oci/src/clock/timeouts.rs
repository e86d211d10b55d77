//! System calls that wait for something, or for time to pass: where their timeout is and when it is over.

use super::caller::{Caller, Refusal};
use super::reads;
use super::shown::Shown;
use super::window::NS_PER_SECOND;

/// A call with a timeout.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimedCall {
    pub number: i64,
    /// Which argument is, or points to, the timeout.
    pub argument: usize,
    unit: Unit,
    /// What the call returns when the time is over: a value, or an error number below zero.
    pub result: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// The argument itself, in milliseconds.
    Milliseconds,
    /// Seconds and nanoseconds.
    Timespec,
    /// Seconds and microseconds.
    Timeval,
    /// Seconds and nanoseconds, from now or a point in time: the command decides.
    Futex,
}

const fn timed(number: i64, argument: usize, unit: Unit, result: i64) -> TimedCall {
    TimedCall { number, argument, unit, result }
}

const TIMED_CALLS: &[TimedCall] = &[
    timed(libc::SYS_poll, 2, Unit::Milliseconds, 0),
    timed(libc::SYS_ppoll, 2, Unit::Timespec, 0),
    timed(libc::SYS_select, 4, Unit::Timeval, 0),
    timed(libc::SYS_pselect6, 4, Unit::Timespec, 0),
    timed(libc::SYS_epoll_wait, 3, Unit::Milliseconds, 0),
    timed(libc::SYS_epoll_pwait, 3, Unit::Milliseconds, 0),
    timed(libc::SYS_epoll_pwait2, 3, Unit::Timespec, 0),
    timed(libc::SYS_rt_sigtimedwait, 2, Unit::Timespec, -(libc::EAGAIN as i64)),
    timed(libc::SYS_semtimedop, 3, Unit::Timespec, -(libc::EAGAIN as i64)),
    timed(libc::SYS_futex, 3, Unit::Futex, -(libc::ETIMEDOUT as i64)),
];

/// A span on a process's clock, in nanoseconds since the run's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub deadline_ns: u64,
    pub length_ns: u64,
}

impl Span {
    /// From now on.
    pub fn relative(caller: &Caller, length_ns: u64) -> Self {
        Self { deadline_ns: caller.clock.elapsed_ns.saturating_add(length_ns), length_ns }
    }

    /// Until a clock shows `time_ns`. Over at once if it already does.
    pub fn absolute(caller: &Caller, shown: &Shown, clock_id: i32, time_ns: u64) -> Result<Self, Refusal> {
        let origin = reads::origin(clock_id, shown).ok_or(Refusal(libc::EINVAL))?;
        let length_ns = time_ns.saturating_sub(caller.clock.elapsed_ns.wrapping_add(origin));
        Ok(Self::relative(caller, length_ns))
    }
}

impl TimedCall {
    pub fn of(number: i64) -> Option<&'static Self> {
        TIMED_CALLS.iter().find(|call| call.number == number)
    }

    /// Whether the timeout is in the argument itself.
    pub fn is_immediate(&self) -> bool {
        self.unit == Unit::Milliseconds
    }

    /// How long the caller wants to wait at most.
    pub fn span(&self, caller: &Caller, shown: &Shown) -> Result<Span, Refusal> {
        let length_ns = match self.unit {
            Unit::Milliseconds => u64::try_from(caller.int(self.argument)).unwrap_or(0) * 1_000_000,
            Unit::Timespec | Unit::Futex => timespec(caller, self.argument)?,
            Unit::Timeval => timeval(caller, caller.argument(self.argument))?,
        };
        match self.unit {
            Unit::Futex => futex_span(caller, shown, length_ns),
            _ => Ok(Span::relative(caller, length_ns)),
        }
    }

    /// Does what the kernel does to the caller's memory when a call's time is over: nothing is ready.
    pub fn clear_results(&self, arguments: &[u64; 6], mut clear: impl FnMut(u64, usize)) {
        if self.number == libc::SYS_select || self.number == libc::SYS_pselect6 {
            const BITS_MAX: u64 = 1 << 20;
            let size = (arguments[0].min(BITS_MAX).div_ceil(64) * 8) as usize;
            for set in arguments[1..4].iter().filter(|set| **set != 0) {
                clear(*set, size);
            }
        }
    }
}

/// `FUTEX_WAIT` counts from now, all other commands name a point in time (futex(2)).
fn futex_span(caller: &Caller, shown: &Shown, time_ns: u64) -> Result<Span, Refusal> {
    let operation = caller.int(1);
    let command = operation & !(libc::FUTEX_PRIVATE_FLAG | libc::FUTEX_CLOCK_REALTIME);
    if command == libc::FUTEX_WAIT {
        return Ok(Span::relative(caller, time_ns));
    }
    let is_wall = command == libc::FUTEX_LOCK_PI || operation & libc::FUTEX_CLOCK_REALTIME != 0;
    Span::absolute(caller, shown, if is_wall { libc::CLOCK_REALTIME } else { libc::CLOCK_MONOTONIC }, time_ns)
}

/// Reads the `timespec` that an argument points to, in nanoseconds.
pub(super) fn timespec(caller: &Caller, argument: usize) -> Result<u64, Refusal> {
    let address = caller.demand(argument)?;
    let [seconds, ns] = caller.memory.read_words(address)?;
    nanoseconds(seconds, ns, 1)
}

/// Reads a `timeval`, in nanoseconds.
pub(super) fn timeval(caller: &Caller, address: u64) -> Result<u64, Refusal> {
    let [seconds, microseconds] = caller.memory.read_words(address)?;
    nanoseconds(seconds, microseconds, 1000)
}

/// Seconds and a fraction in nanoseconds; a time too long to count is as good as never.
pub(super) fn nanoseconds(seconds: i64, fraction: i64, ns_per_unit: u64) -> Result<u64, Refusal> {
    let invalid = |_| Refusal(libc::EINVAL);
    let (seconds, fraction) = (u64::try_from(seconds).map_err(invalid)?, u64::try_from(fraction).map_err(invalid)?);
    if fraction >= NS_PER_SECOND / ns_per_unit {
        return Err(Refusal(libc::EINVAL));
    }
    Ok(seconds.saturating_mul(NS_PER_SECOND).saturating_add(fraction * ns_per_unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_checked_and_never_overflow() {
        assert_eq!(nanoseconds(1, 5, 1), Ok(1_000_000_005));
        assert_eq!(nanoseconds(1, 5, 1000), Ok(1_000_005_000));
        assert_eq!(nanoseconds(i64::MAX, 0, 1), Ok(u64::MAX));
        for (seconds, fraction, unit) in [(-1, 0, 1), (0, -1, 1), (0, 1_000_000_000, 1), (0, 1_000_000, 1000)] {
            assert_eq!(nanoseconds(seconds, fraction, unit), Err(Refusal(libc::EINVAL)));
        }
    }

    #[test]
    fn only_select_has_results_to_clear() {
        let mut cleared = Vec::new();
        let select = TimedCall::of(libc::SYS_select).unwrap();
        select.clear_results(&[65, 0x1000, 0, 0x3000, 0, 0], |address, size| cleared.push((address, size)));
        assert_eq!(cleared, [(0x1000, 16), (0x3000, 16)]);
        TimedCall::of(libc::SYS_poll).unwrap().clear_results(&[9; 6], |_, _| panic!("poll has none"));
    }
}
