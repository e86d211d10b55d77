//! Every program of a tree sees the request's time, however it was started.

use std::os::unix::process::CommandExt;
use std::time::Duration;

use rustix::process::Pid;
use vouch_oci::clock::{Supervisor, Tsc, entrance, wait_for_end};

use crate::harness::{PLAN, Program, command, run};
use crate::reads::KINDS;

#[test]
fn every_way_to_start_a_program_is_prepared() {
    for kind in KINDS {
        let program = Program::build("execs", kind);
        for way in ["show", "thread", "memory", "vfork", "spawn", "untraced", "clone3"] {
            let shown = run(PLAN, program.command(&[way])).expect();
            assert!(shown.starts_with("2000000000.000000000 "), "{way}: {shown}");
            assert_eq!(shown.lines().count(), 1, "{way}: {shown}");
            assert_eq!(shown, run(PLAN, program.command(&[way])).expect(), "{way}");
        }
    }
}

#[test]
fn an_exec_that_fails_tells_why_and_the_caller_goes_on() {
    let shown = run(PLAN, Program::build("execs", &[]).command(&["failing"])).expect();
    assert!(shown.starts_with("-1 ENOENT, -1 EACCES\n2000000000.000000000 "), "{shown}");
}

#[test]
fn each_program_of_a_chain_gets_its_own_random_bytes() {
    let program = Program::build("execs", &["-static"]);
    let shown = run(PLAN, program.command(&["chain", "20"])).expect();
    let lines: std::collections::HashSet<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 21, "{shown}");
    assert!(lines.iter().all(|line| line.starts_with("2000000000.000000000 ")), "{shown}");
    assert_eq!(shown, run(PLAN, program.command(&["chain", "20"])).expect());
}

#[test]
fn programs_killed_at_any_point_harm_nothing() {
    assert_eq!(run(PLAN, Program::build("execs", &["-static"]).command(&["storm"])).expect(), "ok\n");
}

#[test]
fn scripts_of_scripts_see_the_time_go_on() {
    let script = "date +%s; sh -c 'date +%s; exec sh -c \"sleep 1000; date +%s\"'; date +%s; env -i /bin/date +%s";
    let shown = run(PLAN, command("sh", &["-c", script])).expect();
    assert_eq!(shown, "2000000000\n2000000000\n2000001000\n2000001000\n2000001000\n");
}

#[test]
fn a_script_file_is_a_program_too() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("script");
    std::fs::write(&path, "#!/bin/sh\ndate +%s\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(run(PLAN, command(&path, &[])).expect(), "2000000000\n");
}

#[test]
fn many_programs_at_once_are_all_prepared() {
    let script = "for i in 1 2 3 4 5 6 7 8; do (for j in 1 2 3 4 5; do date +%s.%N; done) & done; wait";
    let shown = run(PLAN, command("bash", &["-c", script])).expect();
    assert_eq!(shown, "2000000000.000000000\n".repeat(40));
}

/// Starts a program as a child of the supervisor's own process, without a process in between.
fn start_child(program: &Program, arguments: &[&str]) -> (std::process::Child, Supervisor) {
    let (entrance, arrival) = entrance(Tsc::Host).unwrap();
    let supervisor = Supervisor::attach(arrival, PLAN, None).unwrap();
    let mut command = program.command(arguments);
    command.stdout(std::process::Stdio::null());
    // SAFETY: what runs between fork and exec makes system calls only.
    unsafe { command.pre_exec(move || entrance.enter()) };
    (command.spawn().unwrap(), supervisor)
}

/// Nothing the supervisor does takes the program's end from whoever waits for it.
#[test]
fn a_child_of_the_supervisor_s_own_process_is_left_to_be_collected() {
    let program = Program::build("execs", &["-static"]);
    for arguments in [["chain", "5"], ["storm", ""], ["failing", ""]] {
        let (mut child, supervisor) = start_child(&program, &arguments);
        wait_for_end(Pid::from_child(&child)).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{arguments:?}");
        supervisor.finish().unwrap();
    }
}

#[test]
fn a_child_killed_at_any_point_of_an_exec_is_left_to_be_collected() {
    use std::os::unix::process::ExitStatusExt;
    let program = Program::build("execs", &["-static"]);
    for pause in 0..40 {
        let (mut child, supervisor) = start_child(&program, &["chain", "100000"]);
        // Spread over the some hundred microseconds that an exec takes.
        std::thread::sleep(Duration::from_micros(2000 + 37 * pause));
        child.kill().unwrap();
        wait_for_end(Pid::from_child(&child)).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
        supervisor.finish().unwrap();
    }
}
