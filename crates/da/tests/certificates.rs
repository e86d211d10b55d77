//! Certificates come back as they were, and no change of one passes.
#![allow(clippy::unwrap_used, reason = "tests")]

mod kit;

use alloy_primitives::B256;
use kit::{VERSIONS, certificate};
use vouch_da::wire::certificate::{CERTIFICATE_LEN_MAX, Certificate, Error, Version};

#[test]
fn a_certificate_of_every_version_comes_back_and_holds() {
    for version in VERSIONS {
        let made = certificate(version);
        let bytes = made.encode();
        assert_eq!(Certificate::decode(&bytes).unwrap(), made);
        assert_eq!(made.check(), Ok(made.blob.header.blob_key()));
        let posted = [&[1, 0], &bytes[..]].concat();
        assert_eq!(Certificate::decode_op_generic(&posted).unwrap(), made);
        assert!(matches!(Certificate::decode_op_generic(&bytes), Err(Error::Field { what: "commitment", .. })));
    }
}

#[test]
fn what_is_not_signed_or_not_in_the_batch_is_refused() {
    let made = certificate(Version::V3);
    let refused = |change: fn(&mut Certificate)| {
        let mut changed = made.clone();
        change(&mut changed);
        changed.check().unwrap_err()
    };
    let elsewhere = |change| assert!(matches!(refused(change), Error::NotInBatch { .. }));
    elsewhere(|certificate| certificate.blob.header.version = 1);
    elsewhere(|certificate| certificate.blob.header.quorum_numbers = vec![0]);
    elsewhere(|certificate| certificate.blob.header.commitments.length *= 2);
    elsewhere(|certificate| certificate.blob.header.payment_header_hash = B256::ZERO);
    elsewhere(|certificate| certificate.blob.relay_keys = vec![300, 0]);
    elsewhere(|certificate| certificate.blob_index = 0);
    elsewhere(|certificate| certificate.blob_index = 5);
    elsewhere(|certificate| certificate.batch.batch_root = B256::ZERO);
    elsewhere(|certificate| certificate.inclusion_proof.clear());
    let unsigned = |change| assert!(matches!(refused(change), Error::Signature { .. }));
    unsigned(|certificate| certificate.batch.reference_block_number += 1);
    unsigned(|certificate| {
        certificate.attestation.signers_key = certificate_of_another_batch().attestation.signers_key
    });
    unsigned(|certificate| certificate.attestation.signature = certificate_of_another_batch().attestation.signature);
}

/// With one signature more in the sums.
fn certificate_of_another_batch() -> Certificate {
    let mut other = certificate(Version::V3);
    let attestation = &mut other.attestation;
    attestation.signers_key =
        vouch_core::bls::aggregate_keys([&attestation.signers_key, &attestation.signers_key]).unwrap();
    attestation.signature =
        vouch_core::bls::aggregate_signatures([&attestation.signature, &attestation.signature]).unwrap();
    other
}

#[test]
fn no_change_of_a_bit_passes_unseen() {
    let made = certificate(Version::V4 { derivation_version: 2 });
    let bytes = made.encode();
    // A prime step, so that every bit of a byte is met.
    for bit in (0..bytes.len() * 8).step_by(7) {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let Ok(found) = Certificate::decode(&changed) else { continue };
        assert_eq!(found.encode(), changed, "bit {bit} is read as something else");
        if found.check().is_ok() {
            // What is left is the chain's: where it finds keys and stakes, and whose they are.
            let attestation = &found.attestation;
            let same = (&found.batch, &found.blob, found.blob_index, &found.inclusion_proof);
            assert_eq!(same, (&made.batch, &made.blob, made.blob_index, &made.inclusion_proof), "bit {bit}");
            assert_eq!(attestation.signers_key, made.attestation.signers_key, "bit {bit}");
            assert_eq!(attestation.signature, made.attestation.signature, "bit {bit}");
        }
    }
}

#[test]
fn what_is_no_certificate_is_refused_by_name() {
    let bytes = certificate(Version::V3).encode();
    for found in [0, 4, 0xff] {
        let other = [&[found], &bytes[1..]].concat();
        assert_eq!(Certificate::decode(&other), Err(Error::Version { found }));
    }
    assert_eq!(Certificate::decode(&[]), Err(Error::Version { found: 0 }));
    let long = vec![2; CERTIFICATE_LEN_MAX + 1];
    assert_eq!(Certificate::decode(&long), Err(Error::TooLong { found: CERTIFICATE_LEN_MAX + 1 }));
    let trailing = [&bytes[..], &[0]].concat();
    assert!(matches!(Certificate::decode(&trailing), Err(Error::Field { what: "certificate", .. })));
    assert!(Certificate::decode(&bytes[..bytes.len() - 1]).is_err());
    // As another version, the parts stand in another order or are too few.
    for version in [1, 3] {
        assert!(Certificate::decode(&[&[version], &bytes[1..]].concat()).is_err());
    }
    let field = |change: fn(&mut Certificate), name: &str| {
        let mut changed = certificate(Version::V3);
        change(&mut changed);
        let refused = Certificate::decode(&changed.encode()).unwrap_err();
        assert!(matches!(refused, Error::Field { what, .. } if what == name), "{name}: {refused}");
    };
    field(|certificate| certificate.signed_quorums = vec![1, 0], "signed quorums");
    field(|certificate| certificate.signed_quorums = vec![1, 1], "signed quorums");
    field(|certificate| certificate.signed_quorums = vec![192], "signed quorums");
    field(|certificate| certificate.signed_quorums = (0..6).collect(), "signed quorums");
    field(|certificate| certificate.blob.header.quorum_numbers = vec![192], "quorum numbers");
    field(|certificate| certificate.blob.signature = vec![1; 64].into(), "client's signature");
    field(|certificate| certificate.inclusion_proof = vec![B256::ZERO; 33], "inclusion proof");
    field(|certificate| certificate.attestation.total_stake_indices = vec![0; 6], "total stake indices");
    field(
        |certificate| certificate.attestation.non_signers = vec![certificate.attestation.non_signers[0]; 416],
        "non-signers",
    );
}
