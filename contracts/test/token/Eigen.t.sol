// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IEigen} from "../../src/interfaces/IEigen.sol";
import {BackingEigen} from "../../src/token/BackingEigen.sol";
import {EigenFixture} from "./EigenFixture.sol";

/// @title The wrapper and its log of unwraps.
contract EigenTest is EigenFixture {
    address private sleeper = makeAddr("sleeper");

    function setUp() public {
        deployEigen();
    }

    function test_the_supply_is_made_once_and_only_shrinks() public {
        assertEq(backing.totalSupply(), SUPPLY);
        assertEq(backing.balanceOf(holder), SUPPLY);
        assertEq(backing.generation(), 1);
        vm.prank(holder);
        backing.burn(5);
        assertEq(backing.totalSupply(), SUPPLY - 5);
        vm.expectRevert(abi.encodeWithSelector(BackingEigen.SupplyOutOfBounds.selector, 0, 1e38 - 1));
        new BackingEigen(1, holder, 0);
        vm.expectRevert(abi.encodeWithSelector(BackingEigen.SupplyOutOfBounds.selector, 1e38, 1e38 - 1));
        new BackingEigen(1, holder, 1e38);
    }

    function test_a_unit_wraps_and_unwraps_one_to_one() public {
        give(sleeper, 100);
        assertEq(eigen.balanceOf(sleeper), 100);
        assertEq(backing.balanceOf(address(eigen)), 100);
        vm.expectEmit(address(eigen));
        emit IEigen.TokenUnwrapped(sleeper, 40);
        vm.prank(sleeper);
        eigen.unwrap(40);
        assertEq(eigen.balanceOf(sleeper), 60);
        assertEq(backing.balanceOf(sleeper), 40);
        assertEq(eigen.totalSupply(), 60);
    }

    function test_nobody_unwraps_more_than_it_has() public {
        give(sleeper, 100);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, sleeper, 100, 101));
        vm.prank(sleeper);
        eigen.unwrap(101);
    }

    function test_the_log_says_who_unwrapped_how_much_by_when() public {
        give(sleeper, 100);
        uint256 first = vm.getBlockTimestamp();
        _unwrap(sleeper, 10);
        _unwrap(sleeper, 5);
        pass(1);
        _unwrap(sleeper, 20);
        pass(1);
        assertEq(eigen.unwrapped(sleeper), 35);
        assertEq(eigen.unwrappedAt(sleeper, first - 1), 0);
        assertEq(eigen.unwrappedAt(sleeper, first), 15);
        assertEq(eigen.unwrappedAt(sleeper, first + SECONDS_PER_BLOCK), 35);
        assertEq(eigen.totalUnwrappedAt(first), 15);
        assertEq(eigen.unwrapCount(sleeper), 2);
        (uint48 timestamp, uint256 total) = eigen.unwrapEntry(sleeper, 1);
        assertEq(timestamp, first + SECONDS_PER_BLOCK);
        assertEq(total, 35);
    }

    function test_a_second_that_has_not_ended_is_not_told() public {
        uint256 present = vm.getBlockTimestamp();
        vm.expectRevert(abi.encodeWithSelector(IEigen.NotPast.selector, present));
        eigen.unwrappedAt(sleeper, present);
        vm.expectRevert(abi.encodeWithSelector(IEigen.NotPast.selector, present + 1));
        eigen.totalUnwrappedAt(present + 1);
    }

    function test_wrapping_stops_once_for_ever_and_unwrapping_never() public {
        give(sleeper, 100);
        vm.expectRevert(IEigen.OnlyChallengeVault.selector);
        vm.prank(holder);
        eigen.stopWrapping();
        uint256 stoppedAt = vm.getBlockTimestamp();
        vm.prank(challengeVault);
        eigen.stopWrapping();
        assertEq(eigen.wrappingStoppedAt(), stoppedAt);

        bytes memory stopped = abi.encodeWithSelector(IEigen.WrappingStopped.selector, stoppedAt);
        vm.startPrank(holder);
        backing.approve(address(eigen), 1);
        vm.expectRevert(stopped);
        eigen.wrap(1);
        vm.stopPrank();
        vm.prank(challengeVault);
        vm.expectRevert(stopped);
        eigen.stopWrapping();
        pass(10 * 365 days / SECONDS_PER_BLOCK);
        _unwrap(sleeper, 100);
        assertEq(backing.balanceOf(sleeper), 100);
    }

    /// @dev A unit that could go round would be recorded, and redeemed on the fork, as often as it goes.
    function testFuzz_no_unit_is_recorded_twice_after_the_stop(uint96 amount, uint8 rounds) public {
        amount = uint96(bound(amount, 1, SUPPLY / 2));
        give(sleeper, amount);
        vm.prank(challengeVault);
        eigen.stopWrapping();
        uint256 stoppedAt = vm.getBlockTimestamp();
        uint256 supplyAtStop = eigen.totalSupply();
        pass(1);
        for (uint256 i = 0; i < bound(rounds, 1, 5); i++) {
            uint256 balance = eigen.balanceOf(sleeper);
            if (balance != 0) _unwrap(sleeper, balance);
            vm.startPrank(sleeper);
            backing.approve(address(eigen), amount);
            try eigen.wrap(amount) {} catch {}
            vm.stopPrank();
            pass(1);
        }
        assertEq(eigen.unwrapped(sleeper) - eigen.unwrappedAt(sleeper, stoppedAt), amount);
        assertLe(eigen.totalUnwrapped() - eigen.totalUnwrappedAt(stoppedAt), supplyAtStop);
    }

    /// @dev The wrapper is what lets people sleep: what was wrapped before the stop leaves whole however late.
    function testFuzz_whoever_sleeps_redeems_later(uint96 amount, uint32 years_) public {
        amount = uint96(bound(amount, 1, SUPPLY));
        give(sleeper, amount);
        vm.prank(challengeVault);
        eigen.stopWrapping();
        uint256 redemptionEnds = vm.getBlockTimestamp() + parameters.times().redemption;
        vm.warp(redemptionEnds + 1 + bound(years_, 0, 100) * 365 days);
        _unwrap(sleeper, amount);
        assertEq(eigen.unwrapped(sleeper) - eigen.unwrappedAt(sleeper, redemptionEnds), amount);
    }

    /// @dev What is sent to the wrapper by mistake backs nothing and takes nothing from anybody.
    function test_units_sent_by_mistake_change_nothing() public {
        give(sleeper, 100);
        vm.prank(holder);
        backing.transfer(address(eigen), 7);
        _unwrap(sleeper, 100);
        assertEq(backing.balanceOf(sleeper), 100);
        assertEq(eigen.totalSupply(), 0);
    }

    function _unwrap(address account, uint256 amount) private {
        vm.prank(account);
        eigen.unwrap(amount);
    }
}
