// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Profile} from "../../src/compute/Profile.sol";
import {IAppController} from "../../src/interfaces/IAppController.sol";
import {IKeyRegistrarTypes} from "../../src/interfaces/IKeyRegistrar.sol";
import {IOperatorTableSource} from "../../src/interfaces/IBN254CertificateVerifier.sol";
import {IProfile} from "../../src/interfaces/IProfile.sol";
import {OperatorSet} from "../../src/libraries/OperatorSetLib.sol";
import {VouchTypes} from "../../src/libraries/VouchTypes.sol";
import {VouchFixture} from "../VouchFixture.sol";

/// @title Apps and who joins their sets.
contract AppControllerTest is VouchFixture {
    function setUp() public {
        deployVouch();
    }

    // Apps.

    function test_anAppIsARedistributingSetSlashedByTheRouter() public view {
        assertEq(app, VouchTypes.appId(address(controller), 1));
        assertEq(controller.appOf(1), app);
        assertTrue(allocationManager.isRedistributingOperatorSet(set));
        assertEq(allocationManager.getSlasher(set), address(router));
        assertEq(allocationManager.getRedistributionRecipient(set), address(vault));
        assertEq(uint256(keyRegistrar.getOperatorSetCurveType(set)), uint256(IKeyRegistrarTypes.CurveType.BN254));
        IAppController.App memory info = controller.appInfo(app);
        assertEq(info.owner, appOwner);
        assertEq(info.profile, address(profile));
        assertEq(info.thresholdBips, THRESHOLD_BIPS);
        assertEq(info.strategies, appParameters().strategies);
    }

    function test_tableParametersAreTheAppsAndItsProfiles() public view {
        IOperatorTableSource.TableParameters memory parameters = controller.tableParameters(1);
        assertEq(parameters.strategies, appParameters().strategies);
        assertEq(parameters.minimumStake, appParameters().minimumStake);
        assertEq(parameters.requiredStake, appParameters().requiredStake);
        assertEq(parameters.horizonBlocks, profile.wholeTimeBlocks());
        assertEq(parameters.stalenessSeconds, profile.staleness());
    }

    function test_idsCountFromOne() public {
        assertEq(controller.appInfo(newApp(appParameters())).operatorSetId, 2);
        vm.expectPartialRevert(IAppController.UnknownApp.selector);
        controller.appOf(0);
        vm.expectPartialRevert(IAppController.UnknownApp.selector);
        controller.tableParameters(3);
    }

    function test_aThresholdOfHalfOrLessOrAboveAll() public {
        uint16[3] memory wrong = [uint16(0), 5_000, 10_001];
        for (uint256 i = 0; i < wrong.length; ++i) {
            IAppController.AppParameters memory parameters = appParameters();
            parameters.thresholdBips = wrong[i];
            refuseApp(parameters, IAppController.InvalidThreshold.selector);
        }
    }

    function test_strategiesAndStakesThatDoNotFit() public {
        IAppController.AppParameters memory parameters = appParameters();
        (parameters.strategies[0], parameters.strategies[1]) = (parameters.strategies[1], parameters.strategies[0]);
        refuseApp(parameters, IAppController.StrategiesNotAscending.selector);
        parameters = appParameters();
        parameters.strategies[1] = parameters.strategies[0];
        refuseApp(parameters, IAppController.StrategiesNotAscending.selector);
        parameters = appParameters();
        parameters.requiredStake = new uint256[](1);
        refuseApp(parameters, IAppController.LengthMismatch.selector);
        parameters = appParameters();
        parameters.minimumStake = new uint256[](3);
        refuseApp(parameters, IAppController.LengthMismatch.selector);
        parameters = appParameters();
        parameters.metadataURI = string(new bytes(2_049));
        refuseApp(parameters, IAppController.TextTooLong.selector);
        parameters = appParameters();
        parameters.minimumStake[1] = 0;
        refuseApp(parameters, IAppController.ZeroMinimumStake.selector);
        parameters = appParameters();
        parameters.strategies = new address[](0);
        refuseApp(parameters, IAppController.InvalidStrategyCount.selector);
        parameters.strategies = new address[](9);
        refuseApp(parameters, IAppController.InvalidStrategyCount.selector);
    }

    /// @dev Made for a chain whose stake stays slashable twice as long as here.
    function test_aProfileThatOutlastsTheDeallocationDelay() public {
        IAppController.AppParameters memory parameters = appParameters();
        parameters.profile = address(new Profile(profileTimes(), 1, SLASHABLE_BLOCKS * 12, 1));
        refuseApp(parameters, IAppController.InvalidProfile.selector);
    }

    function test_aProfileWithoutWholeTimeOrStaleness() public {
        bytes4[2] memory times = [IProfile.wholeTimeBlocks.selector, IProfile.staleness.selector];
        for (uint256 i = 0; i < times.length; ++i) {
            vm.mockCall(address(profile), abi.encodeWithSelector(times[i]), abi.encode(0));
            refuseApp(appParameters(), IAppController.InvalidProfile.selector);
            vm.clearMockedCalls();
        }
        newApp(appParameters());
    }

    function test_onlyTheOwnerHandsAnAppOn() public {
        vm.expectRevert(abi.encodeWithSelector(IAppController.NotAppOwner.selector, app, address(this)));
        controller.transferApp(app, address(this));
        vm.startPrank(appOwner);
        vm.expectRevert(IAppController.InvalidOwner.selector);
        controller.transferApp(app, address(0));
        controller.transferApp(app, address(this));
        vm.expectRevert(abi.encodeWithSelector(IAppController.NotAppOwner.selector, app, appOwner));
        controller.transferApp(app, appOwner);
    }

    // Members.

    function test_anOperatorWithTooLittleStake() public {
        uint256 newcomer = OPERATOR_COUNT;
        prepare(newcomer, MINIMUM_STAKE - 1);
        refuseJoin(newcomer, abi.encodeWithSelector(IAppController.StakeBelowMinimum.selector, operatorOf(newcomer)));
    }

    function test_anOperatorWithTheMinimumStake() public {
        prepare(OPERATOR_COUNT, MINIMUM_STAKE);
        joinSet(operatorOf(OPERATOR_COUNT), set, "");
        assertTrue(allocationManager.isMemberOfOperatorSet(operatorOf(OPERATOR_COUNT), set));
    }

    /// @dev An allocation counts only after the guard; until then nobody could be slashed for what the operator signs.
    function test_anAllocationThatDoesNotCountYet() public {
        uint256 newcomer = OPERATOR_COUNT;
        stakeAndAllocate(newcomer, 10 ether);
        registerKeyOf(newcomer, set);
        roll(allocationWait(operatorOf(newcomer)) - 1);
        refuseJoin(newcomer, abi.encodeWithSelector(IAppController.StakeBelowMinimum.selector, operatorOf(newcomer)));
        roll(1);
        joinSet(operatorOf(newcomer), set, "");
    }

    /// @dev Who is no member takes an allocation away at once.
    function test_anAllocationThatWasTakenAway() public {
        uint256 newcomer = OPERATOR_COUNT;
        prepare(newcomer, 10 ether);
        for (uint256 j = 0; j < 2; ++j) {
            allocate(operatorOf(newcomer), set, address(stakeStrategies[j]), 0);
        }
        refuseJoin(newcomer, abi.encodeWithSelector(IAppController.StakeBelowMinimum.selector, operatorOf(newcomer)));
    }

    function test_anOperatorWithoutAKey() public {
        uint256 newcomer = OPERATOR_COUNT;
        stakeAndAllocate(newcomer, 10 ether);
        roll(allocationWait(operatorOf(newcomer)));
        refuseJoin(newcomer, abi.encodeWithSelector(IAppController.KeyMissing.selector, operatorOf(newcomer)));
    }

    function test_onlyTheAllocationManagerRegisters() public {
        vm.expectRevert(IAppController.NotAllocationManager.selector);
        controller.registerOperator(operatorOf(0), address(controller), new uint32[](0), "");
        // Another AVS may name this contract as its registrar; its sets are none of ours.
        vm.expectRevert(IAppController.NotAllocationManager.selector);
        vm.prank(address(allocationManager));
        controller.registerOperator(operatorOf(0), address(this), new uint32[](0), "");
        assertTrue(controller.supportsAVS(address(controller)));
        assertFalse(controller.supportsAVS(address(this)));
    }

    function test_theSetIsFull() public {
        prepare(OPERATOR_COUNT, 10 ether);
        // The 257th member: the count that the hook asks for already has the newcomer in it.
        mockMemberCount(257);
        refuseJoin(OPERATOR_COUNT, abi.encodeWithSelector(IAppController.SetIsFull.selector, 256));
        mockMemberCount(256);
        joinSet(operatorOf(OPERATOR_COUNT), set, "");
    }

    function test_leavingNeedsNobodysConsent() public {
        leaveSet(operatorOf(0), operatorOf(0), set);
        assertFalse(allocationManager.isMemberOfOperatorSet(operatorOf(0), set));
        controller.deregisterOperator(operatorOf(0), address(0), new uint32[](0));
    }

    function test_anEmptyPlaceInAFullSetIsFreed() public {
        vm.expectPartialRevert(IAppController.SetHasRoom.selector);
        controller.evict(app, operatorOf(0));
        mockMemberCount(256);
        vm.expectRevert(abi.encodeWithSelector(IAppController.StakeSuffices.selector, operatorOf(0)));
        controller.evict(app, operatorOf(0));
        for (uint256 j = 0; j < 2; ++j) {
            allocate(operatorOf(0), set, address(stakeStrategies[j]), 0);
        }
        // What leaves counts as long as it stays slashable for the profile's whole time.
        uint256 countsFor = SLASHABLE_BLOCKS - profile.wholeTimeBlocks();
        roll(countsFor);
        vm.expectRevert(abi.encodeWithSelector(IAppController.StakeSuffices.selector, operatorOf(0)));
        controller.evict(app, operatorOf(0));
        roll(1);
        controller.evict(app, operatorOf(0));
        assertFalse(allocationManager.isMemberOfOperatorSet(operatorOf(0), set));
        assertTrue(allocationManager.isOperatorSlashable(operatorOf(0), set));
    }

    function refuseApp(IAppController.AppParameters memory parameters, bytes4 reason) private {
        vm.expectPartialRevert(reason);
        controller.createApp(parameters);
    }

    function prepare(uint256 i, uint256 stake) private {
        stakeAndAllocate(i, stake);
        roll(allocationWait(operatorOf(i)));
        registerKeyOf(i, set);
    }

    function refuseJoin(uint256 i, bytes memory reason) private {
        uint256 state = vm.snapshotState();
        vm.expectRevert(reason);
        this.join(operatorOf(i), set);
        vm.revertToState(state);
    }

    function join(address operator, OperatorSet memory operatorSet) external {
        joinSet(operator, operatorSet, "");
    }

    function mockMemberCount(uint256 count) private {
        vm.mockCall(
            address(allocationManager), abi.encodeCall(allocationManager.getMemberCount, (set)), abi.encode(count)
        );
    }
}
