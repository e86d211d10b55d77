// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IAppController} from "../../src/interfaces/IAppController.sol";
import {IBatchRegistry} from "../../src/interfaces/IBatchRegistry.sol";
import {IBN254CertificateVerifier} from "../../src/interfaces/IBN254CertificateVerifier.sol";
import {Batch, Program} from "../../src/libraries/VouchTypes.sol";
import {VouchFixture} from "../VouchFixture.sol";

/// @title What a post records, and every batch that it must refuse.
contract PostBatchTest is VouchFixture {
    function setUp() public {
        deployVouch();
    }

    // What is recorded.

    function test_aCertifiedBatchIsRecordedAndMovesTheCursor() public {
        Batch memory batch = batchAfter(1, 0, 0);
        bytes32 batchHash = postOne(batch);
        IBatchRegistry.BatchRecord memory record = registry.recordOf(batchHash);
        assertEq(record.recordedAt, block.timestamp);
        assertEq(record.certifiedAt, block.timestamp);
        assertEq(record.referenceTimestamp, tableTime);
        assertEq(record.signersHash, keccak256(abi.encode(tableTime, new uint32[](0))));
        assertEq(record.signedWeights[0], 100 ether + 6);
        assertEq(record.signedWeights[1], 100 ether + 6);
        assertEq(registry.batchAt(app, lane, 1), batchHash);
        assertLane(1, batchHash, 1);
    }

    function test_theRecordNamesWhoDidNotSign() public {
        Batch memory batch = batchAfter(1, 0, 0);
        registry.post(only(batch), certify(batch, list(3)));
        uint32[] memory absent = new uint32[](1);
        absent[0] = 3;
        IBatchRegistry.BatchRecord memory record = registry.recordOf(hashOf(batch));
        assertEq(record.signersHash, keccak256(abi.encode(tableTime, absent)));
        assertEq(record.signedWeights[0], 90 ether + 3);
    }

    function test_aChainOfHeadersIsRecordedWithTheLastOnesCertificate() public {
        Batch[] memory headers = chain(1, 0, 5);
        postChain(headers);
        assertLane(5, hashOf(headers[4]), 5);
        assertEq(registry.recordOf(hashOf(headers[3])).recordedAt, block.timestamp);
        assertEq(registry.recordOf(hashOf(headers[3])).certifiedAt, 0);
        assertEq(registry.recordOf(hashOf(headers[4])).certifiedAt, block.timestamp);
    }

    function test_anAncestorsOwnCertificateComesLater() public {
        Batch[] memory headers = chain(1, 0, 3);
        postChain(headers);
        uint256 recordedAt = block.timestamp;
        mine(10, SECONDS_PER_BLOCK);
        registry.post(only(headers[0]), certify(headers[0], list(3)));
        IBatchRegistry.BatchRecord memory record = registry.recordOf(hashOf(headers[0]));
        assertEq(record.recordedAt, recordedAt);
        assertEq(record.certifiedAt, block.timestamp);
        assertLane(3, hashOf(headers[2]), 3);
    }

    function test_anAncestorsLateCertificateNeedsTheThresholdToo() public {
        Batch[] memory headers = chain(1, 0, 3);
        postChain(headers);
        refusePost(headers[0], certify(headers[0], list(0)), IBatchRegistry.ThresholdNotMet.selector);
        assertEq(registry.recordOf(hashOf(headers[0])).certifiedAt, 0);
    }

    function test_postingTwiceIsANoOp() public {
        Batch memory batch = batchAfter(1, 0, 0);
        bytes32 batchHash = postOne(batch);
        uint256 certifiedAt = block.timestamp;
        mine(10, SECONDS_PER_BLOCK);
        registry.post(only(batch), certify(batch, list(3)));
        assertEq(registry.recordOf(batchHash).certifiedAt, certifiedAt);
        assertEq(registry.recordOf(batchHash).signedWeights[0], 100 ether + 6);
        assertLane(1, batchHash, 1);
    }

    function test_anyoneMayPost() public {
        Batch memory batch = batchAfter(1, 0, 0);
        BN254Certificate memory certificate = certify(batch, none());
        vm.prank(makeAddr("anyone"));
        registry.post(only(batch), certificate);
        assertLane(1, hashOf(batch), 1);
    }

    function test_theDomainIsEip712sOfThisChainAndContract() public view {
        bytes32 typehash =
            keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
        assertEq(
            registry.domainSeparator(),
            keccak256(abi.encode(typehash, keccak256("Vouch"), keccak256("1"), block.chainid, address(registry)))
        );
    }

    // Wrong places.

    function test_wrongChain() public {
        Batch memory batch = batchAfter(1, 0, 0);
        batch.chainId = block.chainid + 1;
        refuse(batch, IBatchRegistry.WrongChain.selector);
    }

    function test_wrongContract() public {
        Batch memory batch = batchAfter(1, 0, 0);
        batch.registry = address(0xbad);
        refuse(batch, IBatchRegistry.WrongRegistry.selector);
    }

    function test_wrongSet() public {
        Batch memory batch = batchAfter(1, 0, 0);
        batch.operatorSetId = set.id + 1;
        refuse(batch, IBatchRegistry.WrongOperatorSet.selector);
    }

    function test_unknownApp() public {
        Batch memory batch = batchAfter(1, 0, 0);
        batch.app = keccak256("no app");
        refuse(batch, IAppController.UnknownApp.selector);
    }

    /// @dev Another app with its own lane, operators that never joined it, and a certificate of the first app's set.
    function test_aCertificateFromAnotherOperatorSet() public {
        bytes32 otherApp = newApp(appParameters());
        vm.prank(appOwner);
        registry.registerLane(otherApp, GATEWAY, WINDOW);
        Batch memory batch = batchAfter(1, 0, 0);
        (batch.app, batch.programId, batch.operatorSetId) = (otherApp, publishOther(otherApp), set.id + 1);
        refuse(batch, IBN254CertificateVerifier.UnknownTable.selector);
    }

    function test_wrongProgram_ofAnotherApp() public {
        bytes32 otherApp = newApp(appParameters());
        Batch memory batch = batchAfter(1, 0, 0);
        batch.programId = publishOther(otherApp);
        refuse(batch, IAppController.UnknownRelease.selector);
    }

    function test_wrongProgram_unknown() public {
        Batch memory batch = batchAfter(1, 0, 0);
        batch.programId = keccak256("no program");
        refuse(batch, IAppController.UnknownRelease.selector);
    }

    function test_wrongProfile() public {
        Batch memory batch = batchAfter(1, 0, 0);
        batch.profileId = address(0xbad);
        refuse(batch, IBatchRegistry.WrongProfile.selector);
    }

    function test_wrongFieldsOfAnAncestorAreRefusedToo() public {
        Batch[] memory headers = chain(1, 0, 3);
        headers[1].profileId = address(0xbad);
        headers[2].parent = hashOf(headers[1]);
        refuseChain(headers, IBatchRegistry.WrongProfile.selector);
    }

    /// @dev Only the last header is certified, so nothing but the chain of headers would notice.
    function test_wrongProgram_ofAnAncestor() public {
        Batch[] memory headers = chain(1, 0, 3);
        headers[1].programId = keccak256("no program");
        headers[2].parent = hashOf(headers[1]);
        refuseChain(headers, IAppController.UnknownRelease.selector);
    }

    function test_unknownLane() public {
        Batch memory batch = batchAfter(1, 0, 0);
        batch.lane = lane + 1;
        refuse(batch, IBatchRegistry.UnknownLane.selector);
    }

    function test_headersOfTwoLanes() public {
        vm.prank(appOwner);
        uint32 other = registry.registerLane(app, GATEWAY, WINDOW);
        Batch[] memory headers = chain(1, 0, 2);
        headers[1].lane = other;
        refuseChain(headers, IBatchRegistry.WrongLane.selector);
    }

    /// @dev The certified header binds its ancestors only by their hashes: one of another app must not be recorded as that app's.
    function test_headersOfTwoApps() public {
        bytes32 otherApp = newApp(appParameters());
        publish(otherApp, wasmProgram());
        Batch[] memory headers = chain(1, 0, 3);
        headers[1].app = otherApp;
        headers[2].parent = hashOf(headers[1]);
        refuseChain(headers, IBatchRegistry.WrongLane.selector);
        assertEq(registry.batchAt(otherApp, lane, 2), bytes32(0));
    }

    function test_anEmptyBatch() public {
        Batch memory batch = batchAfter(1, 0, 0);
        batch.exchangeCount = 0;
        refuse(batch, IBatchRegistry.EmptyBatch.selector);
    }

    function test_noHeadersAndTooMany() public {
        Batch memory batch = batchAfter(1, 0, 0);
        BN254Certificate memory certificate = certify(batch, none());
        vm.expectRevert(IBatchRegistry.NoHeaders.selector);
        registry.post(new Batch[](0), certificate);
        vm.expectRevert(abi.encodeWithSelector(IBatchRegistry.TooManyHeaders.selector, 257, 256));
        registry.post(new Batch[](257), certificate);
    }

    // Order.

    function test_aPostedHeaderThatDoesNotChain() public {
        Batch[] memory headers = chain(1, 0, 3);
        headers[1].parent = keccak256("another batch");
        headers[2].parent = hashOf(headers[1]);
        refuseChain(headers, IBatchRegistry.WrongParent.selector);
    }

    function test_aFirstHeaderThatDoesNotChainToTheCursor() public {
        postOne(batchAfter(1, 0, 0));
        refuse(batchAfter(2, hashOf(batchAfter(1, 0, 1)), 0), IBatchRegistry.WrongParent.selector);
        refuse(batchAfter(2, 0, 0), IBatchRegistry.WrongParent.selector);
    }

    function test_aGapInTheSequence() public {
        refuse(batchAfter(2, 0, 0), IBatchRegistry.WrongSequence.selector);
        Batch[] memory headers = chain(1, 0, 2);
        headers[1].sequence = 3;
        refuseChain(headers, IBatchRegistry.WrongSequence.selector);
    }

    function test_aBatchAtOrBelowTheCursor() public {
        Batch[] memory headers = chain(1, 0, 3);
        postChain(headers);
        refuse(batchAfter(3, hashOf(headers[1]), 1), IBatchRegistry.AtOrBelowCursor.selector);
        refuse(batchAfter(1, 0, 1), IBatchRegistry.AtOrBelowCursor.selector);
        refuse(batchAfter(0, 0, 1), IBatchRegistry.AtOrBelowCursor.selector);
    }

    // Certificates.

    function test_theCertificateOfAnotherBatch() public {
        Batch memory batch = batchAfter(1, 0, 0);
        BN254Certificate memory certificate = certify(batchAfter(1, 0, 1), none());
        refusePost(batch, certificate, IBatchRegistry.CertificateOfAnotherBatch.selector);
        certificate.messageHash = hashOf(batch);
        refusePost(batch, certificate, IBN254CertificateVerifier.InvalidSignature.selector);
    }

    function test_aTableThatIsNotTheBatchs() public {
        Batch memory batch = batchAfter(1, 0, 0);
        BN254Certificate memory certificate = certify(batch, none());
        certificate.referenceTimestamp += 1;
        refusePost(batch, certificate, IBatchRegistry.CertificateOfAnotherTable.selector);
    }

    function test_aStaleTable() public {
        Batch memory batch = batchAfter(1, 0, 0);
        vm.warp(uint256(tableTime) + profile.staleness());
        uint256 state = vm.snapshotState();
        postOne(batch);
        vm.revertToState(state);
        vm.warp(uint256(tableTime) + profile.staleness() + 1);
        refuse(batch, IBN254CertificateVerifier.TableTooOld.selector);
    }

    // Helpers.

    function publishOther(bytes32 otherApp) private returns (bytes32) {
        Program memory program = wasmProgram();
        program.artifactDigest = keccak256("other artifact");
        return publish(otherApp, program);
    }

    function assertLane(uint64 cursor, bytes32 tip, uint64 tipSequence) private view {
        IBatchRegistry.Lane memory info = registry.laneInfo(app, lane);
        assertEq(info.cursor, cursor);
        assertEq(info.tip, tip);
        assertEq(info.tipSequence, tipSequence);
    }

    function refuse(Batch memory batch, bytes4 reason) private {
        refusePost(batch, certify(batch, none()), reason);
    }

    function refuseChain(Batch[] memory headers, bytes4 reason) private {
        BN254Certificate memory certificate = certify(headers[headers.length - 1], none());
        vm.expectPartialRevert(reason);
        registry.post(headers, certificate);
    }

    function refusePost(Batch memory batch, BN254Certificate memory certificate, bytes4 reason) private {
        vm.expectPartialRevert(reason);
        registry.post(only(batch), certificate);
    }
}
