//! Sums of points and transforms of scalars beside arkworks' own, in the same run: `cargo run --release -p vouch-coding
//! --example msm_speed -- 19`. Both wall-clock time (the least of several runs) and processor time of all threads (their
//! mean, from the kernel's count in hundredths of a second) are told: the second says more on a busy machine. A name after the size runs that one
//! alone.

use std::time::{Duration, Instant};

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::scalar_mul::ScalarMul;
use ark_ec::{AffineRepr, VariableBaseMSM};
use ark_ff::Field;
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use vouch_coding::fast::{self, PreparedBases};

const RUNS: u32 = 6;
/// Ticks of the kernel's count of processor time in a second.
const TICKS: f64 = 100.0;

fn main() {
    let largest = std::env::args().nth(1).and_then(|bits| bits.parse().ok()).unwrap_or(19);
    println!("{:>20} {:>10} {:>12} {:>12} {:>8} {:>8}", "what", "count", "least time", "mean cpu", "ratio", "cpu");
    for bits in (9..=largest).rev().step_by(2) {
        let scalars: Vec<Fr> = (1..=1u64 << bits).map(|index| Fr::from(index).pow([11])).collect();
        let bases: Vec<G1Affine> = G1Projective::from(G1Affine::generator()).batch_mul(&scalars);
        let scalars: Vec<Fr> = scalars.iter().map(|scalar| scalar.pow([5]) + scalar).collect();
        let (prepared, portable) = (PreparedBases::new(&bases), PreparedBases::portable(&bases));
        compare(
            bases.len(),
            [
                ("arkworks msm", &mut || G1Projective::msm_unchecked(&bases, &scalars)),
                ("portable msm", &mut || portable.msm(&scalars)),
                ("msm", &mut || prepared.msm(&scalars)),
            ],
        );
    }
    let scalars: Vec<Fr> = (1..=1u64 << 10).map(|index| Fr::from(index).pow([11])).collect();
    let points: Vec<_> = scalars.iter().map(|scalar| G1Projective::from(G1Affine::generator()) * scalar).collect();
    compare(
        points.len(),
        [
            ("arkworks products", &mut || points.iter().zip(&scalars).map(|(point, scalar)| *point * scalar).collect()),
            ("products", &mut || fast::multiply_many(&points, &scalars)),
        ],
    );
    let mut chunks = points.clone();
    chunks.resize(8_192, G1Projective::default());
    compare(chunks.len(), [("fft of points", &mut || fast::fft_points(&mut chunks.clone()))]);
    for bits in (10..=largest + 3).step_by(4) {
        let values: Vec<Fr> = (1..=1u64 << bits).map(|index| Fr::from(index).pow([11])).collect();
        let Some(domain) = Radix2EvaluationDomain::<Fr>::new(values.len()) else { return };
        let (mut theirs, mut ours) = (values.clone(), values.clone());
        compare(
            values.len(),
            [("arkworks fft", &mut || domain.fft_in_place(&mut theirs)), ("fft", &mut || fast::fft(&mut ours))],
        );
    }
}

/// Runs each in turns, so that a busy machine slows all; the first is what the others are compared with.
fn compare<T, const N: usize>(count: usize, mut works: [(&str, &mut dyn FnMut() -> T); N]) {
    let (mut least, mut spent) = ([Duration::MAX; N], [0.0; N]);
    let only = std::env::args().nth(2);
    for _ in 0..RUNS {
        for (index, (name, work)) in works.iter_mut().enumerate() {
            if only.as_ref().is_some_and(|only| only != name) {
                continue;
            }
            let (cpu, start) = (cpu_seconds(), Instant::now());
            std::hint::black_box(work());
            least[index] = start.elapsed().min(least[index]);
            spent[index] += (cpu_seconds() - cpu) / f64::from(RUNS);
        }
    }
    for (index, (name, _)) in works.iter().enumerate() {
        let ratio = least[0].as_secs_f64() / least[index].as_secs_f64();
        let cpu = spent[0] / spent[index];
        println!("{name:>20} {count:>10} {:>12.2?} {:>11.4}s {ratio:>8.2} {cpu:>8.2}", least[index], spent[index]);
    }
}

/// User time of this process.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks =
        stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(11)).and_then(|word| word.parse().ok());
    ticks.unwrap_or(f64::NAN) / TICKS
}
