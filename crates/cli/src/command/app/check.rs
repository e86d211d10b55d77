use std::path::PathBuf;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use alloy_primitives::B256;
use vouch_compute::driver::RunInput;
use vouch_compute::program::Kind;
use vouch_compute::wasm::{Config, WasmDriver};

use super::build::require_built;
use super::call::Payload;
use super::project::Project;
use super::run::{config, container_driver, load_failure, run_failure};
use crate::failure::Failure;
use crate::output::{Output, count};

mod compare;
mod examine;
mod report;
mod subject;
mod times;

use examine::{Subject, examine};
use report::{Checked, Report};
use times::TIME_MAX;

/// Programs that run at the same time: those under load, and one to spare.
const SANDBOXES: u32 = 4;
/// Payloads of one check.
const PAYLOADS_MAX: usize = 100;

#[derive(clap::Args)]
pub struct Arguments {
    /// The app's folder
    #[arg(default_value = ".", value_name = "DIR")]
    folder: PathBuf,
    /// What to ask, as text; can be given again. Without this and --payload-file, standard input
    #[arg(long, value_name = "TEXT")]
    payload: Vec<String>,
    /// What to ask, from a file; can be given again
    #[arg(long, value_name = "FILE")]
    payload_file: Vec<PathBuf>,
    /// The first time that the program sees, in Unix seconds (default: now); later ones follow
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=TIME_MAX))]
    time: Option<u64>,
    /// What the program's randomness comes from, 32 bytes in hexadecimal
    #[arg(long, value_name = "SEED", default_value_t = B256::ZERO)]
    seed: B256,
    /// How often to ask the very same
    #[arg(long, value_name = "NUMBER", default_value_t = 5, value_parser = clap::value_parser!(u32).range(2..=1_000))]
    runs: u32,
    /// Fail if the answer depends on the request's time in any way
    #[arg(long)]
    expect_time_independent: bool,
}

/// Runs the program as many hosts would, and fails if one of them would answer otherwise.
pub fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let started = Instant::now();
    let payloads = arguments.payloads()?;
    let project = Project::open(&arguments.folder)?;
    require_built(&project.folder, &project.description.artifact)?;
    let progress = output.progress(format!("checking {}", project.folder.display()));
    let checked = with_subject(&project, |subject| {
        let mut checked = Vec::new();
        for payload in payloads {
            progress.step(format!("payload {}: {}", checked.len() + 1, count(payload.len(), "byte")));
            let request = RunInput { payload: &payload, time: arguments.time(), seed: arguments.seed };
            let examination = examine(subject, &request, arguments.runs).map_err(|error| run_failure(&error))?;
            checked.push(Checked { time: request.time, seed: request.seed, payload, examination });
        }
        Ok(checked)
    })?;
    drop(progress);
    let report = Report { checked, expect_time_independent: arguments.expect_time_independent };
    output.data(&report.view(), |_| report.text());
    output.say(format!("{} in {:.1} s", count(report.runs() as usize, "run"), started.elapsed().as_secs_f64()));
    report.verdict()
}

/// Makes the ways to run a project's program, for as long as `work` takes.
fn with_subject<T>(project: &Project, work: impl FnOnce(&Subject<'_>) -> Result<T, Failure>) -> Result<T, Failure> {
    let failed = |error| load_failure(&error);
    match Kind::of(&project.description.program.runtime) {
        Kind::Container => {
            let driver = container_driver(&project.folder).map_err(failed)?;
            work(&subject::container(project, &driver).map_err(failed)?)
        }
        Kind::Wasm => {
            let empty = tempfile::tempdir().map_err(|error| {
                Failure::host(format!("no temporary folder can be made: {error}"), "free some disk and try again")
            })?;
            let usual = Config { sandboxes: SANDBOXES, ..config(&project.folder) };
            let fresh = Config { cache: empty.path().join("compiled"), ..usual.clone() };
            let [usual, fresh] = [WasmDriver::new(usual).map_err(failed)?, WasmDriver::new(fresh).map_err(failed)?];
            work(&subject::wasm(project, &usual, &fresh).map_err(failed)?)
        }
    }
}

impl Arguments {
    fn payloads(&self) -> Result<Vec<Vec<u8>>, Failure> {
        let texts = self.payload.iter().map(|text| Payload { payload: Some(text.clone()), payload_file: None });
        let files = self.payload_file.iter().map(|path| Payload { payload: None, payload_file: Some(path.clone()) });
        let mut payloads: Vec<Payload> = texts.chain(files).collect();
        if payloads.is_empty() {
            payloads.push(Payload { payload: None, payload_file: None });
        }
        if payloads.len() > PAYLOADS_MAX {
            let message = format!("there are {} payloads, at most {PAYLOADS_MAX} are checked at once", payloads.len());
            return Err(Failure::input(message, "check some of them first"));
        }
        payloads.iter().map(Payload::read).collect()
    }

    fn time(&self) -> u64 {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
        self.time.unwrap_or_else(now)
    }
}
