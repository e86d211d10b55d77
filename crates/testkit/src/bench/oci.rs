//! Containers against their baselines: `runc`, WebAssembly, the host's own clock.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use alloy_primitives::B256;
use anyhow::{Context, Result, ensure};
use vouch_compute::driver::{Driver, Loaded, RunInput, Status};
use vouch_compute::oci::{self, OciDriver};
use vouch_compute::program::{Interface, Kind, Limits, Program};
use vouch_oci::image::{Process, pack};

use super::figures::{Figures, Target};
use super::{alone, runc};
use crate::cloud::vouch_binary;

/// How often a start is measured.
const STARTS: usize = 60;
/// Clock reads in one run; a run without any is taken off.
const CLOCK_READS: &str = "20000000";
/// Containers at one time.
const AT_ONCE: u64 = 100;
/// Thousandths of a processor for each of them, and rounds of work that then take some seconds.
const SHARE_MILLIS: u64 = 15;
const WORK_ROUNDS: &str = "60000000";
/// The large image.
const IMAGE_MIB: usize = 500;

/// The image of the benches' program, and the drivers that run it.
struct Bench {
    folder: PathBuf,
    program: PathBuf,
    digest: B256,
    driver: OciDriver,
}

/// Measures everything about containers; `folder` is replaced.
pub fn measure(folder: &Path, figures: &mut Figures) -> Result<()> {
    let bench = Bench::new(folder)?;
    starts(&bench, figures)?;
    clock(&bench, figures)?;
    memory(&bench, figures)?;
    large_image(&bench, figures)
}

