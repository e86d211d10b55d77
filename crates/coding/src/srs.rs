//! Structured reference strings: the powers of a secret that commitments are made of.

use std::path::Path;
use std::sync::OnceLock;

use ark_bn254::G1Projective;
use ark_ec::scalar_mul::ScalarMul;
use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM};
use ark_ff::PrimeField;
use vouch_core::points::{self, Fr, G1Affine, G2Affine};

use crate::codec::SYMBOLS_MAX;
use crate::domain::Domain;
use crate::fixed_bases::FixedBases;

/// Chains whose money is play money: those of anvil and of other local nodes.
pub const DEVELOPMENT_CHAINS: [u64; 2] = [31_337, 1_337];

/// Size classes of blobs: 2^0 to 2^19 symbols.
const SIZES: usize = SYMBOLS_MAX.trailing_zeros() as usize + 1;

/// The largest blobs for which tables are kept: 12 MiB of them.
const TABLES_MAX: usize = 1 << 13;

/// Why there are no points to commit with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the development SRS, whose secret everyone knows, is refused on chain {0}")]
    NotADevelopmentChain(u64),
    #[error("{symbols} symbols are more than the {points} points of the SRS")]
    TooFewPoints { symbols: usize, points: usize },
    #[error("cannot read {file}")]
    Read { file: String, source: std::io::Error },
    #[error("point {index} of {file} is not valid")]
    Point { file: String, index: usize, source: points::Error },
    #[error("{file} has {length} bytes; expected one or more points of 32 bytes, at most {SYMBOLS_MAX}")]
    Length { file: String, length: usize },
    #[error("the G1 and G2 points belong to different secrets, or do not begin with the generator")]
    Mismatch,
}

/// A reference string whose secret is in this source: whoever reads it can open any commitment to anything. For local
/// chains only, which [`DevelopmentSrs::for_chain`] enforces.
pub struct DevelopmentSrs {
    secret: Fr,
}

impl DevelopmentSrs {
    /// The secret, in the open on purpose.
    const SECRET: &[u8; 32] = b"\0vouch development srs, not safe";

    /// Errors: the chain is not one of [`DEVELOPMENT_CHAINS`].
    pub fn for_chain(chain_id: u64) -> Result<Self, Error> {
        if DEVELOPMENT_CHAINS.contains(&chain_id) {
            Ok(Self { secret: Fr::from_be_bytes_mod_order(Self::SECRET) })
        } else {
            Err(Error::NotADevelopmentChain(chain_id))
        }
    }

    pub(crate) fn secret(&self) -> Fr {
        self.secret
    }

    /// For golden files, which name the secret they were made with.
    pub(crate) fn with_secret(secret: Fr) -> Self {
        Self { secret }
    }
}

/// The points that commitments are made of. Cheap to share behind an `Arc`; what a blob size needs is worked out at its
/// first use and kept.
pub struct Srs {
    basis: Basis,
    tau_g2: G2Affine,
    /// By log2 of the number of symbols.
    bases: [OnceLock<Bases>; SIZES],
}

enum Basis {
    /// Commitments are made of the values, with points of the Lagrange polynomials.
    Known(Fr),
    /// Commitments are made of the coefficients.
    Powers(Vec<G1Affine>),
}

/// What blobs of one size are committed with.
enum Bases {
    Tables(FixedBases),
    Points(Vec<G1Affine>),
}

impl From<DevelopmentSrs> for Srs {
    fn from(development: DevelopmentSrs) -> Self {
        let tau_g2 = (G2Affine::generator() * development.secret).into_affine();
        Self::with(Basis::Known(development.secret), tau_g2)
    }
}

impl Srs {
    /// Points of a ceremony. `g1`: [1], [t], [t^2], ...; `tau_g2`: [t] on G2.
    pub fn from_points(g1: Vec<G1Affine>, tau_g2: G2Affine) -> Result<Self, Error> {
        let starts = g1.first() == Some(&G1Affine::generator());
        let second = g1.get(1).copied().unwrap_or_default();
        let consistent =
            vouch_core::bls::pairing_is_one([second, G1Affine::generator()], [-G2Affine::generator(), tau_g2]);
        if starts && consistent { Ok(Self::with(Basis::Powers(g1), tau_g2)) } else { Err(Error::Mismatch) }
    }

    /// Reads a ceremony's points: `g1_file` holds compressed G1 points without a header, `g2_file` compressed G2 points
    /// whose first is [t]. Every point is checked to be one; that each is the next power is the ceremony's word.
    pub fn read(g1_file: &Path, g2_file: &Path) -> Result<Self, Error> {
        let g1 = read_points(g1_file, points::G1_COMPRESSED_LEN, points::decode_g1)?;
        let g2 = read_points(g2_file, points::G2_COMPRESSED_LEN, points::decode_g2)?;
        Self::from_points(g1, g2[0])
    }

    /// [1], [t], [t^2], ...; none where the secret is known, and points are made when they are needed.
    pub fn powers(&self) -> Option<&[G1Affine]> {
        match &self.basis {
            Basis::Known(_) => None,
            Basis::Powers(powers) => Some(powers),
        }
    }

    /// The most symbols that can be committed to.
    pub fn symbols_max(&self) -> usize {
        match &self.basis {
            Basis::Known(_) => SYMBOLS_MAX,
            Basis::Powers(powers) => powers.len(),
        }
    }

