//! Merkle trees over keccak256(left ‖ right), padded with zero leaves to a power of two.
//!
//! A tree of one leaf is that leaf and no leaf is zero. The expected depth always comes from the number of leaves, never
//! from the proof, so an inner node cannot be passed off as a leaf.

use alloy_primitives::{B256, keccak256};

/// A caller asked for a proof that cannot exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no leaf {index} in a tree of {count}")]
pub struct Error {
    pub index: usize,
    pub count: usize,
}

/// The number of levels above `count` leaves: ceil(log2(count)).
pub fn depth(count: usize) -> usize {
    count.max(1).next_power_of_two().trailing_zeros() as usize
}

/// The root of `leaves`; zero if there are none.
pub fn root(leaves: &[B256]) -> B256 {
    let mut level = leaves.to_vec();
    let mut padding = B256::ZERO;
    while level.len() > 1 {
        (level, padding) = parents(&level, padding);
    }
    level.first().copied().unwrap_or_default()
}

/// The siblings of the leaf at `index`, from the leaf's level upwards.
pub fn prove(leaves: &[B256], index: usize) -> Result<Vec<B256>, Error> {
    if index >= leaves.len() {
        return Err(Error { index, count: leaves.len() });
    }
    let mut siblings = Vec::with_capacity(depth(leaves.len()));
    let (mut level, mut padding, mut position) = (leaves.to_vec(), B256::ZERO, index);
    while level.len() > 1 {
        siblings.push(level.get(position ^ 1).copied().unwrap_or(padding));
        (level, padding) = parents(&level, padding);
        position >>= 1;
    }
    Ok(siblings)
}

/// Whether `leaf` stands at `index` in the tree of `count` leaves with this root.
pub fn verify(proof: &[B256], root: B256, leaf: B256, index: usize, count: usize) -> bool {
    if leaf.is_zero() || index >= count || proof.len() != depth(count) {
        return false;
    }
    let climb = |node: B256, (level, sibling): (usize, &B256)| match (index >> level) & 1 {
        0 => hash_pair(node, *sibling),
        _ => hash_pair(*sibling, node),
    };
    proof.iter().enumerate().fold(leaf, climb) == root
}

/// The level above, and the root of the padding at that level: only the last node of a level can lack a sibling.
fn parents(level: &[B256], padding: B256) -> (Vec<B256>, B256) {
    let above = level.chunks(2).map(|pair| hash_pair(pair[0], pair.get(1).copied().unwrap_or(padding))).collect();
    (above, hash_pair(padding, padding))
}

fn hash_pair(left: B256, right: B256) -> B256 {
    keccak256([left.0, right.0].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn leaves(count: usize) -> Vec<B256> {
        (0..count).map(|index| keccak256((index as u64).to_be_bytes())).collect()
    }

    /// The definition, word for word: pad to a power of two and hash every level.
    fn plain_root(leaves: &[B256]) -> B256 {
        let mut level = leaves.to_vec();
        level.resize(leaves.len().next_power_of_two(), B256::ZERO);
        while level.len() > 1 {
            level = level.chunks(2).map(|pair| hash_pair(pair[0], pair[1])).collect();
        }
        level[0]
    }

    #[test]
    fn small_trees() {
        assert_eq!(root(&[]), B256::ZERO);
        assert_eq!(root(&leaves(1)), leaves(1)[0]);
        assert!(verify(&[], leaves(1)[0], leaves(1)[0], 0, 1));
        assert_eq!(prove(&leaves(3), 3), Err(Error { index: 3, count: 3 }));
        assert_eq!([0, 1, 2, 3, 4, 5, 512, 513].map(depth), [0, 0, 1, 2, 2, 3, 9, 10]);
    }

    #[test]
    fn an_inner_node_is_no_leaf() {
        let four = leaves(4);
        let inner = hash_pair(four[0], four[1]);
        let upper = vec![hash_pair(four[2], four[3])];
        assert!(!verify(&upper, root(&four), inner, 0, 4), "the count fixes the depth");
        assert!(verify(&upper, root(&four), inner, 0, 2), "only a false count would let it in");
    }

    #[test]
    fn padding_is_no_leaf() {
        let three = leaves(3);
        let proof = vec![three[2], hash_pair(three[0], three[1])];
        assert!(!verify(&proof, root(&three), B256::ZERO, 3, 4), "zero is never a leaf");
        assert!(!verify(&proof, root(&three), B256::ZERO, 3, 3));
    }

    proptest! {
        #[test]
        fn every_leaf_proves_and_nothing_else_does(count in 1usize..40, pick in any::<prop::sample::Index>(), bit in 0usize..256) {
            let leaves = leaves(count);
            let (index, root) = (pick.index(count), root(&leaves));
            prop_assert_eq!(root, plain_root(&leaves));
            let proof = prove(&leaves, index).unwrap();
            prop_assert!(verify(&proof, root, leaves[index], index, count));
            for wrong in (0..count).filter(|other| *other != index) {
                prop_assert!(!verify(&proof, root, leaves[index], wrong, count));
            }
            let mut longer = proof.clone();
            longer.push(B256::ZERO);
            prop_assert!(!verify(&longer, root, leaves[index], index, count));
            for level in 0..proof.len() {
                let mut flipped = proof.clone();
                flipped[level].0[bit / 8] ^= 1 << (bit % 8);
                prop_assert!(!verify(&flipped, root, leaves[index], index, count));
                prop_assert!(!verify(&proof[..level], root, leaves[index], index, count));
            }
        }
    }
}
