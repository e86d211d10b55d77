//! Whether chunks are those of a commitment.
//!
//! One chunk with remainder I: e(C - [I(t)], [1]) = e(proof, [t^l - c_j]). Many at once, of any number of blobs of one shape, by a
//! random combination: e(sum of r proof, [t^l]) = e(sum of r C - [sum of r I(t)] + sum of r c_j proof, [1]), two pairings in all. The r
//! are 128 bits, drawn from a hash of everything that is checked, so whoever made the chunks cannot choose them.

use std::collections::BTreeMap;

use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{PrimeField, Zero};
use sha2::{Digest, Sha256};
use vouch_core::bls::pairing_is_one;
use vouch_core::points::{self, Fr, G1Affine, G2Affine};

use crate::fast;
use crate::frame::Frame;
use crate::powers::Constants;
use crate::shape::Shape;

/// The most chunks that are checked at once.
pub const BATCH_MAX: usize = 1 << 16;

/// What chunks of one shape are checked with: the first l points of an SRS, and [t^l].
#[derive(Clone, Debug)]
pub struct Verifier {
    shape: Shape,
    g1: Vec<G1Affine>,
    tau_power: G2Affine,
}

/// A chunk that is said to be one of a commitment's.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    pub commitment: &'a G1Affine,
    pub index: usize,
    pub frame: &'a Frame,
}

/// Why chunks are not a commitment's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("chunks of {needed} symbols are checked with as many points; the SRS has {found}")]
    TooFewPoints { found: usize, needed: usize },
    #[error("chunk index {index}; there are {chunks} chunks")]
    Index { index: usize, chunks: usize },
    #[error("chunk {index} has {found} symbols; expected {expected}")]
    ChunkLength { index: usize, found: usize, expected: usize },
    #[error("{found} chunks at once; at most {BATCH_MAX}")]
    TooMany { found: usize },
    #[error("a proof does not hold")]
    Proof,
}

impl Verifier {
    /// `g1`: at least l points [1], [t], ...
    pub fn new(shape: Shape, g1: &[G1Affine], constants: &Constants) -> Result<Self, Error> {
        let (found, needed) = (g1.len(), shape.chunk_length());
        let g1 = g1.get(..needed).ok_or(Error::TooFewPoints { found, needed })?.to_vec();
        Ok(Self { shape, g1, tau_power: constants.g2_powers[needed.trailing_zeros() as usize] })
    }

    /// One chunk.
    pub fn verify(&self, claim: &Claim) -> Result<(), Error> {
        self.check_form(claim)?;
        let Frame { proof, coefficients } = claim.frame;
        let remainder = fast::msm(&self.g1, coefficients);
        let power = self.shape.coset_power(claim.index);
        let left = (*claim.commitment - remainder.into_affine() + *proof * power).into_affine();
        let holds = pairing_is_one([left, -*proof], [G2Affine::generator(), self.tau_power]);
        if holds { Ok(()) } else { Err(Error::Proof) }
    }

    /// All of them, or the error of the first that is not of its form; a proof that does not hold is not named, because
    /// none was checked alone. Nothing is nothing to refuse.
    pub fn verify_all(&self, claims: &[Claim]) -> Result<(), Error> {
        if claims.len() > BATCH_MAX {
            return Err(Error::TooMany { found: claims.len() });
        }
        claims.iter().try_for_each(|claim| self.check_form(claim))?;
        let seed = self.seed(claims);
        let numbers: Vec<Fr> = (0..claims.len()).map(|index| number(seed, index)).collect();
        let proofs: Vec<G1Affine> = claims.iter().map(|claim| claim.frame.proof).collect();
        let (commitments, weights) = sum_by_commitment(claims, &numbers);
        let moved = claims.iter().zip(&numbers).map(|(claim, number)| self.shape.coset_power(claim.index) * number);
        let sum = fast::msm(&proofs, &numbers).into_affine();
        let right = fast::msm(&commitments, &weights) - fast::msm(&self.g1, &self.remainders(claims, &numbers))
            + fast::msm(&proofs, &moved.collect::<Vec<_>>());
        let holds = pairing_is_one([right.into_affine(), -sum], [G2Affine::generator(), self.tau_power]);
        if holds { Ok(()) } else { Err(Error::Proof) }
    }

