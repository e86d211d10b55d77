//! Eight field elements at a time: limb `i` of all eight stands in vector `i`, lane by lane.
//!
//! Values are not kept below the modulus. `Lanes<M, B>` says in its type that every lane is below `B * p`, and each
//! operation states by a constant that the compiler checks what it asks of its operands. Two facts carry everything:
//! - five limbs of 52 bits hold anything below `84p`, and multiply-adds read 52 bits of a limb, so limbs are brought
//!   below 2^52 (`Raw::carry`) before they are multiplied;
//! - a product of operands below `a * p` and `b * p` is below `(a * b / 84 + f + 1) * p`: the quotient by 2^260, what
//!   folding the four low limbs adds (`f`, about a half), and one last Montgomery step. It is below `2p` where `a * b` is at
//!   most 40 for the field of coordinates and 48 for that of scalars (`product_max`).

use std::arch::x86_64::*;
use std::marker::PhantomData;

use super::modulus::{BOUND_MAX, LIMB_BITS, LIMBS, Modulus, multiple, product_max};

/// Eight residues, each below `B * p`, limbs below 2^52.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lanes<M, const B: u64> {
    limbs: [__m512i; LIMBS],
    modulus: PhantomData<M>,
}

/// Eight residues, each in `0..B * p`, whose limbs may stand above 52 bits or below zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct Raw<M, const B: u64> {
    limbs: [__m512i; LIMBS],
    modulus: PhantomData<M>,
}

/// Four packed vectors: word `i` of 64 bits of eight numbers.
pub(super) type Words = [__m512i; 4];

#[inline]
#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
fn broadcast(limbs: [u64; LIMBS]) -> [__m512i; LIMBS] {
    let mut out = [_mm512_setzero_si512(); LIMBS];
    for (out, limb) in out.iter_mut().zip(limbs) {
        *out = _mm512_set1_epi64(limb as i64);
    }
    out
}

/// Brings all limbs but the highest below 2^52; carries are signed.
#[inline]
#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
fn carried(mut limbs: [__m512i; LIMBS]) -> [__m512i; LIMBS] {
    let mask = _mm512_set1_epi64((1 << LIMB_BITS) - 1);
    for index in 0..LIMBS - 1 {
        limbs[index + 1] = _mm512_add_epi64(limbs[index + 1], _mm512_srai_epi64::<LIMB_BITS>(limbs[index]));
        limbs[index] = _mm512_and_si512(limbs[index], mask);
    }
    limbs
}

/// Adds `factor * constant`, whose lowest limb has the weight of `columns[at]`.
#[inline]
#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
fn multiply_add(columns: &mut [__m512i; 2 * LIMBS], at: usize, factor: __m512i, constant: &[u64; LIMBS]) {
    for (index, limb) in constant.iter().enumerate() {
        let limb = _mm512_set1_epi64(*limb as i64);
        columns[at + index] = _mm512_madd52lo_epu64(columns[at + index], factor, limb);
        columns[at + index + 1] = _mm512_madd52hi_epu64(columns[at + index + 1], factor, limb);
    }
}

/// The columns of a product divided by 2^260 modulo `p`: two limbs at a time are folded into the next ones by the inverse
/// powers of two, and the fifth goes by a Montgomery step.
#[inline]
#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
fn divided<M: Modulus>(mut columns: [__m512i; 2 * LIMBS]) -> [__m512i; LIMBS] {
    for low in [0, 2] {
        columns[low + 1] = _mm512_add_epi64(columns[low + 1], _mm512_srli_epi64::<LIMB_BITS>(columns[low]));
        columns[low + 2] = _mm512_add_epi64(columns[low + 2], _mm512_srli_epi64::<LIMB_BITS>(columns[low + 1]));
        let (first, second) = (columns[low], columns[low + 1]);
        multiply_add(&mut columns, low + 2, first, const { &M::FOLD_TWO });
        multiply_add(&mut columns, low + 2, second, const { &M::FOLD_ONE });
    }
    let inverse = _mm512_set1_epi64(M::NEGATED_INVERSE as i64);
    let quotient = _mm512_madd52lo_epu64(_mm512_setzero_si512(), columns[4], inverse);
    multiply_add(&mut columns, 4, quotient, const { &M::P });
    columns[5] = _mm512_add_epi64(columns[5], _mm512_srli_epi64::<LIMB_BITS>(columns[4]));
    carried([columns[5], columns[6], columns[7], columns[8], columns[9]])
}

