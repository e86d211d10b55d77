//! Alarms and timer descriptors.

use std::fs;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, Signal};
use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec};

use super::caller::{Caller, Refusal};
use super::reads::seconds_and_ns;
use super::shown::Shown;
use super::sys::{self, Reply};
use super::tasks::Task;
use super::timeouts::{self, Span};
use super::waits::{Kind, Wait, Waits};
use super::window::NS_PER_SECOND;

/// Answers a call that sets or reads a timer. `None` if the call is none.
pub(super) fn answer(caller: &Caller, shown: &Shown, waits: &mut Waits) -> Option<Reply> {
    Some(Reply::from(match caller.call.call {
        libc::SYS_alarm => alarm(caller, waits),
        libc::SYS_setitimer => setitimer(caller, waits),
        libc::SYS_getitimer => getitimer(caller, waits),
        libc::SYS_timerfd_settime => timerfd_settime(caller, shown, waits),
        libc::SYS_timerfd_gettime => timerfd_gettime(caller, waits),
        _ => return None,
    }))
}

/// What a timer is set to: the time left until it fires, and the time between firings after that; 0 is never.
#[derive(Clone, Copy, Debug, Default)]
struct Setting {
    left_ns: u64,
    interval_ns: u64,
}

impl Setting {
    fn of(caller: &Caller, wait: Option<&Wait>) -> Self {
        let Some(wait) = wait else { return Self::default() };
        let interval_ns = match wait.kind {
            Kind::Alarm { interval_ns, .. } | Kind::Timer { interval_ns, .. } => interval_ns,
            Kind::Sleep { .. } | Kind::Call { .. } => 0,
        };
        // A timer that is due but not fired yet is still set.
        Self { left_ns: wait.deadline_ns.saturating_sub(caller.clock.elapsed_ns).max(1), interval_ns }
    }

    /// As `itimerspec` (`ns_per_unit` 1) or `itimerval` (1000).
    fn words(&self, ns_per_unit: i64) -> [i64; 4] {
        let [interval, left] = [seconds_and_ns(self.interval_ns), seconds_and_ns(self.left_ns)];
        [interval[0], interval[1] / ns_per_unit, left[0], left[1] / ns_per_unit]
    }
}

/// The call's `alarm`: whole seconds, the old one's rest rounded up so that a set one is never 0.
fn alarm(caller: &Caller, waits: &mut Waits) -> Result<Reply, Refusal> {
    let left_ns = u64::from(caller.argument(0) as u32) * NS_PER_SECOND;
    let before = set_alarm(caller, waits, Setting { left_ns, interval_ns: 0 })?;
    Ok(Reply::Value(before.left_ns.div_ceil(NS_PER_SECOND) as i64))
}

fn setitimer(caller: &Caller, waits: &mut Waits) -> Result<Reply, Refusal> {
    check_real(caller)?;
    let setting = match caller.address(1) {
        Some(address) => Setting {
            interval_ns: timeouts::timeval(caller, address)?,
            left_ns: timeouts::timeval(caller, address.wrapping_add(16))?,
        },
        None => Setting::default(),
    };
    let before = set_alarm(caller, waits, setting)?;
    caller.put(2, &before.words(1000))?;
    Ok(Reply::Value(0))
}

fn getitimer(caller: &Caller, waits: &Waits) -> Result<Reply, Refusal> {
    check_real(caller)?;
    let tgid = Task::of(caller.call.tid)?.tgid;
    let wait = waits.iter().find(|wait| wait.tgid == tgid && matches!(wait.kind, Kind::Alarm { .. }));
    caller.demand(1)?;
    caller.put(1, &Setting::of(caller, wait).words(1000))?;
    Ok(Reply::Value(0))
}

/// The timers that count the cpu's time are not there: no such time passes.
fn check_real(caller: &Caller) -> Result<(), Refusal> {
    match caller.int(0) {
        libc::ITIMER_REAL => Ok(()),
        libc::ITIMER_VIRTUAL | libc::ITIMER_PROF => Err(Refusal(libc::ENOSYS)),
        _ => Err(Refusal(libc::EINVAL)),
    }
}

fn set_alarm(caller: &Caller, waits: &mut Waits, setting: Setting) -> Result<Setting, Refusal> {
    let task = Task::of(caller.call.tid)?;
    let before = waits.take_alarm(task.tgid);
    let before = Setting::of(caller, before.as_ref());
    if setting.left_ns != 0 {
        let kind = Kind::Alarm { process: process_of(&task)?, interval_ns: setting.interval_ns };
        add(waits, &task, Span::relative(caller, setting.left_ns), kind)?;
    }
    Ok(before)
}

fn add(waits: &mut Waits, task: &Task, span: Span, kind: Kind) -> Result<(), Refusal> {
    let Span { deadline_ns, length_ns } = span;
    let (tid, tgid, own_tid, since) = (task.tgid, task.tgid, Task::of(task.tgid)?.own_tid, Instant::now());
    let added = waits.add(Wait { tid, tgid, own_tid, deadline_ns, length_ns, since, kind });
    added.then_some(()).ok_or(Refusal(libc::ENOMEM))
}

