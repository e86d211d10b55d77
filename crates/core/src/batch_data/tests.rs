use alloy_primitives::{Address, U256};
use proptest::prelude::*;

use super::*;
use crate::ids::{AppId, ProgramId};

fn entry(payload: &[u8], status: Status, output: &[u8]) -> Entry {
    Entry {
        request: Request {
            app: AppId(B256::repeat_byte(1)),
            program_id: ProgramId(B256::repeat_byte(2)),
            client: Address::repeat_byte(3),
            nonce: 4,
            payload_hash: pages::root(payload),
            time: 5,
            seed_block: 6,
            deadline: 7,
            max_fee: U256::MAX,
        },
        origin: Origin::Signed,
        signature: Bytes::from(vec![8; 65]),
        payload: Bytes::copy_from_slice(payload),
        reads: Bytes::from_static(b"reads"),
        status,
        output: Bytes::copy_from_slice(output),
        pre_state: B256::repeat_byte(9),
        post_state: B256::repeat_byte(10),
    }
}

fn sample() -> BatchData {
    BatchData::new(vec![entry(b"one", Status::Ok, b"answer"), entry(b"", Status::Trap, b"")]).unwrap()
}

/// Where the fields of the first entry of [`sample`] stand.
const ORIGIN_AT: usize = 8 + 288;
const STATUS_AT: usize = ORIGIN_AT + 1 + (4 + 65) + (4 + 3) + (4 + 5);

#[test]
fn comes_back_whole() {
    let bytes = sample().encode();
    assert_eq!(BatchData::decode(&bytes), Ok(sample()));
    assert_eq!(bytes.len(), 8 + 2 * (ENTRY_LEN_MIN + 65 + 5) + 3 + 6);
    assert_eq!(sample().exchanges_root(), merkle::root(&sample().leaves()));
}

#[test]
fn hashes_that_mean_none_are_zero() {
    let trapped = Entry { reads: Bytes::new(), ..entry(b"", Status::Trap, b"") };
    assert_eq!((trapped.exchange().reads_hash, trapped.exchange().output_hash), (B256::ZERO, B256::ZERO));
    let empty = entry(b"", Status::Ok, b"").exchange();
    assert_eq!(empty.output_hash, pages::root(b""), "an empty answer is an answer");
}

#[test]
fn every_prefix_and_every_suffix_is_refused() {
    let bytes = sample().encode();
    for length in 0..bytes.len() {
        assert!(BatchData::decode(&bytes[..length]).is_err(), "{length} bytes");
    }
    assert_eq!(BatchData::decode(&[&bytes[..], &[0]].concat()), Err(Error::Trailing(1)));
}

#[test]
fn what_no_encoder_writes_is_refused() {
    let with = |at: usize, value: u8| {
        let mut bytes = sample().encode();
        bytes[at] = value;
        BatchData::decode(&bytes)
    };
    let bad = |field| Err(Error::Entry { entry: 0, field });
    assert_eq!(with(0, b'W'), Err(Error::Magic));
    assert_eq!(with(8 + 64, 1), bad("request"), "an address of more than 20 bytes");
    assert_eq!(with(8 + 96 + 23, 1), bad("request"), "a nonce of more than 8 bytes");
    assert_eq!(with(8 + 128, 1), bad("payload"), "not the payload that the request names");
    assert_eq!(with(ORIGIN_AT, 2), bad("origin"));
    assert_eq!(with(ORIGIN_AT, 1), bad("signature"), "the inbox has no signature");
    assert_eq!(with(STATUS_AT, 4), bad("status"));
    assert_eq!(with(STATUS_AT, 1), bad("output"), "a trap has no output");
}

#[test]
fn counts_and_lengths_are_bounded_before_memory_is_taken() {
    let mut bytes = sample().encode();
    bytes[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
    assert_eq!(BatchData::decode(&bytes), Err(Error::Truncated(bytes.len())));
    let mut bytes = sample().encode();
    bytes[ORIGIN_AT + 1] = 0xff;
    assert_eq!(BatchData::decode(&bytes), Err(Error::Truncated(ORIGIN_AT + 5)));
    assert_eq!(BatchData::decode(b"VBD1\0\0\0\0"), Err(Error::Empty));
    assert_eq!(BatchData::decode(&vec![0; LEN_MAX + 1]), Err(Error::TooLong(LEN_MAX + 1)));
    let large = entry(&vec![0; LEN_MAX], Status::Trap, b"");
    assert!(matches!(BatchData::new(vec![large]), Err(Error::TooLong(_))));
    assert_eq!(BatchData::new(vec![]), Err(Error::Empty));
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let strings = (any::<Vec<u8>>(), any::<Vec<u8>>(), any::<Vec<u8>>(), any::<[u8; 32]>());
    (strings, 0u8..4, any::<bool>(), any::<u64>()).prop_map(
        |((payload, reads, output, state), status, inbox, number)| {
            let status = Status::try_from(status).unwrap();
            let mut entry = entry(&payload, status, if status == Status::Ok { &output } else { &[] });
            entry.request.nonce = number;
            entry.reads = reads.into();
            entry.pre_state = state.into();
            if inbox {
                (entry.origin, entry.signature) = (Origin::Inbox, Bytes::new());
            }
            entry
        },
    )
}

proptest! {
    #[test]
    fn round_trip(entries in prop::collection::vec(any_entry(), 1..5)) {
        let data = BatchData::new(entries).unwrap();
        prop_assert_eq!(BatchData::decode(&data.encode()), Ok(data));
    }

    #[test]
    fn noise_never_panics(bytes in any::<Vec<u8>>()) {
        prop_assert!(BatchData::decode(&bytes).is_err());
        let framed = [&b"VBD1\0\0\0\x01"[..], &bytes].concat();
        let _ = BatchData::decode(&framed);
    }

    /// A flipped byte is refused or gives another batch; two encodings of one batch do not exist.
    #[test]
    fn one_encoding_per_batch(at in any::<prop::sample::Index>(), flip in 1u8..) {
        let mut bytes = sample().encode();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(decoded) = BatchData::decode(&bytes) {
            prop_assert_ne!(&decoded, &sample());
            prop_assert_eq!(decoded.encode(), bytes);
        }
    }
}
