//! `commitments.json`: commitments to blobs of many sizes under a test SRS, whose secret the file names, and under the points
//! of a ceremony.
//!
//! Everything under the test SRS is checked against the secret at every size. What this build makes of points itself, the
//! commitments, is also made here from points: those on G1 up to 2^16 symbols, those on G2 up to 2^12.

use std::path::Path;

use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::Field;
use serde::Deserialize;
use vouch_core::points::{self, Fr, G1Affine, G2Affine};

use super::{Case, Error, SectionReport, Skipped, parse, report};
use crate::codec;
use crate::domain::Domain;
use crate::powers::Powers;
use crate::srs::{DevelopmentSrs, Srs};

pub(super) const NAME: &str = "commitments.json";

/// The most symbols that are committed to by points here.
const SYMBOLS_BY_POINTS_MAX: usize = 1 << 16;
/// The most symbols for which commitments on G2 are made from points here.
const SYMBOLS_ON_G2_MAX: usize = 1 << 12;
/// The degree to which length proofs shift a polynomial: the number of G2 points of EigenDA's ceremony.
const SHIFTED_DEGREE: u64 = 1 << 28;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "about")]
    _about: Option<String>,
    test_srs_secret: String,
    blobs: Vec<BlobCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BlobCase {
    label: String,
    payload_length: usize,
    symbols: usize,
    test_srs: TestCommitments,
    ceremony_commitment: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TestCommitments {
    commitment: String,
    length: u64,
    length_commitment: String,
    length_proof: String,
}

/// What a file's blobs are committed to with.
struct Strings {
    secret: Fr,
    test: Srs,
    powers: Powers,
    ceremony: Option<Srs>,
}

/// The secret that a file names.
pub(super) fn secret(text: &str) -> Result<Fr, Error> {
    let file: File = parse(NAME, text)?;
    let case = Case { section: NAME, name: "test_srs_secret".into() };
    case.scalar("secret", &file.test_srs_secret)
}

pub(super) fn check(text: &str, folder: &Path) -> Result<SectionReport, Error> {
    let file: File = parse(NAME, text)?;
    let case = Case { section: NAME, name: "test_srs_secret".into() };
    let secret = case.scalar("secret", &file.test_srs_secret)?;
    let development = DevelopmentSrs::with_secret(secret);
    let sizes = file.blobs.iter().map(|blob| blob.symbols).filter(|symbols| *symbols <= SYMBOLS_ON_G2_MAX);
    let powers = Powers::development(&development, sizes.max().unwrap_or(1).next_power_of_two());
    let powers = powers.map_err(|error| case.fail(error.to_string()))?;
    let strings = Strings { secret, test: Srs::from(development), powers, ceremony: read_ceremony(folder)? };
    let mut skipped = Vec::new();
    for blob in &file.blobs {
        blob.check(&strings, &mut skipped)?;
    }
    report(NAME, file.blobs.len(), skipped)
}

/// The points beside the folder; none if there are none.
pub(super) fn read_ceremony(folder: &Path) -> Result<Option<Srs>, Error> {
    let srs = folder.join("../srs");
    let files = (srs.join("g1_65536.point"), srs.join("g2_powers_of_2.point"));
    let present = files.0.exists() && files.1.exists();
    Ok(if present { Some(Srs::read(&files.0, &files.1)?) } else { None })
}

impl BlobCase {
    fn check(&self, strings: &Strings, skipped: &mut Vec<Skipped>) -> Result<(), Error> {
        let case = Case { section: NAME, name: self.label.clone() };
        let values = self.values(&case)?;
        let at_secret = Domain::of(values.len()).evaluate(&values, strings.secret);
        self.check_by_secret(&case, strings.secret, at_secret)?;
        self.check_on_g2(&case, strings, &values, skipped)?;
        if self.symbols > SYMBOLS_BY_POINTS_MAX {
            skipped.push(Skipped {
                what: format!("{}: commitments from points", self.label),
                why: format!("{} symbols; points for at most {SYMBOLS_BY_POINTS_MAX} are made here", self.symbols),
            });
            return self.check_is_point(&case);
        }
        let commitment = commit(&case, &strings.test, &values)?;
        case.same_bytes("commitment from points", &commitment, &self.test_srs.commitment)?;
        self.check_ceremony(&case, strings, &values, skipped)
    }

    fn values(&self, case: &Case) -> Result<Vec<Fr>, Error> {
        let payload = case.payload(&self.label, self.payload_length)?;
        let encoded = codec::encode(&payload).map_err(|error| case.fail(error.to_string()))?;
        let values = codec::field_elements(&encoded).map_err(|error| case.fail(error.to_string()))?;
        let length = self.symbols == values.len() && self.test_srs.length == values.len() as u64;
        case.ensure(length, &format!("the blob has {} symbols, another number is given", values.len()))?;
        Ok(values)
    }

    /// With p(s) known: [p(s)] on both groups, and [s^(2^28 - length) p(s)] on G2.
    fn check_by_secret(&self, case: &Case, secret: Fr, at_secret: Fr) -> Result<(), Error> {
        let shift = secret.pow([SHIFTED_DEGREE - self.test_srs.length]);
        let commitment = (G1Affine::generator() * at_secret).into_affine();
        let length_commitment = (G2Affine::generator() * at_secret).into_affine();
        let length_proof = (G2Affine::generator() * (at_secret * shift)).into_affine();
        let expected = &self.test_srs;
        case.same_bytes("commitment", &points::g1_compressed(&commitment), &expected.commitment)?;
        case.same_bytes("length commitment", &points::g2_compressed(&length_commitment), &expected.length_commitment)?;
        case.same_bytes("length proof", &points::g2_compressed(&length_proof), &expected.length_proof)
    }

    /// Makes all three from points, and checks them as a stranger would.
    fn check_on_g2(
        &self,
        case: &Case,
        strings: &Strings,
        values: &[Fr],
        skipped: &mut Vec<Skipped>,
    ) -> Result<(), Error> {
        let expected = &self.test_srs;
        if values.len() > strings.powers.symbols_max() {
            skipped.push(Skipped {
                what: format!("{}: length commitment and length proof from points", self.label),
                why: format!("{} symbols; points on G2 for at most {SYMBOLS_ON_G2_MAX} are made here", self.symbols),
            });
            return Ok(());
        }
        let coefficients = Domain::of(values.len()).interpolate(values.to_vec());
        let made = strings.powers.commit(&coefficients).map_err(|error| case.fail(error.to_string()))?;
        let (length_commitment, length_proof) = (&made.length_commitment, &made.length_proof);
        case.same_bytes("commitment", &points::g1_compressed(&made.commitment), &expected.commitment)?;
        case.same_bytes("length commitment", &points::g2_compressed(length_commitment), &expected.length_commitment)?;
        case.same_bytes("length proof", &points::g2_compressed(length_proof), &expected.length_proof)?;
        strings.powers.constants().verify(&made).map_err(|error| case.fail(error.to_string()))
    }

    fn check_ceremony(
        &self,
        case: &Case,
        strings: &Strings,
        values: &[Fr],
        skipped: &mut Vec<Skipped>,
    ) -> Result<(), Error> {
        let Some(expected) = &self.ceremony_commitment else {
            return Ok(());
        };
        let skip =
            |why: String| Skipped { what: format!("{}: commitment under the ceremony's points", self.label), why };
        match &strings.ceremony {
            Some(srs) if srs.symbols_max() < values.len() => {
                skipped.push(skip(format!("../srs has {} points only", srs.symbols_max())));
                self.check_is_point(case)
            }
            Some(srs) => case.same_bytes("ceremony commitment", &commit(case, srs, values)?, expected),
            None => {
                skipped.push(skip("there are no points in ../srs".into()));
                self.check_is_point(case)
            }
        }
    }

    /// Of a commitment that cannot be made here at least the form.
    fn check_is_point(&self, case: &Case) -> Result<(), Error> {
        let Some(text) = &self.ceremony_commitment else {
            return Ok(());
        };
        let point = points::decode_g1(&case.bytes("ceremony commitment", text)?);
        point.map(drop).map_err(|error| case.fail(format!("ceremony commitment: {error}")))
    }
}

fn commit(case: &Case, srs: &Srs, values: &[Fr]) -> Result<[u8; points::G1_COMPRESSED_LEN], Error> {
    let commitment = srs.commit(values).map_err(|error| case.fail(error.to_string()))?;
    Ok(points::g1_compressed(&commitment))
}
