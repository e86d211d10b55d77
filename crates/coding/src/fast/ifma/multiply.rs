//! Eight points, each times its own scalar.

use ark_bn254::G1Projective;
use ark_bn254::g1::Config;
use ark_ec::scalar_mul::glv::GLVConfig;
use ark_ff::Zero;

use super::super::glv::{DIGITS, Halves};
use super::Ifma;
use super::lanes::Lanes;
use super::modulus::Fp;
use super::point::lanes_from_ark;
use super::xyzz::Sum;

/// Multiples of a point that a digit can ask for, one to eight.
const TABLE: usize = 8;

impl Ifma {
    /// Multiplies each point by the scalar of its place.
    pub(in crate::fast) fn multiply(&self, points: &[G1Projective; 8], scalars: &[Halves; 8]) -> [G1Projective; 8] {
        // SAFETY: an `Ifma` exists only where the processor has the features that the function asks for.
        unsafe { multiply(points, scalars) }
    }
}

#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
fn multiply(points: &[G1Projective; 8], scalars: &[Halves; 8]) -> [G1Projective; 8] {
    let tables = tables(&Sum::from_projective(points));
    let mut sum = Sum::from_projective(&[G1Projective::zero(); 8]);
    let mut begun = false;
    for place in (0..DIGITS).rev() {
        if begun {
            for _ in 0..4 {
                sum.double();
            }
        }
        for (half, table) in tables.iter().enumerate() {
            let mut digits = [0; 8];
            for (digit, scalar) in digits.iter_mut().zip(scalars) {
                *digit = scalar.0[half][place];
            }
            if digits != [0; 8] {
                begun = true;
                let (multiple, mask) = select(table, digits);
                sum.add_where(&multiple, mask);
            }
        }
    }
    sum.to_projective()
}

/// The first eight multiples of a point, and of its image under the endomorphism, which multiplies `x` by a constant.
#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
fn tables(point: &Sum) -> [[Sum; TABLE]; 2] {
    let mut table = [*point; TABLE];
    table[1].double();
    for index in 2..TABLE {
        table[index] = table[index - 1];
        table[index].add_where(point, u8::MAX);
    }
    let root: Lanes<Fp, 2> = lanes_from_ark(&[Config::ENDO_COEFFS[0]; 8]);
    let mut image = table;
    for sum in &mut image {
        sum.x = sum.x.mul(&root).widen();
    }
    [table, image]
}

/// The multiple that each lane's digit asks for, and the lanes whose digit is not zero.
#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
fn select(table: &[Sum; TABLE], digits: [i8; 8]) -> (Sum, u8) {
    let mask = |with: &dyn Fn(i8) -> bool| {
        digits.iter().enumerate().fold(0u8, |mask, (lane, digit)| mask | u8::from(with(*digit)) << lane)
    };
    let mut multiple = table[0];
    for (entry, digit) in table.iter().zip(1..).skip(1) {
        multiple.blend(mask(&|own| own.unsigned_abs() == digit), entry);
    }
    multiple.negate(mask(&|own| own < 0));
    (multiple, mask(&|own| own != 0))
}
