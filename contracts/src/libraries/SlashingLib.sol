// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @dev One: magnitudes and scaling factors are parts of it.
uint64 constant WAD = 1e18;

/// @title The share arithmetic of delegation and slashing. Rounds down unless the name says otherwise.
/// @dev Symbols: deposit shares s, deposit scaling factor k (WAD when never set), slashing factor f (the operator's max
/// magnitude). Products are taken in 512 bits, since k can grow far beyond WAD when f is small.
library SlashingLib {
    function mulWad(uint256 x, uint256 y) internal pure returns (uint256) {
        return Math.mulDiv(x, y, WAD);
    }

    function mulWadUp(uint256 x, uint256 y) internal pure returns (uint256) {
        return Math.mulDiv(x, y, WAD, Math.Rounding.Ceil);
    }

    function divWad(uint256 x, uint256 y) internal pure returns (uint256) {
        return Math.mulDiv(x, WAD, y);
    }

    /// @return What a staker can withdraw: floor(floor(s x k / WAD) x f / WAD).
    function withdrawable(uint256 depositShares, uint256 k, uint256 f) internal pure returns (uint256) {
        return mulWad(mulWad(depositShares, k), f);
    }

    /// @return The deposit shares that are worth `target` withdrawable shares: floor(floor(target x WAD / k) x WAD / f).
    function depositSharesFor(uint256 target, uint256 k, uint256 f) internal pure returns (uint256) {
        return divWad(divWad(target, k), f);
    }

    /// @notice The scaling factor after `added` shares joined `prevDepositShares`. A first deposit forgives what was
    /// slashed before it; a later one keeps the staker's withdrawable shares plus `added`.
    function scalingFactorAfter(uint256 k, uint256 prevDepositShares, uint256 added, uint256 f)
        internal
        pure
        returns (uint256)
    {
        if (prevDepositShares == 0) return divWad(k, f);
        uint256 worth = withdrawable(prevDepositShares, k, f) + added;
        return divWad(divWad(worth, prevDepositShares + added), f);
    }

    /// @return The part of `total` that goes when the max magnitude falls from `prev` to `next`; what stays rounds up.
    function slashedShares(uint256 total, uint64 prev, uint64 next) internal pure returns (uint256) {
        if (prev == 0) return 0;
        return total - Math.mulDiv(total, next, prev, Math.Rounding.Ceil);
    }

    /// @return The part of a queue that goes, of which `total` is the floored sum of `entries` entries. Each entry rounds down
    /// for itself and all of them together lose up to a share each but one, which was never set aside for them.
    function slashedQueue(uint256 total, uint256 entries, uint64 prev, uint64 next) internal pure returns (uint256) {
        uint256 slashed = slashedShares(total, prev, next);
        uint256 drift = entries == 0 ? 0 : entries - 1;
        return slashed > drift ? slashed - drift : 0;
    }
}
