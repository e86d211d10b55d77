// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {StrategyBaseTVLLimits} from "../../src/core/StrategyBaseTVLLimits.sol";
import {IPausable} from "../../src/interfaces/IPausable.sol";
import {IStrategyTVLLimits} from "../../src/interfaces/IStrategyTVLLimits.sol";
import {CoreFixture} from "./CoreFixture.sol";
import {TestToken} from "./TestToken.sol";

contract StrategyLimitsTest is CoreFixture {
    StrategyBaseTVLLimits private strategy;
    address private staker = makeAddr("staker");

    function setUp() public {
        deployCore(localDelays());
        TestToken token = new TestToken();
        strategy = new StrategyBaseTVLLimits(address(strategyManager), token, address(pauserRegistry), 10e18, 25e18);
        vm.prank(whitelister);
        strategyManager.addStrategiesToDepositWhitelist(one(address(strategy)));
    }

    function test_a_deposit_up_to_the_limits_is_taken() public {
        deposit(staker, strategy, 10e18);
        deposit(staker, strategy, 10e18);
        deposit(staker, strategy, 5e18);
        assertEq(strategy.totalShares(), 25e18);
    }

    function test_a_deposit_beyond_either_limit_is_refused() public {
        _expectRefused(10e18 + 1, IStrategyTVLLimits.MaxPerDepositExceedsMax.selector);
        deposit(staker, strategy, 10e18);
        deposit(staker, strategy, 10e18);
        _expectRefused(5e18 + 1, IStrategyTVLLimits.BalanceExceedsMaxTotalDeposits.selector);
    }

    function test_lower_limits_keep_nobody_from_leaving() public {
        deposit(staker, strategy, 10e18);
        vm.prank(unpauser);
        strategy.setTVLLimits(0, 0);
        IERC20 token = strategy.underlyingToken();
        vm.prank(address(strategyManager));
        strategy.withdraw(staker, token, 10e18);
        assertEq(token.balanceOf(staker), 10e18);
    }

    function test_only_the_unpauser_sets_limits_that_fit_each_other() public {
        vm.prank(pauser);
        vm.expectRevert(IPausable.OnlyUnpauser.selector);
        strategy.setTVLLimits(1, 2);
        vm.startPrank(unpauser);
        vm.expectRevert(IStrategyTVLLimits.MaxPerDepositExceedsMax.selector);
        strategy.setTVLLimits(3, 2);
        vm.expectEmit();
        emit IStrategyTVLLimits.MaxPerDepositUpdated(10e18, 1);
        strategy.setTVLLimits(1, 2);
        vm.stopPrank();
        (uint256 perDeposit, uint256 total) = strategy.getTVLLimits();
        assertEq(perDeposit, 1);
        assertEq(total, 2);
    }

    function _expectRefused(uint256 amount, bytes4 reason) private {
        TestToken token = TestToken(address(strategy.underlyingToken()));
        token.mint(staker, amount);
        vm.startPrank(staker);
        token.approve(address(strategyManager), amount);
        vm.expectRevert(reason);
        strategyManager.depositIntoStrategy(address(strategy), token, amount);
        vm.stopPrank();
    }
}
