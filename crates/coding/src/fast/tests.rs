//! Sums of both paths against arkworks' method and the plain sum.

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM};
use ark_ff::{AdditiveGroup, Field, PrimeField, Zero};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use proptest::prelude::*;

use super::*;

/// Multiples of the generator, from `first` in steps of `step`.
fn progression(first: u64, step: u64, count: usize) -> Vec<G1Affine> {
    let (mut point, step) = (G1Affine::generator() * Fr::from(first), G1Affine::generator() * Fr::from(step));
    let mut points = Vec::with_capacity(count);
    for _ in 0..count {
        points.push(point);
        point += step;
    }
    G1Projective::normalize_batch(&points)
}

/// Points whose relations nobody chose: powers of a number times the generator.
fn unrelated(count: usize, seed: u64) -> Vec<G1Affine> {
    let base = Fr::from(seed).pow([11]) + Fr::from(3u64);
    let start = G1Affine::generator() * base;
    let points: Vec<_> = (0..count)
        .scan(start, |point, _| Some(std::mem::replace(point, point.double().double() + start.double() + *point)))
        .collect();
    G1Projective::normalize_batch(&points)
}

fn scalars(count: usize, seed: u64) -> Vec<Fr> {
    (1..=count as u64).map(|index| Fr::from(seed + index).pow([5]) * Fr::from(index + 7).pow([17])).collect()
}

/// All paths of this machine give arkworks' sum.
fn check(bases: &[G1Affine], scalars: &[Fr]) {
    let expected = G1Projective::msm_unchecked(bases, scalars);
    assert_eq!(PreparedBases::portable(bases).msm(scalars), expected, "portable, {} bases", bases.len());
    if bases.len() >= FEW && scalars.len() >= FEW {
        let count = bases.len().min(scalars.len());
        let PreparedBases { points: Points::Portable(points), infinite } = PreparedBases::portable(bases) else {
            panic!("the portable path was asked for")
        };
        let sum = buckets::msm(&Portable, &points[..count], &infinite, &scalars[..count]);
        assert_eq!(sum, expected, "portable buckets, {} bases", bases.len());
    }
    assert_eq!(PreparedBases::new(bases).msm(scalars), expected, "prepared, {} bases", bases.len());
    assert_eq!(msm(bases, scalars), expected, "at once, {} bases", bases.len());
}

#[test]
fn sums_agree_at_every_size() {
    let (bases, scalars) = (unrelated(5_000, 1), scalars(5_000, 2));
    for count in [0, 1, 2, 63, 64, 65, 100, 1_000, 5_000] {
        check(&bases[..count], &scalars[..count]);
    }
}

#[test]
fn a_sum_is_what_its_definition_says() {
    let (bases, scalars) = (unrelated(70, 3), scalars(70, 4));
    let naive = bases.iter().zip(&scalars).fold(G1Projective::zero(), |sum, (base, scalar)| sum + *base * scalar);
    assert_eq!(msm(&bases, &scalars), naive);
    assert_eq!(PreparedBases::portable(&bases).msm(&scalars), naive);
}

#[test]
fn lists_of_different_lengths_end_with_the_shorter() {
    let (bases, scalars) = (unrelated(200, 5), scalars(200, 6));
    check(&bases[..150], &scalars);
    check(&bases, &scalars[..150]);
}

#[test]
fn repeated_bases_are_doubled() {
    let bases = vec![unrelated(1, 7)[0]; 700];
    check(&bases, &scalars(700, 8));
    check(&bases, &[Fr::from(5u64); 700]);
}

#[test]
fn opposite_bases_cancel() {
    let mut bases = unrelated(400, 9);
    bases.extend(bases.clone().iter().map(|base| -*base));
    let half = scalars(400, 10);
    check(&bases, &[half.clone(), half].concat());
    let pair = [bases[0], -bases[0]].repeat(100);
    check(&pair, &[Fr::from(3u64); 200]);
}

#[test]
fn infinite_bases_and_zero_scalars_add_nothing() {
    let mut bases = unrelated(300, 11);
    let mut scalars = scalars(300, 12);
    bases.iter_mut().step_by(7).for_each(|base| *base = G1Affine::zero());
    scalars.iter_mut().step_by(5).for_each(|scalar| *scalar = Fr::ZERO);
    check(&bases, &scalars);
    check(&[G1Affine::zero(); 100], &scalars);
    check(&bases, &[Fr::ZERO; 300]);
}

#[test]
fn bases_in_progression_meet_their_sums() {
    let (near, scattered) = (progression(1, 1, 900), scalars(900, 13));
    check(&near, &scattered);
    check(&near, &[Fr::from(2u64); 900]);
    let small: Vec<_> = (0..900u64).map(|index| Fr::from(index % 3)).collect();
    check(&near, &small);
    check(&progression(5, 0, 900), &small);
}

#[test]
fn scalars_at_the_edges_split_into_digits() {
    let mut edges = vec![Fr::ZERO, Fr::ONE, -Fr::ONE, -Fr::from(2u64)];
    edges.extend((0..254).map(|bit| Fr::from(2u64).pow([bit])));
    edges.extend((0..254).map(|bit| Fr::from(2u64).pow([bit]) - Fr::ONE));
    edges.extend((0..254).map(|bit| -Fr::from(2u64).pow([bit])));
    check(&unrelated(edges.len(), 14), &edges);
    let half = Fr::from_le_bytes_mod_order(&[0x88; 32]);
    check(&unrelated(200, 15), &[half; 200]);
}

