// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IAppController} from "../../src/interfaces/IAppController.sol";
import {Program, VouchTypes} from "../../src/libraries/VouchTypes.sol";
import {VouchFixture} from "../VouchFixture.sol";

/// @title Releases: what a program must say, and what follows from it.
contract ReleasesTest is VouchFixture {
    function setUp() public {
        deployVouch();
    }

    function test_aReleaseIsItsProgramsHash() public view {
        assertEq(programId, VouchTypes.hash(wasmProgram()));
        IAppController.Release memory release = controller.releaseInfo(app, programId);
        assertTrue(release.wasm);
        assertTrue(release.immediate);
        assertTrue(release.publishedAt != 0);
        assertEq(controller.releaseCount(app), 1);
        assertEq(controller.releaseAt(app, 0), programId);
        assertEq(controller.tableOf(app, programId), bytes32(0));
    }

    function test_anUnknownRelease() public {
        vm.expectRevert(abi.encodeWithSelector(IAppController.UnknownRelease.selector, app, bytes32("none")));
        controller.releaseInfo(app, "none");
        vm.expectRevert(abi.encodeWithSelector(IAppController.UnknownRelease.selector, app, bytes32("none")));
        controller.tableOf(app, "none");
    }

    function test_anAppPublishesAProgramOnce() public {
        vm.prank(appOwner);
        vm.expectRevert(abi.encodeWithSelector(IAppController.ReleaseExists.selector, app, programId));
        controller.publishRelease(app, wasmProgram(), "");
    }

    /// @dev Whoever sees a program on its way to the chain can be first with it; that must take nothing from its developer.
    function test_aReleaseThatAnotherAppPublishedFirst_isStillTheDevelopersToPublish() public {
        Program memory program = ociProgram();
        bytes32 attackersApp = attackersAppWith(program);
        bytes32 oci = VouchTypes.hash(program);
        vm.expectRevert(abi.encodeWithSelector(IAppController.UnknownRelease.selector, app, oci));
        controller.releaseInfo(app, oci);
        assertEq(publish(app, program), oci);
        assertEq(controller.releaseAt(app, 1), oci);
        assertEq(controller.releaseCount(attackersApp), 1);
        assertEq(controller.tableOf(app, oci), oci);
    }

    function test_aReleaseThatAnotherAppPublishedFirst_isAcceptedByNobodyElse() public {
        Program memory program = ociProgram();
        bytes32 attackersApp = attackersAppWith(program);
        uint32 attackersSet = controller.appInfo(attackersApp).operatorSetId;
        bytes32 oci = publish(app, program);
        accept(oci, 1, true);
        assertTrue(controller.isAccepter(set.id, oci, operatorOf(1)));
        assertFalse(controller.isAccepter(attackersSet, oci, operatorOf(1)));
        vm.prank(operatorOf(2));
        controller.acceptProgram(attackersApp, oci, true);
        assertTrue(controller.isAccepter(attackersSet, oci, operatorOf(2)));
        assertFalse(controller.isAccepter(set.id, oci, operatorOf(2)));
    }

    function test_onlyTheOwnerPublishes() public {
        vm.expectRevert(abi.encodeWithSelector(IAppController.NotAppOwner.selector, app, address(this)));
        controller.publishRelease(app, ociProgram(), "");
    }

    function test_whatMakesAnAnswerRestOnMoreIsNotImmediate() public {
        Program memory program = wasmProgram();
        program.interfaceName = "http";
        assertFalse(controller.releaseInfo(app, publish(app, program)).immediate);
        program = wasmProgram();
        program.egress = bytes32("egress");
        assertFalse(controller.releaseInfo(app, publish(app, program)).immediate);
        program = wasmProgram();
        program.secrets = bytes32("secrets");
        assertFalse(controller.releaseInfo(app, publish(app, program)).immediate);
        program = wasmProgram();
        program.state = bytes32("state");
        assertFalse(controller.releaseInfo(app, publish(app, program)).immediate);
        bytes32 oci = publish(app, ociProgram());
        assertFalse(controller.releaseInfo(app, oci).immediate);
        assertFalse(controller.releaseInfo(app, oci).wasm);
        assertEq(controller.tableOf(app, oci), oci);
    }

    function test_aProgramThatSaysTooLittleOrTooMuch() public {
        Program memory program = wasmProgram();
        program.runtime = "";
        refuse(program, "runtime");
        program.runtime = string(new bytes(65));
        refuse(program, "runtime");
        program = wasmProgram();
        program.artifactDigest = 0;
        refuse(program, "artifactDigest");
        program = wasmProgram();
        program.interfaceName = "commands";
        refuse(program, "interfaceName");
        program = wasmProgram();
        program.hardwareClass = string(new bytes(65));
        refuse(program, "hardwareClass");
    }

    function test_limitsOutOfBounds() public {
        Program memory program = wasmProgram();
        program.limits.fuel = 0;
        refuse(program, "limits.fuel");
        program.limits.fuel = 1e15 + 1;
        refuse(program, "limits.fuel");
        program = wasmProgram();
        program.limits.memoryBytes = 0;
        refuse(program, "limits.memoryBytes");
        program.limits.memoryBytes = (1 << 40) + 1;
        refuse(program, "limits.memoryBytes");
        program = wasmProgram();
        program.limits.payloadBytes = (1 << 30) + 1;
        refuse(program, "limits.payloadBytes");
        program = wasmProgram();
        program.limits.outputBytes = (1 << 30) + 1;
        refuse(program, "limits.outputBytes");
        program = ociProgram();
        program.limits.wallMillis = 0;
        refuse(program, "limits.wallMillis");
        program.limits.wallMillis = 24 * 3_600_000 + 1;
        refuse(program, "limits.wallMillis");
        program = ociProgram();
        program.limits.cpuMillis = 24 * 3_600_000 + 1;
        refuse(program, "limits.cpuMillis");
        program = ociProgram();
        program.limits.pids = 65_537;
        refuse(program, "limits.pids");
    }

    function test_aUriThatIsTooLong() public {
        vm.prank(appOwner);
        vm.expectRevert(abi.encodeWithSelector(IAppController.TextTooLong.selector, "uri", 2_048));
        controller.publishRelease(app, ociProgram(), string(new bytes(2_049)));
    }

    // Acceptance.

    function test_anOciProgramsTableHoldsWhoAcceptedIt() public {
        bytes32 oci = publish(app, ociProgram());
        assertFalse(controller.isAccepter(set.id, oci, operatorOf(1)));
        accept(oci, 0, true);
        accept(oci, 1, true);
        assertTrue(controller.isAccepter(set.id, oci, operatorOf(1)));
        uint32 timestamp = verifier.updateOperatorTable(set, oci);
        assertEq(verifier.getOperatorSetInfoOf(set, oci, timestamp).numOperators, 2);
        assertEq(verifier.getOperatorSetInfoOf(set, oci, timestamp).totalWeights[0], stakeOf(0) + stakeOf(1));
        accept(oci, 1, false);
        assertFalse(controller.isAccepter(set.id, oci, operatorOf(1)));
    }

    function test_theWasmTableNeedsNoAcceptanceInAnySet() public {
        uint32 other = controller.appInfo(newApp(appParameters())).operatorSetId;
        assertTrue(controller.isAccepter(other, 0, operatorOf(1)));
    }

    function test_acceptanceOfWhatTheAppDidNotPublish() public {
        bytes32 otherApp = newApp(appParameters());
        bytes32 oci = publish(otherApp, ociProgram());
        vm.expectRevert(abi.encodeWithSelector(IAppController.UnknownRelease.selector, app, oci));
        controller.acceptProgram(app, oci, true);
    }

    function test_whoAcceptsIsSaidByApp() public {
        bytes32 oci = publish(app, ociProgram());
        vm.expectEmit(address(controller));
        emit IAppController.ProgramAccepted(app, oci, operatorOf(1), true);
        accept(oci, 1, true);
    }

    function test_aWasmProgramNeedsNoAcceptance() public {
        vm.expectRevert(abi.encodeWithSelector(IAppController.InvalidProgram.selector, "runtime"));
        controller.acceptProgram(app, programId, true);
    }

    function accept(bytes32 oci, uint256 i, bool accepted) private {
        vm.prank(operatorOf(i));
        controller.acceptProgram(app, oci, accepted);
    }

    function attackersAppWith(Program memory program) private returns (bytes32 attackersApp) {
        vm.startPrank(makeAddr("attacker"));
        attackersApp = controller.createApp(appParameters());
        controller.publishRelease(attackersApp, program, "file:elsewhere");
        vm.stopPrank();
    }

    function refuse(Program memory program, string memory field) private {
        vm.prank(appOwner);
        vm.expectRevert(abi.encodeWithSelector(IAppController.InvalidProgram.selector, field));
        controller.publishRelease(app, program, "");
    }
}
