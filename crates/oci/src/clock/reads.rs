//! Answers to reads: of clocks, of randomness, and of what else would tell one run or host from another.

use super::caller::{Caller, Refusal};
use super::random::{Streams, Use};
use super::shown::Shown;
use super::sys::Reply;
use super::tasks::Task;
use super::window::{self, Clock, MONOTONIC_START_NS, NS_PER_SECOND};

const NS_PER_TICK: u64 = NS_PER_SECOND / 100;
const RUSAGE_SIZE: usize = 144;

/// Answers a read. `None` if the call is none.
pub(super) fn answer(caller: &mut Caller, shown: &Shown, streams: &mut Streams) -> Option<Reply> {
    Some(Reply::from(match caller.call.call {
        libc::SYS_clock_gettime => clock_gettime(caller, shown),
        libc::SYS_gettimeofday => gettimeofday(caller, shown),
        libc::SYS_time => time(caller, shown),
        libc::SYS_clock_getres => clock_getres(caller, shown),
        libc::SYS_times => times(caller),
        libc::SYS_getrandom => getrandom(caller, streams),
        libc::SYS_getrusage => getrusage(caller),
        libc::SYS_sysinfo => sysinfo(caller, shown),
        libc::SYS_getcpu => getcpu(caller),
        libc::SYS_sched_getaffinity => sched_getaffinity(caller, shown),
        libc::SYS_sched_setaffinity => sched_setaffinity(caller, shown),
        _ => return None,
    }))
}

/// What a clock shows; `None` if there is no such clock.
pub(super) fn reading(id: i32, clock: &Clock, shown: &Shown) -> Option<u64> {
    Some(clock.elapsed_ns.wrapping_add(origin(id, shown)?))
}

/// What a clock shows when its process's clock stands at zero, modulo 2^64. A negative number names a process's or thread's cpu clock (clock_getres(2)),
/// or an open clock device, which containers have not.
pub(super) fn origin(id: i32, shown: &Shown) -> Option<u64> {
    const OPEN_DEVICE: i32 = 3;
    let is_in = |set: u32| (0..32).contains(&id) && set >> id & 1 == 1;
    match id {
        _ if is_in(window::WALL_CLOCKS) => Some(shown.wall_origin_ns),
        _ if is_in(window::MONOTONIC_CLOCKS) => Some(MONOTONIC_START_NS),
        _ if is_in(window::CPU_CLOCKS) || id < 0 && id & 7 != OPEN_DEVICE => Some(0),
        _ => None,
    }
}

/// Counts a read and stores what that does to the clock.
fn count(caller: &mut Caller) {
    caller.clock.count_read();
    // Fails only before the first program, when there is no window and the clock stands still.
    let _no_window = caller.clock.store(&caller.memory);
}

fn clock_gettime(caller: &mut Caller, shown: &Shown) -> Result<Reply, Refusal> {
    origin(caller.int(0), shown).ok_or(Refusal(libc::EINVAL))?;
    count(caller);
    let now = reading(caller.int(0), &caller.clock, shown).ok_or(Refusal(libc::EINVAL))?;
    let address = caller.demand(1)?;
    caller.memory.write_words(address, &seconds_and_ns(now))?;
    Ok(Reply::Value(0))
}

fn gettimeofday(caller: &mut Caller, shown: &Shown) -> Result<Reply, Refusal> {
    count(caller);
    let [seconds, ns] = seconds_and_ns(caller.clock.elapsed_ns.wrapping_add(shown.wall_origin_ns));
    caller.put(0, &[seconds, ns / 1000])?;
    caller.put(1, &[0])?;
    Ok(Reply::Value(0))
}

fn time(caller: &mut Caller, shown: &Shown) -> Result<Reply, Refusal> {
    count(caller);
    let [seconds, _] = seconds_and_ns(caller.clock.elapsed_ns.wrapping_add(shown.wall_origin_ns));
    caller.put(0, &[seconds])?;
    Ok(Reply::Value(seconds))
}

/// One nanosecond on every host, whatever its timers can do.
fn clock_getres(caller: &Caller, shown: &Shown) -> Result<Reply, Refusal> {
    origin(caller.int(0), shown).ok_or(Refusal(libc::EINVAL))?;
    caller.put(1, &[0, 1])?;
    Ok(Reply::Value(0))
}

/// All time is user time of the process itself.
fn times(caller: &mut Caller) -> Result<Reply, Refusal> {
    count(caller);
    let elapsed_ns = caller.clock.elapsed_ns;
    caller.put(0, &[(elapsed_ns / NS_PER_TICK) as i64, 0, 0, 0])?;
    Ok(Reply::Value(((elapsed_ns + MONOTONIC_START_NS) / NS_PER_TICK) as i64))
}

