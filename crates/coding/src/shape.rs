//! How a blob is cut: into how many chunks, of how many symbols, and which points each chunk covers.
//!
//! With n symbols, N chunks and rate R a chunk has l = max(1, n R / N) symbols. Let w be a primitive root of unity of order
//! N l. Chunk i belongs to the coset of w^j for j the bit-reversed i: it says p at w^j times the roots of unity of order l. As
//! coefficients these values are p mod (X^l - c_j) with c_j = w^(j l), a root of unity of order N: everything here works with
//! the c_j, and the cosets themselves are never written down.

use ark_ff::{FftField, Field};
use vouch_core::points::Fr;

use crate::codec::SYMBOLS_MAX;

/// The most chunks of a blob.
pub const CHUNKS_MAX: usize = 8_192;
/// The largest coding rate: how many times more data there are in chunks than in the blob.
const RATE_MAX: usize = 64;

/// How the blobs of a version are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// N: a power of two.
    pub chunks: usize,
    /// R: a power of two below N.
    pub rate: usize,
}

/// Version 0: 8,192 chunks at rate 8.
pub const VERSION_0: Parameters = Parameters { chunks: CHUNKS_MAX, rate: 8 };

/// How a blob of one length is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    symbols: usize,
    chunks: usize,
    chunk_length: usize,
}

/// Why a blob cannot be cut so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{found} symbols; expected a power of two, at most {SYMBOLS_MAX}")]
    Symbols { found: usize },
    #[error(
        "{chunks} chunks at rate {rate}; expected powers of two: at most {CHUNKS_MAX} chunks, a rate below them of at most 64"
    )]
    Parameters { chunks: usize, rate: usize },
    #[error("{symbols} symbols do not fit into {chunks} chunks at rate {rate}")]
    TooFewChunks { symbols: usize, chunks: usize, rate: usize },
}

impl Shape {
    pub fn new(symbols: usize, parameters: Parameters) -> Result<Self, Error> {
        let Parameters { chunks, rate } = parameters;
        if !symbols.is_power_of_two() || symbols > SYMBOLS_MAX {
            return Err(Error::Symbols { found: symbols });
        }
        let is_sound = chunks.is_power_of_two() && rate.is_power_of_two() && chunks <= CHUNKS_MAX;
        if !is_sound || rate >= chunks || rate > RATE_MAX {
            return Err(Error::Parameters { chunks, rate });
        }
        let chunk_length = (symbols * rate / chunks).max(1);
        // Below one symbol a chunk the rate is higher; never lower.
        if symbols > chunks * chunk_length {
            return Err(Error::TooFewChunks { symbols, chunks, rate });
        }
        Ok(Self { symbols, chunks, chunk_length })
    }

    /// n.
    pub fn symbols(&self) -> usize {
        self.symbols
    }

    /// N.
    pub fn chunks(&self) -> usize {
        self.chunks
    }

    /// l, symbols.
    pub fn chunk_length(&self) -> usize {
        self.chunk_length
    }

    /// How many different chunks restore the blob: n / l.
    pub fn threshold(&self) -> usize {
        self.symbols / self.chunk_length
    }

    /// j of chunk i; and i of j.
    pub fn coset(&self, chunk: usize) -> usize {
        reverse_bits(chunk, self.chunks)
    }

    /// c_j of a chunk: what X^l is on its coset.
    pub fn coset_power(&self, chunk: usize) -> Fr {
        self.root().pow([self.coset(chunk) as u64])
    }

    /// The primitive root of unity of order N whose powers the c_j are.
    pub fn root(&self) -> Fr {
        Fr::get_root_of_unity(self.chunks as u64).expect("the field has roots of every power of two up to 2^28")
    }
}

/// `index` below `count`, a power of two, with its bits in the other order.
pub fn reverse_bits(index: usize, count: usize) -> usize {
    if count <= 1 { 0 } else { index.reverse_bits() >> (usize::BITS - count.trailing_zeros()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blobs_are_cut_as_the_original_cuts_them() {
        let cut = |symbols| {
            let shape = Shape::new(symbols, VERSION_0).unwrap();
            (shape.chunk_length(), shape.threshold())
        };
        assert_eq!([1, 32, 1_024].map(cut), [(1, 1), (1, 32), (1, 1_024)]);
        assert_eq!([4_096, 65_536, 524_288].map(cut), [(4, 1_024), (64, 1_024), (512, 1_024)]);
        for found in [0, 3, SYMBOLS_MAX * 2] {
            assert_eq!(Shape::new(found, VERSION_0), Err(Error::Symbols { found }));
        }
        for (chunks, rate) in [(0, 8), (100, 8), (CHUNKS_MAX * 2, 8), (64, 3), (64, 0), (64, 64), (CHUNKS_MAX, 128)] {
            assert_eq!(Shape::new(4, Parameters { chunks, rate }), Err(Error::Parameters { chunks, rate }));
        }
    }

    #[test]
    fn a_coset_power_is_the_power_of_its_points() {
        let shape = Shape::new(64, Parameters { chunks: 16, rate: 4 }).unwrap();
        let order = (shape.chunks() * shape.chunk_length()) as u64;
        let w = Fr::get_root_of_unity(order).unwrap();
        for chunk in 0..16 {
            let leading = w.pow([shape.coset(chunk) as u64]);
            assert_eq!(leading.pow([shape.chunk_length() as u64]), shape.coset_power(chunk), "{chunk}");
            assert_eq!(shape.coset(shape.coset(chunk)), chunk);
        }
        assert_eq!([0, 1, 2, 3].map(|index| reverse_bits(index, 4)), [0, 2, 1, 3]);
        assert_eq!(reverse_bits(0, 1), 0);
    }
}
