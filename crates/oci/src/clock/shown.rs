//! What programs are shown at present; a request that a warm process is given changes it.

use super::Plan;
use super::window::NS_PER_SECOND;

/// What answers and windows are made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    /// What wall clocks show, in nanoseconds since 1970, when their process's clock stands at zero. Modulo 2^64: a request
    /// from shortly after 1970 may come to a process that has been up for longer.
    pub wall_origin_ns: u64,
    pub memory_bytes: u64,
    pub cpus: u32,
}

impl Shown {
    /// At the start of a run.
    pub fn of(plan: &Plan) -> Self {
        let wall_origin_ns = plan.time.saturating_mul(NS_PER_SECOND);
        Self { wall_origin_ns, memory_bytes: plan.memory_bytes, cpus: plan.cpus }
    }

    /// Has wall clocks show `time` (Unix seconds) for processes whose clock stands at `elapsed_ns`.
    pub fn set_time(&mut self, time: u64, elapsed_ns: u64) {
        self.wall_origin_ns = time.saturating_mul(NS_PER_SECOND).wrapping_sub(elapsed_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{reads, window::Clock};

    #[test]
    fn wall_clocks_show_the_requests_time_however_long_the_process_has_been_up() {
        let plan = Plan { time: 5, seed: [0; 32], memory_bytes: 1, cpus: 1 };
        let mut shown = Shown::of(&plan);
        for (time, elapsed_ns) in [(7, 0), (7, 3), (0, 1 << 60), (Plan::TIME_MAX, 1 << 60)] {
            shown.set_time(time, elapsed_ns);
            let read = |elapsed_ns| {
                let clock = Clock { elapsed_ns, ..Clock::START };
                reads::reading(libc::CLOCK_REALTIME, &clock, &shown).unwrap()
            };
            assert_eq!(read(elapsed_ns), time * NS_PER_SECOND);
            assert_eq!(read(elapsed_ns + 9), time * NS_PER_SECOND + 9);
        }
    }
}
