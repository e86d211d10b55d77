// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {WAD} from "./SlashingLib.sol";

/// @title Histories by block number, for values that are asked for as of a past block.
/// @dev The types differ in what they answer before their first entry: one for magnitudes, zero for shares.
library Snapshots {
    using Checkpoints for Checkpoints.Trace224;
    using Checkpoints for Checkpoints.Trace256;

    struct MagnitudeHistory {
        Checkpoints.Trace224 trace;
    }

    /// @dev Scaled shares can exceed any narrower type: they are shares divided by magnitudes.
    struct ShareHistory {
        Checkpoints.Trace256 trace;
    }

    function push(MagnitudeHistory storage self, uint64 magnitude) internal {
        self.trace.push(uint32(block.number), magnitude);
    }

    function latest(MagnitudeHistory storage self) internal view returns (uint64) {
        (bool exists,, uint224 value) = self.trace.latestCheckpoint();
        return exists ? uint64(value) : WAD;
    }

    /// @return The magnitude at the end of block `blockNumber`.
    function atBlock(MagnitudeHistory storage self, uint32 blockNumber) internal view returns (uint64) {
        if (self.trace.length() == 0 || self.trace.at(0)._key > blockNumber) return WAD;
        return uint64(self.trace.upperLookupRecent(blockNumber));
    }

    function push(ShareHistory storage self, uint256 shares) internal {
        self.trace.push(block.number, shares);
    }

    function latest(ShareHistory storage self) internal view returns (uint256) {
        return self.trace.latest();
    }

    /// @return The shares at the end of block `blockNumber`.
    function atBlock(ShareHistory storage self, uint256 blockNumber) internal view returns (uint256) {
        return self.trace.upperLookupRecent(blockNumber);
    }
}
