//! Constants of a prime field for arithmetic on limbs of 52 bits, worked out by the compiler from the modulus alone.

use ark_bn254::{FqConfig, FrConfig};
use ark_ff::MontConfig;

use super::super::glv::subtracted;

/// Bits of a limb: what one multiply-add reads of each factor.
pub(super) const LIMB_BITS: u32 = 52;
/// Limbs of a number; together 260 bits, of which the moduli here use 254.
pub(super) const LIMBS: usize = 5;
/// The largest multiple of a modulus that [`LIMBS`] limbs hold: 2^260 is a little over 84 of either modulus.
pub(super) const BOUND_MAX: u64 = 84;

const MASK: u64 = (1 << LIMB_BITS) - 1;

/// A prime modulus just under 2^254. A number `a` is kept as `a * 2^260 mod p` (Montgomery form of five limbs).
pub(super) trait Modulus: Copy + Send + Sync + 'static {
    /// The modulus, four words of 64 bits, least significant first.
    const WORDS: [u64; 4];
    /// The modulus in limbs.
    const P: [u64; LIMBS] = limbs(Self::WORDS);
    /// `-1/p mod 2^52`: what a low limb is multiplied by to find the multiple of `p` that clears it.
    const NEGATED_INVERSE: u64 = negated_inverse(Self::WORDS[0]);
    /// `2^-52 mod p`: a low limb times this, one limb higher, is worth the same.
    const FOLD_ONE: [u64; LIMBS] = limbs(shifted(Self::WORDS, -52));
    /// `2^-104 mod p`: the same over two limbs.
    const FOLD_TWO: [u64; LIMBS] = limbs(shifted(Self::WORDS, -104));
    /// One, in the form of five limbs.
    const ONE: [u64; LIMBS] = limbs(shifted(Self::WORDS, 260));
    /// Times this, a number of arkworks (form of 2^256) takes the form of 2^260.
    const FROM_ARK: [u64; LIMBS] = limbs(shifted(Self::WORDS, 264));
    /// Times this, a number takes arkworks' form again.
    const TO_ARK: [u64; LIMBS] = limbs(shifted(Self::WORDS, 256));
    /// `2^58` divided by `p / 2^208`: what finds the quotient by `p` from the highest limb.
    const QUOTIENT: u64 = (1 << 58) / (Self::P[LIMBS - 1] + 1);
    /// The multiples of `p` that bring a value under `2^257` below `3p`, by its bits from 254 upwards.
    const REDUCTIONS: [[u64; 8]; LIMBS] = reductions(Self::WORDS);
}

/// The field of coordinates of points.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fp;

/// The field of scalars.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fr;

impl Modulus for Fp {
    const WORDS: [u64; 4] = FqConfig::MODULUS.0;
}

impl Modulus for Fr {
    const WORDS: [u64; 4] = FrConfig::MODULUS.0;
}

/// Four words as five limbs.
pub(super) const fn limbs(words: [u64; 4]) -> [u64; LIMBS] {
    [
        words[0] & MASK,
        (words[0] >> 52 | words[1] << 12) & MASK,
        (words[1] >> 40 | words[2] << 24) & MASK,
        (words[2] >> 28 | words[3] << 36) & MASK,
        words[3] >> 16,
    ]
}

/// `factor * p` in limbs, the carries done; `factor` is at most [`BOUND_MAX`].
pub(super) const fn multiple(p: [u64; LIMBS], factor: u64) -> [u64; LIMBS] {
    assert!(factor <= BOUND_MAX, "the multiple exceeds five limbs");
    let mut product = [0; LIMBS];
    let mut carry = 0;
    let mut index = 0;
    while index < LIMBS {
        let sum = p[index] * factor + carry;
        product[index] = sum & MASK;
        carry = sum >> LIMB_BITS;
        index += 1;
    }
    assert!(carry == 0, "the multiple exceeds five limbs");
    product
}

/// The largest product of the bounds of two factors whose product stays below `2p` (see [`super::lanes`]): what folding
/// and the last step leave of it, in thousandths rounded against us.
pub(super) const fn product_max<M: Modulus>() -> u64 {
    let folds = 1_000 * (M::FOLD_ONE[LIMBS - 1] + M::FOLD_TWO[LIMBS - 1] + 2) / M::P[LIMBS - 1] + 1;
    (1_000 - folds) * BOUND_MAX / 1_000
}

/// `2^exponent mod p`.
const fn shifted(p: [u64; 4], exponent: i32) -> [u64; 4] {
    let mut value = [1, 0, 0, 0];
    let mut step = 0;
    while step < exponent {
        value = reduced(double(value), p);
        step += 1;
    }
    while step > exponent {
        value = halved(value, p);
        step -= 1;
    }
    value
}

const fn double(value: [u64; 4]) -> [u64; 4] {
    [value[0] << 1, value[1] << 1 | value[0] >> 63, value[2] << 1 | value[1] >> 63, value[3] << 1 | value[2] >> 63]
}

/// Half of `value` modulo the odd `p`: of `value + p` where `value` is odd.
const fn halved(value: [u64; 4], p: [u64; 4]) -> [u64; 4] {
    let even = if value[0] & 1 == 0 { value } else { added(value, p) };
    [even[0] >> 1 | even[1] << 63, even[1] >> 1 | even[2] << 63, even[2] >> 1 | even[3] << 63, even[3] >> 1]
}

/// `value`, below `2p`, brought below `p`.
const fn reduced(value: [u64; 4], p: [u64; 4]) -> [u64; 4] {
    let (difference, borrow) = subtracted(value, p);
    if borrow { value } else { difference }
}

/// The sum of two numbers below 2^255.
const fn added(left: [u64; 4], right: [u64; 4]) -> [u64; 4] {
    let mut sum = [0; 4];
    let mut carry = 0;
    let mut index = 0;
    while index < 4 {
        let wide = left[index] as u128 + right[index] as u128 + carry;
        sum[index] = wide as u64;
        carry = wide >> 64;
        index += 1;
    }
    sum
}

/// `-1/low mod 2^52` by Newton's iteration, which doubles the right bits of an inverse each time; `low` is odd.
const fn negated_inverse(low: u64) -> u64 {
    let mut inverse = 1u64;
    let mut step = 0;
    while step < 6 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(low.wrapping_mul(inverse)));
        step += 1;
    }
    inverse.wrapping_neg() & MASK
}

/// For each `k` below 8 the largest multiple of `p` up to `k * 2^254`, one limb of all eight after the other.
const fn reductions(p: [u64; 4]) -> [[u64; 8]; LIMBS] {
    let p = limbs(p);
    let mut table = [[0; 8]; LIMBS];
    let mut k = 0;
    while k < 8 {
        // 2^254 is 2^46 in the highest limb; the division errs by far less than the remainders that are checked below.
        let top = (k as u64) << 46;
        let factor = top / (p[LIMBS - 1] + 1);
        let product = multiple(p, factor);
        assert!(k == 0 || top > product[LIMBS - 1] + 16, "a carry could bring the difference below zero");
        assert!(top < product[LIMBS - 1] + p[LIMBS - 1] + 1, "the difference would not be below p");
        let mut index = 0;
        while index < LIMBS {
            table[index][k] = product[index];
            index += 1;
        }
        k += 1;
    }
    table
}
