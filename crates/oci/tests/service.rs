//! Containers that are kept running: what their clients send and get, and what is left of them. Needs root, control groups
//! and a C compiler.
#![cfg(target_arch = "x86_64")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::{
    fs,
    net::TcpStream,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use support::{
    Bench, groups_left, mounts_left,
    processes::{supervisors_over, until},
};
use vouch_oci::container::{
    Failure, Input, Interface, Outcome, Service, ServiceSettings, Settings, Status, service::Unavailable,
};

const TIME: u64 = 2_000_000_000;

/// A bench with the server in its image.
struct Hall {
    bench: Bench,
}

impl Hall {
    fn new() -> Option<Self> {
        let bench = Bench::new()?;
        support::add_server(&bench.image);
        Some(Self { bench })
    }

    fn settings(&self, behaviour: &str) -> Settings {
        support::server_settings(self.bench.image.root.path(), behaviour)
    }

    fn open(&self, behaviour: &str) -> Service {
        self.open_with(behaviour, |_, _| {})
    }

    fn open_with(&self, behaviour: &str, change: impl FnOnce(&mut Settings, &mut ServiceSettings)) -> Service {
        let (mut settings, mut service) = (self.settings(behaviour), ServiceSettings::default());
        change(&mut settings, &mut service);
        self.bench.runtime.service(settings, Interface::Http, service).unwrap()
    }

    /// Nothing of any container is left.
    fn assert_clean(self) {
        assert_eq!(groups_left(self.bench.state.path()), Vec::<std::path::PathBuf>::new());
        assert_eq!(mounts_left(), Vec::<String>::new());
    }
}

fn ask(service: &Service, payload: &str) -> Result<Outcome, Failure> {
    service.call(&Input { payload: payload.as_bytes(), time: TIME, seed: [7; 32] })
}

#[track_caller]
fn answer(service: &Service, payload: &str) -> String {
    let outcome = ask(service, payload).unwrap();
    assert_eq!(outcome.status, Status::Ok, "{payload}: {outcome:?}");
    String::from_utf8(outcome.output).unwrap()
}

