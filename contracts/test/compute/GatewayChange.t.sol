// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IBatchRegistry} from "../../src/interfaces/IBatchRegistry.sol";
import {VouchFixture} from "../VouchFixture.sol";

/// @title A lane's next gateway: who names it, who waits for whom, and what stays as it was.
contract GatewayChangeTest is VouchFixture {
    address private next = makeAddr("next gateway");

    function setUp() public {
        deployVouch();
    }

    function test_theNamedGatewayTakesTheLaneAfterTheDelay() public {
        postChain(chain(1, 0, 2));
        uint256 started = block.timestamp;
        name(next);
        assertEq(info().nextGateway, next);
        assertEq(info().changeAfter, started + GATEWAY_DELAY);
        vm.warp(started + GATEWAY_DELAY - 1);
        vm.prank(next);
        vm.expectRevert(abi.encodeWithSelector(IBatchRegistry.TooEarly.selector, started + GATEWAY_DELAY));
        registry.takeLane(app, lane);
        vm.warp(started + GATEWAY_DELAY);
        // Nothing changes by the passing of time alone: a gateway that never comes takes no lane away.
        assertEq(info().gateway, GATEWAY);
        vm.expectEmit(address(registry));
        emit IBatchRegistry.GatewayChanged(app, lane, 2, next, 2);
        vm.prank(next);
        registry.takeLane(app, lane);
        assertEq(info().gateway, next);
        assertEq(info().epoch, 2);
        assertEq(info().nextGateway, address(0));
        assertEq(info().cursor, 2);
    }

    function test_withTheOldGatewaysConsentItIsAtOnce() public {
        name(next);
        vm.prank(GATEWAY);
        registry.consentToGateway(app, lane, next);
        vm.prank(next);
        registry.takeLane(app, lane);
        assertEq(info().gateway, next);
    }

    /// @dev The owner cannot name another once the gateway has agreed to one.
    function test_consentIsToOneGatewayAlone() public {
        name(next);
        address other = makeAddr("other");
        vm.prank(GATEWAY);
        vm.expectRevert(abi.encodeWithSelector(IBatchRegistry.NotNamed.selector, other, next));
        registry.consentToGateway(app, lane, other);
        vm.prank(GATEWAY);
        registry.consentToGateway(app, lane, next);
        name(other);
        vm.prank(other);
        vm.expectRevert(abi.encodeWithSelector(IBatchRegistry.TooEarly.selector, block.timestamp + GATEWAY_DELAY));
        registry.takeLane(app, lane);
    }

    function test_onlyTheGatewayConsents() public {
        name(next);
        vm.prank(next);
        vm.expectRevert(abi.encodeWithSelector(IBatchRegistry.NotGateway.selector, next, GATEWAY));
        registry.consentToGateway(app, lane, next);
    }

    function test_nobodyConsentsToNobody() public {
        vm.prank(GATEWAY);
        vm.expectRevert(abi.encodeWithSelector(IBatchRegistry.NotNamed.selector, address(0), address(0)));
        registry.consentToGateway(app, lane, address(0));
    }

    function test_onlyTheAppsOwnerNames() public {
        vm.expectRevert(abi.encodeWithSelector(IBatchRegistry.NotAppOwner.selector, app, address(this)));
        registry.nameGateway(app, lane, next);
        vm.prank(appOwner);
        vm.expectRevert(IBatchRegistry.InvalidGateway.selector);
        registry.nameGateway(app, lane, GATEWAY);
        vm.prank(appOwner);
        vm.expectRevert(abi.encodeWithSelector(IBatchRegistry.UnknownLane.selector, app, 9));
        registry.nameGateway(app, 9, next);
    }

    function test_aWordTakenBack() public {
        name(next);
        name(address(0));
        vm.warp(block.timestamp + GATEWAY_DELAY);
        vm.prank(next);
        vm.expectRevert(abi.encodeWithSelector(IBatchRegistry.NotNamed.selector, next, address(0)));
        registry.takeLane(app, lane);
    }

    function test_onlyTheNamedGatewayTakesTheLane() public {
        name(next);
        vm.warp(block.timestamp + GATEWAY_DELAY);
        vm.expectRevert(abi.encodeWithSelector(IBatchRegistry.NotNamed.selector, address(this), next));
        registry.takeLane(app, lane);
    }

    /// @dev Batches of before the change are posted after it, by anyone.
    function test_whatWasCertifiedBeforeIsPostedAfter() public {
        name(next);
        vm.prank(GATEWAY);
        registry.consentToGateway(app, lane, next);
        vm.prank(next);
        registry.takeLane(app, lane);
        postChain(chain(1, 0, 3));
        assertEq(info().cursor, 3);
    }

    /// @dev The bond of a skip that outlives a change goes to who serves the lane when it moves.
    function test_aSkipAcrossAChange() public {
        registry.requestSkip{value: SKIP_BOND}(app, lane);
        name(next);
        vm.prank(GATEWAY);
        registry.consentToGateway(app, lane, next);
        vm.prank(next);
        registry.takeLane(app, lane);
        postOne(batchAfter(1, 0, 0));
        assertEq(registry.bondCredit(next), SKIP_BOND);
    }

    function name(address gateway) private {
        vm.prank(appOwner);
        registry.nameGateway(app, lane, gateway);
    }

    function info() private view returns (IBatchRegistry.Lane memory) {
        return registry.laneInfo(app, lane);
    }
}