/// The product divided by 2^260 modulo `p`. Put into its callers whole, which a function with target features cannot ask
/// for: a call would cost the vectors that are at hand.
///
/// # Safety
/// The caller must have the target features of this module.
#[inline(always)]
unsafe fn product<M: Modulus>(left: &[__m512i; LIMBS], right: &[__m512i; LIMBS]) -> [__m512i; LIMBS] {
    // SAFETY: the caller has the features, as it promises.
    unsafe {
        let mut columns = [_mm512_setzero_si512(); 2 * LIMBS];
        for i in 0..LIMBS {
            for j in 0..LIMBS {
                columns[i + j] = _mm512_madd52lo_epu64(columns[i + j], left[i], right[j]);
                columns[i + j + 1] = _mm512_madd52hi_epu64(columns[i + j + 1], left[i], right[j]);
            }
        }
        divided::<M>(columns)
    }
}

/// Products of groups, which do not wait for each other.
#[inline(never)]
#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
pub(super) fn multiply_each<M: Modulus, const B: u64, const C: u64, const G: usize>(
    left: &[Lanes<M, B>; G],
    right: &[Lanes<M, C>; G],
    out: &mut [Lanes<M, 2>; G],
) {
    const { assert!(B * C <= product_max::<M>(), "the product would reach 2p") };
    for group in 0..G {
        // SAFETY: this function has the features.
        out[group] = Lanes::new(unsafe { product::<M>(&left[group].limbs, &right[group].limbs) });
    }
}

/// As [`multiply_each`] with itself.
#[inline(never)]
#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
pub(super) fn square_each<M: Modulus, const B: u64, const G: usize>(
    values: &[Lanes<M, B>; G],
    out: &mut [Lanes<M, 2>; G],
) {
    const { assert!(B * B <= product_max::<M>(), "the square would reach 2p") };
    for group in 0..G {
        // SAFETY: this function has the features.
        out[group] = Lanes::new(unsafe { squared::<M>(&values[group].limbs) });
    }
}

/// As [`product`] of a number with itself: products of different limbs are taken once and doubled.
///
/// # Safety
/// The caller must have the target features of this module.
#[inline(always)]
unsafe fn squared<M: Modulus>(value: &[__m512i; LIMBS]) -> [__m512i; LIMBS] {
    // SAFETY: the caller has the features, as it promises.
    unsafe {
        let mut columns = [_mm512_setzero_si512(); 2 * LIMBS];
        for i in 0..LIMBS {
            for j in i + 1..LIMBS {
                columns[i + j] = _mm512_madd52lo_epu64(columns[i + j], value[i], value[j]);
                columns[i + j + 1] = _mm512_madd52hi_epu64(columns[i + j + 1], value[i], value[j]);
            }
        }
        for column in &mut columns[1..] {
            *column = _mm512_add_epi64(*column, *column);
        }
        for i in 0..LIMBS {
            columns[2 * i] = _mm512_madd52lo_epu64(columns[2 * i], value[i], value[i]);
            columns[2 * i + 1] = _mm512_madd52hi_epu64(columns[2 * i + 1], value[i], value[i]);
        }
        divided::<M>(columns)
    }
}

impl<M: Modulus, const B: u64> Lanes<M, B> {
    fn new(limbs: [__m512i; LIMBS]) -> Self {
        const { assert!(B <= BOUND_MAX, "the bound exceeds five limbs") };
        Self { limbs, modulus: PhantomData }
    }

