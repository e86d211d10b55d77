//! Writes a certificate.

use alloy_primitives::U256;
use alloy_rlp::{Encodable, Header};
use vouch_coding::BlobCommitments;
use vouch_core::points;

use super::{Attestation, Certificate, Version};
use crate::wire::{BatchHeader, BlobCertificate};

pub(super) fn certificate(certificate: &Certificate) -> Vec<u8> {
    let (batch, blob) = (batch_header(&certificate.batch), blob_inclusion(certificate));
    let rest = [attestation(&certificate.attestation), string(&certificate.signed_quorums)];
    let (version, parts) = match certificate.version {
        Version::V2 => (1, vec![blob, batch]),
        Version::V3 | Version::V4 { .. } => (2, vec![batch, blob]),
    };
    let parts = parts.into_iter().chain(rest);
    let (version, encoded) = match certificate.version {
        Version::V4 { derivation_version } => (3, list(parts.chain([number(derivation_version.into())]))),
        _ => (version, list(parts)),
    };
    [vec![version], encoded].concat()
}

fn batch_header(header: &BatchHeader) -> Vec<u8> {
    list([string(header.batch_root.as_slice()), number(header.reference_block_number)])
}

fn blob_inclusion(certificate: &Certificate) -> Vec<u8> {
    let proof = string(&certificate.inclusion_proof.concat());
    list([blob_certificate(&certificate.blob), number(certificate.blob_index), proof])
}

fn blob_certificate(certificate: &BlobCertificate) -> Vec<u8> {
    let header = &certificate.header;
    let header = list([
        number(header.version.into()),
        string(&header.quorum_numbers),
        commitments(&header.commitments),
        string(header.payment_header_hash.as_slice()),
    ]);
    list([header, string(&certificate.signature), numbers(&certificate.relay_keys)])
}

fn commitments(commitments: &BlobCommitments) -> Vec<u8> {
    list([
        g1(points::g1_words(&commitments.commitment)),
        g2(points::g2_words(&commitments.length_commitment)),
        g2(points::g2_words(&commitments.length_proof)),
        number(commitments.length),
    ])
}

fn attestation(attestation: &Attestation) -> Vec<u8> {
    list([
        numbers(&attestation.non_signer_bitmap_indices),
        list(attestation.non_signers.iter().map(|key| g1(key.to_words()))),
        list(attestation.quorum_keys.iter().map(|key| g1(points::g1_words(key)))),
        g2(attestation.signers_key.to_words()),
        g1(attestation.signature.to_words()),
        numbers(&attestation.quorum_key_indices),
        numbers(&attestation.total_stake_indices),
        list(attestation.non_signer_stake_indices.iter().map(|indices| numbers(indices))),
    ])
}

fn g1(words: [U256; 2]) -> Vec<u8> {
    list(words.map(word))
}

fn g2([x_imaginary, x_real, y_imaginary, y_real]: [U256; 4]) -> Vec<u8> {
    list([g1([x_imaginary, x_real]), g1([y_imaginary, y_real])])
}

fn numbers(numbers: &[u32]) -> Vec<u8> {
    list(numbers.iter().map(|one| number(*one)))
}

fn number(number: u32) -> Vec<u8> {
    alloy_rlp::encode(number)
}

fn word(word: U256) -> Vec<u8> {
    string(&word.to_be_bytes_trimmed_vec())
}

fn string(bytes: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(bytes.length());
    bytes.encode(&mut encoded);
    encoded
}

/// A list of what is encoded already.
fn list(parts: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let payload: Vec<u8> = parts.into_iter().flatten().collect();
    let mut encoded = Vec::with_capacity(payload.len() + 4);
    Header { list: true, payload_length: payload.len() }.encode(&mut encoded);
    encoded.extend(payload);
    encoded
}
