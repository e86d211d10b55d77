//! All points of a structured reference string: what the three commitments of a blob are made of, and checked with.
//!
//! A blob's polynomial p has `length` coefficients. Its commitment is [p(t)] on G1; so that nobody claims a smaller length,
//! there are also the length commitment [p(t)] on G2 and the length proof [t^(2^28 - length) p(t)] on G2: nobody has points
//! on G2 beyond t^(2^28 - 1), so a polynomial with more coefficients has no such proof. Whoever only checks needs the
//! [`Constants`] and nothing else.

use ark_bn254::{G1Projective, G2Projective};
use ark_ec::scalar_mul::ScalarMul;
use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM};
use ark_ff::Field;
use vouch_core::bls::pairing_is_one;
use vouch_core::points::{Fr, G1Affine, G2Affine};

use crate::codec::SYMBOLS_MAX;
use crate::fast;
use crate::srs::DevelopmentSrs;

mod check;
pub mod folder;

pub use check::Fault;

/// The ceremony has 2^28 points on G2.
pub const ORDER_LOG: usize = 28;

/// The points for blobs of up to as many symbols as there are of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Powers {
    /// [1], [t], [t^2], ...
    g1: Vec<G1Affine>,
    /// [1], [t], [t^2], ...
    g2: Vec<G2Affine>,
    /// The last ones before t^(2^28).
    g2_trailing: Vec<G2Affine>,
    constants: Constants,
}

/// What length proofs are checked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constants {
    /// [t^(2^28 - 2^i)].
    pub g1_reverse: [G1Affine; ORDER_LOG],
    /// [t^(2^i)].
    pub g2_powers: [G2Affine; ORDER_LOG],
}

/// What a blob is by its points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobCommitments {
    /// To the polynomial.
    pub commitment: G1Affine,
    pub length_commitment: G2Affine,
    pub length_proof: G2Affine,
    /// Symbols of 32 bytes; a power of two.
    pub length: u32,
}

/// Why there are no commitments, or they do not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{symbols} symbols; expected a power of two, at most the {points} points of the SRS")]
    Symbols { symbols: usize, points: usize },
    #[error("length {found}; expected a power of two, at most 2^27")]
    Length { found: u32 },
    #[error("commitment and length commitment are to different polynomials")]
    AnotherPolynomial,
    #[error("the polynomial is not shown to have only {length} coefficients")]
    LengthProof { length: u32 },
}

impl Powers {
    /// Of a secret that everyone knows. Errors: `symbols` is no power of two, or more than a blob can have.
    pub fn development(development: &DevelopmentSrs, symbols: usize) -> Result<Self, Error> {
        if !symbols.is_power_of_two() || symbols > SYMBOLS_MAX {
            return Err(Error::Symbols { symbols, points: SYMBOLS_MAX });
        }
        let secret = development.secret();
        let powers = powers_from(Fr::ONE, secret, symbols);
        let trailing = powers_from(secret.pow([(1 << ORDER_LOG) - symbols as u64]), secret, symbols);
        Ok(Self {
            g1: G1Projective::from(G1Affine::generator()).batch_mul(&powers),
            g2: G2Projective::from(G2Affine::generator()).batch_mul(&powers),
            g2_trailing: G2Projective::from(G2Affine::generator()).batch_mul(&trailing),
            constants: Constants::development(secret),
        })
    }

    /// The points on G1 alone. Errors: as [`Powers::development`].
    pub fn on_g1(development: &DevelopmentSrs, symbols: usize) -> Result<Vec<G1Affine>, Error> {
        if !symbols.is_power_of_two() || symbols > SYMBOLS_MAX {
            return Err(Error::Symbols { symbols, points: SYMBOLS_MAX });
        }
        let powers = powers_from(Fr::ONE, development.secret(), symbols);
        Ok(G1Projective::from(G1Affine::generator()).batch_mul(&powers))
    }

    /// [1], [t], [t^2], ... on G1.
    pub fn g1(&self) -> &[G1Affine] {
        &self.g1
    }

    /// [1], [t], [t^2], ... on G2.
    pub fn g2(&self) -> &[G2Affine] {
        &self.g2
    }

    /// The most symbols of a blob.
    pub fn symbols_max(&self) -> usize {
        self.g1.len()
    }

    pub fn constants(&self) -> &Constants {
        &self.constants
    }

