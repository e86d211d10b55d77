//! Sums of points beside arkworks' own, in the same run: `cargo run --release -p vouch-coding --example msm_speed`.

use std::time::{Duration, Instant};

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::scalar_mul::ScalarMul;
use ark_ec::{AffineRepr, VariableBaseMSM};
use ark_ff::Field;
use vouch_coding::fast::PreparedBases;

const RUNS: usize = 5;

fn main() {
    let largest = std::env::args().nth(1).and_then(|bits| bits.parse().ok()).unwrap_or(19);
    println!("{:>8} {:>12} {:>12} {:>12} {:>8} {:>8}", "bases", "fast", "portable", "arkworks", "ratio", "ratio");
    for bits in (7..=largest).step_by(2) {
        let scalars: Vec<Fr> = (1..=1u64 << bits).map(|index| Fr::from(index).pow([11])).collect();
        let bases: Vec<G1Affine> = G1Projective::from(G1Affine::generator()).batch_mul(&scalars);
        let scalars: Vec<Fr> = scalars.iter().map(|scalar| scalar.pow([5]) + scalar).collect();
        let (prepared, portable) = (PreparedBases::new(&bases), PreparedBases::portable(&bases));
        let [fast, plain, arkworks] = least([&|| prepared.msm(&scalars), &|| portable.msm(&scalars), &|| {
            G1Projective::msm_unchecked(&bases, &scalars)
        }]);
        let ratio = |time: Duration| arkworks.as_secs_f64() / time.as_secs_f64();
        let count = bases.len();
        println!(
            "{count:>8} {fast:>12.2?} {plain:>12.2?} {arkworks:>12.2?} {:>8.2} {:>8.2}",
            ratio(fast),
            ratio(plain)
        );
    }
}

/// The least time of each, taken in turns so that a busy machine slows all.
fn least<const N: usize>(works: [&dyn Fn() -> G1Projective; N]) -> [Duration; N] {
    let mut least = [Duration::MAX; N];
    let expected = works[0]();
    for _ in 0..RUNS {
        for (work, least) in works.iter().zip(&mut least) {
            let start = Instant::now();
            assert_eq!(work(), expected, "all ways give the same sum");
            *least = start.elapsed().min(*least);
        }
    }
    least
}
