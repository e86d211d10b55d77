// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ForcedInbox} from "../../src/compute/ForcedInbox.sol";
import {FuelPrice} from "../../src/compute/FuelPrice.sol";
import {IAppController} from "../../src/interfaces/IAppController.sol";
import {IBatchRegistry} from "../../src/interfaces/IBatchRegistry.sol";
import {IForcedInbox} from "../../src/interfaces/IForcedInbox.sol";
import {Batch, Program, Request, VouchTypes} from "../../src/libraries/VouchTypes.sol";
import {VouchFixture} from "../VouchFixture.sol";

/// @title What the forced inbox takes, what it stamps and what it refuses.
contract ForcedInboxTest is VouchFixture {
    using VouchTypes for Request;

    address private alice = makeAddr("alice");
    address private bob = makeAddr("bob");

    function setUp() public {
        deployVouch();
        vm.deal(alice, 1e30);
        vm.deal(bob, 1e30);
    }

    function test_anEntryIsStampedByTheInbox() public {
        uint256 fee = inbox.feeOf(app, lane, wasmProgram(), 3);
        Request memory request = Request({
            app: app,
            programId: programId,
            client: alice,
            nonce: 1 << 63,
            payloadHash: VouchTypes.pageRoot(3, keccak256("abc")),
            time: uint64(block.timestamp),
            seedBlock: uint64(block.number) + 4,
            deadline: soon(),
            maxFee: 0
        });
        vm.expectEmit(address(inbox));
        emit IForcedInbox.RequestSubmitted(app, lane, 1, request, "abc", fee);
        (uint64 index, bytes32 requestId) = submit(alice, "abc", fee);
        assertEq(index, 1);
        assertEq(requestId, request.hash());
        assertEq(inbox.placeOf(requestId).index, 1);
        assertEq(inbox.placeOf(requestId).lane, lane);
        assertEq(inbox.entryCount(app, lane), 1);
    }

    /// @dev Nobody chooses a nonce, so nobody can take another's; two lanes share no nonce either, for a request names no lane.
    function test_equalRequestsGetOtherIds() public {
        vm.prank(appOwner);
        uint32 other = registry.registerLane(app, GATEWAY, WINDOW);
        (, bytes32 first) = submit(alice, "abc", 1 ether);
        (, bytes32 second) = submit(alice, "abc", 1 ether);
        assertTrue(first != second);
        vm.roll(block.number + 1);
        vm.prank(alice);
        (uint64 index, bytes32 third) = inbox.submit{value: 1 ether}(app, other, wasmProgram(), "abc", soon());
        assertEq(index, 1);
        assertTrue(third != first && third != second);
        (, bytes32 fourth) = submit(bob, "abc", 1 ether);
        assertTrue(fourth != third);
    }

    function test_changeComesBackAndTheFeeStays() public {
        uint256 fee = inbox.feeOf(app, lane, wasmProgram(), 3);
        uint256 before = alice.balance;
        submit(alice, "abc", fee + 5);
        assertEq(before - alice.balance, fee);
        assertEq(address(inbox).balance, fee);
    }

    function test_whoCannotTakeItsChangePaysExactly() public {
        uint256 fee = inbox.feeOf(app, lane, wasmProgram(), 3);
        address contractual = address(registry);
        vm.deal(contractual, 2 * fee + 5);
        vm.prank(contractual);
        vm.expectRevert(abi.encodeWithSelector(IForcedInbox.PaymentRefused.selector, contractual));
        inbox.submit{value: fee + 5}(app, lane, wasmProgram(), "abc", soon());
        assertEq(contractual.balance, 2 * fee + 5);
        vm.prank(contractual);
        inbox.submit{value: fee}(app, lane, wasmProgram(), "abc", soon());
        assertEq(inbox.entryCount(app, lane), 1);
    }

    function test_aFeeBelowThePrice() public {
        uint256 fee = inbox.feeOf(app, lane, wasmProgram(), 3);
        refuse(
            abi.encodeWithSelector(IForcedInbox.FeeTooLow.selector, fee - 1, fee), wasmProgram(), "abc", soon(), fee - 1
        );
    }

    function test_whatAnExecutorWouldRefuse() public {
        Program memory unknown = wasmProgram();
        unknown.artifactDigest = keccak256("another");
        bytes32 unknownId = VouchTypes.hash(unknown);
        refuse(
            abi.encodeWithSelector(IAppController.UnknownRelease.selector, app, unknownId), unknown, "", soon(), 1 ether
        );

        Program memory lying = wasmProgram();
        lying.limits.fuel = 1; // another program, then, and no release
        refuse(
            abi.encodeWithSelector(IAppController.UnknownRelease.selector, app, VouchTypes.hash(lying)),
            lying,
            "",
            soon(),
            1 ether
        );

        Program memory oci = ociProgram();
        bytes32 ociId = publish(app, oci);
        refuse(abi.encodeWithSelector(IForcedInbox.NotForcible.selector, ociId), oci, "", soon(), 1 ether);

        Program memory service = wasmProgram();
        service.interfaceName = "http";
        bytes32 serviceId = publish(app, service);
        refuse(abi.encodeWithSelector(IForcedInbox.NotForcible.selector, serviceId), service, "", soon(), 1 ether);
    }

    function test_payloadsBeyondTheLimits() public {
        Program memory small = wasmProgram();
        small.limits.payloadBytes = 2;
        publish(app, small);
        refuse(abi.encodeWithSelector(IForcedInbox.PayloadTooLarge.selector, 3, 2), small, "abc", soon(), 1 ether);
        bytes memory large = new bytes((1 << 15) + 1);
        refuse(
            abi.encodeWithSelector(IForcedInbox.PayloadTooLarge.selector, large.length, 1 << 15),
            wasmProgram(),
            large,
            soon(),
            1 ether
        );
    }

    function test_deadlinesOutOfBounds() public {
        uint256 earliest = block.timestamp + 1 hours;
        uint256 latest = block.timestamp + 1 days;
        bytes memory near = abi.encodeWithSelector(IForcedInbox.DeadlineTooNear.selector, earliest - 1, earliest);
        refuse(near, wasmProgram(), "", uint64(earliest - 1), 1 ether);
        bytes memory far = abi.encodeWithSelector(IForcedInbox.DeadlineTooFar.selector, latest + 1, latest);
        refuse(far, wasmProgram(), "", uint64(latest + 1), 1 ether);
    }

    function test_aLaneThatDoesNotExist() public {
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IBatchRegistry.UnknownLane.selector, app, 9));
        inbox.submit{value: 1 ether}(app, 9, wasmProgram(), "", soon());
    }

    /// @dev One target is 1.1 entries: a block takes two, then refuses; the other lane has room of its own.
    function test_spamFillsNoMoreThanABlocksFuel() public {
        submit(alice, "", 1 ether);
        submit(alice, "", 1 ether);
        uint256 fuel = 1e10 + 1e8;
        uint256 left = 22e9 - 2 * fuel;
        refuse(abi.encodeWithSelector(IForcedInbox.BlockFull.selector, fuel, left), wasmProgram(), "", soon(), 1 ether);
        vm.roll(block.number + 1);
        submit(alice, "", 1 ether);
    }

    /// @dev Above target the price rises by about an eighth a block, and comes down again when nobody submits.
    function test_spamGetsDearerBlockByBlock() public {
        uint256 calm = inbox.feeOf(app, lane, wasmProgram(), 0);
        uint256 fee = calm;
        for (uint256 i = 0; i < 100; ++i) {
            submit(alice, "", 1e24);
            submit(alice, "", 1e24);
            vm.roll(block.number + 1);
            uint256 next = inbox.feeOf(app, lane, wasmProgram(), 0);
            assertGt(next, fee);
            fee = next;
        }
        // Each of these blocks took 92% of its bound: 84% of a target above the target, so e^(100 * 0.836 / 8).
        assertGt(fee, 30_000 * calm);
        vm.roll(block.number + 100);
        assertEq(inbox.feeOf(app, lane, wasmProgram(), 0), calm);
    }

    function test_thePriceFollowsTheExponential() public pure {
        assertEq(FuelPrice.priceAt(1e9, 0, 100), 1e9);
        assertEq(FuelPrice.priceAt(1e9, 800, 100), 2_718_281_828);
        assertEq(FuelPrice.feeUp(1, 1), 1); // rounded up
        // The dearest there is does not overflow.
        uint256 most = FuelPrice.priceAt(type(uint64).max, FuelPrice.excessMax(type(uint64).max), type(uint64).max);
        assertGt(most, uint256(type(uint64).max) * 6e27);
    }

    function testFuzz_thePriceNeverFallsWithTheExcess(uint64 priceMin, uint64 target, uint256 a, uint256 b)
        public
        pure
    {
        vm.assume(priceMin != 0 && target != 0);
        uint256 max = FuelPrice.excessMax(target);
        (a, b) = (a % (max + 1), b % (max + 1));
        if (a > b) (a, b) = (b, a);
        assertLe(FuelPrice.priceAt(priceMin, a, target), FuelPrice.priceAt(priceMin, b, target));
    }

    function test_rulesWithoutSense() public {
        IForcedInbox.Rules memory rules = inboxRules();
        rules.seedDelayBlocks = 0;
        vm.expectRevert(abi.encodeWithSelector(IForcedInbox.InvalidRules.selector, "seedDelayBlocks"));
        new ForcedInbox(controller, registry, rules);
    }

    function test_theRegistryTakesNoCursorBeyondWhatWasSubmitted() public {
        submit(alice, "", 1 ether);
        Batch memory batch = batchAfter(1, 0, 0);
        batch.inboxCursor = 2;
        refusePost(batch, abi.encodeWithSelector(IBatchRegistry.InboxCursorBeyond.selector, 2, 1));
        batch.inboxCursor = 1;
        bytes32 tip = postOne(batch);
        assertEq(registry.inboxCursor(app, lane), 1);

        Batch memory backwards = batchAfter(2, tip, 0);
        refusePost(backwards, abi.encodeWithSelector(IBatchRegistry.InboxCursorBackwards.selector, 0, 1));
        backwards.inboxCursor = 1;
        postOne(backwards);
    }

    function test_withinOnePostTheCursorDoesNotGoBackwardsEither() public {
        submit(alice, "", 1 ether);
        Batch[] memory headers = new Batch[](2);
        headers[0] = batchAfter(1, 0, 0);
        headers[0].inboxCursor = 1;
        headers[1] = batchAfter(2, hashOf(headers[0]), 0);
        BN254Certificate memory certificate = certify(headers[1], none());
        vm.expectRevert(abi.encodeWithSelector(IBatchRegistry.InboxCursorBackwards.selector, 0, 1));
        registry.post(headers, certificate);
    }

    function refusePost(Batch memory batch, bytes memory reason) private {
        BN254Certificate memory certificate = certify(batch, none());
        vm.expectRevert(reason);
        registry.post(only(batch), certificate);
    }

    function soon() private view returns (uint64) {
        return uint64(block.timestamp + 2 hours);
    }

    function submit(address client, bytes memory payload, uint256 paid) private returns (uint64, bytes32) {
        vm.prank(client);
        return inbox.submit{value: paid}(app, lane, wasmProgram(), payload, soon());
    }

    function refuse(bytes memory reason, Program memory program, bytes memory payload, uint64 deadline, uint256 paid)
        private
    {
        vm.prank(alice);
        vm.expectRevert(reason);
        inbox.submit{value: paid}(app, lane, program, payload, deadline);
    }
}

