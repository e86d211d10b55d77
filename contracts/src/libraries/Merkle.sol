// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Merkle trees over keccak256(left || right), padded with zero leaves to a power of two.
/// @notice A tree of one leaf is that leaf; no leaf is zero. The expected depth always comes from the number of leaves, never
/// from the proof, so that an inner node can't be passed off as a leaf.
library Merkle {
    /// @notice The number of levels above `count` leaves: ceil(log2(count)).
    function depth(uint256 count) internal pure returns (uint256 levels) {
        while ((uint256(1) << levels) < count) ++levels;
    }

    /// @notice The root of `leaves`; zero if there are none. Overwrites `leaves`.
    function rootInPlace(bytes32[] memory leaves) internal pure returns (bytes32) {
        uint256 count = leaves.length;
        if (count == 0) return 0;
        // The root of the padding at the current level: only the last node of a level can lack a sibling.
        bytes32 padding = 0;
        while (count > 1) {
            uint256 parents = (count + 1) / 2;
            for (uint256 i = 0; i < parents; ++i) {
                bytes32 right = 2 * i + 1 < count ? leaves[2 * i + 1] : padding;
                leaves[i] = hashPair(leaves[2 * i], right);
            }
            padding = hashPair(padding, padding);
            count = parents;
        }
        return leaves[0];
    }

    /// @notice Whether `leaf` stands at `index` in the tree of `count` leaves with this root.
    /// @param proof The siblings from the leaf's level upwards; a wrong number of them is false.
    function verify(bytes32[] calldata proof, bytes32 root, bytes32 leaf, uint256 index, uint256 count)
        internal
        pure
        returns (bool)
    {
        if (leaf == 0 || index >= count || proof.length != depth(count)) return false;
        bytes32 node = leaf;
        for (uint256 level = 0; level < proof.length; ++level) {
            node = (index >> level) & 1 == 0 ? hashPair(node, proof[level]) : hashPair(proof[level], node);
        }
        return node == root;
    }

    function hashPair(bytes32 left, bytes32 right) internal pure returns (bytes32 parent) {
        assembly ("memory-safe") {
            mstore(0x00, left)
            mstore(0x20, right)
            parent := keccak256(0x00, 0x40)
        }
    }
}
