// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {StrategyBase} from "../../src/core/StrategyBase.sol";
import {StrategyFactory} from "../../src/core/StrategyFactory.sol";
import {IPausable} from "../../src/interfaces/IPausable.sol";
import {IStrategyFactory} from "../../src/interfaces/IStrategyFactory.sol";
import {IStrategyManager} from "../../src/interfaces/IStrategyManager.sol";
import {CoreFixture} from "./CoreFixture.sol";
import {TestToken} from "./TestToken.sol";

contract StrategyFactoryTest is CoreFixture {
    StrategyFactory private factory;
    TestToken private token = new TestToken();
    TestToken private refused = new TestToken();
    address private owner = makeAddr("owner");
    address private staker = makeAddr("staker");

    function setUp() public {
        deployCore(localDelays());
        factory = new StrategyFactory(address(strategyManager), address(pauserRegistry), owner, one(address(refused)));
        vm.prank(whitelister);
        strategyManager.setStrategyWhitelister(address(factory));
    }

    function test_anyone_makes_the_one_strategy_of_a_token() public {
        vm.prank(staker);
        address strategy = factory.deployNewStrategy(address(token));
        assertEq(factory.deployedStrategies(address(token)), strategy);
        assertEq(deposit(staker, StrategyBase(strategy), 3e18), 3e18);
        vm.expectRevert(IStrategyFactory.StrategyAlreadyExists.selector);
        factory.deployNewStrategy(address(token));
    }

    function test_a_refused_token_gets_none() public {
        vm.expectRevert(IStrategyFactory.BlacklistedToken.selector);
        factory.deployNewStrategy(address(refused));
    }

    function test_a_token_that_is_refused_later_takes_no_more_deposits() public {
        StrategyBase strategy = StrategyBase(factory.deployNewStrategy(address(token)));
        deposit(staker, strategy, 3e18);
        vm.startPrank(owner);
        factory.blacklistTokens(one(address(token)));
        vm.expectRevert(IStrategyFactory.AlreadyBlacklisted.selector);
        factory.blacklistTokens(one(address(token)));
        vm.stopPrank();
        token.mint(staker, 1);
        vm.startPrank(staker);
        token.approve(address(strategyManager), 1);
        vm.expectRevert(IStrategyManager.StrategyNotWhitelisted.selector);
        strategyManager.depositIntoStrategy(address(strategy), token, 1);
        vm.stopPrank();
    }

    function test_only_the_owner_keeps_the_lists() public {
        bytes memory reason = abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, address(this));
        vm.expectRevert(reason);
        factory.blacklistTokens(one(address(token)));
        vm.expectRevert(reason);
        factory.whitelistStrategies(one(address(token)));
        vm.expectRevert(reason);
        factory.removeStrategiesFromWhitelist(one(address(token)));
        vm.expectRevert(reason);
        factory.setStrategyWhitelister(address(this));
    }

    function test_the_owner_admits_and_removes_other_strategies_and_hands_the_list_on() public {
        StrategyBase other = new StrategyBase(address(strategyManager), token, address(pauserRegistry));
        vm.startPrank(owner);
        factory.whitelistStrategies(one(address(other)));
        assertTrue(strategyManager.strategyIsWhitelistedForDeposit(address(other)));
        factory.removeStrategiesFromWhitelist(one(address(other)));
        assertFalse(strategyManager.strategyIsWhitelistedForDeposit(address(other)));
        vm.expectRevert(abi.encodeWithSelector(IStrategyFactory.TooMany.selector, 65, 64));
        factory.whitelistStrategies(new address[](65));
        factory.setStrategyWhitelister(owner);
        vm.stopPrank();
        assertEq(strategyManager.strategyWhitelister(), owner);
    }

    function test_a_pause_stops_new_strategies() public {
        vm.prank(pauser);
        factory.pause(1);
        vm.expectRevert(IPausable.CurrentlyPaused.selector);
        factory.deployNewStrategy(address(token));
    }
}
