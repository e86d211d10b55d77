//! Additions of many pairs of affine points that share one inversion (Montgomery's trick), eight lanes by four groups.
//!
//! A slope needs the inverse of the difference of two `x`. All differences of a batch are multiplied together, the product
//! is inverted, and walking back takes each inverse out of it. One difference of zero spoils the whole product, so it is
//! found there and the batch is refused: pairs of equal, opposite or infinite points go another way.

use ark_bn254::Fq;
use ark_ff::Field;

use super::lanes::{Lanes, lowest_bits, multiply_each, square_each};
use super::modulus::{Fp, LIMBS, Modulus};
use super::point::{Point, gather_x, gather_y, lanes_from_ark, lanes_to_ark, prefetch, rows, write};

/// Groups of eight lanes that are worked on stage by stage: a product takes longer to arrive than to issue.
const STAGE: usize = 4;
/// Pairs are taken by this many.
pub(super) const STRIDE: usize = 8 * STAGE;
/// Pairs that share one inversion: enough that it costs little, few enough that operands stay in the second cache.
pub(super) const BATCH: usize = 2_048;

/// How many pairs ahead operands are asked for: they lie anywhere in memory.
const AHEAD: usize = 2 * STRIDE;

/// What to add: entry by entry two operands and where the sum goes. Operands are `index << 1 | negative`.
#[derive(Clone, Copy)]
pub(super) struct Batch<'a> {
    pub(super) left: &'a [u32],
    pub(super) right: &'a [u32],
    pub(super) target: &'a [u32],
}

/// Room for the running products of one batch.
#[derive(Debug, Default)]
pub(in crate::fast) struct Scratch {
    products: Vec<Lanes<Fp, 2>>,
}

/// Adds each pair of a batch, whose length is a multiple of [`STRIDE`]. False, with nothing written, where a pair has equal
/// `x`.
#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
pub(super) fn add_batch(points: &[Point], batch: Batch<'_>, out: &mut [Point], scratch: &mut Scratch) -> bool {
    debug_assert!(batch.left.len().is_multiple_of(STRIDE), "batches are filled up");
    let mut running = [Lanes::<Fp, 1>::constant(Fp::ONE).widen::<2>(); STAGE];
    let mut runs = [Lanes::<Fp, 1>::constant(Fp::ONE).widen::<6>(); STAGE];
    scratch.products.clear();
    for at in (0..batch.left.len()).step_by(STRIDE) {
        prefetch_stage(points, batch, at + AHEAD);
        for (group, run) in runs.iter_mut().enumerate() {
            let at = at + 8 * group;
            let left = gather_x(&operands(points, eight(batch.left, at)));
            *run = gather_x(&operands(points, eight(batch.right, at))).sub(&left);
        }
        scratch.products.extend_from_slice(&running);
        let before = running;
        multiply_each(&before, &runs, &mut running);
    }
    let Some(mut inverses) = invert_each(&running) else { return false };
    for at in (0..batch.left.len()).step_by(STRIDE).rev() {
        let products = scratch.products[at / 8..].first_chunk().expect("each group pushed its product");
        add_stage(points, batch, at, &mut inverses, products, out);
    }
    true
}

#[inline]
fn prefetch_stage(points: &[Point], batch: Batch<'_>, at: usize) {
    for list in [batch.left, batch.right] {
        list.iter().skip(at).take(STRIDE).for_each(|entry| prefetch(points, *entry));
    }
}