    /// The three commitments of the polynomial with these coefficients; a power of two of them.
    pub fn commit(&self, coefficients: &[Fr]) -> Result<BlobCommitments, Error> {
        let (symbols, points) = (coefficients.len(), self.symbols_max());
        let length = u32::try_from(symbols).ok().filter(|_| symbols.is_power_of_two() && symbols <= points);
        let length = length.ok_or(Error::Symbols { symbols, points })?;
        let on_g2 = |bases: &[G2Affine]| G2Projective::msm_unchecked(bases, coefficients).into_affine();
        Ok(BlobCommitments {
            commitment: fast::msm(&self.g1[..symbols], coefficients).into_affine(),
            length_commitment: on_g2(&self.g2[..symbols]),
            length_proof: on_g2(&self.g2_trailing[points - symbols..]),
            length,
        })
    }
}

impl Constants {
    fn development(secret: Fr) -> Self {
        let power = |exponent: u64| secret.pow([exponent]);
        let (all, g1, g2) = (1u64 << ORDER_LOG, G1Affine::generator(), G2Affine::generator());
        Self {
            g1_reverse: std::array::from_fn(|log| (g1 * power(all - (1 << log))).into_affine()),
            g2_powers: std::array::from_fn(|log| (g2 * power(1 << log)).into_affine()),
        }
    }

    /// Whether the three commitments are to one polynomial that has no more coefficients than they say:
    /// e(C, [1]) = e([1], LC) and e([t^(2^28 - length)], LC) = e([1], LP).
    pub fn verify(&self, commitments: &BlobCommitments) -> Result<(), Error> {
        let BlobCommitments { commitment, length_commitment, length_proof, length } = *commitments;
        let reverse = Some(length).filter(|length| length.is_power_of_two());
        let reverse = reverse.and_then(|length| self.g1_reverse.get(length.trailing_zeros() as usize));
        let reverse = *reverse.ok_or(Error::Length { found: length })?;
        let (g1, g2) = (G1Affine::generator(), G2Affine::generator());
        if !pairing_is_one([commitment, -g1], [g2, length_commitment]) {
            return Err(Error::AnotherPolynomial);
        }
        let is_short = pairing_is_one([reverse, -g1], [length_commitment, length_proof]);
        if is_short { Ok(()) } else { Err(Error::LengthProof { length }) }
    }
}

/// `first`, and each of the others `secret` times the one before it.
fn powers_from(first: Fr, secret: Fr, count: usize) -> Vec<Fr> {
    std::iter::successors(Some(first), |power| Some(*power * secret)).take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Powers {
        Powers::development(&DevelopmentSrs::for_chain(31_337).unwrap(), 16).unwrap()
    }

    fn coefficients(count: u64) -> Vec<Fr> {
        (0..count).map(|index| Fr::from(index * index + 3)).collect()
    }

    #[test]
    fn the_three_commitments_of_every_size_hold() {
        let powers = small();
        for log in 0..=4 {
            let commitments = powers.commit(&coefficients(1 << log)).unwrap();
            assert_eq!(commitments.length, 1 << log);
            assert_eq!(powers.constants().verify(&commitments), Ok(()), "{log}");
        }
        for symbols in [3, 32] {
            assert_eq!(powers.commit(&coefficients(symbols as u64)), Err(Error::Symbols { symbols, points: 16 }));
        }
        let development = DevelopmentSrs::for_chain(1_337).unwrap();
        assert!(Powers::development(&development, 3).is_err() && Powers::development(&development, 1 << 20).is_err());
    }

    #[test]
    fn zeros_have_commitments_too() {
        let powers = small();
        let commitments = powers.commit(&[Fr::from(0); 4]).unwrap();
        assert!(commitments.commitment.is_zero() && commitments.length_proof.is_zero());
        assert_eq!(powers.constants().verify(&commitments), Ok(()));
    }

    #[test]
    fn nobody_claims_another_length_or_another_polynomial() {
        let powers = small();
        let honest = powers.commit(&coefficients(8)).unwrap();
        let other = powers.commit(&coefficients(4)).unwrap();
        let refused = |change: &dyn Fn(&mut BlobCommitments)| {
            let mut changed = honest.clone();
            change(&mut changed);
            powers.constants().verify(&changed).unwrap_err()
        };
        for length in [1, 2, 4, 16, 1 << 27] {
            assert_eq!(refused(&|commitments| commitments.length = length), Error::LengthProof { length });
        }
        for found in [0, 3, 1 << 28, u32::MAX] {
            assert_eq!(refused(&|commitments| commitments.length = found), Error::Length { found });
        }
        assert_eq!(refused(&|commitments| commitments.commitment = other.commitment), Error::AnotherPolynomial);
        let shorter = refused(&|commitments| {
            (commitments.commitment, commitments.length_commitment) = (other.commitment, other.length_commitment);
        });
        assert_eq!(shorter, Error::LengthProof { length: 8 });
        let unproven = refused(&|commitments| commitments.length_proof = other.length_proof);
        assert_eq!(unproven, Error::LengthProof { length: 8 });
    }
}
