//! The window: a page in every supervised process that holds its clock, at one fixed address.
//!
//! The replaced vDSO functions read it; the supervisor reads and writes it. It is private memory: a fork copies it, so a
//! child starts at its parent's time. The program can write it too, and then only fools itself.
//!
//! The page's second half is an array of very long timeouts. A wait that the supervisor ends by itself gets the address
//! of one of them in place of its own timeout: the kernel then never ends it, and the address tells which wait it is.

use std::io;

use super::memory::Memory;
use super::shown::Shown;

/// Where the page lies in every process: far from where programs, heaps, stacks and the loader's mappings are.
pub(super) const ADDRESS: u64 = 0x6f00_0000_0000;
/// The page of the replaced functions' code follows.
pub(super) const CODE: u64 = ADDRESS + PAGE;
pub(super) const PAGE: u64 = 4096;

/// Offsets of the page's fields, each of 8 bytes.
pub(super) const ELAPSED: u64 = 0;
pub(super) const READS_LEFT: u64 = 8;
pub(super) const WALL_ORIGIN: u64 = 16;
pub(super) const MONOTONIC_ORIGIN: u64 = 24;
const FIELDS: usize = 32;

const TIMEOUTS: u64 = 1024;
const TIMEOUT_SIZE: u64 = 16;
const TIMEOUT_COUNT: u64 = (PAGE - TIMEOUTS) / TIMEOUT_SIZE;
/// Seconds of a timeout that the kernel never sees pass; above what it can count, so it takes it as endless.
const TIMEOUT_SECONDS: i64 = 1 << 40;

/// Sets of clock numbers (bit n is clock n): what each counts from.
pub(super) const WALL_CLOCKS: u32 = 1 << libc::CLOCK_REALTIME
    | 1 << libc::CLOCK_REALTIME_COARSE
    | 1 << libc::CLOCK_REALTIME_ALARM
    | 1 << libc::CLOCK_TAI;
pub(super) const MONOTONIC_CLOCKS: u32 = 1 << libc::CLOCK_MONOTONIC
    | 1 << libc::CLOCK_MONOTONIC_RAW
    | 1 << libc::CLOCK_MONOTONIC_COARSE
    | 1 << libc::CLOCK_BOOTTIME
    | 1 << libc::CLOCK_BOOTTIME_ALARM;
pub(super) const CPU_CLOCKS: u32 = 1 << libc::CLOCK_PROCESS_CPUTIME_ID | 1 << libc::CLOCK_THREAD_CPUTIME_ID;

/// The monotonic clocks' start: one day, as if the machine had been started a day before.
pub(super) const MONOTONIC_START_NS: u64 = 86_400 * NS_PER_SECOND;
pub(super) const NS_PER_SECOND: u64 = 1_000_000_000;

/// Reads that a process may make before its clock moves on by [`BLOCK_NS`].
pub(super) const READS_PER_BLOCK: i64 = 4096;
/// What a block of reads stands for: one microsecond each.
pub(super) const BLOCK_NS: u64 = 4_096_000;
/// How many reads a read by system call counts as: it takes about as many times longer.
const READS_PER_CALL: i64 = 64;
/// A clock stops there (292 years): sums with any origin stay below 2^64 nanoseconds.
pub(super) const ELAPSED_MAX_NS: u64 = i64::MAX as u64;

/// What a process's window says of its clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    /// Time since the run's start.
    pub elapsed_ns: u64,
    pub reads_left: i64,
}

impl Clock {
    pub const START: Self = Self { elapsed_ns: 0, reads_left: READS_PER_BLOCK };

    /// The clock in a process's window; an error if it has none (yet).
    pub fn of(memory: &Memory) -> io::Result<Self> {
        let mut bytes = [0; 16];
        memory.read(ADDRESS, &mut bytes)?;
        let (elapsed, left) = bytes.split_at(8);
        let word = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_le_bytes);
        // The program may have written anything here.
        Ok(Self {
            elapsed_ns: word(elapsed).min(ELAPSED_MAX_NS),
            reads_left: (word(left) as i64).clamp(-READS_PER_BLOCK, READS_PER_BLOCK),
        })
    }

    pub fn store(&self, memory: &Memory) -> io::Result<()> {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.elapsed_ns.to_le_bytes());
        bytes[8..].copy_from_slice(&self.reads_left.to_le_bytes());
        memory.write(ADDRESS, &bytes)
    }

    /// Counts a read made by system call; a spent allowance moves the clock, so that a loop on the clock ends.
    pub fn count_read(&mut self) {
        if self.reads_left > 0 {
            self.reads_left -= READS_PER_CALL;
        }
        if self.reads_left <= 0 {
            self.reads_left = READS_PER_BLOCK;
            self.advance_to(self.elapsed_ns.saturating_add(BLOCK_NS));
        }
    }

    /// Moves the clock forward, never back.
    pub fn advance_to(&mut self, elapsed_ns: u64) {
        self.elapsed_ns = self.elapsed_ns.max(elapsed_ns).min(ELAPSED_MAX_NS);
    }
}

/// A whole page for a new program, with the clock at `clock`.
pub(super) fn page(shown: &Shown, clock: &Clock) -> Vec<u8> {
    let mut page = vec![0; PAGE as usize];
    let words = [clock.elapsed_ns, clock.reads_left as u64, shown.wall_origin_ns, MONOTONIC_START_NS];
    for (field, word) in page[..FIELDS].chunks_exact_mut(8).zip(words) {
        field.copy_from_slice(&word.to_le_bytes());
    }
    for timeout in page[TIMEOUTS as usize..].chunks_exact_mut(TIMEOUT_SIZE as usize) {
        timeout[..8].copy_from_slice(&TIMEOUT_SECONDS.to_le_bytes());
    }
    page
}

/// Moves the wall clocks of a process; its other clocks go on.
pub(super) fn store_wall_origin(memory: &Memory, wall_origin_ns: u64) -> io::Result<()> {
    memory.write(ADDRESS + WALL_ORIGIN, &wall_origin_ns.to_le_bytes())
}

/// The address of the timeout that marks the wait with this running number.
pub(super) fn timeout(number: u64) -> u64 {
    ADDRESS + TIMEOUTS + number % TIMEOUT_COUNT * TIMEOUT_SIZE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_of_reads_moves_the_clock() {
        let mut clock = Clock::START;
        for _ in 0..READS_PER_BLOCK / READS_PER_CALL - 1 {
            clock.count_read();
            assert_eq!(clock.elapsed_ns, 0);
        }
        clock.count_read();
        assert_eq!(clock, Clock { elapsed_ns: BLOCK_NS, reads_left: READS_PER_BLOCK });
        clock.reads_left = -1;
        clock.count_read();
        assert_eq!(clock.elapsed_ns, 2 * BLOCK_NS);
    }

    #[test]
    fn the_clock_never_goes_back_nor_over_its_end() {
        let mut clock = Clock { elapsed_ns: 10, reads_left: 1 };
        clock.advance_to(5);
        assert_eq!(clock.elapsed_ns, 10);
        clock.advance_to(u64::MAX);
        assert_eq!(clock.elapsed_ns, ELAPSED_MAX_NS);
    }

    #[test]
    fn timeouts_lie_in_the_page() {
        for number in [0, 1, TIMEOUT_COUNT - 1, TIMEOUT_COUNT, u64::MAX] {
            let address = timeout(number);
            assert!((ADDRESS + TIMEOUTS..=ADDRESS + PAGE - TIMEOUT_SIZE).contains(&address), "{number}");
        }
    }
}
