//! BLS signatures on BN254 as EigenLayer uses them: signatures on G1, keys on G2, and every key also on G1 so that
//! contracts can add keys up cheaply.
//!
//! A sum of signatures is only worth something if nobody chose a key as a function of others' keys. So a [`PublicKey`]
//! comes into being with a proof of possession, and nothing else here turns two points into one.
//!
//! Not constant time: an attacker who can time an operator's process to the nanosecond is out of scope; keys are
//! overwritten when dropped.

use std::fmt;

use alloy_primitives::{B256, U256, keccak256};
use ark_bn254::{Bn254, Fq};
use ark_ec::pairing::Pairing;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{Field, PrimeField, Zero};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::ids::OperatorId;
use crate::points::{self, Fr, G1Affine, G2Affine};

/// Why a key or signature was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("not a secret key: zero or not below the group order")]
    InvalidSecretKey,
    /// Infinity signs nothing and verifies against itself.
    #[error("point at infinity is neither key nor signature")]
    Infinity,
    #[error("the G1 and G2 keys differ, or the proof of possession is another key's")]
    NoPossession,
    #[error("signature does not match key and digest")]
    InvalidSignature,
    #[error(transparent)]
    Point(#[from] points::Error),
}

/// A signing key.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct SecretKey(Fr);

impl SecretKey {
    /// 32 big-endian bytes.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, Error> {
        let scalar = points::scalar(bytes).ok_or(Error::InvalidSecretKey)?;
        if scalar.is_zero() { Err(Error::InvalidSecretKey) } else { Ok(Self(scalar)) }
    }

    /// A key from 48 uniform bytes, so that reducing them leaves no bias worth naming (2^-128).
    pub fn from_entropy(entropy: &[u8; 48]) -> Result<Self, Error> {
        let scalar = Fr::from_be_bytes_mod_order(entropy);
        if scalar.is_zero() { Err(Error::InvalidSecretKey) } else { Ok(Self(scalar)) }
    }

    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(points::scalar_bytes(&self.0))
    }

    /// The public key; holding the secret is the proof of possession.
    pub fn public_key(&self) -> PublicKey {
        PublicKey {
            g1: PublicKeyG1((G1Affine::generator() * self.0).into_affine()),
            g2: PublicKeyG2((G2Affine::generator() * self.0).into_affine()),
        }
    }

    pub fn sign(&self, digest: B256) -> Signature {
        Signature((hash_to_g1(digest) * self.0).into_affine())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretKey(..)")
    }
}

macro_rules! point {
    ($(#[$doc:meta])* $name:ident, $affine:ty, $words:literal, $from_words:path, $to_words:path) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct $name(pub(crate) $affine);

        impl $name {
            /// Refuses infinity.
            pub fn new(point: $affine) -> Result<Self, Error> {
                if point.is_zero() { Err(Error::Infinity) } else { Ok(Self(point)) }
            }

            /// From Solidity's words, checked as [`points`] says; refuses infinity.
            pub fn from_words(words: [U256; $words]) -> Result<Self, Error> {
                Self::new($from_words(words)?)
            }

            pub fn to_words(&self) -> [U256; $words] {
                $to_words(&self.0)
            }

            pub fn point(&self) -> &$affine {
                &self.0
            }
        }
    };
}

point! {
    /// A public key on G1; not infinity.
    PublicKeyG1, G1Affine, 2, points::g1_from_words, points::g1_words
}
point! {
    /// A public key on G2, against which signatures are checked; not infinity.
    PublicKeyG2, G2Affine, 4, points::g2_from_words, points::g2_words
}
point! {
    /// A signature, or a sum of them; not infinity.
    Signature, G1Affine, 2, points::g1_from_words, points::g1_words
}

impl PublicKeyG1 {
    /// keccak256(X ‖ Y).
    pub fn operator_id(&self) -> OperatorId {
        OperatorId(keccak256(points::g1_bytes(&self.0)))
    }
}

impl PublicKeyG2 {
    /// e(signature, G2) = e(H(digest), key).
    pub fn verify(&self, digest: B256, signature: &Signature) -> Result<(), Error> {
        let holds = pairing_is_one([signature.0, hash_to_g1(digest)], [-G2Affine::generator(), self.0]);
        if holds { Ok(()) } else { Err(Error::InvalidSignature) }
    }
}

impl Signature {
    /// X ‖ Y, or 32 bytes compressed; refuses infinity.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        Self::new(points::decode_g1(bytes)?)
    }

    /// X ‖ Y.
    pub fn to_bytes(&self) -> [u8; points::G1_LEN] {
        points::g1_bytes(&self.0)
    }
}