    /// [t] on G2.
    pub fn tau_g2(&self) -> &G2Affine {
        &self.tau_g2
    }

    /// The commitment of the polynomial with these values at the roots of unity; a power of two of them.
    pub fn commit(&self, values: &[Fr]) -> Result<G1Affine, Error> {
        let (symbols, points) = (values.len(), self.symbols_max());
        if symbols > points {
            return Err(Error::TooFewPoints { symbols, points });
        }
        let bases = self.bases(symbols);
        let sum = match &self.basis {
            Basis::Known(_) => bases.multiply(values),
            Basis::Powers(_) => bases.multiply(&Domain::of(symbols).interpolate(values.to_vec())),
        };
        Ok(sum.into_affine())
    }

    /// Works out now what blobs of up to `symbols` need, so that the first batch of each size need not wait (in all about a
    /// second for 4,096).
    pub fn prepare(&self, symbols: usize) {
        let sizes = (0..SIZES).map(|log| 1 << log);
        sizes.take_while(|size| *size <= symbols.min(self.symbols_max())).for_each(|size| {
            let _ = self.bases(size);
        });
    }

    fn with(basis: Basis, tau_g2: G2Affine) -> Self {
        Self { basis, tau_g2, bases: std::array::from_fn(|_| OnceLock::new()) }
    }

    fn bases(&self, symbols: usize) -> &Bases {
        self.bases[symbols.trailing_zeros() as usize].get_or_init(|| {
            let points = match &self.basis {
                Basis::Known(secret) => lagrange_points(*secret, symbols),
                Basis::Powers(powers) => powers[..symbols].to_vec(),
            };
            if symbols <= TABLES_MAX { Bases::Tables(FixedBases::new(&points)) } else { Bases::Points(points) }
        })
    }
}

impl Bases {
    fn multiply(&self, scalars: &[Fr]) -> G1Projective {
        match self {
            Self::Tables(tables) => tables.multiply(scalars),
            Self::Points(points) => G1Projective::msm_unchecked(points, scalars),
        }
    }
}

/// The commitments of the Lagrange polynomials.
fn lagrange_points(secret: Fr, symbols: usize) -> Vec<G1Affine> {
    G1Projective::from(G1Affine::generator()).batch_mul(&Domain::of(symbols).lagrange_at(secret))
}

fn read_points<P>(path: &Path, length: usize, decode: fn(&[u8]) -> Result<P, points::Error>) -> Result<Vec<P>, Error> {
    let file = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|source| Error::Read { file: file.clone(), source })?;
    let count = bytes.len() / length;
    if !bytes.len().is_multiple_of(length) || !(1..=SYMBOLS_MAX).contains(&count) {
        return Err(Error::Length { file, length: bytes.len() });
    }
    let point = |(index, bytes)| decode(bytes).map_err(|source| Error::Point { file: file.clone(), index, source });
    bytes.chunks(length).enumerate().map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_secret_is_refused_on_a_real_chain() {
        for chain in [1, 10, 8_453, 17_000, 11_155_111] {
            assert!(matches!(DevelopmentSrs::for_chain(chain), Err(Error::NotADevelopmentChain(_))), "{chain}");
        }
    }

    #[test]
    fn both_bases_commit_alike() {
        let secret = Fr::from(987_654_321u64);
        let known = Srs::from(DevelopmentSrs::with_secret(secret));
        let mut powers = vec![G1Affine::generator()];
        (1..16).for_each(|index| powers.push((powers[index - 1] * secret).into_affine()));
        let listed = Srs::from_points(powers, known.tau_g2).unwrap();
        for symbols in [1, 2, 16] {
            let values: Vec<Fr> = (0..symbols).map(|index| Fr::from(index * 31 + 5)).collect();
            assert_eq!(known.commit(&values).unwrap(), listed.commit(&values).unwrap(), "{symbols} symbols");
        }
        let too_many = listed.commit(&vec![Fr::from(1); 32]);
        assert!(matches!(too_many, Err(Error::TooFewPoints { symbols: 32, points: 16 })));
    }

    #[test]
    fn points_of_different_secrets_are_refused() {
        let tau_g2 = (G2Affine::generator() * Fr::from(3)).into_affine();
        let g1 = |secret: u64| vec![G1Affine::generator(), (G1Affine::generator() * Fr::from(secret)).into_affine()];
        assert!(Srs::from_points(g1(3), tau_g2).is_ok());
        assert!(matches!(Srs::from_points(g1(4), tau_g2), Err(Error::Mismatch)));
        assert!(matches!(Srs::from_points(g1(3)[1..].to_vec(), tau_g2), Err(Error::Mismatch)));
        assert!(matches!(Srs::from_points(vec![], tau_g2), Err(Error::Mismatch)));
    }

    #[test]
    fn broken_files_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let (g1, g2) = (folder.path().join("g1"), folder.path().join("g2"));
        assert!(matches!(Srs::read(&g1, &g2), Err(Error::Read { .. })));
        std::fs::write(&g1, [0; 33]).unwrap();
        assert!(matches!(Srs::read(&g1, &g2), Err(Error::Length { length: 33, .. })));
        std::fs::write(&g1, [0xff; 64]).unwrap();
        assert!(matches!(Srs::read(&g1, &g2), Err(Error::Point { index: 0, .. })));
    }
}
