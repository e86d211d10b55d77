//! Gives a program, and all that it starts, the request's time and randomness instead of the host's.
//!
//! ```text
//!   container's process                    supervisor's thread (outside)
//!   Entrance::enter ── listener ─────────> Supervisor::attach
//!   execve ── stopped ───────────────────> window mapped, vDSO replaced, AT_RANDOM written; goes on
//!   reads its clock: replaced vDSO code, from the window (no system call)
//!   system calls for time, randomness ───> answered
//!   sleeps, timeouts, timers ────────────> end when nothing else can happen
//! ```
//!
//! # What a program sees
//! - **Wall clocks** start at [`Plan::time`], monotonic clocks at one day, cpu clocks at zero. They stand still while
//!   the program computes: how fast a host is cannot be seen.
//! - **Each process has its own clock**, which a child takes over from its parent at the time of the fork, and an exec
//!   leaves as it is. It moves in two ways only:
//!   1. *Waiting*: when every thread of every process is asleep, all clocks move to the end of the wait that is over
//!      first (at the same time: alarms, then timer descriptors, then threads by their number in their pid namespace),
//!      and that one wait ends. The next one ends when all are asleep again.
//!   2. *Looking*: 4096 reads of the clock by a process move that process's clock by 4.096 ms, so that a loop on the
//!      clock ends. A read by system call counts as 64, and so does a sleep that a signal ends. Up to then time stands
//!      still, so what threads of a language's runtime read in between does not show.
//! - **Randomness**: `getrandom` answers from one ChaCha20 stream per thread (key: [`Plan::seed`], nonce: the thread's
//!   number in its pid namespace), in the order of that thread's calls. Each program's `AT_RANDOM` comes from another
//!   stream of the thread that executes it. `/dev/random` and `/dev/urandom` are one pipe ([`Device`]) of a third.
//! - Address layouts are fixed; cpus, resource usage, load and memory size are constants.
//!
//! # What is the same in every run
//! Everything above, for a single-threaded program and for trees in which one process works at a time (a shell's
//! script). Threads and processes that work at the same time see the same clock unless they look at it thousands of times,
//! and the same bytes if each thread asks for its own; who of them is first at a shared file, pipe or lock is theirs to
//! settle. A wait that others' work holds up for 100 times its length of real time (at most 10 s, or its length if that is
//! longer) is given up and ends, so that a loop which waits without sleeping cannot hang; ended so, waits below 20 ms
//! leave the clock alone. Such a program may see another time in another run. Input must not arrive slowly: a program that
//! waits with a timeout for input the host has yet to send sees its time pass. Give it a file, or all at once.
//!
//! # Processes that answer more than one request
//! [`Supervisor::pause`] and [`Supervisor::begin`] let one set of processes live through many requests. Between two of them
//! time stands still: no wait ends, whatever its timeout, so a server that waits for its next request costs nothing and
//! its timers do not run down. `begin` moves all wall clocks to the request's time (back, too), leaves monotonic clocks
//! where they are, with all processes at the furthest one's, and starts every random stream anew from the request's seed,
//! the device's included. What a program has drawn before (a generator's state, a hash table's key, `AT_RANDOM`) it keeps:
//! that comes from the plan. While whoever talks with the programs ([`Peer`]) sends or has yet to read, time stands still
//! as well, so a program with a timeout does not see how fast it is talked to. A sleep that a signal comes for between two
//! requests ends with the next one.
//!
//! # What it costs
//! A read of the clock by library call costs less than on the host; a stopped system call tens of microseconds, an exec
//! under a millisecond, a wait some hundred microseconds (`benches/clock.rs`). A hostile program can keep its supervisor's
//! thread, which is one core, as busy as itself until its own wall time is over; it cannot make it grow.
//!
//! # What is not covered
//! - The cpu's own counters (`rdtsc`, `rdpid`, `cpuid`). [`Tsc::Fault`] makes `rdtsc` fail loudly, but every program that
//!   the GNU loader starts and every Go program executes it, so it is for static programs that are known not to.
//! - The kernel's time in files: times of files written during the run, [`MASKED_PATHS`] unless the container masks them,
//!   times in System V ipc's statistics. A socket's `SO_RCVTIMEO` and the retransmissions of TCP pass in real time.
//! - Not there (`ENOSYS`, and programs take another way): POSIX timers (`timer_create`), cpu-time interval timers,
//!   io_uring and Linux aio, `futex_waitv`, rseq, timed message queues, `recvmmsg` with a timeout. `ptrace` is refused.
//! - Other processors than x86-64; kernels before 5.19.

mod answers;
mod caller;
mod child;
mod device;
mod exec;
mod filter;
mod memory;
mod passage;
mod random;
mod reads;
mod restart;
mod shown;
mod supervisor;
mod sys;
mod tasks;
mod timeouts;
mod timers;
mod turn;
mod vdso;
mod waits;
mod window;

pub use child::{Arrival, Entrance, entrance};
pub use device::Device;
pub use exec::Error as ExecError;
pub use supervisor::{Supervisor, wait_for_end};
pub use turn::Peer;
pub use vdso::Error as VdsoError;

/// What the program is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The request's time in Unix seconds.
    pub time: u64,
    /// The source of all randomness.
    pub seed: [u8; 32],
    /// The memory that `sysinfo` tells of.
    pub memory_bytes: u64,
    /// How many cpus it may believe to have, from 1 to 64. Runtimes start as many threads; with one, programs of Go and the
    /// like are far more often the same in every run.
    pub cpus: u32,
}

impl Plan {
    /// The latest time, in Unix seconds: the year 2255, after which nanoseconds no longer fit 63 bits.
    pub const TIME_MAX: u64 = 9_000_000_000;
}

/// What becomes of the instruction that reads the cpu's cycle counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tsc {
    /// It tells the host's.
    #[default]
    Host,
    /// It kills the program (`SIGSEGV`).
    Fault,
}

/// Files that tell the host's time, load, cpus or randomness, for the container to hide.
pub const MASKED_PATHS: &[&str] = &[
    "/proc/uptime",
    "/proc/stat",
    "/proc/loadavg",
    "/proc/schedstat",
    "/proc/sched_debug",
    "/proc/timer_list",
    "/proc/interrupts",
    "/proc/softirqs",
    "/proc/vmstat",
    "/proc/pressure",
    "/proc/cpuinfo",
    "/proc/driver/rtc",
    "/proc/sys/kernel/random",
    "/sys/devices/system/cpu",
    "/sys/class/rtc",
    "/sys/class/ptp",
];

/// Why a run cannot be relied on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the request's time is {0} Unix seconds, at most {max} can be shown; refuse the request", max = Plan::TIME_MAX)]
    Time(u64),
    #[error("no process came to be supervised; it ended before it could, and its own error says why")]
    NobodyArrived,
    #[error("a program could not be given the request's time, so it was killed")]
    Exec(#[source] ExecError),
    #[error("the kernel refused to supervise; Linux 5.19 or later is needed")]
    Kernel(#[from] std::io::Error),
    #[error("the supervisor panicked; please report it")]
    Panicked,
    #[error("the programs have ended, or their supervisor does not answer")]
    Ended,
}
