//! A proof for every chunk: that the polynomial behind a commitment has these remainders.
//!
//! The proof of chunk i is [q(t)] with q the quotient of p by X^l - c_j (Kate, Zaverucha, Goldberg 2010, section 3.4). Written
//! out, [q(t)] is the sum over m of c_j^m h_m with h_m = sum over i of p_(i + (m+1) l) [t^i]: so all N proofs are one transform,
//! over points, of the n / l points h_m (Feist, Khovratovich 2023, "Fast amortized KZG proofs", section 3). And each of the l parts of
//! the h_m (those i that leave the same remainder by l) is a correlation of coefficients with powers of the SRS, which
//! becomes products under a transform of size 2 n / l. The powers' transforms depend on the shape alone: [`Prover`] keeps them.

use ark_bn254::G1Projective;
use ark_ec::CurveGroup;
use ark_ff::Zero;
use vouch_core::points::{Fr, G1Affine};

use crate::chunks;
use crate::fast::{self, PreparedBases};
use crate::shape::Shape;

/// Why there are no proofs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{symbols} symbols are more than the {points} points of the SRS")]
    TooFewPoints { symbols: usize, points: usize },
    #[error(transparent)]
    Chunks(#[from] chunks::Error),
}

/// Makes the proofs of blobs of one shape.
pub struct Prover {
    shape: Shape,
    /// By frequency: the transforms of the l parts of the SRS.
    tables: Vec<PreparedBases>,
}

impl Prover {
    /// `g1`: [1], [t], [t^2], ... Takes a transform over points of size 2 n / l for each symbol of a chunk.
    pub fn new(shape: Shape, g1: &[G1Affine]) -> Result<Self, Error> {
        let (symbols, points) = (shape.symbols(), g1.len());
        if symbols > points {
            return Err(Error::TooFewPoints { symbols, points });
        }
        // One after the other: each uses all cores, and work within work would pile up on the stack of whoever waits.
        let rows: Vec<Vec<G1Affine>> = (0..shape.chunk_length()).map(|part| table_row(&shape, g1, part)).collect();
        let column = |frequency: usize| rows.iter().map(|row| row[frequency]).collect::<Vec<_>>();
        let tables = (0..2 * shape.threshold()).map(|at| PreparedBases::new(&column(at))).collect();
        Ok(Self { shape, tables })
    }

    /// The proofs of all chunks, in the order of their indices.
    pub fn prove(&self, coefficients: &[Fr]) -> Result<Vec<G1Affine>, Error> {
        let (shape, found, expected) = (&self.shape, coefficients.len(), self.shape.symbols());
        if found != expected {
            return Err(chunks::Error::Coefficients { found, expected }.into());
        }
        let mut by_coset = self.quotient_sums(coefficients);
        by_coset.resize(shape.chunks(), G1Projective::zero());
        fast::fft_points(&mut by_coset);
        let by_coset = G1Projective::normalize_batch(&by_coset);
        Ok((0..shape.chunks()).map(|index| by_coset[shape.coset(index)]).collect())
    }

    /// The h_m.
    fn quotient_sums(&self, coefficients: &[Fr]) -> Vec<G1Projective> {
        let (threshold, length) = (self.shape.threshold(), self.shape.chunk_length());
        let rows: Vec<Vec<Fr>> = (0..length)
            .map(|part| {
                let mut row: Vec<Fr> = coefficients.iter().skip(part).step_by(length).copied().collect();
                row.resize(2 * threshold, Fr::zero());
                fast::fft(&mut row);
                row
            })
            .collect();
        let product = |(frequency, bases): (usize, &PreparedBases)| {
            let scalars: Vec<Fr> = rows.iter().map(|row| row[frequency]).collect();
            bases.msm(&scalars)
        };
        let mut sums: Vec<G1Projective> = self.tables.iter().enumerate().map(product).collect();
        fast::ifft_points(&mut sums);
        // The correlation starts at n / l - 1; h of the last m is empty.
        sums.drain(..threshold - 1);
        sums.truncate(threshold);
        sums
    }
}

/// The transform of the powers [t^(a + b l)] of one part a, from b = n / l - 2 down.
fn table_row(shape: &Shape, g1: &[G1Affine], part: usize) -> Vec<G1Affine> {
    let (threshold, length) = (shape.threshold(), shape.chunk_length());
    let powers = (0..threshold.saturating_sub(1)).rev().map(|b| G1Projective::from(g1[part + b * length]));
    let mut row: Vec<G1Projective> = powers.collect();
    row.resize(2 * threshold, G1Projective::zero());
    fast::fft_points(&mut row);
    G1Projective::normalize_batch(&row)
}

/// [q(t)] by long division and a plain sum: what [`Prover`] is held against.
pub fn reference(shape: &Shape, g1: &[G1Affine], coefficients: &[Fr], chunk: usize) -> G1Affine {
    let (power, length) = (shape.coset_power(chunk), shape.chunk_length());
    let mut remainder = coefficients.to_vec();
    let mut sum = G1Projective::zero();
    for place in (0..coefficients.len().saturating_sub(length)).rev() {
        let quotient = remainder[place + length];
        remainder[place] += quotient * power;
        sum += g1[place] * quotient;
    }
    sum.into_affine()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Powers;
    use crate::shape::Parameters;
    use crate::srs::DevelopmentSrs;

    #[test]
    fn every_proof_is_the_quotients_commitment() {
        let powers = Powers::development(&DevelopmentSrs::for_chain(31_337).unwrap(), 64).unwrap();
        for (symbols, chunks, rate) in [(1, 8, 2), (2, 8, 4), (8, 16, 2), (64, 16, 4), (32, 64, 8), (16, 2, 1)] {
            let shape = Shape::new(symbols, Parameters { chunks, rate }).unwrap();
            let blobs = [
                (0..symbols as u64).map(|index| Fr::from(index * index + 5)).collect::<Vec<_>>(),
                vec![Fr::from(0); symbols],
                vec![Fr::from(1); symbols],
            ];
            let prover = Prover::new(shape, powers.g1()).unwrap();
            for blob in blobs {
                let proofs = prover.prove(&blob).unwrap();
                for (index, proof) in proofs.iter().enumerate() {
                    assert_eq!(*proof, reference(&shape, powers.g1(), &blob, index), "{shape:?} {index}");
                }
            }
            let wrong = prover.prove(&vec![Fr::from(1); symbols * 2]).unwrap_err();
            assert!(matches!(wrong, Error::Chunks(chunks::Error::Coefficients { .. })), "{wrong}");
        }
        let shape = Shape::new(128, Parameters { chunks: 16, rate: 4 }).unwrap();
        let refused = Prover::new(shape, powers.g1()).err();
        assert_eq!(refused, Some(Error::TooFewPoints { symbols: 128, points: 64 }));
    }
}
