//! Quorum certificates: one sum of signatures over a batch hash, and proof of who did not sign.
//!
//! Checked here as by `BN254CertificateVerifier` on chain, with the same refusals, so that what a gateway assembles is
//! what the registry accepts. Whether enough weight signed is asked afterwards: [`VerifiedCertificate::reaches`].
//!
//! Deviations from EigenLayer's verifier: nothing is cached between calls; non-signers strictly ascend; a certificate of
//! nobody is refused; thresholds round up.

use alloy_primitives::{B256, U256};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::PrimeField;

use crate::bls::{self, PublicKeyG2, Signature};
use crate::ids::BatchHash;
use crate::merkle;
use crate::points::{self, Fr, G1Affine, G2Affine};
use crate::table::{OperatorInfo, OperatorTable, TableSummary, threshold};
use crate::words::{TypeString, Words};

static TYPE: TypeString = TypeString::new("BN254Certificate(uint32 referenceTimestamp,bytes32 messageHash)");

/// Why a certificate was refused. The fault of whoever assembled it, except [`Error::WrongTable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("certificate is of the table of {certificate}, not of {table}")]
    WrongTable { certificate: u32, table: u32 },
    #[error("non-signers do not strictly ascend by index")]
    NonSignersNotAscending,
    #[error("witness of operator {0} is not in the table")]
    InvalidWitness(u32),
    #[error("nobody signed")]
    EveryOperatorAbsent,
    #[error("the aggregate signature does not match the keys of the signers")]
    InvalidSignature,
    #[error("no operator {0} in the table")]
    UnknownSigner(usize),
    #[error("operator {0} signed twice")]
    RepeatedSigner(usize),
    #[error("the G2 key given for operator {0} is not its key")]
    WrongKey(usize),
    #[error("signature of operator {0} does not match its key")]
    InvalidSingleSignature(usize),
}

/// A member that did not sign, shown to be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NonSignerWitness {
    pub index: u32,
    pub info: OperatorInfo,
    /// From the leaf's level upwards.
    pub siblings: Vec<B256>,
}

/// One member's signature with its key on G2, which the table does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignerShare {
    /// In the table.
    pub index: usize,
    pub key: PublicKeyG2,
    pub signature: Signature,
}

/// A quorum's signature, not yet checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    pub reference_timestamp: u32,
    pub message_hash: BatchHash,
    /// The sum of the signers' signatures.
    pub signature: Signature,
    /// The sum of the signers' keys on G2.
    pub apk: PublicKeyG2,
    pub non_signers: Vec<NonSignerWitness>,
}

/// A certificate that holds: made by [`Certificate::verify`] and by nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedCertificate {
    certificate: Certificate,
    signed: Vec<U256>,
    totals: Vec<U256>,
}

impl VerifiedCertificate {
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    pub fn into_certificate(self) -> Certificate {
        self.certificate
    }

    /// The weight that signed, per strategy.
    pub fn signed_weights(&self) -> &[U256] {
        &self.signed
    }

    /// Whether at least ceil(total x bips / 10,000) of the primary weight signed. False where the total is zero, because
    /// a table without stake certifies nothing.
    pub fn reaches(&self, bips: u16) -> bool {
        !self.totals[0].is_zero() && self.signed[0] >= threshold(self.totals[0], bips)
    }
}

/// What a member signs for a batch.
pub fn digest(reference_timestamp: u32, message_hash: BatchHash) -> B256 {
    Words::typed(&TYPE).uint(reference_timestamp).bytes32(message_hash.0).hash()
}

impl Certificate {
    /// Adds up single signatures and proves everyone else absent. One pairing checks the sum; only when that fails is
    /// every share checked, to name the one that spoils it.
    pub fn assemble(
        table: &OperatorTable,
        message_hash: BatchHash,
        shares: &[SignerShare],
    ) -> Result<VerifiedCertificate, Error> {
        let signed = signers(table, shares)?;
        let certificate = Self {
            reference_timestamp: table.reference_timestamp(),
            message_hash,
            signature: bls::aggregate_signatures(shares.iter().map(|share| &share.signature))
                .map_err(|_| Error::EveryOperatorAbsent)?,
            apk: bls::aggregate_keys(shares.iter().map(|share| &share.key)).map_err(|_| Error::EveryOperatorAbsent)?,
            non_signers: witnesses(table, &signed),
        };
        let digest = certificate.digest();
        certificate.verify(table.summary()).map_err(|error| spoiler(table, digest, shares).unwrap_or(error))
    }

    /// What each signer has signed.
    pub fn digest(&self) -> B256 {
        digest(self.reference_timestamp, self.message_hash)
    }

