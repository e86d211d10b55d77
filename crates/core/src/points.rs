//! BN254 points as bytes and words.
//!
//! Bytes are gnark's: big-endian coordinates, of G2 the imaginary part first; the top two bits of the first byte say
//! 00 uncompressed, 10 compressed with the smaller y, 11 with the larger y, 01 compressed infinity. Words are Solidity's:
//! (0, 0) is infinity. Every decoder refuses what is not canonical, not on the curve or outside the subgroup of prime
//! order; none refuses infinity, because sums may be infinite: whoever needs another point checks that itself.

use alloy_primitives::U256;
use ark_bn254::{Fq, Fq2};
pub use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ec::short_weierstrass::{Affine, SWCurveConfig};
use ark_ff::{AdditiveGroup, BigInt, BigInteger, PrimeField};

/// The lengths of G1, compressed and not, bytes.
pub const G1_COMPRESSED_LEN: usize = 32;
pub const G1_LEN: usize = 64;
/// The lengths of G2, compressed and not, bytes.
pub const G2_COMPRESSED_LEN: usize = 64;
pub const G2_LEN: usize = 128;

const FLAGS: u8 = 0b1100_0000;
const SMALLER: u8 = 0b1000_0000;
const LARGER: u8 = 0b1100_0000;
const INFINITY: u8 = 0b0100_0000;

/// Why bytes or words are no point. The fault of whoever sent them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("a point in this form has {expected} bytes, found {found}")]
    Length { found: usize, expected: usize },
    #[error("coordinate is not below the field's modulus")]
    NotCanonical,
    #[error("infinity is followed by bytes that are not zero")]
    Infinity,
    #[error("no such point on the curve")]
    NotOnCurve,
    #[error("point is outside the subgroup of prime order")]
    NotInSubgroup,
}

/// Decodes G1 in either form.
pub fn decode_g1(bytes: &[u8]) -> Result<G1Affine, Error> {
    decode::<_, G1_COMPRESSED_LEN>(bytes)
}

/// Decodes G2 in either form.
pub fn decode_g2(bytes: &[u8]) -> Result<G2Affine, Error> {
    decode::<_, G2_COMPRESSED_LEN>(bytes)
}

pub fn g1_compressed(point: &G1Affine) -> [u8; G1_COMPRESSED_LEN] {
    compress(point)
}

pub fn g2_compressed(point: &G2Affine) -> [u8; G2_COMPRESSED_LEN] {
    compress(point)
}

/// X ‖ Y.
pub fn g1_bytes(point: &G1Affine) -> [u8; G1_LEN] {
    let mut bytes = [0; G1_LEN];
    point.x().unwrap_or_default().write(&mut bytes[..32]);
    point.y().unwrap_or_default().write(&mut bytes[32..]);
    bytes
}

/// X imaginary ‖ X real ‖ Y imaginary ‖ Y real.
pub fn g2_bytes(point: &G2Affine) -> [u8; G2_LEN] {
    let mut bytes = [0; G2_LEN];
    point.x().unwrap_or_default().write(&mut bytes[..64]);
    point.y().unwrap_or_default().write(&mut bytes[64..]);
    bytes
}

/// (X, Y) as `BN254.G1Point`.
pub fn g1_words(point: &G1Affine) -> [U256; 2] {
    words(&g1_bytes(point))
}

/// (X imaginary, X real, Y imaginary, Y real) as `BN254.G2Point`.
pub fn g2_words(point: &G2Affine) -> [U256; 4] {
    words(&g2_bytes(point))
}

pub fn g1_from_words(words: [U256; 2]) -> Result<G1Affine, Error> {
    uncompressed(&bytes_of(&words))
}

pub fn g2_from_words(words: [U256; 4]) -> Result<G2Affine, Error> {
    uncompressed(&bytes_of(&words))
}

/// A scalar from 32 big-endian bytes; none if it is not below the group order.
pub fn scalar(bytes: &[u8; 32]) -> Option<Fr> {
    Fr::from_bigint(bigint(bytes))
}

/// 32 big-endian bytes.
pub fn scalar_bytes(scalar: &Fr) -> [u8; 32] {
    be_bytes(scalar)
}

/// A coordinate field: Fq, or Fq2 with the imaginary part first.
trait Coordinate: ark_ff::Field {
    fn read(bytes: &[u8]) -> Option<Self>;
    fn write(&self, bytes: &mut [u8]);
    /// Whether this is larger than its negative, as gnark compares.
    fn is_larger(&self) -> bool;
}

