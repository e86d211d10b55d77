//! `hashes.json`: headers, blob keys, certificates, batches and digests; and the real certificates in `../certs`.

use std::path::Path;

use alloy_primitives::{Address, B256, Bytes, U256};
use serde::Deserialize;
use vouch_coding::BlobCommitments;
use vouch_coding::powers::{Constants, folder};
use vouch_coding::vectors::{self, Case, Error, Section, SectionReport, Skipped};
use vouch_core::{OperatorId, ecdsa, points};

use crate::wire::certificate::{CERTIFICATE_LEN_MAX, Certificate};
use crate::wire::digest::{self, ChunkRequest, Chunks, PaidCertificate};
use crate::wire::{BatchHeader, BlobCertificate, BlobHeader, PaymentHeader, inclusion};

const NAME: &str = "hashes.json";
/// Where real certificates are looked for, beside the vectors.
const CERTIFICATES: &str = "certs";
/// The most certificates that are read.
const CERTIFICATES_MAX: usize = 100;

/// For [`vectors::check_dir`].
pub const SECTIONS: &[Section] = &[(NAME, check)];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "about")]
    _about: Option<String>,
    blobs: Vec<BlobCase>,
    batches_over_the_first_n_blobs: Vec<BatchCase>,
    payment_state: Vec<PaymentStateCase>,
    relay_get_chunks: Vec<GetChunksCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BlobCase {
    account_id: String,
    anchor_hash: String,
    authorize_payment_hash: String,
    blob_certificate_hash: String,
    blob_key: String,
    chain_id: u64,
    client_private_key: String,
    client_signature: String,
    commitments: CommitmentsCase,
    cumulative_payment: String,
    disperser_id: u32,
    payment_header_hash: String,
    quorum_numbers: Vec<u8>,
    relay_keys: Vec<u32>,
    timestamp_ns: i64,
    version: u16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CommitmentsCase {
    commitment: String,
    length: u32,
    length_commitment: String,
    length_proof: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BatchCase {
    batch_header_hash: String,
    batch_root: String,
    certificates: usize,
    disperser_id: u32,
    inclusion_proofs: Vec<String>,
    reference_block_number: u32,
    store_chunks_hash: String,
    timestamp_s: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PaymentStateCase {
    account: String,
    hash: String,
    signature_by_signer_over_own_account: String,
    signer: String,
    timestamp_ns: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GetChunksCase {
    hash: String,
    operator_id: String,
    requests: Vec<ChunkRequestCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChunkRequestCase {
    blob_key: String,
    indices: Option<Vec<u32>>,
    start: Option<u32>,
    end: Option<u32>,
}

fn check(text: &str, folder: &Path) -> Result<SectionReport, Error> {
    let file: File = vectors::parse(NAME, text)?;
    let blobs = file.blobs.iter().map(BlobCase::check).collect::<Result<Vec<_>, _>>()?;
    file.batches_over_the_first_n_blobs.iter().try_for_each(|batch| batch.check(&blobs))?;
    file.payment_state.iter().try_for_each(PaymentStateCase::check)?;
    file.relay_get_chunks.iter().try_for_each(GetChunksCase::check)?;
    let (certificates, skipped) = check_certificates(&folder.join(".."))?;
    let digests = file.payment_state.len() + file.relay_get_chunks.len();
    vectors::report(NAME, blobs.len() + file.batches_over_the_first_n_blobs.len() + digests + certificates, skipped)
}

impl BlobCase {
    fn check(&self) -> Result<PaidCertificate, Error> {
        let case = case(format!("blob {}", self.blob_key));
        let paid = self.paid_certificate(&case)?;
        let key = paid.certificate.header.blob_key();
        let hashes = [
            ("payment header hash", paid.payment.hash(), &self.payment_header_hash),
            ("blob key", key, &self.blob_key),
            ("certificate hash", paid.certificate.hash(), &self.blob_certificate_hash),
            ("anchor hash", digest::anchor(self.chain_id, self.disperser_id, key), &self.anchor_hash),
            ("authorisation hash", digest::authorize_payment(&paid), &self.authorize_payment_hash),
        ];
        hashes.iter().try_for_each(|(what, found, expected)| case.same_bytes(what, found.as_slice(), expected))?;
        let secret = fixed(&case, "client's key", &self.client_private_key)?;
        let signature = ecdsa::sign(key, &secret).map_err(|error| case.fail(error.to_string()))?;
        case.same_bytes("client's signature", &with_parity(signature), &self.client_signature)?;
        Ok(paid)
    }

    fn paid_certificate(&self, case: &Case) -> Result<PaidCertificate, Error> {
        let account: Address = self.account_id.parse().map_err(|_| case.fail("account id is no address"))?;
        let cumulative_payment = U256::from_str_radix(&self.cumulative_payment, 10);
        let payment = PaymentHeader {
            account,
            timestamp_ns: self.timestamp_ns,
            cumulative_payment: cumulative_payment.map_err(|_| case.fail("cumulative payment is no number"))?,
        };
        let header = BlobHeader {
            version: self.version,
            quorum_numbers: self.quorum_numbers.clone(),
            commitments: self.commitments.decode(case)?,
            payment_header_hash: payment.hash(),
        };
        let signature = Bytes::from(case.bytes("client's signature", &self.client_signature)?);
        let certificate = BlobCertificate { header, signature, relay_keys: self.relay_keys.clone() };
        Ok(PaidCertificate { certificate, payment })
    }
}

impl CommitmentsCase {
    fn decode(&self, case: &Case) -> Result<BlobCommitments, Error> {
        let g2 = |what, text: &str| {
            let point = points::decode_g2(&case.bytes(what, text)?);
            point.map_err(|error| case.fail(format!("{what}: {error}")))
        };
        let commitment = points::decode_g1(&case.bytes("commitment", &self.commitment)?);
        Ok(BlobCommitments {
            commitment: commitment.map_err(|error| case.fail(format!("commitment: {error}")))?,
            length_commitment: g2("length commitment", &self.length_commitment)?,
            length_proof: g2("length proof", &self.length_proof)?,
            length: self.length,
        })
    }
}

impl BatchCase {
    fn check(&self, blobs: &[PaidCertificate]) -> Result<(), Error> {
        let case = case(format!("batch of {}", self.certificates));
        let certificates =
            blobs.get(..self.certificates).ok_or_else(|| case.fail("the file has fewer blobs than that"))?;
        let hashes: Vec<B256> = certificates.iter().map(|paid| paid.certificate.hash()).collect();
        let batch_root = inclusion::root(&hashes).ok_or_else(|| case.fail("a batch has at least one blob"))?;
        case.same_bytes("batch root", batch_root.as_slice(), &self.batch_root)?;
        let header = BatchHeader { batch_root, reference_block_number: self.reference_block_number };
        case.same_bytes("batch header hash", header.hash().as_slice(), &self.batch_header_hash)?;
        let store = digest::store_chunks(&header, certificates, self.disperser_id, self.timestamp_s);
        case.same_bytes("StoreChunks digest", store.as_slice(), &self.store_chunks_hash)?;
        case.ensure(self.inclusion_proofs.len() == hashes.len(), "expected one inclusion proof for each blob")?;
        for (index, expected) in self.inclusion_proofs.iter().enumerate() {
            let proof = inclusion::prove(&hashes, index).unwrap_or_default();
            case.same_bytes("inclusion proof", proof.concat().as_slice(), expected)?;
            let is_shown =
                u32::try_from(index).is_ok_and(|at| inclusion::verify(&proof, batch_root, hashes[index], at));
            case.ensure(is_shown, "an inclusion proof does not verify")?;
        }
        Ok(())
    }
}

impl PaymentStateCase {
    fn check(&self) -> Result<(), Error> {
        let case = case(format!("payment state of {}", self.account));
        let address = |text: &str| text.parse::<Address>().map_err(|_| case.fail(format!("{text} is no address")));
        let found = digest::payment_state_request(address(&self.account)?, self.timestamp_ns);
        case.same_bytes("digest", found.as_slice(), &self.hash)?;
        let signer = address(&self.signer)?;
        let signature = case.bytes("signature", &self.signature_by_signer_over_own_account)?;
        let own = digest::payment_state(signer, self.timestamp_ns);
        case.ensure(recovers(own, &signature, signer), "the signature is not the signer's")
    }
}

impl GetChunksCase {
    fn check(&self) -> Result<(), Error> {
        let case = case(format!("GetChunks of {}", self.operator_id));
        let operator = OperatorId(fixed(&case, "operator id", &self.operator_id)?.into());
        let requests = self.requests.iter().map(|request| request.decode(&case)).collect::<Result<Vec<_>, _>>()?;
        case.same_bytes("digest", digest::get_chunks(operator, &requests).as_slice(), &self.hash)
    }
}

impl ChunkRequestCase {
    fn decode(&self, case: &Case) -> Result<ChunkRequest, Error> {
        let chunks = match (&self.indices, self.start, self.end) {
            (Some(indices), None, None) => Chunks::Indices(indices.clone()),
            (None, Some(start), Some(end)) => Chunks::Range { start, end },
            _ => return Err(case.fail("a request has either indices, or start and end")),
        };
        Ok(ChunkRequest { blob_key: fixed(case, "blob key", &self.blob_key)?.into(), chunks })
    }
}

/// Every certificate in the folder's [`CERTIFICATES`], in hexadecimal as an OP Stack rollup posts it.
fn check_certificates(folder: &Path) -> Result<(usize, Vec<Skipped>), Error> {
    let skip = |what: String, why: String| Skipped { what, why };
    let absent = |why| skip(format!("the certificates in ../{CERTIFICATES}"), why);
    let entries = match std::fs::read_dir(folder.join(CERTIFICATES)) {
        Ok(entries) => entries,
        Err(error) => return Ok((0, vec![absent(error.to_string())])),
    };
    let (constants, mut skipped) = match read_constants(&folder.join("srs"))? {
        Some(constants) => (Some(constants), Vec::new()),
        None => (None, vec![skip("the lengths of the certificates' blobs".into(), "no points in ../srs".into())]),
    };
    let mut checked = 0;
    for entry in entries.flatten().take(CERTIFICATES_MAX) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".rlp.hex") {
            check_certificate(&entry.path(), constants.as_ref(), &case(format!("certificate {name}")))?;
            checked += 1;
        }
    }
    if checked == 0 {
        skipped = vec![absent("there is none".into())];
    }
    Ok((checked, skipped))
}

/// The ceremony's constants; none if they are not there.
fn read_constants(folder: &Path) -> Result<Option<Constants>, Error> {
    let (powers, reverse) = (folder.join("g2_powers_of_2.point"), folder.join("g1_reverse_powers_of_2.hex"));
    if !powers.exists() || !reverse.exists() {
        return Ok(None);
    }
    let case = case("the points in ../srs".into());
    let constants = folder::read_constants(&powers, &reverse).map_err(|error| case.fail(error.to_string()))?;
    constants.check().map_err(|error| case.fail(error.to_string()))?;
    Ok(Some(constants))
}

fn check_certificate(file: &Path, constants: Option<&Constants>, case: &Case) -> Result<(), Error> {
    let unreadable = |error: std::io::Error| case.fail(error.to_string());
    let length = std::fs::metadata(file).map_err(unreadable)?.len();
    case.ensure(length <= 3 * CERTIFICATE_LEN_MAX as u64, "the file is longer than any certificate")?;
    let text = std::fs::read_to_string(file).map_err(unreadable)?;
    let bytes = case.bytes("the file", text.trim().trim_start_matches("0x"))?;
    let certificate = Certificate::decode_op_generic(&bytes).map_err(|error| case.fail(error.to_string()))?;
    certificate.check().map_err(|error| case.fail(error.to_string()))?;
    let blob = &certificate.blob.header.commitments;
    constants.map_or(Ok(()), |constants| constants.verify(blob).map_err(|error| case.fail(error.to_string())))
}

fn case(name: String) -> Case {
    Case { section: NAME, name }
}

fn fixed(case: &Case, what: &str, text: &str) -> Result<[u8; 32], Error> {
    let bytes = case.bytes(what, text.trim_start_matches("0x"))?;
    bytes.try_into().map_err(|_| case.fail(format!("{what} does not have 32 bytes")))
}

/// As EigenDA writes a signature: with 0 or 1 for Ethereum's 27 or 28.
fn with_parity(mut signature: [u8; 65]) -> [u8; 65] {
    signature[64] = signature[64].saturating_sub(27);
    signature
}

fn recovers(digest: B256, signature: &[u8], signer: Address) -> bool {
    let mut signature = signature.to_vec();
    if let Some(parity) = signature.last_mut() {
        *parity = parity.saturating_add(27);
    }
    ecdsa::verify(digest, &signature, signer).is_ok()
}
