//! The roots of unity at which a blob's symbols are a polynomial's values.

use ark_ff::{Field, One, batch_inversion};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use vouch_core::points::Fr;

/// The powers of the primitive 2^k-th root of unity.
pub struct Domain(Radix2EvaluationDomain<Fr>);

impl Domain {
    /// `size`: a power of two, at most 2^28.
    pub fn of(size: usize) -> Self {
        debug_assert!(size.is_power_of_two(), "symbols are counted in powers of two");
        Self(
            Radix2EvaluationDomain::new(size)
                .expect("the field has 2^28-th roots of unity, blobs at most 2^19 symbols"),
        )
    }

    /// Values at the roots to coefficients.
    pub fn interpolate(&self, mut values: Vec<Fr>) -> Vec<Fr> {
        self.0.ifft_in_place(&mut values);
        values
    }

    /// Coefficients to values at the roots.
    pub fn evaluate_all(&self, mut coefficients: Vec<Fr>) -> Vec<Fr> {
        self.0.fft_in_place(&mut coefficients);
        coefficients
    }

    /// The value of each Lagrange polynomial at `point`.
    pub fn lagrange_at(&self, point: Fr) -> Vec<Fr> {
        self.0.evaluate_all_lagrange_coefficients(point)
    }

    /// The value at `point` of the polynomial with these values at the roots: the barycentric formula
    /// (z^n - 1) / n * sum of v_i w^i / (z - w^i).
    pub fn evaluate(&self, values: &[Fr], point: Fr) -> Fr {
        if let Some(index) = self.root_index(point) {
            return values[index];
        }
        let inverses = self.inverse_distances(point);
        let terms = self.0.elements().zip(values).zip(&inverses);
        let sum: Fr = terms.map(|((root, value), inverse)| root * value * inverse).sum();
        let vanishing = point.pow([values.len() as u64]) - Fr::one();
        sum * vanishing * self.0.size_inv()
    }

    /// The values at the roots of (p(X) - p(z)) / (X - z), and p(z).
    pub fn quotient(&self, values: &[Fr], point: Fr) -> (Vec<Fr>, Fr) {
        let at_point = self.evaluate(values, point);
        if let Some(index) = self.root_index(point) {
            return (self.quotient_at_root(values, index), at_point);
        }
        // The inverses are those of z - w^i, so numerator and denominator both change sign.
        let quotient =
            values.iter().zip(self.inverse_distances(point)).map(|(value, inverse)| (at_point - value) * inverse);
        (quotient.collect(), at_point)
    }

    /// At a root w^m the quotient has a value of its own: -sum over i != m of q_i w^i / w^m.
    fn quotient_at_root(&self, values: &[Fr], at: usize) -> Vec<Fr> {
        let root = self.0.element(at);
        let mut distances: Vec<Fr> = self.0.elements().map(|other| other - root).collect();
        distances[at] = Fr::one();
        batch_inversion(&mut distances);
        let mut quotient: Vec<Fr> =
            values.iter().zip(&distances).map(|(value, inverse)| (*value - values[at]) * inverse).collect();
        let others: Fr = self.0.elements().zip(&quotient).map(|(other, value)| other * value).sum();
        quotient[at] = -others * root.inverse().expect("roots of unity are not zero");
        quotient
    }

    /// 1 / (z - w^i) for every root; z is none of them.
    fn inverse_distances(&self, point: Fr) -> Vec<Fr> {
        let mut distances: Vec<Fr> = self.0.elements().map(|root| point - root).collect();
        batch_inversion(&mut distances);
        distances
    }

    fn root_index(&self, point: Fr) -> Option<usize> {
        if point.pow([self.0.size]) != Fr::one() {
            return None;
        }
        self.0.elements().position(|root| root == point)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Horner, word for word.
    fn horner(coefficients: &[Fr], point: Fr) -> Fr {
        coefficients.iter().rev().fold(Fr::from(0), |sum, coefficient| sum * point + coefficient)
    }

    #[test]
    fn values_and_quotients_agree_with_coefficients() {
        for size in [1usize, 2, 8, 64] {
            let domain = Domain::of(size);
            let coefficients: Vec<Fr> = (0..size as u64).map(|index| Fr::from(index * index + 7)).collect();
            let values = domain.evaluate_all(coefficients.clone());
            let at_root = domain.0.element(size / 2);
            for point in [Fr::from(0), Fr::from(123_456_789), Fr::one(), at_root] {
                let (quotient, value) = domain.quotient(&values, point);
                assert_eq!(value, horner(&coefficients, point), "{size} symbols");
                let quotient = domain.interpolate(quotient);
                let elsewhere = Fr::from(987);
                let left = horner(&quotient, elsewhere) * (elsewhere - point);
                assert_eq!(left, horner(&coefficients, elsewhere) - value, "{size} symbols");
            }
        }
    }
}