    /// One constant below `p` in all lanes.
    #[inline]
    #[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
    pub(super) fn constant(limbs: [u64; LIMBS]) -> Self {
        Self::new(broadcast(limbs))
    }

    /// The same values under a larger bound.
    #[inline]
    pub(super) fn widen<const C: u64>(&self) -> Lanes<M, C> {
        const { assert!(C >= B, "a bound can only be widened") };
        Lanes::new(self.limbs)
    }

    /// The caller answers for the bound where the compiler cannot see it: values of memory that this module wrote, and
    /// loops that widen by a counted step.
    #[inline]
    pub(super) fn assume<const C: u64>(&self) -> Lanes<M, C> {
        Lanes::new(self.limbs)
    }

    #[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
    pub(super) fn mul<const C: u64>(&self, other: &Lanes<M, C>) -> Lanes<M, 2> {
        const { assert!(B * C <= product_max::<M>(), "the product would reach 2p") };
        // SAFETY: this function has the features.
        Lanes::new(unsafe { product::<M>(&self.limbs, &other.limbs) })
    }

    #[inline]
    #[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
    pub(super) fn square(&self) -> Lanes<M, 2> {
        const { assert!(B * B <= product_max::<M>(), "the square would reach 2p") };
        // SAFETY: this function has the features.
        Lanes::new(unsafe { squared::<M>(&self.limbs) })
    }

    #[inline]
    #[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
    pub(super) fn add<const C: u64, const D: u64>(&self, other: &Lanes<M, C>) -> Lanes<M, D> {
        const { assert!(B + C <= D, "the sum would exceed its bound") };
        let mut limbs = self.limbs;
        for (limb, other) in limbs.iter_mut().zip(other.limbs) {
            *limb = _mm512_add_epi64(*limb, other);
        }
        Lanes::new(carried(limbs))
    }

    /// `self - other + C * p`, carried.
    #[inline]
    #[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
    pub(super) fn sub<const C: u64, const D: u64>(&self, other: &Lanes<M, C>) -> Lanes<M, D> {
        self.raw().minus::<C, D>(&other.raw()).carry()
    }

    /// The same values, to be summed without carries.
    #[inline]
    pub(super) fn raw(&self) -> Raw<M, B> {
        Raw { limbs: self.limbs, modulus: PhantomData }
    }

    /// The negative of the lanes that `mask` names, and the others, both with `B * p` added.
    #[inline]
    #[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
    pub(super) fn negate_where<const D: u64>(&self, mask: __mmask8) -> Raw<M, D> {
        const { assert!(2 * B <= D, "the negative would exceed its bound") };
        let offset = broadcast(const { multiple(M::P, B) });
        let mut limbs = self.limbs;
        for (limb, offset) in limbs.iter_mut().zip(offset) {
            let (sum, difference) = (_mm512_add_epi64(offset, *limb), _mm512_sub_epi64(offset, *limb));
            *limb = _mm512_mask_blend_epi64(mask, sum, difference);
        }
        Raw { limbs, modulus: PhantomData }
    }

    /// The lanes of `other` that `mask` names, of `self` elsewhere.
    #[inline]
    #[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
    pub(super) fn blend(&self, mask: __mmask8, other: &Self) -> Self {
        let mut limbs = self.limbs;
        for (limb, other) in limbs.iter_mut().zip(other.limbs) {
            *limb = _mm512_mask_blend_epi64(mask, *limb, other);
        }
        Self::new(limbs)
    }

    /// Each lane below `p`. Slow: one conditional subtraction for every `p` of the bound.
    #[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
    pub(super) fn canonical(&self) -> Lanes<M, 1> {
        let p = broadcast(M::P);
        let mut limbs = self.limbs;
        for _ in 1..B {
            let mut lower = limbs;
            for (lower, p) in lower.iter_mut().zip(p) {
                *lower = _mm512_sub_epi64(*lower, p);
            }
            let lower = carried(lower);
            let negative = _mm512_movepi64_mask(lower[LIMBS - 1]);
            for (limb, lower) in limbs.iter_mut().zip(lower) {
                *limb = _mm512_mask_blend_epi64(negative, lower, *limb);
            }
        }
        Lanes::new(limbs)
    }

