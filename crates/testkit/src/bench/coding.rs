//! Commitments, chunks, proofs, checking and restoring, beside arkworks doing the same in the same run. All threads.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use ark_bn254::{G1Projective, G2Projective};
use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM};
use ark_ff::{Field, Zero};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use vouch_coding::frame::Frame;
use vouch_coding::proofs::Prover;
use vouch_coding::shape::{Shape, VERSION_0};
use vouch_coding::srs::DevelopmentSrs;
use vouch_coding::verify::{Claim, Verifier};
use vouch_coding::{BlobCommitments, Powers, chunks, fast, frame};
use vouch_core::bls::pairing_is_one;
use vouch_core::points::{self, Fr, G1Affine, G2Affine};

use super::figures::{Figures, Target};

/// Blobs by name and symbols of 32 bytes.
const SIZES: [(&str, usize); 4] = [("128 KiB", 1 << 12), ("1 MiB", 1 << 15), ("2 MiB", 1 << 16), ("16 MiB", 1 << 19)];
/// The largest blob's domain.
const DOMAIN: usize = 1 << 22;
/// Chunks that are checked at once.
const CHECKED: usize = 1_024;
/// Each is done so often, and the least time counts: other work on the machine only ever adds.
const RUNS: usize = 3;
/// What EigenDA's own program takes for commitments and all frames on two cores of an EPYC, seconds: measured once, elsewhere.
const EIGENDA: [(&str, f64); 2] = [("128 KiB", 3.5), ("16 MiB", 19.8)];

/// What the targets ask of this machine: with the processor's wide multiplication, or without.
struct Targets {
    msm: f64,
    commitments: f64,
    chunks: f64,
    proofs_small: f64,
    proofs_large: f64,
    all_small: f64,
    all_large: f64,
}

const WIDE: Targets = Targets {
    msm: 9.0,
    commitments: 14.0,
    chunks: 4.0,
    proofs_small: 15.0,
    proofs_large: 12.0,
    all_small: 20.0,
    all_large: 12.0,
};
const PORTABLE: Targets = Targets {
    msm: 1.5,
    commitments: 1.5,
    chunks: 1.0,
    proofs_small: 2.0,
    proofs_large: 2.0,
    all_small: 2.0,
    all_large: 1.5,
};

pub fn measure(figures: &mut Figures) -> Result<()> {
    let targets = if fast::is_wide() { WIDE } else { PORTABLE };
    let development = DevelopmentSrs::for_chain(31_337)?;
    let (_, largest) = SIZES[SIZES.len() - 1];
    let powers = Powers::development(&development, largest)?;
    sums(&powers, &targets, figures)?;
    let ours = least(|| fast::fft(&mut scalars(DOMAIN)))?;
    let arkworks = least(|| domain(DOMAIN).fft(&scalars(DOMAIN)))?;
    figures.value("transform of 2^22 scalars", ours, "s", Some(arkworks), Target::None);
    for (name, symbols) in SIZES {
        let blob = Blob { name, coefficients: scalars(symbols), shape: Shape::new(symbols, VERSION_0)? };
        blob.measure(&powers, &targets, (ours, arkworks), figures)?;
        figures.save()?;
    }
    Ok(())
}

fn sums(powers: &Powers, targets: &Targets, figures: &mut Figures) -> Result<()> {
    let (bases, scalars) = (powers.g1(), scalars(powers.symbols_max()));
    let prepared = fast::PreparedBases::new(bases);
    let ours = least(|| prepared.msm(&scalars))?;
    let arkworks = least(|| G1Projective::msm_unchecked(bases, &scalars))?;
    faster("G1 sum of 2^19 products", ours, arkworks, targets.msm, figures);
    Ok(())
}

struct Blob {
    name: &'static str,
    coefficients: Vec<Fr>,
    shape: Shape,
}

