//! What it costs to reserve a slot on disk before signing, once per batch.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256};
use anyhow::{Result, ensure};
use vouch_compute::executor::store::{ExecutorStore, Reservation, SlotRecord};
use vouch_compute::machine::LocalFiles;
use vouch_compute::store::{Birth, Identity};
use vouch_core::{Batch, RequestId};

use super::figures::{Figures, Target};
use crate::load::percentile;

const BATCHES: u64 = 200;
/// As many as a gateway puts into a batch at most.
const REQUESTS: u64 = 256;
/// What is written and synchronised for comparison.
const BASELINE_BYTES: usize = 16 << 10;

pub fn measure(folder: &Path, figures: &mut Figures) -> Result<()> {
    let _absent = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder)?;
    let (bare, reserved) = (synchronise(folder)?, reserve(folder)?);
    let milliseconds = |times: &[Duration], share| percentile(times, share).as_secs_f64() * 1e3;
    let baseline = Some(milliseconds(&bare, 0.5));
    let name = |share| format!("reserving a slot durably, {REQUESTS} requests, {share}; baseline: 16 KiB synchronised");
    figures.value(name("p50"), milliseconds(&reserved, 0.5), "ms", baseline, Target::None);
    figures.value(name("p99"), milliseconds(&reserved, 0.99), "ms", Some(milliseconds(&bare, 0.99)), Target::None);
    Ok(std::fs::remove_dir_all(folder)?)
}

fn synchronise(folder: &Path) -> Result<Vec<Duration>> {
    let mut file = File::create(folder.join("bare"))?;
    timed(|_| {
        file.write_all(&[0x5a; BASELINE_BYTES])?;
        Ok(file.sync_data()?)
    })
}

fn reserve(folder: &Path) -> Result<Vec<Duration>> {
    let identity = Identity::new("executor", 31_337, Address::ZERO, B256::ZERO);
    let store = ExecutorStore::open(&LocalFiles, folder, &identity, Birth { block: 0, clock: 0 })?;
    timed(|sequence| {
        let granted = store.reserve(&record(sequence), sequence - 1)?;
        ensure!(granted == Reservation::Granted, "slot {sequence} was not granted");
        Ok(())
    })
}

fn record(sequence: u64) -> SlotRecord {
    let request =
        |number: u64| (RequestId(B256::from(alloy_primitives::U256::from(sequence << 32 | number))), u64::MAX);
    SlotRecord {
        header: Batch { lane: 1, sequence, ..Batch::default() },
        gateway_signature: Default::default(),
        requests: (0..REQUESTS).map(request).collect(),
    }
}

/// How long each of [`BATCHES`] repetitions takes, shortest first.
fn timed(mut work: impl FnMut(u64) -> Result<()>) -> Result<Vec<Duration>> {
    let one = |number| {
        let start = Instant::now();
        work(number)?;
        Ok(start.elapsed())
    };
    let mut times: Vec<_> = (1..=BATCHES).map(one).collect::<Result<_>>()?;
    times.sort_unstable();
    Ok(times)
}
