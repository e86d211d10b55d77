//! Writes Solidity's `abi.encode` of static values: 32-byte words, big endian, left-padded.

use std::sync::OnceLock;

use alloy_primitives::{Address, B256, U256, keccak256};

/// A type string, hashed once: it would be half the cost of a small struct's hash.
pub(crate) struct TypeString {
    text: &'static str,
    hash: OnceLock<B256>,
}

impl TypeString {
    pub const fn new(text: &'static str) -> Self {
        Self { text, hash: OnceLock::new() }
    }

    fn hash(&self) -> B256 {
        *self.hash.get_or_init(|| keccak256(self.text))
    }
}

/// The words written so far.
#[derive(Default)]
pub(crate) struct Words(Vec<u8>);

impl Words {
    /// Starts a struct hash with the hash of its type string.
    pub fn typed(type_string: &'static TypeString) -> Self {
        // Room for the largest struct, the batch.
        Self(Vec::with_capacity(18 * 32)).bytes32(type_string.hash())
    }

    pub fn bytes32(mut self, word: B256) -> Self {
        self.0.extend_from_slice(word.as_slice());
        self
    }

    pub fn uint(self, value: impl Into<u128>) -> Self {
        self.uint256(U256::from(value.into()))
    }

    pub fn uint256(self, value: U256) -> Self {
        self.bytes32(B256::from(value))
    }

    pub fn address(self, address: Address) -> Self {
        self.bytes32(address.into_word())
    }

    /// A dynamic field enters a struct hash as its own hash.
    pub fn hashed(self, bytes: &[u8]) -> Self {
        self.bytes32(keccak256(bytes))
    }

    pub fn finish(self) -> Vec<u8> {
        self.0
    }

    pub fn hash(self) -> B256 {
        keccak256(self.0)
    }
}
