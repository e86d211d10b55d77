//! What an availability code is, whichever it is; and the one that there is, as such.
//!
//! [`laws`] says what every code must keep, as a test kit: another code that passes it can stand beside this one.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use crate::chunks;
use crate::codec::{self, PolynomialForm};
use crate::domain::Domain;
use crate::frame::Frame;
use crate::powers::{self, BlobCommitments, Powers};
use crate::proofs::{self, Prover};
use crate::shape::{self, Parameters, Shape};
use crate::verify::{self, Claim, Verifier};

/// A payload's commitment and all its chunks, in their order.
pub type Encoded<S> = (<S as Scheme>::Commitment, Vec<<S as Scheme>::Chunk>);

/// Payloads to chunks, any sufficient number of which give the payload back, and each of which can be checked alone.
pub trait Scheme {
    /// What a payload is known by.
    type Commitment: Clone + PartialEq + Debug;
    type Chunk: Clone + PartialEq + Debug;
    type Error: std::error::Error;

    /// How many chunks there are.
    fn chunks(&self) -> usize;

    /// How many different ones are needed.
    fn threshold(&self, commitment: &Self::Commitment) -> Result<usize, Self::Error>;

    fn encode(&self, payload: &[u8]) -> Result<Encoded<Self>, Self::Error>;

    /// Whether the chunk is the commitment's at `index`.
    fn verify(&self, commitment: &Self::Commitment, index: usize, chunk: &Self::Chunk) -> Result<(), Self::Error>;

    /// The payload, from chunks that were verified.
    fn restore(&self, commitment: &Self::Commitment, chunks: &[(usize, &Self::Chunk)]) -> Result<Vec<u8>, Self::Error>;
}

