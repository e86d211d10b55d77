//! Fourier transforms over the scalar field in two steps, each of many short transforms that fit the second cache.
//!
//! `n = rows * columns` numbers are a matrix, row after row. With `w` the root of order `n`, number `k + rows * j` of the
//! transform is `sum over c of w^(rows * c * j) * w^(c * k) * (sum over r of w^(columns * r * k) * x[r * columns + c])`: first
//! each column is transformed and multiplied by powers of `w`, then each row. Eight columns, then eight rows, are lanes.
//! Numbers stay in arkworks' form, since a transform is linear: only roots are in the form of 2^260.

use ark_bn254::Fr as ArkFr;
use ark_ff::{FftField, Field};
use rayon::prelude::*;

use super::Ifma;
use super::lanes::{Lanes, load_halves, store_halves};
use super::modulus::{Fr, LIMBS, limbs};
use super::point::transpose;

/// The least and the largest size as powers of two: eight rows of eight, and what the bound of sums allows.
pub(in crate::fast) const LOG_MIN: u32 = 6;
pub(in crate::fast) const LOG_MAX: u32 = 22;
/// Layers of one short transform.
const LAYERS_MAX: u32 = LOG_MAX / 2;
/// What numbers grow to. Three layers double them where their root is one; each further layer adds `2p`.
const GROWN: u64 = 8 * STORED + 2 * (LAYERS_MAX as u64 - 3);
/// The same from numbers below `p`.
const GROWN_ONCE: u64 = 8 + 2 * (LAYERS_MAX as u64 - 3);
/// Numbers between the steps.
const STORED: u64 = 2;
/// Up to this length a transform goes layer by layer, beyond by halves: what is at hand is finished first.
const BLOCK: usize = 64;

/// A number under way.
type Grown = Lanes<Fr, GROWN>;

/// The roots of one size and direction.
#[derive(Debug)]
pub(in crate::fast) struct Plan {
    rows: usize,
    columns: usize,
    /// Layer by layer the powers of its root.
    layers: Vec<Vec<[u64; LIMBS]>>,
    /// Powers of the root of the whole size, one for each column.
    steps: Vec<[u64; LIMBS]>,
    /// What every number is multiplied by on the way: one, or one by the size.
    scale: [u64; LIMBS],
}

impl Plan {
    /// The plan for `2^log` numbers, where the size is one that this module transforms.
    pub(in crate::fast) fn new(log: u32, inverse: bool) -> Option<Self> {
        if !(LOG_MIN..=LOG_MAX).contains(&log) {
            return None;
        }
        let root = |log: u32| {
            let root = ArkFr::get_root_of_unity(1 << log)?;
            if inverse { root.inverse() } else { Some(root) }
        };
        let row_log = log.div_ceil(2);
        let layers = (0..row_log).map(|layer| Some(powers(root(layer + 1)?, 1 << layer))).collect::<Option<_>>()?;
        let columns = 1 << (log - row_log);
        let scale = if inverse { ArkFr::from(1u64 << log).inverse()? } else { ArkFr::ONE };
        Some(Self { rows: 1 << row_log, columns, layers, steps: powers(root(log)?, columns), scale: form(scale) })
    }

    fn size(&self) -> usize {
        self.rows * self.columns
    }
}

fn powers(root: ArkFr, count: usize) -> Vec<[u64; LIMBS]> {
    std::iter::successors(Some(ArkFr::ONE), |power| Some(*power * root)).take(count).map(form).collect()
}

/// A number in the form of 2^260, below `p`: arkworks' of 2^256 is multiplied by 16.
fn form(number: ArkFr) -> [u64; LIMBS] {
    limbs((number * ArkFr::from(16u64)).0.0)
}

impl Ifma {
    /// Transforms as many numbers as the plan is for, in natural order on both sides. `scratch` holds as many.
    pub(in crate::fast) fn fft(&self, plan: &Plan, values: &mut [ArkFr], scratch: &mut [ArkFr]) {
        assert!(values.len() == plan.size() && scratch.len() == plan.size(), "the plan is for {} numbers", plan.size());
        let source = &*values;
        scratch.par_chunks_mut(8 * plan.rows).enumerate().for_each_init(Vec::new, |buffer, (group, out)| {
            // SAFETY: an `Ifma` exists only where the processor has the features that the function asks for.
            unsafe { transform_columns(plan, source, 8 * group, out, buffer) }
        });
        let scratch = &*scratch;
        by_row_group(values, plan.rows).into_par_iter().enumerate().for_each_init(
            Vec::new,
            |buffer, (group, mut out)| {
                // SAFETY: an `Ifma` exists only where the processor has the features that the function asks for.
                unsafe { transform_rows(plan, scratch, 8 * group, &mut out, buffer) }
            },
        );
    }
}

/// The places of the results of each eight rows: result `k + rows * j` belongs to row `k`.
fn by_row_group(values: &mut [ArkFr], rows: usize) -> Vec<Vec<&mut [ArkFr]>> {
    let mut groups: Vec<_> = (0..rows / 8).map(|_| Vec::with_capacity(values.len() / rows)).collect();
    for row in values.chunks_exact_mut(rows) {
        for (group, eight) in groups.iter_mut().zip(row.chunks_exact_mut(8)) {
            group.push(eight);
        }
    }
    groups
}

