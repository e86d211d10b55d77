use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use alloy_primitives::{B256, Bytes};
use serde_json::json;
use vouch_compute::driver::{Driver, HostFailure, LoadError, Outcome, RunInput};
use vouch_compute::oci::{self, OciDriver};
use vouch_compute::program::{Description, Kind};
use vouch_compute::wasm::{Config, WasmDriver};

use super::build::require_built;
use super::call::{Payload, print_output};
use super::project::Project;
use crate::command::receipt::status_name;
use crate::failure::{Failure, chain_of};
use crate::output::{Output, shell_word};

/// Compiled code lies beside the artifact that it comes from.
const CACHE_FOLDER: &str = "build/compiled";

#[derive(clap::Args)]
pub struct Arguments {
    /// The app's folder
    #[arg(default_value = ".", value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    payload: Payload,
    /// The time that the program sees, in Unix seconds (default: now)
    #[arg(long, value_name = "SECONDS")]
    time: Option<u64>,
    /// What the program's randomness comes from, 32 bytes in hexadecimal
    #[arg(long, value_name = "SEED", default_value_t = B256::ZERO)]
    seed: B256,
}

/// Runs the program in the sandbox that operators use, and says what they keep to themselves: why it trapped, and the fuel.
pub fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let project = Project::open(&arguments.folder)?;
    require_built(&project.folder, &project.description.artifact)?;
    require_pulled(&project.description)?;
    let driver = driver_of(&project).map_err(|error| load_failure(&error))?;
    let outcome = execute(driver.as_ref(), &project, arguments)?;
    show(&outcome, project.description.program.limits.fuel, output);
    Ok(())
}

/// Operators fetch an image from its registry by themselves; here it is fetched by command, and then run as it is.
fn require_pulled(description: &Description) -> Result<(), Failure> {
    let (folder, Some(reference)) = (&description.artifact, &description.reference) else { return Ok(()) };
    if folder.is_dir() {
        return Ok(());
    }
    let message = format!("the image is not here: {} does not exist", folder.display());
    Err(Failure::input(message, format!("vouch image pull {reference} --out {}", shell_word(folder))))
}

fn driver_of(project: &Project) -> Result<Box<dyn Driver>, LoadError> {
    Ok(match Kind::of(&project.description.program.runtime) {
        Kind::Wasm => Box::new(WasmDriver::new(config(&project.folder))?),
        Kind::Container => Box::new(container_driver(&project.folder)?),
    })
}

pub fn container_driver(folder: &Path) -> Result<OciDriver, LoadError> {
    let cache = folder.join(CACHE_FOLDER);
    OciDriver::new(&oci::Config::new(cache.join("images"), cache.join("containers")))
}

pub fn config(folder: &Path) -> Config {
    Config { sandboxes: 1, ..Config::new(folder.join(CACHE_FOLDER)) }
}

fn execute(driver: &dyn Driver, project: &Project, arguments: &Arguments) -> Result<Outcome, Failure> {
    let description = &project.description;
    let payload = arguments.payload.read()?;
    let loaded = driver.load(&description.program, &description.artifact).map_err(|error| load_failure(&error))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
    let input = RunInput { payload: &payload, time: arguments.time.unwrap_or(now), seed: arguments.seed };
    loaded.run(&input).map_err(|error| run_failure(&error))
}

fn show(outcome: &Outcome, fuel_limit: u64, output: &Output) {
    let status = status_name(outcome.status);
    if output.is_json() {
        let text = std::str::from_utf8(&outcome.output).ok();
        let view = json!({
            "status": status, "output": Bytes::copy_from_slice(&outcome.output), "text": text,
            "fuelUsed": outcome.fuel_used, "fuelLimit": fuel_limit, "message": outcome.message,
        });
        return output.data(&view, |_| String::new());
    }
    print_output(&outcome.output);
    output.say(format!("status     {status}"));
    if let Some(message) = &outcome.message {
        output.say(format!("because    {}", printable(message.trim_end())));
    }
    if fuel_limit > 0 {
        output.say(format!("fuel       {} of {fuel_limit}", outcome.fuel_used));
    }
    output.say("run here, by nobody else: nothing is certified");
}

/// A program words its own errors: nothing in them may drive the terminal.
pub fn printable(message: &str) -> String {
    message.replace(|letter: char| letter.is_control() && letter != '\n', "?")
}

pub fn load_failure(error: &LoadError) -> Failure {
    let message = chain_of(error);
    match error {
        LoadError::Compile(_) | LoadError::File { .. } | LoadError::Machine { .. } => {
            Failure::host(message, "`vouch doctor` checks this machine")
        }
        _ => Failure::input(message, "no operator could run it; correct the program or vouch.toml, and build it"),
    }
}

pub fn run_failure(error: &HostFailure) -> Failure {
    let message = chain_of(error);
    match error {
        HostFailure::PayloadTooLarge { .. } => {
            Failure::input(message, "send less, or raise payload-bytes in vouch.toml")
        }
        HostFailure::WallClock { .. } => Failure::input(message, "do less, or lower limits.fuel in vouch.toml"),
        _ => Failure::host(message, "free some memory and try again"),
    }
}

#[cfg(test)]
mod tests {
    use vouch_compute::wasm::Compiler;
    use vouch_core::Status;

    use super::super::build::{TEXT_FILE, build};
    use super::super::project::DESCRIPTION_FILE;
    use super::*;

    /// Runs the program `text` on "world" in a fresh folder.
    fn run_text(text: &str) -> Result<Outcome, Failure> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(DESCRIPTION_FILE), include_str!("templates/wat/vouch.toml")).unwrap();
        std::fs::write(folder.path().join(TEXT_FILE), text).unwrap();
        build(folder.path()).unwrap();
        let project = Project::open(folder.path())?;
        let compiler = Compiler::InProcess;
        let driver = WasmDriver::new(Config { compiler, ..config(folder.path()) }).unwrap();
        execute(&driver, &project, &arguments(folder.path()))
    }

    fn arguments(folder: &Path) -> Arguments {
        let payload = Payload { payload: Some("world".to_owned()), payload_file: None };
        Arguments { folder: folder.to_owned(), payload, time: Some(0), seed: B256::ZERO }
    }

    #[test]
    fn the_template_answers_as_it_does_on_a_cloud() {
        let outcome = run_text(include_str!("templates/wat/program.wat")).unwrap();
        assert_eq!((outcome.status, outcome.output.as_slice()), (Status::Ok, b"hello, world".as_slice()));
        assert!(outcome.fuel_used > 0);
    }

    #[test]
    fn a_trap_says_why() {
        let outcome =
            run_text("(module (memory (export \"memory\") 1) (func (export \"_start\") unreachable))").unwrap();
        assert_eq!(outcome.status, Status::Trap);
        assert!(outcome.message.unwrap().contains("unreachable"));
    }

    #[test]
    fn what_no_operator_could_run_is_refused() {
        assert!(run_text("(module (import \"env\" \"secret\" (func)))").is_err());
    }

    #[test]
    fn a_programs_error_does_not_drive_the_terminal() {
        assert_eq!(printable("two\nlines \u{1b}[2J"), "two\nlines ?[2J");
    }
}
