//! Answers to stopped calls: at once, later, or by making the call anew.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use rustix::process::{Pid, PidfdFlags, Signal};

use super::caller::{Caller, Refusal};
use super::supervisor::Engine;
use super::sys::{self, Notification, Reply};
use super::tasks::{Observer, Task};
use super::timeouts::{self, Span, TimedCall};
use super::waits::{Kind, Wait};
use super::{Error, exec, reads, restart, timers, window};

impl Engine {
    pub(super) fn answer(&mut self, call: Notification) -> Result<(), Error> {
        if self.root.is_none() {
            self.root = root_of(&call);
        }
        if matches!(call.call, libc::SYS_execve | libc::SYS_execveat) {
            return self.execute(&call);
        }
        let Some(mut caller) = Caller::of(self.listener.as_fd(), call) else { return Ok(()) };
        let answer = match call.call {
            libc::SYS_wait4 => self.forget_usage(&caller, 3),
            libc::SYS_waitid => self.forget_usage(&caller, 4),
            libc::SYS_nanosleep | libc::SYS_clock_nanosleep => self.start_sleep(&caller),
            number => match TimedCall::of(number) {
                Some(timed) => self.start_timed(timed, &caller),
                None => Ok(self.answer_at_once(&mut caller)),
            },
        };
        let reply = match answer {
            Ok(Some(reply)) => reply,
            Ok(None) => return Ok(()),
            Err(Refused::Call(Refusal(error))) => Reply::Error(error),
            Err(Refused::Run(error)) => return Err(error),
        };
        sys::send(self.listener.as_fd(), call.id, reply)?;
        Ok(())
    }

    fn answer_at_once(&mut self, caller: &mut Caller) -> Option<Reply> {
        let reply = reads::answer(caller, &self.shown, &mut self.streams)
            .or_else(|| timers::answer(caller, &self.shown, &mut self.waits));
        // The filter stops no other call.
        Some(reply.unwrap_or(Reply::Error(libc::ENOSYS)))
    }

    /// A program that cannot be prepared must not run: it is killed, and the run with it.
    fn execute(&mut self, call: &Notification) -> Result<(), Error> {
        let Self { listener, shown, streams, root, .. } = self;
        match exec::execute(listener.as_fd(), call, shown, streams, || kill(root.as_ref())) {
            Ok(()) | Err(exec::Error::Killed) => Ok(()),
            Err(error) => Err(Error::Exec(error)),
        }
    }

    pub(super) fn kill(&self) {
        kill(self.root.as_ref());
    }

    /// Lets a wait for a child happen without telling what the child used.
    fn forget_usage(&mut self, caller: &Caller, argument: usize) -> Answer {
        reads::forget_usage(caller, argument)?;
        restart::with_argument(self.listener.as_fd(), &caller.call, argument, 0)?;
        Ok(None)
    }

    fn start_sleep(&mut self, caller: &Caller) -> Answer {
        let (span, rest) = if caller.call.call == libc::SYS_nanosleep {
            (Span::relative(caller, timeouts::timespec(caller, 0)?), caller.address(1))
        } else {
            self.clock_nanosleep(caller)?
        };
        if span.length_ns == 0 {
            return Ok(Some(Reply::Value(0)));
        }
        let kind = Kind::Sleep { notification: caller.call.id, rest };
        self.add(caller, span, kind)?;
        Ok(None)
    }

    fn clock_nanosleep(&self, caller: &Caller) -> Result<(Span, Option<u64>), Refusal> {
        let (id, time_ns) = (caller.int(0), timeouts::timespec(caller, 2)?);
        if id == libc::CLOCK_THREAD_CPUTIME_ID || reads::origin(id, &self.shown).is_none() {
            return Err(Refusal(libc::EINVAL));
        }
        if caller.int(1) & libc::TIMER_ABSTIME != 0 {
            return Ok((Span::absolute(caller, &self.shown, id, time_ns)?, None));
        }
        Ok((Span::relative(caller, time_ns), caller.address(3)))
    }

    /// Makes a call with a timeout wait without end, and remembers when to end it.
    fn start_timed(&mut self, timed: &TimedCall, caller: &Caller) -> Answer {
        let span = timed.span(caller, &self.shown)?;
        let is_poll = timed.result == 0;
        if span.length_ns == 0 && is_poll {
            // It does not wait at all: the kernel may look at the timeout itself.
            return Ok(Some(Reply::Continue));
        }
        let marker = self.marker(timed);
        let (argument, original) = (timed.argument, caller.argument(timed.argument));
        self.add(caller, span, Kind::Call { number: timed.number, argument, marker, original })?;
        restart::with_argument(self.listener.as_fd(), &caller.call, argument, marker)?;
        Ok(None)
    }

    /// An endless timeout that no program gives itself: an address in the window, or a number below -1.
    fn marker(&mut self, timed: &TimedCall) -> u64 {
        const NUMBERS: u64 = 1 << 30;
        self.number += 1;
        match timed.is_immediate() {
            true => u64::from((-2 - (self.number % NUMBERS) as i32) as u32),
            false => window::timeout(self.number),
        }
    }

    fn add(&mut self, caller: &Caller, span: Span, kind: Kind) -> Result<(), Refusal> {
        let Task { tid, tgid, own_tid, .. } = Task::of(caller.call.tid)?;
        let Span { deadline_ns, length_ns } = span;
        let since = Instant::now();
        let added = self.waits.add(Wait { tid, tgid, own_tid, deadline_ns, length_ns, since, kind });
        added.then_some(()).ok_or(Refusal(libc::ENOMEM))
    }
}

/// A reply, or `None` if the call is answered otherwise or later.
type Answer = Result<Option<Reply>, Refused>;

/// What an answer may fail for.
enum Refused {
    /// The caller's fault: the call fails.
    Call(Refusal),
    /// The host's: the run fails.
    Run(Error),
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::Call(refusal)
    }
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::Run(error.into())
    }
}

/// Descriptor and observer of the process that makes a call, the first of a run. `None` if it was killed meanwhile.
fn root_of(call: &Notification) -> Option<(OwnedFd, Observer)> {
    let process = Task::of(call.tid).ok()?.tgid;
    let descriptor = rustix::process::pidfd_open(Pid::from_raw(process)?, PidfdFlags::empty()).ok()?;
    Some((descriptor, Observer::new(process)))
}

/// Kills the first process; in its own pid namespace all others die with it.
fn kill(root: Option<&(OwnedFd, Observer)>) {
    if let Some((process, _)) = root {
        // Fails only if it has ended already.
        let _ended = rustix::process::pidfd_send_signal(process, Signal::KILL);
    }
}
