//! Images as an adversary makes them: each is refused for its own reason and leaves nothing behind. Needs root, as
//! containers do, because files are given to the container's users.

#![allow(clippy::unwrap_used, reason = "tests")]

mod bench;
mod cache;
mod contents;
#[cfg(target_arch = "x86_64")]
mod debian;
#[path = "../../../../tests/fuzz/mod.rs"]
mod fuzz;
mod layers;
mod registry;
#[cfg(target_arch = "x86_64")]
#[path = "../support/mod.rs"]
mod support;
mod targets;
