//! The tree over the certificates of a batch: keccak256, leaves in their order, padded with zero nodes to a power of two.
//!
//! It differs from `vouch_core::merkle` in that nothing is tagged: a leaf is keccak256 of a certificate's hash, a node
//! keccak256(left ‖ right). As in OpenZeppelin's `Merkle.verifyInclusionKeccak` of EigenLayer's contracts.

use alloy_primitives::{B256, keccak256};

/// The most levels of a tree: an index has 32 bits.
pub const DEPTH_MAX: usize = 32;

/// The leaf of a blob certificate.
pub fn leaf(certificate_hash: B256) -> B256 {
    keccak256(certificate_hash)
}

/// The root over certificates with these hashes; none if there are none.
pub fn root(certificate_hashes: &[B256]) -> Option<B256> {
    levels(certificate_hashes)?.pop()?.pop()
}

/// The siblings of the certificate at `index`, from the leaf to the root; none if it is not there.
pub fn prove(certificate_hashes: &[B256], index: usize) -> Option<Vec<B256>> {
    let levels = levels(certificate_hashes).filter(|_| index < certificate_hashes.len())?;
    let below_root = levels.iter().take(levels.len().saturating_sub(1)).enumerate();
    below_root.map(|(depth, level)| level.get((index >> depth) ^ 1).copied()).collect()
}

/// Whether the certificate is the one at `index` under `root`.
pub fn verify(proof: &[B256], root: B256, certificate_hash: B256, index: u32) -> bool {
    let is_within = proof.len() <= DEPTH_MAX && u64::from(index) >> proof.len() == 0;
    let node = proof.iter().enumerate().fold(leaf(certificate_hash), |node, (depth, sibling)| {
        let is_right = (u64::from(index) >> depth) & 1 == 1;
        if is_right { pair(*sibling, node) } else { pair(node, *sibling) }
    });
    is_within && node == root
}

/// From the leaves to the root.
fn levels(certificate_hashes: &[B256]) -> Option<Vec<Vec<B256>>> {
    if certificate_hashes.is_empty() {
        return None;
    }
    let mut level: Vec<B256> = certificate_hashes.iter().copied().map(leaf).collect();
    level.resize(level.len().next_power_of_two(), B256::ZERO);
    let mut levels = vec![level];
    while let Some(level) = levels.last().filter(|level| level.len() > 1) {
        let above = level.chunks_exact(2).map(|nodes| pair(nodes[0], nodes[1])).collect();
        levels.push(above);
    }
    Some(levels)
}

fn pair(left: B256, right: B256) -> B256 {
    keccak256([left.as_slice(), right.as_slice()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashes(count: usize) -> Vec<B256> {
        (0..count).map(|index| keccak256([index as u8])).collect()
    }

    #[test]
    fn every_certificate_of_a_batch_is_shown_and_no_other() {
        assert_eq!((root(&[]), prove(&hashes(2), 2)), (None, None));
        for count in 1..=9 {
            let hashes = hashes(count);
            let root = root(&hashes).unwrap();
            for (index, hash) in hashes.iter().enumerate() {
                let proof = prove(&hashes, index).unwrap();
                let at = index as u32;
                assert!(verify(&proof, root, *hash, at), "{index} of {count}");
                assert!(!verify(&proof, root, B256::ZERO, at));
                assert!(!verify(&proof, B256::ZERO, *hash, at));
                assert!(!verify(&proof, root, *hash, at + (1 << proof.len())), "an index beyond the tree");
                let longer = [&proof[..], &[B256::ZERO]].concat();
                assert!(!verify(&longer, root, *hash, at));
                if count > 1 {
                    assert!(!verify(&proof, root, *hash, at ^ 1));
                    assert!(!verify(&proof[1..], root, *hash, at));
                }
            }
        }
        assert!(!verify(&[B256::ZERO; DEPTH_MAX + 1], B256::ZERO, B256::ZERO, 0));
    }
}
