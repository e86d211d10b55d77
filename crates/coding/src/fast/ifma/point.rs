//! Points of G1 as they lie in memory, and eight of them as lanes.

use std::arch::x86_64::*;

use ark_bn254::{Fq, G1Affine};
use ark_ec::AffineRepr;
use ark_ff::{BigInt, BigInteger, Fp as ArkFp};

use super::super::glv::subtracted;
use super::lanes::{Lanes, Words, load_halves};
use super::modulus::{Fp, Modulus};

/// A coordinate of a point in memory or on its way between two formulas.
pub(super) type Coordinate = Lanes<Fp, 3>;

/// An affine point in the kernels' form, packed into one cache line: words of `x`, then of `y`, each below `3p`. Both are
/// zero for the point at infinity, which is no operand of any kernel here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(64))]
pub(in crate::fast) struct Point {
    pub(super) x: [u64; 4],
    pub(super) y: [u64; 4],
}

/// Three times the modulus, which four words hold.
const THREE_P: [u64; 4] = {
    let (minus_p, _) = subtracted([0; 4], Fp::WORDS);
    let (minus_two, _) = subtracted(minus_p, Fp::WORDS);
    let (minus_three, _) = subtracted(minus_two, Fp::WORDS);
    subtracted([0; 4], minus_three).0
};

const _: () = assert!(size_of::<Point>() == 64, "eight words are stored at once");

impl Point {
    /// The negative of a finite point, whose `y` is never zero, so that `3p - y` is below `3p`.
    pub(super) fn negated(&self) -> Self {
        let (y, _) = subtracted(THREE_P, self.y);
        Self { x: self.x, y }
    }

    /// Whether both points have the same `x`, so that their sum is a doubling or infinite.
    pub(super) fn shares_x(&self, other: &Self) -> bool {
        residue(self.x) == residue(other.x)
    }
}

/// Four words below `3p` brought below `p`.
fn residue(words: [u64; 4]) -> BigInt<4> {
    let (mut value, p) = (BigInt(words), BigInt(Fp::WORDS));
    while value >= p {
        value.sub_with_borrow(&p);
    }
    value
}

/// Points of arkworks in the kernels' form.
#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
pub(super) fn from_ark(points: &[G1Affine], out: &mut Vec<Point>) {
    for eight in points.chunks(8) {
        let (mut x, mut y) = ([Fq::default(); 8], [Fq::default(); 8]);
        for (lane, point) in eight.iter().enumerate() {
            (x[lane], y[lane]) = point.xy().unwrap_or_default();
        }
        let (x, y) = (lanes_from_ark(&x).canonical().to_words(), lanes_from_ark(&y).canonical().to_words());
        out.extend(x.into_iter().zip(y).map(|(x, y)| Point { x, y }).take(eight.len()));
    }
}

/// Points in arkworks' form.
#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
pub(super) fn to_ark(points: &[Point], out: &mut Vec<G1Affine>) {
    for eight in points.chunks(8) {
        let mut full = [Point::default(); 8];
        full[..eight.len()].copy_from_slice(eight);
        let x = lanes_to_ark(&Coordinate::from_words(&full.map(|point| point.x)));
        let y = lanes_to_ark(&Coordinate::from_words(&full.map(|point| point.y)));
        let affine = eight.iter().zip(x.into_iter().zip(y));
        out.extend(affine.map(|(point, (x, y))| match *point == Point::default() {
            true => G1Affine::zero(),
            false => G1Affine::new_unchecked(x, y),
        }));
    }
}

/// Eight numbers of arkworks as lanes.
#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
pub(super) fn lanes_from_ark(numbers: &[Fq; 8]) -> Lanes<Fp, 2> {
    let lanes = Lanes::<Fp, 1>::from_words(&numbers.map(|number| number.0.0));
    lanes.mul(&Lanes::<Fp, 1>::constant(Fp::FROM_ARK))
}

/// Lanes as numbers of arkworks.
#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
pub(super) fn lanes_to_ark<const B: u64>(lanes: &Lanes<Fp, B>) -> [Fq; 8] {
    let lanes = lanes.mul(&Lanes::<Fp, 1>::constant(Fp::TO_ARK));
    lanes.canonical().to_words().map(|words| ArkFp::new_unchecked(BigInt(words)))
}

/// The `x` of eight points.
#[inline]
#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
pub(super) fn gather_x(points: &[&Point; 8]) -> Coordinate {
    let [a, b, c, d, e, f, g, h] = points;
    transposed([load_halves(&a.x, &e.x), load_halves(&b.x, &f.x), load_halves(&c.x, &g.x), load_halves(&d.x, &h.x)])
}

/// The `y` of eight points.
#[inline]
#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
pub(super) fn gather_y(points: &[&Point; 8]) -> Coordinate {
    let [a, b, c, d, e, f, g, h] = points;
    transposed([load_halves(&a.y, &e.y), load_halves(&b.y, &f.y), load_halves(&c.y, &g.y), load_halves(&d.y, &h.y)])
}

#[inline]
#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
fn transposed(rows: Words) -> Coordinate {
    Coordinate::unpack(&transpose(rows))
}

/// Turns rows (number `i` beside number `i + 4`) into columns (word `i` of all eight), and columns into rows.
#[inline]
#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
pub(super) fn transpose(rows: Words) -> Words {
    let low = _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13);
    let high = _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15);
    let (a, b) = (_mm512_unpacklo_epi64(rows[0], rows[1]), _mm512_unpackhi_epi64(rows[0], rows[1]));
    let (c, d) = (_mm512_unpacklo_epi64(rows[2], rows[3]), _mm512_unpackhi_epi64(rows[2], rows[3]));
    [
        _mm512_permutex2var_epi64(a, low, c),
        _mm512_permutex2var_epi64(b, low, d),
        _mm512_permutex2var_epi64(a, high, c),
        _mm512_permutex2var_epi64(b, high, d),
    ]
}

/// Eight points as rows of memory, each to be written by [`write`].
#[inline]
#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
pub(super) fn rows(x: &Coordinate, y: &Coordinate) -> [__m512i; 8] {
    let (x, y) = (transpose(x.pack()), transpose(y.pack()));
    let mut rows = [_mm512_setzero_si512(); 8];
    for lane in 0..4 {
        rows[lane] = _mm512_shuffle_i64x2::<0x44>(x[lane], y[lane]);
        rows[lane + 4] = _mm512_shuffle_i64x2::<0xEE>(x[lane], y[lane]);
    }
    rows
}

/// Asks for the point of an entry (`index << 1 | negative`) to be brought near, where there is one.
#[inline]
pub(super) fn prefetch(points: &[Point], entry: u32) {
    let point = points.as_ptr().wrapping_add((entry >> 1) as usize);
    // SAFETY: a prefetch reads nothing and faults nowhere, whatever the address.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(point.cast()) }
}

/// Writes one of [`rows`].
#[inline]
#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
pub(super) fn write(point: &mut Point, row: __m512i) {
    // SAFETY: a point is 64 bytes of plain words, aligned to 64, and the reference is ours alone.
    unsafe { _mm512_store_si512(std::ptr::from_mut(point).cast(), row) }
}
