//! Containers that live through many requests and answer them over a socket: what existing servers do.
//!
//! ```text
//!   executor                       supervisor                          container
//!   Service::call ── request ────> sets the clock, connects ─────────> 127.0.0.1:$PORT
//!                 <── answer ───── stops the clock, disconnects <───── answers
//! ```
//!
//! The supervisor connects from within the container's network namespace, which has a loopback interface and nothing
//! else: the host has no way in, and the program no way out. Each request has a connection of its own, and a container
//! answers one at a time.
//!
//! # Interfaces
//! - [`Interface::Http`]: a `POST /` with the payload as body and the headers `host: localhost`, `content-type:
//!   application/octet-stream`, `content-length`, `connection: close` and `vouch-time` (the request's time in Unix seconds). The
//!   body of a 200 is the output. It must say its own length, or come in chunks, so that a broken one is told from a whole
//!   one. Any other status is a trap.
//! - [`Interface::Performer`]: the gRPC service `eigenlayer.hourglass.v1.performer.PerformerService`, plain text
//!   (`proto/performer.proto`). `ExecuteTask` with the request's id (see [`task_id`]) and the payload; the `result` of its
//!   answer is the output, any status but OK a trap. Before that, once, `StartSync` with an empty payload.
//!
//! A container is **ready** when it accepts connections (`http`), or when `grpc.health.v1.Health` says that it serves and
//! `StartSync` has answered (`performer`; a service that a performer does not implement is passed over).
//!
//! # What a warm process sees
//! It starts at [`ServiceSettings::time`] with [`ServiceSettings::seed`]; at the start of each request wall clocks and random
//! bytes become the request's, and between requests time stands still (see [`crate::clock`]). Nothing else is the
//! request's own: memory, temporary files, generators that were seeded before, monotonic clocks and everything else stays
//! as the requests before have left it, and those differ between executors. **An answer over these interfaces therefore
//! can never be proven wrong by running the program again: it may be attested by a quorum, and nobody may be slashed
//! for it.** Programs whose answers are to be insured use the `command` interface ([`super::Prepared`]).
//!
//! # Lifecycle
//! Containers are started by the first call that needs one, at most [`ServiceSettings::containers_max`] of them, and stopped
//! when they have been idle for a while. One whose answer was not whole, that ended, or that hit a limit is stopped and
//! replaced at the next call, but only so often ([`ServiceSettings::restarts_max`]); then calls are refused until the
//! oldest restart is long enough ago.

use std::{sync::Arc, time::Duration};

use sha2::{Digest, Sha256};

use super::{Error, Failure, Input, Outcome, Runtime, Settings, check};
use crate::clock::Plan;

mod grpc;
mod http;
mod instance;
mod keeper;
mod performer;
mod seats;
mod wire;

pub(super) use keeper::{Keeper, Said};
pub(super) use wire::ServiceJob;

use seats::Seats;

/// The environment variable that tells a program where to listen.
const PORT: &str = "PORT";

/// How a program is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Interface {
    /// `POST /` over HTTP/1.1.
    Http,
    /// `ExecuteTask` of the Hourglass `PerformerService`.
    Performer,
}

/// How long containers live and what they start with. The settings of all executors must agree in `time`, `seed` and `port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceSettings {
    /// The time that a program sees while it starts, in Unix seconds.
    pub time: u64,
    /// The source of the randomness that it sees while it starts.
    pub seed: [u8; 32],
    /// Where it listens, given to it as `PORT`; of the container's own network, so that all may have the same.
    pub port: u16,
    /// Milliseconds of real time until it must be ready.
    pub ready_millis: u64,
    /// Milliseconds after which an idle container is stopped.
    pub idle_millis: u64,
    /// Containers at a time.
    pub containers_max: usize,
    /// Calls that wait for a container at a time; further ones are refused.
    pub queue_max: usize,
    /// Milliseconds that a call waits for a container at most.
    pub queue_millis: u64,
    /// Containers that may be replaced within [`ServiceSettings::restart_millis`].
    pub restarts_max: usize,
    /// For how many milliseconds a restart counts.
    pub restart_millis: u64,
}

