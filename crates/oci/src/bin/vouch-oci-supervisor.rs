//! The supervisor as a program of its own, for this crate's tests; `vouch internal container` is the same.

use std::process::ExitCode;

#[cfg(target_arch = "x86_64")]
fn main() -> ExitCode {
    vouch_oci::child_main()
}

#[cfg(not(target_arch = "x86_64"))]
fn main() -> ExitCode {
    eprintln!("containers run on x86-64 only");
    ExitCode::FAILURE
}