/// How many requests the process has had: a new one starts again.
fn requests(service: &Service) -> u64 {
    answer(service, "state").split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn payloads_go_in_and_come_out_of_one_process() {
    let Some(hall) = Hall::new() else { return };
    let service = hall.open("serve");
    let mut payload = b"echo ".to_vec();
    for size in [5, 6, 65_536, 1 << 20] {
        payload.resize(size, b'x');
        let outcome = service.call(&Input { payload: &payload, time: TIME, seed: [1; 32] }).unwrap();
        assert!((outcome.status, &outcome.output) == (Status::Ok, &payload), "{size} bytes: {:?}", outcome.message);
        assert!(outcome.usage.memory_peak_bytes > 0);
    }
    payload.push(b'x');
    let refused = service.call(&Input { payload: &payload, time: TIME, seed: [1; 32] }).unwrap_err();
    assert!(matches!(refused, Failure::PayloadTooLarge { bytes: 1_048_577, max: 1_048_576 }), "{refused}");
    assert_eq!(answer(&service, "chunks"), "abcde");
    assert_eq!(requests(&service), 6);
    drop(service);
    hall.assert_clean();
}

#[test]
fn a_request_says_what_is_documented() {
    let Some(hall) = Hall::new() else { return };
    let service = hall.open_with("serve", |settings, service| {
        settings.env.push(("PORT".into(), "1".into()));
        service.port = 9_999;
    });
    let head = answer(&service, "head").to_ascii_lowercase();
    let mut lines: Vec<&str> = head.lines().collect();
    lines[1..].sort_unstable();
    let expected = [
        "post / http/1.1",
        "connection: close",
        "content-length: 4",
        "content-type: application/octet-stream",
        "host: localhost",
        "vouch-time: 2000000000",
    ];
    assert_eq!(lines, expected);
    // It was started with the port, at the service's own time.
    let outcome = ask(&hall.open("serve"), "echo").unwrap();
    assert_eq!(outcome.message.unwrap(), "port 8080 at 1735689600");
}

#[test]
fn time_and_randomness_are_each_requests_own() {
    let Some(hall) = Hall::new() else { return };
    let (first, second) = (hall.open("serve"), hall.open("serve"));
    let seen = |service: &Service, time, seed| {
        let outcome = service.call(&Input { payload: b"moment", time, seed: [seed; 32] }).unwrap();
        String::from_utf8(outcome.output).unwrap()
    };
    let at = |time, seed| {
        // Another process that has seen other requests.
        assert_eq!(answer(&second, "sleep 100"), "slept 100");
        let (here, there) = (seen(&first, time, seed), seen(&second, time, seed));
        assert_eq!(here, there);
        assert!(here.starts_with(&format!("{time}.000000000 {time} ")), "{here}");
        here
    };
    let later = at(TIME, 1);
    assert_eq!(at(TIME, 1), later);
    assert_ne!(at(TIME, 2).split(' ').skip(2).collect::<Vec<_>>(), later.split(' ').skip(2).collect::<Vec<_>>());
    at(1_000_000_000, 1);
    at(0, 1);
    assert_eq!(answer(&first, "sleep 7"), "slept 7");
}

#[test]
fn between_requests_time_stands_still() {
    let Some(hall) = Hall::new() else { return };
    let service = hall.open("serve");
    let state = || {
        let text = answer(&service, "state");
        let fields: Vec<i64> = text.split(' ').filter_map(|field| field.parse().ok()).collect();
        (fields[1], fields[2])
    };
    let before = state();
    // Without it, the loop that waits for clients for half a second each time would go round thousands of times.
    thread::sleep(Duration::from_millis(300));
    assert_eq!(state(), before);
    answer(&service, "sleep 1000");
    assert_eq!(state().1, before.1 + 1000);
}

#[test]
fn how_fast_the_client_is_cannot_be_seen() {
    let Some(hall) = Hall::new() else { return };
    let service = hall.open("serve");
    let ticks = |text: String| text.split(' ').nth(3).unwrap().parse::<i64>().unwrap();
    let before = ticks(answer(&service, "state"));
    let mut payload = b"echo ".to_vec();
    payload.resize(1 << 20, b'x');
    for _ in 0..20 {
        service.call(&Input { payload: &payload, time: TIME, seed: [1; 32] }).unwrap();
    }
    assert_eq!(ticks(answer(&service, "state")), before);
}

#[test]
fn answers_that_are_none_are_traps_and_end_the_process_only_if_they_are_broken() {
    let Some(hall) = Hall::new() else { return };
    let service = hall.open("serve");
    for (payload, expected, goes_on) in [
        ("status 500", "answered with status 500", true),
        ("status 404", "answered with status 404", true),
        ("status 204", "answered with status 204", true),
        ("status 302", "answered with status 302", true),
        ("garbage", "did not answer", false),
        ("half", "did not answer", false),
        ("half-chunks", "did not answer", false),
        ("lengthless", "neither a content-length nor chunks", false),
        ("long-head", "did not answer", false),
        ("silence", "did not answer", false),
        ("exit 0", "exited with code 0 instead of serving", false),
        ("exit 3", "exited with code 3", false),
        ("crash", "killed by signal 11", false),
    ] {
        answer(&service, "echo");
        let before = requests(&service);
        let outcome = ask(&service, payload).unwrap();
        assert_eq!((outcome.status, outcome.output), (Status::Trap, Vec::new()), "{payload}");
        let message = outcome.message.unwrap();
        assert!(message.contains(expected), "{payload}: {message}");
        assert_eq!(requests(&service) > before, goes_on, "{payload}");
    }
    drop(service);
    hall.assert_clean();
}

#[test]
fn limits_end_the_process_and_say_which() {
    let Some(hall) = Hall::new() else { return };
    let service = hall.open_with("serve", |settings, _| {
        (settings.limits.output_bytes, settings.limits.wall_millis) = (100_000, 500);
    });
    assert_eq!(answer(&service, "flood 100000").len(), 100_000);
    let before = requests(&service);
    for payload in ["flood 100001", "flood 5000000"] {
        let outcome = ask(&service, payload).unwrap();
        assert_eq!((outcome.status, outcome.output.len()), (Status::OutputTooLarge, 0), "{:?}", outcome.message);
        assert_eq!(requests(&service), 1);
    }
    assert!(before > 1);
    let failure = ask(&service, "hang").unwrap_err();
    assert!(matches!(failure, Failure::WallClock { limit_ms: 500 }), "{failure}");
    drop(service);
    let service = hall.open("serve");
    for payload in ["bomb", "bomb-in-child"] {
        let failure = ask(&service, payload).unwrap_err();
        assert!(matches!(failure, Failure::Memory { limit_bytes: 33_554_432 }), "{payload}: {failure}");
        assert_eq!(requests(&service), 1);
    }
    drop(service);
    hall.assert_clean();
}

#[test]
fn a_program_that_answers_with_its_last_breath_has_answered() {
    let Some(hall) = Hall::new() else { return };
    for _ in 0..5 {
        assert_eq!(answer(&hall.open("serve"), "last-words"), "last words");
    }
}

#[test]
fn a_request_that_the_program_never_saw_goes_to_the_next_container() {
    let Some(hall) = Hall::new() else { return };
    let service = hall.open("serve");
    for _ in 0..3 {
        assert_eq!(answer(&service, "deafen"), "gone deaf");
        assert_eq!(requests(&service), 1);
    }
}

#[test]
fn programs_that_do_not_come_to_serve_are_told_apart() {
    let Some(hall) = Hall::new() else { return };
    let outcome = ask(&hall.open("leave"), "echo").unwrap();
    assert_eq!(outcome.status, Status::Trap);
    let message = outcome.message.unwrap();
    assert!(message.contains("exited with code 3") && message.contains("it said: nothing to do here"), "{message}");
    let failure = ask(&hall.open_with("deaf", |_, service| service.ready_millis = 300), "echo").unwrap_err();
    let is_it = |failure: &Failure| matches!(failure, Failure::Service(Unavailable::NotReady { limit_ms: 300, .. }));
    assert!(is_it(&failure) && failure.to_string().contains("refused"), "{failure}");
    let outcome = ask(&hall.open_with("serve", |settings, _| settings.args[0] = "/nothing".into()), "echo").unwrap();
    assert!(outcome.message.unwrap().contains("no program `/nothing`"));
    // An hour of its own time is over at once, and either address will do.
    for behaviour in ["late", "six"] {
        assert_eq!(answer(&hall.open(behaviour), "echo"), "echo");
    }
    hall.assert_clean();
}

#[test]
fn restarts_are_bounded_and_the_reason_is_told() {
    let Some(hall) = Hall::new() else { return };
    let service = hall.open_with("serve", |_, service| service.restarts_max = 2);
    for _ in 0..3 {
        assert_eq!(ask(&service, "exit 5").unwrap().status, Status::Trap);
    }
    let failure = ask(&service, "echo").unwrap_err();
    assert!(matches!(failure, Failure::Service(Unavailable::Restarts { restarts: 3, seconds: 60, .. })), "{failure}");
    assert!(failure.to_string().contains("exited with code 5"), "{failure}");
    drop(service);
    let service = hall.open_with("serve", |_, service| (service.restarts_max, service.restart_millis) = (0, 300));
    assert_eq!(ask(&service, "exit 5").unwrap().status, Status::Trap);
    assert!(ask(&service, "echo").is_err());
    until(|| ask(&service, "echo").is_ok());
}

#[test]
fn one_request_at_a_time_and_a_bounded_queue() {
    let Some(hall) = Hall::new() else { return };
    let service = hall.open_with("serve", |settings, service| {
        settings.limits.wall_millis = 2_000;
        (service.queue_max, service.queue_millis) = (1, 20_000);
    });
    assert_eq!(answer(&service, "echo"), "echo");
    let (hung, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| match ask(&service, "hang").unwrap_err() {
                Failure::WallClock { .. } => hung.fetch_add(1, Ordering::SeqCst),
                Failure::Service(Unavailable::Busy { containers: 1 }) => refused.fetch_add(1, Ordering::SeqCst),
                failure => panic!("{failure}"),
            });
        }
    });
    // One has the container and one waits for it.
    assert_eq!((hung.into_inner(), refused.into_inner()), (2, 4));
    let impatient = hall.open_with("serve", |settings, service| {
        settings.limits.wall_millis = 2_000;
        service.queue_millis = 50;
    });
    answer(&impatient, "echo");
    thread::scope(|scope| {
        let calls: Vec<_> = (0..2).map(|_| scope.spawn(|| ask(&impatient, "hang").unwrap_err())).collect();
        let failures: Vec<Failure> = calls.into_iter().map(|call| call.join().unwrap()).collect();
        let busy = |failure: &&Failure| matches!(failure, Failure::Service(Unavailable::Busy { .. }));
        assert_eq!(failures.iter().filter(busy).count(), 1, "{failures:?}");
    });
}

