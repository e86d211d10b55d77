//! Programs under the request's clock: what they see, and that nothing gets around it.

#![cfg(target_arch = "x86_64")]

mod harness;

use harness::{PLAN, Program, TIME, command, run};
use vouch_oci::clock::Plan;

const KINDS: [&[&str]; 2] = [&["-static"], &[]];

#[test]
fn everything_that_a_program_can_read_comes_from_the_request() {
    for kind in KINDS {
        let probe = Program::build("probe", kind);
        let first = run(PLAN, probe.command(&[])).expect();
        println!("{first}");
        assert_eq!(first, run(PLAN, probe.command(&[])).expect());
    }
}

#[test]
fn shell() {
    let first = run(PLAN, command("sh", &["-c", "date +%s.%N; date +%s.%N; sleep 3600; date +%s.%N"]));
    println!("{first:?}");
}
