//! `points.json`: encodings of points, what must be refused, hash to curve, BLS keys and signatures.

use std::path::Path;

use alloy_primitives::{Address, B256, keccak256};
use ark_ec::{AffineRepr, CurveGroup};
use serde::Deserialize;
use vouch_core::bls::{self, SecretKey};
use vouch_core::points::{self, G1Affine, G2Affine};

use super::{Case, Error, SectionReport, parse, report};

pub(super) const NAME: &str = "points.json";

/// What an operator of EigenDA signs when it registers: keccak256(keccak256(this) ‖ its address).
const REGISTRATION_TYPE: &str = "BN254PubkeyRegistration(address operator)";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "about")]
    _about: Option<String>,
    g1: Vec<PointCase>,
    g2: Vec<PointCase>,
    decoding: Vec<DecodingCase>,
    bls: Vec<BlsCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PointCase {
    scalar: String,
    compressed: String,
    uncompressed: String,
    /// G1 only, and not of infinity.
    operator_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DecodingCase {
    name: String,
    group: Group,
    hex: String,
    decodes: bool,
    in_subgroup: bool,
    original_error: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Group {
    G1,
    G2,
}

/// A digest on the curve and, if there is a key, what the key makes of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BlsCase {
    digest: String,
    hash_to_curve: String,
    private_key: Option<String>,
    operator_address: Option<String>,
    operator_id: Option<String>,
    pubkey_registration_signature: Option<String>,
    public_key_g2_compressed: Option<String>,
    signature: Option<String>,
    signature_compressed: Option<String>,
}

pub(super) fn check(text: &str, _folder: &Path) -> Result<SectionReport, Error> {
    let file: File = parse(NAME, text)?;
    file.g1.iter().try_for_each(PointCase::check_g1)?;
    file.g2.iter().try_for_each(PointCase::check_g2)?;
    file.decoding.iter().try_for_each(DecodingCase::check)?;
    file.bls.iter().try_for_each(BlsCase::check)?;
    report(NAME, file.g1.len() + file.g2.len() + file.decoding.len() + file.bls.len(), Vec::new())
}

impl PointCase {
    fn check_g1(&self) -> Result<(), Error> {
        let case = self.case("g1");
        let point = (G1Affine::generator() * case.scalar("scalar", &self.scalar)?).into_affine();
        let (compressed, whole) = (points::g1_compressed(&point), points::g1_bytes(&point));
        case.same_bytes("compressed", &compressed, &self.compressed)?;
        case.same_bytes("uncompressed", &whole, &self.uncompressed)?;
        let back = [points::decode_g1(&compressed), points::decode_g1(&whole)];
        case.ensure(back == [Ok(point); 2], "the point does not come back")?;
        match &self.operator_id {
            Some(expected) => case.same_bytes("operator id", keccak256(whole).as_slice(), expected),
            None => case.ensure(point.is_zero(), "the operator id is missing"),
        }
    }

    fn check_g2(&self) -> Result<(), Error> {
        let case = self.case("g2");
        let point = (G2Affine::generator() * case.scalar("scalar", &self.scalar)?).into_affine();
        let (compressed, whole) = (points::g2_compressed(&point), points::g2_bytes(&point));
        case.same_bytes("compressed", &compressed, &self.compressed)?;
        case.same_bytes("uncompressed", &whole, &self.uncompressed)?;
        let back = [points::decode_g2(&compressed), points::decode_g2(&whole)];
        case.ensure(back == [Ok(point); 2], "the point does not come back")?;
        case.ensure(self.operator_id.is_none(), "a G2 point has no operator id")
    }

    fn case(&self, group: &str) -> Case {
        Case { section: NAME, name: format!("{group} point of scalar {}", self.scalar) }
    }
}

impl DecodingCase {
    fn check(&self) -> Result<(), Error> {
        let case = Case { section: NAME, name: format!("decoding {}", self.name) };
        case.ensure(
            self.decodes == self.original_error.is_empty(),
            "decodes and original_error contradict each other",
        )?;
        case.ensure(self.decodes == self.in_subgroup, "what decodes is in the subgroup, and nothing else")?;
        let bytes = case.bytes("point", &self.hex)?;
        let refused = match self.group {
            Group::G1 => points::decode_g1(&bytes).err(),
            Group::G2 => points::decode_g2(&bytes).err(),
        };
        match refused {
            None => case.ensure(self.decodes, "decodes here, refused by the original"),
            Some(error) => case.ensure(!self.decodes, &format!("refused here ({error}), decodes in the original")),
        }
    }
}

impl BlsCase {
    fn check(&self) -> Result<(), Error> {
        let case = Case { section: NAME, name: format!("bls digest {}", self.digest) };
        let digest = self.digest(&case)?;
        case.same_bytes("hash to curve", &points::g1_bytes(&bls::hash_to_g1(digest)), &self.hash_to_curve)?;
        match &self.private_key {
            Some(key) => self.check_key(&case, digest, key),
            None => case.ensure(self.has_no_key_field(), "the private key is missing"),
        }
    }

    fn check_key(&self, case: &Case, digest: B256, key: &str) -> Result<(), Error> {
        let bytes = points::scalar_bytes(&case.scalar("private key", key)?);
        let key = SecretKey::from_bytes(&bytes).map_err(|error| case.fail(error.to_string()))?;
        let (public, signature) = (key.public_key(), key.sign(digest));
        let operator_id = public.operator_id();
        let verified = public.g2().verify(digest, &signature).is_ok();
        case.ensure(verified, "the signature does not verify")?;
        let fields: [(&str, &[u8], &Option<String>); 5] = [
            ("operator id", operator_id.as_ref(), &self.operator_id),
            ("G2 public key", &points::g2_compressed(public.g2().point()), &self.public_key_g2_compressed),
            ("signature", &signature.to_bytes(), &self.signature),
            ("compressed signature", &points::g1_compressed(signature.point()), &self.signature_compressed),
            ("registration signature", &self.registration(case, &key)?, &self.pubkey_registration_signature),
        ];
        fields.into_iter().try_for_each(|(what, found, expected)| match expected {
            Some(expected) => case.same_bytes(what, found, expected),
            None => Err(case.fail(format!("the {what} is missing"))),
        })
    }

    fn registration(&self, case: &Case, key: &SecretKey) -> Result<[u8; points::G1_LEN], Error> {
        let operator: Option<Address> = self.operator_address.as_ref().and_then(|text| text.parse().ok());
        let operator = operator.ok_or_else(|| case.fail("the operator address is missing or none"))?;
        let message = [keccak256(REGISTRATION_TYPE).as_slice(), operator.as_slice()].concat();
        Ok(key.sign(keccak256(message)).to_bytes())
    }

    fn digest(&self, case: &Case) -> Result<B256, Error> {
        let bytes = case.bytes("digest", &self.digest)?;
        B256::try_from(bytes.as_slice()).map_err(|_| case.fail("a digest has 32 bytes"))
    }

    fn has_no_key_field(&self) -> bool {
        let fields = [
            &self.operator_address,
            &self.operator_id,
            &self.pubkey_registration_signature,
            &self.public_key_g2_compressed,
            &self.signature,
            &self.signature_compressed,
        ];
        fields.into_iter().all(Option::is_none)
    }
}
