//! The arithmetic of any machine: arkworks' field, with additions of affine points that share inversions.

use ark_bn254::{Fq, G1Affine, G1Projective};
use ark_ff::{AdditiveGroup, Field, Zero};

use super::engine::{Engine, Pairs, sum_weighted_slowly};

/// Pairs that share one inversion.
const BATCH: usize = 1_024;

/// The engine of machines without faster instructions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Portable;

impl Engine for Portable {
    type Point = G1Affine;
    type Scratch = Vec<Fq>;
    const STRIDE: usize = 1;

    fn prepare(&self, points: &[G1Affine]) -> Vec<G1Affine> {
        points.to_vec()
    }

    fn affine(&self, points: &[G1Affine]) -> Vec<G1Affine> {
        points.to_vec()
    }

    fn negated(&self, point: &G1Affine) -> G1Affine {
        -*point
    }

    fn add_pairs(&self, points: &[G1Affine], pairs: &Pairs, out: &mut [G1Affine], products: &mut Vec<Fq>) -> Vec<u32> {
        let mut exceptional = Vec::new();
        let (left, right) = (pairs.left.chunks(BATCH), pairs.right.chunks(BATCH));
        for ((left, right), target) in left.zip(right).zip(pairs.target.chunks(BATCH)) {
            add_batch(points, (left, right, target), out, products, &mut exceptional);
        }
        exceptional
    }

    fn sum_weighted(&self, buckets: &[G1Affine], present: &[bool]) -> G1Projective {
        sum_weighted_slowly(buckets, present)
    }
}

/// Adds the pairs of a batch: the product of all differences of `x` is inverted, and walking back takes the inverse of
/// each out of it. A difference of zero is left out of the product and its target is named.
fn add_batch(
    points: &[G1Affine],
    (left, right, target): (&[u32], &[u32], &[u32]),
    out: &mut [G1Affine],
    products: &mut Vec<Fq>,
    exceptional: &mut Vec<u32>,
) {
    products.clear();
    let mut running = Fq::ONE;
    for (left, right) in left.iter().zip(right) {
        products.push(running);
        let run = at(points, *right).x - at(points, *left).x;
        if !run.is_zero() {
            running *= run;
        }
    }
    let mut inverse = running.inverse().unwrap_or(Fq::ZERO);
    for (pair, before) in products.iter().enumerate().rev() {
        let (left, right) = (signed(points, left[pair]), signed(points, right[pair]));
        let run = right.0 - left.0;
        if run.is_zero() {
            exceptional.push(target[pair]);
            continue;
        }
        let slope = inverse * before * (right.1 - left.1);
        inverse *= run;
        let x = slope.square() - left.0 - right.0;
        out[target[pair] as usize] = G1Affine::new_unchecked(x, slope * (left.0 - x) - left.1);
    }
}

fn at(points: &[G1Affine], entry: u32) -> &G1Affine {
    &points[(entry >> 1) as usize]
}

/// The coordinates of an entry, negated as it says.
fn signed(points: &[G1Affine], entry: u32) -> (Fq, Fq) {
    let point = at(points, entry);
    (point.x, if entry & 1 == 1 { -point.y } else { point.y })
}
