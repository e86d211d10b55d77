//! Measures what docs/benchmarks.md shows: see `vouch_testkit::bench`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Measure speed, gas and memory against their baselines.
#[derive(Parser)]
struct Arguments {
    /// Where results.json goes
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Only this group: compute, oci, faults
    #[arg(long, value_name = "GROUP")]
    only: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    vouch_testkit::prepare();
    let arguments = Arguments::parse();
    match vouch_testkit::bench::run(&arguments.out, arguments.only.as_deref()).await {
        Ok(0) => ExitCode::SUCCESS,
        Ok(missed) => {
            // What was measured is a result, too; only a bench that could not measure has failed.
            eprintln!("{missed} targets were missed");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
