//! The supervisor as a program of its own, for this crate's tests; `vouch internal container` is the same.

use std::process::ExitCode;

fn main() -> ExitCode {
    vouch_oci::child_main()
}
