//! What every fuzz target shares: seeds, how they are bent, how long it runs. See docs/fuzzing.md.
//!
//! A target gets bytes and says whether they were taken. It sees its seeds as they are, every one of which must be taken, then
//! the kept corpus, then seeds bent at random and bytes from nowhere. The engine is bolero's: as a plain test on stable
//! it draws at random and prints the seed of a failure; under libFuzzer the same target is guided by coverage.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Inputs of a target in `make test`, whichever of the two is reached first.
const ITERATIONS: usize = 4_000;
const TEST_TIME: Duration = Duration::from_millis(800);
/// Set to run each target so many seconds, whatever the number of inputs.
const SECONDS: &str = "VOUCH_FUZZ_SECONDS";
/// Set to write the seeds into the corpus.
const WRITE: &str = "VOUCH_WRITE_CORPUS";
/// The largest kept input. Larger seeds are made anew by every run and not kept.
const CORPUS_BYTES_MAX: usize = 4 << 10;

/// How many inputs, and for how long.
pub fn extent() -> (usize, Duration) {
    let seconds = std::env::var(SECONDS).ok().and_then(|seconds| seconds.parse().ok());
    seconds.map_or((ITERATIONS, TEST_TIME), |seconds| (usize::MAX, Duration::from_secs(seconds)))
}

/// The kept corpus of a target, behind `generated` seeds: real values of today.
pub fn seeds(manifest_dir: &str, target: &str, generated: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(manifest_dir).join("tests/corpus").join(target);
    if std::env::var_os(WRITE).is_some() {
        write(&folder, &generated);
    }
    let mut paths: Vec<_> =
        std::fs::read_dir(&folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let kept = paths.iter().map(|path| {
        let bytes = std::fs::read(path).unwrap();
        assert!(bytes.len() <= CORPUS_BYTES_MAX, "{} is too large to keep", path.display());
        bytes
    });
    generated.into_iter().chain(kept).collect()
}

/// Named by their content, so that those of an older format stay beside today's.
fn write(folder: &Path, seeds: &[Vec<u8>]) {
    for seed in seeds.iter().filter(|seed| seed.len() <= CORPUS_BYTES_MAX) {
        std::fs::create_dir_all(folder).unwrap();
        let mut hasher = DefaultHasher::new();
        seed.hash(&mut hasher);
        std::fs::write(folder.join(format!("{:016x}", hasher.finish())), seed).unwrap();
    }
}

/// One of the seeds with a few changes that `choices` make, or bytes from nowhere.
pub fn bend(seeds: &[Vec<u8>], choices: &[u8]) -> Vec<u8> {
    let [kind, which, changes @ ..] = choices else { return choices.to_vec() };
    if kind % 8 == 0 || seeds.is_empty() {
        return changes.to_vec();
    }
    let mut bytes = seeds[usize::from(*which) % seeds.len()].clone();
    let count = 1 + usize::from(kind >> 3) % 4;
    changes.chunks_exact(4).take(count).for_each(|change| bend_once(&mut bytes, change));
    bytes
}

fn bend_once(bytes: &mut Vec<u8>, change: &[u8]) {
    let place = (usize::from(u16::from_be_bytes([change[1], change[2]])) * (bytes.len() + 1)) >> 16;
    let value = change[3];
    let end = bytes.len().min(place + 1 + usize::from(value % 32));
    match change[0] % 7 {
        0 if place < bytes.len() => bytes[place] ^= 1 << (value % 8),
        1 if place < bytes.len() => bytes[place] = value,
        2 => bytes.insert(place, value),
        3 => drop(bytes.drain(place..end)),
        4 => bytes.truncate(place),
        5 => {
            let again = bytes[place..end].to_vec();
            bytes.splice(place..place, again);
        }
        // A length or a number that is larger than anything.
        _ => bytes[place..end].iter_mut().for_each(|byte| *byte = if byte.is_ascii_digit() { b'9' } else { 0xff }),
    }
}

/// Runs a target: `fuzz!(name, seeds, |bytes| taken)`.
#[macro_export]
macro_rules! fuzz {
    ($target:literal, $generated:expr, $check:expr) => {{
        let check: &dyn Fn(&[u8]) -> bool = &$check;
        let generated: Vec<Vec<u8>> = $generated;
        for (index, seed) in generated.iter().enumerate() {
            assert!(check(seed), "{}: seed {index} is not taken", $target);
        }
        let seeds = $crate::fuzz::seeds(env!("CARGO_MANIFEST_DIR"), $target, generated);
        for seed in &seeds {
            check(seed);
        }
        let (iterations, time) = $crate::fuzz::extent();
        let check = std::panic::AssertUnwindSafe(check);
        let seeds = std::panic::AssertUnwindSafe(&seeds);
        bolero::check!().with_iterations(iterations).with_test_time(time).with_max_len(512).for_each(
            |choices: &[u8]| {
                (*check)(&$crate::fuzz::bend(&seeds, choices));
            },
        );
    }};
}
