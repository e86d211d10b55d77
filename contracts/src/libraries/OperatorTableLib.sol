// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {BN254} from "./BN254.sol";

/// @notice A table as it is stored. Checking a certificate reads its first four slots and nothing else.
/// @dev The totals of one or two weights below 2^96 (79 billion tokens of 18 decimals) are packed with the counts; any others are
/// `wide`. A root is never zero: zero means that there is no such table.
struct OperatorTable {
    bytes32 root;
    BN254.G1Point aggregateKey;
    uint96 firstTotal;
    uint96 secondTotal;
    uint32 stalenessSeconds;
    uint16 operatorCount;
    uint8 weightCount;
    bool wide;
    uint256[] wideTotals;
}

/// @title Storing and reading the totals of a table.
library OperatorTableLib {
    uint256 private constant PACKED_WEIGHTS_MAX = 2;

    function setTotals(OperatorTable storage table, uint256[] memory weights) internal {
        // The table's maker bounds the number of weights far below 256.
        table.weightCount = uint8(weights.length);
        if (_fits(weights)) {
            table.firstTotal = uint96(weights[0]);
            if (weights.length == PACKED_WEIGHTS_MAX) table.secondTotal = uint96(weights[1]);
        } else {
            table.wide = true;
            table.wideTotals = weights;
        }
    }

    function totals(OperatorTable storage table) internal view returns (uint256[] memory weights) {
        if (table.wide) return table.wideTotals;
        weights = new uint256[](table.weightCount);
        weights[0] = table.firstTotal;
        if (weights.length == PACKED_WEIGHTS_MAX) weights[1] = table.secondTotal;
    }

    function _fits(uint256[] memory weights) private pure returns (bool) {
        if (weights.length > PACKED_WEIGHTS_MAX) return false;
        for (uint256 i = 0; i < weights.length; ++i) {
            if (weights[i] > type(uint96).max) return false;
        }
        return true;
    }
}
