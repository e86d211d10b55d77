//! Ways around the supervisor are closed, and what cannot be supervised does not run.

use std::os::unix::fs::PermissionsExt;

use vouch_oci::clock::{Error, ExecError};

use crate::harness::{PLAN, Program, command, run};
use crate::reads::KINDS;

#[test]
fn no_way_leads_to_the_host_s_clock() {
    for kind in KINDS {
        assert_eq!(run(PLAN, Program::build("escapes", kind).command(&[])).expect(), "tried 24\n");
    }
}

#[test]
fn calls_of_another_abi_kill_the_program() {
    let run = run(PLAN, Program::build("escapes", &["-static"]).command(&["int80"]));
    assert_eq!((run.status, run.output.as_str()), (128 + libc::SIGSYS, ""));
}

/// The smallest 32-bit program: one segment, `exit(42)`.
const PROGRAM_32: &[u8] = &[
    0x7f, b'E', b'L', b'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, // identification
    2, 0, 3, 0, 1, 0, 0, 0, 0x54, 0x80, 4, 8, 52, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 52, 0, 32, 0, 1, 0, 0, 0, 0, 0, 0,
    0, // header
    1, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 4, 8, 0, 0x80, 4, 8, 0x60, 0, 0, 0, 0x60, 0, 0, 0, 5, 0, 0, 0, 0, 0x10, 0,
    0, // segment
    0x31, 0xc0, 0x40, 0xb3, 42, 0xcd, 0x80, 0, 0, 0, 0, 0, // xor eax, eax; inc eax; mov bl, 42; int 0x80
];

#[test]
fn a_program_that_cannot_be_prepared_is_killed_and_the_run_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("program32");
    std::fs::write(&path, PROGRAM_32).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    if command(&path, &[]).status().map(|status| status.code()).ok().flatten() != Some(42) {
        println!("not tested: this kernel runs no 32-bit programs");
        return;
    }
    let run = run(PLAN, command("sh", &["-c", "$0; echo still here", path.to_str().unwrap()]));
    assert!(matches!(run.supervision, Err(Error::Exec(ExecError::NoVdso))), "{run:?}");
    assert_eq!((run.status, run.output.as_str()), (128 + libc::SIGKILL, ""));
}
