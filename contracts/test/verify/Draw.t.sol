// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {SeatOwner} from "../../src/interfaces/ICommittee.sol";
import {Seats} from "../../src/verify/Seats.sol";
import {Test} from "../Test.sol";

/// @title The draw follows the exact binomial distribution that the choice of 21 seats rests on.
contract DrawTest is Test {
    uint256 private constant WAD = 1e18;
    uint256 private constant DRAWS = 200;

    /// @dev Published table: with a third corrupt, 21 seats have a corrupt majority in 5.6 %, two thirds in 0.18 %, a veto in 40 % of draws.
    function test_theExactFormulaGivesTheTable() public pure {
        assertApproxEqRel(chanceAtLeast(21, 11, 1, 3), 0.056e18, 0.02e18);
        assertApproxEqRel(chanceAtLeast(21, 14, 1, 3), 0.0018e18, 0.05e18);
        assertApproxEqRel(chanceAtLeast(21, 11, 20, 100), 0.00097e18, 0.02e18);
        assertApproxEqRel(chanceAtLeast(21, 8, 1, 3), 0.4e18, 0.05e18);
        assertApproxEqRel(chanceAtLeast(51, 26, 20, 100), 8.1e11, 0.02e18);
    }

    /// @dev Counts of `DRAWS` draws stay within 4.5 standard deviations of what the formula says. The seed is fuzzed and printed on failure.
    function testFuzz_drawsFollowTheFormula(bytes32 seed, uint256 corrupt, uint256 needed) public pure {
        corrupt = bound(corrupt, 20, 60);
        needed = bound(needed, 8, 14);
        uint256 hits = 0;
        SeatOwner memory owner = SeatOwner({operator: address(1), from: 1e18, to: 1e18 + corrupt * 1e18});
        for (uint256 i = 0; i < DRAWS; ++i) {
            bytes32 roundId = bytes32(i);
            uint256 taken = 0;
            for (uint256 seat = 0; seat < 21; ++seat) {
                if (Seats.owns(owner, Seats.pointOf(seed, roundId, seat, 100e18))) ++taken;
            }
            if (taken >= needed) ++hits;
        }
        uint256 chance = chanceAtLeast(21, needed, corrupt, 100);
        // (hits - n p)^2 <= 4.5^2 n p (1 - p), plus one hit of slack where p is tiny.
        uint256 expected = DRAWS * chance;
        uint256 off = hits * WAD > expected ? hits * WAD - expected : expected - hits * WAD;
        off = off > 3 * WAD ? off - 3 * WAD : 0;
        uint256 variance = DRAWS * chance * (WAD - chance) / WAD;
        assertLe(off * off / WAD, variance * 81 / 4, "the draw is biased");
    }

    function testFuzz_everyPointHasOneOwner(uint256 point, uint64[5] memory stakes) public pure {
        uint256 total = 0;
        SeatOwner[5] memory owners;
        for (uint256 i = 0; i < 5; ++i) {
            owners[i] = SeatOwner({operator: address(1), from: total, to: total + stakes[i]});
            total += stakes[i];
        }
        vm.assume(total != 0);
        point = point % total;
        uint256 count = 0;
        for (uint256 i = 0; i < 5; ++i) {
            if (Seats.owns(owners[i], point)) ++count;
        }
        assertEq(count, 1);
    }

    function testFuzz_count(uint256 mask) public pure {
        uint256 bits = 0;
        for (uint256 i = 0; i < 256; ++i) {
            bits += mask >> i & 1;
        }
        assertEq(Seats.count(mask), bits);
    }

    /// @dev sum over k >= needed of C(n, k) p^k (1-p)^(n-k), in WAD, with p = part / whole.
    function chanceAtLeast(uint256 n, uint256 needed, uint256 part, uint256 whole) private pure returns (uint256 sum) {
        for (uint256 k = needed; k <= n; ++k) {
            // Factors one by one, so that nothing overflows: 1e36 is kept as the scale in between.
            uint256 term = 1e36;
            for (uint256 i = 0; i < k; ++i) {
                term = term * (n - i) / (i + 1) * part / whole;
            }
            for (uint256 i = k; i < n; ++i) {
                term = term * (whole - part) / whole;
            }
            sum += term;
        }
        return sum / 1e18;
    }
}
