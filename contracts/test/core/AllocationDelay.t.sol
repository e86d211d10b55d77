// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {AllocationManager} from "../../src/core/AllocationManager.sol";
import {IAllocationManagerTypes} from "../../src/interfaces/IAllocationManager.sol";
import {StakedFixture} from "./StakedFixture.sol";

contract AllocationDelayTest is StakedFixture {
    uint32 private constant WITHDRAWAL = 216_000;
    uint32 private constant CONFIGURATION = 230_400;

    function test_a_delay_starts_at_the_withdrawal_delay_though_registration_names_none() public {
        (bool isSet, uint32 delay) = allocationManager.getAllocationDelay(operator);
        assertTrue(isSet);
        assertEq(delay, WITHDRAWAL);
        roll(CONFIGURATION);
        assertEq(_delay(), WITHDRAWAL);
        roll(1);
        assertEq(_delay(), 0);
    }

    function test_a_longer_delay_than_the_withdrawal_delay_holds_at_once() public {
        address other = makeAddr("other");
        vm.prank(other);
        delegationManager.registerAsOperator(address(0), WITHDRAWAL + 5, "");
        (, uint32 delay) = allocationManager.getAllocationDelay(other);
        assertEq(delay, WITHDRAWAL + 5);
        roll(CONFIGURATION + 1);
        (, delay) = allocationManager.getAllocationDelay(other);
        assertEq(delay, WITHDRAWAL + 5);
    }

    function test_every_change_waits_for_the_configuration_delay() public {
        roll(CONFIGURATION + 1);
        vm.prank(operator);
        allocationManager.setAllocationDelay(operator, 100_000);
        assertEq(_delay(), 0);
        roll(CONFIGURATION);
        assertEq(_delay(), 0);
        roll(1);
        assertEq(_delay(), 100_000);
    }

    function test_a_new_change_restarts_the_clock_and_keeps_the_present_delay() public {
        roll(CONFIGURATION);
        vm.prank(operator);
        allocationManager.setAllocationDelay(operator, 1);
        roll(1);
        assertEq(_delay(), WITHDRAWAL);
        roll(CONFIGURATION);
        assertEq(_delay(), 1);
    }

    function test_only_the_operator_side_sets_it() public {
        vm.expectRevert(IAllocationManagerTypes.InvalidPermissions.selector);
        allocationManager.setAllocationDelay(operator, 1);
        vm.prank(staker);
        vm.expectRevert(IAllocationManagerTypes.InvalidOperator.selector);
        allocationManager.setAllocationDelay(staker, 1);
    }

    function test_nobody_else_has_a_delay() public view {
        (bool isSet,) = allocationManager.getAllocationDelay(staker);
        assertFalse(isSet);
    }

    function test_lowering_a_delay_must_take_longer_than_a_withdrawal() public {
        _expectRefused(216_000, WITHDRAWAL, 7_200);
        new AllocationManager(
            address(delegationManager), address(permissionController), address(pauserRegistry), 1, WITHDRAWAL + 1, 1
        );
    }

    function test_shares_must_not_leave_sooner_than_magnitude() public {
        _expectRefused(WITHDRAWAL + 1, CONFIGURATION, 7_200);
    }

    function test_a_guard_and_a_deallocation_delay_there_must_be() public {
        _expectRefused(216_000, CONFIGURATION, 0);
        _expectRefused(0, CONFIGURATION, 7_200);
    }

    function _expectRefused(uint32 deallocation, uint32 configuration, uint32 guard) private {
        vm.expectRevert(IAllocationManagerTypes.InvalidDelays.selector);
        new AllocationManager(
            address(delegationManager),
            address(permissionController),
            address(pauserRegistry),
            deallocation,
            configuration,
            guard
        );
    }

    function _delay() private view returns (uint32 delay) {
        (, delay) = allocationManager.getAllocationDelay(operator);
    }
}