fn timerfd_settime(caller: &Caller, shown: &Shown, waits: &mut Waits) -> Result<Reply, Refusal> {
    const ABSOLUTE: i32 = libc::TFD_TIMER_ABSTIME;
    const FLAGS: i32 = ABSOLUTE | libc::TFD_TIMER_CANCEL_ON_SET;
    if caller.int(1) & !FLAGS != 0 {
        return Err(Refusal(libc::EINVAL));
    }
    let address = caller.demand(2)?;
    let words: [i64; 4] = caller.memory.read_words(address)?;
    let interval_ns = timeouts::nanoseconds(words[0], words[1], 1)?;
    let time_ns = timeouts::nanoseconds(words[2], words[3], 1)?;
    let (task, file, clock_id) = timer_of(caller)?;
    // Unread expirations are gone once a timer is set anew.
    arm(&file, 0)?;
    let before = waits.take(|wait| is_timer(wait, &file));
    caller.put(3, &Setting::of(caller, before.as_ref()).words(1))?;
    if time_ns != 0 {
        let span = match caller.int(1) & ABSOLUTE {
            0 => Span::relative(caller, time_ns),
            _ => Span::absolute(caller, shown, clock_id, time_ns)?,
        };
        add(waits, &task, span, Kind::Timer { file, descriptor: caller.int(0), interval_ns })?;
    }
    Ok(Reply::Value(0))
}

fn timerfd_gettime(caller: &Caller, waits: &Waits) -> Result<Reply, Refusal> {
    let (_, file, _) = timer_of(caller)?;
    let wait = waits.iter().find(|wait| is_timer(wait, &file));
    caller.demand(1)?;
    caller.put(1, &Setting::of(caller, wait).words(1))?;
    Ok(Reply::Value(0))
}

/// The caller's timer descriptor (argument 0): its process, a copy of the descriptor, and the clock it counts by.
fn timer_of(caller: &Caller) -> Result<(Task, OwnedFd, i32), Refusal> {
    let task = Task::of(caller.call.tid)?;
    let bad = |_| Refusal(libc::EBADF);
    let process = process_of(&task)?;
    let file = rustix::process::pidfd_getfd(process, caller.int(0), PidfdGetfdFlags::empty()).map_err(bad)?;
    let own = format!("/proc/self/fdinfo/{}", file.as_raw_fd());
    let clock_id = fs::read_to_string(own)?
        .lines()
        .find_map(|line| line.strip_prefix("clockid:").and_then(|id| id.trim().parse().ok()))
        .ok_or(Refusal(libc::EINVAL))?;
    Ok((task, file, clock_id))
}

/// A descriptor of the task's process.
fn process_of(task: &Task) -> Result<OwnedFd, Refusal> {
    let number = Pid::from_raw(task.tgid).ok_or(Refusal(libc::ESRCH))?;
    rustix::process::pidfd_open(number, PidfdFlags::empty()).map_err(|error| Refusal(error.raw_os_error()))
}

fn is_timer(wait: &Wait, file: &OwnedFd) -> bool {
    let own = std::process::id() as i32;
    matches!(&wait.kind, Kind::Timer { file: known, .. } if sys::same_file(own, known.as_raw_fd(), file.as_fd()))
}

/// Makes the kernel's timer fire in `ns` nanoseconds of real time, once; never for 0.
fn arm(file: &OwnedFd, ns: i64) -> Result<(), Refusal> {
    let value =
        Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: Timespec { tv_sec: 0, tv_nsec: ns } };
    rustix::time::timerfd_settime(file, TimerfdTimerFlags::empty(), &value)
        .map(|_| ())
        .map_err(|error| Refusal(error.raw_os_error()))
}

/// Fires an alarm or a timer and sets it again if it repeats. A timer that its process has closed is dropped.
pub(super) fn fire(wait: Wait, waits: &mut Waits) {
    let interval_ns = match &wait.kind {
        Kind::Alarm { process, interval_ns } => {
            if rustix::process::pidfd_send_signal(process, Signal::ALARM).is_err() {
                return;
            }
            *interval_ns
        }
        Kind::Timer { file, descriptor, interval_ns } => {
            if !sys::same_file(wait.tgid, *descriptor, file.as_fd()) || arm(file, 1).is_err() {
                return;
            }
            wait_until_fired(file);
            *interval_ns
        }
        Kind::Sleep { .. } | Kind::Call { .. } => return,
    };
    if interval_ns != 0 {
        let deadline_ns = wait.deadline_ns.saturating_add(interval_ns);
        waits.add(Wait { deadline_ns, length_ns: interval_ns, since: Instant::now(), ..wait });
    }
}

/// The kernel fires on its next interrupt: until then the reader would still look asleep.
fn wait_until_fired(file: &OwnedFd) {
    let limit = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
    // Not fired in that time, or the reader was faster: either way the next look at the threads tells.
    let _either = rustix::event::poll(&mut [PollFd::new(file, PollFlags::IN)], Some(&limit));
}
