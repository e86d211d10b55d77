//! One hash for a byte string of any length, from which single pages can be shown.
//!
//! The string is cut into pages of [`PAGE_BYTES`]; a page's leaf is keccak256 of its bytes, the last one unpadded. The
//! hash also binds the length, so how many pages there are and how long the last one is never rest on the prover's word.

use alloy_primitives::{B256, keccak256};

use crate::merkle;
use crate::words::{TypeString, Words};

/// The length of every page but the last.
pub const PAGE_BYTES: usize = 16_384;

static TYPE: TypeString = TypeString::new("Pages(uint64 byteLength,bytes32 merkleRoot)");

/// The page root of `bytes`.
pub fn root(bytes: &[u8]) -> B256 {
    page_root(bytes.len() as u64, merkle_root(bytes))
}

/// The Merkle root over the pages of `bytes`; zero if there are none.
pub fn merkle_root(bytes: &[u8]) -> B256 {
    merkle::root(&leaves(bytes))
}

/// The hash of a string of `byte_length` bytes whose pages have this Merkle root.
pub fn page_root(byte_length: u64, merkle_root: B256) -> B256 {
    Words::typed(&TYPE).uint(byte_length).bytes32(merkle_root).hash()
}

/// The number of pages of a string of `byte_length` bytes.
pub fn count(byte_length: u64) -> u64 {
    byte_length.div_ceil(PAGE_BYTES as u64)
}

/// One page with what shows that it belongs to a page root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageProof {
    /// The length of the whole string.
    pub byte_length: u64,
    /// The Merkle root of all pages; the page root binds it together with the length.
    pub merkle_root: B256,
    pub index: u64,
    pub siblings: Vec<B256>,
}

/// Shows the page at `index` of `bytes`.
pub fn prove(bytes: &[u8], index: usize) -> Result<PageProof, merkle::Error> {
    let leaves = leaves(bytes);
    Ok(PageProof {
        byte_length: bytes.len() as u64,
        merkle_root: merkle::root(&leaves),
        index: index as u64,
        siblings: merkle::prove(&leaves, index)?,
    })
}

impl PageProof {
    /// Whether `page` is what stands at this place of the string with this page root.
    pub fn verify(&self, page_root: B256, page: &[u8]) -> bool {
        let (Ok(index), Ok(count)) = (usize::try_from(self.index), usize::try_from(count(self.byte_length))) else {
            return false;
        };
        self::page_root(self.byte_length, self.merkle_root) == page_root
            && self.page_len() == Some(page.len() as u64)
            && merkle::verify(&self.siblings, self.merkle_root, keccak256(page), index, count)
    }

    /// How long this page must be; none if there is no such page.
    fn page_len(&self) -> Option<u64> {
        let start = self.index.checked_mul(PAGE_BYTES as u64)?;
        let rest = self.byte_length.checked_sub(start).filter(|rest| *rest > 0)?;
        Some(rest.min(PAGE_BYTES as u64))
    }
}

fn leaves(bytes: &[u8]) -> Vec<B256> {
    bytes.chunks(PAGE_BYTES).map(keccak256).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(length: usize) -> Vec<u8> {
        (0..length).map(|index| (index % 251) as u8).collect()
    }

    #[test]
    fn every_page_proves() {
        for length in [1, PAGE_BYTES - 1, PAGE_BYTES, PAGE_BYTES + 1, 5 * PAGE_BYTES + 7] {
            let (all, root) = (bytes(length), root(&bytes(length)));
            for (index, page) in all.chunks(PAGE_BYTES).enumerate() {
                let proof = prove(&all, index).unwrap();
                assert!(proof.verify(root, page), "page {index} of {length} bytes");
                assert!(!proof.verify(root, &page[1..]));
            }
            assert!(prove(&all, length.div_ceil(PAGE_BYTES)).is_err());
        }
    }

    #[test]
    fn nothing_is_not_a_page_and_differs_from_zero() {
        assert_eq!(root(&[]), page_root(0, B256::ZERO));
        assert!(prove(&[], 0).is_err());
        let claimed = PageProof { byte_length: 0, merkle_root: B256::ZERO, index: 0, siblings: vec![] };
        assert!(!claimed.verify(root(&[]), &[]));
    }

    /// The inner node of two pages is the hash of 64 bytes, so it looks like the leaf of a 64-byte page.
    #[test]
    fn two_pages_are_not_one_page_of_64_bytes() {
        let two = bytes(2 * PAGE_BYTES);
        let page = [leaves(&two)[0].0, leaves(&two)[1].0].concat();
        assert_eq!(keccak256(&page), merkle::root(&leaves(&two)));
        assert_ne!(root(&page), root(&two), "the length keeps them apart");
        for byte_length in [64, two.len() as u64] {
            let lie = PageProof { byte_length, merkle_root: merkle::root(&leaves(&two)), index: 0, siblings: vec![] };
            assert!(!lie.verify(root(&two), &page));
        }
    }

    #[test]
    fn absurd_places_are_refused() {
        let all = bytes(100);
        let honest = prove(&all, 0).unwrap();
        for (byte_length, index) in [(100, 1), (100, u64::MAX), (u64::MAX, 0), (u64::MAX, u64::MAX / 2)] {
            assert!(!PageProof { byte_length, index, ..honest.clone() }.verify(root(&all), &all));
        }
    }
}
