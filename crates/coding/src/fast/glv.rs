//! Scalars split in two halves by the curve's endomorphism (Gallant, Lambert, Vanstone): `k = a + b * lambda` with `a` and `b`
//! of about 127 bits, so that a multiplication takes half the doublings.

use ark_bn254::Fr;
use ark_bn254::g1::Config;
use ark_ec::scalar_mul::glv::GLVConfig;
use ark_ff::PrimeField;

use super::buckets::bits_at;

/// Bits of a digit.
const DIGIT_BITS: usize = 4;
/// Digits of a half: room for 131 bits and a carry.
pub(super) const DIGITS: usize = 33;

/// The lattice of pairs with `a + b * lambda = 0` has the short vectors `(-LONG, SHORT)` and `(-SHORT, -LONG - SHORT)`.
const LONG: u128 = 147_946_756_881_789_319_000_765_030_803_803_410_728;
const SHORT: u128 = 9_931_322_734_385_697_763;
/// `2^254 * (LONG + SHORT) / r` and `2^254 * SHORT / r`, rounded down: they find the nearest point of the lattice.
const LONG_QUOTIENT: u128 = quotient(LONG + SHORT);
const SHORT_QUOTIENT: u128 = quotient(SHORT);

/// The two halves of a scalar in signed digits of `-8..=8`, least first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Halves(pub(super) [[i8; DIGITS]; 2]);

impl From<Fr> for Halves {
    /// The halves come from the field itself, so their sum is right however the lattice point was rounded; rounding only
    /// decides how long they are.
    fn from(scalar: Fr) -> Self {
        let words = scalar.into_bigint().0;
        let (long, short) = (Fr::from(high(&words, LONG_QUOTIENT)), Fr::from(high(&words, SHORT_QUOTIENT)));
        let second = long * Fr::from(SHORT) - short * Fr::from(LONG + SHORT);
        let first = scalar - second * Config::LAMBDA;
        Self([digits(first), digits(second)])
    }
}

/// Signed digits of a number that is near zero from either side.
fn digits(number: Fr) -> [i8; DIGITS] {
    let (own, opposite) = (number.into_bigint(), (-number).into_bigint());
    let (magnitude, sign) = if own <= opposite { (own, 1) } else { (opposite, -1) };
    debug_assert!(magnitude.0[2] < 8 && magnitude.0[3] == 0, "a half has at most 131 bits");
    let mut digits = [0; DIGITS];
    let mut carry = 0;
    for (index, place) in digits.iter_mut().enumerate() {
        let digit = bits_at(&magnitude.0, index * DIGIT_BITS, DIGIT_BITS) as i8 + carry;
        carry = i8::from(digit > 8);
        *place = sign * (digit - (carry << DIGIT_BITS));
    }
    digits
}

/// `number * factor / 2^254`, rounded down.
fn high(number: &[u64; 4], factor: u128) -> u128 {
    let factor = [factor as u64, (factor >> 64) as u64];
    let mut product = [0u64; 6];
    for (i, factor) in factor.iter().enumerate() {
        let mut carry = 0u128;
        for (j, word) in number.iter().enumerate() {
            let sum = u128::from(product[i + j]) + u128::from(*word) * u128::from(*factor) + carry;
            product[i + j] = sum as u64;
            carry = sum >> 64;
        }
        product[i + 4] = carry as u64;
    }
    u128::from(product[3] >> 62) | u128::from(product[4]) << 2 | u128::from(product[5]) << 66
}

/// `2^254 * number / r`, rounded down: long division bit by bit.
const fn quotient(number: u128) -> u128 {
    let r = Fr::MODULUS.0;
    let (mut rest, mut quotient) = ([0u64; 4], 0u128);
    let mut bit = 128 + 254;
    while bit > 0 {
        bit -= 1;
        let incoming = if bit >= 254 { (number >> (bit - 254)) as u64 & 1 } else { 0 };
        rest = [
            rest[0] << 1 | incoming,
            rest[1] << 1 | rest[0] >> 63,
            rest[2] << 1 | rest[1] >> 63,
            rest[3] << 1 | rest[2] >> 63,
        ];
        let (lower, borrow) = subtracted(rest, r);
        quotient = quotient << 1 | !borrow as u128;
        if !borrow {
            rest = lower;
        }
    }
    quotient
}

/// The difference of two numbers, and whether it is below zero.
pub(super) const fn subtracted(left: [u64; 4], right: [u64; 4]) -> ([u64; 4], bool) {
    let mut difference = [0; 4];
    let mut borrow = false;
    let mut index = 0;
    while index < 4 {
        let (partial, first) = left[index].overflowing_sub(right[index]);
        let (word, second) = partial.overflowing_sub(borrow as u64);
        difference[index] = word;
        borrow = first || second;
        index += 1;
    }
    (difference, borrow)
}
