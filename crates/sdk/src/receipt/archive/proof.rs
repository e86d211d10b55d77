//! Values with their paths through the tries of an account and of its storage.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::proof::verify_proof;
use alloy_trie::{Nibbles, TrieAccount};
use serde::{Deserialize, Serialize};
use vouch_core::BatchHash;

use super::{ArchiveLie, slots};

/// A path has a node for every half byte of a hash at most.
const NODES_MAX: usize = 64;
/// The largest node, a branch of sixteen hashes, has 532 bytes.
const NODE_BYTES_MAX: usize = 1_024;
/// An app has at most 8 strategies, an operator set 32.
pub(super) const WEIGHTS_MAX: usize = 32;

/// A contract's account, with the way to it from the state root. Its code's hash is that of the archive's code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccountProof {
    pub nonce: u64,
    pub balance: U256,
    pub storage_root: B256,
    pub proof: Vec<Bytes>,
}

/// The registry's record of the batch, with the way to each of its words from the storage root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordProof {
    /// Unix seconds.
    pub recorded_at: u64,
    /// Unix seconds; zero if the batch has no certificate of its own.
    pub certified_at: u64,
    pub reference_timestamp: u32,
    pub signers_hash: B256,
    pub signed_weights: Vec<U256>,
    /// For the times, the signers' hash, the count of weights and each weight.
    pub proofs: Vec<Vec<Bytes>>,
}

impl AccountProof {
    pub(super) fn check(&self, contract: Address, code_hash: B256, state_root: B256) -> Result<(), ArchiveLie> {
        let account = TrieAccount::new(self.nonce, self.balance, self.storage_root, code_hash);
        let key = keccak256(contract);
        bounded("the account's proof", &self.proof)?;
        verify_proof(state_root, Nibbles::unpack(key), Some(alloy_rlp::encode(account)), &self.proof)
            .map_err(|error| ArchiveLie::Account { contract, detail: error.to_string() })
    }
}

impl RecordProof {
    pub(super) fn check(&self, batch: BatchHash, storage_root: B256) -> Result<(), ArchiveLie> {
        limit("the record's list of weights", self.signed_weights.len(), WEIGHTS_MAX)?;
        let words = self.words();
        if self.proofs.len() != words.len() {
            let detail = format!("it has {} proofs for {} words", self.proofs.len(), words.len());
            return Err(ArchiveLie::Storage { field: "words", detail });
        }
        let slots = slots::of_record(batch, self.signed_weights.len());
        for ((field, word), (slot, proof)) in words.into_iter().zip(slots.into_iter().zip(&self.proofs)) {
            check_word(field, word, slot, proof, storage_root)?;
        }
        Ok(())
    }

    fn words(&self) -> Vec<(&'static str, U256)> {
        let times = slots::pack(self.recorded_at, self.certified_at, self.reference_timestamp);
        let own = [
            ("times", times),
            ("signers", U256::from_be_bytes(self.signers_hash.0)),
            ("count of weights", U256::from(self.signed_weights.len())),
        ];
        own.into_iter().chain(self.signed_weights.iter().map(|weight| ("weight", *weight))).collect()
    }
}

/// Zero is what a trie does not have; some development chains keep it as an entry, which says the same.
pub(super) fn check_word(
    field: &'static str,
    word: U256,
    slot: B256,
    proof: &[Bytes],
    storage_root: B256,
) -> Result<(), ArchiveLie> {
    bounded("a storage proof", proof)?;
    let check = |expected| verify_proof(storage_root, Nibbles::unpack(keccak256(slot)), expected, proof);
    let entry = Some(alloy_rlp::encode(word));
    let checked = if word.is_zero() { check(None).or_else(|_| check(entry)) } else { check(entry) };
    checked.map_err(|error| ArchiveLie::Storage { field, detail: error.to_string() })
}

fn bounded(what: &'static str, proof: &[Bytes]) -> Result<(), ArchiveLie> {
    limit(what, proof.len(), NODES_MAX)?;
    proof.iter().try_for_each(|node| limit("a proof's node", node.len(), NODE_BYTES_MAX))
}

fn limit(what: &'static str, found: usize, max: usize) -> Result<(), ArchiveLie> {
    if found > max { Err(ArchiveLie::TooLarge { what, found, max }) } else { Ok(()) }
}
