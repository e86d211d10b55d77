//! secp256k1 signatures as Ethereum writes them: r ‖ s ‖ v, 65 bytes.

use alloy_primitives::{Address, B256, keccak256};
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};
use secp256k1::{Message, PublicKey, SecretKey};

/// The length of a signature, bytes.
pub const SIGNATURE_LEN: usize = 65;

/// Why a signature or key was refused. The signer's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("signature has {0} bytes, expected {SIGNATURE_LEN}")]
    Length(usize),
    #[error("recovery byte is {0}, expected 0, 1, 27 or 28")]
    RecoveryByte(u8),
    /// The other half of the curve order signs the same message too; only the lower s counts, as on chain.
    #[error("s is in the upper half of the curve order")]
    HighS,
    #[error("no key recovers from the signature")]
    Unrecoverable,
    #[error("signed by {found}, expected {expected}")]
    WrongSigner { found: Address, expected: Address },
    #[error("not a secret key: zero or not below the curve order")]
    InvalidSecretKey,
}

/// Whose key signed `digest`.
pub fn recover(digest: B256, signature: &[u8]) -> Result<Address, Error> {
    let (compact, recovery_byte) = match signature.split_last_chunk::<1>() {
        Some((compact, [byte])) if signature.len() == SIGNATURE_LEN => (compact, *byte),
        _ => return Err(Error::Length(signature.len())),
    };
    let signature = parse(compact, recovery_byte)?;
    let key = signature.recover_ecdsa(Message::from_digest(digest.0)).map_err(|_| Error::Unrecoverable)?;
    Ok(address_of(&key))
}

/// Checks that `signer` signed `digest`.
pub fn verify(digest: B256, signature: &[u8], signer: Address) -> Result<(), Error> {
    let found = recover(digest, signature)?;
    if found == signer { Ok(()) } else { Err(Error::WrongSigner { found, expected: signer }) }
}

/// Signs `digest`; v is 27 or 28.
pub fn sign(digest: B256, secret_key: &[u8; 32]) -> Result<[u8; SIGNATURE_LEN], Error> {
    let key = parse_secret(secret_key)?;
    let signature = RecoverableSignature::sign_ecdsa_recoverable(Message::from_digest(digest.0), &key);
    let (recovery_id, compact) = signature.serialize_compact();
    let mut bytes = [0; SIGNATURE_LEN];
    bytes[..64].copy_from_slice(&compact);
    bytes[64] = 27 + recovery_id.to_u8();
    Ok(bytes)
}

/// The address of a secret key.
pub fn address(secret_key: &[u8; 32]) -> Result<Address, Error> {
    parse_secret(secret_key).map(|key| address_of(&PublicKey::from_secret_key(&key)))
}

fn parse(compact: &[u8], recovery_byte: u8) -> Result<RecoverableSignature, Error> {
    let recovery_id = match recovery_byte {
        0 | 27 => RecoveryId::Zero,
        1 | 28 => RecoveryId::One,
        other => return Err(Error::RecoveryByte(other)),
    };
    let signature = RecoverableSignature::from_compact(compact, recovery_id).map_err(|_| Error::Unrecoverable)?;
    let standard = signature.to_standard();
    let mut normalized = standard;
    normalized.normalize_s();
    if normalized == standard { Ok(signature) } else { Err(Error::HighS) }
}

fn parse_secret(secret_key: &[u8; 32]) -> Result<SecretKey, Error> {
    SecretKey::from_secret_bytes(*secret_key).map_err(|_| Error::InvalidSecretKey)
}

fn address_of(key: &PublicKey) -> Address {
    Address::from_slice(&keccak256(&key.serialize_uncompressed()[1..])[12..])
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: B256 = B256::repeat_byte(0x5a);
    const KEY: [u8; 32] = [7; 32];

    /// The same message signed with n - s: valid for the curve, malleable for everyone else.
    fn upper_half(signature: [u8; 65]) -> [u8; 65] {
        let order = alloy_primitives::uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);
        let mut other = signature;
        let s = order - alloy_primitives::U256::from_be_slice(&signature[32..64]);
        other[32..64].copy_from_slice(&s.to_be_bytes::<32>());
        other[64] = 55 - signature[64];
        other
    }

    #[test]
    fn both_forms_of_v_recover_the_signer() {
        let signer = address(&KEY).unwrap();
        let mut signature = sign(DIGEST, &KEY).unwrap();
        assert_eq!(verify(DIGEST, &signature, signer), Ok(()));
        signature[64] -= 27;
        assert_eq!(verify(DIGEST, &signature, signer), Ok(()));
    }

    #[test]
    fn known_address() {
        // The first account of the development mnemonic that every Ethereum tool knows.
        let key = alloy_primitives::b256!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
        let expected = alloy_primitives::address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
        assert_eq!(address(&key.0), Ok(expected));
    }

    #[test]
    fn lies_are_refused() {
        let signature = sign(DIGEST, &KEY).unwrap();
        let mut other_v = signature;
        other_v[64] = 29;
        let mut zero = [0; 65];
        zero[64] = 27;
        assert_eq!(recover(DIGEST, &upper_half(signature)), Err(Error::HighS));
        assert_eq!(recover(DIGEST, &other_v), Err(Error::RecoveryByte(29)));
        assert_eq!(recover(DIGEST, &signature[..64]), Err(Error::Length(64)));
        assert_eq!(recover(DIGEST, &[&signature[..], &[0]].concat()), Err(Error::Length(66)));
        assert_eq!(recover(DIGEST, &zero), Err(Error::Unrecoverable));
        let expected = address(&[8; 32]).unwrap();
        assert!(matches!(verify(DIGEST, &signature, expected), Err(Error::WrongSigner { .. })));
        assert_eq!(sign(DIGEST, &[0; 32]), Err(Error::InvalidSecretKey));
        assert_eq!(sign(DIGEST, &[0xff; 32]), Err(Error::InvalidSecretKey));
    }
}
