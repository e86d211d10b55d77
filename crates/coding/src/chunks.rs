//! Reed-Solomon: a blob's chunks, and the blob from any sufficient number of them.
//!
//! Chunk i holds p mod (X^l - c_j) (see [`crate::shape`]): its coefficient k is the sum over m of p_(k + m l) c_j^m. For one k and
//! all chunks that is a transform of size N over n / l numbers, so a blob takes l transforms of a size that fits into a
//! processor's cache, where evaluation over the whole domain and interpolation of each coset would take two of size N l.
//! Restoring is the same for each k: a polynomial of degree below n / l from its values at as many of the N roots of unity.

use ark_ff::{Field, One, Zero, batch_inversion};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use rayon::prelude::*;
use vouch_core::points::Fr;

use crate::fast;
use crate::shape::{Shape, reverse_bits};

/// Why chunks are not cut, or restore nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{found} coefficients; expected the blob's {expected} symbols")]
    Coefficients { found: usize, expected: usize },
    #[error("chunk index {index}; there are {chunks} chunks")]
    Index { index: usize, chunks: usize },
    #[error("chunk {index} has {found} symbols; expected {expected}")]
    ChunkLength { index: usize, found: usize, expected: usize },
    #[error("chunk {index} is there twice, with different content")]
    Contradiction { index: usize },
    #[error("{found} different chunks; {needed} are needed")]
    TooFew { found: usize, needed: usize },
    #[error("the chunks are not of one blob of {symbols} symbols")]
    Inconsistent { symbols: usize },
}

/// The chunks of the polynomial with these coefficients, in the order of their indices.
pub fn cut(shape: &Shape, coefficients: &[Fr]) -> Result<Vec<Vec<Fr>>, Error> {
    if coefficients.len() != shape.symbols() {
        return Err(Error::Coefficients { found: coefficients.len(), expected: shape.symbols() });
    }
    let length = shape.chunk_length();
    // One after the other: each transform uses all cores.
    let columns: Vec<Vec<Fr>> = (0..length).map(|k| column(shape, coefficients, k)).collect();
    let chunk = |index| {
        let coset = shape.coset(index);
        columns.iter().map(|column| column[coset]).collect()
    };
    Ok((0..shape.chunks()).into_par_iter().map(chunk).collect())
}

/// The coefficient `k` of all chunks, by coset.
fn column(shape: &Shape, coefficients: &[Fr], k: usize) -> Vec<Fr> {
    let mut column: Vec<Fr> = coefficients.iter().skip(k).step_by(shape.chunk_length()).copied().collect();
    column.resize(shape.chunks(), Fr::zero());
    fast::fft(&mut column);
    column
}

/// The coefficients of the polynomial whose chunks these are; more than needed are held against each other.
///
/// # Errors
/// [`Error::TooFew`], and [`Error::Inconsistent`] where the chunks are not all of one blob.
pub fn restore(shape: &Shape, chunks: &[(usize, &[Fr])]) -> Result<Vec<Fr>, Error> {
    let known = known(shape, chunks)?;
    let eraser = Eraser::new(shape, &known);
    let rows: Result<Vec<Vec<Fr>>, Error> =
        (0..shape.chunk_length()).map(|k| eraser.restore(shape, &known, k)).collect();
    let rows = rows?;
    let threshold = shape.threshold();
    Ok((0..threshold).flat_map(|m| rows.iter().map(move |row| row[m])).collect())
}

/// The chunks by coset.
fn known<'a>(shape: &Shape, chunks: &[(usize, &'a [Fr])]) -> Result<Vec<Option<&'a [Fr]>>, Error> {
    let mut known: Vec<Option<&[Fr]>> = vec![None; shape.chunks()];
    for (index, symbols) in chunks {
        let (index, found, expected) = (*index, symbols.len(), shape.chunk_length());
        if index >= shape.chunks() {
            return Err(Error::Index { index, chunks: shape.chunks() });
        }
        if found != expected {
            return Err(Error::ChunkLength { index, found, expected });
        }
        let before = known[shape.coset(index)].replace(symbols);
        if before.is_some_and(|before| before != *symbols) {
            return Err(Error::Contradiction { index });
        }
    }
    let (found, needed) = (known.iter().flatten().count(), shape.threshold());
    if found < needed { Err(Error::TooFew { found, needed }) } else { Ok(known) }
}

