//! What a batch header says of its data, and how an executor checks that.
//!
//! The gateway commits to the blob and opens the commitment at one point that the commitment and the blob together
//! determine, so it cannot choose the point. An executor that holds the same blob evaluates it there itself; one pairing
//! then shows that the commitment is that very polynomial's (two polynomials of degree below 2^19 agree at a random point
//! with probability below 2^-234).

use alloy_primitives::{B256, FixedBytes, U256, keccak256};
use ark_ff::PrimeField;
use vouch_core::points::{self, Fr, G1Affine};

use crate::codec;
use crate::domain::Domain;
use crate::kzg::{self, PointOpening};
use crate::srs::Srs;

const POINT_TYPE: &str = "DataPoint(uint256 commitmentX,uint256 commitmentY,bytes32 blobHash)";

/// Why data and header do not belong together. The fault of whoever made the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("commitment is no point of the curve")]
    Commitment(#[source] points::Error),
    #[error("proof is no point of the curve")]
    Proof(#[source] points::Error),
    #[error("the claimed value is not what the blob has at the point")]
    WrongValue,
    #[error("the commitment is not the blob's")]
    WrongCommitment,
}

/// The commitment in a batch header, as affine coordinates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DataCommitment {
    pub x: U256,
    pub y: U256,
}

/// The one opening that a gateway hands out: the value at the blob's point (32 bytes, big endian) and the proof (X ‖ Y).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Opening {
    pub value: B256,
    pub proof: FixedBytes<64>,
}

impl Srs {
    /// The commitment to the blob of `data` and its opening. The gateway's side.
    pub fn commit_data(&self, data: &[u8]) -> Result<(DataCommitment, Opening), crate::Error> {
        let blob = codec::encode(data)?;
        let values = codec::field_elements(&blob)?;
        let commitment = DataCommitment::from(&self.commit(&values)?);
        let opening = kzg::open(self, &values, blob_point(&commitment, &blob))?;
        Ok((commitment, Opening::from(&opening)))
    }

    /// Checks that the commitment is to the blob of `data`. The executor's side: no multi-scalar multiplication, one
    /// pairing.
    pub fn check_data(&self, commitment: &DataCommitment, data: &[u8], opening: &Opening) -> Result<(), crate::Error> {
        let blob = codec::encode(data)?;
        let values = codec::field_elements(&blob)?;
        let point = blob_point(commitment, &blob);
        let value = Domain::of(values.len()).evaluate(&values, point);
        if opening.value != B256::new(points::scalar_bytes(&value)) {
            return Err(Error::WrongValue.into());
        }
        let commitment = points::g1_from_words([commitment.x, commitment.y]).map_err(Error::Commitment)?;
        let proof = uncompressed_g1(&opening.proof).map_err(Error::Proof)?;
        let holds = kzg::verify(self, &commitment, point, &PointOpening { value, proof });
        if holds { Ok(()) } else { Err(Error::WrongCommitment.into()) }
    }
}

/// Where the blob's commitment is opened: keccak256(abi.encode(typehash, X, Y, keccak256(blob))) mod r. `blob` is the
/// encoded payload.
pub fn blob_point(commitment: &DataCommitment, blob: &[u8]) -> Fr {
    let words = [keccak256(POINT_TYPE).0, commitment.x.to_be_bytes(), commitment.y.to_be_bytes(), keccak256(blob).0];
    Fr::from_be_bytes_mod_order(keccak256(words.concat()).as_slice())
}

impl From<&G1Affine> for DataCommitment {
    fn from(point: &G1Affine) -> Self {
        let [x, y] = points::g1_words(point);
        Self { x, y }
    }
}

impl From<&PointOpening> for Opening {
    fn from(opening: &PointOpening) -> Self {
        Self {
            value: B256::new(points::scalar_bytes(&opening.value)),
            proof: FixedBytes::new(points::g1_bytes(&opening.proof)),
        }
    }
}

/// One encoding per proof: only X ‖ Y below the modulus, no flags.
fn uncompressed_g1(bytes: &FixedBytes<64>) -> Result<G1Affine, points::Error> {
    let (x, y) = bytes.split_at(32);
    points::g1_from_words([U256::from_be_slice(x), U256::from_be_slice(y)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::srs::DevelopmentSrs;

    fn srs() -> Srs {
        Srs::from(DevelopmentSrs::for_chain(1_337).unwrap())
    }

    fn data_error(result: Result<(), crate::Error>) -> Error {
        match result {
            Err(crate::Error::Data(error)) => error,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn honest_data_of_every_size_passes() {
        let srs = srs();
        for length in [0, 1, 31, 32, 1_000, 5_000] {
            let data: Vec<u8> = (0..length).map(|index| index as u8).collect();
            let (commitment, opening) = srs.commit_data(&data).unwrap();
            srs.check_data(&commitment, &data, &opening).unwrap();
        }
    }

    #[test]
    fn a_gateway_cannot_commit_to_something_else() {
        let srs = srs();
        let (commitment, opening) = srs.commit_data(b"what was executed").unwrap();
        let (other_commitment, other_opening) = srs.commit_data(b"what was not").unwrap();
        let check = |commitment: &DataCommitment, opening: &Opening| {
            data_error(srs.check_data(commitment, b"what was executed", opening))
        };
        assert_eq!(check(&other_commitment, &other_opening), Error::WrongValue);
        assert_eq!(check(&commitment, &other_opening), Error::WrongValue);
        assert_eq!(check(&commitment, &Opening { proof: other_opening.proof, ..opening }), Error::WrongCommitment);
        // The liar evaluates the honest blob at the false commitment's point, so that the value is right.
        let blob = codec::encode(b"what was executed").unwrap();
        let values = codec::field_elements(&blob).unwrap();
        let point = blob_point(&other_commitment, &blob);
        let lie = Opening::from(&kzg::open(&srs, &values, point).unwrap());
        assert_eq!(check(&other_commitment, &lie), Error::WrongCommitment);
    }

    #[test]
    fn points_that_are_none_are_refused() {
        let srs = srs();
        let (commitment, opening) = srs.commit_data(b"data").unwrap();
        let proof = FixedBytes::new([0x11; 64]);
        let refused = data_error(srs.check_data(&commitment, b"data", &Opening { proof, ..opening }));
        assert!(matches!(refused, Error::Proof(_)));
        let nowhere = DataCommitment { x: U256::from(1), y: U256::from(1) };
        let blob = codec::encode(b"data").unwrap();
        let values = codec::field_elements(&blob).unwrap();
        let value = Domain::of(values.len()).evaluate(&values, blob_point(&nowhere, &blob));
        let value = B256::new(points::scalar_bytes(&value));
        let refused = data_error(srs.check_data(&nowhere, b"data", &Opening { value, ..opening }));
        assert!(matches!(refused, Error::Commitment(_)));
    }
}
