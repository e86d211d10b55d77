//! Programs under the request's clock: what they see, what their waits do, and that nothing gets around it.

#![cfg(target_arch = "x86_64")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod escapes;
mod execs;
mod harness;
mod reads;
mod waits;