    /// Each lane below `p`, by its quotient by `p`. The quotient is taken from the highest limb: it is right or one too small,
    /// since the constant errs by less than one in 5,000 and quotients are below 84.
    #[inline]
    #[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
    pub(super) fn reduce_fully(&self) -> Lanes<M, 1> {
        let top = _mm512_srli_epi64::<6>(self.limbs[LIMBS - 1]);
        let quotient =
            _mm512_madd52hi_epu64(_mm512_setzero_si512(), top, _mm512_set1_epi64(const { M::QUOTIENT as i64 }));
        let zero = _mm512_setzero_si512();
        let mut limbs = self.limbs;
        for (index, p) in broadcast(M::P).into_iter().enumerate() {
            limbs[index] = _mm512_sub_epi64(limbs[index], _mm512_madd52lo_epu64(zero, quotient, p));
            if let Some(next) = limbs.get_mut(index + 1) {
                *next = _mm512_sub_epi64(*next, _mm512_madd52hi_epu64(zero, quotient, p));
            }
        }
        Lanes::<M, 2>::new(carried(limbs)).canonical()
    }

    /// The lanes that are multiples of `p`.
    #[inline]
    #[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
    pub(super) fn zeros(&self) -> __mmask8 {
        let [a, b, c, d, e] = self.reduce_fully().limbs;
        let any = _mm512_or_si512(_mm512_or_si512(a, b), _mm512_or_si512(_mm512_or_si512(c, d), e));
        _mm512_testn_epi64_mask(any, any)
    }

    /// Limbs as words of 64 bits; the bound says that four words hold the value (2^256 is over `5p`).
    #[inline]
    #[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
    pub(super) fn pack(&self) -> Words {
        const { assert!(B <= 5, "four words hold less than 6p") };
        let [a, b, c, d, e] = self.limbs;
        [
            _mm512_or_si512(a, _mm512_slli_epi64::<52>(b)),
            _mm512_or_si512(_mm512_srli_epi64::<12>(b), _mm512_slli_epi64::<40>(c)),
            _mm512_or_si512(_mm512_srli_epi64::<24>(c), _mm512_slli_epi64::<28>(d)),
            _mm512_or_si512(_mm512_srli_epi64::<36>(d), _mm512_slli_epi64::<16>(e)),
        ]
    }

    /// Words of 64 bits as limbs; the caller answers for the bound, as in [`Lanes::assume`].
    #[inline]
    #[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
    pub(super) fn unpack(words: &Words) -> Self {
        let mask = _mm512_set1_epi64((1 << LIMB_BITS) - 1);
        let [a, b, c, d] = *words;
        Self::new([
            _mm512_and_si512(a, mask),
            _mm512_and_si512(_mm512_shrdi_epi64::<52>(a, b), mask),
            _mm512_and_si512(_mm512_shrdi_epi64::<40>(b, c), mask),
            _mm512_and_si512(_mm512_shrdi_epi64::<28>(c, d), mask),
            _mm512_srli_epi64::<16>(d),
        ])
    }

    /// Eight numbers of four words each, lane by lane; the caller answers for the bound.
    #[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
    pub(super) fn from_words(numbers: &[[u64; 4]; 8]) -> Self {
        let mut words = [_mm512_setzero_si512(); 4];
        for (index, word) in words.iter_mut().enumerate() {
            *word = load(&numbers.map(|number| number[index]));
        }
        Self::unpack(&words)
    }

    /// Each lane as four words.
    #[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
    pub(super) fn to_words(self) -> [[u64; 4]; 8] {
        let mut numbers = [[0; 4]; 8];
        for (index, word) in self.pack().iter().enumerate() {
            let mut lanes = [0; 8];
            store(&mut lanes, *word);
            for (number, lane) in numbers.iter_mut().zip(lanes) {
                number[index] = lane;
            }
        }
        numbers
    }
}

