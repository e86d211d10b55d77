//! The supervisor: one thread that answers every stopped call of a program and of all that it starts.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal};

use super::caller::{Caller, Refusal};
use super::child::Arrival;
use super::device::Device;
use super::memory::Memory;
use super::random::Streams;
use super::sys::{self, Notification, Reply};
use super::tasks::{Call, Observer, Task};
use super::timeouts::{self, Span, TimedCall};
use super::waits::{Kind, Wait, Waits};
use super::window::{self, Clock};
use super::{Error, Plan, exec, reads, restart, timers};

/// A running supervisor.
///
/// Whoever starts the program must wait for its end through a pidfd, or from another process: while the supervisor has a
/// thread stopped for a moment, a `waitpid` of any thread of this process would take the stop for itself.
#[derive(Debug)]
pub struct Supervisor {
    stop: OwnedFd,
    thread: JoinHandle<Result<(), Error>>,
}

impl Supervisor {
    /// Starts a thread that waits for a process to arrive (see [`Entrance::enter`](super::Entrance::enter)) and then
    /// answers for it until it and everything it started has ended. `device` is kept filled meanwhile.
    ///
    /// To be called before the process executes its program, which waits for this.
    pub fn attach(arrival: Arrival, plan: Plan, device: Option<Device>) -> Result<Self, Error> {
        if plan.time > Plan::TIME_MAX {
            return Err(Error::Time(plan.time));
        }
        let io = |error: rustix::io::Errno| Error::Kernel(error.into());
        let stop = rustix::event::eventfd(0, EventfdFlags::CLOEXEC).map_err(io)?;
        let theirs = stop.try_clone()?;
        let thread = std::thread::Builder::new()
            .name("clock".into())
            .spawn(move || Engine::run(&arrival, theirs, plan, device))?;
        Ok(Self { stop, thread })
    }

    /// Waits until the program and everything it started has ended. An error says that the run cannot be relied on;
    /// the program has been killed then.
    pub fn finish(self) -> Result<(), Error> {
        self.thread.join().unwrap_or(Err(Error::Panicked))
    }

    /// Ends the supervision: calls of programs that still run fail from then on with `ENOSYS`, `execve` among them.
    pub fn stop(self) -> Result<(), Error> {
        rustix::io::write(&self.stop, &1_u64.to_ne_bytes()).map_err(io::Error::from)?;
        self.finish()
    }
}

/// Looks at whether all threads are asleep start this soon after the last call and then take twice as long each time.
const FIRST_LOOK: Duration = Duration::from_micros(30);
const LAST_LOOK: Duration = Duration::from_millis(5);

struct Engine {
    listener: OwnedFd,
    plan: Plan,
    streams: Streams,
    device: Option<Device>,
    waits: Waits,
    /// The first process that called, and what watches the tree below it.
    root: Option<(OwnedFd, Observer)>,
    /// The running number of the next wait.
    number: u64,
}

/// What woke the engine.
struct Woken {
    stop: bool,
    call: bool,
    hung_up: bool,
    device: bool,
}

impl Engine {
    fn run(arrival: &Arrival, stop: OwnedFd, plan: Plan, device: Option<Device>) -> Result<(), Error> {
        let mut polled = [PollFd::new(&arrival, PollFlags::IN), PollFd::new(&stop, PollFlags::IN)];
        poll(&mut polled, None)?;
        if polled[0].revents().is_empty() {
            return Ok(());
        }
        let listener = arrival.listener()?.ok_or(Error::NobodyArrived)?;
        let streams = Streams::new(plan.seed);
        let mut engine = Self { listener, plan, streams, device, waits: Waits::default(), root: None, number: 0 };
        let result = engine.serve(&stop);
        if result.is_err() {
            engine.kill();
        }
        result
    }

