// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IAllocationManagerTypes} from "../../src/interfaces/IAllocationManager.sol";
import {OperatorSet} from "../../src/libraries/OperatorSetLib.sol";
import {StakedFixture} from "./StakedFixture.sol";

/// @title A strategy leaves a set only after the slashable horizon. In the original it leaves at once, and its stake with it.
contract RemoveStrategiesTest is StakedFixture {
    uint32 private constant HORIZON = 216_000;

    function test_its_stake_stays_slashable_to_the_last_block_of_the_horizon() public {
        makeSlashable(WAD);
        uint256 scheduledAt = vm.getBlockNumber();
        _remove(address(strategy));
        assertEq(allocationManager.getStrategyRemovalBlock(operatorSet, address(strategy)), scheduledAt + HORIZON + 1);
        assertEq(allocationManager.getStrategiesInOperatorSet(operatorSet), _both());
        roll(HORIZON);
        assertEq(minimumStake(), OWN_STAKE + DELEGATED_STAKE);
        (, uint256[] memory shares) = slash(WAD);
        assertEq(shares[0], OWN_STAKE + DELEGATED_STAKE);
    }

    function test_then_it_is_out() public {
        makeSlashable(WAD);
        _remove(address(strategy));
        roll(HORIZON + 1);
        assertEq(minimumStake(), 0);
        assertEq(allocationManager.getStrategiesInOperatorSet(operatorSet), one(address(secondStrategy)));
        vm.prank(slasher);
        vm.expectRevert(IAllocationManagerTypes.StrategyNotInOperatorSet.selector);
        allocationManager.slashOperator(address(avs), slashing(one(address(strategy)), WAD));
    }

    /// @dev A table that is made while a strategy is on its way out counts it no longer than it stays.
    function test_stake_counts_up_to_the_block_at_which_its_strategy_leaves() public {
        makeSlashable(WAD);
        uint256 present = vm.getBlockNumber();
        assertEq(minimumStakeAt(present + HORIZON), OWN_STAKE + DELEGATED_STAKE);
        _remove(address(strategy));
        assertEq(minimumStakeAt(present + HORIZON), OWN_STAKE + DELEGATED_STAKE);
        assertEq(minimumStakeAt(present + HORIZON + 1), 0);
    }

    function test_a_deallocation_waits_while_it_is_in_and_not_afterwards() public {
        makeSlashable(WAD);
        _remove(address(strategy));
        roll(1);
        allocate(operator, operatorSet, address(strategy), WAD / 2);
        assertEq(allocation().currentMagnitude, WAD);
        roll(HORIZON + 1);
        assertEq(allocation().currentMagnitude, WAD / 2);
        allocate(operator, operatorSet, address(strategy), 0);
        assertEq(allocation().currentMagnitude, 0);
    }

    function test_a_removal_is_scheduled_once() public {
        _remove(address(strategy));
        uint32 effectBlock = uint32(vm.getBlockNumber()) + HORIZON + 1;
        roll(5);
        _expectRefused(
            address(strategy),
            abi.encodeWithSelector(
                IAllocationManagerTypes.StrategyRemovalPending.selector, address(strategy), effectBlock
            )
        );
        vm.prank(address(avs));
        vm.expectRevert(IAllocationManagerTypes.StrategyAlreadyInOperatorSet.selector);
        allocationManager.addStrategiesToOperatorSet(address(avs), 1, one(address(strategy)));
    }

    function test_what_left_may_be_added_again() public {
        _remove(address(strategy));
        roll(HORIZON + 1);
        vm.expectEmit(address(allocationManager));
        emit IAllocationManagerTypes.StrategyRemovedFromOperatorSet(operatorSet, address(strategy));
        vm.expectEmit(address(allocationManager));
        emit IAllocationManagerTypes.StrategyAddedToOperatorSet(operatorSet, address(strategy));
        vm.prank(address(avs));
        allocationManager.addStrategiesToOperatorSet(address(avs), 1, one(address(strategy)));
        assertEq(allocationManager.getStrategyRemovalBlock(operatorSet, address(strategy)), 0);
        assertEq(allocationManager.getStrategiesInOperatorSet(operatorSet).length, 2);
    }

    function test_removing_takes_off_what_left_before() public {
        _remove(address(strategy));
        roll(HORIZON + 1);
        _expectRefused(
            address(strategy), abi.encodeWithSelector(IAllocationManagerTypes.StrategyNotInOperatorSet.selector)
        );
        _remove(address(secondStrategy));
        roll(HORIZON + 1);
        assertEq(allocationManager.getStrategiesInOperatorSet(operatorSet).length, 0);
    }

    function test_only_the_avs_removes_from_a_set_that_exists() public {
        vm.prank(operator);
        vm.expectRevert(IAllocationManagerTypes.InvalidPermissions.selector);
        allocationManager.removeStrategiesFromOperatorSet(address(avs), 1, one(address(strategy)));
        vm.prank(address(avs));
        vm.expectRevert(IAllocationManagerTypes.InvalidOperatorSet.selector);
        allocationManager.removeStrategiesFromOperatorSet(address(avs), 9, one(address(strategy)));
        _expectRefused(
            makeAddr("unknown"), abi.encodeWithSelector(IAllocationManagerTypes.StrategyNotInOperatorSet.selector)
        );
    }

    function test_an_operator_is_in_a_bounded_number_of_sets() public {
        uint32[] memory ids = new uint32[](257);
        IAllocationManagerTypes.CreateSetParamsV2[] memory sets = new IAllocationManagerTypes.CreateSetParamsV2[](257);
        IAllocationManagerTypes.AllocateParams[] memory params = new IAllocationManagerTypes.AllocateParams[](257);
        for (uint32 i = 0; i < 257; i++) {
            ids[i] = 100 + i;
            sets[i] = IAllocationManagerTypes.CreateSetParamsV2(ids[i], one(address(strategy)), slasher);
            params[i].operatorSet = OperatorSet(address(avs), ids[i]);
            params[i].strategies = one(address(strategy));
            params[i].newMagnitudes = new uint64[](1);
            params[i].newMagnitudes[0] = 1;
        }
        vm.prank(address(avs));
        allocationManager.createOperatorSets(address(avs), sets);
        bytes memory tooMany = abi.encodeWithSelector(IAllocationManagerTypes.TooManySets.selector, 256);
        vm.startPrank(operator);
        vm.expectRevert(tooMany);
        allocationManager.modifyAllocations(operator, params);
        vm.expectRevert(tooMany);
        allocationManager.registerForOperatorSets(
            operator, IAllocationManagerTypes.RegisterParams(address(avs), ids, "")
        );
        vm.stopPrank();
    }

    function _remove(address which) private {
        vm.prank(address(avs));
        allocationManager.removeStrategiesFromOperatorSet(address(avs), 1, one(which));
    }

    function _expectRefused(address which, bytes memory reason) private {
        vm.prank(address(avs));
        vm.expectRevert(reason);
        allocationManager.removeStrategiesFromOperatorSet(address(avs), 1, one(which));
    }
}
