// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {VouchTypes} from "../libraries/VouchTypes.sol";
import {Merkle} from "../libraries/Merkle.sol";

/// @title Page roots of bytes that a contract is shown whole, as docs/protocol.md defines them.
library Pages {
    /// @notice The page root of `data`: what an exchange names as `outputHash`.
    function rootOf(bytes calldata data) internal pure returns (bytes32) {
        return VouchTypes.pageRoot(uint64(data.length), merkleRootOf(data));
    }

    /// @notice The Merkle root over the pages of `data`; zero if there is no page.
    function merkleRootOf(bytes calldata data) internal pure returns (bytes32) {
        uint256 size = VouchTypes.PAGE_BYTES;
        if (data.length == 0) return bytes32(0);
        if (data.length <= size) return keccak256(data);
        bytes32[] memory leaves = new bytes32[]((data.length + size - 1) / size);
        for (uint256 i = 0; i < leaves.length; ++i) {
            uint256 end = (i + 1) * size;
            leaves[i] = keccak256(data[i * size:end < data.length ? end : data.length]);
        }
        return Merkle.rootInPlace(leaves);
    }
}