/// Interpolates where some values are missing: with Z the polynomial that vanishes at the missing roots, Z P is known at
/// every root, so P is found by dividing by Z on a coset.
struct Eraser {
    /// Z at the roots.
    values: Vec<Fr>,
    /// 1 / Z at the roots times [`SHIFT`].
    inverses: Vec<Fr>,
    /// The powers of [`SHIFT`], and of its inverse.
    shifts: [Vec<Fr>; 2],
}

/// What moves the roots of unity to points where no Z vanishes.
const SHIFT: u64 = 5;

impl Eraser {
    fn new(shape: &Shape, known: &[Option<&[Fr]>]) -> Self {
        let count = shape.chunks();
        let powers = powers(shape.root(), count);
        let missing: Vec<Fr> = powers.iter().zip(known).filter(|(_, known)| known.is_none()).map(|(c, _)| *c).collect();
        let mut vanishing = vanishing(&missing);
        vanishing.resize(count, Fr::zero());
        let shift = Fr::from(SHIFT);
        let inverse = shift.inverse().expect("five is not zero");
        let shifts = [self::powers(shift, count), self::powers(inverse, count)];
        let mut inverses: Vec<Fr> = vanishing.iter().zip(&shifts[0]).map(|(one, power)| *one * power).collect();
        fast::fft(&mut inverses);
        batch_inversion(&mut inverses);
        fast::fft(&mut vanishing);
        Self { values: vanishing, inverses, shifts }
    }

    /// The coefficients p_(k + m l).
    fn restore(&self, shape: &Shape, known: &[Option<&[Fr]>], k: usize) -> Result<Vec<Fr>, Error> {
        let value = |(chunk, vanishing): (&Option<&[Fr]>, &Fr)| chunk.map_or(Fr::zero(), |chunk| chunk[k] * vanishing);
        let mut row: Vec<Fr> = known.iter().zip(&self.values).map(value).collect();
        fast::ifft(&mut row);
        let scale = |row: &mut [Fr], by: &[Fr]| row.iter_mut().zip(by).for_each(|(one, by)| *one *= by);
        scale(&mut row, &self.shifts[0]);
        fast::fft(&mut row);
        scale(&mut row, &self.inverses);
        fast::ifft(&mut row);
        scale(&mut row, &self.shifts[1]);
        // What does not fit a polynomial of the blob's degree was not cut from one.
        let threshold = shape.threshold();
        if row[threshold..].iter().any(|coefficient| !coefficient.is_zero()) {
            return Err(Error::Inconsistent { symbols: shape.symbols() });
        }
        row.truncate(threshold);
        Ok(row)
    }
}

fn powers(base: Fr, count: usize) -> Vec<Fr> {
    std::iter::successors(Some(Fr::one()), |power| Some(*power * base)).take(count).collect()
}

/// The coefficients of the product of (X - root): halves are multiplied by transforms.
fn vanishing(roots: &[Fr]) -> Vec<Fr> {
    /// Below this a product is worked out term by term.
    const SMALL: usize = 64;
    if roots.len() <= SMALL {
        return roots.iter().fold(vec![Fr::one()], |product, root| {
            let shifted = std::iter::once(Fr::zero()).chain(product.iter().copied());
            let scaled = product.iter().map(|one| *one * root).chain([Fr::zero()]);
            shifted.zip(scaled).map(|(one, other)| one - other).collect()
        });
    }
    let (left, right) = roots.split_at(roots.len() / 2);
    let (left, right) = (vanishing(left), vanishing(right));
    let length = left.len() + right.len() - 1;
    let domain = Radix2EvaluationDomain::<Fr>::new(length).expect("at most as many as there are chunks");
    let transformed = |mut factor: Vec<Fr>| {
        factor.resize(domain.size(), Fr::zero());
        fast::fft(&mut factor);
        factor
    };
    let (mut product, right) = (transformed(left), transformed(right));
    product.iter_mut().zip(right).for_each(|(one, other)| *one *= other);
    fast::ifft(&mut product);
    product.truncate(length);
    product
}

