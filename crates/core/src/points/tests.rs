use alloy_primitives::hex;
use ark_ec::CurveGroup;
use proptest::prelude::*;

use super::*;

const MODULUS: [u8; 32] = hex!("30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47");

fn g1(scalar: u64) -> G1Affine {
    (G1Affine::generator() * Fr::from(scalar)).into_affine()
}

fn g2(scalar: u64) -> G2Affine {
    (G2Affine::generator() * Fr::from(scalar)).into_affine()
}

#[test]
fn every_form_comes_back() {
    for scalar in 0..20 {
        let (one, two) = (g1(scalar), g2(scalar));
        assert_eq!(decode_g1(&g1_compressed(&one)), Ok(one));
        assert_eq!(decode_g1(&g1_bytes(&one)), Ok(one));
        assert_eq!(g1_from_words(g1_words(&one)), Ok(one));
        assert_eq!(decode_g2(&g2_compressed(&two)), Ok(two));
        assert_eq!(decode_g2(&g2_bytes(&two)), Ok(two));
        assert_eq!(g2_from_words(g2_words(&two)), Ok(two));
    }
}

#[test]
fn known_points() {
    assert_eq!(g1_words(&g1(1)), [U256::from(1), U256::from(2)]);
    assert_eq!(g1_compressed(&g1(0))[0], 0x40);
    assert_eq!(g1_words(&g1(0)), [U256::ZERO; 2]);
    // EIP-197's generator, imaginary part first.
    let imaginary = hex!("198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2");
    assert_eq!(g2_bytes(&g2(1))[..32], imaginary);
}

#[test]
fn what_is_not_canonical_is_refused() {
    let mut flagged = MODULUS;
    flagged[0] |= SMALLER;
    assert_eq!(decode_g1(&flagged), Err(Error::NotCanonical));
    let mut above = g1_words(&g1(3));
    above[0] += U256::from_be_bytes(MODULUS);
    assert_eq!(g1_from_words(above), Err(Error::NotCanonical));
    let mut infinity = [0; 32];
    (infinity[0], infinity[31]) = (INFINITY, 1);
    assert_eq!(decode_g1(&infinity), Err(Error::Infinity));
}

#[test]
fn points_elsewhere_are_refused() {
    assert_eq!(g1_from_words([U256::from(1), U256::from(3)]), Err(Error::NotOnCurve));
    assert_eq!(g1_from_words([U256::from(1), U256::ZERO]), Err(Error::NotOnCurve));
    // x = 1 has a y on the twist, but the point's order is not the group's.
    let mut small = [0; 64];
    (small[0], small[63]) = (SMALLER, 1);
    assert_eq!(decode_g2(&small), Err(Error::NotInSubgroup));
    let (y, _) = G2Affine::get_ys_from_x_unchecked(Fq2::from(1u64)).unwrap();
    let outside = G2Affine::new_unchecked(Fq2::from(1u64), y);
    assert_eq!(g2_from_words(g2_words(&outside)), Err(Error::NotInSubgroup));
}

#[test]
fn wrong_lengths_are_refused() {
    let (compressed, whole) = (g1_compressed(&g1(5)), g1_bytes(&g1(5)));
    for bytes in [&compressed[..31], &whole[..32], &whole[..63], &[&whole[..], &[0]].concat(), &[]] {
        assert!(matches!(decode_g1(bytes), Err(Error::Length { .. })), "{} bytes", bytes.len());
    }
    assert!(matches!(decode_g2(&compressed), Err(Error::Length { found: 32, expected: 64 })));
}

proptest! {
    #[test]
    fn noise_is_refused_or_comes_back(bytes in prop::collection::vec(any::<u8>(), 0..130)) {
        if let Ok(point) = decode_g1(&bytes) {
            let again = if bytes.len() == 32 { g1_compressed(&point).to_vec() } else { g1_bytes(&point).to_vec() };
            prop_assert_eq!(again, bytes.clone());
        }
        prop_assert!(decode_g2(&bytes).is_err(), "noise hits the subgroup with probability 2^-254");
    }

    #[test]
    fn a_compressed_point_has_one_encoding(mut bytes in any::<[u8; 32]>(), larger: bool) {
        bytes[0] = (bytes[0] & 0x1f) | if larger { LARGER } else { SMALLER };
        if let Ok(point) = decode_g1(&bytes) {
            prop_assert_eq!(g1_compressed(&point), bytes);
        }
    }
}
