// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IStrategyManager} from "../../src/interfaces/IStrategyManager.sol";
import {OperatorSet} from "../../src/libraries/OperatorSetLib.sol";
import {StakedFixture} from "./StakedFixture.sol";
import {TestToken} from "./TestToken.sol";

contract SlashLedgerTest is StakedFixture {
    uint32 private constant RESOLUTION = 50_400;

    IERC20 private token;

    function setUp() public override {
        super.setUp();
        token = strategy.underlyingToken();
        deposit(operator, secondStrategy, 50e18);
        allocate(operator, operatorSet, address(secondStrategy), 1e18);
        makeSlashable(0.5e18);
    }

    function test_slashed_stake_waits_for_the_resolution_delay() public {
        (uint256 slashId,) = slash(1e18);
        uint256 resolution = vm.getBlockNumber() + RESOLUTION;
        assertEq(strategyManager.getSlashResolutionBlock(operatorSet, slashId), resolution);
        bytes memory tooEarly = abi.encodeWithSelector(IStrategyManager.SlashNotResolved.selector, resolution);
        roll(RESOLUTION - 1);
        vm.expectRevert(tooEarly);
        strategyManager.clearBurnOrRedistributableShares(operatorSet, slashId);
        vm.expectRevert(tooEarly);
        strategyManager.clearBurnOrRedistributableSharesByStrategy(operatorSet, slashId, address(strategy));
        roll(1);
        uint256[] memory amounts = strategyManager.clearBurnOrRedistributableShares(operatorSet, slashId);
        assertEq(amounts[0], 200e18);
        assertEq(token.balanceOf(recipient), 200e18);
    }

    function test_each_slash_has_its_own_clock() public {
        (uint256 first,) = slash(0.5e18);
        roll(RESOLUTION);
        (uint256 second,) = slash(0.5e18);
        strategyManager.clearBurnOrRedistributableShares(operatorSet, first);
        vm.expectRevert(
            abi.encodeWithSelector(IStrategyManager.SlashNotResolved.selector, vm.getBlockNumber() + RESOLUTION)
        );
        strategyManager.clearBurnOrRedistributableShares(operatorSet, second);
    }

    function test_nothing_is_paid_twice() public {
        (uint256 slashId,) = slash(1e18);
        roll(RESOLUTION);
        strategyManager.clearBurnOrRedistributableShares(operatorSet, slashId);
        assertEq(strategyManager.clearBurnOrRedistributableShares(operatorSet, slashId).length, 0);
        assertEq(strategyManager.clearBurnOrRedistributableSharesByStrategy(operatorSet, slashId, address(strategy)), 0);
        assertEq(token.balanceOf(recipient), 200e18);
    }

    function test_a_set_without_a_recipient_burns() public {
        OperatorSet memory burning = createSet(address(avs), 2, one(address(strategy)), slasher, address(0));
        allocate(operator, burning, address(strategy), 0.25e18);
        roll(216_000);
        joinSet(operator, burning, "");
        operatorSet = burning;
        (uint256 slashId,) = slash(1e18);
        roll(RESOLUTION);
        strategyManager.clearBurnOrRedistributableShares(burning, slashId);
        assertEq(token.balanceOf(strategyManager.DEFAULT_BURN_ADDRESS()), 100e18);
    }

    function test_a_failing_token_holds_back_no_other_and_no_slash() public {
        address broken = address(strategy.underlyingToken());
        vm.mockCallRevert(broken, abi.encodeWithSelector(IERC20.transfer.selector), "broken");
        (uint256 slashId, uint256[] memory shares) = slashAs(slasher, _both(), 1e18);
        assertEq(shares[0], 200e18);
        assertEq(shares[1], 50e18);
        roll(RESOLUTION);
        vm.expectRevert();
        strategyManager.clearBurnOrRedistributableShares(operatorSet, slashId);
        uint256 paid =
            strategyManager.clearBurnOrRedistributableSharesByStrategy(operatorSet, slashId, address(secondStrategy));
        assertEq(paid, 50e18);
        assertEq(strategyManager.getBurnOrRedistributableShares(operatorSet, slashId, address(strategy)), 200e18);
        vm.clearMockedCalls();
        strategyManager.clearBurnOrRedistributableShares(operatorSet, slashId);
        assertEq(token.balanceOf(recipient), 200e18);
    }

    function test_clearing_pays_at_the_rate_of_that_day() public {
        (uint256 slashId,) = slash(1e18);
        TestToken(address(token)).mint(address(strategy), 400e18);
        roll(RESOLUTION);
        strategyManager.clearBurnOrRedistributableShares(operatorSet, slashId);
        assertApproxEqAbs(token.balanceOf(recipient), 400e18, 1e3);
        assertEq(strategy.totalShares(), 200e18);
    }

    function test_the_ledger_lists_what_is_pending() public {
        (uint256 slashId,) = slashAs(slasher, _both(), 1e18);
        assertEq(strategyManager.getPendingOperatorSets().length, 1);
        assertEq(strategyManager.getPendingSlashIds(operatorSet)[0], slashId);
        (address[] memory strategies, uint256[] memory shares) =
            strategyManager.getBurnOrRedistributableShares(operatorSet, slashId);
        assertEq(strategies, _both());
        assertEq(shares[0], 200e18);
        assertEq(shares[1], 50e18);
        assertEq(strategyManager.getBurnOrRedistributableCount(operatorSet, slashId), 2);
        roll(RESOLUTION);
        strategyManager.clearBurnOrRedistributableShares(operatorSet, slashId);
        assertEq(strategyManager.getPendingOperatorSets().length, 0);
        assertEq(strategyManager.getPendingSlashIds(operatorSet).length, 0);
    }

    function test_an_unknown_slash_pays_nothing() public {
        assertEq(strategyManager.getSlashResolutionBlock(operatorSet, 5), 0);
        assertEq(strategyManager.clearBurnOrRedistributableShares(operatorSet, 5).length, 0);
        assertEq(strategyManager.clearBurnOrRedistributableSharesByStrategy(operatorSet, 5, address(strategy)), 0);
    }

    function test_only_the_delegation_manager_parks_shares() public {
        vm.prank(address(allocationManager));
        vm.expectRevert(IStrategyManager.OnlyDelegationManager.selector);
        strategyManager.increaseBurnOrRedistributableShares(operatorSet, 1, address(strategy), 1);
    }

    function test_a_strategy_enters_a_slash_once() public {
        vm.startPrank(address(delegationManager));
        strategyManager.increaseBurnOrRedistributableShares(operatorSet, 1, address(strategy), 1);
        vm.expectRevert(IStrategyManager.StrategyAlreadyInSlash.selector);
        strategyManager.increaseBurnOrRedistributableShares(operatorSet, 1, address(strategy), 1);
        vm.stopPrank();
    }

    function test_a_second_strategy_of_a_slash_does_not_move_its_clock() public {
        vm.prank(address(delegationManager));
        strategyManager.increaseBurnOrRedistributableShares(operatorSet, 1, address(strategy), 1);
        uint32 resolution = strategyManager.getSlashResolutionBlock(operatorSet, 1);
        roll(10);
        vm.prank(address(delegationManager));
        strategyManager.increaseBurnOrRedistributableShares(operatorSet, 1, address(secondStrategy), 1);
        assertEq(strategyManager.getSlashResolutionBlock(operatorSet, 1), resolution);
    }
}
