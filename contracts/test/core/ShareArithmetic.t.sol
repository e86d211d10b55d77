// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {SlashingLib} from "../../src/libraries/SlashingLib.sol";
import {StakedFixture} from "./StakedFixture.sol";

/// @title The share arithmetic against formulas written down independently here, in plain checked integers.
contract ShareArithmeticTest is StakedFixture {
    uint256 private constant ONE = 1e18;
    /// @dev Below these no plain product overflows.
    uint256 private constant SHARES_MAX = 1e38 - 1;
    uint256 private constant FACTOR_MAX = 1e36;

    function testFuzz_withdrawable(uint256 s, uint256 k, uint256 f) public pure {
        (s, k, f) = (bound(s, 0, SHARES_MAX), bound(k, 1, FACTOR_MAX), bound(f, 0, ONE));
        assertEq(SlashingLib.withdrawable(s, k, f), s * k / ONE * f / ONE);
    }

    function testFuzz_deposit_shares_never_exceed_what_they_stand_for(uint256 target, uint256 k, uint256 f)
        public
        pure
    {
        (target, k, f) = (bound(target, 0, SHARES_MAX), bound(k, 1, FACTOR_MAX), bound(f, 1, ONE));
        uint256 shares = SlashingLib.depositSharesFor(target, k, f);
        assertEq(shares, target * ONE / k * ONE / f);
        assertLe(SlashingLib.withdrawable(shares, k, f), target);
    }

    function testFuzz_a_deposit_is_worth_at_most_itself(uint256 s, uint256 k, uint256 d, uint256 f) public pure {
        (s, k) = (bound(s, 1, 1e30), bound(k, 1, 1e24));
        (d, f) = (bound(d, 1, 1e30), bound(f, 1, ONE));
        uint256 worth = s * k / ONE * f / ONE;
        uint256 newK = SlashingLib.scalingFactorAfter(k, s, d, f);
        assertEq(newK, (worth + d) * ONE / (s + d) * ONE / f);
        assertLe(SlashingLib.withdrawable(s + d, newK, f), worth + d);
    }

    /// @dev The worst drift, always against the staker: two shares, one of the staker's worth, and its 1e-18th part for each of the
    /// two divisions that make the factor.
    function testFuzz_the_drift_of_a_deposit_is_bounded(uint256 s, uint256 f0, uint256 d, uint256 f) public pure {
        (s, d) = (bound(s, 1, 1e37), bound(d, 1, 1e37));
        f0 = bound(f0, 1, ONE);
        f = bound(f, 1, f0);
        uint256 k = SlashingLib.scalingFactorAfter(ONE, 0, s, f0);
        uint256 before = SlashingLib.withdrawable(s, k, f);
        uint256 newK = SlashingLib.scalingFactorAfter(k, s, d, f);
        uint256 afterwards = newK == 0 ? 0 : SlashingLib.withdrawable(s + d, newK, f);
        assertLe(afterwards, before + d);
        assertLe(before + d - afterwards, 2 * ((s + d) / ONE) + 4);
    }

    function testFuzz_a_first_deposit_forgives_earlier_slashes(uint256 d, uint256 f) public pure {
        (d, f) = (bound(d, 1, SHARES_MAX), bound(f, 1, ONE));
        uint256 k = SlashingLib.scalingFactorAfter(ONE, 0, d, f);
        assertEq(k, ONE * ONE / f);
        uint256 worth = SlashingLib.withdrawable(d, k, f);
        assertLe(worth, d);
        assertLe(d - worth, d / ONE + 2);
    }

    function testFuzz_what_a_slash_leaves_rounds_up(uint256 total, uint64 prev, uint64 next) public pure {
        total = bound(total, 0, SHARES_MAX);
        prev = uint64(bound(prev, 1, ONE));
        next = uint64(bound(next, 0, prev));
        uint256 left = total - SlashingLib.slashedShares(total, prev, next);
        assertEq(left, (total * next + prev - 1) / prev);
    }

    function test_nothing_is_slashed_from_an_empty_magnitude() public pure {
        assertEq(SlashingLib.slashedShares(5e18, 0, 0), 0);
    }

    /// @dev Products beyond 256 bits: the scaling factor can grow to about 1e74.
    function test_huge_scaling_factors_do_not_overflow() public pure {
        assertEq(SlashingLib.withdrawable(1e5, 1e74, 1), 1e43);
        assertEq(SlashingLib.depositSharesFor(1e60, 1e74, 1), 1e22);
        assertEq(SlashingLib.scalingFactorAfter(1e62, 0, 1, 1e16), 1e64);
    }

    /// @dev Deposit, slash, deposit, slash on the real contracts; the model keeps (s, k, m, S) by the formulas.
    function testFuzz_deposits_and_slashes_follow_the_model(uint256 first, uint256 second, uint256 wad1, uint256 wad2)
        public
    {
        first = bound(first, 1, 1e32);
        second = bound(second, 1, 1e32);
        (wad1, wad2) = (bound(wad1, 1, ONE - 1), bound(wad2, 1, ONE));
        makeSlashable(1e18);
        address other = makeAddr("other");
        delegate(other, operator);
        uint256 operatorTotal = OWN_STAKE + DELEGATED_STAKE + first;

        deposit(other, strategy, first);
        slash(wad1);
        uint256 m = ONE - _ceil(ONE * wad1, ONE);
        operatorTotal = _ceil(operatorTotal * m, ONE);
        _check(other, first, ONE, m, operatorTotal);

        deposit(other, strategy, second);
        uint256 k = (first * m / ONE + second) * ONE / (first + second) * ONE / m;
        operatorTotal += second;
        _check(other, first + second, k, m, operatorTotal);

        slash(wad2);
        uint256 next = m - _ceil(m * wad2, ONE);
        operatorTotal = _ceil(operatorTotal * next, m);
        _check(other, first + second, k, next, operatorTotal);
    }

    function _check(address who, uint256 s, uint256 k, uint256 m, uint256 operatorTotal) private view {
        address[] memory strategies = one(address(strategy));
        (uint256[] memory withdrawable, uint256[] memory deposited) =
            delegationManager.getWithdrawableShares(who, strategies);
        assertEq(deposited[0], s, "deposit shares");
        assertEq(delegationManager.depositScalingFactor(who, address(strategy)), k, "scaling factor");
        assertEq(allocationManager.getMaxMagnitude(operator, address(strategy)), m, "max magnitude");
        assertEq(withdrawable[0], s * k / ONE * m / ONE, "withdrawable");
        assertEq(delegationManager.operatorShares(operator, address(strategy)), operatorTotal, "operator shares");
    }

    function _ceil(uint256 numerator, uint256 denominator) private pure returns (uint256) {
        return (numerator + denominator - 1) / denominator;
    }
}
