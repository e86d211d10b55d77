//! The request's time and randomness, as a container gets them.

use std::{fs, io, path::Path, sync::Arc};

use super::wire::Job;
use crate::clock::{self, Arrival, Device, Entrance, Peer, Plan, Supervisor, Tsc, entrance};

/// Both names of the device, in the supervisor's own `/dev`, from where they are bound into the container.
const DEVICES: [&str; 2] = ["/dev/random", "/dev/urandom"];
/// The most processors that a program may believe to have.
const CPUS_MAX: u64 = 64;

/// What is made before the container, and waits for its program.
pub(super) struct Clock {
    arrival: Arrival,
    device: Device,
    plan: Plan,
}

/// A clock that answers a program.
pub(super) struct Running(Supervisor);

impl Clock {
    /// Makes the seeded device and both ends of the way in.
    pub(super) fn make(job: &Job) -> io::Result<(Self, Entrance)> {
        let device = Device::create(Path::new(DEVICES[0]))?;
        fs::hard_link(DEVICES[0], DEVICES[1])?;
        let (mut entrance, arrival) = entrance(Tsc::default())?;
        if job.variation.random_addresses {
            entrance = entrance.with_random_addresses()?;
        }
        let cpus = job.cpus().clamp(1, CPUS_MAX) as u32;
        let plan = Plan { time: job.time, seed: job.seed, memory_bytes: job.limits.memory_bytes, cpus };
        Ok((Self { arrival, device, plan }, entrance))
    }

    /// Starts a thread, so that nothing may be forked from here on.
    pub(super) fn start(self) -> Result<Running, String> {
        let supervisor = Supervisor::attach(self.arrival, self.plan, Some(self.device));
        supervisor.map(Running).map_err(|error| super::supervisor::with_sources(&error))
    }
}

impl Running {
    /// Who talks with the program.
    pub(super) fn peer(&self) -> Arc<Peer> {
        self.0.peer()
    }

    /// Has time stand still until the next request.
    pub(super) fn pause(&self) -> Result<(), String> {
        self.0.pause().map_err(describe)
    }

    /// Begins a request.
    pub(super) fn begin(&self, time: u64, seed: [u8; 32]) -> Result<(), String> {
        self.0.begin(time, seed).map_err(describe)
    }

    /// To be called when the container's processes have ended. An error says that the run cannot be relied on.
    pub(super) fn finish(self) -> Result<(), String> {
        self.0.finish().map_err(describe)
    }
}

fn describe(error: clock::Error) -> String {
    format!("the request's clock: {}", super::supervisor::with_sources(&error))
}
