//! Lanes against arkworks, at the edges of what their bounds allow.

use ark_bn254::{Fq, Fr as ArkFr};
use ark_ff::{BigInt, BigInteger, PrimeField};
use proptest::prelude::*;

use super::Ifma;
use super::lanes::Lanes;
use super::modulus::{Fp, Fr, Modulus};

/// A field of arkworks and the modulus that lanes know it by.
trait Reference: PrimeField<BigInt = BigInt<4>> {
    type Modulus: Modulus;
}

impl Reference for Fq {
    type Modulus = Fp;
}

impl Reference for ArkFr {
    type Modulus = Fr;
}

/// A number below `5p`: an edge (a multiple of `p` and what is next to it, a run of ones) or anything.
fn words<F: Reference>() -> impl Strategy<Value = [u64; 4]> {
    let edge = (0..=5u64, -2..=2i64).prop_map(|(factor, step)| {
        let mut value = BigInt::<4>::zero();
        (0..factor).for_each(|_| _ = value.add_with_carry(&F::MODULUS));
        match step {
            0.. => value.add_with_carry(&BigInt::from(step as u64)),
            _ => value.sub_with_borrow(&BigInt::from(step.unsigned_abs())),
        };
        value
    });
    let ones = (0..256u32).prop_map(|bits| BigInt([u64::MAX; 4]) >> bits);
    let any = any::<[u64; 4]>().prop_map(BigInt);
    let limit = (0..5).fold(BigInt::<4>::zero(), |mut sum, _| {
        sum.add_with_carry(&F::MODULUS);
        sum
    });
    prop_oneof![edge, ones, any].prop_map(move |mut value| {
        if value >= limit {
            value = limit;
            value.sub_with_borrow(&BigInt::one());
        }
        value.0
    })
}

/// What lanes of these words stand for: they are taken as numbers times 2^260.
fn meaning<F: Reference>(words: [u64; 4]) -> F {
    let value = F::from_le_bytes_mod_order(&words.map(u64::to_le_bytes).concat());
    value * F::from(2u64).pow([260]).inverse().unwrap()
}

/// The numbers in lanes, which must be below their bound, below `p` when made canonical, and no more than 52 bits a limb
/// (or packing them would mix them up).
#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
fn values<F: Reference, const B: u64>(lanes: &Lanes<F::Modulus, B>) -> [F; 8] {
    let canonical = lanes.canonical().to_words();
    assert!(canonical.iter().all(|words| BigInt(*words) < F::MODULUS), "canonical means below p: {canonical:?}");
    canonical.map(meaning)
}

fn zip<F: Reference>(left: [F; 8], right: [F; 8], with: impl Fn(F, F) -> F) -> [F; 8] {
    std::array::from_fn(|lane| with(left[lane], right[lane]))
}

#[target_feature(enable = "avx512ifma,avx512dq,avx512vbmi2,avx512vl")]
fn check<F: Reference>(left: [[u64; 4]; 8], right: [[u64; 4]; 8]) {
    let (a, b) = (Lanes::<F::Modulus, 5>::from_words(&left), Lanes::<F::Modulus, 5>::from_words(&right));
    let (x, y) = (left.map(meaning::<F>), right.map(meaning::<F>));
    assert_eq!(a.to_words(), left);
    assert_eq!(values::<F, 5>(&a), x);
    let product = a.mul(&b);
    assert_eq!(values::<F, 2>(&product), zip(x, y, |x, y| x * y));
    assert_eq!(values::<F, 2>(&a.square()), x.map(|x| x.square()));
    let sum = a.add::<5, 10>(&b);
    assert_eq!(values::<F, 10>(&sum), zip(x, y, |x, y| x + y));
    assert_eq!(values::<F, 3>(&sum.raw().reduce()), zip(x, y, |x, y| x + y));
    assert_eq!(values::<F, 10>(&a.sub::<5, 10>(&b)), zip(x, y, |x, y| x - y));
    let raw = a.raw().minus::<5, 10>(&b.raw());
    assert_eq!(values::<F, 3>(&raw.reduce()), zip(x, y, |x, y| x - y));
    let negated = values::<F, 10>(&a.negate_where::<10>(0b1010_0110).carry());
    assert_eq!(negated, std::array::from_fn(|lane| if 0b1010_0110 >> lane & 1 == 1 { -x[lane] } else { x[lane] }));
    let many = sum.add::<10, 20>(&sum).add::<10, 36>(&sum);
    let three = values::<F, 2>(&many.mul(&b.canonical()));
    assert_eq!(values::<F, 1>(&many.reduce_fully()), zip(x, y, |x, y| (x + y).double() + x + y));
    assert!(many.reduce_fully().to_words().iter().all(|words| BigInt(*words) < F::MODULUS));
    assert_eq!(three, zip(x, y, |x, y| (x + y).double() * y + (x + y) * y));
}

fn eight<F: Reference>() -> impl Strategy<Value = [[u64; 4]; 8]> {
    prop::array::uniform8(words::<F>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn lanes_agree_with_arkworks((a, b) in (eight::<Fq>(), eight::<Fq>()), (c, d) in (eight::<ArkFr>(), eight::<ArkFr>())) {
        if Ifma::detect().is_some() {
            // SAFETY: the processor has the features, as was just found.
            unsafe {
                check::<Fq>(a, b);
                check::<ArkFr>(c, d);
            }
        }
    }
}
