// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {SlashingLib} from "../../src/libraries/SlashingLib.sol";
import {Test} from "../Test.sol";

/// @title For all small shares and magnitudes: the rounding of a queue is against whom the slash pays.
/// @dev Division of symbolic numbers by each other is what solvers are bad at, so the numbers are short; that what a slash leaves
/// rounds up was beyond them even so. The fuzz tests and `vectors/shares.json` cover both.
contract RoundingProof is Test {
    function check_a_slash_of_a_queue_is_never_more_than_of_one_entry(
        uint8 total,
        uint8 entries,
        uint8 prev,
        uint8 next
    ) public pure {
        vm.assume(prev != 0 && next <= prev);
        uint256 queued = SlashingLib.slashedQueue(total, entries, prev, next);
        assert(queued <= SlashingLib.slashedShares(total, prev, next));
    }
}
