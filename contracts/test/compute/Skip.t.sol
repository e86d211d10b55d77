// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {BatchRegistry} from "../../src/compute/BatchRegistry.sol";
import {IBatchRegistry} from "../../src/interfaces/IBatchRegistry.sol";
import {Batch} from "../../src/libraries/VouchTypes.sol";
import {VouchFixture} from "../VouchFixture.sol";

/// @title A stuck lane: who can free it, what that frees, and what ends a skip before it frees anything.
contract SkipTest is VouchFixture {
    bytes32 private tip;
    address private anyone = makeAddr("anyone");

    function setUp() public {
        deployVouch();
        Batch[] memory headers = chain(1, 0, 3);
        postChain(headers);
        tip = hashOf(headers[2]);
    }

    function test_aStuckLaneIsSkipped() public {
        requestSkip();
        assertEq(info().skipEndsAt, block.timestamp + SKIP_DELAY);
        vm.warp(block.timestamp + SKIP_DELAY - 1);
        assertEq(info().cursor, 3);
        vm.warp(block.timestamp + 1);
        // By the passing of time alone.
        assertEq(info().cursor, 3 + WINDOW);
        assertEq(info().skipEndsAt, 0);
        assertEq(info().tip, tip);
        assertEq(info().tipSequence, 3);
        assertEq(registry.skipTarget(app, lane, 3), 3 + WINDOW);
    }

    function test_afterASkipTheNextBatchFollowsOnTheOldTip() public {
        skipNow();
        bytes32 batchHash = postOne(batchAfter(4 + WINDOW, tip, 0));
        assertEq(info().cursor, 4 + WINDOW);
        assertEq(info().tip, batchHash);
        // For ever, as evidence needs it.
        assertEq(registry.skipTarget(app, lane, 3), 3 + WINDOW);
    }

    function test_nothingBetweenCanBePosted() public {
        skipNow();
        refuse(batchAfter(4, tip, 0), IBatchRegistry.AtOrBelowCursor.selector);
        refuse(batchAfter(3 + WINDOW, tip, 0), IBatchRegistry.AtOrBelowCursor.selector);
        refuse(batchAfter(5 + WINDOW, tip, 0), IBatchRegistry.WrongSequence.selector);
        // Nor as parent.
        Batch memory lost = batchAfter(4, tip, 0);
        refuse(batchAfter(4 + WINDOW, hashOf(lost), 0), IBatchRegistry.WrongParent.selector);
    }

    function test_aSkipThatACertificateCancels() public {
        requestSkip();
        vm.warp(block.timestamp + SKIP_DELAY - 1);
        Batch memory batch = batchAfter(4, tip, 0);
        BN254Certificate memory certificate = certify(batch, none());
        vm.expectEmit(address(registry));
        emit IBatchRegistry.SkipCancelled(app, lane, 3);
        registry.post(only(batch), certificate);
        vm.warp(block.timestamp + SKIP_DELAY);
        assertEq(info().cursor, 4);
        assertEq(info().skipEndsAt, 0);
        assertEq(registry.skipTarget(app, lane, 3), 0);
    }

    function test_aPostInTheBlockInWhichASkipEndsComesTooLate() public {
        requestSkip();
        vm.warp(block.timestamp + SKIP_DELAY);
        refuse(batchAfter(4, tip, 0), IBatchRegistry.AtOrBelowCursor.selector);
    }

    /// @dev Neither a second certificate of the tip nor a post that is refused moves the cursor.
    function test_whatMovesNoCursorCancelsNoSkip() public {
        requestSkip();
        Batch[] memory headers = chain(1, 0, 3);
        registry.post(only(headers[0]), certify(headers[0], none()));
        postChain(headers);
        vm.warp(block.timestamp + SKIP_DELAY);
        assertEq(info().cursor, 3 + WINDOW);
    }

    function test_oneSkipAtATime() public {
        requestSkip();
        vm.warp(block.timestamp + SKIP_DELAY - 1);
        vm.expectRevert(abi.encodeWithSelector(IBatchRegistry.SkipRunning.selector, block.timestamp + 1));
        registry.requestSkip{value: SKIP_BOND}(app, lane);
    }

    function test_severalSkipsInARow() public {
        skipNow();
        skipNow();
        skipNow();
        assertEq(info().cursor, 3 + 3 * WINDOW);
        assertEq(info().tip, tip);
        for (uint64 i = 0; i < 3; ++i) {
            assertEq(registry.skipTarget(app, lane, 3 + i * WINDOW), 3 + (i + 1) * WINDOW);
        }
        postOne(batchAfter(4 + 3 * WINDOW, tip, 0));
        assertEq(registry.skipTarget(app, lane, 3 + 2 * WINDOW), 3 + 3 * WINDOW);
    }

    /// @dev Before any batch, the cursor is 0 and the parent of whatever comes after is zero.
    function test_aLaneThatIsStuckFromTheStart() public {
        vm.prank(appOwner);
        lane = registry.registerLane(app, GATEWAY, WINDOW);
        skipNow();
        postOne(batchAfter(1 + WINDOW, 0, 0));
        assertEq(info().cursor, 1 + WINDOW);
        assertEq(registry.skipTarget(app, lane, 0), WINDOW);
    }

    function test_anAncestorsLateCertificateAfterASkip() public {
        skipNow();
        Batch[] memory headers = chain(1, 0, 3);
        registry.post(only(headers[1]), certify(headers[1], none()));
        assertEq(registry.recordOf(hashOf(headers[1])).certifiedAt, block.timestamp);
        assertEq(info().cursor, 3 + WINDOW);
    }

    function test_anUnknownLaneCannotBeSkipped() public {
        vm.expectRevert(abi.encodeWithSelector(IBatchRegistry.UnknownLane.selector, app, 9));
        registry.requestSkip{value: SKIP_BOND}(app, 9);
    }

    /// forge-config: default.fuzz.runs = 32
    function testFuzz_theCursorNeverFallsAndSkipsAreDisjoint(uint256 steps) public {
        uint64 last = 3;
        for (uint256 i = 0; i < 6; ++i) {
            uint256 step = (steps >> (2 * i)) & 3;
            if (step == 0) vm.warp(block.timestamp + SKIP_DELAY / 2);
            if (step == 1 && info().skipEndsAt == 0) registry.requestSkip{value: SKIP_BOND}(app, lane);
            if (step >= 2) postOne(batchAfter(info().cursor + 1, info().tip, i));
            uint64 cursor = info().cursor;
            assertGe(cursor, last);
            if (step == 0 && cursor != last) assertEq(registry.skipTarget(app, lane, last), cursor);
            if (step != 0) assertEq(registry.skipTarget(app, lane, last), 0);
            last = cursor;
        }
    }

    function test_theBondComesBackWhenTheLaneWasStuck() public {
        requestSkip();
        assertEq(address(registry).balance, SKIP_BOND);
        registry.settleSkip(app, lane);
        assertEq(registry.bondCredit(anyone), 0);
        vm.warp(block.timestamp + SKIP_DELAY);
        registry.settleSkip(app, lane);
        registry.settleSkip(app, lane);
        assertEq(registry.bondCredit(anyone), SKIP_BOND);
        assertEq(registry.skipTarget(app, lane, 3), 3 + WINDOW);
        address payable to = payable(makeAddr("to"));
        vm.prank(anyone);
        registry.withdrawBondCredit(to);
        assertEq(to.balance, SKIP_BOND);
        assertEq(registry.bondCredit(anyone), 0);
        assertEq(address(registry).balance, 0);
    }

    /// @dev A skip against a gateway that is slow and honest pays that gateway.
    function test_theBondOfACancelledSkipIsTheGateways() public {
        requestSkip();
        vm.warp(block.timestamp + SKIP_DELAY - 1);
        postOne(batchAfter(4, tip, 0));
        assertEq(registry.bondCredit(GATEWAY), SKIP_BOND);
        assertEq(registry.bondCredit(anyone), 0);
    }

    /// @dev Whoever asks again and again while the lane moves pays each time.
    function test_griefByRepeatedSkipsPaysItsVictim() public {
        for (uint64 i = 0; i < 3; ++i) {
            requestSkip();
            tip = postOne(batchAfter(4 + i, tip, 0));
        }
        assertEq(registry.bondCredit(GATEWAY), 3 * SKIP_BOND);
        assertEq(info().cursor, 6);
    }

    function test_aSkipWithAnotherBondIsRefused() public {
        vm.deal(anyone, 1 ether);
        vm.prank(anyone);
        vm.expectRevert(abi.encodeWithSelector(IBatchRegistry.WrongBond.selector, 0, SKIP_BOND));
        registry.requestSkip(app, lane);
        vm.prank(anyone);
        vm.expectRevert(abi.encodeWithSelector(IBatchRegistry.WrongBond.selector, SKIP_BOND + 1, SKIP_BOND));
        registry.requestSkip{value: SKIP_BOND + 1}(app, lane);
    }

    /// @dev Credits are fetched: who takes no payment stops nobody's post, and loses nothing.
    function test_aReceiverThatRefusesStopsNothing() public {
        requestSkip();
        vm.warp(block.timestamp + SKIP_DELAY);
        registry.settleSkip(app, lane);
        vm.prank(anyone);
        vm.expectRevert(abi.encodeWithSelector(IBatchRegistry.PaymentRefused.selector, address(registry)));
        registry.withdrawBondCredit(payable(address(registry)));
        assertEq(registry.bondCredit(anyone), SKIP_BOND);
    }

    /// @dev Fetching again from within the payment finds nothing left.
    function test_aCreditIsPaidOnce() public {
        Greedy greedy = new Greedy(registry);
        vm.deal(address(greedy), SKIP_BOND);
        requestSkip(); // Another's bond lies there too.
        postOne(batchAfter(4, tip, 0));
        greedy.requestSkip(app, lane);
        vm.warp(block.timestamp + SKIP_DELAY);
        registry.settleSkip(app, lane);
        greedy.fetch();
        assertEq(address(greedy).balance, SKIP_BOND);
        assertEq(address(registry).balance, SKIP_BOND);
    }

    function requestSkip() private {
        vm.deal(anyone, SKIP_BOND);
        vm.prank(anyone);
        registry.requestSkip{value: SKIP_BOND}(app, lane);
    }

    function skipNow() private {
        requestSkip();
        vm.warp(vm.getBlockTimestamp() + SKIP_DELAY);
    }

    function info() private view returns (IBatchRegistry.Lane memory) {
        return registry.laneInfo(app, lane);
    }

    function refuse(Batch memory batch, bytes4 reason) private {
        BN254Certificate memory certificate = certify(batch, none());
        vm.expectPartialRevert(reason);
        registry.post(only(batch), certificate);
    }
}

/// @title Asks for its credit again while it is being paid.
contract Greedy {
    BatchRegistry private immutable _registry;

    constructor(BatchRegistry registry) {
        _registry = registry;
    }

    receive() external payable {
        _registry.withdrawBondCredit(payable(address(0xdead)));
    }

    function requestSkip(bytes32 app, uint32 lane) external {
        _registry.requestSkip{value: _registry.skipBond()}(app, lane);
    }

    function fetch() external {
        _registry.withdrawBondCredit(payable(address(this)));
    }
}
