//! KZG commitments (Kate, Zaverucha, Goldberg 2010): one point for a polynomial, one point to show its value anywhere.

use ark_ec::{AffineRepr, CurveGroup};
use vouch_core::bls::pairing_is_one;
use vouch_core::points::{Fr, G1Affine, G2Affine};

use crate::domain::Domain;
use crate::srs::{Error, Srs};

/// The value of a committed polynomial at one point, with the proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PointOpening {
    pub value: Fr,
    pub proof: G1Affine,
}

/// Opens the polynomial with these values at the roots of unity at `point`.
pub fn open(srs: &Srs, values: &[Fr], point: Fr) -> Result<PointOpening, Error> {
    let (quotient, value) = Domain::of(values.len()).quotient(values, point);
    Ok(PointOpening { value, proof: srs.commit(&quotient)? })
}

/// Whether the committed polynomial has this value at `point`: e(C - v G1 + z W, G2) = e(W, [t]).
pub fn verify(srs: &Srs, commitment: &G1Affine, point: Fr, opening: &PointOpening) -> bool {
    let PointOpening { value, proof } = *opening;
    let left = (*commitment - G1Affine::generator() * value + proof * point).into_affine();
    pairing_is_one([left, -proof], [G2Affine::generator(), *srs.tau_g2()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::srs::DevelopmentSrs;

    #[test]
    fn an_opening_shows_one_value_at_one_point() {
        let srs = Srs::from(DevelopmentSrs::for_chain(31_337).unwrap());
        for symbols in [1u64, 2, 64] {
            let values: Vec<Fr> = (0..symbols).map(|index| Fr::from(index * 13 + 1)).collect();
            let commitment = srs.commit(&values).unwrap();
            for point in [Fr::from(99), Fr::from(1)] {
                let opening = open(&srs, &values, point).unwrap();
                assert!(verify(&srs, &commitment, point, &opening), "{symbols} symbols");
                let other = PointOpening { value: opening.value + Fr::from(1), ..opening };
                assert!(!verify(&srs, &commitment, point, &other));
                let moved = PointOpening { proof: (opening.proof + G1Affine::generator()).into_affine(), ..opening };
                assert!(!verify(&srs, &commitment, point, &moved));
                let another = (commitment + G1Affine::generator()).into_affine();
                assert!(!verify(&srs, &another, point, &opening));
            }
        }
    }
}
