//! `codec.json`: payload, encoded payload, blob in both forms; and encoded payloads that must be refused.

use std::path::Path;

use alloy_primitives::keccak256;
use serde::Deserialize;

use super::{Case, Error, SectionReport, parse, report};
use crate::codec::{self, PolynomialForm, SYMBOL_LEN};

pub(super) const NAME: &str = "codec.json";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "about")]
    _about: Option<String>,
    payloads: Vec<PayloadCase>,
    malformed: Vec<MalformedCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PayloadCase {
    label: String,
    payload_length: usize,
    encoded_payload: ByteString,
    blob_from_evaluations: ByteString,
    blob_from_coefficients: ByteString,
}

/// A byte string by length and hash and, when short, in full; else perhaps by its ends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ByteString {
    length: usize,
    keccak256: String,
    hex: Option<String>,
    first64: Option<String>,
    last64: Option<String>,
    symbols: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MalformedCase {
    name: String,
    encoded_payload_hex: String,
    accepted: bool,
    original_error: String,
}

pub(super) fn check(text: &str, _folder: &Path) -> Result<SectionReport, Error> {
    let file: File = parse(NAME, text)?;
    file.payloads.iter().try_for_each(PayloadCase::check)?;
    file.malformed.iter().try_for_each(MalformedCase::check)?;
    report(NAME, file.payloads.len() + file.malformed.len(), Vec::new())
}

impl PayloadCase {
    fn check(&self) -> Result<(), Error> {
        let case = Case { section: NAME, name: self.label.clone() };
        let failed = |error: codec::Error| case.fail(error.to_string());
        let payload = case.payload(&self.label, self.payload_length)?;
        let encoded = codec::encode(&payload).map_err(failed)?;
        self.encoded_payload.check(&case, "encoded payload", &encoded)?;
        case.ensure(codec::decode(&encoded).map_err(failed)? == payload, "the payload does not come back")?;
        let forms = [
            (PolynomialForm::Evaluations, "blob from evaluations", &self.blob_from_evaluations),
            (PolynomialForm::Coefficients, "blob from coefficients", &self.blob_from_coefficients),
        ];
        forms.into_iter().try_for_each(|(form, what, expected)| {
            let blob = codec::to_blob(&encoded, form).map_err(failed)?;
            expected.check(&case, what, &blob)?;
            let back = codec::from_blob(&blob, form).map_err(failed)?;
            case.ensure(back == encoded, "the encoded payload does not come back from the blob")
        })
    }
}

impl ByteString {
    fn check(&self, case: &Case, what: &str, found: &[u8]) -> Result<(), Error> {
        case.ensure(
            self.length == found.len(),
            &format!("{what} has {} bytes, expected {}", found.len(), self.length),
        )?;
        let symbols = self.symbols.is_none_or(|symbols| symbols == found.len() / SYMBOL_LEN);
        case.ensure(symbols, &format!("{what} has another number of symbols"))?;
        let end = found.len().min(64);
        let parts = [(&self.hex, found), (&self.first64, &found[..end]), (&self.last64, &found[found.len() - end..])];
        for (expected, part) in parts {
            expected.as_ref().map_or(Ok(()), |expected| case.same_bytes(what, part, expected))?;
        }
        case.same_bytes(&format!("keccak256 of {what}"), keccak256(found).as_slice(), &self.keccak256)
    }
}

impl MalformedCase {
    fn check(&self) -> Result<(), Error> {
        let case = Case { section: NAME, name: self.name.clone() };
        case.ensure(
            self.accepted == self.original_error.is_empty(),
            "accepted and original_error contradict each other",
        )?;
        let encoded = case.bytes("encoded payload", &self.encoded_payload_hex)?;
        match codec::decode(&encoded) {
            Ok(_) => case.ensure(self.accepted, "accepted here, refused by the original"),
            Err(error) => case.ensure(!self.accepted, &format!("refused here ({error}), accepted by the original")),
        }
    }
}
