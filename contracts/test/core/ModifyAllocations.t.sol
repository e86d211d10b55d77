// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IAllocationManagerTypes} from "../../src/interfaces/IAllocationManager.sol";
import {IPausable} from "../../src/interfaces/IPausable.sol";
import {OperatorSet} from "../../src/libraries/OperatorSetLib.sol";
import {StakedFixture} from "./StakedFixture.sol";

contract ModifyAllocationsTest is StakedFixture {
    uint32 private constant GUARD = 7_200;
    uint32 private constant DEALLOCATION = 216_000;

    function test_lists_that_do_not_match_are_refused() public {
        IAllocationManagerTypes.AllocateParams[] memory params = new IAllocationManagerTypes.AllocateParams[](1);
        params[0] = IAllocationManagerTypes.AllocateParams(operatorSet, one(address(strategy)), new uint64[](2));
        bytes4 refused = IAllocationManagerTypes.InputArrayLengthMismatch.selector;
        vm.prank(operator);
        vm.expectRevert(refused);
        allocationManager.modifyAllocations(operator, params);
        vm.expectRevert(refused);
        allocationManager.clearDeallocationQueue(operator, one(address(strategy)), new uint16[](2));
    }

    function test_an_increase_waits_for_the_operators_delay() public {
        joinSet(operator, operatorSet, "");
        allocate(operator, operatorSet, address(strategy), 0.5e18);
        roll(215_999);
        assertEq(minimumStake(), 0);
        roll(1);
        assertEq(minimumStake(), 200e18);
    }

    function test_an_increase_waits_for_the_guard_even_without_a_delay() public {
        roll(230_401);
        assertEq(allocationWait(operator), GUARD);
        joinSet(operator, operatorSet, "");
        allocate(operator, operatorSet, address(strategy), 0.5e18);
        roll(GUARD - 1);
        assertEq(minimumStake(), 0);
        (, uint256[] memory shares) = slash(1e18);
        assertEq(shares[0], 0);
        roll(1);
        assertEq(minimumStake(), 200e18);
    }

    function test_an_increase_that_was_pending_before_joining_still_waits() public {
        roll(230_401);
        allocate(operator, operatorSet, address(strategy), 0.5e18);
        roll(GUARD - 1);
        joinSet(operator, operatorSet, "");
        assertEq(minimumStake(), 0);
        (, uint256[] memory shares) = slash(1e18);
        assertEq(shares[0], 0);
        roll(1);
        assertEq(minimumStake(), 200e18);
    }

    function test_a_shorter_delay_does_not_hasten_a_pending_increase() public {
        roll(229_000);
        allocate(operator, operatorSet, address(strategy), 0.5e18);
        uint32 effectBlock = allocation().effectBlock;
        assertEq(effectBlock, vm.getBlockNumber() + 216_000);
        roll(1_401);
        assertEq(allocationWait(operator), GUARD);
        assertEq(allocation().effectBlock, effectBlock);
    }

    function test_what_was_allocated_before_an_increase_keeps_its_weight_and_stays_slashable() public {
        makeSlashable(0.25e18);
        allocate(operator, operatorSet, address(strategy), 0.75e18);
        assertEq(minimumStake(), 100e18);
        (, uint256[] memory shares) = slash(1e18);
        assertEq(shares[0], 100e18);
    }

    function test_an_increase_takes_magnitude_at_once() public {
        allocate(operator, operatorSet, address(strategy), 0.6e18);
        assertEq(allocationManager.getEncumberedMagnitude(operator, address(strategy)), 0.6e18);
        assertEq(allocationManager.getAllocatableMagnitude(operator, address(strategy)), 0.4e18);
    }

    function test_two_sets_cannot_share_magnitude() public {
        OperatorSet memory second = createSet(address(avs), 2, _both(), slasher, address(0));
        allocate(operator, operatorSet, address(strategy), 0.6e18);
        _expectRefused(second, 0.4e18 + 1, IAllocationManagerTypes.InsufficientMagnitude.selector);
        allocate(operator, second, address(strategy), 0.4e18);
    }

    function test_the_sum_of_huge_magnitudes_does_not_overflow() public {
        allocate(operator, operatorSet, address(strategy), 1);
        OperatorSet memory second = createSet(address(avs), 2, _both(), slasher, address(0));
        _expectRefused(second, type(uint64).max, IAllocationManagerTypes.InsufficientMagnitude.selector);
    }

    function test_magnitude_lost_to_a_slash_cannot_be_allocated_again() public {
        makeSlashable(0.5e18);
        slash(1e18);
        _expectRefused(operatorSet, 0.5e18 + 1, IAllocationManagerTypes.InsufficientMagnitude.selector);
        allocate(operator, operatorSet, address(strategy), 0.5e18);
    }

    function test_a_slashable_decrease_leaves_only_through_the_queue() public {
        makeSlashable(0.5e18);
        allocate(operator, operatorSet, address(strategy), 0.1e18);
        uint256 start = vm.getBlockNumber();
        assertEq(minimumStakeAt(start + DEALLOCATION), 200e18);
        assertEq(minimumStakeAt(start + DEALLOCATION + 1), 40e18);
        roll(DEALLOCATION);
        assertEq(minimumStake(), 200e18);
        assertEq(allocationManager.getAllocatableMagnitude(operator, address(strategy)), 0.5e18);
        roll(1);
        assertEq(minimumStake(), 40e18);
        assertEq(allocationManager.getAllocatableMagnitude(operator, address(strategy)), 0.9e18);
    }

    function test_leaving_the_set_does_not_let_stake_skip_the_queue() public {
        makeSlashable(0.5e18);
        leaveSet(operator, operator, operatorSet);
        allocate(operator, operatorSet, address(strategy), 0);
        assertEq(allocation().currentMagnitude, 0.5e18);
        (, uint256[] memory shares) = slash(1e18);
        assertEq(shares[0], 200e18);
    }

    function test_a_decrease_outside_the_set_is_instant() public {
        allocateNow(0.5e18);
        allocate(operator, operatorSet, address(strategy), 0.2e18);
        assertEq(allocation().currentMagnitude, 0.2e18);
        assertEq(allocationManager.getEncumberedMagnitude(operator, address(strategy)), 0.2e18);
    }

    function test_one_change_at_a_time() public {
        allocate(operator, operatorSet, address(strategy), 0.5e18);
        _expectRefused(operatorSet, 0.6e18, IAllocationManagerTypes.ModificationAlreadyPending.selector);
        roll(216_000);
        joinSet(operator, operatorSet, "");
        allocate(operator, operatorSet, address(strategy), 0.4e18);
        _expectRefused(operatorSet, 0.3e18, IAllocationManagerTypes.ModificationAlreadyPending.selector);
        roll(DEALLOCATION + 1);
        allocate(operator, operatorSet, address(strategy), 0.3e18);
    }

    function test_the_same_magnitude_is_refused() public {
        _expectRefused(operatorSet, 0, IAllocationManagerTypes.SameMagnitude.selector);
        allocateNow(0.5e18);
        _expectRefused(operatorSet, 0.5e18, IAllocationManagerTypes.SameMagnitude.selector);
    }

    function test_an_unknown_set_is_refused() public {
        _expectRefused(OperatorSet(address(avs), 7), 1, IAllocationManagerTypes.InvalidOperatorSet.selector);
    }

    function test_only_the_operator_or_who_it_appoints() public {
        IAllocationManagerTypes.AllocateParams[] memory params = _params(operatorSet, 0.5e18);
        vm.expectRevert(IAllocationManagerTypes.InvalidPermissions.selector);
        allocationManager.modifyAllocations(operator, params);

        bytes4 selector = allocationManager.modifyAllocations.selector;
        vm.prank(operator);
        permissionController.setAppointee(operator, address(this), address(allocationManager), selector);
        allocationManager.modifyAllocations(operator, params);
        assertEq(int256(allocation().pendingDiff), 0.5e18);
    }

    function test_no_operator_no_allocation() public {
        IAllocationManagerTypes.AllocateParams[] memory params = _params(operatorSet, 0.5e18);
        vm.prank(staker);
        vm.expectRevert(IAllocationManagerTypes.UninitializedAllocationDelay.selector);
        allocationManager.modifyAllocations(staker, params);
    }

    function test_a_pause_stops_increases_and_no_decrease() public {
        makeSlashable(0.5e18);
        vm.prank(pauser);
        allocationManager.pause(1);
        _expectRefused(operatorSet, 0.6e18, IPausable.CurrentlyPaused.selector);
        allocate(operator, operatorSet, address(strategy), 0.1e18);
        roll(DEALLOCATION + 1);
        _clearQueue(1);
        assertEq(allocationManager.getEncumberedMagnitude(operator, address(strategy)), 0.1e18);
    }

    function test_the_queue_clears_in_order_and_only_what_has_matured() public {
        OperatorSet memory second = createSet(address(avs), 2, _both(), slasher, address(0));
        allocate(operator, operatorSet, address(strategy), 0.5e18);
        allocate(operator, second, address(strategy), 0.5e18);
        roll(216_000);
        joinSet(operator, operatorSet, "");
        joinSet(operator, second, "");
        allocate(operator, operatorSet, address(strategy), 0);
        roll(10);
        allocate(operator, second, address(strategy), 0.1e18);
        roll(DEALLOCATION - 9);
        _clearQueue(5);
        assertEq(allocationManager.getEncumberedMagnitude(operator, address(strategy)), 0.5e18);
        assertEq(allocationManager.getAllocatedSets(operator).length, 1);
        roll(10);
        assertEq(allocationManager.getEncumberedMagnitude(operator, address(strategy)), 0.1e18);
        _clearQueue(5);
        assertEq(allocationManager.getEncumberedMagnitude(operator, address(strategy)), 0.1e18);
    }

    function test_a_matured_deallocation_is_free_for_the_next_change_without_clearing_by_hand() public {
        makeSlashable(0.5e18);
        allocate(operator, operatorSet, address(strategy), 0.2e18);
        roll(DEALLOCATION + 1);
        allocate(operator, operatorSet, address(strategy), 1e18);
        assertEq(allocationManager.getEncumberedMagnitude(operator, address(strategy)), 1e18);
        assertEq(int256(allocation().pendingDiff), 0.8e18);
    }

    /// @dev A slash applies a matured deallocation while its queue entry is still there; the entry must free nothing more.
    function test_a_queue_entry_applied_by_a_slash_frees_nothing_twice() public {
        makeSlashable(0.5e18);
        allocate(operator, operatorSet, address(strategy), 0.2e18);
        roll(DEALLOCATION + 1);
        slash(0.5e18);
        assertEq(allocationManager.getEncumberedMagnitude(operator, address(strategy)), 0.1e18);
        _clearQueue(5);
        assertEq(allocationManager.getEncumberedMagnitude(operator, address(strategy)), 0.1e18);
        assertEq(allocation().currentMagnitude, 0.1e18);
    }

    function test_allocated_stake_counts_before_joining_and_slashable_stake_does_not() public {
        allocateNow(0.5e18);
        address[] memory strategies = one(address(strategy));
        assertEq(allocationManager.getAllocatedStake(operatorSet, one(operator), strategies)[0][0], 200e18);
        assertEq(minimumStake(), 0);
        joinSet(operator, operatorSet, "");
        assertEq(minimumStake(), 200e18);
    }

    function test_stake_of_who_left_counts_only_as_long_as_it_stays_slashable() public {
        makeSlashable(0.5e18);
        leaveSet(operator, operator, operatorSet);
        uint256 start = vm.getBlockNumber();
        assertEq(minimumStakeAt(start + DEALLOCATION), 200e18);
        assertEq(minimumStakeAt(start + DEALLOCATION + 1), 0);
    }

    function test_a_strategy_outside_the_set_has_no_slashable_stake() public {
        OperatorSet memory other = createSet(address(avs), 2, one(address(secondStrategy)), slasher, address(0));
        allocate(operator, other, address(strategy), 0.5e18);
        roll(216_000);
        joinSet(operator, other, "");
        address[] memory strategies = one(address(strategy));
        uint32 now_ = uint32(vm.getBlockNumber());
        assertEq(allocationManager.getMinimumSlashableStake(other, one(operator), strategies, now_)[0][0], 0);
        allocate(operator, other, address(strategy), 0);
        assertEq(allocationManager.getEncumberedMagnitude(operator, address(strategy)), 0);
    }

    function test_views_list_what_is_allocated() public {
        allocateNow(0.5e18);
        assertEq(allocationManager.getAllocatedStrategies(operator, operatorSet), one(address(strategy)));
        (OperatorSet[] memory sets, IAllocationManagerTypes.Allocation[] memory allocations) =
            allocationManager.getStrategyAllocations(operator, address(strategy));
        assertEq(sets.length, 1);
        assertEq(sets[0].avs, address(avs));
        assertEq(sets[0].id, 1);
        assertEq(allocations[0].currentMagnitude, 0.5e18);
        allocate(operator, operatorSet, address(strategy), 0);
        assertEq(allocationManager.getAllocatedSets(operator).length, 0);
    }

    function _clearQueue(uint16 count) private {
        uint16[] memory counts = new uint16[](1);
        counts[0] = count;
        allocationManager.clearDeallocationQueue(operator, one(address(strategy)), counts);
    }

    function _expectRefused(OperatorSet memory set, uint64 magnitude, bytes4 selector) private {
        vm.prank(operator);
        vm.expectRevert(selector);
        allocationManager.modifyAllocations(operator, _params(set, magnitude));
    }

    function _params(OperatorSet memory set, uint64 magnitude)
        private
        view
        returns (IAllocationManagerTypes.AllocateParams[] memory params)
    {
        params = new IAllocationManagerTypes.AllocateParams[](1);
        params[0].operatorSet = set;
        params[0].strategies = one(address(strategy));
        params[0].newMagnitudes = new uint64[](1);
        params[0].newMagnitudes[0] = magnitude;
    }
}
