//! Cases that every driver must pass. A driver's tests supply the programs ([`Case`] says what each does) and call
//! [`check_all`]; a case panics with what it saw when the driver is wrong.

use std::sync::Arc;

use alloy_primitives::B256;

use super::{HostFailure, Loaded, Outcome, RunInput, Status};
use crate::program::{Kind, Limits};

/// A program that a driver's tests must supply, in whatever form the driver runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Case {
    /// Answers its payload.
    Echo,
    /// Adds one to a byte of its memory, which starts at zero, and answers that byte.
    Count,
    /// Traps (an invalid instruction, an abort).
    Trap,
    /// Leaves with an error: a non-zero exit code or an error result.
    Fail,
    /// Never ends.
    Spin,
    /// Asks for memory, page by page of 64 KiB, until it gets no more; answers how many pages it then has, as u32 in little
    /// endian.
    Grow,
    /// Calls itself without end.
    Recurse,
    /// Answers the wall clock in Unix seconds (u64, little endian), then 16 bytes of randomness, then the monotonic
    /// clock in nanoseconds (u64, little endian).
    Observe,
}

/// Loads a case under limits.
pub type Load<'a> = &'a dyn Fn(Case, Limits) -> Arc<dyn Loaded>;

/// Limits that keep the cases quick.
pub fn limits() -> Limits {
    limits_of(Kind::Wasm)
}

/// Limits that keep the cases quick, for a kind of program.
pub fn limits_of(kind: Kind) -> Limits {
    let limits = Limits { payload_bytes: 100_000, output_bytes: 100_000, wall_millis: 60_000, ..Limits::of(kind) };
    match kind {
        Kind::Wasm => Limits { fuel: 200_000_000, memory_bytes: 16 << 20, ..limits },
        Kind::Container => Limits { pids: 16, memory_bytes: 64 << 20, ..limits },
    }
}

const TIME: u64 = 1_800_000_000;

/// Runs every case on a driver of programs that are metered by fuel: all that a program does is its outcome.
pub fn check_all(load: Load<'_>) {
    let limits = limits_of(Kind::Wasm);
    check_common(load, limits);
    the_stack_ends_at_the_same_depth(load, limits);
    an_endless_program_runs_out_of_fuel(load, limits);
    memory_grows_to_the_limit(load, limits);
    running_out_of_time_is_never_signed(load, Limits { fuel: 1_000_000_000_000, ..limits });
}

/// Runs every case on a driver of programs that end by time: to run out of memory or of time is the host's failure.
pub fn check_all_unmetered(load: Load<'_>) {
    let limits = limits_of(Kind::Container);
    check_common(load, limits);
    running_out_of_memory_is_never_signed(load, limits);
    running_out_of_time_is_never_signed(load, limits);
}

fn check_common(load: Load<'_>, limits: Limits) {
    echoes(load, limits);
    empty_and_maximal_payloads(load, limits);
    payload_above_the_limit_is_never_run(load, limits);
    output_at_and_above_the_limit(load, limits);
    every_request_gets_a_fresh_instance(load, limits);
    traps_and_errors_are_traps(load, limits);
    running_out_of_stack_is_a_trap(load, limits);
    clock_and_randomness_are_the_requests(load, limits);
    simultaneous_runs_agree(load, limits);
}

/// Runs a payload under a fixed time and seed.
pub fn run(loaded: &Arc<dyn Loaded>, payload: &[u8]) -> Result<Outcome, HostFailure> {
    loaded.run(&RunInput { payload, time: TIME, seed: B256::repeat_byte(7) })
}

fn outcome(loaded: &Arc<dyn Loaded>, payload: &[u8]) -> Outcome {
    run(loaded, payload).expect("a driver has an outcome for every payload within the limits")
}

fn expect_failed(outcome: &Outcome, status: Status) {
    assert_eq!(outcome.status, status, "{outcome:?}");
    assert!(outcome.output.is_empty(), "a failed run has no output");
}

fn echoes(load: Load<'_>, limits: Limits) {
    let echo = outcome(&load(Case::Echo, limits), b"hello");
    assert_eq!((echo.status, echo.output.as_slice()), (Status::Ok, b"hello".as_slice()), "{:?}", echo.message);
    assert_eq!(echo.fuel_used > 0, limits.fuel > 0, "what is metered says what it used");
}

fn empty_and_maximal_payloads(load: Load<'_>, limits: Limits) {
    let echo = load(Case::Echo, limits);
    assert_eq!(outcome(&echo, b"").output, b"");
    let payload = (0..100_000_u32).map(|i| i as u8).collect::<Vec<_>>();
    assert_eq!(outcome(&echo, &payload).output, payload);
}

