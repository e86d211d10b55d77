//! Many points, each times its own scalar, and Fourier transforms of points built from that.

use ark_bn254::{Fr, G1Projective};
use ark_ff::{FftField, Field, Zero};
use rayon::prelude::*;

/// The largest transform of points: far beyond any number of chunks.
const LOG_MAX: u32 = 22;

/// Each point times the scalar of its place; the shorter list decides how many.
pub fn multiply_many(points: &[G1Projective], scalars: &[Fr]) -> Vec<G1Projective> {
    let count = points.len().min(scalars.len());
    let (points, scalars) = (&points[..count], &scalars[..count]);
    #[cfg(target_arch = "x86_64")]
    if let Some(ifma) = super::ifma::Ifma::detect() {
        let eights = points.par_chunks(8).zip(scalars.par_chunks(8));
        return eights.flat_map_iter(|(points, scalars)| multiply_eight(&ifma, points, scalars)).collect();
    }
    portable(points, scalars)
}

/// As [`multiply_many`] with arkworks' method.
pub(super) fn portable(points: &[G1Projective], scalars: &[Fr]) -> Vec<G1Projective> {
    points.par_iter().zip(scalars).map(|(point, scalar)| *point * scalar).collect()
}

/// Up to eight products; lanes that are left over multiply nothing.
#[cfg(target_arch = "x86_64")]
fn multiply_eight(ifma: &super::ifma::Ifma, points: &[G1Projective], scalars: &[Fr]) -> Vec<G1Projective> {
    let (mut lanes, mut halves) = ([G1Projective::zero(); 8], [super::glv::Halves::from(Fr::zero()); 8]);
    lanes[..points.len()].copy_from_slice(points);
    for (halves, scalar) in halves.iter_mut().zip(scalars) {
        *halves = (*scalar).into();
    }
    ifma.multiply(&lanes, &halves)[..points.len()].to_vec()
}

/// Evaluates the polynomial whose coefficients are these points at the powers of arkworks' root of unity of their count,
/// in place. Infinite points cost nothing: where only the first few coefficients are finite, the first layers are as short.
///
/// # Panics
/// Where the count is not a power of two, or exceeds 2^22.
pub fn fft_points(points: &mut [G1Projective]) {
    transform(points, false);
}

/// The inverse of [`fft_points`].
///
/// # Panics
/// As [`fft_points`].
pub fn ifft_points(points: &mut [G1Projective]) {
    transform(points, true);
    let scale = Fr::from(points.len() as u64).inverse().expect("a power of two is not zero in the field");
    points.copy_from_slice(&multiply_many(points, &vec![scale; points.len()]));
}

/// Layers from wide to narrow (decimation in frequency): `low + high` and `(low - high) * root`. Results come out in
/// bit-reversed order.
fn transform(points: &mut [G1Projective], inverse: bool) {
    let count = points.len();
    assert!(count.is_power_of_two() && count <= 1 << LOG_MAX, "a transform takes 2^0 to 2^22 points, not {count}");
    let root = Fr::get_root_of_unity(count as u64).expect("the field has roots of order 2^28");
    let root = if inverse { root.inverse().expect("a root of unity is not zero") } else { root };
    let roots: Vec<_> = std::iter::successors(Some(Fr::ONE), |power| Some(*power * root)).take(count / 2).collect();
    let mut width = count;
    while width > 1 {
        points.par_chunks_mut(width).for_each(butterflies);
        multiply_upper_halves(points, &roots, width);
        width /= 2;
    }
    reverse_bits(points);
}

fn butterflies(block: &mut [G1Projective]) {
    let (low, high) = block.split_at_mut(block.len() / 2);
    low.par_iter_mut().zip(high).with_min_len(64).for_each(|(low, high)| {
        if high.is_zero() {
            *high = *low;
        } else {
            (*low, *high) = (*low + *high, *low - *high);
        }
    });
}

/// Multiplies the upper half of each block by the powers of the block's root, but for infinite points and the power one.
fn multiply_upper_halves(points: &mut [G1Projective], roots: &[Fr], width: usize) {
    let (mut places, mut scalars) = (Vec::new(), Vec::new());
    for place in (0..points.len()).filter(|place| place % width > width / 2) {
        if !points[place].is_zero() {
            places.push(place);
            scalars.push(roots[(place % width - width / 2) * (points.len() / width)]);
        }
    }
    let factors: Vec<_> = places.iter().map(|place| points[*place]).collect();
    for (place, product) in places.into_iter().zip(multiply_many(&factors, &scalars)) {
        points[place] = product;
    }
}

fn reverse_bits(points: &mut [G1Projective]) {
    if points.len() < 2 {
        return;
    }
    let shift = usize::BITS - points.len().trailing_zeros();
    for place in 0..points.len() {
        let reversed = place.reverse_bits() >> shift;
        if place < reversed {
            points.swap(place, reversed);
        }
    }
}