    /// Checks everything but the table's age and whether the weight is enough.
    pub fn verify(self, table: &TableSummary) -> Result<VerifiedCertificate, Error> {
        if self.reference_timestamp != table.reference_timestamp {
            return Err(Error::WrongTable { certificate: self.reference_timestamp, table: table.reference_timestamp });
        }
        self.check_ascending()?;
        if self.non_signers.len() >= table.count {
            return Err(Error::EveryOperatorAbsent);
        }
        let signed = self.signed_weights(table)?;
        self.check_signature(self.signers_key(table)?)?;
        Ok(VerifiedCertificate { certificate: self, signed, totals: table.totals.clone() })
    }

    fn check_ascending(&self) -> Result<(), Error> {
        let ascending = self.non_signers.windows(2).all(|pair| pair[0].index < pair[1].index);
        if ascending { Ok(()) } else { Err(Error::NonSignersNotAscending) }
    }

    /// The totals less what the non-signers hold, each shown to be in the table.
    fn signed_weights(&self, table: &TableSummary) -> Result<Vec<U256>, Error> {
        let mut signed = table.totals.clone();
        for witness in &self.non_signers {
            let less = witness.is_member(table).then(|| subtract(&signed, &witness.info.weights)).flatten();
            signed = less.ok_or(Error::InvalidWitness(witness.index))?;
        }
        Ok(signed)
    }

    /// The table's aggregate key less the non-signers' keys.
    fn signers_key(&self, table: &TableSummary) -> Result<G1Affine, Error> {
        let absent: G1Affine = bls::sum(self.non_signers.iter().map(|witness| *witness.info.pubkey.point()));
        let key = (*table.aggregate.point() - absent).into_affine();
        if key.is_zero() { Err(Error::EveryOperatorAbsent) } else { Ok(key) }
    }

    /// Checks at once that the signature is the G2 key's and that the G2 key is the signers' key on G1:
    /// e(signature + c key, -G2) e(H + c G1, apk) = 1, with c drawn from everything that enters.
    fn check_signature(&self, key: G1Affine) -> Result<(), Error> {
        let (signature, apk) = (*self.signature.point(), *self.apk.point());
        let challenge = challenge(self.digest(), &key, &apk, &signature);
        let left = (signature + key * challenge).into_affine();
        let right = (bls::hash_to_g1(self.digest()) + G1Affine::generator() * challenge).into_affine();
        let holds = bls::pairing_is_one([left, right], [-G2Affine::generator(), apk]);
        if holds { Ok(()) } else { Err(Error::InvalidSignature) }
    }
}

impl NonSignerWitness {
    fn is_member(&self, table: &TableSummary) -> bool {
        self.info.weights.len() == table.totals.len()
            && merkle::verify(&self.siblings, table.root, self.info.leaf(), self.index as usize, table.count)
    }
}

/// Who signed, by index.
fn signers(table: &OperatorTable, shares: &[SignerShare]) -> Result<Vec<bool>, Error> {
    let mut signed = vec![false; table.infos().len()];
    for share in shares {
        let place = signed.get_mut(share.index).ok_or(Error::UnknownSigner(share.index))?;
        if std::mem::replace(place, true) {
            return Err(Error::RepeatedSigner(share.index));
        }
    }
    Ok(signed)
}

fn witnesses(table: &OperatorTable, signed: &[bool]) -> Vec<NonSignerWitness> {
    let absent = signed.iter().enumerate().filter(|(_, signed)| !**signed);
    absent
        .map(|(index, _)| NonSignerWitness {
            index: u32::try_from(index).expect("a table has at most 256 operators"),
            info: table.infos()[index].clone(),
            siblings: table.prove(index).expect("the index comes from the table"),
        })
        .collect()
}

/// The first share that is wrong by itself.
fn spoiler(table: &OperatorTable, digest: B256, shares: &[SignerShare]) -> Option<Error> {
    shares.iter().find_map(|share| {
        let own = table.infos()[share.index].pubkey.point();
        if !bls::is_same_key(own, share.key.point()) {
            return Some(Error::WrongKey(share.index));
        }
        share.key.verify(digest, &share.signature).err().map(|_| Error::InvalidSingleSignature(share.index))
    })
}

/// The challenge that joins two pairing equations into one. Hashing all of them leaves a forger nothing to choose after.
fn challenge(digest: B256, key: &G1Affine, apk: &G2Affine, signature: &G1Affine) -> Fr {
    let words = Words::default().bytes32(digest);
    let points = [&points::g1_words(key)[..], &points::g2_words(apk), &points::g1_words(signature)].concat();
    let hash = points.into_iter().fold(words, Words::uint256).hash();
    Fr::from_be_bytes_mod_order(hash.as_slice())
}

/// None if a weight is larger than what is left of its total.
fn subtract(totals: &[U256], weights: &[U256]) -> Option<Vec<U256>> {
    totals.iter().zip(weights).map(|(total, weight)| total.checked_sub(*weight)).collect()
}

#[cfg(test)]
mod tests;
