// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IEquivocationSlasher} from "../../src/interfaces/IEquivocationSlasher.sol";
import {Batch} from "../../src/libraries/VouchTypes.sol";
import {EquivocationFixture} from "./EquivocationFixture.sol";

/// @title A batch signed on a parent that is not what comes before it costs the stake; honest ones, also after skips, do not.
contract WrongParentTest is EquivocationFixture {
    Batch private tip;

    function setUp() public override {
        super.setUp();
        Batch[] memory headers = chain(1, 0, 3);
        postChain(headers);
        tip = headers[2];
    }

    // Lies.

    function test_aParentOfAnotherLane() public {
        Batch memory parent = batchAfter(3, 0, 0);
        parent.lane = lane + 1;
        slashFor(batchAfter(4, hashOf(parent), 0), only(parent));
    }

    function test_aParentOfAnotherAppOrDeployment() public {
        Batch memory parent = batchAfter(3, 0, 0);
        parent.app = keccak256("another app");
        slashFor(batchAfter(4, hashOf(parent), 0), only(parent));
    }

    function test_aGapWithoutASkip() public {
        slashFor(batchAfter(5, hashOf(tip), 0), only(tip));
    }

    function test_aParentThatComesLater() public {
        Batch memory parent = batchAfter(4, hashOf(tip), 0);
        slashFor(batchAfter(4, hashOf(parent), 1), only(parent));
    }

    function test_noParentInTheMiddle() public {
        slashFor(batchAfter(4, 0, 0), new Batch[](0));
    }

    function test_sequenceZeroIsNoBatchAndNoParent() public {
        Batch memory parent = batchAfter(0, 0, 0);
        uint256 state = vm.snapshotState();
        slashFor(parent, new Batch[](0));
        vm.revertToState(state);
        slashFor(batchAfter(1, hashOf(parent), 0), only(parent));
    }

    function test_aGapOfTheWindowWhoseSkipHasNotEnded() public {
        registry.requestSkip{value: SKIP_BOND}(app, lane);
        slashFor(batchAfter(4 + WINDOW, hashOf(tip), 0), only(tip));
    }

    function test_aGapBesideARecordedSkip() public {
        skipNow();
        // The skip led from 3 to 3 + W, not from 2 and not to 4 + W.
        Batch memory second = chain(1, 0, 2)[1];
        uint256 state = vm.snapshotState();
        slashFor(batchAfter(4 + WINDOW, hashOf(second), 0), only(second));
        vm.revertToState(state);
        slashFor(batchAfter(5 + WINDOW, hashOf(tip), 0), only(tip));
    }

    function test_aCertificateProvesItToo() public {
        Batch memory batch = batchAfter(5, hashOf(tip), 0);
        IEquivocationSlasher.SignedBatch memory signed = byCertificate(LIAR, batch, list(3));
        vm.prank(reporter);
        assertWholeStakeTaken(LIAR, equivocationSlasher.proveWrongParent(signed, only(tip)));
    }

    // Honest batches.

    function test_theBatchBefore_isNoEvidence() public {
        refuse(batchAfter(4, hashOf(tip), 0), only(tip), IEquivocationSlasher.ParentIsValid.selector);
        refuse(batchAfter(1, 0, 0), new Batch[](0), IEquivocationSlasher.ParentIsValid.selector);
    }

    function test_validAfterASkip_isNoEvidence() public {
        skipNow();
        refuse(batchAfter(4 + WINDOW, hashOf(tip), 0), only(tip), IEquivocationSlasher.ParentIsValid.selector);
    }

    function test_validAfterSkips_isNoEvidence() public {
        skipNow();
        skipNow();
        skipNow();
        Batch memory batch = batchAfter(4 + 3 * WINDOW, hashOf(tip), 0);
        refuse(batch, only(tip), IEquivocationSlasher.ParentIsValid.selector);
        // What was right when it was signed stays so, whatever comes later.
        refuse(batchAfter(4 + WINDOW, hashOf(tip), 0), only(tip), IEquivocationSlasher.ParentIsValid.selector);
        postOne(batch);
        skipNow();
        refuse(batch, only(tip), IEquivocationSlasher.ParentIsValid.selector);
    }

    function test_validAfterASkipFromTheStart_isNoEvidence() public {
        vm.prank(appOwner);
        lane = registry.registerLane(app, GATEWAY, WINDOW);
        skipNow();
        refuse(batchAfter(1 + WINDOW, 0, 0), new Batch[](0), IEquivocationSlasher.ParentIsValid.selector);
    }

    // Bad evidence.

    function test_aHeaderThatIsNotTheParent() public {
        Batch memory batch = batchAfter(5, hashOf(tip), 0);
        refuse(batch, only(batchAfter(3, 0, 9)), IEquivocationSlasher.ParentMismatch.selector);
        refuse(batch, new Batch[](0), IEquivocationSlasher.ParentMismatch.selector);
        refuse(batchAfter(5, 0, 0), only(tip), IEquivocationSlasher.ParentMismatch.selector);
        refuse(batch, new Batch[](2), IEquivocationSlasher.TooManyParents.selector);
    }

    function test_aBatchThatTheOperatorNeverSigned() public {
        Batch memory batch = batchAfter(5, hashOf(tip), 0);
        IEquivocationSlasher.SignedBatch memory signed = bySignature(LIAR, batch);
        signed.signature = signatureOf(0, batch);
        vm.expectRevert(IEquivocationSlasher.InvalidSignature.selector);
        equivocationSlasher.proveWrongParent(signed, only(tip));
    }

    function test_evidenceThatIsTooOld() public {
        Batch memory batch = batchAfter(5, hashOf(tip), 0);
        vm.warp(uint256(tableTime) + SLASHABLE_BLOCKS * SECONDS_PER_BLOCK + 1);
        refuse(batch, only(tip), IEquivocationSlasher.EvidenceTooOld.selector);
    }

    function test_aDoubleReport() public {
        Batch memory batch = batchAfter(5, hashOf(tip), 0);
        slashFor(batch, only(tip));
        refuse(batch, only(tip), IEquivocationSlasher.AlreadyProven.selector);
    }

    function slashFor(Batch memory batch, Batch[] memory parents) private {
        IEquivocationSlasher.SignedBatch memory signed = bySignature(LIAR, batch);
        vm.prank(reporter);
        assertWholeStakeTaken(LIAR, equivocationSlasher.proveWrongParent(signed, parents));
    }

    function refuse(Batch memory batch, Batch[] memory parents, bytes4 reason) private {
        IEquivocationSlasher.SignedBatch memory signed = bySignature(LIAR, batch);
        vm.expectPartialRevert(reason);
        equivocationSlasher.proveWrongParent(signed, parents);
    }

    function skipNow() private {
        registry.requestSkip{value: SKIP_BOND}(app, lane);
        vm.warp(vm.getBlockTimestamp() + SKIP_DELAY);
    }
}