/// Both directions give arkworks' numbers, and the inverse undoes the transform.
fn check_fft(values: &[Fr]) {
    let domain = Radix2EvaluationDomain::<Fr>::new(values.len()).unwrap();
    let (mut there, mut back) = (values.to_vec(), values.to_vec());
    fft(&mut there);
    assert_eq!(there, domain.fft(values), "of {} numbers", values.len());
    ifft(&mut back);
    assert_eq!(back, domain.ifft(values), "back, of {} numbers", values.len());
    ifft(&mut there);
    assert_eq!(there, values);
}

#[test]
fn transforms_agree_at_every_size() {
    let values = scalars(1 << 17, 16);
    for log in 0..=17 {
        check_fft(&values[..1 << log]);
    }
}

#[test]
fn transforms_agree_at_the_edges_of_the_field() {
    for log in [6, 7, 12, 13] {
        for value in [Fr::ZERO, Fr::ONE, -Fr::ONE, Fr::from(1u64 << 52), -Fr::from(1u64 << 52)] {
            check_fft(&vec![value; 1 << log]);
            let mut one = vec![Fr::ZERO; 1 << log];
            one[5] = value;
            check_fft(&one);
            check_fft(&(0..1usize << log).map(|index| if index & 1 == 0 { value } else { -value }).collect::<Vec<_>>());
        }
    }
}

#[test]
fn the_largest_transform_agrees() {
    check_fft(&scalars(1 << 22, 17));
}

#[test]
#[should_panic(expected = "a transform takes")]
fn a_size_that_is_no_power_of_two_is_refused() {
    fft(&mut [Fr::ONE; 3]);
}

/// Both paths give the products that arkworks gives.
fn check_products(points: &[G1Projective], scalars: &[Fr]) {
    let expected: Vec<_> = points.iter().zip(scalars).map(|(point, scalar)| *point * scalar).collect();
    assert_eq!(multiply_many(points, scalars), expected);
    assert_eq!(points::portable(points, scalars), expected);
}

/// Points in coordinates that are not affine.
fn jacobian(count: usize, seed: u64) -> Vec<G1Projective> {
    unrelated(count, seed).into_iter().map(|point| point.into_group().double()).collect()
}

#[test]
fn products_agree_at_every_count() {
    let (points, scalars) = (jacobian(50, 18), scalars(50, 19));
    for count in [0, 1, 7, 8, 9, 50] {
        check_products(&points[..count], &scalars[..count]);
    }
}

#[test]
fn products_by_scalars_at_the_edges_agree() {
    let mut edges: Vec<_> = (0..40u64).flat_map(|small| [Fr::from(small), -Fr::from(small)]).collect();
    edges.extend((0..254).map(|bit| Fr::from(2u64).pow([bit])));
    let lambda = <ark_bn254::g1::Config as ark_ec::scalar_mul::glv::GLVConfig>::LAMBDA;
    edges.extend((0..40u64).flat_map(|small| [lambda * Fr::from(small), -lambda - Fr::from(small)]));
    edges.extend((0..40u64).map(|small| Fr::from(small) / Fr::from(8u64) * (lambda + Fr::ONE)));
    check_products(&jacobian(edges.len(), 20), &edges);
    let mut points = jacobian(edges.len(), 21);
    points.iter_mut().step_by(3).for_each(|point| *point = G1Projective::zero());
    check_products(&points, &edges);
}

#[test]
fn halves_of_a_scalar_give_it_again() {
    let lambda = <ark_bn254::g1::Config as ark_ec::scalar_mul::glv::GLVConfig>::LAMBDA;
    let value = |digits: [i8; glv::DIGITS]| {
        digits.iter().rev().fold(Fr::ZERO, |value, digit| value * Fr::from(16u64) + Fr::from(*digit))
    };
    let mut all = scalars(2_000, 22);
    all.extend([Fr::ZERO, Fr::ONE, -Fr::ONE, lambda, -lambda, Fr::ONE / Fr::from(2u64)]);
    for scalar in all {
        let glv::Halves([first, second]) = scalar.into();
        assert_eq!(value(first) + value(second) * lambda, scalar);
        assert!(first.iter().chain(&second).all(|digit| digit.unsigned_abs() <= 8));
    }
}

#[test]
fn transforms_of_points_agree_with_those_of_their_logarithms() {
    let generator = G1Projective::from(G1Affine::generator());
    for (log, finite) in [(0, 1), (1, 2), (2, 3), (5, 32), (7, 16), (7, 0)] {
        let mut logarithms = scalars(1 << log, 23);
        logarithms[finite..].fill(Fr::ZERO);
        let mut points: Vec<_> = logarithms.iter().map(|logarithm| generator * logarithm).collect();
        let before = points.clone();
        fft(&mut logarithms);
        fft_points(&mut points);
        assert_eq!(points, logarithms.iter().map(|logarithm| generator * logarithm).collect::<Vec<_>>());
        ifft_points(&mut points);
        assert_eq!(points, before);
    }
}

#[test]
fn transforms_of_equal_points_cancel() {
    let mut points = vec![jacobian(1, 24)[0]; 64];
    let sum = points[0] * Fr::from(64u64);
    fft_points(&mut points);
    assert_eq!(points[0], sum);
    assert!(points[1..].iter().all(|point| point.is_zero()));
}

/// One of few points or scalars, so that equal, opposite and missing ones meet.
fn few() -> impl Strategy<Value = Vec<(i64, i64)>> {
    prop::collection::vec((-3..=3i64, -9..=9i64), 64..400)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn sums_of_related_points_agree(terms in few()) {
        let bases: Vec<_> = terms.iter().map(|(base, _)| G1Affine::generator() * Fr::from(*base)).collect();
        let scalars: Vec<_> = terms.iter().map(|(_, scalar)| Fr::from(*scalar)).collect();
        check(&G1Projective::normalize_batch(&bases), &scalars);
    }
}