/// One key on both groups, whose holder has shown that it has the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PublicKey {
    g1: PublicKeyG1,
    g2: PublicKeyG2,
}

impl PublicKey {
    /// `digest`: the key registration hash of the KeyRegistrar, `proof`: the key's signature over it.
    pub fn with_proof(g1: PublicKeyG1, g2: PublicKeyG2, digest: B256, proof: &Signature) -> Result<Self, Error> {
        g2.verify(digest, proof).map_err(|_| Error::NoPossession)?;
        if is_same_key(&g1.0, &g2.0) { Ok(Self { g1, g2 }) } else { Err(Error::NoPossession) }
    }

    pub fn g1(&self) -> &PublicKeyG1 {
        &self.g1
    }

    pub fn g2(&self) -> &PublicKeyG2 {
        &self.g2
    }

    pub fn operator_id(&self) -> OperatorId {
        self.g1.operator_id()
    }
}

/// The sum of signatures; [`Error::Infinity`] if there are none or they cancel out.
pub fn aggregate_signatures<'a>(signatures: impl IntoIterator<Item = &'a Signature>) -> Result<Signature, Error> {
    Signature::new(sum(signatures.into_iter().map(|signature| signature.0)))
}

/// The sum of G2 keys, against which the sum of their signatures verifies.
pub fn aggregate_keys<'a>(keys: impl IntoIterator<Item = &'a PublicKeyG2>) -> Result<PublicKeyG2, Error> {
    PublicKeyG2::new(sum(keys.into_iter().map(|key| key.0)))
}

/// Hashes to the curve by try-and-increment: x = digest mod p, then x + 1 until x³ + 3 has a root; y is that root which
/// exponentiation by (p + 1) / 4 gives. About two tries on average; not constant time, and the digest is public.
pub fn hash_to_g1(digest: B256) -> G1Affine {
    let mut x = Fq::from_be_bytes_mod_order(digest.as_slice());
    loop {
        if let Some(y) = (x.square() * x + Fq::from(3u64)).sqrt() {
            return G1Affine::new_unchecked(x, y);
        }
        x += Fq::ONE;
    }
}

/// Whether both points are the same multiple of their generators: e(g1, G2) = e(G1, g2).
pub(crate) fn is_same_key(g1: &G1Affine, g2: &G2Affine) -> bool {
    pairing_is_one([*g1, G1Affine::generator()], [-G2Affine::generator(), *g2])
}

/// Whether the product of the pairings is one.
pub fn pairing_is_one<const N: usize>(g1: [G1Affine; N], g2: [G2Affine; N]) -> bool {
    Bn254::multi_pairing(g1, g2).is_zero()
}