#[test]
fn a_pool_answers_as_many_at_a_time_as_it_has_containers() {
    let Some(hall) = Hall::new() else { return };
    let service = hall.open_with("serve", |settings, service| {
        settings.limits.wall_millis = 3_000;
        service.containers_max = 2;
    });
    thread::scope(|scope| {
        let start = Instant::now();
        let hanging = scope.spawn(|| ask(&service, "hang"));
        for _ in 0..3 {
            answer(&service, "echo");
        }
        assert!(start.elapsed() < Duration::from_secs(3), "the calls waited for the one that hangs");
        assert!(matches!(hanging.join().unwrap(), Err(Failure::WallClock { .. })));
    });
    drop(service);
    hall.assert_clean();
}

#[test]
fn idle_containers_are_stopped_and_started_again() {
    let Some(hall) = Hall::new() else { return };
    let service = hall.open_with("serve", |_, service| (service.idle_millis, service.restarts_max) = (100, 0));
    for _ in 0..2 {
        assert_eq!(requests(&service), 1);
        until(|| supervisors_over(hall.bench.state.path()) == 0);
    }
    drop(service);
    hall.assert_clean();
}

#[test]
fn a_talkative_program_goes_on_and_only_its_last_words_are_kept() {
    let Some(hall) = Hall::new() else { return };
    let service = hall.open("serve");
    for _ in 0..2 {
        let outcome = ask(&service, "talk").unwrap();
        assert_eq!(outcome.output, b"talked");
        let message = outcome.message.unwrap();
        assert!(message.ends_with("9999 words that nobody wants to hear") && message.len() <= 4_096, "{message}");
    }
}

