//! What supervision costs, against the same program without it. `cargo bench -p vouch-oci --bench clock`.

#![allow(clippy::unwrap_used, reason = "a bench")]

#[cfg(target_arch = "x86_64")]
#[path = "../tests/clock/harness.rs"]
#[allow(clippy::unwrap_used, dead_code, reason = "a bench, and it uses a part of the tests' harness")]
mod harness;

#[cfg(target_arch = "x86_64")]
fn main() {
    use harness::{PLAN, Program, run};
    use std::time::Instant;

    let program = Program::build("costs", &["-static"]);
    // The program cannot see real time, so it is measured from outside; what starting it costs is taken off.
    let plain = |arguments: &[&str]| {
        let start = Instant::now();
        assert!(program.command(arguments).status().unwrap().success());
        start.elapsed()
    };
    let supervised = |arguments: &[&str]| {
        let run = run(PLAN, program.command(arguments));
        assert!(run.status == 0 && run.supervision.is_ok(), "{run:?}");
        run.took
    };
    let best = |measure: &dyn Fn(&[&str]) -> std::time::Duration, what: &str, times: u32| {
        let measure = |times: u32| (0..5).map(|_| measure(&[what, &times.to_string()])).min().unwrap();
        measure(times).saturating_sub(measure(0)).as_secs_f64() * 1e9 / f64::from(times)
    };
    println!("{:<34} {:>12} {:>12} {:>8}", "one of", "host, ns", "here, ns", "ratio");
    for (what, name, times) in [
        ("read", "clock_gettime (vDSO)", 20_000_000),
        ("call", "clock_gettime (system call)", 2_000),
        ("random", "getrandom, 16 bytes", 2_000),
        ("sleep", "nanosleep of 1 us", 1_000),
        ("exec", "vfork, exec of a static program", 200),
    ] {
        let (host, here) = (best(&plain, what, times), best(&supervised, what, times));
        println!("{name:<34} {host:>12.1} {here:>12.1} {:>8.2}", here / host);
        assert!(what != "read" || here <= 100.0, "a clock read costs {here} ns, more than the 100 ns promised");
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn main() {}
