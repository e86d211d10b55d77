//! The real gateway and executors under a seeded simulator: see `docs/simulation.md`.
//!
//! - `VOUCH_SIM_SEEDS=10000`: how many seeds to run (200 if not set), from `VOUCH_SIM_FIRST` (0) on.
//! - `VOUCH_SIM_SEED=17`: one seed, with every event printed.

#![allow(clippy::unwrap_used, reason = "tests")]

mod adversary;
mod cast;
mod chain;
mod clients;
mod disk;
mod history;
mod network;
mod scheduler;
mod statements;
mod storm;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use scheduler::WORLD;
use world::World;

/// How many requests clients make while things go wrong.
const REQUESTS: u64 = 8;
/// How long after the storm a new request must have been answered: a floor, a skip and its finality fit in.
const RECOVERY: Duration = Duration::from_secs(90);
const SEEDS: u64 = 200;

/// What came of one seed.
struct Run {
    /// Hash and length of the trace.
    trace: (u64, u64),
    wrongs: Vec<String>,
}

/// Runs the world of one seed to its end.
fn run(seed: u64, verbose: bool) -> Run {
    let world = World::new(seed, verbose);
    let ending: Arc<Mutex<Option<Vec<String>>>> = Arc::default();
    let (scheduler, done) = (world.scheduler.clone(), Arc::clone(&ending));
    scheduler.spawn(WORLD, Arc::clone(&world.chain).run());
    let told = Arc::clone(&world);
    scheduler.spawn(WORLD, async move {
        let wrongs = story(&told).await;
        *done.lock().unwrap() = Some(wrongs);
    });
    let end = storm::ENDS + RECOVERY + Duration::from_secs(120);
    scheduler.run(end, || ending.lock().unwrap().is_some());
    let mut wrongs = statements::check(&world);
    match ending.lock().unwrap().take() {
        Some(more) => wrongs.extend(more),
        None => wrongs.push("the story did not end".into()),
    }
    // What still waits holds the world, which holds it.
    (0..=world.nodes.len()).for_each(|node| world.network.silence(node));
    scheduler.end_all();
    wrongs.sort();
    wrongs.dedup();
    Run { trace: world.history.trace(), wrongs }
}

/// Everybody starts; clients call while the storm blows; then it is calm, and everything must be well.
async fn story(world: &Arc<World>) -> Vec<String> {
    for node in 0..world.nodes.len() {
        world.start(node);
    }
    if world.plan.gateway_lies {
        world.scheduler.spawn(WORLD, adversary::run(Arc::clone(&world.network)));
    }
    for nonce in 0..REQUESTS {
        let world = Arc::clone(world);
        world.scheduler.clone().spawn(WORLD, async move {
            let last = storm::ENDS.as_millis() as u64;
            world.scheduler.sleep(world.scheduler.millis(7_000..last)).await;
            clients::run(world, nonce).await;
        });
    }
    for _ in 0..world.plan.forced {
        let world = Arc::clone(world);
        world.scheduler.clone().spawn(WORLD, async move {
            world.scheduler.sleep(world.scheduler.millis(7_000..storm::ENDS.as_millis() as u64)).await;
            world.chain.submit();
        });
    }
    storm::run(Arc::clone(world)).await;
    let mut wrongs = Vec::new();
    if world.plan.is_live() && !clients::insist(world, 1_000, storm::ENDS + RECOVERY).await {
        wrongs.push("two thirds are honest and connected, but no request is answered".into());
    }
    if world.plan.is_live() && !clients::inbox_is_answered(world, storm::ENDS + RECOVERY).await {
        wrongs.push("two thirds are honest and connected, but the forced inbox is not answered".into());
    }
    wrongs.extend(statements::nothing_acknowledged_is_lost(world).await);
    wrongs.extend(statements::no_proof_against_the_honest(world));
    wrongs
}

fn number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} must be a number, not {value:?}")))
}

/// Runs one seed; a panic anywhere in it is one more thing that is wrong.
fn wrongs(seed: u64, verbose: bool) -> Vec<String> {
    catch_unwind(AssertUnwindSafe(|| run(seed, verbose).wrongs)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().cloned();
        vec![format!("a panic: {}", said.unwrap_or_else(|| "of another kind".into()))]
    })
}

#[test]
fn everything_holds_under_every_seed() {
    if let Some(seed) = number("VOUCH_SIM_SEED") {
        let wrongs = wrongs(seed, true);
        assert!(wrongs.is_empty(), "seed {seed}:\n  {}", wrongs.join("\n  "));
        return;
    }
    let first = number("VOUCH_SIM_FIRST").unwrap_or(0);
    let (next, last) = (AtomicU64::new(first), first + number("VOUCH_SIM_SEEDS").unwrap_or(SEEDS));
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(seed) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|seed| *seed < last) {
                    let wrongs = wrongs(seed, false);
                    if !wrongs.is_empty() {
                        // At once, because a long run may be stopped before its end.
                        eprintln!("seed {seed}:\n  {}", wrongs.join("\n  "));
                        failed.lock().unwrap().push((seed, wrongs));
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().unwrap();
    failed.sort();
    let report: Vec<String> =
        failed.iter().map(|(seed, wrongs)| format!("seed {seed}:\n  {}", wrongs.join("\n  "))).collect();
    assert!(
        failed.is_empty(),
        "{} of {} seeds fail\n{}\nwith every event: VOUCH_SIM_SEED={} cargo test --locked --workspace --test simulation -- --nocapture",
        failed.len(),
        last - first,
        report.join("\n"),
        failed[0].0,
    );
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in [1, 2, 3] {
        assert_eq!(run(seed, false).trace, run(seed, false).trace, "seed {seed}");
    }
    assert_ne!(run(1, false).trace, run(2, false).trace);
}
