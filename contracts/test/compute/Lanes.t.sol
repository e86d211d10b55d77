// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {BatchRegistry} from "../../src/compute/BatchRegistry.sol";
import {Lanes} from "../../src/compute/Lanes.sol";
import {IAppController} from "../../src/interfaces/IAppController.sol";
import {IBatchRegistry} from "../../src/interfaces/IBatchRegistry.sol";
import {VouchFixture} from "../VouchFixture.sol";

/// @title Registering lanes.
contract LanesTest is VouchFixture {
    function setUp() public {
        deployVouch();
    }

    function test_lanesCountFromOnePerApp() public {
        assertEq(lane, 1);
        vm.prank(appOwner);
        assertEq(registry.registerLane(app, GATEWAY, 4_096), 2);
        assertEq(registry.laneCount(app), 2);
        IBatchRegistry.Lane memory info = registry.laneInfo(app, 2);
        assertEq(info.gateway, GATEWAY);
        assertEq(info.window, 4_096);
        assertEq(info.cursor, 0);
        assertEq(info.tip, bytes32(0));
        assertEq(info.epoch, 1);
    }

    function test_onlyTheAppsOwnerRegistersLanes() public {
        vm.expectRevert(abi.encodeWithSelector(IBatchRegistry.NotAppOwner.selector, app, address(this)));
        registry.registerLane(app, GATEWAY, WINDOW);
    }

    function test_aWindowOutOfBounds() public {
        vm.startPrank(appOwner);
        vm.expectRevert(abi.encodeWithSelector(IBatchRegistry.InvalidWindow.selector, 0));
        registry.registerLane(app, GATEWAY, 0);
        vm.expectRevert(abi.encodeWithSelector(IBatchRegistry.InvalidWindow.selector, 4_097));
        registry.registerLane(app, GATEWAY, 4_097);
        vm.expectRevert(IBatchRegistry.InvalidGateway.selector);
        registry.registerLane(app, address(0), WINDOW);
    }

    function test_aLaneOfNoApp() public {
        vm.expectRevert(abi.encodeWithSelector(IAppController.UnknownApp.selector, bytes32(0)));
        registry.registerLane(0, GATEWAY, WINDOW);
    }

    function test_aRegistryWithoutASkipDelay() public {
        Lanes.LaneRules memory rules = laneRules();
        rules.skipDelay = 0;
        vm.expectRevert(IBatchRegistry.ZeroSkipDelay.selector);
        new BatchRegistry(controller, verifier, inbox, rules);
        rules = laneRules();
        rules.gatewayDelay = 0;
        vm.expectRevert(IBatchRegistry.ZeroGatewayDelay.selector);
        new BatchRegistry(controller, verifier, inbox, rules);
    }
}
