//! The arithmetic of one core with AVX-512 IFMA: eight numbers of limbs of 52 bits at a time.
//!
//! Every function that uses these instructions carries them as target features, which makes it safe to call from its like;
//! the only way in from outside is an [`Ifma`], which exists only where the processor has them.

mod affine;
pub(super) mod fft;
mod lanes;
mod modulus;
mod multiply;
mod point;
#[cfg(test)]
mod tests;
mod xyzz;

use std::sync::OnceLock;

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::AffineRepr;
use ark_ff::{Field, Zero};

use self::affine::{BATCH, Batch, STRIDE};
use self::xyzz::Sum;
use super::engine::{Engine, Pairs, sum_weighted_slowly};
pub(super) use affine::Scratch;
pub(super) use point::Point;

/// Says that this processor has the instructions of this module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ifma(());

impl Ifma {
    /// What says so, or none.
    pub(super) fn detect() -> Option<Self> {
        let here = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512ifma")
            && is_x86_feature_detected!("avx512vbmi2")
            && is_x86_feature_detected!("avx512vl");
        here.then_some(Self(()))
    }
}

impl Engine for Ifma {
    type Point = Point;
    type Scratch = Scratch;
    const STRIDE: usize = STRIDE;

    fn prepare(&self, points: &[G1Affine]) -> Vec<Point> {
        let mut out = Vec::with_capacity(points.len());
        // SAFETY: an `Ifma` exists only where the processor has the features that the function asks for.
        unsafe { point::from_ark(points, &mut out) };
        out
    }

    fn affine(&self, points: &[Point]) -> Vec<G1Affine> {
        let mut out = Vec::with_capacity(points.len());
        // SAFETY: an `Ifma` exists only where the processor has the features that the function asks for.
        unsafe { point::to_ark(points, &mut out) };
        out
    }

    fn negated(&self, point: &Point) -> Point {
        point.negated()
    }

    fn add_pairs(&self, points: &[Point], pairs: &Pairs, out: &mut [Point], scratch: &mut Scratch) -> Vec<u32> {
        let mut exceptional = Vec::new();
        let (left, right) = (pairs.left.chunks(BATCH), pairs.right.chunks(BATCH));
        for ((left, right), target) in left.zip(right).zip(pairs.target.chunks(BATCH)) {
            let batch = Batch { left, right, target };
            // SAFETY: an `Ifma` exists only where the processor has the features that the function asks for.
            if !unsafe { affine::add_batch(points, batch, out, scratch) } {
                self.add_regular(points, batch, out, scratch, &mut exceptional);
            }
        }
        exceptional
    }

    fn sum_weighted(&self, buckets: &[Point], present: &[bool]) -> G1Projective {
        if !buckets.len().is_multiple_of(8) {
            return sum_weighted_slowly(&self.affine(buckets), present);
        }
        let start = Start::fixed();
        // SAFETY: an `Ifma` exists only where the processor has the features that the function asks for.
        match unsafe { run(buckets, present, start) } {
            Some((runs, sums)) => join_segments(&runs, &sums, (buckets.len() / 8) as u64, start),
            None => sum_weighted_slowly(&self.affine(buckets), present),
        }
    }
}

impl Ifma {
    /// Adds the pairs of a refused batch whose sums are regular, and names the targets of the others.
    fn add_regular(
        &self,
        points: &[Point],
        batch: Batch<'_>,
        out: &mut [Point],
        scratch: &mut Scratch,
        exceptional: &mut Vec<u32>,
    ) {
        let mut regular = Pairs::default();
        let pairs = batch.left.iter().zip(batch.right).zip(batch.target);
        for ((left, right), target) in pairs {
            if points[(left >> 1) as usize].shares_x(&points[(right >> 1) as usize]) {
                exceptional.push(*target);
            } else {
                regular.push(*left, *right, *target);
            }
        }
        regular.fill(STRIDE);
        let batch = Batch { left: &regular.left, right: &regular.right, target: &regular.target };
        // SAFETY: an `Ifma` exists only where the processor has the features that the function asks for.
        let added = unsafe { affine::add_batch(points, batch, out, scratch) };
        debug_assert!(added, "no difference of the pairs left is zero");
    }
}

/// Where running sums begin, since the formulas know no point at infinity: two points that no honest input meets, and one
/// that does is found out and summed slowly.
struct Start {
    run: G1Affine,
    sum: G1Affine,
}

impl Start {
    fn fixed() -> &'static Self {
        static START: OnceLock<Start> = OnceLock::new();
        START.get_or_init(|| {
            let multiple = |seed: u64| (G1Affine::generator() * (Fr::from(seed).pow([16]) + Fr::from(seed))).into();
            Self { run: multiple(0x9e37_79b9_7f4a_7c15), sum: multiple(0xbf58_476d_1ce4_e5b9) }
        })
    }
}

/// The sums of eight equal segments of buckets, lane by lane: of the buckets, and of the running sums from each segment's
/// end. Both with their start added as often as it entered. None where an addition was exceptional.
#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
fn run(buckets: &[Point], present: &[bool], start: &Start) -> Option<([G1Projective; 8], [G1Projective; 8])> {
    let segment = buckets.len() / 8;
    let (mut runs, mut sums) = (Sum::of(&start.run), Sum::of(&start.sum));
    for index in (0..segment).rev() {
        let mut points = [&buckets[0]; 8];
        let mut mask = 0;
        for (lane, point) in points.iter_mut().enumerate() {
            *point = &buckets[lane * segment + index];
            mask |= u8::from(present[lane * segment + index]) << lane;
        }
        runs.add_affine(&points, mask);
        sums.add(&runs);
    }
    Some((runs.to_finite()?, sums.to_finite()?))
}

/// The weighted sum of all buckets from those of the segments: a bucket of segment `l` weighs `l * segment` more than its
/// place in the segment says. The starts are taken out again.
fn join_segments(runs: &[G1Projective; 8], sums: &[G1Projective; 8], segment: u64, start: &Start) -> G1Projective {
    let (mut weighted, mut behind, mut steps) = (G1Projective::zero(), G1Projective::zero(), G1Projective::zero());
    for lane in (0..8).rev() {
        weighted += sums[lane] - start.sum;
        if lane > 0 {
            behind += runs[lane] - start.run;
            steps += behind;
        }
    }
    weighted - start.run * Fr::from(8 * segment) + steps * Fr::from(segment)
}
