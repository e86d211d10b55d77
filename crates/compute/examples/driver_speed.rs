//! Prints how many calls a second the WebAssembly driver answers on one thread, a fresh instance each.

use std::{path::Path, time::Instant};

use alloy_primitives::B256;
use vouch_compute::{
    artifact::{self, ArtifactStore},
    driver::{Driver, RunInput},
    program::Program,
    wasm::{Compiler, Config, WasmDriver},
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("driver-speed-{}", std::process::id()));
    let store = ArtifactStore::open(folder.join("artifacts"))?;
    let driver = WasmDriver::new(Config { compiler: Compiler::InProcess, ..Config::new(folder.join("cache")) })?;
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs");
    for (name, calls) in [("noop", 20_000), ("echo", 20_000), ("command_observe", 10_000), ("spin_1ms", 2_000)] {
        let bytes = wat::parse_file(programs.join(format!("{name}.wat")))?;
        let digest = artifact::digest(&bytes);
        let path = store.put(digest, &bytes)?;
        measure(name, calls, &*driver.load(&Program::command(digest), &path)?)?;
    }
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

fn measure(
    name: &str,
    calls: u32,
    loaded: &dyn vouch_compute::driver::Loaded,
) -> Result<(), Box<dyn std::error::Error>> {
    let input = RunInput { payload: &[7; 100], time: 1_800_000_000, seed: B256::ZERO };
    let first = loaded.run(&input)?;
    let start = Instant::now();
    for _ in 0..calls {
        loaded.run(&input)?;
    }
    let each = start.elapsed() / calls;
    println!(
        "{name}: {each:?} a call, {:.0} calls/s, {} fuel, {:?}",
        1.0 / each.as_secs_f64(),
        first.fuel_used,
        first.status
    );
    Ok(())
}
