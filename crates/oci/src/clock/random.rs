//! Seeded randomness: ChaCha20 streams, one per thread and use, so that threads do not disturb one another's.

use std::collections::HashMap;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// What bytes are for. Uses never share bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Use {
    /// `getrandom` of the thread with this number in its own pid namespace.
    Call(u32),
    /// The 16 bytes at `AT_RANDOM` of a program that the thread with this number executes.
    Program(u32),
    /// `/dev/random` and `/dev/urandom`.
    Device,
}

impl Use {
    /// The stream's number in ChaCha20's nonce: the use in the high half, the thread in the low one.
    fn stream(self) -> u64 {
        match self {
            Self::Call(thread) => u64::from(thread),
            Self::Program(thread) => 1 << 32 | u64::from(thread),
            Self::Device => 2 << 32,
        }
    }
}

/// All streams of one run.
pub(super) struct Streams {
    generator: ChaCha20Rng,
    /// How many 32-bit words of each stream are used. At most one entry per use and thread number, of which the kernel
    /// has at most 2^22 (`PID_MAX_LIMIT`).
    used: HashMap<u64, u128>,
}

impl Streams {
    pub fn new(seed: [u8; 32]) -> Self {
        Self { generator: ChaCha20Rng::from_seed(seed), used: HashMap::new() }
    }

    /// Fills `bytes` from where the stream stands. A request that does not end on a word drops the word's rest.
    pub fn fill(&mut self, whose: Use, bytes: &mut [u8]) {
        let position = self.used.entry(whose.stream()).or_default();
        self.generator.set_stream(whose.stream());
        self.generator.set_word_pos(*position);
        self.generator.fill_bytes(bytes);
        *position += bytes.len().div_ceil(4) as u128;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(streams: &mut Streams, whose: Use) -> [u8; 8] {
        let mut bytes = [0; 8];
        streams.fill(whose, &mut bytes);
        bytes
    }

    #[test]
    fn a_thread_gets_the_same_bytes_whatever_others_take() {
        let (mut alone, mut disturbed) = (Streams::new([7; 32]), Streams::new([7; 32]));
        let expected = [take(&mut alone, Use::Call(1)), take(&mut alone, Use::Call(1))];
        let first = take(&mut disturbed, Use::Call(1));
        take(&mut disturbed, Use::Call(2));
        take(&mut disturbed, Use::Program(1));
        take(&mut disturbed, Use::Device);
        assert_eq!([first, take(&mut disturbed, Use::Call(1))], expected);
        assert_ne!(expected[0], expected[1]);
    }

    #[test]
    fn uses_threads_and_seeds_share_no_bytes() {
        let uses = [Use::Call(1), Use::Call(2), Use::Program(1), Use::Program(2), Use::Device];
        let mut seen = std::collections::HashSet::new();
        for seed in [[0; 32], [1; 32]] {
            let mut streams = Streams::new(seed);
            assert!(uses.iter().all(|whose| seen.insert(take(&mut streams, *whose))));
        }
    }

    /// The keystream of ChaCha20 with the zero key and nonce (RFC 8439, A.1, test vector 1).
    #[test]
    fn the_stream_is_chacha20() {
        assert_eq!(take(&mut Streams::new([0; 32]), Use::Call(0)), [0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90]);
    }
}
