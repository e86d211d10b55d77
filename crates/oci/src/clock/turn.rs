//! Requests one after the other to the same processes: between two of them time stands still, and each brings its own.
//!
//! Whoever hands the requests over works in real time, and the programs must not see that: while it sends or reads,
//! they wait for it, however soundly they sleep. [`Peer`] tells the two apart.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags};

use super::memory::Memory;
use super::random::Streams;
use super::supervisor::{Engine, poll};
use super::window::{self, Clock, READS_PER_BLOCK};
use super::{Error, Plan};

/// How long the peer must have waited before the programs count as not waiting for it: with less, gRPC's server for
/// Python was seen to lose its turn while it polled. Why it polls for so long was not found out; the kernel may put an
/// acknowledgement off for 40 ms (`TCP_DELACK_MIN`), and this is longer. Only programs that sleep in a request pay it, once.
const SETTLED: Duration = Duration::from_millis(60);
/// How long an order may take: some reads of /proc.
const ORDER_TIMEOUT: Duration = Duration::from_secs(10);

/// Who talks with the programs from outside of them.
#[derive(Debug)]
pub struct Peer {
    start: Instant,
    /// Nanoseconds after `start` since which it waits, or one of the two values below.
    waiting_since: AtomicU64,
    connection: Mutex<Option<OwnedFd>>,
}

const NOBODY: u64 = u64::MAX;
const WORKING: u64 = u64::MAX - 1;

impl Peer {
    fn new() -> Self {
        Self { start: Instant::now(), waiting_since: AtomicU64::new(NOBODY), connection: Mutex::new(None) }
    }

    /// To be called when there is something to do for it, before it does it.
    pub fn works(&self) {
        self.waiting_since.store(WORKING, Ordering::SeqCst);
    }

    /// To be called when there is nothing left to do for it until something comes from outside.
    pub fn waits(&self) {
        let since = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(0);
        self.waiting_since.store(since, Ordering::SeqCst);
    }

    /// Says over which connection something may come for it. What came and is not read yet is work.
    pub fn talks_over(&self, connection: Option<OwnedFd>) {
        *self.connection.lock().unwrap_or_else(PoisonError::into_inner) = connection;
    }

    /// Whether nothing will come from it unless something is sent to it.
    fn is_waiting(&self) -> bool {
        // In this order: what arrives after the first look arrives because a program ran, which is noticed.
        !self.has_mail() && self.has_settled()
    }

    fn has_mail(&self) -> bool {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        connection.as_ref().is_some_and(|connection| {
            let mut polled = [PollFd::new(connection, PollFlags::IN)];
            // A connection that cannot be looked at has nothing to read.
            poll(&mut polled, Some(Duration::ZERO)).is_ok() && !polled[0].revents().is_empty()
        })
    }

    fn has_settled(&self) -> bool {
        match self.waiting_since.load(Ordering::SeqCst) {
            NOBODY => true,
            WORKING => false,
            since => self.start.elapsed() >= Duration::from_nanos(since) + SETTLED,
        }
    }
}

/// What the engine is told, and where it says that it is done.
#[derive(Debug)]
struct Order {
    what: What,
    done: SyncSender<()>,
}

#[derive(Debug)]
enum What {
    Pause,
    Begin { time: u64, seed: [u8; 32] },
}

/// The way to tell an engine when a request begins and when it is over.
#[derive(Debug)]
pub(super) struct Turns {
    orders: Sender<Order>,
    wake: OwnedFd,
    peer: Arc<Peer>,
}

/// The engine's end.
#[derive(Debug)]
pub(super) struct Orders {
    orders: Receiver<Order>,
    pub(super) wake: OwnedFd,
    peer: Arc<Peer>,
    paused: bool,
}

pub(super) fn turns() -> io::Result<(Turns, Orders)> {
    let wake = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
    let (sender, receiver) = channel();
    let peer = Arc::new(Peer::new());
    let orders = Orders { orders: receiver, wake: wake.try_clone()?, peer: Arc::clone(&peer), paused: false };
    Ok((Turns { orders: sender, wake, peer }, orders))
}

impl Turns {
    pub(super) fn peer(&self) -> Arc<Peer> {
        Arc::clone(&self.peer)
    }

