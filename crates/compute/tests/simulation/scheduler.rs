//! One thread, many processes: tasks in an order that the seed decides, on a clock that only moves when nothing can run.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use vouch_compute::machine::{Abort, Tasks};

/// One life of a node; never used again after its end.
pub type Process = u64;
/// What is outside of every node: links, chain, clients, faults.
pub const WORLD: Process = 0;

/// The longest that blocking work waits for a thread.
const BLOCKING_WAIT_MAX_MS: u64 = 60;

#[derive(Clone)]
pub struct Scheduler {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    ready: Arc<Mutex<BTreeSet<u64>>>,
    /// Where the simulated clock begins; only differences to it mean anything.
    base: Instant,
}

struct State {
    now: Duration,
    next: u64,
    tasks: BTreeMap<u64, Slot>,
    timers: BTreeMap<(Duration, u64), Waker>,
    ended: BTreeSet<Process>,
    doomed: BTreeSet<Process>,
    random: ChaCha8Rng,
}

struct Slot {
    process: Process,
    /// None while it is being polled.
    task: Option<BoxFuture<'static, ()>>,
}

impl Scheduler {
    pub fn new(seed: u64) -> Self {
        let state = State {
            now: Duration::ZERO,
            next: 1,
            tasks: BTreeMap::new(),
            timers: BTreeMap::new(),
            ended: BTreeSet::new(),
            doomed: BTreeSet::new(),
            random: ChaCha8Rng::seed_from_u64(seed),
        };
        Self { shared: Arc::new(Shared { state: Mutex::new(state), ready: Arc::default(), base: Instant::now() }) }
    }

    /// Time since the start of the simulation.
    pub fn elapsed(&self) -> Duration {
        self.state(|state| state.now)
    }

    /// The one source of randomness.
    pub fn random<T>(&self, draw: impl FnOnce(&mut ChaCha8Rng) -> T) -> T {
        self.state(|state| draw(&mut state.random))
    }

    pub fn range(&self, range: std::ops::Range<u64>) -> u64 {
        self.random(|random| random.gen_range(range))
    }

    pub fn chance(&self, probability: f64) -> bool {
        self.random(|random| random.gen_bool(probability))
    }

    pub fn millis(&self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(self.range(range))
    }

    /// The tasks of one process.
    pub fn tasks(&self, process: Process) -> Arc<dyn Tasks> {
        Arc::new(ProcessTasks { scheduler: self.clone(), process })
    }

    pub fn spawn(&self, process: Process, task: impl Future<Output = ()> + Send + 'static) -> u64 {
        let id = self.state(|state| {
            let id = state.next;
            state.next += 1;
            if !state.ended.contains(&process) {
                state.tasks.insert(id, Slot { process, task: Some(Box::pin(task)) });
            }
            id
        });
        self.shared.ready.lock().unwrap().insert(id);
        id
    }

    pub fn sleep(&self, duration: Duration) -> Sleep {
        self.sleep_until(self.elapsed() + duration)
    }

    pub fn sleep_until(&self, at: Duration) -> Sleep {
        Sleep { scheduler: self.clone(), at, timer: None }
    }

    /// Ends a process as soon as what runs now has come to its next wait: nothing of it runs any more.
    pub fn doom(&self, process: Process) {
        self.state(|state| state.doomed.insert(process));
    }

    /// Ends a process now. Must not be called by itself.
    pub fn end(&self, process: Process) {
        let gone: Vec<Slot> = self.state(|state| {
            state.ended.insert(process);
            let ids: Vec<u64> =
                state.tasks.iter().filter(|(_, slot)| slot.process == process).map(|(id, _)| *id).collect();
            ids.into_iter().filter_map(|id| state.tasks.remove(&id)).collect()
        });
        drop(gone);
    }

    /// Ends everything.
    pub fn end_all(&self) {
        let gone = self.state(|state| (std::mem::take(&mut state.tasks), std::mem::take(&mut state.timers)));
        drop(gone);
    }