/// Reed-Solomon chunks with KZG proofs.
pub struct Kzg {
    powers: Arc<Powers>,
    parameters: Parameters,
    /// Tables by the length of blobs: at most one for each power of two.
    provers: Mutex<HashMap<usize, Arc<Prover>>>,
}

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Codec(#[from] codec::Error),
    #[error(transparent)]
    Shape(#[from] shape::Error),
    #[error(transparent)]
    Powers(#[from] powers::Error),
    #[error(transparent)]
    Chunks(#[from] chunks::Error),
    #[error(transparent)]
    Proofs(#[from] proofs::Error),
    #[error(transparent)]
    Verify(#[from] verify::Error),
}

impl Kzg {
    pub fn new(powers: Arc<Powers>, parameters: Parameters) -> Self {
        Self { powers, parameters, provers: Mutex::default() }
    }

    fn shape(&self, commitment: &BlobCommitments) -> Result<Shape, Error> {
        Ok(Shape::new(commitment.length as usize, self.parameters)?)
    }

    /// Made at the first blob of its length. Who comes meanwhile waits for it rather than making another.
    fn prover(&self, shape: Shape) -> Result<Arc<Prover>, Error> {
        let mut provers = self.provers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(prover) = provers.get(&shape.symbols()) {
            return Ok(Arc::clone(prover));
        }
        let prover = Arc::new(Prover::new(shape, self.powers.g1())?);
        provers.insert(shape.symbols(), Arc::clone(&prover));
        Ok(prover)
    }
}

impl Scheme for Kzg {
    type Commitment = BlobCommitments;
    type Chunk = Frame;
    type Error = Error;

    fn chunks(&self) -> usize {
        self.parameters.chunks
    }

    fn threshold(&self, commitment: &BlobCommitments) -> Result<usize, Error> {
        Ok(self.shape(commitment)?.threshold())
    }

    fn encode(&self, payload: &[u8]) -> Result<Encoded<Self>, Error> {
        let values = codec::field_elements(&codec::encode(payload)?)?;
        let coefficients = Domain::of(values.len()).interpolate(values);
        let commitment = self.powers.commit(&coefficients)?;
        let shape = self.shape(&commitment)?;
        let chunks = chunks::cut(&shape, &coefficients)?;
        let proofs = self.prover(shape)?.prove(&coefficients)?;
        let frames = chunks.into_iter().zip(proofs).map(|(coefficients, proof)| Frame { proof, coefficients });
        Ok((commitment, frames.collect()))
    }

    /// The commitments themselves too: a chunk of a polynomial that is longer than it says restores nothing.
    fn verify(&self, commitment: &BlobCommitments, index: usize, frame: &Frame) -> Result<(), Error> {
        self.powers.constants().verify(commitment)?;
        let verifier = Verifier::new(self.shape(commitment)?, self.powers.g1(), self.powers.constants())?;
        Ok(verifier.verify(&Claim { commitment: &commitment.commitment, index, frame })?)
    }

    fn restore(&self, commitment: &BlobCommitments, frames: &[(usize, &Frame)]) -> Result<Vec<u8>, Error> {
        let shape = self.shape(commitment)?;
        let chunks: Vec<_> = frames.iter().map(|(index, frame)| (*index, frame.coefficients.as_slice())).collect();
        let coefficients = chunks::restore(&shape, &chunks)?;
        let blob: Vec<u8> = coefficients.iter().flat_map(vouch_core::points::scalar_bytes).collect();
        Ok(codec::decode(&codec::from_blob(&blob, PolynomialForm::Evaluations)?)?)
    }
}

/// What every code keeps. Each law panics with what broke it.
pub mod laws {
    use super::Scheme;

    /// All laws, for these payloads.
    ///
    /// # Panics
    /// Where one does not hold.
    #[allow(clippy::expect_used, reason = "a test kit")]
    pub fn check<S: Scheme>(scheme: &S, payloads: &[&[u8]]) {
        let encoded = payloads.iter().map(|payload| (*payload, scheme.encode(payload).expect("a payload is encoded")));
        let encoded: Vec<_> = encoded.map(|(payload, (commitment, chunks))| (payload, commitment, chunks)).collect();
        for (payload, commitment, chunks) in &encoded {
            assert_eq!(chunks.len(), scheme.chunks(), "as many chunks as the code says");
            let again = scheme.encode(payload).expect("a payload is encoded");
            assert!(again == (commitment.clone(), chunks.clone()), "the same payload is encoded in the same way");
            each_chunk_is_its_own(scheme, commitment, chunks);
            any_sufficient_chunks_restore(scheme, payload, commitment, chunks);
        }
        for (one, other) in encoded.iter().zip(encoded.iter().skip(1)) {
            assert!(one.1 != other.1, "two payloads have two commitments");
            assert!(
                one.2[0] == other.2[0] || scheme.verify(&one.1, 0, &other.2[0]).is_err(),
                "another payload's chunk"
            );
        }
    }

    fn each_chunk_is_its_own<S: Scheme>(scheme: &S, commitment: &S::Commitment, chunks: &[S::Chunk]) {
        for (index, chunk) in chunks.iter().enumerate() {
            assert!(scheme.verify(commitment, index, chunk).is_ok(), "chunk {index} holds");
            let elsewhere = (index + 1) % chunks.len();
            let is_other = chunks[elsewhere] != *chunk;
            assert!(!is_other || scheme.verify(commitment, elsewhere, chunk).is_err(), "chunk {index} at {elsewhere}");
        }
        assert!(scheme.verify(commitment, chunks.len(), &chunks[0]).is_err(), "there is no chunk {}", chunks.len());
    }

    #[allow(clippy::expect_used, reason = "a test kit")]
    fn any_sufficient_chunks_restore<S: Scheme>(
        scheme: &S,
        payload: &[u8],
        commitment: &S::Commitment,
        chunks: &[S::Chunk],
    ) {
        let threshold = scheme.threshold(commitment).expect("a commitment says how many are needed");
        let count = chunks.len();
        // From the front, from the back, every other one, and in an order that no code was made for.
        let orders: [&dyn Fn(usize) -> usize; 4] =
            [&|at| at, &|at| count - 1 - at, &|at| at * 2 % count + at * 2 / count, &|at| (at * 5 + 3) % count];
        for order in orders {
            let some: Vec<(usize, &S::Chunk)> =
                (0..count).map(order).take(threshold).map(|index| (index, &chunks[index])).collect();
            let restored = scheme.restore(commitment, &some).expect("sufficient chunks restore");
            assert_eq!(restored, payload, "the payload comes back");
            assert!(scheme.restore(commitment, &some[1..]).is_err(), "one chunk fewer restores nothing");
            let repeated: Vec<_> = some.iter().skip(1).chain(some.iter().skip(1).take(1)).copied().collect();
            assert!(scheme.restore(commitment, &repeated).is_err(), "the same chunk twice is one chunk");
        }
        let all: Vec<(usize, &S::Chunk)> = chunks.iter().enumerate().collect();
        assert_eq!(scheme.restore(commitment, &all).expect("all chunks restore"), payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::srs::DevelopmentSrs;

    fn kzg() -> Kzg {
        let powers = Powers::development(&DevelopmentSrs::for_chain(31_337).unwrap(), 64).unwrap();
        Kzg::new(Arc::new(powers), Parameters { chunks: 32, rate: 4 })
    }

    #[test]
    fn the_laws_hold() {
        let (long, longest) = ([7; 200], [9; 63 * 31]);
        laws::check(&kzg(), &[b"", b"a", b"b", &long, &longest]);
    }

    #[test]
    fn a_length_that_is_not_shown_is_refused() {
        let kzg = kzg();
        let (honest, frames) = kzg.encode(&[7; 200]).unwrap();
        let longer = BlobCommitments { length: honest.length * 2, ..honest.clone() };
        assert!(matches!(kzg.verify(&longer, 0, &frames[0]), Err(Error::Powers(_))));
        let odd = BlobCommitments { length: 3, ..honest };
        assert!(kzg.verify(&odd, 0, &frames[0]).is_err() && kzg.threshold(&odd).is_err());
        assert!(kzg.encode(&[1; 64 * 31]).is_err(), "more than the points suffice for");
    }
}