    fn check_form(&self, claim: &Claim) -> Result<(), Error> {
        let (index, chunks) = (claim.index, self.shape.chunks());
        let (found, expected) = (claim.frame.coefficients.len(), self.shape.chunk_length());
        if index >= chunks {
            Err(Error::Index { index, chunks })
        } else if found != expected {
            Err(Error::ChunkLength { index, found, expected })
        } else {
            Ok(())
        }
    }

    /// The coefficients of the sum of r I.
    fn remainders(&self, claims: &[Claim], numbers: &[Fr]) -> Vec<Fr> {
        let mut sum = vec![Fr::zero(); self.shape.chunk_length()];
        for (claim, number) in claims.iter().zip(numbers) {
            sum.iter_mut().zip(&claim.frame.coefficients).for_each(|(sum, one)| *sum += *one * number);
        }
        sum
    }

    fn seed(&self, claims: &[Claim]) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update([self.shape.symbols(), self.shape.chunks()].map(|number| (number as u64).to_be_bytes()).concat());
        for claim in claims {
            hasher.update(points::g1_bytes(claim.commitment));
            hasher.update((claim.index as u64).to_be_bytes());
            hasher.update(points::g1_bytes(&claim.frame.proof));
            claim.frame.coefficients.iter().for_each(|one| hasher.update(points::scalar_bytes(one)));
        }
        hasher.finalize().into()
    }
}

/// Each commitment once, with the sum of its numbers.
fn sum_by_commitment(claims: &[Claim], numbers: &[Fr]) -> (Vec<G1Affine>, Vec<Fr>) {
    let mut weights: BTreeMap<[u8; points::G1_LEN], (G1Affine, Fr)> = BTreeMap::new();
    for (claim, number) in claims.iter().zip(numbers) {
        let entry = weights.entry(points::g1_bytes(claim.commitment));
        entry.or_insert((*claim.commitment, Fr::zero())).1 += number;
    }
    weights.into_values().unzip()
}

