//! Payload, encoded payload, blob.
//!
//! An encoded payload is a 32-byte header (0x00, version 0x00, u32 length, zeros), then 31 payload bytes behind each 0x00
//! byte, zero padded to a power-of-two number of 32-byte symbols. So every symbol is a field element. In
//! [`PolynomialForm::Evaluations`] the symbols are the polynomial's values at the roots of unity, in
//! [`PolynomialForm::Coefficients`] its coefficients; EigenDA's blob always holds coefficients.

use vouch_core::points::{self, Fr};

use crate::domain::Domain;

/// The length of a symbol, bytes.
pub const SYMBOL_LEN: usize = 32;
/// The payload bytes of a symbol.
pub const SYMBOL_PAYLOAD_LEN: usize = SYMBOL_LEN - 1;
/// The most symbols of a blob: 16 MiB.
pub const SYMBOLS_MAX: usize = 1 << 19;
/// The longest payload, bytes: all symbols but the header's.
pub const PAYLOAD_LEN_MAX: usize = (SYMBOLS_MAX - 1) * SYMBOL_PAYLOAD_LEN;

const VERSION: u8 = 0;

/// Why bytes do not encode or decode. A decoding error is the fault of whoever made the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("payload of {0} bytes is longer than {PAYLOAD_LEN_MAX}")]
    PayloadTooLong(usize),
    #[error("{0} bytes are not a power-of-two number of 32-byte symbols, at most {SYMBOLS_MAX}")]
    SymbolCount(usize),
    #[error("first byte of the header is {0}, not 0")]
    HeaderByte(u8),
    #[error("unknown encoding version {0}")]
    Version(u8),
    #[error("header is not padded with zeros")]
    HeaderPadding,
    #[error("symbol {0} does not begin with a zero byte")]
    SymbolByte(usize),
    #[error("claimed length {claimed} is more than the {available} bytes that follow")]
    ClaimedLength { claimed: usize, available: usize },
    #[error("bytes behind the payload are not zero")]
    Padding,
    #[error("symbol {0} is not below the group order")]
    NotCanonical(usize),
}

/// What the symbols of an encoded payload are to the polynomial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PolynomialForm {
    #[default]
    Evaluations,
    Coefficients,
}

/// The encoded payload of `payload`.
pub fn encode(payload: &[u8]) -> Result<Vec<u8>, Error> {
    if payload.len() > PAYLOAD_LEN_MAX {
        return Err(Error::PayloadTooLong(payload.len()));
    }
    let claimed = u32::try_from(payload.len()).map_err(|_| Error::PayloadTooLong(payload.len()))?;
    let mut encoded = vec![0; symbols(payload.len()) * SYMBOL_LEN];
    encoded[2..6].copy_from_slice(&claimed.to_be_bytes());
    for (symbol, piece) in encoded[SYMBOL_LEN..].chunks_mut(SYMBOL_LEN).zip(payload.chunks(SYMBOL_PAYLOAD_LEN)) {
        symbol[1..=piece.len()].copy_from_slice(piece);
    }
    Ok(encoded)
}

/// The number of symbols of the blob of a payload of `length` bytes.
pub fn symbols(length: usize) -> usize {
    (1 + length.div_ceil(SYMBOL_PAYLOAD_LEN)).next_power_of_two()
}

/// The payload of an encoded payload from a stranger. More zero symbols than needed are accepted, as EigenDA does; where
/// one encoding per payload matters, encode again and compare.
pub fn decode(encoded: &[u8]) -> Result<Vec<u8>, Error> {
    check_symbol_count(encoded)?;
    let (header, body) = encoded.split_at(SYMBOL_LEN);
    let claimed = decode_header(header)?;
    let available = body.len() / SYMBOL_LEN * SYMBOL_PAYLOAD_LEN;
    if claimed > available {
        return Err(Error::ClaimedLength { claimed, available });
    }
    let mut payload = Vec::with_capacity(available);
    for (index, symbol) in body.chunks(SYMBOL_LEN).enumerate() {
        if symbol[0] != 0 {
            return Err(Error::SymbolByte(index + 1));
        }
        payload.extend_from_slice(&symbol[1..]);
    }
    if payload[claimed..].iter().any(|byte| *byte != 0) {
        return Err(Error::Padding);
    }
    payload.truncate(claimed);
    Ok(payload)
}

