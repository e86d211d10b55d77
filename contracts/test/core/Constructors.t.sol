// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {AllocationManager} from "../../src/core/AllocationManager.sol";
import {DelegationManager} from "../../src/core/DelegationManager.sol";
import {StrategyBase} from "../../src/core/StrategyBase.sol";
import {StrategyFactory} from "../../src/core/StrategyFactory.sol";
import {StrategyManager} from "../../src/core/StrategyManager.sol";
import {IPausable} from "../../src/interfaces/IPausable.sol";
import {CoreFixture} from "./CoreFixture.sol";
import {TestToken} from "./TestToken.sol";

/// @title What a contract is built on can never be changed, so nothing is built on nobody.
contract ConstructorsTest is CoreFixture {
    address private constant SOMEBODY = address(1);

    function setUp() public {
        deployCore(localDelays());
    }

    function test_a_strategy_manager_names_everybody() public {
        for (uint256 i = 0; i < 4; i++) {
            address[4] memory parts = [SOMEBODY, SOMEBODY, SOMEBODY, SOMEBODY];
            parts[i] = address(0);
            vm.expectRevert(IPausable.InputAddressZero.selector);
            new StrategyManager(parts[0], parts[1], parts[2], parts[3], 1);
        }
        vm.prank(whitelister);
        vm.expectRevert(IPausable.InputAddressZero.selector);
        strategyManager.setStrategyWhitelister(address(0));
    }

    function test_a_delegation_manager_names_everybody() public {
        for (uint256 i = 0; i < 4; i++) {
            address[4] memory parts = [SOMEBODY, SOMEBODY, SOMEBODY, SOMEBODY];
            parts[i] = address(0);
            vm.expectRevert(IPausable.InputAddressZero.selector);
            new DelegationManager(parts[0], parts[1], parts[2], parts[3], 1);
        }
    }

    function test_an_allocation_manager_names_everybody() public {
        address delegation = address(delegationManager);
        vm.expectRevert(IPausable.InputAddressZero.selector);
        new AllocationManager(delegation, address(0), SOMEBODY, 600, 640, 20);
        vm.expectRevert(IPausable.InputAddressZero.selector);
        new AllocationManager(delegation, SOMEBODY, address(0), 600, 640, 20);
    }

    function test_a_strategy_names_everybody() public {
        IERC20 token = new TestToken();
        vm.expectRevert(IPausable.InputAddressZero.selector);
        new StrategyBase(address(0), token, SOMEBODY);
        vm.expectRevert(IPausable.InputAddressZero.selector);
        new StrategyBase(SOMEBODY, IERC20(address(0)), SOMEBODY);
        vm.expectRevert(IPausable.InputAddressZero.selector);
        new StrategyBase(SOMEBODY, token, address(0));
        vm.expectRevert(IPausable.InputAddressZero.selector);
        new StrategyFactory(address(0), SOMEBODY, SOMEBODY, new address[](0));
    }
}
