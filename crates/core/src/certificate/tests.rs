use super::*;
use crate::bls::{PublicKeyG1, SecretKey};

const MESSAGE: BatchHash = BatchHash(B256::repeat_byte(0x5a));
const TIME: u32 = 1_700_000_000;

fn key(index: usize) -> SecretKey {
    SecretKey::from_entropy(&[index as u8 + 1; 48]).unwrap()
}

/// Operator i has the weights i + 1 and 10.
fn table(count: usize) -> OperatorTable {
    let info = |index: usize| OperatorInfo {
        pubkey: *key(index).public_key().g1(),
        weights: vec![U256::from(index + 1), U256::from(10)],
    };
    OperatorTable::new(TIME, (0..count).map(info).collect()).unwrap()
}

fn share(index: usize) -> SignerShare {
    let signature = key(index).sign(digest(TIME, MESSAGE));
    SignerShare { index, key: *key(index).public_key().g2(), signature }
}

/// A certificate of a table of 5, operators 1 and 3 absent.
fn honest() -> Certificate {
    Certificate::assemble(&table(5), MESSAGE, &[0, 2, 4].map(share)).unwrap().into_certificate()
}

fn refused(change: impl FnOnce(&mut Certificate)) -> Error {
    let mut certificate = honest();
    change(&mut certificate);
    certificate.verify(table(5).summary()).unwrap_err()
}

#[test]
fn an_honest_certificate_holds() {
    let verified = honest().verify(table(5).summary()).unwrap();
    assert_eq!(verified.signed_weights(), [U256::from(9), U256::from(30)]);
    assert!(verified.reaches(6_000) && !verified.reaches(6_001));
    for count in [1, 2, 3, 8] {
        let all: Vec<_> = (0..count).map(share).collect();
        assert!(Certificate::assemble(&table(count), MESSAGE, &all).unwrap().reaches(10_000));
    }
}

#[test]
fn witnesses_cannot_be_bent() {
    assert_eq!(refused(|c| c.non_signers.swap(0, 1)), Error::NonSignersNotAscending);
    assert_eq!(refused(|c| c.non_signers[0] = c.non_signers[1].clone()), Error::NonSignersNotAscending);
    assert_eq!(refused(|c| c.non_signers[0].index = 0), Error::InvalidWitness(0));
    assert_eq!(refused(|c| c.non_signers[1].index = 5), Error::InvalidWitness(5));
    assert_eq!(refused(|c| c.non_signers[1].index = 3 + 8), Error::InvalidWitness(11));
    assert_eq!(refused(|c| c.non_signers[0].info.weights[0] = U256::ZERO), Error::InvalidWitness(1));
    assert_eq!(refused(|c| c.non_signers[0].info.weights.truncate(1)), Error::InvalidWitness(1));
    assert_eq!(refused(|c| c.non_signers[0].info.weights.push(U256::ZERO)), Error::InvalidWitness(1));
    assert_eq!(refused(|c| c.non_signers[0].siblings.truncate(2)), Error::InvalidWitness(1));
    assert_eq!(refused(|c| c.non_signers[0].siblings.push(B256::ZERO)), Error::InvalidWitness(1));
    assert_eq!(refused(|c| c.non_signers[0].siblings[2].0[31] ^= 1), Error::InvalidWitness(1));
    assert_eq!(refused(|c| c.non_signers[0].info.pubkey = *key(9).public_key().g1()), Error::InvalidWitness(1));
}

#[test]
fn signatures_cannot_be_bent() {
    assert_eq!(refused(|c| c.signature = share(0).signature), Error::InvalidSignature);
    assert_eq!(refused(|c| c.apk = share(0).key), Error::InvalidSignature);
    assert_eq!(refused(|c| c.message_hash = BatchHash::ZERO), Error::InvalidSignature);
    // One absent operator passed off as a signer, and one signer as absent.
    assert_eq!(refused(|c| drop(c.non_signers.pop())), Error::InvalidSignature);
    assert_eq!(
        refused(|c| c.non_signers.insert(0, witnesses(&table(5), &[false, true, true, true, true]).remove(0))),
        Error::InvalidSignature
    );
}

/// A signature made by the G2 key alone holds against that key; the joint check ties it to the signers' key on G1.
#[test]
fn a_stranger_s_key_does_not_replace_the_signers() {
    let stranger = key(77);
    let forged = |c: &mut Certificate| {
        c.apk = *stranger.public_key().g2();
        c.signature = stranger.sign(digest(TIME, MESSAGE));
    };
    assert_eq!(refused(forged), Error::InvalidSignature);
}

#[test]
fn another_table_is_refused() {
    assert_eq!(refused(|c| c.reference_timestamp += 1), Error::WrongTable { certificate: TIME + 1, table: TIME });
    assert_eq!(honest().verify(table(6).summary()).unwrap_err(), Error::InvalidWitness(1));
    let later = TableSummary { reference_timestamp: TIME + 1, ..table(5).summary().clone() };
    let moved = Certificate { reference_timestamp: TIME + 1, ..honest() };
    assert_eq!(moved.verify(&later).unwrap_err(), Error::InvalidSignature, "the time is signed");
}

#[test]
fn nobody_certifies_nothing() {
    assert_eq!(Certificate::assemble(&table(3), MESSAGE, &[]), Err(Error::EveryOperatorAbsent));
    let everyone = witnesses(&table(5), &[false; 5]);
    assert_eq!(refused(|c| c.non_signers = everyone), Error::EveryOperatorAbsent);
    // The point at infinity cannot even be written down as a signature or key.
    assert!(Signature::new(G1Affine::zero()).is_err() && PublicKeyG2::new(G2Affine::zero()).is_err());
}

#[test]
fn assembling_names_the_spoiler() {
    let assemble = |shares: &[SignerShare]| Certificate::assemble(&table(5), MESSAGE, shares).unwrap_err();
    let forged = SignerShare { signature: share(0).signature, ..share(2) };
    assert_eq!(assemble(&[share(0), forged]), Error::InvalidSingleSignature(2));
    let foreign = SignerShare { key: *key(9).public_key().g2(), ..share(2) };
    assert_eq!(assemble(&[share(0), foreign]), Error::WrongKey(2));
    assert_eq!(assemble(&[share(0), share(0)]), Error::RepeatedSigner(0));
    assert_eq!(assemble(&[share(5)]), Error::UnknownSigner(5));
}

#[test]
fn a_table_without_stake_reaches_nothing() {
    let info = OperatorInfo { pubkey: *key(0).public_key().g1(), weights: vec![U256::ZERO] };
    let table = OperatorTable::new(TIME, vec![info]).unwrap();
    assert!(!Certificate::assemble(&table, MESSAGE, &[share(0)]).unwrap().reaches(5_001));
}

/// Weights that a lying summary cannot cover are refused instead of wrapping around.
#[test]
fn totals_smaller_than_the_absent_weight_are_refused() {
    let lying = TableSummary { totals: vec![U256::from(1), U256::from(10)], ..table(5).summary().clone() };
    assert_eq!(honest().verify(&lying).unwrap_err(), Error::InvalidWitness(1));
    let negative = TableSummary {
        aggregate: PublicKeyG1::new(-*table(5).summary().aggregate.point()).unwrap(),
        ..table(5).summary().clone()
    };
    assert_eq!(honest().verify(&negative).unwrap_err(), Error::InvalidSignature);
}