/// 128 bits; the first could be one, but nothing is gained by it.
fn number(seed: [u8; 32], index: usize) -> Fr {
    let hash = Sha256::new().chain_update(seed).chain_update((index as u64).to_be_bytes()).finalize();
    Fr::from_be_bytes_mod_order(&hash[..16])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Powers;
    use crate::chunks::cut;
    use crate::proofs::Prover;
    use crate::shape::Parameters;
    use crate::srs::DevelopmentSrs;

    struct World {
        powers: Powers,
        shape: Shape,
        commitments: Vec<G1Affine>,
        frames: Vec<Vec<Frame>>,
    }

    fn world(symbols: usize, chunks: usize, rate: usize) -> World {
        let powers = Powers::development(&DevelopmentSrs::for_chain(31_337).unwrap(), 64).unwrap();
        let shape = Shape::new(symbols, Parameters { chunks, rate }).unwrap();
        let prover = Prover::new(shape, powers.g1()).unwrap();
        let blob = |seed: u64| (0..symbols as u64).map(|at| Fr::from(at * at * seed + seed)).collect::<Vec<_>>();
        let blobs = [blob(1), blob(2), blob(0)];
        let commitments = blobs.each_ref().map(|blob| powers.commit(blob).unwrap().commitment).into();
        let frames = blobs.each_ref().map(|blob| {
            let chunks = cut(&shape, blob).unwrap().into_iter().zip(prover.prove(blob).unwrap());
            chunks.map(|(coefficients, proof)| Frame { proof, coefficients }).collect()
        });
        World { powers, shape, commitments, frames: frames.into() }
    }

    impl World {
        fn verifier(&self) -> Verifier {
            Verifier::new(self.shape, self.powers.g1(), self.powers.constants()).unwrap()
        }

        fn claims(&self) -> Vec<Claim<'_>> {
            let pairs = self.commitments.iter().zip(&self.frames);
            pairs
                .flat_map(|(commitment, frames)| {
                    frames.iter().enumerate().map(move |(index, frame)| Claim { commitment, index, frame })
                })
                .collect()
        }
    }

    #[test]
    fn every_chunk_holds_alone_and_with_all_others() {
        for (symbols, chunks, rate) in [(1, 8, 2), (8, 16, 2), (64, 16, 4)] {
            let world = world(symbols, chunks, rate);
            let (verifier, claims) = (world.verifier(), world.claims());
            claims.iter().for_each(|claim| assert_eq!(verifier.verify(claim), Ok(()), "{symbols} {}", claim.index));
            assert_eq!(verifier.verify_all(&claims), Ok(()));
            assert_eq!(verifier.verify_all(&[]), Ok(()));
            assert_eq!(verifier.verify_all(&[claims[0], claims[0]]), Ok(()), "twice is as good as once");
        }
    }

    #[test]
    fn a_chunk_of_another_place_blob_or_content_does_not_hold() {
        let world = world(64, 16, 4);
        let (verifier, claims) = (world.verifier(), world.claims());
        let honest = claims[5];
        let refused = |claim: Claim| {
            assert_eq!(verifier.verify(&claim), Err(Error::Proof));
            let mut all = claims.clone();
            all[5] = claim;
            assert_eq!(verifier.verify_all(&all), Err(Error::Proof));
        };
        refused(Claim { index: 6, ..honest });
        refused(Claim { commitment: &world.commitments[1], ..honest });
        refused(Claim { frame: &world.frames[0][6], ..honest });
        let with = |change: fn(&mut Frame)| {
            let mut frame = honest.frame.clone();
            change(&mut frame);
            frame
        };
        for frame in [
            with(|frame| frame.coefficients[3] += Fr::from(1)),
            with(|frame| frame.coefficients.swap(0, 1)),
            with(|frame| frame.proof = -frame.proof),
            with(|frame| frame.proof = G1Affine::identity()),
        ] {
            refused(Claim { frame: &frame, ..honest });
        }
    }

    /// What would pass if all numbers were one.
    #[test]
    fn errors_that_cancel_out_are_found() {
        let world = world(64, 16, 4);
        let (verifier, mut claims) = (world.verifier(), world.claims());
        let (mut more, mut less) = (claims[1].frame.clone(), claims[2].frame.clone());
        more.coefficients[0] += Fr::from(1);
        less.coefficients[0] -= Fr::from(1);
        (claims[1].frame, claims[2].frame) = (&more, &less);
        assert_eq!(verifier.verify_all(&claims), Err(Error::Proof));
    }

    #[test]
    fn no_single_bit_of_a_frame_or_a_commitment_can_change() {
        let world = world(8, 16, 2);
        let (verifier, honest) = (world.verifier(), world.claims()[3]);
        let (frame, commitment) = (honest.frame.encode(), points::g1_compressed(honest.commitment));
        for bit in 0..frame.len() * 8 {
            let mut bent = frame.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            if let Ok(frame) = Frame::decode(&bent) {
                assert_eq!(verifier.verify_all(&[Claim { frame: &frame, ..honest }]), Err(Error::Proof), "bit {bit}");
            }
        }
        for bit in 0..commitment.len() * 8 {
            let mut bent = commitment;
            bent[bit / 8] ^= 1 << (bit % 8);
            if let Ok(commitment) = points::decode_g1(&bent) {
                let claim = Claim { commitment: &commitment, ..honest };
                assert_eq!(verifier.verify(&claim), Err(Error::Proof), "bit {bit}");
            }
        }
    }

    #[test]
    fn what_is_not_of_the_form_is_named() {
        let world = world(64, 16, 4);
        let (verifier, honest) = (world.verifier(), world.claims()[3]);
        let index = Claim { index: 16, ..honest };
        assert_eq!(verifier.verify_all(&[honest, index]), Err(Error::Index { index: 16, chunks: 16 }));
        let frame = Frame { coefficients: vec![Fr::from(1); 4], ..honest.frame.clone() };
        let short = Claim { frame: &frame, ..honest };
        assert_eq!(verifier.verify(&short), Err(Error::ChunkLength { index: 3, found: 4, expected: 16 }));
        let many = vec![honest; BATCH_MAX + 1];
        assert_eq!(verifier.verify_all(&many), Err(Error::TooMany { found: BATCH_MAX + 1 }));
        let few = Verifier::new(world.shape, &world.powers.g1()[..15], world.powers.constants());
        assert_eq!(few.err(), Some(Error::TooFewPoints { found: 15, needed: 16 }));
    }
}