pub(crate) fn sum<P: AffineRepr>(points: impl Iterator<Item = P>) -> P {
    points.fold(P::Group::zero(), |sum, point| sum + point).into_affine()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: B256 = B256::repeat_byte(0x5a);

    fn key(seed: u8) -> SecretKey {
        SecretKey::from_entropy(&[seed; 48]).unwrap()
    }

    #[test]
    fn a_signature_verifies_for_its_key_and_digest_only() {
        let signature = key(1).sign(DIGEST);
        assert_eq!(key(1).public_key().g2().verify(DIGEST, &signature), Ok(()));
        assert_eq!(key(2).public_key().g2().verify(DIGEST, &signature), Err(Error::InvalidSignature));
        assert_eq!(key(1).public_key().g2().verify(B256::ZERO, &signature), Err(Error::InvalidSignature));
        assert_eq!(Signature::from_bytes(&signature.to_bytes()), Ok(signature));
    }

    #[test]
    fn sums_verify_against_sums() {
        let keys = [key(1), key(2), key(3)];
        let signature = aggregate_signatures(&keys.each_ref().map(|key| key.sign(DIGEST))).unwrap();
        let publics = keys.each_ref().map(|key| *key.public_key().g2());
        assert_eq!(aggregate_keys(&publics).unwrap().verify(DIGEST, &signature), Ok(()));
        assert_eq!(aggregate_keys(&publics[1..]).unwrap().verify(DIGEST, &signature), Err(Error::InvalidSignature));
        assert_eq!(aggregate_signatures(&[]), Err(Error::Infinity));
    }

    /// Without the check, infinity signs everything for the key at infinity.
    #[test]
    fn infinity_is_neither_key_nor_signature() {
        assert!(pairing_is_one([G1Affine::zero(), hash_to_g1(DIGEST)], [-G2Affine::generator(), G2Affine::zero()]));
        assert_eq!(Signature::from_bytes(&[0; 64]), Err(Error::Infinity));
        assert_eq!(PublicKeyG1::from_words([U256::ZERO; 2]), Err(Error::Infinity));
        assert_eq!(PublicKeyG2::from_words([U256::ZERO; 4]), Err(Error::Infinity));
        let (one, negated) = (key(1).sign(DIGEST), Signature(-key(1).sign(DIGEST).0));
        assert_eq!(aggregate_signatures(&[one, negated]), Err(Error::Infinity));
    }

    /// The attacker publishes its key minus the victim's: the sum is then a key that the attacker alone can sign for.
    #[test]
    fn a_rogue_key_has_no_proof() {
        let (victim, attacker) = (key(1).public_key(), key(2));
        let rogue_g1 = PublicKeyG1((attacker.public_key().g1.0 - victim.g1.0).into_affine());
        let rogue_g2 = PublicKeyG2((attacker.public_key().g2.0 - victim.g2.0).into_affine());
        let forged = attacker.sign(DIGEST);
        let sum = aggregate_keys(&[victim.g2, rogue_g2]).unwrap();
        assert_eq!(sum.verify(DIGEST, &forged), Ok(()), "the attack works on bare keys");
        let proof = attacker.sign(DIGEST);
        assert_eq!(PublicKey::with_proof(rogue_g1, rogue_g2, DIGEST, &proof), Err(Error::NoPossession));
    }

    #[test]
    fn a_proof_binds_both_keys() {
        let (one, other) = (key(1).public_key(), key(2).public_key());
        let proof = key(1).sign(DIGEST);
        assert_eq!(PublicKey::with_proof(one.g1, one.g2, DIGEST, &proof), Ok(one));
        assert_eq!(PublicKey::with_proof(other.g1, one.g2, DIGEST, &proof), Err(Error::NoPossession));
        assert_eq!(PublicKey::with_proof(one.g1, other.g2, DIGEST, &proof), Err(Error::NoPossession));
    }

    #[test]
    fn secret_keys_are_canonical_and_silent() {
        assert!(matches!(SecretKey::from_bytes(&[0; 32]), Err(Error::InvalidSecretKey)));
        assert!(matches!(SecretKey::from_bytes(&[0xff; 32]), Err(Error::InvalidSecretKey)));
        assert_eq!(*SecretKey::from_bytes(&key(1).to_bytes()).unwrap().to_bytes(), *key(1).to_bytes());
        assert_eq!(format!("{:?}", key(1)), "SecretKey(..)");
    }

    #[test]
    fn hashes_lie_on_the_curve() {
        for byte in 0..=255 {
            assert!(hash_to_g1(B256::repeat_byte(byte)).is_on_curve());
        }
    }
}
