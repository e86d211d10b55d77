//! The certificate of a blob as rollups store it: a version byte and RLP.
//!
//! [`Certificate::check`] says everything that can be said without a chain: the blob is in the batch, and the keys that the
//! certificate names signed it. Whose keys those are, and how much stake they had, only the chain knows.

use alloy_primitives::B256;
use vouch_core::bls::{PublicKeyG1, PublicKeyG2, Signature};
use vouch_core::points::{self, G1Affine};

use super::inclusion;
use super::{BatchHeader, BlobCertificate};

mod decode;
mod encode;

use decode::Reader;

/// The longest certificate that is read, bytes: as many as a verifier contract takes.
pub const CERTIFICATE_LEN_MAX: usize = 262_144;
/// What an OP Stack rollup puts in front: generic commitment, EigenDA.
const OP_GENERIC: [u8; 2] = [0x01, 0x00];

/// The order of a certificate's parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// The blob first.
    V2,
    /// The batch first.
    V3,
    /// As V3, with the rules by which rollups derive from it.
    V4 { derivation_version: u16 },
}

/// A decoded certificate. Every point in it is on its curve and in the subgroup of prime order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    pub version: Version,
    pub batch: BatchHeader,
    pub blob: BlobCertificate,
    /// Where the blob stands in the batch.
    pub blob_index: u32,
    pub inclusion_proof: Vec<B256>,
    pub attestation: Attestation,
    pub signed_quorums: Vec<u8>,
}

/// Who signed the batch, with where a contract finds their keys and stakes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attestation {
    pub non_signer_bitmap_indices: Vec<u32>,
    pub non_signers: Vec<PublicKeyG1>,
    /// By signed quorum: the sum of the keys of all its operators.
    pub quorum_keys: Vec<G1Affine>,
    /// The sum of the signers' keys, counted once for every quorum that they are in.
    pub signers_key: PublicKeyG2,
    pub signature: Signature,
    pub quorum_key_indices: Vec<u32>,
    pub total_stake_indices: Vec<u32>,
    pub non_signer_stake_indices: Vec<Vec<u32>>,
}

/// Why bytes are no certificate, or a certificate shows nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("a certificate has at most {CERTIFICATE_LEN_MAX} bytes, found {found}")]
    TooLong { found: usize },
    #[error("version byte {found:#04x}; expected 0x01, 0x02 or 0x03 (a certificate of version 2, 3 or 4)")]
    Version { found: u8 },
    #[error("{what}: {source}")]
    Rlp { what: &'static str, source: alloy_rlp::Error },
    #[error("{what}: {reason}")]
    Field { what: &'static str, reason: String },
    #[error("{what}: {source}")]
    Point { what: &'static str, source: points::Error },
    #[error("{what}: {source}")]
    Key { what: &'static str, source: vouch_core::bls::Error },
    #[error("the blob's certificate {certificate} is not at place {index} of the batch {root}")]
    NotInBatch { certificate: B256, index: u32, root: B256 },
    #[error("the signature is not that of the named keys over the batch header {header}")]
    Signature { header: B256 },
}

impl Certificate {
    /// Reads what an OP Stack rollup posts: 0x01 0x00 and a certificate.
    pub fn decode_op_generic(commitment: &[u8]) -> Result<Self, Error> {
        let certificate = commitment.strip_prefix(&OP_GENERIC).ok_or_else(|| Error::Field {
            what: "commitment",
            reason: "expected 0x0100, a generic commitment to EigenDA, in front".into(),
        })?;
        Self::decode(certificate)
    }

    /// Reads a version byte and RLP, and nothing behind.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > CERTIFICATE_LEN_MAX {
            return Err(Error::TooLong { found: bytes.len() });
        }
        let (version, mut rest) = bytes.split_first().map_or((0, bytes), |(version, rest)| (*version, rest));
        if !(1..=3).contains(&version) {
            return Err(Error::Version { found: version });
        }
        let mut parts = Reader::whole(&mut rest, "certificate")?;
        let (batch, (blob, blob_index, inclusion_proof)) = match version {
            1 => {
                let blob = parts.blob_inclusion()?;
                (parts.batch_header()?, blob)
            }
            _ => (parts.batch_header()?, parts.blob_inclusion()?),
        };
        let (attestation, signed_quorums) = (parts.attestation()?, parts.quorums("signed quorums")?);
        let version = match version {
            1 => Version::V2,
            2 => Version::V3,
            _ => Version::V4 { derivation_version: parts.number("derivation version")? },
        };
        parts.end("certificate")?;
        Ok(Self { version, batch, blob, blob_index, inclusion_proof, attestation, signed_quorums })
    }

    /// What [`Certificate::decode`] reads.
    pub fn encode(&self) -> Vec<u8> {
        encode::certificate(self)
    }

    /// The blob key of a certificate that holds as far as can be said without a chain.
    ///
    /// # Errors
    /// [`Error::NotInBatch`] and [`Error::Signature`].
    pub fn check(&self) -> Result<B256, Error> {
        let (certificate, root) = (self.blob.hash(), self.batch.batch_root);
        if !inclusion::verify(&self.inclusion_proof, root, certificate, self.blob_index) {
            return Err(Error::NotInBatch { certificate, index: self.blob_index, root });
        }
        let header = self.batch.hash();
        let signed = self.attestation.signers_key.verify(header, &self.attestation.signature);
        signed.map_err(|_| Error::Signature { header })?;
        Ok(self.blob.header.blob_key())
    }
}
