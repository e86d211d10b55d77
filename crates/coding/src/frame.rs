//! Chunks with their proofs as they are stored and sent.
//!
//! A frame is a proof (32 bytes, compressed) and the chunk's coefficients (32 bytes each). A bundle is frames of one length behind
//! eight bytes: little-endian, the low 56 bits the chunk length, the high 8 bits the format, 1.

use vouch_core::points::{self, Fr, G1_COMPRESSED_LEN, G1Affine};

use crate::codec::SYMBOL_LEN;
use crate::shape::CHUNKS_MAX;

/// The longest chunk, symbols: that of a whole blob.
pub const CHUNK_LENGTH_MAX: usize = crate::codec::SYMBOLS_MAX;
const HEADER_LEN: usize = 8;
const FORMAT: u8 = 1;

/// A chunk with its proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub proof: G1Affine,
    /// Of the chunk's polynomial, the constant first.
    pub coefficients: Vec<Fr>,
}

/// Why bytes are no frames. The fault of whoever sent them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{found} bytes; expected a proof of {G1_COMPRESSED_LEN} and one or more coefficients of {SYMBOL_LEN} each")]
    Length { found: usize },
    #[error("the proof: {0}")]
    Proof(points::Error),
    #[error("coefficient {index} is not below the group order")]
    Coefficient { index: usize },
    #[error("a bundle begins with {HEADER_LEN} bytes, found {found}")]
    Header { found: usize },
    #[error("bundle format {found}; this version reads {FORMAT}")]
    Format { found: u8 },
    #[error("chunk length {found}; expected 1 to {CHUNK_LENGTH_MAX}")]
    ChunkLength { found: u64 },
    #[error("{found} bytes behind the bundle's header; expected frames of {frame}, at most {CHUNKS_MAX}")]
    Frames { found: usize, frame: usize },
    #[error("frame {index}: {source}")]
    Frame { index: usize, source: Box<Error> },
}

impl Frame {
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(frame_len(self.coefficients.len()));
        self.write(&mut bytes);
        bytes
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend(points::g1_compressed(&self.proof));
        self.coefficients.iter().for_each(|coefficient| bytes.extend(points::scalar_bytes(coefficient)));
    }

    /// Refuses a proof that is no point of the group and coefficients that are not canonical.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let found = bytes.len();
        let (proof, coefficients) = bytes.split_first_chunk::<G1_COMPRESSED_LEN>().ok_or(Error::Length { found })?;
        let (coefficients, rest) = coefficients.as_chunks::<SYMBOL_LEN>();
        if coefficients.is_empty() || coefficients.len() > CHUNK_LENGTH_MAX || !rest.is_empty() {
            return Err(Error::Length { found });
        }
        let proof = points::decode_g1(proof).map_err(Error::Proof)?;
        let coefficient = |(index, bytes)| points::scalar(bytes).ok_or(Error::Coefficient { index });
        let coefficients = coefficients.iter().enumerate().map(coefficient).collect::<Result<_, _>>()?;
        Ok(Self { proof, coefficients })
    }
}

/// Frames of one chunk length behind their header; none if there are none, or their lengths differ.
pub fn encode_bundle(frames: &[Frame]) -> Option<Vec<u8>> {
    let length = frames.first()?.coefficients.len();
    if frames.iter().any(|frame| frame.coefficients.len() != length) {
        return None;
    }
    let mut bytes = Vec::with_capacity(HEADER_LEN + frames.len() * frame_len(length));
    bytes.extend((length as u64 | u64::from(FORMAT) << 56).to_le_bytes());
    frames.iter().for_each(|frame| frame.write(&mut bytes));
    Some(bytes)
}

/// Reads a bundle; at least one frame, at most [`CHUNKS_MAX`].
pub fn decode_bundle(bytes: &[u8]) -> Result<Vec<Frame>, Error> {
    let header = bytes.split_first_chunk::<HEADER_LEN>().ok_or(Error::Header { found: bytes.len() })?;
    let (word, frames) = (u64::from_le_bytes(*header.0), header.1);
    let format = (word >> 56) as u8;
    if format != FORMAT {
        return Err(Error::Format { found: format });
    }
    let found = word & (u64::MAX >> 8);
    let length = usize::try_from(found).ok().filter(|length| (1..=CHUNK_LENGTH_MAX).contains(length));
    let frame = frame_len(length.ok_or(Error::ChunkLength { found })?);
    let count = frames.len() / frame;
    if !frames.len().is_multiple_of(frame) || !(1..=CHUNKS_MAX).contains(&count) {
        return Err(Error::Frames { found: frames.len(), frame });
    }
    let decode = |(index, bytes)| Frame::decode(bytes).map_err(|source| Error::Frame { index, source: source.into() });
    frames.chunks(frame).enumerate().map(decode).collect()
}

fn frame_len(chunk_length: usize) -> usize {
    G1_COMPRESSED_LEN + chunk_length * SYMBOL_LEN
}

#[cfg(test)]
mod tests {
    use ark_ec::AffineRepr;

    use super::*;

    fn frame(length: usize) -> Frame {
        Frame { proof: G1Affine::generator(), coefficients: (0..length as u64).map(|at| -Fr::from(at + 1)).collect() }
    }

    #[test]
    fn frames_and_bundles_come_back() {
        for length in [1, 4, 100] {
            let one = frame(length);
            assert_eq!(Frame::decode(&one.encode()), Ok(one.clone()));
            let infinite = Frame { proof: G1Affine::identity(), ..one.clone() };
            let bundle = encode_bundle(&[one.clone(), infinite.clone()]).unwrap();
            assert_eq!(decode_bundle(&bundle), Ok(vec![one, infinite]));
        }
        assert_eq!(encode_bundle(&[]), None);
        assert_eq!(encode_bundle(&[frame(1), frame(2)]), None);
    }

    #[test]
    fn what_is_no_frame_is_named() {
        let bytes = frame(2).encode();
        for found in [0, 31, 32, 33, 95] {
            assert_eq!(Frame::decode(&bytes[..found]), Err(Error::Length { found }));
        }
        let bent = |at: usize| {
            let mut bent = bytes.clone();
            bent[at..at + 32].fill(0xff);
            Frame::decode(&bent)
        };
        assert!(matches!(bent(0), Err(Error::Proof(_))));
        assert_eq!(bent(64), Err(Error::Coefficient { index: 1 }));
    }

    #[test]
    fn what_is_no_bundle_is_named() {
        let bundle = encode_bundle(&[frame(2), frame(2)]).unwrap();
        assert_eq!(decode_bundle(&bundle[..7]), Err(Error::Header { found: 7 }));
        assert_eq!(decode_bundle(&bundle[..8]), Err(Error::Frames { found: 0, frame: 96 }));
        assert_eq!(decode_bundle(&bundle[..199]), Err(Error::Frames { found: 191, frame: 96 }));
        let with = |at: usize, byte: u8| {
            let mut bent = bundle.clone();
            bent[at] = byte;
            decode_bundle(&bent)
        };
        assert_eq!(with(7, 0), Err(Error::Format { found: 0 }));
        assert_eq!(with(0, 0), Err(Error::ChunkLength { found: 0 }));
        assert!(matches!(with(6, 1), Err(Error::ChunkLength { .. })), "beyond what is read");
        assert!(matches!(with(8 + 96, 0), Err(Error::Frame { index: 1, .. })));
        let many = [&bundle[..8], &bundle[8..104].repeat(CHUNKS_MAX + 1)].concat();
        assert!(matches!(decode_bundle(&many), Err(Error::Frames { .. })));
    }
}