    pub fn has_ended(&self, process: Process) -> bool {
        self.state(|state| state.ended.contains(&process) || state.doomed.contains(&process))
    }

    /// Runs until `is_done` or `end`.
    pub fn run(&self, end: Duration, is_done: impl Fn() -> bool) {
        while !is_done() {
            match self.pick() {
                Some(id) => self.poll(id),
                None if self.advance(end) => {}
                None => return,
            }
        }
    }

    fn pick(&self) -> Option<u64> {
        let mut ready = self.shared.ready.lock().unwrap();
        if ready.is_empty() {
            return None;
        }
        let at = self.state(|state| state.random.gen_range(0..ready.len()));
        let id = ready.iter().nth(at).copied()?;
        ready.remove(&id);
        Some(id)
    }

    fn poll(&self, id: u64) {
        let task = self.state(|state| state.tasks.get_mut(&id).and_then(|slot| slot.task.take()));
        let Some(mut task) = task else { return };
        let waker = Waker::from(Arc::new(TaskWaker { id, ready: Arc::clone(&self.shared.ready) }));
        let is_over = task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        let left = self.state(|state| {
            if is_over {
                state.tasks.remove(&id);
                return Some(task);
            }
            match state.tasks.get_mut(&id) {
                Some(slot) => {
                    slot.task = Some(task);
                    None
                }
                None => Some(task),
            }
        });
        drop(left);
        for process in self.state(|state| std::mem::take(&mut state.doomed)) {
            self.end(process);
        }
    }

    fn advance(&self, end: Duration) -> bool {
        let due = self.state(|state| {
            let (at, _) = *state.timers.first_key_value()?.0;
            if at > end {
                state.now = end;
                return None;
            }
            state.now = state.now.max(at);
            let later = state.timers.split_off(&(at, u64::MAX));
            Some(std::mem::replace(&mut state.timers, later))
        });
        let Some(due) = due else { return false };
        due.into_values().for_each(Waker::wake);
        true
    }

    fn state<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.shared.state.lock().unwrap())
    }
}

/// Ends at its time.
pub struct Sleep {
    scheduler: Scheduler,
    at: Duration,
    timer: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let (at, timer) = (self.at, self.timer);
        let set = self.scheduler.state(|state| {
            if state.now >= at {
                return None;
            }
            let id = timer.unwrap_or(state.next);
            state.next += 1;
            state.timers.insert((at, id), context.waker().clone());
            Some(id)
        });
        self.timer = set;
        if set.is_some() { Poll::Pending } else { Poll::Ready(()) }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(timer) = self.timer {
            let gone = self.scheduler.state(|state| state.timers.remove(&(self.at, timer)));
            drop(gone);
        }
    }
}

struct TaskWaker {
    id: u64,
    ready: Arc<Mutex<BTreeSet<u64>>>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.ready.lock().unwrap().insert(self.id);
    }
}

/// What a process sees of the scheduler.
struct ProcessTasks {
    scheduler: Scheduler,
    process: Process,
}

impl Tasks for ProcessTasks {
    fn now(&self) -> Instant {
        self.scheduler.shared.base + self.scheduler.elapsed()
    }

    fn sleep_until(&self, moment: Instant) -> BoxFuture<'static, ()> {
        Box::pin(self.scheduler.sleep_until(moment.saturating_duration_since(self.scheduler.shared.base)))
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) -> Abort {
        let id = self.scheduler.spawn(self.process, task);
        let scheduler = self.scheduler.clone();
        Box::new(move || drop(scheduler.state(|state| state.tasks.remove(&id))))
    }

    /// The work begins a little later and is a step of its own: a process may end before it and after it.
    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        let wait = self.scheduler.random(|random| {
            let most = if random.gen_bool(0.8) { 3 } else { BLOCKING_WAIT_MAX_MS };
            Duration::from_millis(random.gen_range(0..most))
        });
        let sleep = self.scheduler.sleep(wait);
        self.scheduler.spawn(self.process, async move {
            sleep.await;
            work();
        });
    }
}
