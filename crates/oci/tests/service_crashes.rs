//! Whoever of a kept container's processes is killed, nothing stays behind and the next request is answered.
#![cfg(target_arch = "x86_64")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use rustix::process::{Pid, Signal, kill_process};
use support::{
    Bench, groups_left, mounts_left, open,
    processes::{children, command, orphans, supervisors_over, until},
};
use vouch_oci::container::{Input, Interface, Runtime, Service, ServiceSettings};

/// Set for a process of this very program that plays the executor.
const STATE: &str = "VOUCH_OCI_TEST_STATE";
const IMAGE: &str = "VOUCH_OCI_TEST_IMAGE";
const ROUNDS: u64 = 20;
const SEED: u64 = 5;

fn open_service(runtime: &Runtime, image: &Path) -> Service {
    let service = ServiceSettings { restarts_max: 65_536, ..ServiceSettings::default() };
    runtime.service(support::server_settings(image, "serve"), Interface::Http, service).unwrap()
}

fn input(payload: &[u8]) -> Input<'_> {
    Input { payload, time: 0, seed: [0; 32] }
}

fn kill(process: u32) {
    // It may have ended since it was found.
    let _ended = kill_process(Pid::from_raw(process as i32).unwrap(), Signal::KILL);
}

/// Whether it is the program that [`support::config`] names.
fn is_supervisor(process: u32) -> bool {
    let program = std::fs::read_link(format!("/proc/{process}/exe"));
    program.is_ok_and(|program| program == Path::new(support::SUPERVISOR).canonicalize().unwrap())
}

/// First processes of containers that supervisors of this process watch over.
fn servers(executor: u32) -> Vec<u32> {
    let found = children(executor).into_iter().flat_map(children);
    found.filter(|process| command(*process) == "server").collect()
}

#[test]
fn nothing_survives_an_executor_that_is_killed() {
    let Some(Bench { state, image, .. }) = Bench::new() else { return };
    support::add_server(&image);
    println!("seed {SEED}");
    let mut random = StdRng::seed_from_u64(SEED);
    let said = tempfile::NamedTempFile::new().unwrap();
    for round in 0..ROUNDS {
        let mut executor = start_executor(state.path(), image.root.path(), &said);
        // In every second round while it starts, in the others while it answers or is idle.
        let (id, serves) = (executor.id(), round % 2 == 1);
        until(|| {
            // One that ended by itself would be waited for in vain.
            let ended = executor.try_wait().unwrap();
            assert!(ended.is_none(), "round {round}: the executor ended by itself: {ended:?}: {}", read(&said));
            if serves { !servers(id).is_empty() } else { !children(id).is_empty() }
        });
        thread::sleep(Duration::from_micros(random.gen_range(0..60_000)));
        executor.kill().unwrap();
        executor.wait().unwrap();
        until(|| supervisors_over(state.path()) == 0);
        until(|| orphans().is_empty());
        assert_eq!(groups_left(state.path()), Vec::<std::path::PathBuf>::new(), "round {round}");
    }
    assert_eq!(mounts_left(), Vec::<String>::new());
    let service = open_service(&open(state.path()), image.root.path());
    assert_eq!(service.call(&input(b"echo")).unwrap().output, b"echo");
}

#[test]
fn a_container_that_is_killed_is_replaced() {
    let Some(bench) = Bench::new() else { return };
    support::add_server(&bench.image);
    let (service, own) = (open_service(&bench.runtime, bench.image.root.path()), std::process::id());
    let answers = |payload: &[u8]| service.call(&input(payload)).is_ok_and(|outcome| !outcome.output.is_empty());
    // With a process of its own that nobody waits for.
    assert!(answers(b"orphan"));
    servers(own).into_iter().for_each(kill);
    until(|| answers(b"orphan"));
    // Not every child with a child of its own: the test beside this one has executors and compilers in this process.
    let supervisors = children(own).into_iter().filter(|child| is_supervisor(*child) && children(*child).len() == 1);
    let killed = supervisors.map(kill).count();
    assert_eq!(killed, 1, "one supervisor watches over one server");
    until(|| answers(b"orphan"));
    thread::scope(|scope| {
        let hanging = scope.spawn(|| service.call(&input(b"hang")).unwrap_err());
        until(|| !servers(own).is_empty());
        while !hanging.is_finished() {
            servers(own).into_iter().for_each(kill);
            thread::sleep(Duration::from_millis(20));
        }
        let failure = hanging.join().unwrap().to_string();
        assert!(failure.contains("signal from outside"), "{failure}");
    });
    until(|| answers(b"echo"));
    drop(service);
    assert_eq!(groups_left(bench.state.path()), Vec::<std::path::PathBuf>::new());
}

/// Not a test of its own: what [`start_executor`] starts.
#[test]
fn executor() {
    let (Some(state), Some(image)) = (std::env::var_os(STATE), std::env::var_os(IMAGE)) else { return };
    let service = open_service(&open(Path::new(&state)), Path::new(&image));
    loop {
        for payload in [&b"orphan"[..], b"echo", b"exit 1", b"echo", b"flood 5000000"] {
            let _ = service.call(&input(payload));
        }
    }
}

fn read(said: &tempfile::NamedTempFile) -> String {
    std::fs::read_to_string(said.path()).unwrap()
}

/// What it says goes into `said`.
fn start_executor(state: &Path, image: &Path, said: &tempfile::NamedTempFile) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "executor", "--nocapture"]).env(STATE, state).env(IMAGE, image);
    command.stdout(Stdio::null()).stderr(said.reopen().unwrap()).spawn().unwrap()
}
