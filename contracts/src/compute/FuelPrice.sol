// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title What fuel costs in a lane's inbox: an exponential of what was taken in above target, as EIP-4844 prices blobs.
/// @dev A block at twice the target raises the price by a factor of e^(1/8), about 13%; an empty one lowers it by as much.
library FuelPrice {
    /// @dev How many targets of excess raise the price by a factor of e.
    uint256 private constant TARGETS_PER_E = 8;
    /// @dev The price is never more than e^64 times the least one, which keeps the series below within 256 bits and 220 terms.
    uint256 private constant EXPONENT_MAX = 64;
    uint256 private constant MICRO = 1e6;
    /// @notice Prices are for so many units of fuel.
    uint256 internal constant FUEL_PER_PRICE = 1e6;

    function excessMax(uint256 target) internal pure returns (uint256) {
        return EXPONENT_MAX * TARGETS_PER_E * target;
    }

    /// @notice `priceMin` times e^(excess / (8 target)), rounded down, in wei for a million units of fuel.
    /// @dev The Taylor series in integers; the exponent counts millionths.
    function priceAt(uint64 priceMin, uint256 excess, uint256 target) internal pure returns (uint256) {
        uint256 exponent = (excess * MICRO) / (TARGETS_PER_E * target);
        uint256 term = uint256(priceMin) * MICRO;
        uint256 sum = 0;
        for (uint256 i = 1; term != 0; ++i) {
            sum += term;
            term = (term * exponent) / (MICRO * i);
        }
        return sum / MICRO;
    }

    function feeUp(uint256 fuel, uint256 price) internal pure returns (uint256) {
        return Math.mulDiv(fuel, price, FUEL_PER_PRICE, Math.Rounding.Ceil);
    }
}
