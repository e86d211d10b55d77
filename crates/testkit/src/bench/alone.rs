//! The baseline: the same driver without a cloud around it, a fresh instance per call.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy_primitives::B256;
use anyhow::{Context, Result};
use vouch_compute::artifact::{self, ArtifactStore};
use vouch_compute::driver::{Driver, Loaded, RunInput};
use vouch_compute::program::Program;
use vouch_compute::wasm::{Compiler, Config, WasmDriver};

use crate::load::PAYLOAD;

const MEASURE: Duration = Duration::from_secs(3);
const LATENCY_CALLS: usize = 200;

/// What the driver does alone.
pub struct Speed {
    pub program: &'static str,
    /// Calls a second on all cores.
    pub calls_per_second: f64,
    /// The median of one call when nothing else runs.
    pub latency: Duration,
}

/// Writes a project folder per program under `folder`, and measures each.
pub fn measure(folder: &Path) -> Result<Vec<Speed>> {
    ["noop", "spin_1ms"].into_iter().map(|program| of(folder, program)).collect()
}

/// The project folder of a program, ready to deploy.
pub fn project(folder: &Path, program: &str) -> PathBuf {
    folder.join(program)
}

fn of(folder: &Path, program: &'static str) -> Result<Speed> {
    let loaded = load(&project(folder, program), program)?;
    Ok(Speed { program, calls_per_second: throughput(&loaded), latency: latency(&loaded)? })
}

fn load(project: &Path, program: &str) -> Result<Arc<dyn Loaded>> {
    let wasm = write_project(project, program)?;
    let digest = artifact::digest(&wasm);
    let path = ArtifactStore::open(project.join("artifacts"))?.put(digest, &wasm)?;
    let driver = WasmDriver::new(Config { compiler: Compiler::InProcess, ..Config::new(project.join("compiled")) })?;
    Ok(driver.load(&Program::command(digest), &path)?)
}

/// Writes the project folder of one of the driver's test programs; returns the program.
pub fn write_project(project: &Path, program: &str) -> Result<Vec<u8>> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../compute/tests/programs/{program}.wat"));
    let wasm = wat::parse_file(&source).with_context(|| source.display().to_string())?;
    std::fs::create_dir_all(project)?;
    std::fs::write(project.join("program.wasm"), &wasm)?;
    std::fs::write(project.join("vouch.toml"), "artifact = \"program.wasm\"\n")?;
    let _absent = std::fs::remove_file(project.join(".vouch-app.json"));
    Ok(wasm)
}

fn run(loaded: &dyn Loaded) -> bool {
    loaded.run(&RunInput { payload: PAYLOAD, time: 1_800_000_000, seed: B256::ZERO }).is_ok()
}

fn throughput(loaded: &Arc<dyn Loaded>) -> f64 {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let start = Instant::now();
    let worker = || {
        let mut runs = 0u32;
        while start.elapsed() < MEASURE {
            runs += u32::from(run(&**loaded));
        }
        runs
    };
    let runs: u32 = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or(0)).sum()
    });
    f64::from(runs) / start.elapsed().as_secs_f64()
}

fn latency(loaded: &Arc<dyn Loaded>) -> Result<Duration> {
    let mut times: Vec<_> = (0..LATENCY_CALLS)
        .map(|_| {
            let start = Instant::now();
            run(&**loaded).then(|| start.elapsed()).context("the program did not run")
        })
        .collect::<Result<_>>()?;
    times.sort_unstable();
    Ok(times[times.len() / 2])
}