/// The sums of the pairs from `at` on. `inverses` are of the products up to and with these pairs, and afterwards without.
#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
fn add_stage(
    points: &[Point],
    batch: Batch<'_>,
    at: usize,
    inverses: &mut [Lanes<Fp, 2>; STAGE],
    products: &[Lanes<Fp, 2>; STAGE],
    out: &mut [Point],
) {
    let zero = Lanes::<Fp, 1>::constant([0; LIMBS]);
    let (mut left, mut right) = ([zero.widen::<3>(); STAGE], [zero.widen::<3>(); STAGE]);
    let (mut slope, mut run) = ([zero.widen::<2>(); STAGE], [zero.widen::<6>(); STAGE]);
    for group in 0..STAGE {
        let at = at + 8 * group;
        left[group] = gather_x(&operands(points, eight(batch.left, at)));
        right[group] = gather_x(&operands(points, eight(batch.right, at)));
        run[group] = right[group].sub(&left[group]);
    }
    let after = *inverses;
    multiply_each(&after, products, &mut slope);
    multiply_each(&after, &run, inverses);
    let mut left_y = [zero.widen::<3>().negate_where::<6>(0); STAGE];
    let mut rise = [zero.widen::<12>(); STAGE];
    for group in 0..STAGE {
        let (left, right) = (eight(batch.left, at + 8 * group), eight(batch.right, at + 8 * group));
        left_y[group] = gather_y(&operands(points, left)).negate_where(lowest_bits(left));
        let right_y = gather_y(&operands(points, right)).negate_where::<6>(lowest_bits(right));
        rise[group] = right_y.minus(&left_y[group]).carry();
    }
    let inverse = slope;
    multiply_each(&inverse, &rise, &mut slope);
    let mut square = slope;
    square_each(&slope, &mut square);
    let mut x = left;
    for group in 0..STAGE {
        let rest = square[group].raw().minus::<3, 5>(&left[group].raw());
        x[group] = rest.minus::<3, 8>(&right[group].raw()).reduce();
        run[group] = left[group].sub(&x[group]);
    }
    let mut fall = slope;
    multiply_each(&slope, &run, &mut fall);
    for group in 0..STAGE {
        let y = fall[group].raw().minus::<6, 8>(&left_y[group]).reduce();
        let targets = eight(batch.target, at + 8 * group);
        for (target, row) in targets.iter().zip(rows(&x[group], &y)) {
            write(&mut out[*target as usize], row);
        }
    }
}

/// The eight entries from `at` on.
#[inline]
fn eight(entries: &[u32], at: usize) -> &[u32; 8] {
    entries[at..].first_chunk().expect("batches are filled up to whole groups")
}

#[inline]
fn operands<'a>(points: &'a [Point], entries: &[u32; 8]) -> [&'a Point; 8] {
    let mut operands = [&points[0]; 8];
    for (operand, entry) in operands.iter_mut().zip(entries) {
        *operand = &points[(entry >> 1) as usize];
    }
    operands
}

/// The inverse of each group, or none where a lane of one is zero.
#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
fn invert_each(groups: &[Lanes<Fp, 2>; STAGE]) -> Option<[Lanes<Fp, 2>; STAGE]> {
    let mut before = *groups;
    for group in 1..STAGE {
        before[group] = before[group - 1].mul(&groups[group]);
    }
    let mut inverse = invert(&before[STAGE - 1])?;
    let mut inverses = *groups;
    for group in (1..STAGE).rev() {
        inverses[group] = inverse.mul(&before[group - 1]);
        inverse = inverse.mul(&groups[group]);
    }
    inverses[0] = inverse;
    Some(inverses)
}

/// The inverse of each lane through one scalar inversion, or none where a lane is zero.
#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
fn invert(lanes: &Lanes<Fp, 2>) -> Option<Lanes<Fp, 2>> {
    let mut numbers = lanes_to_ark(lanes);
    let mut before = [Fq::ONE; 8];
    for lane in 1..8 {
        before[lane] = before[lane - 1] * numbers[lane - 1];
    }
    let mut inverse = (before[7] * numbers[7]).inverse()?;
    for lane in (0..8).rev() {
        let own = inverse * before[lane];
        inverse *= numbers[lane];
        numbers[lane] = own;
    }
    Some(lanes_from_ark(&numbers))
}
