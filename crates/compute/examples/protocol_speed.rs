//! Prints how many certified calls a second four executors and a gateway in one process answer to 64 clients, and how
//! long one call takes when nothing else happens.
//!
//! Links are in memory: what is measured is the protocol, its signatures and its disk writes, not HTTP.

#[path = "../tests/protocol/world.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "shared with the tests")]
mod world;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use vouch_compute::artifact::{self, ArtifactStore};
use vouch_compute::driver::{Driver, Loaded, RunInput};
use vouch_compute::lane::chain::ChainView;
use vouch_compute::program::Program;
use vouch_compute::wasm::{Compiler, Config, WasmDriver};
use world::{LANE, World, request};

const CLIENTS: usize = 64;
const MEASURE: Duration = Duration::from_secs(5);

fn load(folder: &Path, name: &str) -> Result<Arc<dyn Loaded>, Box<dyn std::error::Error>> {
    let bytes = wat::parse_file(Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/programs/{name}.wat")))?;
    let digest = artifact::digest(&bytes);
    let path = ArtifactStore::open(folder.join("artifacts"))?.put(digest, &bytes)?;
    let config = Config { compiler: Compiler::InProcess, ..Config::new(folder.join("cache")) };
    Ok(WasmDriver::new(config)?.load(&Program::command(digest), &path)?)
}

/// Calls a second of the driver alone, on all cores.
fn bare(loaded: &Arc<dyn Loaded>) -> f64 {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let start = Instant::now();
    let runs: u32 = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let input = RunInput { payload: b"abc", time: world::NOW, seed: Default::default() };
                    let mut runs = 0;
                    while start.elapsed() < Duration::from_secs(2) {
                        runs += u32::from(loaded.run(&input).is_ok());
                    }
                    runs
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or(0)).sum()
    });
    f64::from(runs) / start.elapsed().as_secs_f64()
}

fn cursor(world: &World) -> u64 {
    world.chain.lane(LANE).map_or(0, |lane| lane.cursor)
}

/// User and system time of this process.
fn cpu() -> Duration {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else { return Duration::ZERO };
    let seconds =
        |time: nix::sys::time::TimeVal| Duration::from_micros((time.tv_sec() * 1_000_000 + time.tv_usec()) as u64);
    seconds(usage.user_time()) + seconds(usage.system_time())
}

/// Certified calls a second, the CPU time of each in milliseconds, and calls per batch.
async fn certified(world: &World) -> (f64, f64, f64) {
    let nonce = AtomicU64::new(1 << 32);
    let (start, cpu_before) = (Instant::now(), cpu());
    let first = cursor(world);
    let client = || async {
        let mut calls = 0u32;
        while start.elapsed() < MEASURE {
            let nonce = nonce.fetch_add(1, Ordering::Relaxed);
            match world.gateway().call(request(nonce, b"abc")).await {
                Ok(_) => calls += 1,
                Err(error) => println!("call failed: {error}"),
            }
        }
        calls
    };
    let posting = async {
        let mut cursor = 0;
        while start.elapsed() < MEASURE + Duration::from_millis(200) {
            if let Ok(Some(work)) = world.gateway().unposted(LANE, cursor)
                && let Some(last) = work.headers.last()
            {
                cursor = last.sequence;
                world.chain.post(last);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let clients = futures::future::join_all((0..CLIENTS).map(|_| client()));
    let (calls, ()) = tokio::join!(clients, posting);
    let calls = f64::from(calls.iter().sum::<u32>());
    let batches = (cursor(world) - first).max(1) as f64;
    (calls / MEASURE.as_secs_f64(), (cpu() - cpu_before).as_secs_f64() * 1e3 / calls, calls / batches)
}

async fn idle(world: &World) -> Result<Duration, Box<dyn std::error::Error>> {
    let mut times = Vec::new();
    for nonce in 0..30 {
        let start = Instant::now();
        let receipt = world.gateway().call(request(nonce, b"abc")).await?;
        times.push(start.elapsed());
        world.chain.post(&receipt.certified.batch);
    }
    times.sort();
    Ok(times[times.len() / 2])
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    for name in std::env::args().skip(1).collect::<Vec<_>>() {
        let folder = std::env::temp_dir().join(format!("protocol-speed-{}-{name}", std::process::id()));
        let loaded = load(&folder, &name)?;
        let alone = bare(&loaded);
        let world = World::start_with(loaded).await;
        world.chain.change(|state| state.lane.window = 4_096);
        let latency = idle(&world).await?;
        let (rate, cpu_ms, per_batch) = certified(&world).await;
        let ratio = rate / (alone / 4.0);
        println!(
            "{name}: driver alone {alone:.0}/s, certified {rate:.0}/s, ratio to a quarter {ratio:.2}, idle p50 {latency:?}"
        );
        println!("  {cpu_ms:.2} ms of CPU a call, {per_batch:.0} calls a batch");
        std::fs::remove_dir_all(folder)?;
    }
    Ok(())
}
