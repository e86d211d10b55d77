//! Compiling, apart: a hostile artifact may make the compiler use memory and time without bound, so it works in a child
//! process with limits, and what goes wrong there costs this process nothing.
//!
//! The child is told what to do by three environment variables and answers by the file it writes and its exit code; its
//! standard error is the message.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use alloy_primitives::B256;
use nix::sys::{
    prctl,
    resource::{Resource, setrlimit},
    signal::Signal,
};

use super::{engine, inspect, inspect::Shape, read_artifact};
use crate::driver::LoadError;

/// Address space the compiler may use.
const MEMORY_BYTES: u64 = 16 << 30;
/// Processor time the compiler may use, in seconds.
const CPU_SECONDS: u64 = 1_200;
/// Time the compiler may take.
const TIMEOUT: Duration = Duration::from_secs(600);
/// How often the parent looks whether the child has ended.
const POLL: Duration = Duration::from_millis(5);
/// Bytes of the child's message that are passed on.
const MESSAGE_BYTES_MAX: usize = 2_000;

const ARTIFACT: &str = "VOUCH_COMPILE_ARTIFACT";
const DIGEST: &str = "VOUCH_COMPILE_DIGEST";
const OUTPUT: &str = "VOUCH_COMPILE_OUTPUT";

/// The child's exit code for an artifact that is at fault itself.
const EXIT_ARTIFACT: u8 = 2;

/// Who compiles.
#[derive(Clone, Debug)]
pub enum Compiler {
    /// A child process: this program with these arguments must end up in [`compile_child_main`].
    Child {
        /// The executable.
        program: PathBuf,
        /// Its arguments.
        arguments: Vec<String>,
    },
    /// This very process, without limits: for tests, and for artifacts that one wrote oneself.
    InProcess,
}

impl Default for Compiler {
    /// The running executable, called as `internal compile-wasm`.
    fn default() -> Self {
        let program = env::current_exe().unwrap_or_else(|_| PathBuf::from("vouch"));
        Self::Child { program, arguments: vec!["internal".into(), "compile-wasm".into()] }
    }
}

/// What is to be compiled.
pub struct Job {
    /// The artifact's file.
    pub artifact: PathBuf,
    /// Its SHA-256, checked by whoever compiles.
    pub digest: B256,
}

impl Compiler {
    /// Writes the artifact's code to `output`.
    pub fn compile(&self, job: &Job, output: &Path) -> Result<(), LoadError> {
        match self {
            Self::InProcess => compile(job, output),
            Self::Child { program, arguments } => compile_in_child(program, arguments, job, output),
        }
    }
}

/// The child's side: compiles what the environment says, under limits, and answers by exit code.
pub fn compile_child_main() -> ExitCode {
    let result = limit_self().and_then(|()| compile(&job_from_environment()?, Path::new(&variable(OUTPUT)?)));
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    eprintln!("{error}");
    match error {
        LoadError::Artifact(_) => ExitCode::from(EXIT_ARTIFACT),
        _ => ExitCode::FAILURE,
    }
}

fn limit_self() -> Result<(), LoadError> {
    let failed = |error: nix::Error| LoadError::Compile(format!("cannot limit the compiler: {error}"));
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(failed)?;
    setrlimit(Resource::RLIMIT_AS, MEMORY_BYTES, MEMORY_BYTES).map_err(failed)?;
    setrlimit(Resource::RLIMIT_CPU, CPU_SECONDS, CPU_SECONDS).map_err(failed)?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0).map_err(failed)
}

fn job_from_environment() -> Result<Job, LoadError> {
    let digest = variable(DIGEST)?.to_string_lossy().parse::<B256>();
    Ok(Job {
        artifact: variable(ARTIFACT)?.into(),
        digest: digest.map_err(|error| LoadError::Compile(format!("{DIGEST} is not a digest: {error}")))?,
    })
}

fn variable(name: &str) -> Result<std::ffi::OsString, LoadError> {
    env::var_os(name).ok_or_else(|| LoadError::Compile(format!("{name} is not set; this command is for internal use")))
}

fn compile(job: &Job, output: &Path) -> Result<(), LoadError> {
    let bytes = read_artifact(&job.artifact, job.digest)?;
    let engine = engine::compiling()?;
    let code = match inspect::inspect(&bytes).map_err(LoadError::Artifact)?.shape {
        Shape::CliModule => engine.precompile_module(&bytes),
        Shape::CliComponent | Shape::CommandWorld => engine.precompile_component(&bytes),
    };
    let code = code.map_err(|error| LoadError::Artifact(format!("{error:#}")))?;
    fs::write(output, code).map_err(|source| LoadError::File { path: output.to_owned(), source })
}

fn compile_in_child(program: &Path, arguments: &[String], job: &Job, output: &Path) -> Result<(), LoadError> {
    let message = output.with_extension("message");
    let status = spawn(program, arguments, job, output, &message).and_then(|child| wait(child, program));
    let text = fs::read(&message).unwrap_or_default();
    let _ = fs::remove_file(&message);
    let status = status?;
    if status.success() && output.exists() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&text[..text.len().min(MESSAGE_BYTES_MAX)]).trim().to_owned();
    match status.code() {
        Some(code) if code == i32::from(EXIT_ARTIFACT) => Err(LoadError::Artifact(text)),
        Some(0) => Err(LoadError::Compile(format!("{} wrote no code; is it the right executable?", program.display()))),
        _ => Err(LoadError::Compile(format!("the compiler ended with {status}: {text}"))),
    }
}

fn spawn(program: &Path, arguments: &[String], job: &Job, output: &Path, message: &Path) -> Result<Child, LoadError> {
    let stderr = fs::File::create(message).map_err(|source| LoadError::File { path: message.to_owned(), source })?;
    Command::new(program)
        .args(arguments)
        .env_clear()
        .env(ARTIFACT, &job.artifact)
        .env(DIGEST, job.digest.to_string())
        .env(OUTPUT, output)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(stderr)
        .spawn()
        .map_err(|source| LoadError::File { path: program.to_owned(), source })
}

fn wait(mut child: Child, program: &Path) -> Result<ExitStatus, LoadError> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if Instant::now() < deadline => thread::sleep(POLL),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(LoadError::Compile(format!("it took longer than {} s", TIMEOUT.as_secs())));
            }
            Err(source) => {
                return Err(LoadError::File { path: program.to_owned(), source });
            }
        }
    }
}
