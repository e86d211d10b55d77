// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IDelegationManager} from "../../src/interfaces/IDelegationManager.sol";
import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {IPausable} from "../../src/interfaces/IPausable.sol";
import {IStrategy} from "../../src/interfaces/IStrategy.sol";
import {EigenStrategy} from "../../src/token/EigenStrategy.sol";
import {Escrow} from "../../src/token/Escrow.sol";
import {TestToken} from "../core/TestToken.sol";
import {EigenFixture} from "./EigenFixture.sol";

/// @title Staked EIGEN has one way out, which is never shorter than the lag and never longer than the withdrawal queue.
contract EscrowTest is EigenFixture {
    uint32 private constant RESOLUTION = 50_400;

    function setUp() public {
        deployEigen();
    }

    function test_eigen_and_its_backing_are_staked_alike() public {
        stakeBacking(staker, 100);
        stakeWrapped(staker, 50);
        assertEq(strategyManager.stakerDepositShares(staker, address(strategy)), 150);
        assertEq(strategy.totalShares(), 150);
        assertEq(strategy.shares(staker), 150);
        assertEq(backing.balanceOf(address(escrow)), 150);
        assertEq(escrow.held(), 150);
        assertEq(escrow.stakeOf(staker), 150);
        assertEq(backing.balanceOf(address(strategy)) + eigen.balanceOf(address(strategy)), 0);
    }

    function test_the_adapter_stands_between_a_manager_and_an_escrow() public {
        vm.expectRevert(IPausable.InputAddressZero.selector);
        new EigenStrategy(address(0), eigen, escrow, address(pauserRegistry));
        vm.expectRevert(IPausable.InputAddressZero.selector);
        new EigenStrategy(address(strategyManager), eigen, IEscrow(address(0)), address(pauserRegistry));
    }

    function test_a_staker_waits_once() public {
        stakeBacking(staker, 100);
        bytes32 root = queue(staker, 40);
        assertEq(escrow.stakeOf(staker), 60);
        pass(LAG);
        vm.expectRevert(IDelegationManager.WithdrawalDelayNotElapsed.selector);
        complete(staker, root, true);
        pass(1);
        complete(staker, root, true);
        assertEq(backing.balanceOf(staker), 40);
        assertEq(escrow.held(), 60);
        assertEq(strategy.totalShares(), 60);
    }

    function test_a_withdrawal_pays_the_backing_alone() public {
        stakeWrapped(staker, 100);
        bytes32 root = queue(staker, 100);
        pass(LAG + 1);
        complete(staker, root, true);
        assertEq(backing.balanceOf(staker), 100);
        assertEq(eigen.balanceOf(staker), 0);
    }

    function test_what_was_slashed_while_queued_stays_behind() public {
        stakeAndJoin(100e18, 300e18);
        bytes32 root = queue(staker, 300e18);
        (, uint256 shares) = slash(WAD / 4);
        pass(LAG + 1);
        complete(staker, root, true);
        assertEq(backing.balanceOf(staker), 225e18);
        assertEq(escrow.held(), 175e18);
        assertEq(shares, 100e18);
    }

    /// @dev The accused slashes itself to its own pocket, right after the attack: the units still outlast redemption.
    function test_slashing_oneself_is_no_faster_way_out() public {
        stakeAndJoin(100e18, 300e18);
        uint256 attackBlock = vm.getBlockNumber();
        (uint256 slashId,) = slash(WAD);
        pass(RESOLUTION);
        clear(slashId);
        assertEq(backing.balanceOf(recipient), 0);
        assertEq(escrow.owed(), 400e18);
        uint256 releaseBlock = attackBlock + LAG + 1;
        assertEq(escrow.outflow(0).releaseBlock, releaseBlock);
        assertGt(LAG * SECONDS_PER_BLOCK, parameters.times().vote + uint256(parameters.times().redemption));

        pass(releaseBlock - 1 - vm.getBlockNumber());
        vm.expectRevert(abi.encodeWithSelector(IEscrow.TooEarly.selector, releaseBlock));
        escrow.release(0);
        pass(1);
        escrow.release(0);
        assertEq(backing.balanceOf(recipient), 400e18);
        assertEq(escrow.owed(), 0);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.UnknownOutflow.selector, 0));
        escrow.release(0);
    }

    /// @dev The recipient's own matured exits are not lent to slashed stake.
    function test_a_matured_exit_of_the_recipient_hastens_no_slash() public {
        stakeBacking(recipient, 500e18);
        bytes32 root = queue(recipient, 500e18);
        pass(LAG + 1);
        complete(recipient, root, false);
        stakeAndJoin(100e18, 300e18);
        (uint256 slashId,) = slash(WAD);
        pass(RESOLUTION);
        clear(slashId);
        assertEq(backing.balanceOf(recipient), 0);
    }

    function test_slashed_stake_that_nobody_cleared_for_a_lag_is_paid_at_once() public {
        stakeAndJoin(100e18, 300e18);
        (uint256 slashId,) = slash(WAD / 2);
        pass(LAG + 1);
        clear(slashId);
        assertEq(backing.balanceOf(recipient), 200e18);
        assertEq(escrow.outflowCount(), 0);
    }

    function test_two_slashes_are_two_outflows() public {
        stakeAndJoin(100e18, 300e18);
        (uint256 firstId, uint256 first) = slash(WAD / 4);
        (uint256 secondId, uint256 second) = slash(WAD / 2);
        pass(RESOLUTION);
        clear(firstId);
        clear(secondId);
        assertEq(escrow.outflowCount(), 2);
        assertEq(escrow.outflow(0).amount, first);
        assertEq(escrow.outflow(1).amount, second);
        assertEq(escrow.owed(), first + second);
        assertEq(strategy.totalShares(), 400e18 - first - second);
        pass(LAG + 1);
        escrow.release(0);
        escrow.release(1);
        assertEq(backing.balanceOf(recipient), first + second);
    }

    function test_nothing_is_matured_on_a_chain_younger_than_the_lag() public {
        vm.roll(LAG);
        assertEq(escrow.maturedOf(staker), 0);
    }

    /// @dev In the original an EIGEN set cannot redistribute at all.
    function test_a_set_redistributes_eigen() public view {
        assertTrue(allocationManager.isRedistributingOperatorSet(operatorSet));
        assertEq(allocationManager.getStrategiesInOperatorSet(operatorSet)[0], address(strategy));
    }

    function test_an_exit_may_become_stake_again_and_then_waits_anew() public {
        stakeBacking(staker, 100);
        bytes32 root = queue(staker, 100);
        pass(LAG + 1);
        vm.expectEmit(address(escrow));
        emit IEscrow.ExitReturned(staker, 100);
        complete(staker, root, false);
        assertEq(escrow.stakeOf(staker), 100);
        assertEq(escrow.maturedOf(staker), 0);
        root = queue(staker, 100);
        vm.expectRevert(IDelegationManager.WithdrawalDelayNotElapsed.selector);
        complete(staker, root, true);
    }

    /// @dev Whatever the strategy and all behind it say: here it is this test, which lies as it likes.
    function test_a_strategy_that_lies_gets_nothing_out_before_the_lag() public {
        Escrow lone = new Escrow(address(this), backing, parameters, delegationManager, LAG, SECONDS_PER_BLOCK);
        vm.prank(holder);
        backing.transfer(address(this), 100);
        backing.approve(address(lone), 100);
        lone.deposit(100);
        lone.addStake(staker, 100);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.ExitNotMatured.selector, staker, 1, 0));
        lone.payExit(staker, 1);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.ExitNotMatured.selector, staker, 1, 0));
        lone.addStake(staker, 1);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.StakeTooSmall.selector, staker, 101, 100));
        lone.queueExit(staker, 101);

        lone.queueExit(staker, 70);
        pass(LAG);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.ExitNotMatured.selector, staker, 70, 0));
        lone.payExit(staker, 70);
        lone.queueExit(staker, 30);
        pass(1);
        lone.payExit(staker, 30);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.ExitNotMatured.selector, staker, 41, 40));
        lone.payExit(staker, 41);
        lone.payExit(staker, 40);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.ExitNotMatured.selector, staker, 1, 0));
        lone.payExit(staker, 1);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.NotHeld.selector, 31, 30));
        lone.paySlashed(recipient, 31, 0);
    }

    function test_a_deposit_is_assigned_whole_before_the_next() public {
        Escrow lone = new Escrow(address(this), backing, parameters, delegationManager, LAG, SECONDS_PER_BLOCK);
        vm.prank(holder);
        backing.transfer(address(this), 100);
        backing.approve(address(lone), 100);
        lone.deposit(50);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.DepositUnassigned.selector, 50));
        lone.addStake(staker, 49);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.DepositUnassigned.selector, 50));
        lone.deposit(1);
    }

    function test_only_the_strategy_moves_anything() public {
        vm.startPrank(staker);
        vm.expectRevert(IEscrow.OnlyStrategy.selector);
        escrow.deposit(1);
        vm.expectRevert(IEscrow.OnlyStrategy.selector);
        escrow.addStake(staker, 1);
        vm.expectRevert(IEscrow.OnlyStrategy.selector);
        escrow.queueExit(staker, 1);
        vm.expectRevert(IEscrow.OnlyStrategy.selector);
        escrow.payExit(staker, 1);
        vm.expectRevert(IEscrow.OnlyStrategy.selector);
        escrow.paySlashed(staker, 1, 0);
        vm.expectRevert(IStrategy.OnlyStrategyManager.selector);
        strategy.deposit(backing, 1);
        vm.expectRevert(IStrategy.OnlyStrategyManager.selector);
        strategy.withdraw(staker, backing, 1);
        vm.expectRevert(IStrategy.OnlyStrategyManager.selector);
        strategy.withdrawSlashed(staker, backing, 1, 0);
        vm.expectRevert(IStrategy.OnlyStrategyManager.selector);
        strategy.beforeAddShares(staker, 1);
        vm.expectRevert(IStrategy.OnlyStrategyManager.selector);
        strategy.beforeRemoveShares(staker, 1);
        vm.stopPrank();
    }

    function test_the_strategy_takes_and_pays_no_other_token() public {
        TestToken another = new TestToken();
        vm.startPrank(address(strategyManager));
        vm.expectRevert(IStrategy.OnlyUnderlyingToken.selector);
        strategy.deposit(another, 1);
        vm.expectRevert(IStrategy.NewSharesZero.selector);
        strategy.deposit(backing, 0);
        vm.expectRevert(IStrategy.OnlyUnderlyingToken.selector);
        strategy.withdraw(staker, eigen, 0);
        vm.expectRevert(IStrategy.WithdrawalAmountExceedsTotalDeposits.selector);
        strategy.withdraw(staker, backing, 1);
        vm.stopPrank();
    }

    function test_a_lag_must_cover_redemption_and_not_outlast_the_queue() public {
        uint256 lag = 30 days / SECONDS_PER_BLOCK;
        vm.expectRevert(abi.encodeWithSelector(IEscrow.LagTooShort.selector, (lag - 1) * SECONDS_PER_BLOCK, 30 days));
        new Escrow(address(strategy), backing, parameters, delegationManager, uint32(lag - 1), SECONDS_PER_BLOCK);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.LagTooLong.selector, LAG + 1, LAG));
        new Escrow(address(strategy), backing, parameters, delegationManager, LAG + 1, SECONDS_PER_BLOCK);
        vm.expectRevert(IEscrow.InputAddressZero.selector);
        new Escrow(address(0), backing, parameters, delegationManager, LAG, SECONDS_PER_BLOCK);
    }

    /// @dev The unwrap would be the strategy's, and with it the unit of the fork.
    function test_a_sleeper_cannot_stake_its_unit_of_the_fork_away() public {
        give(staker, 100);
        vm.prank(challengeVault);
        eigen.stopWrapping();
        vm.startPrank(staker);
        eigen.approve(address(strategyManager), 100);
        vm.expectRevert(EigenStrategy.WrapperMayBeOwedAFork.selector);
        strategyManager.depositIntoStrategy(address(strategy), eigen, 100);
        eigen.unwrap(100);
        vm.stopPrank();
        stake(staker, backing, 100);
        assertEq(eigen.unwrapped(staker), 100);
        assertEq(eigen.unwrapped(address(strategy)), 0);
    }

    function test_donations_count_for_nothing() public {
        stakeBacking(staker, 100);
        vm.prank(holder);
        backing.transfer(address(escrow), 1_000);
        assertEq(escrow.held(), 100);
        assertEq(strategy.sharesToUnderlying(100), 100);
        assertEq(strategy.underlyingToShares(100), 100);
    }

    function test_exits_cannot_be_paused_and_deposits_can() public {
        vm.startPrank(pauser);
        vm.expectRevert(IStrategy.WithdrawalsCannotBePaused.selector);
        strategy.pause(2);
        strategy.pauseAll();
        vm.stopPrank();
        assertEq(strategy.paused(), 1);
        vm.prank(address(strategyManager));
        vm.expectRevert(IPausable.CurrentlyPaused.selector);
        strategy.deposit(backing, 1);
    }

    function test_it_is_forkable_from_a_fifth_of_the_supply_staked() public {
        stakeBacking(staker, SUPPLY / 5 - 1);
        assertFalse(escrow.isForkable());
        stakeBacking(staker, 1);
        assertTrue(escrow.isForkable());
        queue(staker, 1);
        assertFalse(escrow.isForkable());
    }

    function test_checkpoints_tell_what_was_staked_when_and_under_whom() public {
        stakeAndJoin(100e18, 300e18);
        uint256 before = vm.getBlockNumber();
        pass(1);
        slash(WAD / 2);
        uint256 afterSlash = vm.getBlockNumber();
        pass(1);
        queue(staker, 100e18);
        uint256 afterQueue = vm.getBlockNumber();
        pass(1);
        vm.prank(staker);
        delegationManager.undelegate(staker);
        uint256 afterLeaving = vm.getBlockNumber();
        pass(1);

        _expectWorth(before, operator, 300e18);
        _expectWorth(afterSlash, operator, 150e18);
        _expectWorth(afterQueue, operator, 100e18);
        _expectWorth(afterLeaving, address(0), 0);
        assertEq(escrow.stakeAt(staker, afterQueue), 200e18);
        assertEq(escrow.queuedAt(staker, afterSlash), 0);
        assertEq(escrow.queuedAt(staker, afterQueue), 100e18);
        assertEq(escrow.queuedAt(staker, afterLeaving), 300e18);
        assertEq(escrow.settledAt(staker, afterLeaving), 0);
        assertEq(escrow.totalStakeAt(before), 400e18);
        assertEq(escrow.totalStakeAt(afterLeaving), 100e18);
    }

    function test_a_block_that_has_not_ended_is_not_told() public {
        bytes memory notPast = abi.encodeWithSelector(IEscrow.NotPast.selector, vm.getBlockNumber());
        vm.expectRevert(notPast);
        escrow.stakeAt(staker, vm.getBlockNumber());
        vm.expectRevert(notPast);
        escrow.worthAt(staker, vm.getBlockNumber());
        vm.expectRevert(abi.encodeWithSelector(IDelegationManager.NotPast.selector, vm.getBlockNumber()));
        delegationManager.delegatedToAtBlock(staker, uint32(vm.getBlockNumber()));
    }

    /// @dev The checkpoint is what the DelegationManager said at that block, also for a staker that joined a slashed operator.
    function testFuzz_a_checkpoint_is_the_worth_of_its_block(uint256 amount, uint256 first, uint256 second) public {
        stakeAndJoin(100e18, 1e18);
        slash(bound(first, 1, WAD / 10 * 9));
        address late = makeAddr("late");
        stakeBacking(late, bound(amount, 1e9, 1e26));
        delegate(late, operator);
        pass(1);
        stakeBacking(late, bound(amount / 7, 1e9, 1e26));
        slash(bound(second, 1, WAD / 10 * 9));
        (uint256[] memory worth,) = delegationManager.getWithdrawableShares(late, one(address(strategy)));
        uint256 at = vm.getBlockNumber();
        pass(1);
        slash(WAD / 2);
        stakeBacking(late, 1e18);
        (, uint256 told) = escrow.worthAt(late, at);
        assertEq(told, worth[0]);
    }

    function _expectWorth(uint256 blockNumber, address under, uint256 worth) private view {
        (address toldOperator, uint256 told) = escrow.worthAt(staker, blockNumber);
        assertEq(toldOperator, under);
        assertEq(told, worth);
    }
}