impl Bench {
    fn new(folder: &Path) -> Result<Self> {
        if folder.exists() {
            std::fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        std::fs::create_dir_all(folder)?;
        let program = folder.join("container");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bench/programs/container.c");
        let built = Command::new("cc").args(["-static", "-O1", "-o"]).arg(&program).arg(source).status()?;
        ensure!(built.success(), "the benches' program cannot be compiled");
        let digest = image(&[(&program, "/container")], &folder.join("image"))?;
        let driver = driver(folder)?;
        Ok(Self { folder: folder.to_owned(), program, digest, driver })
    }

    fn load(&self, arguments: &[&str], limits: Limits) -> Result<Arc<dyn Loaded>> {
        Ok(self.driver.load(&program(self.digest, arguments, limits), &self.folder.join("image"))?)
    }
}

fn driver(folder: &Path) -> Result<OciDriver> {
    let mut config = oci::Config::new(folder.join("unpacked"), folder.join("state"));
    config.supervisor.0 = vouch_binary()?;
    Ok(OciDriver::new(&config)?)
}

fn image(files: &[(&Path, &str)], layout: &Path) -> Result<B256> {
    let process = Process {
        entrypoint: vec!["/container".into()],
        cmd: vec!["byte".into()],
        env: Vec::new(),
        cwd: "/".into(),
        user: String::new(),
    };
    let sources = files.iter().map(|(from, to)| pack::Source { from: from.to_path_buf(), to: to.into() });
    Ok(B256::new(pack::pack(&sources.collect::<Vec<_>>(), &process, layout)?.bytes()))
}

fn program(digest: B256, arguments: &[&str], limits: Limits) -> Program {
    let args = arguments.iter().map(|&argument| argument.to_owned()).collect();
    Program { runtime: oci::RUNTIME.to_owned(), args, limits, ..Program::command(digest) }
}

fn limits() -> Limits {
    Limits::of(Kind::Container)
}

/// Runs once; how long it took.
fn run(loaded: &dyn Loaded) -> Result<Duration> {
    let start = Instant::now();
    let outcome = loaded.run(&RunInput { payload: crate::load::PAYLOAD, time: 1_800_000_000, seed: B256::ZERO })?;
    let took = start.elapsed();
    ensure!(outcome.status == Status::Ok, "the program ended with {:?}", outcome.status);
    Ok(took)
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// A call from its start to its end, which is later than the first byte, against `runc`'s first byte.
fn starts(bench: &Bench, figures: &mut Figures) -> Result<()> {
    let loaded = bench.load(&["byte"], limits())?;
    let other = runc::Bundle::new(&bench.folder.join("bundle"), &bench.program, &limits());
    run(&*loaded)?;
    let (mut own, mut others) = (Vec::new(), Vec::new());
    // In turns, so that whatever else the machine does befalls both.
    for number in 0..STARTS {
        own.push(run(&*loaded)?);
        if let Ok(bundle) = &other {
            others.push(bundle.run(number)?);
        }
    }
    let own = median(own);
    match &other {
        Ok(_) => {
            let first = median(others.iter().map(|run| run.first_byte).collect());
            figures.ratio(
                "call of a container, to its end (runc: to its first byte)",
                millis(own),
                "ms",
                millis(first),
                Target::AtMost(1.0),
            );
            let end = median(others.iter().map(|run| run.end).collect());
            figures.ratio(
                "call of a container, to its end (runc: to its end)",
                millis(own),
                "ms",
                millis(end),
                Target::None,
            );
        }
        Err(reason) => {
            println!("not compared with runc: {reason:#}");
            figures.value("call of a container, to its end", millis(own), "ms", None, Target::None);
        }
    }
    let wasm = alone::measure(&bench.folder.join("wasm"))?;
    let noop = wasm.iter().find(|speed| speed.program == "noop").context("the no-op was not measured")?;
    let served = bench.driver.load(
        &Program { interface: Interface::Http, ..program(bench.digest, &["serve"], limits()) },
        &bench.folder.join("image"),
    )?;
    run(&*served)?;
    let served = median((0..STARTS).map(|_| run(&*served)).collect::<Result<_>>()?);
    figures.ratio(
        "call of a kept container over http (baseline: of a fresh one)",
        millis(served),
        "ms",
        millis(own),
        Target::None,
    );
    figures.ratio(
        "call of a container (baseline: of a WebAssembly program)",
        millis(own),
        "ms",
        millis(noop.latency),
        Target::None,
    );
    Ok(())
}

/// A program cannot see how long it takes, so it is measured from outside, without what starting it takes.
fn clock(bench: &Bench, figures: &mut Figures) -> Result<()> {
    let reads: f64 = CLOCK_READS.parse()?;
    let inside = |times: &str| -> Result<Duration> {
        let loaded = bench.load(&["clock", times], limits())?;
        (0..5).map(|_| run(&*loaded)).collect::<Result<Vec<_>>>().map(median)
    };
    let outside = |times: &str| -> Result<Duration> {
        let once = || -> Result<Duration> {
            let start = Instant::now();
            ensure!(Command::new(&bench.program).args(["clock", times]).output()?.status.success());
            Ok(start.elapsed())
        };
        (0..5).map(|_| once()).collect::<Result<Vec<_>>>().map(median)
    };
    let own = inside(CLOCK_READS)?.saturating_sub(inside("0")?).as_secs_f64() * 1e9 / reads;
    let host = outside(CLOCK_READS)?.saturating_sub(outside("0")?).as_secs_f64() * 1e9 / reads;
    figures.ratio("clock read in a container", own, "ns", host, Target::AtMost(3.0));
    Ok(())
}

/// What a container costs in memory, besides what its program uses: everything that the machine has less of.
fn memory(bench: &Bench, figures: &mut Figures) -> Result<()> {
    let limits = Limits { memory_bytes: 16 << 20, cpu_millis: SHARE_MILLIS, ..limits() };
    let loaded = bench.load(&["work", WORK_ROUNDS], limits)?;
    let before = available_kib()?;
    let done = AtomicBool::new(false);
    let least = std::thread::scope(|scope| -> Result<u64> {
        let runs: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(|| run(&*loaded))).collect();
        let watch = scope.spawn(|| {
            let mut least = u64::MAX;
            while !done.load(Ordering::Relaxed) {
                least = least.min(available_kib().unwrap_or(u64::MAX));
                std::thread::sleep(Duration::from_millis(20));
            }
            least
        });
        let ended: Vec<_> = runs.into_iter().map(|run| run.join()).collect();
        done.store(true, Ordering::Relaxed);
        for run in ended {
            run.map_err(|_| anyhow::anyhow!("a run panicked"))??;
        }
        watch.join().map_err(|_| anyhow::anyhow!("the watch panicked"))
    })?;
    let each = before.saturating_sub(least) as f64 / 1_024.0 / AT_ONCE as f64;
    figures.value("memory of a container, 100 at once", each, "MiB", None, Target::None);
    Ok(())
}

fn available_kib() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/meminfo")?;
    let line = text.lines().find(|line| line.starts_with("MemAvailable:")).context("no MemAvailable")?;
    Ok(line.split_whitespace().nth(1).context("no number")?.parse()?)
}

/// From a layout on this disk to the first answer: unpacked for the first time, and known already.
fn large_image(bench: &Bench, figures: &mut Figures) -> Result<()> {
    let ballast = bench.folder.join("ballast");
    write_ballast(&ballast)?;
    let layout = bench.folder.join("large");
    let digest = image(&[(&bench.program, "/container"), (&ballast, "/ballast")], &layout)?;
    std::fs::remove_file(&ballast)?;
    let first_answer = || -> Result<Duration> {
        let start = Instant::now();
        let loaded = driver(&bench.folder)?.load(&program(digest, &["byte"], limits()), &layout)?;
        run(&*loaded)?;
        Ok(start.elapsed())
    };
    let (cold, warm) = (first_answer()?, first_answer()?);
    figures.value("first answer of a 500 MB image, cold", millis(cold), "ms", None, Target::None);
    figures.ratio("first answer of a 500 MB image, warm", millis(warm), "ms", millis(cold), Target::None);
    Ok(std::fs::remove_dir_all(&bench.folder)?)
}

/// Bytes that do not compress.
fn write_ballast(path: &Path) -> Result<()> {
    let mut file = File::create(path)?;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut block = vec![0; 1 << 20];
    for _ in 0..IMAGE_MIB {
        for word in block.chunks_exact_mut(8) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            word.copy_from_slice(&state.to_le_bytes());
        }
        file.write_all(&block)?;
    }
    Ok(())
}
