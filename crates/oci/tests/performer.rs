//! An Hourglass performer in Python, made from the published proto alone, runs unchanged. Needs what
//! `tests/interop/performer-python/prepare.sh` makes (`make interop` calls both).
#![cfg(target_arch = "x86_64")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::path::PathBuf;

use support::{Bench, groups_left};
use vouch_oci::container::{
    Failure, Input, Interface, Outcome, Service, ServiceSettings, Status,
    service::{Unavailable, task_id},
};

/// Names the folder that `prepare.sh` filled; set by `make interop`.
const FOLDER: &str = "VOUCH_PERFORMER_PYTHON";

struct Stage {
    bench: Bench,
    root: PathBuf,
}

impl Stage {
    fn new() -> Option<Self> {
        let root = std::env::var_os(FOLDER).map(|folder| PathBuf::from(folder).join("root"));
        let Some(root) = root.filter(|root| root.exists()) else {
            eprintln!("not run: {FOLDER} names no folder with a root; `make interop` makes one");
            return None;
        };
        Some(Self { bench: Bench::new()?, root })
    }

    fn open(&self, args: &[&str]) -> Service {
        let mut settings = support::settings(&self.root, &[]);
        settings.args =
            ["/usr/bin/python3.11", "/app/performer.py"].iter().chain(args).map(|&arg| arg.into()).collect();
        (settings.limits.memory_bytes, settings.user) = (256 << 20, 1_000);
        self.bench.runtime.service(settings, Interface::Performer, ServiceSettings::default()).unwrap()
    }
}

fn input(payload: &[u8]) -> Input<'_> {
    Input { payload, time: 2_000_000_000, seed: [7; 32] }
}

fn ask(service: &Service, payload: &str) -> Result<Outcome, Failure> {
    service.call(&input(payload.as_bytes()))
}

#[track_caller]
fn answer(service: &Service, payload: &str) -> Vec<u8> {
    let outcome = ask(service, payload).unwrap();
    assert_eq!(outcome.status, Status::Ok, "{payload}: {outcome:?}");
    outcome.output
}

#[test]
fn tasks_go_in_and_results_come_out() {
    let Some(stage) = Stage::new() else { return };
    // One that says by the health service when it is ready, and one that has none.
    for args in [&["--health"][..], &[]] {
        let service = stage.open(args);
        let mut payload = b"echo ".to_vec();
        for size in [5, 70_000, 1 << 20] {
            payload.resize(size, 1);
            let outcome = service.call(&input(&payload)).unwrap();
            assert!((outcome.status, &outcome.output[..]) == (Status::Ok, &payload[5..]), "{:?}", outcome.message);
        }
        assert_eq!(answer(&service, "state"), b"syncs 1 tasks 4");
        assert_eq!(answer(&service, "task"), task_id(&input(b"task")));
    }
    assert_eq!(groups_left(stage.bench.state.path()), Vec::<PathBuf>::new());
}

#[test]
fn time_and_randomness_are_each_requests_own() {
    let Some(stage) = Stage::new() else { return };
    let (first, second) = (stage.open(&[]), stage.open(&["--health"]));
    assert_eq!(answer(&first, "sleep 5"), b"slept 5");
    // gRPC's server sleeps by itself now and then while it takes a request, so the time is not the same to the millisecond.
    let moment = |service: &Service, seed| {
        let text =
            String::from_utf8(service.call(&Input { seed: [seed; 32], ..input(b"moment") }).unwrap().output).unwrap();
        let (time, random) = text.split_once(' ').unwrap();
        assert!((2_000_000_000.0..2_000_000_010.0).contains(&time.parse::<f64>().unwrap()), "{text}");
        random.to_owned()
    };
    let expected = moment(&first, 7);
    assert_eq!((&moment(&first, 7), &moment(&second, 7)), (&expected, &expected));
    assert_ne!(moment(&first, 8), expected);
}

#[test]
fn failures_are_told_apart() {
    let Some(stage) = Stage::new() else { return };
    let service = stage.open(&[]);
    for (payload, expected) in [
        ("nonsense", "gRPC status 3: no such task"),
        ("fail", "gRPC status 2: Exception calling application: of its own making"),
    ] {
        let outcome = ask(&service, payload).unwrap();
        assert_eq!((outcome.status, outcome.output), (Status::Trap, Vec::new()));
        assert!(outcome.message.as_ref().unwrap().contains(expected), "{:?}", outcome.message);
    }
    assert_eq!(answer(&service, "state"), b"syncs 1 tasks 3", "it went on");
    assert_eq!(answer(&service, "flood 1048576").len(), 1 << 20);
    for payload in ["flood 1048577", "flood 4000000"] {
        assert_eq!(ask(&service, payload).unwrap().status, Status::OutputTooLarge);
        assert_eq!(answer(&service, "state"), b"syncs 1 tasks 1");
    }
    let outcome = ask(&service, "die").unwrap();
    assert!(outcome.status == Status::Trap && outcome.message.unwrap().contains("exited with code 3"));
    assert_eq!(answer(&service, "echo again"), b"again");
}

#[test]
fn a_program_that_is_no_performer_never_becomes_ready() {
    let Some(stage) = Stage::new() else { return };
    let mut settings = support::settings(&stage.root, &[]);
    settings.args = ["/usr/bin/python3.11", "-m", "http.server", "8080"].map(Into::into).into();
    (settings.limits.memory_bytes, settings.cwd) = (256 << 20, "/tmp".into());
    let service = ServiceSettings { ready_millis: 5_000, ..ServiceSettings::default() };
    let service = stage.bench.runtime.service(settings, Interface::Performer, service).unwrap();
    let failure = ask(&service, "echo").unwrap_err();
    assert!(matches!(failure, Failure::Service(Unavailable::NotReady { limit_ms: 5_000, .. })), "{failure}");
}