/// The blob as EigenDA sends it: the coefficients of the polynomial that the encoded payload stands for.
pub fn to_blob(encoded: &[u8], form: PolynomialForm) -> Result<Vec<u8>, Error> {
    let symbols = field_elements(encoded)?;
    Ok(match form {
        PolynomialForm::Coefficients => encoded.to_vec(),
        PolynomialForm::Evaluations => symbol_bytes(&Domain::of(symbols.len()).interpolate(symbols)),
    })
}

/// The encoded payload of a blob from a stranger; [`decode`] checks what it says.
pub fn from_blob(blob: &[u8], form: PolynomialForm) -> Result<Vec<u8>, Error> {
    let coefficients = field_elements(blob)?;
    Ok(match form {
        PolynomialForm::Coefficients => blob.to_vec(),
        PolynomialForm::Evaluations => symbol_bytes(&Domain::of(coefficients.len()).evaluate_all(coefficients)),
    })
}

/// The symbols as numbers; refuses what is not canonical.
pub fn field_elements(bytes: &[u8]) -> Result<Vec<Fr>, Error> {
    check_symbol_count(bytes)?;
    let (symbols, _) = bytes.as_chunks::<SYMBOL_LEN>();
    let element = |(index, symbol)| points::scalar(symbol).ok_or(Error::NotCanonical(index));
    symbols.iter().enumerate().map(element).collect()
}

fn symbol_bytes(elements: &[Fr]) -> Vec<u8> {
    elements.iter().flat_map(points::scalar_bytes).collect()
}

fn check_symbol_count(bytes: &[u8]) -> Result<(), Error> {
    let count = bytes.len() / SYMBOL_LEN;
    let whole = bytes.len().is_multiple_of(SYMBOL_LEN) && count.is_power_of_two() && count <= SYMBOLS_MAX;
    if whole { Ok(()) } else { Err(Error::SymbolCount(bytes.len())) }
}

/// The claimed payload length.
fn decode_header(header: &[u8]) -> Result<usize, Error> {
    let claimed = u32::from_be_bytes([header[2], header[3], header[4], header[5]]) as usize;
    match (header[0], header[1]) {
        (0, VERSION) if header[6..].iter().all(|byte| *byte == 0) => Ok(claimed),
        (0, VERSION) => Err(Error::HeaderPadding),
        (0, version) => Err(Error::Version(version)),
        (byte, _) => Err(Error::HeaderByte(byte)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trip(payload in prop::collection::vec(any::<u8>(), 0..2_000)) {
            let encoded = encode(&payload).unwrap();
            prop_assert_eq!(decode(&encoded).unwrap(), payload.clone());
            for form in [PolynomialForm::Evaluations, PolynomialForm::Coefficients] {
                let blob = to_blob(&encoded, form).unwrap();
                prop_assert_eq!(from_blob(&blob, form).unwrap(), encoded.clone());
            }
        }

        #[test]
        fn noise_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = (decode(&bytes), to_blob(&bytes, PolynomialForm::Evaluations), from_blob(&bytes, PolynomialForm::Evaluations));
        }
    }

    #[test]
    fn sizes_at_the_edges() {
        for (length, expected) in [(0, 1), (1, 2), (31, 2), (32, 4), (93, 4), (94, 8), (PAYLOAD_LEN_MAX, SYMBOLS_MAX)] {
            assert_eq!(symbols(length), expected, "{length} bytes");
        }
        assert_eq!(encode(&vec![0; PAYLOAD_LEN_MAX + 1]), Err(Error::PayloadTooLong(PAYLOAD_LEN_MAX + 1)));
        assert_eq!(
            decode(&vec![0; 2 * SYMBOLS_MAX * SYMBOL_LEN]),
            Err(Error::SymbolCount(2 * SYMBOLS_MAX * SYMBOL_LEN))
        );
        assert_eq!(field_elements(&[0xff; 32]), Err(Error::NotCanonical(0)));
    }
}