fn getrusage(caller: &mut Caller) -> Result<Reply, Refusal> {
    if !matches!(caller.int(0), libc::RUSAGE_SELF | libc::RUSAGE_CHILDREN | libc::RUSAGE_THREAD) {
        return Err(Refusal(libc::EINVAL));
    }
    caller.demand(1)?;
    count(caller);
    let mut usage = [0; RUSAGE_SIZE];
    if caller.int(0) != libc::RUSAGE_CHILDREN {
        let [seconds, ns] = seconds_and_ns(caller.clock.elapsed_ns);
        usage[..8].copy_from_slice(&seconds.to_le_bytes());
        usage[8..16].copy_from_slice(&(ns / 1000).to_le_bytes());
    }
    caller.put_bytes(1, &usage)?;
    Ok(Reply::Value(0))
}

/// Writes that a child used nothing where `wait4` and `waitid` would write what it used.
pub(super) fn forget_usage(caller: &Caller, argument: usize) -> Result<(), Refusal> {
    caller.put_bytes(argument, &[0; RUSAGE_SIZE])
}

/// A machine with the plan's memory, half of it free, no swap, and one process.
fn sysinfo(caller: &mut Caller, shown: &Shown) -> Result<Reply, Refusal> {
    caller.demand(0)?;
    count(caller);
    let mut info = [0_u8; 112];
    let mut put = |offset: usize, value: u64| info[offset..offset + 8].copy_from_slice(&value.to_le_bytes());
    put(0, (caller.clock.elapsed_ns + MONOTONIC_START_NS) / NS_PER_SECOND);
    put(32, shown.memory_bytes);
    put(40, shown.memory_bytes / 2);
    put(80, 1); // procs, 2 bytes
    put(104, 1); // mem_unit, 4 bytes
    caller.put_bytes(0, &info)?;
    Ok(Reply::Value(0))
}

fn getcpu(caller: &Caller) -> Result<Reply, Refusal> {
    caller.put_bytes(0, &[0; 4])?;
    caller.put_bytes(1, &[0; 4])?;
    Ok(Reply::Value(0))
}

/// The first so many cpus, whatever was set.
fn sched_getaffinity(caller: &Caller, shown: &Shown) -> Result<Reply, Refusal> {
    const SIZE: usize = 8;
    if caller.argument(1) < SIZE as u64 || !caller.argument(1).is_multiple_of(SIZE as u64) {
        return Err(Refusal(libc::EINVAL));
    }
    let address = caller.demand(2)?;
    caller.memory.write(address, &cpus(shown).to_le_bytes())?;
    Ok(Reply::Value(SIZE as i64))
}

/// Accepted without effect if one of the cpus exists.
fn sched_setaffinity(caller: &Caller, shown: &Shown) -> Result<Reply, Refusal> {
    let mut wanted = [0; 8];
    let size = wanted.len().min(caller.argument(1) as usize);
    let address = caller.demand(2)?;
    caller.memory.read(address, &mut wanted[..size])?;
    if u64::from_le_bytes(wanted) & cpus(shown) == 0 { Err(Refusal(libc::EINVAL)) } else { Ok(Reply::Value(0)) }
}

/// The set of cpus shown: bit n is cpu n.
fn cpus(shown: &Shown) -> u64 {
    u64::MAX >> (64 - shown.cpus.clamp(1, 64))
}

/// Fills up to a megabyte; a caller that wants more sees a short answer, as after a signal, and asks again.
fn getrandom(caller: &Caller, streams: &mut Streams) -> Result<Reply, Refusal> {
    const LENGTH_MAX: u64 = 1 << 20;
    const CHUNK: u64 = 1 << 16;
    let flags = caller.argument(2) as u32;
    let both = libc::GRND_RANDOM | libc::GRND_INSECURE;
    if flags & !(libc::GRND_NONBLOCK | both) != 0 || flags & both == both {
        return Err(Refusal(libc::EINVAL));
    }
    let length = caller.argument(1).min(LENGTH_MAX);
    let thread = Task::of(caller.call.tid)?.own_tid;
    let mut chunk = vec![0; length.min(CHUNK) as usize];
    let mut done = 0;
    while done < length {
        let size = (length - done).min(CHUNK) as usize;
        streams.fill(Use::Call(thread), &mut chunk[..size]);
        caller.memory.write(caller.argument(0).wrapping_add(done), &chunk[..size])?;
        done += size as u64;
    }
    Ok(Reply::Value(length as i64))
}

pub(super) fn seconds_and_ns(ns: u64) -> [i64; 2] {
    [(ns / NS_PER_SECOND) as i64, (ns % NS_PER_SECOND) as i64]
}
