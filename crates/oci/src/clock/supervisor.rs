//! The supervisor: one thread that answers every stopped call of a program and of all that it starts.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags};

use super::child::Arrival;
use super::device::Device;
use super::random::Streams;
use super::shown::Shown;
use super::tasks::Observer;
use super::turn::{Orders, Peer, Turns, turns};
use super::waits::Waits;
use super::{Error, Plan, sys};

/// A running supervisor.
///
/// Whoever starts the program as a child of this process must wait for its end with [`wait_for_end`] before collecting it:
/// while the supervisor has a thread stopped for a moment, a `waitpid` of any thread of this process takes the stop for
/// itself, and both go wrong. Other processes may wait as they like.
#[derive(Debug)]
pub struct Supervisor {
    stop: OwnedFd,
    turns: Turns,
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
        let (turns, orders) = turns()?;
        let thread = std::thread::Builder::new()
            .name("clock".into())
            .spawn(move || Engine::run(&arrival, theirs, orders, plan, device))?;
        Ok(Self { stop, turns, thread })
    }

    /// Has time stand still until the next request begins. Answers and random bytes are given as ever.
    pub fn pause(&self) -> Result<(), Error> {
        self.turns.pause()
    }

    /// Begins a request: all wall clocks show its time (Unix seconds), all randomness comes from its seed, and time goes on
    /// when it may.
    pub fn begin(&self, time: u64, seed: [u8; 32]) -> Result<(), Error> {
        self.turns.begin(time, seed)
    }

    /// Who talks with the programs from outside; nobody, until it says that it works or waits.
    pub fn peer(&self) -> Arc<Peer> {
        self.turns.peer()
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

/// Waits until a supervised child of this process has ended, and leaves it to be collected by `waitpid`.
pub fn wait_for_end(child: Pid) -> io::Result<()> {
    let process = rustix::process::pidfd_open(child, PidfdFlags::empty())?;
    poll(&mut [PollFd::new(&process, PollFlags::IN)], None)
}

/// Looks at whether all threads are asleep start this soon after the last call and then take twice as long each time.
const FIRST_LOOK: Duration = Duration::from_micros(30);
const LAST_LOOK: Duration = Duration::from_millis(5);

pub(super) struct Engine {
    pub(super) listener: OwnedFd,
    pub(super) shown: Shown,
    pub(super) streams: Streams,
    pub(super) device: Option<Device>,
    pub(super) waits: Waits,
    /// The first process that called, and what watches the tree below it.
    pub(super) root: Option<(OwnedFd, Observer)>,
    /// The running number of the next wait.
    pub(super) number: u64,
    pub(super) orders: Orders,
}

/// What woke the engine.
struct Woken {
    stop: bool,
    ordered: bool,
    call: bool,
    hung_up: bool,
    device: bool,
}

impl Engine {
    fn run(arrival: &Arrival, stop: OwnedFd, orders: Orders, plan: Plan, device: Option<Device>) -> Result<(), Error> {
        let mut polled = [PollFd::new(&arrival, PollFlags::IN), PollFd::new(&stop, PollFlags::IN)];
        poll(&mut polled, None)?;
        if polled[0].revents().is_empty() {
            return Ok(());
        }
        let listener = arrival.listener()?.ok_or(Error::NobodyArrived)?;
        let streams = Streams::new(plan.seed);
        let (shown, waits) = (Shown::of(&plan), Waits::default());
        let mut engine = Self { listener, shown, streams, device, waits, root: None, number: 0, orders };
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
            let woken = self.sleep(stop, (!self.waits.is_empty() && !self.orders.are_paused()).then_some(pause))?;
            if woken.stop {
                return Ok(());
            }
            if woken.device {
                self.fill_device()?;
            }
            if woken.ordered {
                self.obey()?;
                pause = FIRST_LOOK;
            }
            if woken.call {
                if let Some(call) = sys::receive(self.listener.as_fd())? {
                    self.answer(call)?;
                }
                pause = FIRST_LOOK;
            } else if woken.hung_up {
                return Ok(());
            } else if !self.orders.are_paused() {
                pause = if self.let_time_pass()? { FIRST_LOOK } else { (pause * 2).min(LAST_LOOK) };
            }
        }
    }

    fn sleep(&self, stop: &OwnedFd, limit: Option<Duration>) -> Result<Woken, Error> {
        let mut polled: Vec<_> =
            [stop, &self.listener, &self.orders.wake].map(|file| PollFd::new(file, PollFlags::IN)).into();
        polled.extend(self.device.as_ref().map(|device| PollFd::new(device, PollFlags::OUT)));
        poll(&mut polled, limit)?;
        let listener = polled[1].revents();
        Ok(Woken {
            stop: !polled[0].revents().is_empty(),
            ordered: !polled[2].revents().is_empty(),
            call: listener.contains(PollFlags::IN),
            hung_up: listener.intersects(PollFlags::HUP | PollFlags::ERR),
            device: polled.get(3).is_some_and(|device| !device.revents().is_empty()),
        })
    }

    /// True if somebody may have been waiting for the bytes.
    pub(super) fn fill_device(&mut self) -> Result<bool, Error> {
        let Some(device) = &mut self.device else { return Ok(false) };
        Ok(device.fill(&mut self.streams)?)
    }
}

/// Polls, again after each interruption.
pub(super) fn poll(polled: &mut [PollFd<'_>], limit: Option<Duration>) -> io::Result<()> {
    let limit = limit.map(|limit| Timespec { tv_sec: limit.as_secs() as i64, tv_nsec: limit.subsec_nanos().into() });
    loop {
        match rustix::event::poll(polled, limit.as_ref()) {
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
