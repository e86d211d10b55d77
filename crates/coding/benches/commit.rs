//! What committing costs beside arkworks' general multi-scalar multiplication: `cargo bench -p vouch-coding`. One thread;
//! the least of several runs, taken in turns so that a busy machine slows both.

use std::time::{Duration, Instant};

use ark_bn254::{Fr, G1Projective};
use ark_ec::scalar_mul::ScalarMul;
use ark_ec::{AffineRepr, VariableBaseMSM};
use vouch_coding::{DevelopmentSrs, Srs, codec};
use vouch_core::points::G1Affine;

const RUNS: usize = 15;

fn main() -> Result<(), vouch_coding::Error> {
    let srs = Srs::from(DevelopmentSrs::for_chain(31_337)?);
    println!(
        "{:>8} {:>12} {:>12} {:>8} {:>14} {:>12}",
        "symbols", "commit", "arkworks", "ratio", "commit + open", "check"
    );
    for symbols in [64, 512, 1_024, 4_096, 8_192] {
        let data: Vec<u8> = (0..(symbols - 1) * 31).map(|index| (index * 7 % 253) as u8).collect();
        let values = codec::field_elements(&codec::encode(&data)?)?;
        let general = bases(symbols);
        let (commitment, opening) = srs.commit_data(&data)?;
        let [commit, arkworks, both, check] = least([
            &|| srs.commit(&values).is_ok(),
            &|| G1Projective::msm(&general, &values).is_ok(),
            &|| srs.commit_data(&data).is_ok(),
            &|| srs.check_data(&commitment, &data, &opening).is_ok(),
        ]);
        let ratio = arkworks.as_secs_f64() / commit.as_secs_f64();
        println!("{symbols:>8} {commit:>12.2?} {arkworks:>12.2?} {ratio:>8.2} {both:>14.2?} {check:>12.2?}");
    }
    Ok(())
}

fn bases(count: usize) -> Vec<G1Affine> {
    let scalars: Vec<Fr> = (0..count as u64).map(|index| Fr::from(index * index + 3)).collect();
    G1Projective::from(G1Affine::generator()).batch_mul(&scalars)
}

fn least<const N: usize>(works: [&dyn Fn() -> bool; N]) -> [Duration; N] {
    let mut least = [Duration::MAX; N];
    for _ in 0..RUNS {
        for (work, least) in works.iter().zip(&mut least) {
            let start = Instant::now();
            assert!(work(), "every step succeeds on honest data");
            *least = start.elapsed().min(*least);
        }
    }
    least
}
