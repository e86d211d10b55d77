//! The passage of time: which wait ends when, and what that does to the clocks.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use super::memory::Memory;
use super::supervisor::{Engine, poll};
use super::sys::{self, Reply};
use super::tasks::{Call, Task};
use super::timeouts::TimedCall;
use super::waits::{Kind, Wait};
use super::window::Clock;
use super::{Error, reads, restart, timers};

impl Engine {
    /// Ends the wait that is over next, if nothing else can happen before. True if something was ended.
    pub(super) fn let_time_pass(&mut self) -> Result<bool, Error> {
        if self.end_interrupted()? {
            return Ok(true);
        }
        let Some((_, observer)) = &mut self.root else { return Ok(false) };
        if let Some(tasks) = observer.all_asleep(&self.waits.held())
            && !self.something_arrived()?
            && self.orders.let_time_pass()
        {
            return self.end_next(&tasks);
        }
        self.end_overdue()
    }

    /// Ends a wait that others' work has held up for too long.
    fn end_overdue(&mut self) -> Result<bool, Error> {
        let now = Instant::now();
        let Some(wait) = self.waits.take_overdue(now) else { return Ok(false) };
        // Only if its number still is its thread's, not that of a stranger who got it later.
        let is_same = |task: &Task| task.tgid == wait.tgid && task.own_tid == wait.own_tid;
        let Some(task) = Task::of(wait.tid).ok().filter(is_same) else { return Ok(true) };
        let call = Call::of(wait.tid).unwrap_or_default();
        if !is_in(&wait, &(task, call)) {
            // It ended otherwise, or a signal's handler runs before it goes on.
            self.waits.add(Wait { since: now, ..wait });
            return Ok(false);
        }
        if !wait.is_housekeeping() {
            advance(wait.tgid, wait.deadline_ns);
        }
        self.end(wait)?;
        Ok(true)
    }

    /// A thread that waits for an answer, or for random bytes, looks asleep but is not.
    fn something_arrived(&mut self) -> Result<bool, Error> {
        let mut polled = [PollFd::new(&self.listener, PollFlags::IN)];
        poll(&mut polled, Some(Duration::ZERO))?;
        Ok(!polled[0].revents().is_empty() || self.fill_device()?)
    }

    /// All threads sleep: time moves to the first wait's end, for every process, and that wait ends.
    fn end_next(&mut self, tasks: &[(Task, Option<Call>)]) -> Result<bool, Error> {
        let exists = |wait: &Wait| match wait.kind {
            Kind::Alarm { .. } | Kind::Timer { .. } => tasks.iter().any(|(task, _)| task.tgid == wait.tgid),
            Kind::Sleep { .. } | Kind::Call { .. } => tasks.iter().any(|(task, _)| task.tid == wait.tid),
        };
        self.waits.retain(exists);
        let Some(wait) = self.waits.take_next(|wait| tasks.iter().any(|task| is_in(wait, task))) else {
            return Ok(false);
        };
        let mut processes: Vec<i32> = tasks.iter().map(|(task, _)| task.tgid).collect();
        processes.sort_unstable();
        processes.dedup();
        for process in processes {
            advance(process, wait.deadline_ns);
        }
        self.end(wait)?;
        Ok(true)
    }

    fn end(&mut self, wait: Wait) -> Result<(), Error> {
        match wait.kind {
            Kind::Sleep { notification, .. } => {
                sys::send(self.listener.as_fd(), notification, Reply::Value(0))?;
            }
            Kind::Call { number, marker, original, .. } => {
                if let Some(call) = TimedCall::of(number) {
                    restart::end(wait.tid, call, marker, original)?;
                }
            }
            Kind::Alarm { .. } | Kind::Timer { .. } => timers::fire(wait, &mut self.waits),
        }
        Ok(())
    }

    /// Ends the sleeps that a signal has come for.
    fn end_interrupted(&mut self) -> Result<bool, Error> {
        let is_interrupted = |wait: &Wait| {
            matches!(wait.kind, Kind::Sleep { .. }) && Task::of(wait.tid).is_ok_and(|task| task.is_signalled())
        };
        let Some(wait) = self.waits.take(is_interrupted) else { return Ok(false) };
        if let Kind::Sleep { notification, rest } = wait.kind {
            if let Ok(memory) = Memory::of(wait.tid) {
                tell_rest(&memory, rest, wait.deadline_ns);
            }
            sys::send(self.listener.as_fd(), notification, Reply::Error(libc::EINTR))?;
        }
        Ok(true)
    }
}

/// Whether a thread is in a wait now. Timers count for their process's first thread.
fn is_in(wait: &Wait, (task, call): &(Task, Option<Call>)) -> bool {
    match wait.kind {
        Kind::Sleep { .. } => wait.tid == task.tid,
        Kind::Call { argument, marker, .. } => {
            wait.tid == task.tid && call.is_some_and(|call| call.arguments[argument] == marker)
        }
        Kind::Alarm { .. } | Kind::Timer { .. } => wait.tgid == task.tgid,
    }
}

/// Writes how much of an interrupted sleep is left, and counts a read: a program that is interrupted again and again, by
/// one that never sleeps, would not get to the end of its sleep otherwise.
fn tell_rest(memory: &Memory, rest: Option<u64>, deadline_ns: u64) {
    let mut clock = Clock::of(memory).unwrap_or(Clock::START);
    clock.count_read();
    let left = reads::seconds_and_ns(deadline_ns.saturating_sub(clock.elapsed_ns));
    // Memory that cannot be written is the caller's error, and it is told of the signal already.
    let _unmapped = clock.store(memory);
    let _unmapped = rest.map(|address| memory.write_words(address, &left));
}

/// Moves a process's clock forward. A process that has ended has none.
fn advance(process: i32, elapsed_ns: u64) {
    let Ok(memory) = Memory::of(process) else { return };
    let Ok(mut clock) = Clock::of(&memory) else { return };
    clock.advance_to(elapsed_ns);
    let _ended = clock.store(&memory);
}
