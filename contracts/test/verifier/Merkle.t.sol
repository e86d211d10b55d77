// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Merkle} from "../../src/libraries/Merkle.sol";
import {Test} from "../Test.sol";

contract MerkleTest is Test {
    function test_depth() public pure {
        uint16[10] memory counts = [0, 1, 2, 3, 4, 5, 8, 9, 256, 257];
        uint8[10] memory depths = [0, 0, 1, 2, 2, 3, 3, 4, 8, 9];
        for (uint256 i = 0; i < counts.length; ++i) {
            assertEq(Merkle.depth(counts[i]), depths[i]);
        }
    }

    function test_rootOfNoneAndOne() public pure {
        assertEq(Merkle.rootInPlace(new bytes32[](0)), 0);
        assertEq(Merkle.rootInPlace(leavesOf(1)), leavesOf(1)[0]);
    }

    function test_rootOfThreeIsPaddedWithAZeroLeaf() public pure {
        bytes32[] memory leaves = leavesOf(3);
        bytes32 left = keccak256(abi.encode(leaves[0], leaves[1]));
        bytes32 right = keccak256(abi.encode(leaves[2], bytes32(0)));
        assertEq(Merkle.rootInPlace(leaves), keccak256(abi.encode(left, right)));
    }

    function testFuzz_everyLeafIsProven(uint256 count, uint256 index) public view {
        count = bound(count, 1, 70);
        index = bound(index, 0, count - 1);
        bytes32[] memory leaves = leavesOf(count);
        (bytes32 root, bytes32[] memory proof) = plainTree(leaves, index);
        assertEq(Merkle.rootInPlace(leavesOf(count)), root);
        assertTrue(this.verify(proof, root, leaves[index], index, count));

        assertFalse(this.verify(proof, root, keccak256("no leaf"), index, count));
        assertFalse(this.verify(proof, root, leaves[index], index ^ 1, count));
        assertFalse(this.verify(proof, root, leaves[index], index + (1 << proof.length), count));
        for (uint256 i = 0; i < proof.length; ++i) {
            proof[i] ^= bytes32(uint256(1) << (index % 256));
            assertFalse(this.verify(proof, root, leaves[index], index, count));
            proof[i] ^= bytes32(uint256(1) << (index % 256));
        }
    }

    function test_paddingIsNoLeaf() public view {
        (bytes32 root, bytes32[] memory proof) = plainTree(leavesOf(3), 3);
        assertFalse(this.verify(proof, root, 0, 3, 3));
        assertFalse(this.verify(proof, root, 0, 3, 4));
    }

    function test_innerNodeIsNoLeaf() public view {
        bytes32[] memory leaves = leavesOf(4);
        (bytes32 root, bytes32[] memory proof) = plainTree(leaves, 0);
        bytes32 inner = Merkle.hashPair(leaves[0], leaves[1]);
        bytes32[] memory shorter = new bytes32[](1);
        shorter[0] = proof[1];
        assertTrue(this.verify(shorter, root, inner, 0, 2), "as a tree of two it would hold");
        assertFalse(this.verify(shorter, root, inner, 0, 4));
        assertFalse(this.verify(shorter, root, inner, 0, 3));
    }

    function test_nothingIsInAnEmptyTree() public view {
        assertFalse(this.verify(new bytes32[](0), 0, 0, 0, 0));
        assertFalse(this.verify(new bytes32[](0), keccak256("leaf"), keccak256("leaf"), 0, 0));
    }

    function verify(bytes32[] calldata proof, bytes32 root, bytes32 leaf, uint256 index, uint256 count)
        external
        pure
        returns (bool)
    {
        return Merkle.verify(proof, root, leaf, index, count);
    }

    /// @dev All zero leaves written out, level by level.
    function plainTree(bytes32[] memory leaves, uint256 index)
        private
        pure
        returns (bytes32 root, bytes32[] memory proof)
    {
        uint256 depth = 0;
        while (2 ** depth < leaves.length) ++depth;
        bytes32[] memory level = new bytes32[](2 ** depth);
        for (uint256 i = 0; i < leaves.length; ++i) {
            level[i] = leaves[i];
        }
        proof = new bytes32[](depth);
        for (uint256 height = 0; height < depth; ++height) {
            proof[height] = level[(index >> height) ^ 1];
            bytes32[] memory parents = new bytes32[](level.length / 2);
            for (uint256 i = 0; i < parents.length; ++i) {
                parents[i] = keccak256(abi.encode(level[2 * i], level[2 * i + 1]));
            }
            level = parents;
        }
        root = level[0];
    }

    function leavesOf(uint256 count) private pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            leaves[i] = keccak256(abi.encode("leaf", i));
        }
    }
}
