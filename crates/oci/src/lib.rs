//! Runs a program from an OCI image in an isolated, bounded container.

#![cfg(target_os = "linux")]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

// Replaces machine code, and knows that of x86-64 only.
#[cfg(target_arch = "x86_64")]
pub mod clock;