impl Coordinate for Fq {
    fn read(bytes: &[u8]) -> Option<Self> {
        Fq::from_bigint(bigint(bytes.try_into().ok()?))
    }

    fn write(&self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&be_bytes(self));
    }

    fn is_larger(&self) -> bool {
        self.into_bigint() > Fq::MODULUS_MINUS_ONE_DIV_TWO
    }
}

impl Coordinate for Fq2 {
    fn read(bytes: &[u8]) -> Option<Self> {
        let (imaginary, real) = bytes.split_at_checked(32)?;
        Some(Fq2::new(Fq::read(real)?, Fq::read(imaginary)?))
    }

    fn write(&self, bytes: &mut [u8]) {
        let (imaginary, real) = bytes.split_at_mut(32);
        self.c1.write(imaginary);
        self.c0.write(real);
    }

    fn is_larger(&self) -> bool {
        if self.c1 == Fq::ZERO { self.c0.is_larger() } else { self.c1.is_larger() }
    }
}

/// `N`: the compressed length.
fn decode<P, const N: usize>(bytes: &[u8]) -> Result<Affine<P>, Error>
where
    P: SWCurveConfig<ZeroFlag = ()>,
    P::BaseField: Coordinate,
{
    let flags = bytes.first().copied().unwrap_or_default() & FLAGS;
    let expected = if flags == 0 { 2 * N } else { N };
    if bytes.len() != expected {
        return Err(Error::Length { found: bytes.len(), expected });
    }
    if flags == 0 {
        return uncompressed(bytes);
    }
    let mut x = [0; N];
    x.copy_from_slice(bytes);
    x[0] &= !FLAGS;
    match flags {
        INFINITY if x == [0; N] => Ok(Affine::zero()),
        INFINITY => Err(Error::Infinity),
        _ => decompress(&x, flags == LARGER),
    }
}

fn decompress<P>(x: &[u8], larger: bool) -> Result<Affine<P>, Error>
where
    P: SWCurveConfig<ZeroFlag = ()>,
    P::BaseField: Coordinate,
{
    let x = P::BaseField::read(x).ok_or(Error::NotCanonical)?;
    let (one, other) = Affine::<P>::get_ys_from_x_unchecked(x).ok_or(Error::NotOnCurve)?;
    let y = if one.is_larger() == larger { one } else { other };
    in_subgroup(Affine::new_unchecked(x, y))
}

fn uncompressed<P>(bytes: &[u8]) -> Result<Affine<P>, Error>
where
    P: SWCurveConfig<ZeroFlag = ()>,
    P::BaseField: Coordinate,
{
    if bytes.iter().all(|byte| *byte == 0) {
        return Ok(Affine::zero());
    }
    let (x, y) = bytes.split_at(bytes.len() / 2);
    let x = P::BaseField::read(x).ok_or(Error::NotCanonical)?;
    let y = P::BaseField::read(y).ok_or(Error::NotCanonical)?;
    let point = Affine::<P>::new_unchecked(x, y);
    if point.is_on_curve() { in_subgroup(point) } else { Err(Error::NotOnCurve) }
}

fn in_subgroup<P: SWCurveConfig>(point: Affine<P>) -> Result<Affine<P>, Error> {
    if point.is_in_correct_subgroup_assuming_on_curve() { Ok(point) } else { Err(Error::NotInSubgroup) }
}

fn compress<P, const N: usize>(point: &Affine<P>) -> [u8; N]
where
    P: SWCurveConfig<ZeroFlag = ()>,
    P::BaseField: Coordinate,
{
    let mut bytes = [0; N];
    match point.xy() {
        None => bytes[0] = INFINITY,
        Some((x, y)) => {
            x.write(&mut bytes);
            bytes[0] |= if y.is_larger() { LARGER } else { SMALLER };
        }
    }
    bytes
}

fn words<const N: usize>(bytes: &[u8]) -> [U256; N] {
    std::array::from_fn(|index| U256::from_be_slice(&bytes[32 * index..32 * (index + 1)]))
}

fn bytes_of(words: &[U256]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes::<32>()).collect()
}

fn bigint(bytes: &[u8; 32]) -> BigInt<4> {
    let (limbs, _) = bytes.as_chunks::<8>();
    BigInt::new(std::array::from_fn(|limb| u64::from_be_bytes(limbs[3 - limb])))
}

fn be_bytes<F: PrimeField>(element: &F) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(&element.into_bigint().to_bytes_be());
    bytes
}

#[cfg(test)]
mod tests;
