//! Writes Solidity's `abi.encode` of static values: 32-byte words, big endian, left-padded.

use alloy_primitives::{Address, B256, U256, keccak256};

/// The words written so far.
#[derive(Default)]
pub(crate) struct Words(Vec<u8>);

impl Words {
    /// Starts a struct hash with the hash of its type string.
    pub fn typed(type_string: &str) -> Self {
        Self::default().bytes32(keccak256(type_string))
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
