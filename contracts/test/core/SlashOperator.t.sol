// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IAllocationManagerTypes} from "../../src/interfaces/IAllocationManager.sol";
import {IPausable} from "../../src/interfaces/IPausable.sol";
import {IDelegationManager} from "../../src/interfaces/IDelegationManager.sol";
import {OperatorSet} from "../../src/libraries/OperatorSetLib.sol";
import {StakedFixture} from "./StakedFixture.sol";

contract SlashOperatorTest is StakedFixture {
    function setUp() public override {
        super.setUp();
        makeSlashable(0.5e18);
    }

    function test_slash_takes_the_whole_allocation() public {
        (uint256 slashId, uint256[] memory shares) = slash(1e18);
        assertEq(slashId, 1);
        assertEq(shares[0], (OWN_STAKE + DELEGATED_STAKE) / 2);
        assertEq(allocation().currentMagnitude, 0);
        assertEq(allocationManager.getMaxMagnitude(operator, address(strategy)), 0.5e18);
        assertEq(allocationManager.getEncumberedMagnitude(operator, address(strategy)), 0);
        assertEq(delegationManager.operatorShares(operator, address(strategy)), 200e18);
        assertEq(minimumStake(), 0);
    }

    function test_every_staker_loses_in_proportion() public {
        slash(1e18);
        address[] memory strategies = one(address(strategy));
        (uint256[] memory own,) = delegationManager.getWithdrawableShares(operator, strategies);
        (uint256[] memory delegated,) = delegationManager.getWithdrawableShares(staker, strategies);
        assertEq(own[0], OWN_STAKE / 2);
        assertEq(delegated[0], DELEGATED_STAKE / 2);
    }

    function test_the_slashed_part_of_an_allocation_rounds_up() public {
        slash(1);
        assertEq(allocation().currentMagnitude, 0.5e18 - 1);
    }

    function test_operator_shares_that_stay_round_up() public {
        deposit(staker, strategy, 1);
        (, uint256[] memory shares) = slash(1);
        uint256 total = OWN_STAKE + DELEGATED_STAKE + 1;
        uint256 kept = (total * (1e18 - 1) + 1e18 - 1) / 1e18;
        assertEq(shares[0], total - kept);
    }

    function test_slash_ids_count_per_set() public {
        (uint256 first,) = slash(0.1e18);
        (uint256 second,) = slash(0.1e18);
        assertEq(first, 1);
        assertEq(second, 2);
        assertEq(allocationManager.getSlashCount(operatorSet), 2);
    }

    function test_a_pending_deallocation_shrinks_with_the_slash() public {
        allocate(operator, operatorSet, address(strategy), 0.1e18);
        slash(0.5e18);
        assertEq(allocation().currentMagnitude, 0.25e18);
        assertEq(int256(allocation().pendingDiff), -0.2e18);
        roll(216_001);
        assertEq(allocation().currentMagnitude, 0.05e18);
    }

    function test_a_deallocating_stake_is_slashable_to_its_last_block() public {
        allocate(operator, operatorSet, address(strategy), 0);
        roll(216_000);
        (, uint256[] memory shares) = slash(1e18);
        assertEq(shares[0], 200e18);
    }

    function test_a_deallocated_stake_cannot_be_slashed() public {
        allocate(operator, operatorSet, address(strategy), 0);
        roll(216_001);
        (, uint256[] memory shares) = slash(1e18);
        assertEq(shares[0], 0);
        assertEq(allocationManager.getMaxMagnitude(operator, address(strategy)), WAD);
    }

    function test_a_slash_after_a_matured_partial_deallocation_takes_what_is_left() public {
        allocate(operator, operatorSet, address(strategy), 0.2e18);
        roll(216_001);
        (, uint256[] memory shares) = slash(1e18);
        assertEq(shares[0], 80e18);
        assertEq(allocationManager.getEncumberedMagnitude(operator, address(strategy)), 0);
        allocate(operator, operatorSet, address(strategy), 0.8e18);
        assertEq(allocationManager.getEncumberedMagnitude(operator, address(strategy)), 0.8e18);
    }

    function test_a_pending_increase_is_not_slashed() public {
        allocate(operator, operatorSet, address(strategy), 0.9e18);
        slash(1e18);
        assertEq(allocation().currentMagnitude, 0);
        assertEq(int256(allocation().pendingDiff), 0.4e18);
        assertEq(allocationManager.getEncumberedMagnitude(operator, address(strategy)), 0.4e18);
    }

    function test_new_delegation_is_slashable_at_once() public {
        deposit(makeAddr("late"), strategy, 100e18);
        delegate(makeAddr("late"), operator);
        (, uint256[] memory shares) = slash(1e18);
        assertEq(shares[0], 250e18);
    }

    function test_a_strategy_without_allocation_is_skipped() public {
        (uint256 slashId, uint256[] memory shares) = slashAs(slasher, _both(), 1e18);
        assertEq(shares[0], 200e18);
        assertEq(shares[1], 0);
        assertEq(strategyManager.getBurnOrRedistributableCount(operatorSet, slashId), 1);
    }

    /// @dev A strategy that has nothing left must not keep the others of the same slash from happening.
    function test_what_was_slashed_to_nothing_holds_back_no_other_slash() public {
        roll(216_000);
        allocateNow(1e18);
        slash(1e18);
        allocate(operator, operatorSet, address(secondStrategy), 1e18);
        roll(allocationWait(operator));
        deposit(operator, secondStrategy, 50e18);
        assertEq(allocationManager.getMaxMagnitude(operator, address(strategy)), 0);
        (uint256 slashId, uint256[] memory shares) = slashAs(slasher, _both(), 1e18);
        assertEq(shares[0], 0);
        assertEq(shares[1], 50e18);
        assertEq(strategyManager.getBurnOrRedistributableCount(operatorSet, slashId), 1);
    }

    function test_a_slash_of_no_stake_leaves_nothing_to_clear() public {
        allocate(operator, operatorSet, address(secondStrategy), 1e18);
        roll(allocationWait(operator));
        (, uint256[] memory shares) = slashAs(slasher, one(address(secondStrategy)), 1e18);
        assertEq(shares[0], 0);
        assertEq(strategyManager.getPendingSlashIds(operatorSet).length, 0);
    }

    /// @dev As the current magnitude: in favour of those who are paid from it.
    function test_the_slashed_part_of_a_pending_deallocation_rounds_up() public {
        allocate(operator, operatorSet, address(strategy), 0.2e18);
        slash(1);
        assertEq(allocation().currentMagnitude, 0.5e18 - 1);
        assertEq(int256(allocation().pendingDiff), -0.3e18 + 1);
    }

    function test_a_past_block_is_answered_as_the_present() public {
        leaveSet(operator, operator, operatorSet);
        uint256 left = vm.getBlockNumber();
        assertEq(minimumStakeAt(left + 216_000), 200e18);
        roll(216_001);
        assertEq(minimumStakeAt(left), 0);
    }

    function test_only_the_slasher_slashes() public {
        address[4] memory others = [address(avs), operator, recipient, address(this)];
        for (uint256 i = 0; i < others.length; i++) {
            vm.prank(others[i]);
            vm.expectRevert(IAllocationManagerTypes.InvalidCaller.selector);
            allocationManager.slashOperator(address(avs), slashing(one(address(strategy)), 1e18));
        }
    }

    function test_an_admin_of_the_avs_cannot_slash() public {
        vm.prank(address(avs));
        permissionController.addPendingAdmin(address(avs), address(this));
        permissionController.acceptAdmin(address(avs));
        vm.expectRevert(IAllocationManagerTypes.InvalidCaller.selector);
        allocationManager.slashOperator(address(avs), slashing(one(address(strategy)), 1e18));
    }

    function test_slashing_cannot_be_paused() public {
        for (uint256 bits = 2; bits < 8; bits++) {
            if (bits & 2 == 0) continue;
            vm.prank(pauser);
            vm.expectRevert(IAllocationManagerTypes.SlashingCannotBePaused.selector);
            allocationManager.pause(bits);
        }
        vm.startPrank(pauser);
        allocationManager.pauseAll();
        IPausable(address(delegationManager)).pauseAll();
        IPausable(address(strategyManager)).pauseAll();
        strategy.pauseAll();
        vm.stopPrank();
        (uint256 slashId, uint256[] memory shares) = slash(1e18);
        assertEq(shares[0], 200e18);
        roll(50_400);
        strategyManager.clearBurnOrRedistributableShares(operatorSet, slashId);
        assertEq(strategy.underlyingToken().balanceOf(recipient), 200e18);
    }

    function test_only_the_allocation_manager_slashes_shares() public {
        vm.expectRevert(IDelegationManager.OnlyAllocationManager.selector);
        delegationManager.slashOperatorShares(operator, operatorSet, 1, address(strategy), 1e18, 0);
    }

    function test_an_operator_outside_the_set_cannot_be_slashed() public {
        leaveSet(operator, operator, operatorSet);
        roll(216_001);
        vm.prank(slasher);
        vm.expectRevert(IAllocationManagerTypes.OperatorNotSlashable.selector);
        allocationManager.slashOperator(address(avs), slashing(one(address(strategy)), 1e18));
    }

    function test_who_left_is_slashable_to_the_last_block() public {
        leaveSet(operator, operator, operatorSet);
        roll(216_000);
        (, uint256[] memory shares) = slash(1e18);
        assertEq(shares[0], 200e18);
    }

    function test_strategies_must_ascend_and_not_repeat() public {
        address[] memory twice = new address[](2);
        (twice[0], twice[1]) = (address(strategy), address(strategy));
        _expectRefused(slashing(twice, 1e18), IAllocationManagerTypes.StrategiesMustBeInAscendingOrder.selector);
        (twice[0], twice[1]) = (address(secondStrategy), address(strategy));
        _expectRefused(slashing(twice, 1e18), IAllocationManagerTypes.StrategiesMustBeInAscendingOrder.selector);
    }

    function test_the_share_must_be_in_bounds() public {
        _expectRefused(slashing(one(address(strategy)), 0), IAllocationManagerTypes.InvalidWadToSlash.selector);
        _expectRefused(slashing(one(address(strategy)), 1e18 + 1), IAllocationManagerTypes.InvalidWadToSlash.selector);
    }

    function test_a_strategy_outside_the_set_is_refused() public {
        address outside = address(newStrategy());
        _expectRefused(slashing(one(outside), 1e18), IAllocationManagerTypes.StrategyNotInOperatorSet.selector);
    }

    function test_lengths_must_match() public {
        IAllocationManagerTypes.SlashingParams memory params = slashing(one(address(strategy)), 1e18);
        params.wadsToSlash = new uint256[](2);
        _expectRefused(params, IAllocationManagerTypes.InputArrayLengthMismatch.selector);
    }

    function test_an_unknown_set_is_refused() public {
        IAllocationManagerTypes.SlashingParams memory params = slashing(one(address(strategy)), 1e18);
        params.operatorSetId = 9;
        _expectRefused(params, IAllocationManagerTypes.InvalidOperatorSet.selector);
    }

    function _expectRefused(IAllocationManagerTypes.SlashingParams memory params, bytes4 selector) private {
        vm.prank(slasher);
        vm.expectRevert(selector);
        allocationManager.slashOperator(address(avs), params);
    }
}
