//! Reads the parts of a certificate: every list bounded, every number and point checked.

use alloy_primitives::{B256, Bytes, U256};
use alloy_rlp::Header;
use vouch_coding::BlobCommitments;
use vouch_core::bls::{PublicKeyG1, PublicKeyG2, Signature};
use vouch_core::points::{self, G1Affine, G2Affine};

use super::{Attestation, CERTIFICATE_LEN_MAX, Error};
use crate::wire::{BatchHeader, BlobCertificate, BlobHeader, SIGNATURE_LEN, inclusion};

/// The most quorums of one blob, and the most keys that did not sign, over all quorums: as in a verifier contract.
const QUORUMS_MAX: usize = 5;
const NON_SIGNERS_MAX: usize = 415;
/// The largest quorum number.
const QUORUM_MAX: u8 = 191;

/// The rest of a list.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// A list with nothing behind it.
    pub(super) fn whole(bytes: &mut &'a [u8], what: &'static str) -> Result<Self, Error> {
        let list = Self::list(bytes, what)?;
        end(bytes, what)?;
        Ok(list)
    }

    fn list(bytes: &mut &'a [u8], what: &'static str) -> Result<Self, Error> {
        Header::decode_bytes(bytes, true).map(Self).map_err(|source| Error::Rlp { what, source })
    }

    fn next_list(&mut self, what: &'static str) -> Result<Self, Error> {
        Self::list(&mut self.0, what)
    }

    pub(super) fn end(self, what: &'static str) -> Result<(), Error> {
        end(self.0, what)
    }

    fn string(&mut self, what: &'static str) -> Result<&'a [u8], Error> {
        Header::decode_bytes(&mut self.0, false).map_err(|source| Error::Rlp { what, source })
    }

    /// A number without leading zeros.
    fn word(&mut self, what: &'static str) -> Result<U256, Error> {
        let bytes = self.string(what)?;
        let word = U256::try_from_be_slice(bytes).filter(|_| bytes.first() != Some(&0));
        word.ok_or_else(|| Error::Field { what, reason: "expected at most 32 bytes without leading zeros".into() })
    }

    pub(super) fn number<T: TryFrom<U256>>(&mut self, what: &'static str) -> Result<T, Error> {
        let word = self.word(what)?;
        let reason = || format!("{word} is beyond {} bits", size_of::<T>() * 8);
        T::try_from(word).map_err(|_| Error::Field { what, reason: reason() })
    }

    fn hash(&mut self, what: &'static str) -> Result<B256, Error> {
        let bytes = self.string(what)?;
        let reason = || format!("expected 32 bytes, found {}", bytes.len());
        B256::try_from(bytes).map_err(|_| Error::Field { what, reason: reason() })
    }

    /// Elements of a list until its end; at most `most`.
    fn all<T>(
        &mut self,
        what: &'static str,
        most: usize,
        mut one: impl FnMut(&mut Self) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let (mut list, mut found) = (self.next_list(what)?, Vec::new());
        while !list.0.is_empty() {
            if found.len() == most {
                return Err(Error::Field { what, reason: format!("more than {most} elements") });
            }
            found.push(one(&mut list)?);
        }
        Ok(found)
    }

    fn numbers(&mut self, what: &'static str, most: usize) -> Result<Vec<u32>, Error> {
        self.all(what, most, |list| list.number(what))
    }

    pub(super) fn quorums(&mut self, what: &'static str) -> Result<Vec<u8>, Error> {
        let quorums = self.string(what)?;
        let reason = if quorums.len() > QUORUMS_MAX {
            format!("{} quorums; at most {QUORUMS_MAX}", quorums.len())
        } else if !quorums.is_sorted_by(|one, next| one < next) {
            "expected ascending numbers, each once".into()
        } else if quorums.last().is_some_and(|last| *last > QUORUM_MAX) {
            format!("the largest quorum number is {QUORUM_MAX}")
        } else {
            return Ok(quorums.to_vec());
        };
        Err(Error::Field { what, reason })
    }

    fn g1_words(&mut self, what: &'static str) -> Result<[U256; 2], Error> {
        let mut point = self.next_list(what)?;
        let words = [point.word(what)?, point.word(what)?];
        point.end(what)?;
        Ok(words)
    }

    /// [[X imaginary, X real], [Y imaginary, Y real]].
    fn g2_words(&mut self, what: &'static str) -> Result<[U256; 4], Error> {
        let mut point = self.next_list(what)?;
        let ([x_imaginary, x_real], [y_imaginary, y_real]) = (point.g1_words(what)?, point.g1_words(what)?);
        point.end(what)?;
        Ok([x_imaginary, x_real, y_imaginary, y_real])
    }

    fn g1(&mut self, what: &'static str) -> Result<G1Affine, Error> {
        points::g1_from_words(self.g1_words(what)?).map_err(|source| Error::Point { what, source })
    }

    fn g2(&mut self, what: &'static str) -> Result<G2Affine, Error> {
        points::g2_from_words(self.g2_words(what)?).map_err(|source| Error::Point { what, source })
    }

    pub(super) fn batch_header(&mut self) -> Result<BatchHeader, Error> {
        let mut header = self.next_list("batch header")?;
        let found = BatchHeader {
            batch_root: header.hash("batch root")?,
            reference_block_number: header.number("reference block number")?,
        };
        header.end("batch header")?;
        Ok(found)
    }

    pub(super) fn blob_inclusion(&mut self) -> Result<(BlobCertificate, u32, Vec<B256>), Error> {
        let mut inclusion = self.next_list("blob inclusion")?;
        let blob = inclusion.blob_certificate()?;
        let index = inclusion.number("blob index")?;
        let proof = inclusion.string("inclusion proof")?;
        inclusion.end("blob inclusion")?;
        let (siblings, rest) = proof.as_chunks::<32>();
        if !rest.is_empty() || siblings.len() > inclusion::DEPTH_MAX {
            let most = inclusion::DEPTH_MAX;
            let reason = format!("{} bytes; expected 32 for each of at most {most} levels", proof.len());
            return Err(Error::Field { what: "inclusion proof", reason });
        }
        Ok((blob, index, siblings.iter().map(B256::from).collect()))
    }

    fn blob_certificate(&mut self) -> Result<BlobCertificate, Error> {
        let mut certificate = self.next_list("blob certificate")?;
        let header = certificate.blob_header()?;
        let signature = certificate.string("client's signature")?;
        if signature.len() != SIGNATURE_LEN {
            let reason = format!("expected {SIGNATURE_LEN} bytes, found {}", signature.len());
            return Err(Error::Field { what: "client's signature", reason });
        }
        // A relay has a key of its own, so as many as bytes are left; the whole is bounded.
        let relay_keys = certificate.numbers("relay keys", CERTIFICATE_LEN_MAX)?;
        certificate.end("blob certificate")?;
        Ok(BlobCertificate { header, signature: Bytes::copy_from_slice(signature), relay_keys })
    }

    fn blob_header(&mut self) -> Result<BlobHeader, Error> {
        let mut header = self.next_list("blob header")?;
        let found = BlobHeader {
            version: header.number("blob version")?,
            quorum_numbers: header.quorums("quorum numbers")?,
            commitments: header.commitments()?,
            payment_header_hash: header.hash("payment header hash")?,
        };
        header.end("blob header")?;
        Ok(found)
    }

    fn commitments(&mut self) -> Result<BlobCommitments, Error> {
        let mut commitments = self.next_list("blob commitments")?;
        let found = BlobCommitments {
            commitment: commitments.g1("commitment")?,
            length_commitment: commitments.g2("length commitment")?,
            length_proof: commitments.g2("length proof")?,
            length: commitments.number("blob length")?,
        };
        commitments.end("blob commitments")?;
        Ok(found)
    }

    pub(super) fn attestation(&mut self) -> Result<Attestation, Error> {
        let mut parts = self.next_list("attestation")?;
        let key = |what| move |source| Error::Key { what, source };
        let found = Attestation {
            non_signer_bitmap_indices: parts.numbers("non-signers' bitmap indices", NON_SIGNERS_MAX)?,
            non_signers: parts.all("non-signers", NON_SIGNERS_MAX, |list| {
                PublicKeyG1::from_words(list.g1_words("non-signer")?).map_err(key("non-signer"))
            })?,
            quorum_keys: parts.all("quorum keys", QUORUMS_MAX, |list| list.g1("quorum key"))?,
            signers_key: PublicKeyG2::from_words(parts.g2_words("signers' key")?).map_err(key("signers' key"))?,
            signature: Signature::from_words(parts.g1_words("signature")?).map_err(key("signature"))?,
            quorum_key_indices: parts.numbers("quorum key indices", QUORUMS_MAX)?,
            total_stake_indices: parts.numbers("total stake indices", QUORUMS_MAX)?,
            non_signer_stake_indices: parts.all("non-signers' stake indices", QUORUMS_MAX, |list| {
                list.numbers("non-signers' stake indices", NON_SIGNERS_MAX)
            })?,
        };
        parts.end("attestation")?;
        Ok(found)
    }
}

fn end(rest: &[u8], what: &'static str) -> Result<(), Error> {
    let reason = || format!("{} bytes behind its last field", rest.len());
    if rest.is_empty() { Ok(()) } else { Err(Error::Field { what, reason: reason() }) }
}