    fn serve(&mut self, stop: &OwnedFd) -> Result<(), Error> {
        self.fill_device()?;
        let mut pause = FIRST_LOOK;
        loop {
            let woken = self.sleep(stop, (!self.waits.is_empty()).then_some(pause))?;
            if woken.stop {
                return Ok(());
            }
            if woken.device {
                self.fill_device()?;
            }
            if woken.call {
                if let Some(call) = sys::receive(self.listener.as_fd())? {
                    self.answer(call)?;
                }
                pause = FIRST_LOOK;
            } else if woken.hung_up {
                return Ok(());
            } else {
                pause = if self.let_time_pass()? { FIRST_LOOK } else { (pause * 2).min(LAST_LOOK) };
            }
        }
    }

    fn sleep(&self, stop: &OwnedFd, limit: Option<Duration>) -> Result<Woken, Error> {
        let mut polled = vec![PollFd::new(stop, PollFlags::IN), PollFd::new(&self.listener, PollFlags::IN)];
        polled.extend(self.device.as_ref().map(|device| PollFd::new(device, PollFlags::OUT)));
        poll(&mut polled, limit)?;
        let listener = polled[1].revents();
        Ok(Woken {
            stop: !polled[0].revents().is_empty(),
            call: listener.contains(PollFlags::IN),
            hung_up: listener.intersects(PollFlags::HUP | PollFlags::ERR),
            device: polled.get(2).is_some_and(|device| !device.revents().is_empty()),
        })
    }

    /// True if somebody may have been waiting for the bytes.
    fn fill_device(&mut self) -> Result<bool, Error> {
        let Some(device) = &mut self.device else { return Ok(false) };
        Ok(device.fill(&mut self.streams)?)
    }

    fn answer(&mut self, call: Notification) -> Result<(), Error> {
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
        let reply = reads::answer(caller, &self.plan, &mut self.streams)
            .or_else(|| timers::answer(caller, &self.plan, &mut self.waits));
        // The filter stops no other call.
        Some(reply.unwrap_or(Reply::Error(libc::ENOSYS)))
    }

    /// A program that cannot be prepared must not run: it is killed, and the run with it.
    fn execute(&mut self, call: &Notification) -> Result<(), Error> {
        let Self { listener, plan, streams, root, .. } = self;
        match exec::execute(listener.as_fd(), call, plan, streams, || kill(root.as_ref())) {
            Ok(()) | Err(exec::Error::Killed) => Ok(()),
            Err(error) => Err(Error::Exec(error)),
        }
    }

    fn kill(&self) {
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
        if id == libc::CLOCK_THREAD_CPUTIME_ID || reads::origin(id, &self.plan).is_none() {
            return Err(Refusal(libc::EINVAL));
        }
        if caller.int(1) & libc::TIMER_ABSTIME != 0 {
            return Ok((Span::absolute(caller, &self.plan, id, time_ns)?, None));
        }
        Ok((Span::relative(caller, time_ns), caller.address(3)))
    }

    /// Makes a call with a timeout wait without end, and remembers when to end it.
    fn start_timed(&mut self, timed: &TimedCall, caller: &Caller) -> Answer {
        let span = timed.span(caller, &self.plan)?;
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

    /// Ends the wait that is over next, if nothing else can happen before. True if something was ended.
    fn let_time_pass(&mut self) -> Result<bool, Error> {
        if self.end_interrupted()? {
            return Ok(true);
        }
        let Some((_, observer)) = &mut self.root else { return Ok(false) };
        if let Some(tasks) = observer.all_asleep(&self.waits.held())
            && !self.something_arrived()?
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

/// Polls, again after each interruption.
fn poll(polled: &mut [PollFd<'_>], limit: Option<Duration>) -> io::Result<()> {
    let limit = limit.map(|limit| Timespec { tv_sec: limit.as_secs() as i64, tv_nsec: limit.subsec_nanos().into() });
    loop {
        match rustix::event::poll(polled, limit.as_ref()) {
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