impl Default for ServiceSettings {
    fn default() -> Self {
        Self {
            // 2025-01-01T00:00:00Z
            time: 1_735_689_600,
            seed: [0; 32],
            // Where performers listen unless told otherwise.
            port: 8_080,
            ready_millis: 60_000,
            idle_millis: 300_000,
            containers_max: 1,
            queue_max: 64,
            queue_millis: 30_000,
            restarts_max: 10,
            restart_millis: 60_000,
        }
    }
}

/// Why no container answered. Says nothing about the program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// Every container answers another request, and enough calls wait already or this one has waited for long enough.
    #[error("all {containers} containers of the program are busy; try again, or allow it more")]
    Busy {
        /// Containers of the program.
        containers: usize,
    },
    /// The program started but did not come to accept requests.
    #[error("the program was not ready to answer within {limit_ms} ms: {reason}; it has to listen on $PORT")]
    NotReady {
        /// The limit in milliseconds.
        limit_ms: u64,
        /// What the last attempt failed for, and the end of what it said.
        reason: String,
    },
    /// Containers of the program ended too often.
    #[error(
        "{restarts} containers of the program ended within {seconds} s, so no other is started until that time has passed; the last one ended because {reason}"
    )]
    Restarts {
        /// How many.
        restarts: usize,
        /// Within how long.
        seconds: u64,
        /// Why the last one ended.
        reason: String,
    },
}

/// A program that is kept running and asked again and again. Dropping it stops its containers.
#[derive(Debug)]
pub struct Service {
    seats: Seats,
}

impl Runtime {
    /// Checks the settings; nothing is started before the first call.
    pub fn service(
        &self,
        settings: Settings,
        interface: Interface,
        service: ServiceSettings,
    ) -> Result<Service, Error> {
        let mut settings = settings;
        settings.env.retain(|(name, _)| name != PORT);
        settings.env.push((PORT.to_owned(), service.port.to_string()));
        settings.validate()?;
        service.validate()?;
        let seats = Seats::new(self.clone(), Arc::new(settings), interface, service)
            .map_err(|error| Error::Setting { field: "containers_max", problem: format!("needs a thread: {error}") })?;
        Ok(Service { seats })
    }
}

impl Service {
    /// Answers one request. Blocks for as long as containers are busy, one starts and the program works, each with its
    /// limit. Several threads may call at a time.
    ///
    /// The answer may be attested only: it can rest on requests that other executors have not seen.
    pub fn call(&self, input: &Input<'_>) -> Result<Outcome, Failure> {
        self.seats.call(input)
    }
}

/// What a performer is told as its task's id: 32 bytes that any executor derives from the request alone, SHA-256 over the
/// text `vouch/task/1`, the request's seed, its time (8 bytes, most significant first) and the SHA-256 of its payload.
pub fn task_id(input: &Input<'_>) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"vouch/task/1");
    hash.update(input.seed);
    hash.update(input.time.to_be_bytes());
    hash.update(Sha256::digest(input.payload));
    hash.finalize().into()
}

impl ServiceSettings {
    fn validate(&self) -> Result<(), Error> {
        const DAY_MILLIS: u64 = 86_400_000;
        check("time", self.time <= Plan::TIME_MAX, || format!("is {}, can be at most {}", self.time, Plan::TIME_MAX))?;
        check("port", self.port != 0, || "is 0, must be from 1 to 65535".into())?;
        for (field, value) in [
            ("ready_millis", self.ready_millis),
            ("idle_millis", self.idle_millis),
            ("queue_millis", self.queue_millis),
            ("restart_millis", self.restart_millis),
        ] {
            check(field, (1..=DAY_MILLIS).contains(&value), || format!("is {value}, must be from 1 to {DAY_MILLIS}"))?;
        }
        for (field, value, min, max) in [
            ("containers_max", self.containers_max, 1, 256),
            ("queue_max", self.queue_max, 0, 65_536),
            ("restarts_max", self.restarts_max, 0, 65_536),
        ] {
            check(field, (min..=max).contains(&value), || format!("is {value}, must be from {min} to {max}"))?;
        }
        Ok(())
    }

    fn queue_time(&self) -> Duration {
        Duration::from_millis(self.queue_millis)
    }

    fn idle_time(&self) -> Duration {
        Duration::from_millis(self.idle_millis)
    }

    fn restart_time(&self) -> Duration {
        Duration::from_millis(self.restart_millis)
    }
}
