//! Who may ask which container when: a bounded number of containers, a bounded queue, bounded restarts.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Instant,
};

use super::{
    Interface, ServiceSettings, Unavailable,
    instance::{Answered, Called, Instance, describe},
};
use crate::container::{Failure, Input, Runtime, Settings};

/// The containers of one service.
#[derive(Debug)]
pub(super) struct Seats {
    shared: Arc<Shared>,
    /// Stops idle containers.
    sweeper: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    runtime: Runtime,
    settings: Arc<Settings>,
    interface: Interface,
    service: ServiceSettings,
    state: Mutex<State>,
    /// Told when a seat is free, a container has become idle, or all is over.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The one that answered last comes first to the next call, so that others can be stopped.
    idle: Vec<Instance>,
    /// Calls that have a container, or start one.
    taken: usize,
    /// Calls that wait for that.
    waiting: usize,
    restarts: Restarts,
    is_over: bool,
}

/// Containers that ended, each for as long as it counts.
#[derive(Debug, Default)]
struct Restarts {
    times: VecDeque<Instant>,
    reason: String,
}

impl Seats {
    pub(super) fn new(
        runtime: Runtime,
        settings: Arc<Settings>,
        interface: Interface,
        service: ServiceSettings,
    ) -> io::Result<Self> {
        let (state, changed) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { runtime, settings, interface, service, state, changed });
        let theirs = Arc::clone(&shared);
        let sweeper = thread::Builder::new().name("idle containers".into()).spawn(move || theirs.sweep())?;
        Ok(Self { shared, sweeper: Some(sweeper) })
    }

    pub(super) fn call(&self, input: &Input<'_>) -> Answered {
        let Shared { settings, .. } = &*self.shared;
        let (bytes, max) = (input.payload.len() as u64, settings.limits.payload_bytes);
        if bytes > max {
            return Err(Failure::PayloadTooLarge { bytes, max });
        }
        let seat = Seat::take(&self.shared)?;
        loop {
            let instance = match seat.instance() {
                Ok(instance) => instance,
                Err(answered) => return answered,
            };
            match instance.call(settings, input) {
                Called::Kept(instance, outcome) => {
                    self.shared.lock().idle.push(*instance);
                    return Ok(outcome);
                }
                Called::Stopped(answered) => {
                    seat.count_restart(describe(&answered));
                    return answered;
                }
                // The next one is asked; how often is bounded as restarts are.
                Called::NotAsked(reason) => seat.count_restart(reason),
            }
        }
    }
}

impl Drop for Seats {
    fn drop(&mut self) {
        self.shared.lock().is_over = true;
        self.shared.changed.notify_all();
        if let Some(sweeper) = self.sweeper.take() {
            // It panics only if a container cannot be dropped, and then there is nothing left to do here.
            let _panicked = sweeper.join();
        }
    }
}

/// The right to have one container.
struct Seat<'a>(&'a Shared);

impl<'a> Seat<'a> {
    /// Waits until there is one, in a queue that is bounded in length and time.
    fn take(shared: &'a Shared) -> Result<Self, Failure> {
        let ServiceSettings { containers_max, queue_max, .. } = shared.service;
        let busy = || Failure::from(Unavailable::Busy { containers: containers_max });
        let mut state = shared.lock();
        if state.taken >= containers_max {
            if state.waiting >= queue_max {
                return Err(busy());
            }
            state.waiting += 1;
            let is_full = |state: &mut State| state.taken >= containers_max;
            let waited = shared.changed.wait_timeout_while(state, shared.service.queue_time(), is_full);
            let (after, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = after;
            state.waiting -= 1;
            if timeout.timed_out() {
                return Err(busy());
            }
        }
        state.taken += 1;
        Ok(Self(shared))
    }

    /// An idle container that is alive, or a new one.
    fn instance(&self) -> Result<Instance, Answered> {
        let Shared { runtime, settings, interface, service, .. } = self.0;
        loop {
            let Some(instance) = self.0.lock().idle.pop() else { break };
            if !instance.has_ended() {
                return Ok(instance);
            }
            self.count_restart(instance.reason(settings));
        }
        self.0.lock().restarts.check(service, Instant::now()).map_err(|refused| Err(refused.into()))?;
        let started = Instance::start(runtime, settings, *interface, service);
        started.inspect_err(|answered| self.count_restart(describe(answered)))
    }

    fn count_restart(&self, reason: String) {
        self.0.lock().restarts.count(reason, &self.0.service, Instant::now());
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.lock().taken -= 1;
        // The sweeper hears it as well, and has a new idle container to look after.
        self.0.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops containers that have been idle for too long; all of them at the end.
    fn sweep(&self) {
        let mut state = self.lock();
        loop {
            let (now, idle_time) = (Instant::now(), self.service.idle_time());
            let is_over = state.is_over;
            let stopped: Vec<Instance> =
                state.idle.extract_if(.., |instance| is_over || now - instance.since >= idle_time).collect();
            if !stopped.is_empty() {
                // Stopping takes time that calls need not wait for.
                drop(state);
                drop(stopped);
                state = self.lock();
                continue;
            }
            if is_over {
                return;
            }
            let oldest = state.idle.iter().map(|instance| instance.since).min();
            let wait = oldest.map_or(idle_time, |since| (since + idle_time).saturating_duration_since(now));
            state = self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Restarts {
    /// Counts one, and no more than matter.
    fn count(&mut self, reason: String, service: &ServiceSettings, now: Instant) {
        self.forget(service, now);
        self.times.push_back(now);
        self.times.truncate(service.restarts_max + 1);
        self.reason = reason;
    }

    /// Whether another container may be started.
    fn check(&mut self, service: &ServiceSettings, now: Instant) -> Result<(), Unavailable> {
        self.forget(service, now);
        if self.times.len() <= service.restarts_max {
            return Ok(());
        }
        Err(Unavailable::Restarts {
            restarts: self.times.len(),
            seconds: service.restart_time().as_secs(),
            reason: self.reason.clone(),
        })
    }

    fn forget(&mut self, service: &ServiceSettings, now: Instant) {
        while self.times.front().is_some_and(|time| now.saturating_duration_since(*time) >= service.restart_time()) {
            self.times.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn restarts_count_for_a_while() {
        let service = ServiceSettings { restarts_max: 2, restart_millis: 10_000, ..ServiceSettings::default() };
        let (mut restarts, start) = (Restarts::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        for seconds in [0, 1, 2] {
            restarts.check(&service, after(seconds)).unwrap();
            restarts.count(format!("reason {seconds}"), &service, after(seconds));
        }
        let refused = restarts.check(&service, after(9)).unwrap_err();
        assert_eq!(refused, Unavailable::Restarts { restarts: 3, seconds: 10, reason: "reason 2".into() });
        restarts.check(&service, after(10)).unwrap();
        restarts.count("again".into(), &service, after(10));
        assert!(restarts.check(&service, after(10)).is_err());
        restarts.check(&service, after(11)).unwrap();
    }
}
