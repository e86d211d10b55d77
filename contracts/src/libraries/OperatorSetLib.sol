// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @notice A group of operators that one AVS defines. Ids count from 1: third-party clients read id 0 as "no set".
struct OperatorSet {
    address avs;
    uint32 id;
}

library OperatorSetLib {
    /// @return The storage key: avs (20 bytes) || uint96(id).
    function key(OperatorSet memory operatorSet) internal pure returns (bytes32) {
        return bytes32(abi.encodePacked(operatorSet.avs, uint96(operatorSet.id)));
    }

    function decode(bytes32 packed) internal pure returns (OperatorSet memory) {
        return OperatorSet({avs: address(uint160(uint256(packed) >> 96)), id: uint32(uint256(packed))});
    }

    function decodeAll(bytes32[] memory packed) internal pure returns (OperatorSet[] memory operatorSets) {
        operatorSets = new OperatorSet[](packed.length);
        for (uint256 i = 0; i < packed.length; i++) {
            operatorSets[i] = decode(packed[i]);
        }
    }
}
