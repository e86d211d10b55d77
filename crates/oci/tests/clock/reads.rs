//! What programs read: the time, random bytes, and everything else that differs between runs.

use std::time::Duration;

use vouch_oci::clock::{Device, Error, Plan, Supervisor, Tsc, entrance};

use crate::harness::{PLAN, Program, TIME, command, run, run_with};

/// Static and dynamic programs: the one calls the vDSO by itself, the other through the loader.
pub const KINDS: [&[&str]; 2] = [&["-static"], &[]];

#[test]
fn everything_that_a_program_can_read_comes_from_the_request() {
    for kind in KINDS {
        let probe = Program::build("probe", kind);
        let first = run(PLAN, probe.command(&[])).expect();
        for clock in [0, 5, 8, 11] {
            let (now, resolution) = (format!("{TIME}.000000000"), "resolution 0 0.000000001");
            assert!(first.contains(&format!("clock {clock} 0 {now} direct 0 {now} {resolution}")), "{first}");
        }
        for line in [
            "clock 1 0 86400.000000000 direct 0 86400.000000000 resolution 0 0.000000001",
            "clock 2 0 0.000000000 direct 0 0.000000000",
            "clock 10 -1 0.000000000 direct -1 0.000000000 resolution -1",
            "own cpu clock 0.000000000",
            "gettimeofday 2000000000.000000 direct 2000000000.000000 zone 0",
            "time 2000000000 stored 2000000000 direct 2000000000",
            "vsyscall 2000000000",
            "times 8640000 user 0",
            "rusage 0.000000 0 0",
            "sysinfo 86400 0 1073741824 536870912 1 1",
            "cpus 0 1 first 1 set 0 other -1",
            "cpu 0 direct 0 0",
            "many 1048576, zero after 1",
            "refused 16 of 16",
        ] {
            assert!(first.contains(line), "{line}\nis not in\n{first}");
        }
        assert_eq!(first, run(PLAN, probe.command(&[])).expect());
    }
}

#[test]
fn another_seed_gives_other_bytes_at_the_same_time() {
    let probe = Program::build("probe", &["-static"]);
    let [first, second] = [PLAN, Plan { seed: [8; 32], ..PLAN }].map(|plan| run(plan, probe.command(&[])).expect());
    let (first, second): (Vec<&str>, Vec<&str>) = (first.lines().collect(), second.lines().collect());
    let differing: Vec<&str> = first
        .iter()
        .zip(&second)
        .filter(|(first, second)| first != second)
        .map(|(line, _)| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(differing, ["first", "second", "last", "AT_RANDOM"]);
}

#[test]
fn a_time_that_clocks_cannot_show_is_refused() {
    let attach = |time| {
        let (entrance, arrival) = entrance(Tsc::Host).unwrap();
        drop(entrance);
        Supervisor::attach(arrival, Plan { time, ..PLAN }, None).map(|supervisor| supervisor.finish())
    };
    assert!(matches!(attach(Plan::TIME_MAX + 1), Err(Error::Time(_))));
    assert!(matches!(attach(Plan::TIME_MAX), Ok(Err(Error::NobodyArrived))));
    let probe = Program::build("probe", &["-static"]);
    let shown = run(Plan { time: Plan::TIME_MAX, ..PLAN }, probe.command(&[])).expect();
    assert!(shown.contains("clock 0 0 9000000000.000000000 direct 0 9000000000.000000000"), "{shown}");
}

#[test]
fn threads_see_one_time_and_each_its_own_bytes() {
    for kind in KINDS {
        let threads = Program::build("threads", kind);
        let first = run(PLAN, threads.command(&[])).expect();
        assert!(first.lines().all(|line| line.ends_with(" 2000000000.000000000 0")), "{first}");
        let bytes: std::collections::HashSet<&str> = first.lines().map(|line| &line[..16]).collect();
        assert_eq!(bytes.len(), 8);
        for _ in 0..5 {
            assert_eq!(first, run(PLAN, threads.command(&[])).expect());
        }
    }
}

#[test]
fn python_sees_the_same_time_randomness_and_order_of_sets() {
    let Some(python) = python() else {
        println!("not tested: this machine has no python3");
        return;
    };
    let script = "import os, random, time, uuid, tempfile\n\
        print(time.time(), time.monotonic(), time.perf_counter(), time.process_time())\n\
        print(os.urandom(8).hex(), random.random(), uuid.uuid4(), tempfile.mktemp())\n\
        print({str(n) for n in range(20)}, hash('x'), id(object()) % 4096)\n\
        time.sleep(86400)\n\
        print(time.ctime())\n";
    let first = run(PLAN, command(&python, &["-c", script])).expect();
    assert!(first.starts_with("2000000000.0 86400.0 86400.0 0.0\n"), "{first}");
    assert!(first.ends_with("Thu May 19 03:33:20 2033\n"), "{first}");
    assert_eq!(first, run(PLAN, command(&python, &["-c", script])).expect());
    let other = run(Plan { seed: [8; 32], ..PLAN }, command(&python, &["-c", script])).expect();
    for (first, other) in first.lines().zip(other.lines()).skip(1).take(2) {
        assert_ne!(first, other);
    }
}

/// The interpreter itself: wrappers of version managers look for it anew in every run, with hundreds of programs.
fn python() -> Option<String> {
    let output = command("python3", &["-c", "import sys; print(sys.executable)"]).output().ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned()).filter(|path| !path.is_empty())
}

#[test]
fn the_random_devices_give_each_reader_new_bytes_and_each_run_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let read = |name: &str, seed: u8| {
        let path = folder.path().join(name);
        let device = Device::create(&path).unwrap();
        let script = "head -c 16 $0 | od -An -tx1; head -c 16 $0 | od -An -tx1; head -c 300000 $0 | cksum; \
            timeout 5 head -c 300000 $0 | cksum";
        let command = command("sh", &["-c", script, path.to_str().unwrap()]);
        run_with(Plan { seed: [seed; 32], ..PLAN }, command, Tsc::Host, Some(device)).expect()
    };
    let first = read("first", 7);
    assert_eq!(first, read("second", 7));
    let lines: std::collections::HashSet<&str> = first.lines().collect();
    assert_eq!(lines.len(), 4, "{first}");
    let other = read("other", 8);
    assert!(other.lines().all(|line| !lines.contains(line)), "{other}");
}

#[test]
fn the_cycle_counter_can_be_refused() {
    let program = Program::build("escapes", &["-static"]);
    let refused = run_with(PLAN, program.command(&["rdtsc"]), Tsc::Fault, None);
    assert_eq!((refused.status, refused.output.as_str()), (128 + libc::SIGSEGV, ""));
    assert_eq!(run_with(PLAN, program.command(&["rdtsc"]), Tsc::Host, None).expect(), "open: rdtsc\n");
    let probe = Program::build("probe", &["-static"]);
    run_with(PLAN, probe.command(&[]), Tsc::Fault, None).expect();
}

#[test]
fn a_supervisor_can_be_stopped_before_anybody_comes() {
    let (entrance, arrival) = entrance(Tsc::Host).unwrap();
    let supervisor = Supervisor::attach(arrival, PLAN, None).unwrap();
    let start = std::time::Instant::now();
    supervisor.stop().unwrap();
    assert!(start.elapsed() < Duration::from_secs(5));
    drop(entrance);
}
