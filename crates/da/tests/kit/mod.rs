//! A certificate of our own making.

use alloy_primitives::{Address, Bytes, U256};
use vouch_coding::BlobCommitments;
use vouch_core::bls::{SecretKey, aggregate_keys, aggregate_signatures};
use vouch_da::wire::certificate::{Attestation, Certificate, Version};
use vouch_da::wire::{BatchHeader, BlobCertificate, BlobHeader, PaymentHeader, SIGNATURE_LEN, inclusion};

fn key(seed: u8) -> SecretKey {
    SecretKey::from_entropy(&[seed; 48]).unwrap()
}

/// The second of three blobs in a batch that two of three operators signed for one quorum, and one of them for another.
pub fn certificate(version: Version) -> Certificate {
    let blobs = [1, 2, 3].map(blob);
    let hashes = blobs.each_ref().map(BlobCertificate::hash);
    let batch = BatchHeader { batch_root: inclusion::root(&hashes).unwrap(), reference_block_number: 9_145_723 };
    let signers = [1, 1, 2].map(key);
    let signatures = signers.each_ref().map(|key| key.sign(batch.hash()));
    let keys = signers.each_ref().map(|key| *key.public_key().g2());
    let non_signer = *key(3).public_key().g1();
    let attestation = Attestation {
        non_signer_bitmap_indices: vec![0, 70_000],
        non_signers: vec![non_signer],
        quorum_keys: vec![*non_signer.point(), *key(1).public_key().g1().point()],
        signers_key: aggregate_keys(&keys).unwrap(),
        signature: aggregate_signatures(&signatures).unwrap(),
        quorum_key_indices: vec![7, 5],
        total_stake_indices: vec![8, 256],
        non_signer_stake_indices: vec![vec![3], vec![]],
    };
    let [_, blob, _] = blobs;
    Certificate {
        version,
        batch,
        blob,
        blob_index: 1,
        inclusion_proof: inclusion::prove(&hashes, 1).unwrap(),
        attestation,
        signed_quorums: vec![0, 1],
    }
}

/// Points that commit to nothing: nobody looks behind them here.
fn blob(seed: u8) -> BlobCertificate {
    let (one, other) = (key(seed).public_key(), key(seed + 10).public_key());
    let commitments = BlobCommitments {
        commitment: *one.g1().point(),
        length_commitment: *one.g2().point(),
        length_proof: *other.g2().point(),
        length: 1 << seed,
    };
    let payment = PaymentHeader {
        account: Address::repeat_byte(seed),
        timestamp_ns: 1_763_800_000_000_000_000,
        cumulative_payment: U256::from(u64::from(seed) - 1) << 70,
    };
    let header =
        BlobHeader { version: 0, quorum_numbers: vec![0, 1], commitments, payment_header_hash: payment.hash() };
    BlobCertificate { header, signature: Bytes::from(vec![seed; SIGNATURE_LEN]), relay_keys: vec![0, 300] }
}

/// The three versions.
pub const VERSIONS: [Version; 3] = [Version::V2, Version::V3, Version::V4 { derivation_version: 2 }];
