// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IBN254CertificateVerifier, IBN254CertificateVerifierTypes} from "../interfaces/IBN254CertificateVerifier.sol";
import {BN254} from "./BN254.sol";
import {Merkle} from "./Merkle.sol";

/// @title Proves that operators stand in a table, and takes those who did not sign off its key and its weights.
/// @notice Every witness is checked from its leaf to the root, and nothing is remembered between certificates.
/// @dev Two ways, one result. Any table: Solidity over calldata. A table of 129 to 256 operators with two weights: assembly that
/// reads a witness at fixed offsets, once it has seen that the witness has the one shape that encoders give it.
library NonSigners {
    /// @notice A table's key and totals, from which non-signers are taken off.
    struct Tally {
        bytes32 root;
        uint256 operatorCount;
        BN254.G1Point signersKey;
        uint256[] signedWeights;
    }

    uint8 internal constant LEAF_SALT = 0x75;

    uint256 private constant FIXED_DEPTH = 8;
    uint256 private constant FIXED_WEIGHTS = 2;

    /// @notice Reverts unless the indices ascend strictly, each witness is in the table and at least one operator is left.
    function subtract(Tally memory tally, IBN254CertificateVerifierTypes.BN254OperatorInfoWitness[] calldata witnesses)
        internal
        view
    {
        require(witnesses.length < tally.operatorCount, IBN254CertificateVerifier.EveryOperatorAbsent());
        if (witnesses.length == 0) return;
        // -(key) + absent + absent ... = -(key of the signers)
        BN254.G1Point memory negated = BN254.negate(tally.signersKey);
        uint256[4] memory sum = [negated.X, negated.Y, 0, 0];
        if (Merkle.depth(tally.operatorCount) == FIXED_DEPTH && tally.signedWeights.length == FIXED_WEIGHTS) {
            _subtractFixedShape(tally, witnesses, sum);
        } else {
            _subtractAnyShape(tally, witnesses, sum);
        }
        tally.signersKey = BN254.negate(BN254.G1Point({X: sum[0], Y: sum[1]}));
    }

    /// @notice Reverts unless the witness is the leaf at its index in a table of `operatorCount` operators.
    function requireMember(
        bytes32 root,
        uint256 operatorCount,
        IBN254CertificateVerifierTypes.BN254OperatorInfoWitness calldata witness
    ) internal pure {
        uint256 index = witness.operatorIndex;
        bytes calldata proof = witness.operatorInfoProof;
        uint256 depth = Merkle.depth(operatorCount);
        bool wellFormed = index < operatorCount && proof.length == 32 * depth;
        require(wellFormed, IBN254CertificateVerifier.InvalidWitness(witness.operatorIndex));
        bytes32 node = leafOf(witness.operatorInfo);
        for (uint256 level = 0; level < depth; ++level) {
            bytes32 sibling = bytes32(proof[32 * level:]);
            node = (index >> level) & 1 == 0 ? Merkle.hashPair(node, sibling) : Merkle.hashPair(sibling, node);
        }
        require(node == root, IBN254CertificateVerifier.InvalidWitness(witness.operatorIndex));
    }

    function leafOf(IBN254CertificateVerifierTypes.BN254OperatorInfo memory info) internal pure returns (bytes32) {
        return keccak256(bytes.concat(bytes1(LEAF_SALT), abi.encode(info)));
    }

    function _subtractAnyShape(
        Tally memory tally,
        IBN254CertificateVerifierTypes.BN254OperatorInfoWitness[] calldata witnesses,
        uint256[4] memory sum
    ) private view {
        uint256 indexMin = 0;
        for (uint256 i = 0; i < witnesses.length; ++i) {
            require(witnesses[i].operatorIndex >= indexMin, IBN254CertificateVerifier.NonSignersNotAscending());
            indexMin = uint256(witnesses[i].operatorIndex) + 1;
            _subtractOne(tally, witnesses[i], sum);
        }
    }

    function _subtractOne(
        Tally memory tally,
        IBN254CertificateVerifierTypes.BN254OperatorInfoWitness calldata witness,
        uint256[4] memory sum
    ) private view {
        requireMember(tally.root, tally.operatorCount, witness);
        // What the leaf says is now known to be part of the totals: these subtractions can't go below zero.
        sum[2] = witness.operatorInfo.pubkey.X;
        sum[3] = witness.operatorInfo.pubkey.Y;
        BN254.addInPlace(sum);
        for (uint256 j = 0; j < tally.signedWeights.length; ++j) {
            tally.signedWeights[j] -= witness.operatorInfo.weights[j];
        }
    }

    /// @dev Each witness is loaded, hashed upwards and only then believed. Its weights are summed up before they are subtracted: what
    /// was proven is part of the totals, so neither the sums overflow nor the differences go below zero.
    function _subtractFixedShape(
        Tally memory tally,
        IBN254CertificateVerifierTypes.BN254OperatorInfoWitness[] calldata witnesses,
        uint256[4] memory sum
    ) private view {
        // 0x75 as the last byte of a word, the offset word of the encoded tuple, then its six words: X, Y, 0x60, 2, both weights.
        uint256[8] memory leaf;
        leaf[0] = LEAF_SALT;
        leaf[1] = 0x20;
        uint256 firstAbsent = 0;
        uint256 secondAbsent = 0;
        uint256 indexMin = 0;
        for (uint256 i = 0; i < witnesses.length; ++i) {
            (uint256 witness, uint256 index, bool fixedShape) = _witnessAt(witnesses, i);
            if (index < indexMin) revert IBN254CertificateVerifier.NonSignersNotAscending();
            unchecked {
                indexMin = index + 1;
            }
            if (!fixedShape) {
                _subtractOne(tally, witnesses[i], sum);
                continue;
            }
            if (index >= tally.operatorCount || _rootOfFixedShape(witness, index, leaf) != tally.root) {
                revert IBN254CertificateVerifier.InvalidWitness(uint32(index));
            }
            assembly ("memory-safe") {
                mcopy(add(sum, 0x40), add(leaf, 0x40), 0x40)
                firstAbsent := add(firstAbsent, mload(add(leaf, 0xc0)))
                secondAbsent := add(secondAbsent, mload(add(leaf, 0xe0)))
            }
            BN254.addInPlace(sum);
        }
        tally.signedWeights[0] -= firstAbsent;
        tally.signedWeights[1] -= secondAbsent;
    }

    /// @dev Where a witness lies, its index, and whether it has eight siblings and is laid out as ABI encoders do, in words: index,
    /// 0x60, 0x180, 0x100, eight siblings, X, Y, 0x60, 2, both weights. The last two constants are checked with the leaf. Unlike
    /// Solidity's, these reads may lie outside the calldata, where all is zero and proves nothing.
    function _witnessAt(IBN254CertificateVerifierTypes.BN254OperatorInfoWitness[] calldata witnesses, uint256 i)
        private
        pure
        returns (uint256 witness, uint256 index, bool fixedShape)
    {
        assembly ("memory-safe") {
            witness := add(witnesses.offset, calldataload(add(witnesses.offset, shl(5, i))))
            index := calldataload(witness)
            let difference := xor(calldataload(add(witness, 0x20)), 0x60)
            difference := or(difference, xor(calldataload(add(witness, 0x40)), 0x180))
            difference := or(difference, xor(calldataload(add(witness, 0x60)), 0x100))
            fixedShape := iszero(difference)
        }
    }

    /// @dev Loads the leaf's six words into `leaf` and hashes upwards. A parent's input lies at 0x00: the node goes to 0x20 if its
    /// bit of the index is set and to 0x00 otherwise, the sibling to the other place.
    function _rootOfFixedShape(uint256 witness, uint256 index, uint256[8] memory leaf)
        private
        pure
        returns (bytes32 node)
    {
        assembly ("memory-safe") {
            calldatacopy(add(leaf, 0x40), add(witness, 0x180), 0xc0)
            node := keccak256(add(leaf, 0x1f), 0xe1)

            let place := and(shl(5, index), 0x20)
            mstore(place, node)
            mstore(xor(place, 0x20), calldataload(add(witness, 0x80)))
            node := keccak256(0x00, 0x40)

            place := and(shl(4, index), 0x20)
            mstore(place, node)
            mstore(xor(place, 0x20), calldataload(add(witness, 0xa0)))
            node := keccak256(0x00, 0x40)

            place := and(shl(3, index), 0x20)
            mstore(place, node)
            mstore(xor(place, 0x20), calldataload(add(witness, 0xc0)))
            node := keccak256(0x00, 0x40)

            place := and(shl(2, index), 0x20)
            mstore(place, node)
            mstore(xor(place, 0x20), calldataload(add(witness, 0xe0)))
            node := keccak256(0x00, 0x40)

            place := and(shl(1, index), 0x20)
            mstore(place, node)
            mstore(xor(place, 0x20), calldataload(add(witness, 0x100)))
            node := keccak256(0x00, 0x40)

            place := and(index, 0x20)
            mstore(place, node)
            mstore(xor(place, 0x20), calldataload(add(witness, 0x120)))
            node := keccak256(0x00, 0x40)

            place := and(shr(1, index), 0x20)
            mstore(place, node)
            mstore(xor(place, 0x20), calldataload(add(witness, 0x140)))
            node := keccak256(0x00, 0x40)

            place := and(shr(2, index), 0x20)
            mstore(place, node)
            mstore(xor(place, 0x20), calldataload(add(witness, 0x160)))
            node := keccak256(0x00, 0x40)
        }
    }
}
