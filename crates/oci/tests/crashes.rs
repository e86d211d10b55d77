//! Whoever is killed, whenever: nothing stays behind, and the next container runs.
#![cfg(target_arch = "x86_64")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::{
    fs::{self, Permissions},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use rustix::process::{Pid, Signal, kill_process};
use support::{
    Bench, Image, groups_left, mounts_left, open,
    processes::{children, command, orphans, supervisors_over, until},
};
use vouch_oci::container::{Input, Status};

/// Set for a process of this very program that plays the executor.
const STATE: &str = "VOUCH_OCI_TEST_STATE";
const IMAGE: &str = "VOUCH_OCI_TEST_IMAGE";
const ROUNDS: u64 = 100;
const SEED: u64 = 4;

/// Who is killed in a round.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Victim {
    Executor,
    Supervisor,
    Program,
    /// Executor and supervisors, as fast as one can.
    All,
}

#[test]
fn nothing_survives_random_kills() {
    let Some(Bench { state, image, .. }) = Bench::new() else { return };
    println!("seed {SEED}");
    let mut random = StdRng::seed_from_u64(SEED);
    for round in 0..ROUNDS {
        let mut executor = start_executor(state.path(), &image);
        // From the start of the first supervisor until many containers have ended.
        until(|| !children(executor.id()).is_empty());
        thread::sleep(Duration::from_micros(random.gen_range(0..60_000)));
        let victim = [Victim::Executor, Victim::Supervisor, Victim::Program, Victim::All][round as usize % 4];
        strike(victim, &executor);
        if matches!(victim, Victim::Supervisor | Victim::Program) {
            // The executor goes on; it is ended at another moment.
            thread::sleep(Duration::from_micros(random.gen_range(0..20_000)));
        }
        executor.kill().unwrap();
        executor.wait().unwrap();
        until(|| supervisors_over(state.path()) == 0);
        assert_eq!(groups_left(state.path()), Vec::<std::path::PathBuf>::new(), "round {round}, {victim:?}");
        // One that had only just been started finds its executor gone by itself.
        until(|| orphans().is_empty());
    }
    assert_eq!(mounts_left(), Vec::<String>::new());
    let prepared = open(state.path()).prepare(image.settings(&["write", "2"])).unwrap();
    let outcome = prepared.run(&Input { payload: b"", time: 0, seed: [0; 32] }).unwrap();
    assert_eq!((outcome.status, outcome.output), (Status::Ok, b"xx".to_vec()));
}

fn strike(victim: Victim, executor: &Child) {
    let executor = executor.id();
    let supervisors = children(executor);
    let kill = |process: u32| {
        // It may have ended since it was found.
        let _ = kill_process(Pid::from_raw(process as i32).unwrap(), Signal::KILL);
    };
    match victim {
        Victim::Executor => kill(executor),
        Victim::Supervisor => supervisors.into_iter().take(1).for_each(kill),
        Victim::Program => supervisors.into_iter().flat_map(children).take(1).for_each(kill),
        Victim::All => [executor].into_iter().chain(supervisors).for_each(kill),
    }
}

#[test]
fn an_executor_outlives_its_supervisors() {
    let Some(bench) = Bench::new() else { return };
    thread::scope(|scope| {
        let run = scope.spawn(|| bench.run(&["sleep"], b""));
        let own = std::process::id();
        until(|| children(own).into_iter().flat_map(children).any(|process| command(process) == "program"));
        // Children may be another test's executors as well.
        let runs_program = |child: &u32| children(*child).into_iter().any(|process| command(process) == "program");
        for supervisor in children(own).into_iter().filter(runs_program) {
            kill_process(Pid::from_raw(supervisor as i32).unwrap(), Signal::KILL).unwrap();
        }
        let failure = run.join().unwrap().unwrap_err();
        assert!(failure.to_string().contains("its supervisor ended without a word"), "{failure}");
    });
    assert_eq!(groups_left(bench.state.path()), Vec::<std::path::PathBuf>::new());
    assert_eq!(bench.output(&["write", "1"], b""), "x");
}

#[test]
fn without_root_containers_are_refused_with_advice() {
    let Some(Bench { state, .. }) = Bench::new() else { return };
    // The folder of the build may be one that only root enters.
    let open_folder = tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir().unwrap();
    let program = open_folder.path().join("executor");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let mut command = test_of(&program, "unprivileged_executor", state.path());
    let output = command.uid(65_534).gid(65_534).stdout(Stdio::piped()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("user id 65534; run the executor as root"), "{text}");
}

/// Not a test of its own: what [`start_executor`] starts.
#[test]
fn executor() {
    let (Some(state), Some(image)) = (std::env::var_os(STATE), std::env::var_os(IMAGE)) else { return };
    let runtime = open(Path::new(&state));
    thread::scope(|scope| {
        for args in [&["write", "10"][..], &["linger"], &["bomb", "processes"], &["cat"]] {
            let prepared = runtime.prepare(support::settings(Path::new(&image), args)).unwrap();
            scope.spawn(move || {
                loop {
                    let _ = prepared.run(&Input { payload: &[1; 100_000], time: 0, seed: [0; 32] });
                }
            });
        }
    });
}

/// Not a test of its own either.
#[test]
fn unprivileged_executor() {
    let Some(state) = std::env::var_os(STATE) else { return };
    println!("{}", vouch_oci::container::Runtime::open(support::config(Path::new(&state))).unwrap_err());
}

fn start_executor(state: &Path, image: &Image) -> Child {
    let mut command = this_program("executor", state);
    command.env(IMAGE, image.root.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn this_program(test: &str, state: &Path) -> Command {
    test_of(&std::env::current_exe().unwrap(), test, state)
}

fn test_of(program: &Path, test: &str, state: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(["--exact", test, "--nocapture"]).env(STATE, state);
    command
}
