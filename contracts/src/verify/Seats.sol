// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {SeatOwner} from "../interfaces/ICommittee.sol";

/// @title Draws seats by stake: each seat is a point below the total, and whoever owns the interval around it sits there.
/// @dev Seats are drawn independently, with repetition: an operator with a tenth of the stake has each seat with a chance of a tenth. A
/// point is a hash modulo the total: for totals below 2^128 no operator's chance is off by more than 2^-128.
library Seats {
    function leafOf(SeatOwner memory owner) internal pure returns (bytes32) {
        return keccak256(abi.encode(owner.operator, owner.from, owner.to));
    }

    /// @notice The point of `seat`; `total` is not zero.
    function pointOf(bytes32 seed, bytes32 roundId, uint256 seat, uint256 total) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, roundId, seat))) % total;
    }

    function owns(SeatOwner memory owner, uint256 point) internal pure returns (bool) {
        return owner.from <= point && point < owner.to;
    }

    function count(uint256 seatMask) internal pure returns (uint16 seats) {
        for (; seatMask != 0; seatMask &= seatMask - 1) {
            ++seats;
        }
    }
}
