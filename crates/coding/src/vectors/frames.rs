//! `frames.json`: all chunks of blobs with their proofs, under the test SRS of `commitments.json` and under a ceremony's points.

use std::collections::BTreeMap;
use std::path::Path;

use alloy_primitives::keccak256;
use serde::Deserialize;
use vouch_core::points::{self, Fr, G1Affine};

use super::{Case, Error, SectionReport, Skipped, commitments, parse, read, report};
use crate::chunks;
use crate::codec;
use crate::domain::Domain;
use crate::frame::{self, Frame};
use crate::powers::Powers;
use crate::proofs::Prover;
use crate::shape::{Parameters, Shape};
use crate::srs::DevelopmentSrs;

pub(super) const NAME: &str = "frames.json";

const RATE: usize = 8;
/// A long frame is shown by its proof, this, and the hash of its coefficients.
const ABBREVIATION: &str = "...";
/// What names the points of a set.
const TEST_SRS: &str = "test secret of commitments.json";
const CEREMONY: &str = "ceremony (data/srs)";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "about")]
    _about: Option<String>,
    sets: Vec<Set>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    blobs: Vec<BlobCase>,
    srs: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BlobCase {
    bundle_of_frames_3_4_5: Shown,
    chunk_length: usize,
    frames: BTreeMap<usize, String>,
    keccak256_of_all_coefficients: String,
    keccak256_of_all_frames: String,
    keccak256_of_all_proofs: String,
    label: String,
    num_chunks: usize,
    payload_length: usize,
    symbols: usize,
}

/// Bytes, whole or by their ends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shown {
    keccak256: String,
    length: usize,
    hex: Option<String>,
    first64: Option<String>,
    last64: Option<String>,
}

pub(super) fn check(text: &str, folder: &Path) -> Result<SectionReport, Error> {
    let file: File = parse(NAME, text)?;
    let (mut cases, mut skipped) = (0, Vec::new());
    for set in &file.sets {
        let case = Case { section: NAME, name: set.srs.clone() };
        match set.points(&case, folder)? {
            Ok(g1) => {
                set.blobs.iter().try_for_each(|blob| blob.check(&g1))?;
                cases += set.blobs.len();
            }
            Err(why) => skipped.push(Skipped { what: format!("the frames of {}", set.srs), why }),
        }
    }
    report(NAME, cases, skipped)
}

impl Set {
    /// The powers on G1; or why there are none.
    fn points(&self, case: &Case, folder: &Path) -> Result<Result<Vec<G1Affine>, String>, Error> {
        match self.srs.as_str() {
            TEST_SRS => {
                let Ok(text) = read(&folder.join(commitments::NAME)) else {
                    return Ok(Err(format!("{} names its secret and is absent", commitments::NAME)));
                };
                let development = DevelopmentSrs::with_secret(commitments::secret(&text)?);
                let symbols = self.blobs.iter().map(|blob| blob.symbols).max().unwrap_or(1);
                let powers = Powers::on_g1(&development, symbols).map_err(|error| case.fail(error.to_string()))?;
                Ok(Ok(powers))
            }
            CEREMONY => match commitments::read_ceremony(folder)?.and_then(|srs| srs.powers().map(<[_]>::to_vec)) {
                Some(powers) => Ok(Ok(powers)),
                None => Ok(Err("there are no points in ../srs".into())),
            },
            other => Err(case.fail(format!("unknown points; expected {TEST_SRS:?} or {CEREMONY:?}, found {other:?}"))),
        }
    }
}

impl BlobCase {
    fn check(&self, g1: &[G1Affine]) -> Result<(), Error> {
        let case = Case { section: NAME, name: self.label.clone() };
        let frames = self.frames(&case, g1)?;
        let coefficients =
            |frame: &Frame| frame.coefficients.iter().flat_map(points::scalar_bytes).collect::<Vec<u8>>();
        let all = |part: &dyn Fn(&Frame) -> Vec<u8>| keccak256(frames.iter().flat_map(part).collect::<Vec<u8>>());
        let proofs = |frame: &Frame| points::g1_compressed(&frame.proof).to_vec();
        case.same_bytes("all coefficients", all(&coefficients).as_slice(), &self.keccak256_of_all_coefficients)?;
        case.same_bytes("all proofs", all(&proofs).as_slice(), &self.keccak256_of_all_proofs)?;
        case.same_bytes("all frames", all(&Frame::encode).as_slice(), &self.keccak256_of_all_frames)?;
        for (index, expected) in &self.frames {
            let frame = frames.get(*index).ok_or_else(|| case.fail(format!("there is no frame {index}")))?;
            let encoded = hex::encode(frame.encode());
            let shown = if expected.contains(ABBREVIATION) {
                format!("{}{ABBREVIATION}{}", hex::encode(proofs(frame)), hex::encode(keccak256(coefficients(frame))))
            } else {
                encoded
            };
            case.ensure(shown == *expected, &format!("frame {index} differs"))?;
        }
        let bundled = frames.get(3..6).and_then(frame::encode_bundle);
        let bundle = bundled.ok_or_else(|| case.fail("there are no frames 3 to 5"))?;
        self.bundle_of_frames_3_4_5.check(&case, &bundle)?;
        let back = frame::decode_bundle(&bundle).map_err(|error| case.fail(error.to_string()))?;
        case.ensure(back == frames[3..6], "the bundle does not come back")
    }

    fn frames(&self, case: &Case, g1: &[G1Affine]) -> Result<Vec<Frame>, Error> {
        let failed = |error: &dyn std::error::Error| case.fail(error.to_string());
        let payload = case.payload(&self.label, self.payload_length)?;
        let encoded = codec::encode(&payload).map_err(|error| failed(&error))?;
        let values: Vec<Fr> = codec::field_elements(&encoded).map_err(|error| failed(&error))?;
        let shape = Shape::new(values.len(), Parameters { chunks: self.num_chunks, rate: RATE });
        let shape = shape.map_err(|error| failed(&error))?;
        let same = (shape.symbols(), shape.chunk_length()) == (self.symbols, self.chunk_length);
        case.ensure(same, &format!("the blob has {} symbols, {} a chunk", shape.symbols(), shape.chunk_length()))?;
        let coefficients = Domain::of(values.len()).interpolate(values);
        let chunks = chunks::cut(&shape, &coefficients).map_err(|error| failed(&error))?;
        let prover = Prover::new(shape, g1).map_err(|error| failed(&error))?;
        let proofs = prover.prove(&coefficients).map_err(|error| failed(&error))?;
        Ok(chunks.into_iter().zip(proofs).map(|(coefficients, proof)| Frame { proof, coefficients }).collect())
    }
}

impl Shown {
    fn check(&self, case: &Case, found: &[u8]) -> Result<(), Error> {
        case.ensure(found.len() == self.length, &format!("the bundle has {} bytes", found.len()))?;
        case.same_bytes("bundle", keccak256(found).as_slice(), &self.keccak256)?;
        let end = found.len().min(64);
        let parts = [(&self.hex, found), (&self.first64, &found[..end]), (&self.last64, &found[found.len() - end..])];
        for (expected, found) in parts {
            if let Some(expected) = expected {
                case.same_bytes("bundle", found, expected)?;
            }
        }
        Ok(())
    }
}