fn payload_above_the_limit_is_never_run(load: Load<'_>, limits: Limits) {
    let failure = run(&load(Case::Echo, limits), &vec![0; 100_001]);
    assert!(matches!(failure, Err(HostFailure::PayloadTooLarge { bytes: 100_001, max: 100_000 })), "{failure:?}");
}

fn output_at_and_above_the_limit(load: Load<'_>, limits: Limits) {
    let echo = load(Case::Echo, Limits { output_bytes: 70_000, ..limits });
    assert_eq!(outcome(&echo, &vec![1; 70_000]).status, Status::Ok);
    expect_failed(&outcome(&echo, &vec![1; 70_001]), Status::OutputTooLarge);
    let silent = load(Case::Echo, Limits { output_bytes: 0, ..limits });
    assert_eq!(outcome(&silent, b"").status, Status::Ok);
    expect_failed(&outcome(&silent, b"x"), Status::OutputTooLarge);
}

fn every_request_gets_a_fresh_instance(load: Load<'_>, limits: Limits) {
    let count = load(Case::Count, limits);
    for _ in 0..3 {
        assert_eq!(outcome(&count, b"").output, [1]);
    }
}

fn traps_and_errors_are_traps(load: Load<'_>, limits: Limits) {
    for case in [Case::Trap, Case::Fail] {
        expect_failed(&outcome(&load(case, limits), b""), Status::Trap);
    }
}

fn running_out_of_stack_is_a_trap(load: Load<'_>, limits: Limits) {
    let recurse = load(Case::Recurse, limits);
    expect_failed(&outcome(&recurse, b""), Status::Trap);
}

fn the_stack_ends_at_the_same_depth(load: Load<'_>, limits: Limits) {
    let recurse = load(Case::Recurse, limits);
    let first = outcome(&recurse, b"");
    for _ in 0..5 {
        assert_eq!(
            outcome(&recurse, b"").fuel_used,
            first.fuel_used,
            "the stack must end at the same depth every time"
        );
    }
}

fn an_endless_program_runs_out_of_fuel(load: Load<'_>, limits: Limits) {
    expect_failed(&outcome(&load(Case::Spin, limits), b""), Status::OutOfFuel);
}

fn memory_grows_to_the_limit(load: Load<'_>, limits: Limits) {
    for megabytes in [4_u32, 16, 64] {
        let grow = load(Case::Grow, Limits { memory_bytes: u64::from(megabytes) << 20, ..limits });
        assert_eq!(outcome(&grow, b"").output, (megabytes * 16).to_le_bytes());
    }
}

fn clock_and_randomness_are_the_requests(load: Load<'_>, limits: Limits) {
    let observe = load(Case::Observe, limits);
    let at = |time, seed| observe.run(&RunInput { payload: b"", time, seed }).expect("within the limits").output;
    let (first, seed) = (at(TIME, B256::repeat_byte(7)), B256::repeat_byte(7));
    assert_eq!(first.len(), 32);
    assert_eq!(first[..8], TIME.to_le_bytes(), "the wall clock is the request's time");
    assert_eq!(at(TIME, seed), first, "the same request sees the same");
    let later = at(TIME + 1, seed);
    assert_eq!(later[..8], (TIME + 1).to_le_bytes());
    assert_eq!(later[8..], first[8..], "time changes neither randomness nor the monotonic clock");
    let other = at(TIME, B256::repeat_byte(8));
    assert_eq!((&other[..8], &other[24..]), (&first[..8], &first[24..]));
    assert_ne!(other[8..24], first[8..24], "the seed decides the randomness");
}

fn simultaneous_runs_agree(load: Load<'_>, limits: Limits) {
    let observe = load(Case::Observe, limits);
    let first = outcome(&observe, b"");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..50).for_each(|_| assert_eq!(outcome(&observe, b""), first)));
        }
    });
}

fn running_out_of_time_is_never_signed(load: Load<'_>, limits: Limits) {
    let spin = load(Case::Spin, Limits { wall_millis: 100, ..limits });
    let failure = run(&spin, b"");
    assert!(matches!(failure, Err(HostFailure::WallClock { limit_ms: 100 })), "{failure:?}");
}

fn running_out_of_memory_is_never_signed(load: Load<'_>, limits: Limits) {
    let failure = run(&load(Case::Grow, limits), b"");
    assert!(matches!(failure, Err(HostFailure::Resources(_))), "{failure:?}");
}