impl Blob {
    fn measure(&self, powers: &Powers, targets: &Targets, transforms: (f64, f64), figures: &mut Figures) -> Result<()> {
        let (name, is_large) = (self.name, self.shape.symbols() == powers.symbols_max());
        let commit = least(|| powers.commit(&self.coefficients))?;
        let arkworks = least(|| self.commit_with_arkworks(powers))?;
        let target = if is_large { targets.commitments } else { 0.0 };
        faster(&format!("three commitments of {name}"), commit, arkworks, target, figures);

        let cut = least(|| chunks::cut(&self.shape, &self.coefficients))?;
        if is_large {
            let serialised = least(|| self.coefficients.iter().map(points::scalar_bytes).collect::<Vec<_>>())?;
            let baseline = transforms.1 + serialised * 8.0;
            faster(
                &format!("chunks of {name} (baseline: a transform, and writing as many numbers)"),
                cut,
                baseline,
                targets.chunks,
                figures,
            );
        } else {
            figures.value(format!("chunks of {name}"), cut, "s", None, Target::None);
        }

        let start = Instant::now();
        let prover = Prover::new(self.shape, powers.g1())?;
        figures.value(
            format!("tables for proofs of {name}, once"),
            start.elapsed().as_secs_f64(),
            "s",
            None,
            Target::None,
        );
        let prove = least(|| prover.prove(&self.coefficients))?;
        let plain = Plain::new(self.shape, powers.g1());
        ensure!(plain.prove(&self.coefficients) == prover.prove(&self.coefficients)?, "arkworks makes other proofs");
        let arkworks = least(|| plain.prove(&self.coefficients))?;
        let target = match name {
            "128 KiB" => targets.proofs_small,
            _ if is_large => targets.proofs_large,
            _ => 0.0,
        };
        faster(
            &format!("8,192 proofs of {name} (baseline: arkworks, the same steps)"),
            prove,
            arkworks,
            target,
            figures,
        );

        if let Some((_, seconds)) = EIGENDA.iter().find(|(of, _)| *of == name) {
            let least = if is_large { targets.all_large } else { targets.all_small };
            let what = format!("commitments and frames of {name} (baseline: EigenDA's own, a constant)");
            faster(&what, commit + cut + prove, *seconds, least, figures);
        }
        if is_large {
            self.restore(transforms.0, figures)?;
        }
        if name == "2 MiB" {
            self.check(powers, &prover, figures)?;
        }
        Ok(())
    }

    fn commit_with_arkworks(&self, powers: &Powers) -> BlobCommitments {
        let symbols = self.coefficients.len();
        let on_g2 = || G2Projective::msm_unchecked(&powers.g2()[..symbols], &self.coefficients).into_affine();
        BlobCommitments {
            commitment: G1Projective::msm_unchecked(&powers.g1()[..symbols], &self.coefficients).into_affine(),
            length_commitment: on_g2(),
            // Other points, as many.
            length_proof: on_g2(),
            length: 0,
        }
    }

    /// From every third chunk or so, and no more than are needed.
    fn restore(&self, transform: f64, figures: &mut Figures) -> Result<()> {
        let chunks = chunks::cut(&self.shape, &self.coefficients)?;
        let count = self.shape.chunks();
        // Odd, so all places are met, in no order.
        let places = (0..count).map(|at| at * 4_219 % count).take(count / 3);
        let some: Vec<(usize, &[Fr])> = places.map(|place| (place, chunks[place].as_slice())).collect();
        let restored = chunks::restore(&self.shape, &some)?;
        ensure!(restored == self.coefficients, "another blob is restored");
        let time = least(|| chunks::restore(&self.shape, &some))?;
        let name = format!("{} restored from a third of its chunks (baseline: our transform of 2^22)", self.name);
        figures.ratio(name, time, "s", transform, Target::AtMost(6.0));
        Ok(())
    }

    /// From bytes to the verdict, beside the sum of its parts.
    fn check(&self, powers: &Powers, prover: &Prover, figures: &mut Figures) -> Result<()> {
        let commitment = powers.commit(&self.coefficients)?.commitment;
        let chunks = chunks::cut(&self.shape, &self.coefficients)?;
        let frames = chunks.into_iter().zip(prover.prove(&self.coefficients)?).take(CHECKED);
        let frames: Vec<Frame> = frames.map(|(coefficients, proof)| Frame { proof, coefficients }).collect();
        let bundle = frame::encode_bundle(&frames).context("frames of one length")?;
        let verifier = Verifier::new(self.shape, powers.g1(), powers.constants())?;
        let verify = |frames: &[Frame]| {
            let claim = |(index, frame)| Claim { commitment: &commitment, index, frame };
            verifier.verify_all(&frames.iter().enumerate().map(claim).collect::<Vec<_>>())
        };
        verify(&frames)?;
        let whole = least(|| frame::decode_bundle(&bundle).map(|frames| verify(&frames).is_ok()))?;
        let parse = least(|| frame::decode_bundle(&bundle))?;
        let (proofs, numbers) = (frames.iter().map(|frame| frame.proof).collect::<Vec<_>>(), scalars(CHECKED));
        let sum = least(|| fast::msm(&proofs, &numbers))?;
        let remainder = least(|| fast::msm(&powers.g1()[..self.shape.chunk_length()], &numbers))?;
        let (g1, g2) = (G1Affine::generator(), G2Affine::generator());
        let pairings = least(|| pairing_is_one([g1, -g1], [g2, g2]))?;
        let parts = parse + 2.0 * sum + remainder + pairings;
        let name = format!("{CHECKED} chunks of {} checked (baseline: the sum of its parts)", self.name);
        figures.ratio(name, whole, "s", parts, Target::AtMost(1.3));
        Ok(())
    }
}