/// p mod (X^l - c_j), word for word: what [`cut`] is held against.
pub fn reference(shape: &Shape, coefficients: &[Fr], chunk: usize) -> Vec<Fr> {
    let power = shape.root().pow([reverse_bits(chunk, shape.chunks()) as u64]);
    let mut remainder = coefficients.to_vec();
    while remainder.len() > shape.chunk_length() {
        let (highest, place) = (remainder.pop().unwrap_or_default(), remainder.len() - shape.chunk_length());
        remainder[place] += highest * power;
    }
    remainder
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::shape::Parameters;

    fn blob(symbols: usize, seed: u64) -> Vec<Fr> {
        (0..symbols as u64).map(|index| (Fr::from(seed + 3) * Fr::from(index + 7)).pow([5])).collect()
    }

    fn shapes() -> impl Iterator<Item = Shape> {
        let cases = [(1, 8, 2), (2, 8, 4), (8, 16, 2), (64, 16, 4), (32, 64, 8), (256, 64, 2), (16, 2, 1)];
        cases.into_iter().map(|(symbols, chunks, rate)| Shape::new(symbols, Parameters { chunks, rate }).unwrap())
    }

    #[test]
    fn chunks_are_remainders_and_say_the_polynomials_values() {
        for shape in shapes() {
            let blob = blob(shape.symbols(), 1);
            let chunks = cut(&shape, &blob).unwrap();
            for (index, chunk) in chunks.iter().enumerate() {
                assert_eq!(*chunk, reference(&shape, &blob, index), "{shape:?} {index}");
                // At every point of its coset the chunk is the polynomial.
                let order = (shape.chunks() * shape.chunk_length()) as u64;
                let w = <Fr as ark_ff::FftField>::get_root_of_unity(order).unwrap();
                let point = w.pow([(shape.coset(index) + shape.chunks() * (shape.chunk_length() - 1)) as u64]);
                let at = |polynomial: &[Fr]| polynomial.iter().rev().fold(Fr::zero(), |sum, one| sum * point + one);
                assert_eq!(at(chunk), at(&blob), "{shape:?} {index}");
            }
        }
        let shape = shapes().next().unwrap();
        assert_eq!(cut(&shape, &blob(2, 1)), Err(Error::Coefficients { found: 2, expected: 1 }));
    }

    #[test]
    fn what_restores_nothing_is_named() {
        let shape = Shape::new(64, Parameters { chunks: 16, rate: 4 }).unwrap();
        let chunks = cut(&shape, &blob(64, 1)).unwrap();
        let all: Vec<(usize, &[Fr])> = chunks.iter().map(Vec::as_slice).enumerate().collect();
        let few = shape.threshold() - 1;
        assert_eq!(restore(&shape, &all[..few]), Err(Error::TooFew { found: few, needed: few + 1 }));
        let again = [&all[..few], &all[..1]].concat();
        assert_eq!(restore(&shape, &again), Err(Error::TooFew { found: few, needed: few + 1 }), "twice is once");
        let contradicted = [&all[..], &[(0, all[1].1)]].concat();
        assert_eq!(restore(&shape, &contradicted), Err(Error::Contradiction { index: 0 }));
        assert_eq!(restore(&shape, &[(16, all[0].1)]), Err(Error::Index { index: 16, chunks: 16 }));
        let short = (3, &all[3].1[1..]);
        assert_eq!(restore(&shape, &[short]), Err(Error::ChunkLength { index: 3, found: 15, expected: 16 }));
        let mut bent = chunks.clone();
        bent[7][2] += Fr::one();
        let bent: Vec<(usize, &[Fr])> = bent.iter().map(Vec::as_slice).enumerate().collect();
        assert_eq!(restore(&shape, &bent), Err(Error::Inconsistent { symbols: 64 }));
        let sufficient = &bent[bent.len() - shape.threshold()..];
        assert_eq!(restore(&shape, sufficient), Ok(blob(64, 1)), "chunk 7 is not among them");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_sufficient_chunks_restore_the_blob(which in 0usize..7, seed in any::<u64>(), more in 0usize..3, draw in any::<u64>()) {
            let shape = shapes().nth(which).unwrap();
            let blob = blob(shape.symbols(), seed % 1_000);
            let chunks = cut(&shape, &blob).unwrap();
            let mut order: Vec<usize> = (0..shape.chunks()).collect();
            order.sort_by_key(|index| (*index as u64 + 1).wrapping_mul(draw | 1).rotate_left(17));
            let count = (shape.threshold() + more).min(shape.chunks());
            let some: Vec<(usize, &[Fr])> = order[..count].iter().map(|index| (*index, chunks[*index].as_slice())).collect();
            prop_assert_eq!(restore(&shape, &some).unwrap(), blob);
            let few = &some[..shape.threshold() - 1];
            prop_assert_eq!(restore(&shape, few), Err(Error::TooFew { found: few.len(), needed: shape.threshold() }));
        }
    }
}