/// Transforms columns `from..from + 8` and multiplies by powers of the root; results lie row by row of eight.
#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
fn transform_columns(plan: &Plan, source: &[ArkFr], from: usize, out: &mut [ArkFr], buffer: &mut Vec<Grown>) {
    buffer.resize(plan.rows, Lanes::<Fr, 1>::constant([0; LIMBS]).widen());
    let shift = usize::BITS - plan.rows.trailing_zeros();
    for (index, row) in source.chunks_exact(plan.columns).enumerate() {
        buffer[index.reverse_bits() >> shift] = read::<1>(&row[from..from + 8]).widen();
    }
    transform(buffer, &plan.layers);
    let (step, mut power) = step_powers(plan, from);
    for (four, out) in buffer.chunks_exact(4).zip(out.chunks_exact_mut(32)) {
        for ((value, power), out) in four.iter().zip(&mut power).zip(out.chunks_exact_mut(8)) {
            write(&value.assume::<GROWN_ONCE>().mul(power), out);
            *power = power.mul(&step);
        }
    }
}

/// For each of eight columns from `from` on the fourth power of its power of the root, and its first four, scaled.
#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
fn step_powers(plan: &Plan, from: usize) -> (Lanes<Fr, 2>, [Lanes<Fr, 2>; 4]) {
    let mut words = [[0; 4]; 8];
    for (lane, words) in words.iter_mut().enumerate() {
        *words = packed(plan.steps[from + lane]);
    }
    let one = Lanes::<Fr, 1>::from_words(&words);
    let two = one.mul(&one);
    let zeroth = Lanes::<Fr, 1>::constant(plan.scale).widen::<2>();
    let first = zeroth.mul(&one);
    (two.mul(&two), [zeroth, first, zeroth.mul(&two), first.mul(&two)])
}

/// Limbs as words.
fn packed(limbs: [u64; LIMBS]) -> [u64; 4] {
    let [a, b, c, d, e] = limbs;
    [a | b << 52, b >> 12 | c << 40, c >> 24 | d << 28, d >> 36 | e << 16]
}

/// Transforms rows `from..from + 8` of what [`transform_columns`] wrote.
#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
fn transform_rows(plan: &Plan, source: &[ArkFr], from: usize, out: &mut [&mut [ArkFr]], buffer: &mut Vec<Grown>) {
    buffer.resize(plan.columns, Lanes::<Fr, 1>::constant([0; LIMBS]).widen());
    let shift = usize::BITS - plan.columns.trailing_zeros();
    for (group, block) in source.chunks_exact(8 * plan.rows).enumerate() {
        let square = &block[8 * from..8 * (from + 8)];
        for column in 0..8 {
            let index = 8 * group + column;
            buffer[index.reverse_bits() >> shift] = read_strided::<STORED>(&square[column..]).widen();
        }
    }
    transform(buffer, &plan.layers);
    for (value, out) in buffer.iter().zip(out) {
        write(&value.reduce_fully().widen(), out);
    }
}

/// The transform of numbers in bit-reversed order, lane by lane.
#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
fn transform(buffer: &mut [Grown], layers: &[Vec<[u64; LIMBS]>]) {
    let depth = buffer.len().trailing_zeros() as usize;
    if buffer.len() > BLOCK {
        let (low, high) = buffer.split_at_mut(buffer.len() / 2);
        transform(low, layers);
        transform(high, layers);
        return combine(buffer, &layers[depth - 1], depth - 1);
    }
    for (layer, roots) in layers[..depth].iter().enumerate() {
        for block in buffer.chunks_exact_mut(2 << layer) {
            combine(block, roots, layer);
        }
    }
}

/// One layer of butterflies: `low + root * high` and `low - root * high`. The compiler does not see the bounds here: see
/// [`GROWN`] for why they hold.
#[inline]
#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
fn combine(block: &mut [Grown], roots: &[[u64; LIMBS]], layer: usize) {
    let (low, high) = block.split_at_mut(block.len() / 2);
    let by_one = usize::from(layer < 3);
    if by_one == 1 {
        let (a, b) = (low[0].assume::<{ GROWN / 2 }>(), high[0].assume::<{ 4 * STORED }>());
        (low[0], high[0]) = (a.add(&b), a.sub(&b));
    }
    for ((low, high), root) in low.iter_mut().zip(high).zip(roots).skip(by_one) {
        let product = high.mul(&Lanes::<Fr, 1>::constant(*root));
        let a = low.assume::<{ GROWN - 2 }>();
        (*low, *high) = (a.add(&product), a.sub(&product));
    }
}

/// Eight numbers that lie together.
#[inline]
#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
fn read<const B: u64>(numbers: &[ArkFr]) -> Lanes<Fr, B> {
    let row = |index: usize| load_halves(&numbers[index].0.0, &numbers[index + 4].0.0);
    Lanes::unpack(&transpose([row(0), row(1), row(2), row(3)]))
}

/// Eight numbers, each eight after the last.
#[inline]
#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
fn read_strided<const B: u64>(numbers: &[ArkFr]) -> Lanes<Fr, B> {
    let row = |index: usize| load_halves(&numbers[8 * index].0.0, &numbers[8 * (index + 4)].0.0);
    Lanes::unpack(&transpose([row(0), row(1), row(2), row(3)]))
}

/// Writes eight numbers that lie together.
#[inline]
#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
fn write(lanes: &Lanes<Fr, 2>, numbers: &mut [ArkFr]) {
    let (low, high) = numbers.split_at_mut(4);
    for (row, (low, high)) in transpose(lanes.pack()).into_iter().zip(low.iter_mut().zip(high)) {
        store_halves(&mut low.0.0, &mut high.0.0, row);
    }
}
