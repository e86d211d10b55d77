//! Programs that take all they can get: each hits its own limit, and the next container runs as if nothing had happened.
#![cfg(target_arch = "x86_64")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use support::Bench;
use vouch_oci::{
    container::{Failure, Outcome, Settings, Status},
    limits::Limits,
};

/// What must come of a bomb.
enum Expected {
    /// The kernel had to kill for memory, which is a failure of the host.
    Memory,
    /// The program was told no, with these words, and ended by itself.
    Refused(&'static str),
    OutputTooLarge,
}
use Expected::{Memory, OutputTooLarge, Refused};

fn go_off(bench: &Bench, kind: &str, change: impl FnOnce(&mut Limits)) -> Result<Outcome, Failure> {
    bench.run_with(&["bomb", kind], b"", |settings: &mut Settings| {
        settings.limits.tmp_bytes = 4 << 20;
        settings.limits.processes = 32;
        change(&mut settings.limits);
    })
}

#[test]
fn bombs_hit_their_limit_and_nothing_else() {
    let Some(bench) = Bench::new() else { return };
    for (kind, expected) in [
        ("memory", Memory),
        ("child-memory", Memory),
        ("shared-memory", Memory),
        ("memory-file", Memory),
        ("sockets", Refused("Too many open files")),
        ("pipes", Refused("")),
        ("processes", Refused("Resource temporarily unavailable")),
        ("threads", Refused("Resource temporarily unavailable")),
        ("zombies", Refused("Resource temporarily unavailable")),
        ("files", Refused("No space left on device")),
        ("bytes", Refused("No space left on device")),
        ("shm-bytes", Refused("No space left on device")),
        ("dev-bytes", Refused("No space left on device")),
        ("descriptors", Refused("Too many open files")),
        ("errors", Refused("1000, then: ")),
        ("output", OutputTooLarge),
    ] {
        let ended = go_off(&bench, kind, |_| {});
        match (expected, &ended) {
            (Memory, Err(Failure::Memory { limit_bytes: 33_554_432 })) => {}
            (OutputTooLarge, Ok(outcome)) if outcome.status == Status::OutputTooLarge => {}
            (Refused(words), Ok(outcome)) if outcome.status == Status::Ok => {
                let text = String::from_utf8_lossy(&outcome.output);
                assert!(text.contains(words), "{kind}: {text}");
            }
            // Kernel memory may run out before a number does, which is as well: a refused process takes some until the
            // kernel has cleaned up after it.
            (Refused(_), Err(Failure::Memory { .. })) if ["sockets", "pipes", "processes"].contains(&kind) => {}
            _ => panic!("{kind}: {ended:?}"),
        }
        assert_eq!(bench.output(&["write", "3"], b""), "xxx", "after {kind}");
    }
}

#[test]
fn temporary_files_count_as_memory() {
    let Some(bench) = Bench::new() else { return };
    let ended = go_off(&bench, "bytes", |limits| limits.tmp_bytes = 1 << 30);
    assert!(matches!(ended, Err(Failure::Memory { .. })), "{ended:?}");
}

#[test]
fn refused_processes_are_counted() {
    let Some(bench) = Bench::new() else { return };
    let outcome = go_off(&bench, "zombies", |limits| limits.processes = 5).unwrap();
    assert!(outcome.usage.process_refusals > 0, "{outcome:?}");
    assert!(outcome.output.starts_with(b"4, then"), "{}", String::from_utf8_lossy(&outcome.output));
}
