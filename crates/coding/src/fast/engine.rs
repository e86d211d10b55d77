//! What a multi-scalar multiplication asks of the arithmetic below it.

use ark_bn254::{G1Affine, G1Projective};
use ark_ec::AffineRepr;
use ark_ff::Zero;

/// Pairs of points to add: the operands, each `index << 1 | negative`, and where the sum goes.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    pub(super) left: Vec<u32>,
    pub(super) right: Vec<u32>,
    pub(super) target: Vec<u32>,
}

impl Pairs {
    #[inline]
    pub(super) fn push(&mut self, left: u32, right: u32, target: u32) {
        self.left.push(left);
        self.right.push(right);
        self.target.push(target);
    }

    pub(super) fn clear(&mut self) {
        self.left.clear();
        self.right.clear();
        self.target.clear();
    }

    /// Repeats the last pair, whose sum is then written more than once, until the count is a multiple of `stride`.
    pub(super) fn fill(&mut self, stride: usize) {
        let missing = self.left.len().next_multiple_of(stride) - self.left.len();
        for list in [&mut self.left, &mut self.right, &mut self.target] {
            let last = list.last().copied().unwrap_or_default();
            list.extend(std::iter::repeat_n(last, missing));
        }
    }
}

/// Arithmetic on points of G1. Two engines given the same input give the same group element, whatever its coordinates.
pub(super) trait Engine: Sync {
    /// A finite point as the engine keeps it.
    type Point: Copy + Default + Send + Sync;
    /// Working memory of one thread.
    type Scratch: Default + Send;
    /// Lists of pairs are filled up to a multiple of this.
    const STRIDE: usize;

    /// Points in the engine's form; one at infinity becomes a point that no operation takes.
    fn prepare(&self, points: &[G1Affine]) -> Vec<Self::Point>;
    /// Points in arkworks' form.
    fn affine(&self, points: &[Self::Point]) -> Vec<G1Affine>;
    /// The negative of a finite point.
    fn negated(&self, point: &Self::Point) -> Self::Point;

    /// Adds every pair whose operands have different `x`, and names the targets of the others (equal or opposite points),
    /// which are left as they were.
    fn add_pairs(
        &self,
        points: &[Self::Point],
        pairs: &Pairs,
        out: &mut [Self::Point],
        scratch: &mut Self::Scratch,
    ) -> Vec<u32>;

    /// The sum of `(index + 1) * bucket` over the buckets that are present.
    fn sum_weighted(&self, buckets: &[Self::Point], present: &[bool]) -> G1Projective;
}

/// As [`Engine::sum_weighted`], one addition after the other, for every input.
pub(super) fn sum_weighted_slowly(buckets: &[G1Affine], present: &[bool]) -> G1Projective {
    let (mut run, mut sum) = (G1Projective::zero(), G1Projective::zero());
    for (bucket, present) in buckets.iter().zip(present).rev() {
        run += if *present { *bucket } else { G1Affine::zero() };
        sum += run;
    }
    sum
}
