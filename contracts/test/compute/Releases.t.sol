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
        IAppController.Release memory release = controller.releaseInfo(programId);
        assertEq(release.app, app);
        assertTrue(release.wasm);
        assertTrue(release.immediate);
        assertTrue(release.publishedAt != 0);
        assertEq(controller.releaseCount(app), 1);
        assertEq(controller.releaseAt(app, 0), programId);
        assertEq(controller.tableOf(programId), bytes32(0));
    }

    function test_anUnknownRelease() public {
        vm.expectRevert(abi.encodeWithSelector(IAppController.UnknownProgram.selector, bytes32("none")));
        controller.releaseInfo("none");
        vm.expectRevert(abi.encodeWithSelector(IAppController.UnknownProgram.selector, bytes32("none")));
        controller.tableOf("none");
    }

    function test_aProgramIsPublishedOnce() public {
        bytes32 otherApp = newApp(appParameters());
        vm.startPrank(appOwner);
        vm.expectRevert(abi.encodeWithSelector(IAppController.ReleaseExists.selector, programId));
        controller.publishRelease(app, wasmProgram(), "");
        vm.expectRevert(abi.encodeWithSelector(IAppController.ReleaseExists.selector, programId));
        controller.publishRelease(otherApp, wasmProgram(), "");
    }

    function test_onlyTheOwnerPublishes() public {
        vm.expectRevert(abi.encodeWithSelector(IAppController.NotAppOwner.selector, app, address(this)));
        controller.publishRelease(app, ociProgram(), "");
    }

    function test_whatMakesAnAnswerRestOnMoreIsNotImmediate() public {
        Program memory program = wasmProgram();
        program.interfaceName = "http";
        assertFalse(controller.releaseInfo(publish(app, program)).immediate);
        program = wasmProgram();
        program.egress = bytes32("egress");
        assertFalse(controller.releaseInfo(publish(app, program)).immediate);
        program = wasmProgram();
        program.secrets = bytes32("secrets");
        assertFalse(controller.releaseInfo(publish(app, program)).immediate);
        program = wasmProgram();
        program.state = bytes32("state");
        assertFalse(controller.releaseInfo(publish(app, program)).immediate);
        bytes32 oci = publish(app, ociProgram());
        assertFalse(controller.releaseInfo(oci).immediate);
        assertFalse(controller.releaseInfo(oci).wasm);
        assertEq(controller.tableOf(oci), oci);
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
        program = wasmProgram();
        program.limits.payloadBytes = (1 << 30) + 1;
        refuse(program, "limits.payloadBytes");
        program = wasmProgram();
        program.limits.outputBytes = (1 << 30) + 1;
        refuse(program, "limits.outputBytes");
        program = ociProgram();
        program.limits.wallMillis = 0;
        refuse(program, "limits.wallMillis");
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

    function test_acceptanceCountsInTheProgramsOwnSetOnly() public {
        bytes32 oci = publish(app, ociProgram());
        accept(oci, 1, true);
        uint32 other = controller.appInfo(newApp(appParameters())).operatorSetId;
        assertFalse(controller.isAccepter(other, oci, operatorOf(1)));
        assertTrue(controller.isAccepter(other, 0, operatorOf(1)));
    }

    function test_aWasmProgramNeedsNoAcceptance() public {
        vm.expectRevert(abi.encodeWithSelector(IAppController.InvalidProgram.selector, "runtime"));
        controller.acceptProgram(programId, true);
    }

    function accept(bytes32 oci, uint256 i, bool accepted) private {
        vm.prank(operatorOf(i));
        controller.acceptProgram(oci, accepted);
    }

    function refuse(Program memory program, string memory field) private {
        vm.prank(appOwner);
        vm.expectRevert(abi.encodeWithSelector(IAppController.InvalidProgram.selector, field));
        controller.publishRelease(app, program, "");
    }
}