#[test]
fn nothing_is_reachable_from_outside_nor_outside_from_inside() {
    let Some(hall) = Hall::new() else { return };
    let host = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = host.local_addr().unwrap().port();
    // Nobody else on this host has this port while the test runs: it was free, and the container's is another network's.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let service = hall.open_with("serve", |_, service| service.port = free);
    assert_eq!(answer(&service, &format!("connect 127.0.0.1 {free}")), "connected", "it reaches itself");
    for address in ["127.0.0.1", "0.0.0.0", "127.0.0.2"] {
        assert!(TcpStream::connect((address, free)).is_err(), "the host reaches the container at {address}");
    }
    assert!(!listening_ports().contains(&free));
    assert_eq!(answer(&service, &format!("connect 127.0.0.1 {port}")), "Connection refused");
    for address in ["169.254.169.254", "10.0.0.1", "1.1.1.1", "192.168.0.1"] {
        assert_eq!(answer(&service, &format!("connect {address} 80")), "Network is unreachable");
    }
}

/// Ports on which anybody in this network namespace listens.
fn listening_ports() -> Vec<u16> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
    let lines = tables.iter().flat_map(|table| table.lines());
    let listening = lines.filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        (*fields.get(3)? == "0A").then(|| u16::from_str_radix(fields[1].rsplit_once(':')?.1, 16).ok())?
    });
    listening.collect()
}

#[test]
fn settings_out_of_bounds_are_refused() {
    let Some(hall) = Hall::new() else { return };
    for (change, field) in [
        ((|service| service.port = 0) as fn(&mut ServiceSettings), "`port`"),
        (|service| service.time = u64::MAX, "`time`"),
        (|service| service.ready_millis = 0, "`ready_millis`"),
        (|service| service.idle_millis = u64::MAX, "`idle_millis`"),
        (|service| service.containers_max = 0, "`containers_max`"),
        (|service| service.queue_max = usize::MAX, "`queue_max`"),
    ] {
        let mut service = ServiceSettings::default();
        change(&mut service);
        let error = hall.bench.runtime.service(hall.settings("serve"), Interface::Http, service).unwrap_err();
        assert!(error.to_string().contains(field), "{error}");
    }
}
