//! Runs a program under a request's clock: `cargo run -p vouch-oci --example same_clock -- TIME SEED PROGRAM [ARGUMENTS]`.
//! TIME is in Unix seconds, SEED a number below 256. The program has no input and its own namespaces.

#[cfg(target_arch = "x86_64")]
#[path = "../tests/clock/harness.rs"]
#[allow(clippy::unwrap_used, dead_code, reason = "an example, and it uses a part of the tests' harness")]
mod harness;

#[cfg(target_arch = "x86_64")]
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let parsed = match arguments.as_slice() {
        [time, seed, program, rest @ ..] => time.parse().ok().zip(seed.parse().ok()).map(|plan| (plan, program, rest)),
        _ => None,
    };
    let Some(((time, seed), program, rest)) = parsed else {
        eprintln!("usage: same_clock TIME SEED PROGRAM [ARGUMENTS]; TIME in Unix seconds, SEED from 0 to 255");
        std::process::exit(2);
    };
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    let plan = vouch_oci::clock::Plan { time, seed: [seed; 32], ..harness::PLAN };
    let run = harness::run(plan, harness::command(program, &rest));
    print!("{}", run.output);
    eprint!("{}", run.errors);
    eprintln!("took {:?}, status {}", run.took, run.status);
    if let Err(error) = run.supervision {
        eprintln!("the run cannot be relied on: {error}: {:?}", std::error::Error::source(&error));
        std::process::exit(1);
    }
    std::process::exit(run.status);
}

#[cfg(not(target_arch = "x86_64"))]
fn main() {}