/// @notice Submits to two lanes in any order, over any number of blocks, and keeps count.
contract InboxHandler is VouchFixture {
    uint32 public otherLane;
    uint256 public paid;
    uint256 public fuelThisBlock;
    mapping(uint32 lane => uint64) public submitted;
    mapping(bytes32 requestId => uint256) public seen;
    bool public repeated;

    constructor() {
        deployVouch();
        vm.prank(appOwner);
        otherLane = registry.registerLane(app, GATEWAY, WINDOW);
        vm.deal(address(this), 1e30);
    }

    receive() external payable {}

    function submit(bool toOther, uint16 length) external {
        uint32 to = toOther ? otherLane : lane;
        bytes memory payload = new bytes(length % 64);
        uint256 before = address(this).balance;
        uint64 deadline = uint64(block.timestamp + 2 hours);
        (uint64 index, bytes32 id) = inbox.submit{value: before / 2}(app, to, wasmProgram(), payload, deadline);
        paid += before - address(this).balance;
        repeated = repeated || ++seen[id] > 1 || index != ++submitted[to];
    }

    function passBlocks(uint8 count) external {
        vm.roll(block.number + count % 8);
        vm.warp(block.timestamp + 12 * (count % 8));
    }

    function counts() external view returns (uint64 first, uint64 second, uint256 held) {
        return (inbox.entryCount(app, lane), inbox.entryCount(app, otherLane), address(inbox).balance);
    }

    function fees() external view returns (uint256 now_, uint256 least) {
        uint256 fuel = 1e10 + 1e8;
        return (inbox.feeOf(app, lane, wasmProgram(), 0), (fuel * 1e9 + 1e6 - 1) / 1e6);
    }
}

/// @title What holds of the inbox after any sequence of submissions.
contract ForcedInboxInvariantsTest is VouchFixture {
    InboxHandler private handler;

    function setUp() public {
        handler = new InboxHandler();
        targetContract(address(handler));
        bytes4[] memory selectors = new bytes4[](2);
        (selectors[0], selectors[1]) = (handler.submit.selector, handler.passBlocks.selector);
        targetSelector(FuzzSelector(address(handler), selectors));
    }

    function invariant_entriesAreContiguousAndFeesAreBurnt() public view {
        (uint64 first, uint64 second, uint256 held) = handler.counts();
        assertEq(first, handler.submitted(handler.otherLane() - 1));
        assertEq(second, handler.submitted(handler.otherLane()));
        assertEq(held, handler.paid());
        assertFalse(handler.repeated());
    }

    function invariant_thePriceIsNeverBelowTheLeast() public view {
        (uint256 fee, uint256 least) = handler.fees();
        assertGe(fee, least);
    }
}
