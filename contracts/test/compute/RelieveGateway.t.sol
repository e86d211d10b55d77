// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IBatchRegistry} from "../../src/interfaces/IBatchRegistry.sol";
import {Batch, Request, VouchTypes} from "../../src/libraries/VouchTypes.sol";
import {VouchFixture} from "../VouchFixture.sol";

/// @title A gateway that leaves an entry of the inbox unanswered: which operator may bring another, when, and how often.
contract RelieveGatewayTest is VouchFixture {
    using VouchTypes for Request;

    address private alice = makeAddr("alice");
    address private next = makeAddr("next gateway");
    address private third = makeAddr("third gateway");
    /// @dev The one entry, and from when on the gateway may be relieved.
    Request private entry;
    uint256 private due;

    function setUp() public {
        deployVouch();
        entry = submit("abc");
        due = entry.deadline + SKIP_DELAY;
    }

    function test_anOperatorBringsAnotherGatewayOnceTheEntryIsLongOverdue() public {
        vm.warp(due);
        vm.expectEmit(address(registry));
        emit IBatchRegistry.GatewayRelieved(app, lane, operatorOf(3), next, entry.hash());
        vm.expectEmit(address(registry));
        emit IBatchRegistry.GatewayChanged(app, lane, 2, next, 0);
        relieve(3, next);
        assertEq(info().gateway, next);
        assertEq(info().epoch, 2);
        assertEq(info().takenAt, due);
    }

    function test_notBeforeItsDeadlineAndTheDelay() public {
        vm.warp(due - 1);
        refuse(0, entry, next, abi.encodeWithSelector(IBatchRegistry.TooEarly.selector, due));
    }

    function test_onlyAMemberOfTheSet() public {
        vm.warp(due);
        vm.expectRevert(abi.encodeWithSelector(IBatchRegistry.NotMember.selector, app, address(this)));
        registry.relieveGateway(entry, next);
        leaveSet(operatorOf(3), operatorOf(3), set);
        refuse(3, entry, next, abi.encodeWithSelector(IBatchRegistry.NotMember.selector, app, operatorOf(3)));
    }

    function test_aRequestThatNobodyPutThere() public {
        vm.warp(due);
        Request memory invented = entry;
        invented.nonce += 1;
        bytes memory unknown = abi.encodeWithSelector(IBatchRegistry.NotInInbox.selector, invented.hash());
        refuse(0, invented, next, unknown);
    }

    function test_anEntryThatIsAnswered() public {
        answer(1);
        vm.warp(due);
        refuse(0, entry, next, abi.encodeWithSelector(IBatchRegistry.EntryAnswered.selector, 1, 1));
    }

    function test_nobodyAndTheGatewayItselfAreNoOther() public {
        vm.warp(due);
        bytes memory invalid = abi.encodeWithSelector(IBatchRegistry.InvalidGateway.selector);
        refuse(0, entry, address(0), invalid);
        refuse(0, entry, GATEWAY, invalid);
    }

    /// @dev The next gateway gets the same time as the one before, whoever owns the app or has a turn left.
    function test_theNextOneGetsTimeOfItsOwn() public {
        vm.warp(due);
        relieve(3, next);
        refuse(0, entry, third, abi.encodeWithSelector(IBatchRegistry.TooEarly.selector, due + SKIP_DELAY));
        vm.warp(due + SKIP_DELAY);
        relieve(0, third);
        assertEq(info().gateway, third);
    }

    /// @dev So operators who bring gateways that stay silent hold the lane up once each, and no longer.
    function test_eachOperatorHasOneTurnUntilTheInboxMoves() public {
        submit("def");
        vm.warp(due);
        relieve(3, next);
        vm.warp(due + SKIP_DELAY);
        refuse(3, entry, third, abi.encodeWithSelector(IBatchRegistry.TurnTaken.selector, operatorOf(3), 0));
        relieve(2, third);
    }

    function test_anAnswerGivesTheTurnsBack() public {
        Request memory second = submit("def");
        vm.warp(due);
        relieve(3, next);
        answer(1);
        vm.warp(due + SKIP_DELAY);
        vm.prank(operatorOf(3));
        registry.relieveGateway(second, third);
        assertEq(info().gateway, third);
    }

    /// @dev An owner on the silent gateway's side cannot keep somebody named who takes the lane back at once.
    function test_whoWasNamedBeforeIsNamedNoMore() public {
        vm.prank(appOwner);
        registry.nameGateway(app, lane, third);
        vm.warp(block.timestamp + GATEWAY_DELAY);
        relieve(0, next);
        assertEq(info().nextGateway, address(0));
        vm.prank(third);
        vm.expectRevert(abi.encodeWithSelector(IBatchRegistry.NotNamed.selector, third, address(0)));
        registry.takeLane(app, lane);
    }

    /// @dev What the old gateway had certified is posted all the same; an answer among it ends the relief.
    function test_whatWasCertifiedIsPostedAfterTheRelief() public {
        vm.warp(due);
        relieve(0, next);
        answer(1);
        vm.warp(due + SKIP_DELAY);
        refuse(1, entry, third, abi.encodeWithSelector(IBatchRegistry.EntryAnswered.selector, 1, 1));
    }

    function submit(bytes memory payload) private returns (Request memory request) {
        uint64 deadline = uint64(block.timestamp + 2 hours);
        vm.deal(alice, 1 ether);
        uint64 nonce = inbox.NONCE_FIRST() + inbox.entryCount(app, lane);
        vm.prank(alice);
        inbox.submit{value: 1 ether}(app, lane, wasmProgram(), payload, deadline);
        request = Request({
            app: app,
            programId: programId,
            client: alice,
            nonce: nonce,
            payloadHash: VouchTypes.pageRoot(uint64(payload.length), keccak256(payload)),
            time: uint64(block.timestamp),
            seedBlock: uint64(block.number) + 4,
            deadline: deadline,
            maxFee: 0
        });
    }

    /// @dev Posts a batch that answers entries up to `cursor`.
    function answer(uint64 cursor) private {
        Batch memory batch = batchAfter(1, 0, 0);
        batch.inboxCursor = cursor;
        postOne(batch);
    }

    function relieve(uint256 operator, address gateway) private {
        vm.prank(operatorOf(operator));
        registry.relieveGateway(entry, gateway);
    }

    function refuse(uint256 operator, Request memory request, address gateway, bytes memory revertData) private {
        vm.prank(operatorOf(operator));
        vm.expectRevert(revertData);
        registry.relieveGateway(request, gateway);
    }

    function info() private view returns (IBatchRegistry.Lane memory) {
        return registry.laneInfo(app, lane);
    }
}