    pub(super) fn pause(&self) -> Result<(), Error> {
        self.order(What::Pause)
    }

    pub(super) fn begin(&self, time: u64, seed: [u8; 32]) -> Result<(), Error> {
        if time > Plan::TIME_MAX {
            return Err(Error::Time(time));
        }
        self.order(What::Begin { time, seed })
    }

    fn order(&self, what: What) -> Result<(), Error> {
        let (done, is_done) = sync_channel(1);
        self.orders.send(Order { what, done }).map_err(|_| Error::Ended)?;
        rustix::io::write(&self.wake, &1_u64.to_ne_bytes()).map_err(io::Error::from)?;
        is_done.recv_timeout(ORDER_TIMEOUT).map_err(|_| Error::Ended)
    }
}

impl Orders {
    /// Whether time stands still whatever the programs do.
    pub(super) fn are_paused(&self) -> bool {
        self.paused
    }

    /// Whether the programs wait for nothing from outside.
    pub(super) fn let_time_pass(&self) -> bool {
        !self.paused && self.peer.is_waiting()
    }
}

impl Engine {
    /// Does what it was told.
    pub(super) fn obey(&mut self) -> Result<(), Error> {
        // Nothing there to read means that another order's reading has taken it along.
        let _taken = rustix::io::read(&self.orders.wake, &mut [0; 8]);
        while let Ok(Order { what, done }) = self.orders.orders.try_recv() {
            match what {
                What::Pause => self.orders.paused = true,
                What::Begin { time, seed } => self.begin(time, seed)?,
            }
            // Whoever gave the order may have given up.
            let _gone = done.send(());
        }
        Ok(())
    }

    /// All processes go on together, from the time of the one that is furthest on: monotonic clocks never go back.
    fn begin(&mut self, time: u64, seed: [u8; 32]) -> Result<(), Error> {
        let processes = self.root.as_ref().map(|(_, observer)| observer.processes()).unwrap_or_default();
        let memories: Vec<Memory> = processes.into_iter().filter_map(|process| Memory::of(process).ok()).collect();
        let elapsed_ns =
            memories.iter().filter_map(|memory| Clock::of(memory).ok()).map(|clock| clock.elapsed_ns).max();
        let elapsed_ns = elapsed_ns.unwrap_or(0);
        self.shown.set_time(time, elapsed_ns);
        let clock = Clock { elapsed_ns, reads_left: READS_PER_BLOCK };
        for memory in &memories {
            // One that has ended meanwhile, or that unmapped its window, has no clock.
            let _ended =
                clock.store(memory).and_then(|()| window::store_wall_origin(memory, self.shown.wall_origin_ns));
        }
        self.streams = Streams::new(seed);
        if let Some(device) = &mut self.device {
            device.empty()?;
        }
        self.fill_device()?;
        self.waits.renew_patience(Instant::now());
        self.orders.paused = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use super::*;

    fn until_waiting(peer: &Peer) {
        let start = Instant::now();
        while !peer.is_waiting() {
            assert!(start.elapsed() < Duration::from_secs(10));
        }
    }

    #[test]
    fn a_peer_with_something_to_read_or_to_do_is_waited_for() {
        let peer = Peer::new();
        assert!(peer.is_waiting(), "nobody is not waited for");
        peer.works();
        assert!(!peer.is_waiting());
        peer.waits();
        assert!(!peer.is_waiting(), "what it sent may be under way");
        until_waiting(&peer);
        let (mut theirs, ours) = UnixStream::pair().unwrap();
        peer.talks_over(Some(ours.try_clone().unwrap().into()));
        assert!(peer.is_waiting());
        theirs.write_all(b"answer").unwrap();
        assert!(!peer.is_waiting());
        peer.talks_over(None);
        assert!(peer.is_waiting());
    }

    #[test]
    fn an_order_to_an_engine_that_has_ended_fails() {
        let (turns, orders) = turns().unwrap();
        drop(orders);
        assert!(matches!(turns.pause(), Err(Error::Ended)));
        assert!(matches!(turns.begin(Plan::TIME_MAX + 1, [0; 32]), Err(Error::Time(_))));
    }
}
