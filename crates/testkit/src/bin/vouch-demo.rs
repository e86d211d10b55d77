//! The whole story on one machine: see `vouch_testkit::demo`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Run a local cloud, let a program's certified answers move tokens, and slash an operator that lies.
#[derive(Parser)]
struct Arguments {
    /// Where summary.json and the cloud's folder go
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Leave the cloud running
    #[arg(long)]
    keep: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    vouch_testkit::prepare();
    let arguments = Arguments::parse();
    match vouch_testkit::demo::run(&arguments.out, arguments.keep).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
