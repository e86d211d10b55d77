//! The WebAssembly driver: every input has exactly one certifiable leaf.
//!
//! An artifact is inspected ([`inspect`]), compiled once in a child process ([`compile`]), kept by its digest and the
//! engine's settings ([`cache`]) and mapped into memory by every executor of the machine. Each request gets a fresh
//! instance ([`run`]) whose fuel, memory, clock and randomness ([`state`]) depend on the program and the request alone.
//!
//! A program's own doing (a trap, no fuel left, too long an answer) is an outcome; a machine that lacks memory or time is a
//! host failure. What cannot be told apart is a host failure while an instance is set up, where only the machine can go
//! wrong in unforeseen ways, and a trap once the program runs.

use std::{fs, io::Read, path::Path, path::PathBuf, sync::Arc, thread, time::Duration};

use alloy_primitives::B256;
use wasmtime::Engine;

use crate::{
    artifact,
    driver::{Driver, LoadError, Loaded},
    program::{self, Interface, Program},
};

mod cache;
mod compile;
mod engine;
mod inspect;
mod preview1;
mod preview2;
mod run;
mod state;

pub use compile::{Compiler, compile_child_main};
pub use inspect::{Inspected, Shape, inspect};

/// The runtime id of this driver: engine line, compilation target (x86-64-v2) and version of the engine's settings.
pub const RUNTIME: &str = program::WASM_RUNTIME;

/// What a program finds as its own name, its zeroth argument.
const PROGRAM_NAME: &str = "program";

/// How often the engine looks at the time, in milliseconds; wall-clock limits are exact to this.
const TICK_MS: u64 = 20;

/// Settings of a [`WasmDriver`]; none of them changes a result.
#[derive(Clone, Debug)]
pub struct Config {
    /// Folder for compiled code, private to this user; shared by all executors of a machine.
    pub cache: PathBuf,
    /// Programs that can run at the same time; further ones are host failures, so bound the callers by it.
    pub sandboxes: u32,
    /// Who compiles.
    pub compiler: Compiler,
}

impl Config {
    /// Compiles in a child process of the running executable and runs up to 64 programs at once.
    pub fn new(cache: impl Into<PathBuf>) -> Self {
        Self { cache: cache.into(), sandboxes: 64, compiler: Compiler::default() }
    }
}

/// Runs programs of [`RUNTIME`].
pub struct WasmDriver {
    engine: Engine,
    cache: cache::Cache,
    compiler: Compiler,
}

impl WasmDriver {
    /// Sets up the engine; fails on a machine that cannot run [`RUNTIME`].
    pub fn new(config: Config) -> Result<Self, LoadError> {
        let engine = engine::running(config.sandboxes)?;
        start_ticking(&engine);
        let cache = cache::Cache::open(&config.cache, engine::settings_hash(&engine))?;
        Ok(Self { engine, cache, compiler: config.compiler })
    }
}

impl Driver for WasmDriver {
    fn runtimes(&self) -> Vec<String> {
        vec![RUNTIME.to_owned()]
    }

    fn load(&self, program: &Program, artifact: &Path) -> Result<Arc<dyn Loaded>, LoadError> {
        if program.runtime != RUNTIME {
            return Err(LoadError::Runtime { wanted: program.runtime.clone(), offered: RUNTIME.to_owned() });
        }
        if program.interface != Interface::Command {
            return Err(LoadError::Interface(program.interface.name().to_owned()));
        }
        program.validate()?;
        let inspected =
            inspect::inspect(&read_artifact(artifact, program.artifact_digest)?).map_err(LoadError::Artifact)?;
        if inspected.initial_memory_bytes > program.limits.memory_bytes {
            let (needs, has) = (inspected.initial_memory_bytes, program.limits.memory_bytes);
            return Err(LoadError::Artifact(format!(
                "it starts with {needs} bytes of memory, limits.memory-bytes is {has}"
            )));
        }
        let job = compile::Job { artifact: artifact.to_owned(), digest: program.artifact_digest };
        let code = self.cache.get(program.artifact_digest, |output| self.compiler.compile(&job, output))?;
        Ok(Arc::new(run::LoadedWasm::new(&self.engine, program, inspected.shape, &code)?))
    }
}

/// Reads an artifact whole and checks its digest.
fn read_artifact(path: &Path, expected: B256) -> Result<Vec<u8>, LoadError> {
    let file_error = |source| LoadError::File { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(file_error)?;
    file.take(artifact::BYTES_MAX + 1).read_to_end(&mut bytes).map_err(file_error)?;
    if bytes.len() as u64 > artifact::BYTES_MAX {
        return Err(LoadError::Artifact(format!("it is larger than {} bytes", artifact::BYTES_MAX)));
    }
    let actual = artifact::digest(&bytes);
    if actual != expected { Err(LoadError::Digest { expected, actual }) } else { Ok(bytes) }
}

/// Advances the engine's epoch for as long as the engine lives.
fn start_ticking(engine: &Engine) {
    let engine = engine.weak();
    thread::spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(Duration::from_millis(TICK_MS));
        }
    });
}
