// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {PauserRegistry} from "../../src/core/PauserRegistry.sol";
import {IPausable} from "../../src/interfaces/IPausable.sol";
import {IPauserRegistry} from "../../src/interfaces/IPauserRegistry.sol";
import {CoreFixture} from "./CoreFixture.sol";

contract PausableTest is CoreFixture {
    function setUp() public {
        deployCore(localDelays());
    }

    function test_a_pauser_sets_bits_and_the_unpauser_clears_them() public {
        vm.prank(pauser);
        allocationManager.pause(4);
        assertTrue(allocationManager.paused(2));
        assertFalse(allocationManager.paused(0));
        vm.prank(pauser);
        allocationManager.pauseAll();
        assertEq(allocationManager.paused(), 5);
        vm.prank(unpauser);
        allocationManager.unpause(1);
        assertEq(allocationManager.paused(), 1);
    }

    function test_pausing_never_clears_and_unpausing_never_sets() public {
        vm.startPrank(pauser);
        allocationManager.pause(4);
        vm.expectRevert(IPausable.InvalidNewPausedStatus.selector);
        allocationManager.pause(1);
        vm.stopPrank();
        vm.prank(unpauser);
        vm.expectRevert(IPausable.InvalidNewPausedStatus.selector);
        allocationManager.unpause(5);
    }

    function test_bits_that_mean_nothing_are_refused() public {
        vm.startPrank(pauser);
        vm.expectRevert(IPausable.InvalidNewPausedStatus.selector);
        allocationManager.pause(8);
        vm.expectRevert(IPausable.InvalidNewPausedStatus.selector);
        strategyManager.pause(2);
        vm.stopPrank();
    }

    function test_each_role_does_its_part_only() public {
        vm.startPrank(unpauser);
        vm.expectRevert(IPausable.OnlyPauser.selector);
        allocationManager.pause(1);
        vm.expectRevert(IPausable.OnlyPauser.selector);
        allocationManager.pauseAll();
        vm.stopPrank();
        vm.prank(pauser);
        vm.expectRevert(IPausable.OnlyUnpauser.selector);
        allocationManager.unpause(0);
    }

    function test_the_unpauser_keeps_the_registry() public {
        vm.prank(pauser);
        vm.expectRevert(IPauserRegistry.OnlyUnpauser.selector);
        pauserRegistry.setIsPauser(address(this), true);
        vm.prank(pauser);
        vm.expectRevert(IPauserRegistry.OnlyUnpauser.selector);
        pauserRegistry.setUnpauser(pauser);
        vm.startPrank(unpauser);
        pauserRegistry.setIsPauser(address(this), true);
        pauserRegistry.setIsPauser(pauser, false);
        vm.expectRevert(IPauserRegistry.InputAddressZero.selector);
        pauserRegistry.setUnpauser(address(0));
        pauserRegistry.setUnpauser(pauser);
        vm.stopPrank();
        assertTrue(pauserRegistry.isPauser(address(this)));
        assertFalse(pauserRegistry.isPauser(pauser));
        assertEq(pauserRegistry.unpauser(), pauser);
    }

    function test_a_registry_needs_addresses() public {
        vm.expectRevert(IPauserRegistry.InputAddressZero.selector);
        new PauserRegistry(one(address(0)), unpauser);
        vm.expectRevert(IPauserRegistry.InputAddressZero.selector);
        new PauserRegistry(one(pauser), address(0));
    }
}
