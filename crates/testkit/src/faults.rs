//! Real faults on real processes: a whole cloud under load while a seeded schedule kills, stops and cuts off its parts.
//!
//! Every link of a node passes through a proxy of this process, so that it can be cut without touching the machine's
//! network; the same schedules pull the cables of [`machines`](crate::machines). What must hold through all of it is in [`verdict`]: it is asked once everything is healed.

mod clients;
mod disk;
mod drill;
mod link;
mod schedule;
mod verdict;

pub use clients::{Clients, Outcome};
pub use drill::{Drill, GATEWAY, OPERATORS};
pub use link::Link;

pub use schedule::{Edge, Event, Fault, Schedule};
pub use verdict::Verdict;