impl<M: Modulus, const B: u64> Raw<M, B> {
    /// `self - other + C * p`.
    #[inline]
    #[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
    pub(super) fn minus<const C: u64, const D: u64>(&self, other: &Raw<M, C>) -> Raw<M, D> {
        const { assert!(B + C <= D && D <= BOUND_MAX, "the difference would exceed its bound") };
        let offset = broadcast(const { multiple(M::P, C) });
        let mut limbs = self.limbs;
        for ((limb, other), offset) in limbs.iter_mut().zip(other.limbs).zip(offset) {
            *limb = _mm512_add_epi64(_mm512_sub_epi64(*limb, other), offset);
        }
        Raw { limbs, modulus: PhantomData }
    }

    #[inline]
    #[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
    pub(super) fn carry(&self) -> Lanes<M, B> {
        Lanes::new(carried(self.limbs))
    }

    /// Subtracts the multiple of `p` that the bits from 254 upwards name, which leaves less than `3p`.
    ///
    /// The highest limb is read before the carries are done, so it errs by a few units of 2^208. That cannot make a
    /// difference negative: below `2^254` nothing is subtracted, and elsewhere the constants leave a larger rest.
    #[inline]
    #[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
    pub(super) fn reduce(&self) -> Lanes<M, 3> {
        const { assert!(B <= 10, "eight steps of 2^254 reach a little over 10p") };
        let top = _mm512_max_epi64(self.limbs[LIMBS - 1], _mm512_setzero_si512());
        let steps = _mm512_srli_epi64::<46>(top);
        let mut limbs = self.limbs;
        for (limb, table) in limbs.iter_mut().zip(const { &M::REDUCTIONS }) {
            *limb = _mm512_sub_epi64(*limb, _mm512_permutexvar_epi64(steps, load(table)));
        }
        Lanes::new(carried(limbs))
    }
}

/// Eight words as a vector.
#[inline]
#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
pub(super) fn load(words: &[u64; 8]) -> __m512i {
    // SAFETY: the reference is to 64 bytes, and this load asks for no alignment.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

/// A vector as eight words.
#[inline]
#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
pub(super) fn store(words: &mut [u64; 8], vector: __m512i) {
    // SAFETY: the reference is to 64 bytes of our own, and this store asks for no alignment.
    unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), vector) }
}

/// Two numbers of four words, one after the other.
#[inline]
#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
pub(super) fn load_halves(low: &[u64; 4], high: &[u64; 4]) -> __m512i {
    // SAFETY: each reference is to 32 bytes, and these loads ask for no alignment.
    let (low, high) = unsafe { (_mm256_loadu_si256(low.as_ptr().cast()), _mm256_loadu_si256(high.as_ptr().cast())) };
    _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)
}

/// The lowest bit of each of eight words of 32 bits.
#[inline]
#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
pub(super) fn lowest_bits(words: &[u32; 8]) -> __mmask8 {
    // SAFETY: the reference is to 32 bytes, and this load asks for no alignment.
    let words = unsafe { _mm256_loadu_si256(words.as_ptr().cast()) };
    _mm256_test_epi32_mask(words, _mm256_set1_epi32(1))
}

/// Writes what [`load_halves`] reads.
#[inline]
#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
pub(super) fn store_halves(low: &mut [u64; 4], high: &mut [u64; 4], vector: __m512i) {
    let (first, second) = (_mm512_castsi512_si256(vector), _mm512_extracti64x4_epi64::<1>(vector));
    // SAFETY: each reference is to 32 bytes of our own, and these stores ask for no alignment.
    unsafe {
        _mm256_storeu_si256(low.as_mut_ptr().cast(), first);
        _mm256_storeu_si256(high.as_mut_ptr().cast(), second);
    }
}
