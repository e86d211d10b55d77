//! Ways around the supervisor are closed, and what cannot be supervised does not run.

use std::os::unix::fs::PermissionsExt;

use vouch_oci::clock::{Error, ExecError, Tsc};

use crate::harness::{PLAN, Program, Running, command, run};
use crate::reads::KINDS;

#[test]
fn no_way_leads_to_the_host_s_clock() {
    for kind in KINDS {
        assert_eq!(run(PLAN, Program::build("escapes", kind).command(&[])).expect(), "tried 29\n");
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

#[test]
fn without_its_supervisor_a_program_can_start_nothing_and_read_no_clock() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    let script = "read line < $0; echo go on; date; python3 -c 1; echo end";
    let mut running = Running::start(PLAN, command("sh", &["-c", script, pipe.to_str().unwrap()]), Tsc::Host, None);
    // Opening the pipe waits for the program to open it, so that it has started by then.
    let writer = std::fs::File::options().write(true).open(&pipe).unwrap();
    running.stop();
    std::io::Write::write_all(&mut &writer, b"line\n").unwrap();
    let run = running.wait();
    assert_eq!(run.output, "go on\nend\n", "{run:?}");
    assert_eq!(run.errors.matches("Function not implemented").count(), 2, "{run:?}");
}