/// FK20 with arkworks alone.
struct Plain {
    shape: Shape,
    tables: Vec<Vec<G1Affine>>,
}

impl Plain {
    fn new(shape: Shape, g1: &[G1Affine]) -> Self {
        let (threshold, length) = (shape.threshold(), shape.chunk_length());
        let row = |part: usize| {
            let powers = (0..threshold - 1).rev().map(|b| G1Projective::from(g1[part + b * length]));
            let mut row: Vec<G1Projective> = powers.collect();
            row.resize(2 * threshold, G1Projective::zero());
            // Not timed, so made the fast way.
            fast::fft_points(&mut row);
            G1Projective::normalize_batch(&row)
        };
        let rows: Vec<Vec<G1Affine>> = (0..length).map(row).collect();
        let column = |at: usize| rows.iter().map(|row| row[at]).collect();
        Self { shape, tables: (0..2 * threshold).map(column).collect() }
    }

    fn prove(&self, coefficients: &[Fr]) -> Vec<G1Affine> {
        let (threshold, length) = (self.shape.threshold(), self.shape.chunk_length());
        let doubled = domain(2 * threshold);
        let row = |part: usize| {
            let mut row: Vec<Fr> = coefficients.iter().skip(part).step_by(length).copied().collect();
            row.resize(2 * threshold, Fr::zero());
            doubled.fft(&row)
        };
        let rows: Vec<Vec<Fr>> = (0..length).map(row).collect();
        let product = |(at, bases): (usize, &Vec<G1Affine>)| {
            let scalars: Vec<Fr> = rows.iter().map(|row| row[at]).collect();
            G1Projective::msm_unchecked(bases, &scalars)
        };
        let products: Vec<G1Projective> = self.tables.iter().enumerate().map(product).collect();
        let mut sums = doubled.ifft(&products)[threshold - 1..2 * threshold - 1].to_vec();
        sums.resize(self.shape.chunks(), G1Projective::zero());
        let by_coset = G1Projective::normalize_batch(&domain(self.shape.chunks()).fft(&sums));
        (0..self.shape.chunks()).map(|index| by_coset[self.shape.coset(index)]).collect()
    }
}

/// Judged by how many times faster than the baseline; a target of zero is none.
fn faster(name: &str, seconds: f64, baseline: f64, least: f64, figures: &mut Figures) {
    figures.value(format!("{name}, time"), seconds, "s", Some(baseline), Target::None);
    let target = if least > 0.0 { Target::AtLeast(least) } else { Target::None };
    figures.value(format!("{name}, times as fast"), baseline / seconds, "times", None, target);
}

fn domain(size: usize) -> Radix2EvaluationDomain<Fr> {
    Radix2EvaluationDomain::new(size).expect("a power of two below the field's order of roots")
}

/// No two alike, and none small.
fn scalars(count: usize) -> Vec<Fr> {
    let base = Fr::from(0x5eed_u64).pow([77]);
    std::iter::successors(Some(base), |one| Some(one.square() + base)).take(count).collect()
}

fn least<T>(mut work: impl FnMut() -> T) -> Result<f64> {
    let mut least = f64::INFINITY;
    for _ in 0..RUNS {
        let start = Instant::now();
        black_box(work());
        least = least.min(start.elapsed().as_secs_f64());
    }
    ensure!(least > 0.0, "a clock that stands still measures nothing");
    Ok(least)
}
