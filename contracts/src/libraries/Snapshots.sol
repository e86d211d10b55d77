// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {WAD} from "./SlashingLib.sol";

/// @title Histories by block number, for values that are asked for as of a past block.
/// @dev The types differ in what they answer before their first entry: one for magnitudes and factors, nothing for the others.
library Snapshots {
    using Checkpoints for Checkpoints.Trace160;
    using Checkpoints for Checkpoints.Trace224;
    using Checkpoints for Checkpoints.Trace256;

    struct MagnitudeHistory {
        Checkpoints.Trace224 trace;
    }

    /// @dev What was ever queued: scaled shares in the upper 224 bits (shares divided by magnitudes, which fit: below 1e38 shares
    /// over at least 1e-18), the number of entries in the lower 32. Both only grow, so two of them subtract part by part.
    struct QueueHistory {
        Checkpoints.Trace256 trace;
    }

    struct FactorHistory {
        Checkpoints.Trace256 trace;
    }

    struct OperatorHistory {
        Checkpoints.Trace160 trace;
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

    /// @notice Keeps nothing when nothing changes: a staker that was never slashed has no history.
    function push(FactorHistory storage self, uint256 factor) internal {
        if (factor != latest(self)) self.trace.push(block.number, factor);
    }

    function latest(FactorHistory storage self) internal view returns (uint256) {
        (bool exists,, uint256 factor) = self.trace.latestCheckpoint();
        return exists ? factor : WAD;
    }

    /// @return The factor at the end of block `blockNumber`. A factor is never zero.
    function atBlock(FactorHistory storage self, uint256 blockNumber) internal view returns (uint256) {
        uint256 factor = self.trace.upperLookupRecent(blockNumber);
        return factor == 0 ? WAD : factor;
    }

    function push(OperatorHistory storage self, address operator) internal {
        self.trace.push(uint96(block.number), uint160(operator));
    }

    /// @return The operator at the end of block `blockNumber`; zero for none.
    function atBlock(OperatorHistory storage self, uint256 blockNumber) internal view returns (address) {
        return address(self.trace.upperLookupRecent(uint96(blockNumber)));
    }

    /// @notice Adds one entry.
    function add(QueueHistory storage self, uint256 scaledShares) internal {
        (uint256 shares, uint256 entries) = latest(self);
        self.trace
            .push(
                block.number,
                (uint256(SafeCast.toUint224(shares + scaledShares)) << 32) | SafeCast.toUint32(entries + 1)
            );
    }

    function latest(QueueHistory storage self) internal view returns (uint256 scaledShares, uint256 entries) {
        return _unpack(self.trace.latest());
    }

    /// @return scaledShares What had been queued by the end of block `blockNumber`.
    /// @return entries In how many entries.
    function atBlock(QueueHistory storage self, uint256 blockNumber)
        internal
        view
        returns (uint256 scaledShares, uint256 entries)
    {
        return _unpack(self.trace.upperLookupRecent(blockNumber));
    }

    function _unpack(uint256 value) private pure returns (uint256, uint256) {
        return (value >> 32, uint32(value));
    }
}
