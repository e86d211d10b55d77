// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Merkle} from "../../src/libraries/Merkle.sol";
import {OperatorSet} from "../../src/libraries/OperatorSetLib.sol";
import {Batch, Program, VouchTypes} from "../../src/libraries/VouchTypes.sol";
import {DemoToken} from "../../src/periphery/DemoToken.sol";
import {IWager} from "../../src/periphery/IWager.sol";
import {CertifiedExchange, VouchConsumer} from "../../src/periphery/VouchConsumer.sol";
import {Wager} from "../../src/periphery/Wager.sol";
import {Keys} from "../Keys.sol";
import {VouchFixture} from "../VouchFixture.sol";

/// @notice The wager over the real registry, verifier, app and profile: batches are posted with certificates of four operators.
contract EndToEndTest is VouchFixture {
    uint32 private constant CLOCK = 1 hours;
    uint128 private constant STAKE = 10 ether;

    DemoToken private token;
    Wager private wagers;
    address private white = makeAddr("white");
    address private black = makeAddr("black");
    uint256 private number;
    uint64 private _sequence;
    bytes32 private _tip;

    function setUp() public {
        deployVouch();
        token = new DemoToken("Demo", "DEMO");
        wagers = new Wager(registry, controller, token, app, programId, CLOCK, 30 days);
        number = _begin();
    }

    function _begin() private returns (uint256 begun) {
        return _beginOn(wagers);
    }

    function _beginOn(Wager on) private returns (uint256 begun) {
        address[2] memory players = [white, black];
        for (uint256 i = 0; i < 2; ++i) {
            token.mint(players[i], STAKE);
            vm.prank(players[i]);
            token.approve(address(on), STAKE);
        }
        vm.prank(white);
        begun = on.open(black, STAKE, true);
        vm.prank(black);
        on.join(begun);
    }

    function _verdict(IWager.State state, IWager.Side winner, uint256 plies) private view returns (bytes memory) {
        IWager.Verdict memory verdict;
        verdict.wager = wagers.wagerId(number);
        (verdict.white, verdict.black, verdict.state, verdict.winner) = (white, black, state, winner);
        verdict.record = new bytes32[](plies);
        for (uint256 i = 0; i < plies; ++i) {
            verdict.record[i] = keccak256(abi.encode("move", i));
        }
        if (state == IWager.State.Ongoing) verdict.onMove = plies % 2 == 0 ? IWager.Side.White : IWager.Side.Black;
        return abi.encode(verdict);
    }

    function _resignation() private view returns (bytes memory) {
        return _verdict(IWager.State.Resignation, IWager.Side.White, 41);
    }

    // Making, sealing and posting an exchange.

    function _answer(uint8 status, bytes memory output) private view returns (CertifiedExchange memory certified) {
        require(output.length <= 16_384, "one page");
        certified.output = output;
        certified.payloadLength = 5_000;
        certified.payloadPagesRoot = keccak256("payload");
        certified.request.app = app;
        certified.request.programId = programId;
        certified.request.client = vm.addr(0xc11e47);
        certified.request.nonce = _sequence;
        certified.request.payloadHash = VouchTypes.pageRoot(5_000, certified.payloadPagesRoot);
        certified.request.time = uint64(block.timestamp);
        certified.request.deadline = uint64(block.timestamp) + 60;
        certified.exchange.status = status;
        if (status == 0) certified.exchange.outputHash = VouchTypes.pageRoot(uint64(output.length), keccak256(output));
        _seal(certified);
    }

    /// @dev Signs the request as it is now and puts the exchange first of two into the lane's next batch.
    function _seal(CertifiedExchange memory certified) private view {
        bytes32 requestId = VouchTypes.hash(certified.request);
        certified.exchange.requestId = requestId;
        bytes32 digest = MessageHashUtils.toTypedDataHash(registry.domainSeparator(), requestId);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(0xc11e47, digest);
        certified.clientSignature = abi.encodePacked(r, s, v);
        certified.proof = new bytes32[](1);
        certified.proof[0] = keccak256("another exchange");
        certified.batch = batchAfter(_sequence + 1, _tip, 0);
        certified.batch.exchangeCount = 2;
        certified.batch.exchangesRoot = Merkle.hashPair(VouchTypes.hash(certified.exchange), certified.proof[0]);
    }

    function _post(CertifiedExchange memory certified) private {
        _tip = postOne(certified.batch);
        _sequence = certified.batch.sequence;
    }

    function _posted(uint8 status, bytes memory output) private returns (CertifiedExchange memory certified) {
        certified = _answer(status, output);
        _post(certified);
    }

    function _refuse(CertifiedExchange memory certified, bytes memory reason) private {
        vm.expectRevert(reason);
        wagers.show(number, certified);
        assertEq(token.balanceOf(address(wagers)), 2 * STAKE * wagers.wagerCount());
    }

    // What it is for.

    function test_certifiedResignationPays() public {
        CertifiedExchange memory certified = _posted(0, _resignation());
        wagers.show(number, certified);
        vm.snapshotGasLastCall("periphery", "end_to_end_resignation_41_plies");
        assertEq(token.balanceOf(white), 2 * STAKE);
        assertEq(token.balanceOf(address(wagers)), 0);
    }

    function test_certifiedSilencePays() public {
        wagers.show(number, _posted(0, _verdict(IWager.State.Ongoing, IWager.Side.None, 31)));
        vm.warp(block.timestamp + CLOCK + 1);
        wagers.settle(number);
        assertEq(token.balanceOf(white), 2 * STAKE);
    }

    // When the gateway ignores a player.

    function test_aForcedRequestIsAnsweredAndConsumedWithoutASignature() public {
        wagers.show(number, _posted(0, _verdict(IWager.State.Ongoing, IWager.Side.None, 31)));
        uint256 left = wagers.wagerInfo(number).clockEndsAt - block.timestamp;
        CertifiedExchange memory forced = _forced(black, _verdict(IWager.State.Ongoing, IWager.Side.None, 32));

        // Nothing passes while the request waits, be it answered after its deadline.
        vm.warp(block.timestamp + 5 hours);
        vm.expectRevert(abi.encodeWithSelector(IWager.ClockRunning.selector, type(uint64).max));
        wagers.settle(number);
        vm.expectRevert(abi.encodeWithSelector(IWager.NotAnswered.selector, 1, 0));
        wagers.resumeClock(number);

        _post(forced);
        wagers.resumeClock(number);
        assertEq(wagers.wagerInfo(number).clockEndsAt, block.timestamp + left);
        wagers.show(number, forced);
        assertEq(wagers.wagerInfo(number).plies, 32);
    }

    function test_aClockIsStoppedOnceForEachGameByPlayersAlone() public {
        wagers.show(number, _posted(0, _verdict(IWager.State.Ongoing, IWager.Side.None, 31)));
        _refuseForced(address(this), abi.encodeWithSelector(IWager.NotPlayer.selector, address(this)));
        CertifiedExchange memory forced = _forced(black, "junk");
        _refuseForced(white, abi.encodeWithSelector(IWager.ClockStopped.selector, 1));
        _post(forced);
        wagers.resumeClock(number);
        vm.expectRevert(IWager.ClockNotStopped.selector);
        wagers.resumeClock(number);
        _refuseForced(black, abi.encodeWithSelector(IWager.StoppedBefore.selector, 31));
        vm.warp(wagers.wagerInfo(number).clockEndsAt + 1);
        wagers.settle(number);
        assertEq(token.balanceOf(white), 2 * STAKE);
    }

    /// @dev Even a lane that never moves again does not hold the stakes for ever.
    function test_aClockGoesOnWhenNobodyEverAnswers() public {
        wagers.show(number, _posted(0, _verdict(IWager.State.Ongoing, IWager.Side.None, 31)));
        _forced(black, "junk");
        vm.warp(wagers.stopInfo(number).until + 1);
        wagers.resumeClock(number);
        vm.warp(wagers.wagerInfo(number).clockEndsAt + 1);
        wagers.settle(number);
    }

    /// @dev An answer without a signature to a request that nobody put into the inbox is nobody's.
    function test_anUnsignedRequestThatIsNotInTheInbox() public {
        CertifiedExchange memory certified = _posted(0, _resignation());
        certified.clientSignature = "";
        _refuse(certified, abi.encodeWithSelector(VouchConsumer.RequestNotSigned.selector, certified.request.client));
    }

    /// @dev Black has the wager submit a request, whose answer is put into the lane's next batch.
    function _forced(address player, bytes memory output) private returns (CertifiedExchange memory certified) {
        certified = _answer(0, output);
        certified.payloadLength = 4;
        certified.payloadPagesRoot = keccak256("game");
        certified.request.client = address(wagers);
        certified.request.nonce = 1 << 63;
        certified.request.payloadHash = VouchTypes.pageRoot(4, keccak256("game"));
        certified.request.time = uint64(block.timestamp);
        certified.request.seedBlock = uint64(block.number) + 4;
        certified.request.deadline = uint64(block.timestamp) + 2 hours;
        _seal(certified);
        certified.clientSignature = "";
        certified.batch.inboxCursor = 1;
        vm.deal(player, 1 ether);
        vm.prank(player);
        bytes32 id =
            wagers.forceRequest{value: 1 ether}(number, lane, wasmProgram(), "game", certified.request.deadline);
        assertEq(id, certified.exchange.requestId);
        assertEq(player.balance + address(inbox).balance, 1 ether);
    }

    function _refuseForced(address player, bytes memory reason) private {
        vm.deal(player, 1 ether);
        uint64 deadline = uint64(block.timestamp) + 2 hours;
        vm.prank(player);
        vm.expectRevert(reason);
        wagers.forceRequest{value: 1 ether}(number, lane, wasmProgram(), "game", deadline);
    }

    // What it refuses.

    function test_answerForAnotherWager() public {
        bytes memory other = _resignation();
        bytes32 otherId = wagers.wagerId(number);
        number = _begin();
        _refuse(_posted(0, other), abi.encodeWithSelector(IWager.AnotherWager.selector, otherId));
    }

    function test_requestTheClientNeverSigned() public {
        CertifiedExchange memory certified = _posted(0, _resignation());
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(0xbad, certified.exchange.requestId);
        certified.clientSignature = abi.encodePacked(r, s, v);
        _refuse(certified, abi.encodeWithSelector(VouchConsumer.RequestNotSigned.selector, certified.request.client));
    }

    function test_requestWithATimeAfterItsPost() public {
        CertifiedExchange memory certified = _answer(0, _resignation());
        uint64 recordedAt = uint64(block.timestamp);
        certified.request.time = recordedAt + 1;
        _seal(certified);
        _post(certified);
        vm.warp(recordedAt + 30);
        _refuse(certified, abi.encodeWithSelector(VouchConsumer.RequestAfterPost.selector, recordedAt + 1, recordedAt));
    }

    function test_requestWithADeadlineBeforeItsPost() public {
        CertifiedExchange memory certified = _answer(0, _resignation());
        uint64 deadline = certified.request.deadline;
        vm.warp(deadline + 1);
        _post(certified);
        _refuse(
            certified, abi.encodeWithSelector(VouchConsumer.RequestExpiredBeforePost.selector, deadline, deadline + 1)
        );
    }

    function test_batchOlderThanClaimAge() public {
        CertifiedExchange memory certified = _posted(0, _resignation());
        uint256 oldest = uint256(tableTime) + profile.claimAge();
        vm.warp(oldest + 1);
        _refuse(certified, abi.encodeWithSelector(VouchConsumer.BatchTooOld.selector, tableTime, profile.claimAge()));
        vm.warp(oldest);
        wagers.show(number, certified);
    }

    function test_unpostedBatch() public {
        CertifiedExchange memory certified = _answer(0, _resignation());
        _refuse(certified, abi.encodeWithSelector(VouchConsumer.BatchNotCertified.selector, hashOf(certified.batch)));
    }

    function test_ancestorIsConsumedOnlyWithItsOwnCertificate() public {
        CertifiedExchange memory certified = _answer(0, _resignation());
        Batch[] memory headers = new Batch[](2);
        headers[0] = certified.batch;
        headers[1] = batchAfter(2, hashOf(certified.batch), 7);
        registry.post(headers, certify(headers[1], none()));
        _refuse(certified, abi.encodeWithSelector(VouchConsumer.BatchNotCertified.selector, hashOf(certified.batch)));
        postOne(certified.batch);
        wagers.show(number, certified);
        assertEq(token.balanceOf(white), 2 * STAKE);
    }

    function test_wrongProgram() public {
        Program memory program = wasmProgram();
        program.artifactDigest = keccak256("a program that says what its author likes");
        bytes32 another = publish(app, program);
        CertifiedExchange memory certified = _answer(0, _resignation());
        certified.request.programId = another;
        _seal(certified);
        certified.batch.programId = another;
        _post(certified);
        _refuse(certified, abi.encodeWithSelector(VouchConsumer.BatchOfAnotherProgram.selector, another));
    }

    function test_headerChangedAfterItsPost() public {
        CertifiedExchange memory certified = _posted(0, _resignation());
        certified.batch.profileId = address(this);
        _refuse(certified, abi.encodeWithSelector(VouchConsumer.BatchOfAnotherProfile.selector, address(this)));
        certified.batch.profileId = address(profile);
        certified.batch.app = keccak256("another app");
        _refuse(certified, abi.encodeWithSelector(VouchConsumer.BatchOfAnotherApp.selector, keccak256("another app")));
        certified.batch.app = app;
        certified.batch.lane += 1;
        _refuse(certified, abi.encodeWithSelector(VouchConsumer.BatchNotCertified.selector, hashOf(certified.batch)));
    }

    function test_onlyAWasmCommandIsImmediate() public {
        string[3] memory interfaces = ["command", "http", "performer"];
        for (uint256 i = 0; i < interfaces.length; ++i) {
            Program memory container = ociProgram();
            container.interfaceName = interfaces[i];
            _actsNotOn(publish(app, container));
            if (i == 0) continue;
            Program memory wasm = wasmProgram();
            wasm.interfaceName = interfaces[i];
            _actsNotOn(publish(app, wasm));
        }
    }

    function _actsNotOn(bytes32 other) private {
        Wager onOther = new Wager(registry, controller, token, app, other, CLOCK, 30 days);
        CertifiedExchange memory certified = _answer(0, _resignation());
        certified.batch.programId = other;
        uint256 begun = _beginOn(onOther);
        vm.expectRevert(abi.encodeWithSelector(VouchConsumer.NotImmediate.selector, other));
        onOther.show(begun, certified);
    }

    /// @dev Whoever sees a program on its way to the chain publishes it first, under an app whose only operator is their own, and certifies
    /// what they like: a whole quorum of the right program, but not of the app that the consumer pins.
    function test_aReleaseThatAnotherAppPublishedFirst() public {
        Program memory program = wasmProgram();
        program.artifactDigest = keccak256("seen before it was published");
        Place memory attackers = _publishFirst(program);
        programId = publish(app, program);
        tableTime = verifier.updateOperatorTable(set, 0);
        wagers = new Wager(registry, controller, token, app, programId, CLOCK, 30 days);
        number = _begin();

        Place memory developers = _move(attackers);
        CertifiedExchange memory lie = _answer(0, _resignation());
        registry.post(only(lie.batch), _certifyAlone(lie.batch));
        _move(developers);
        _refuse(lie, abi.encodeWithSelector(VouchConsumer.BatchOfAnotherApp.selector, attackers.app));
        (lie.batch.app, lie.batch.operatorSetId) = (app, set.id);
        _refuse(lie, abi.encodeWithSelector(VouchConsumer.BatchNotCertified.selector, hashOf(lie.batch)));

        wagers.show(number, _posted(0, _resignation()));
        assertEq(token.balanceOf(white), 2 * STAKE);
    }

    /// @notice Which app the fixture's batches are of.
    struct Place {
        bytes32 app;
        OperatorSet set;
        uint32 lane;
        uint32 tableTime;
    }

    /// @return left Where the fixture was before.
    function _move(Place memory to) private returns (Place memory left) {
        left = Place(app, set, lane, tableTime);
        (app, set, lane, tableTime) = (to.app, to.set, to.lane, to.tableTime);
    }

    /// @dev An attacker's app with one operator, enough stake, a lane and the program.
    function _publishFirst(Program memory program) private returns (Place memory place) {
        vm.startPrank(makeAddr("attacker"));
        place.app = controller.createApp(appParameters());
        place.lane = registry.registerLane(place.app, GATEWAY, WINDOW);
        controller.publishRelease(place.app, program, "file:elsewhere");
        vm.stopPrank();
        place.set = OperatorSet({avs: address(controller), id: controller.appInfo(place.app).operatorSetId});
        Place memory left = _move(place);
        stakeAndAllocate(OPERATOR_COUNT, 100 ether);
        mine(allocationWait(operatorOf(OPERATOR_COUNT)), SECONDS_PER_BLOCK);
        registerKeyOf(OPERATOR_COUNT, set);
        joinSet(operatorOf(OPERATOR_COUNT), set, "");
        place.tableTime = verifier.updateOperatorTable(set, 0);
        _move(left);
    }

    function _certifyAlone(Batch memory batch) private view returns (BN254Certificate memory certificate) {
        certificate.referenceTimestamp = batch.referenceTimestamp;
        certificate.messageHash = hashOf(batch);
        certificate.signature = signatureOf(OPERATOR_COUNT, batch);
        certificate.apk = Keys.g2(secretOf(OPERATOR_COUNT));
    }

    function test_outputThatDoesNotMatch() public {
        CertifiedExchange memory certified = _posted(0, _resignation());
        certified.output = _verdict(IWager.State.Resignation, IWager.Side.Black, 41);
        _refuse(certified, abi.encodePacked(VouchConsumer.OutputMismatch.selector));
    }

    function test_exchangeOfAnotherBatch() public {
        CertifiedExchange memory first = _posted(0, _resignation());
        CertifiedExchange memory second = _posted(0, _verdict(IWager.State.Resignation, IWager.Side.Black, 41));
        second.batch = first.batch;
        _refuse(second, abi.encodeWithSelector(VouchConsumer.NotInBatch.selector, VouchTypes.hash(second.exchange)));
    }

    function test_trapChangesNothing() public {
        CertifiedExchange memory certified = _posted(VouchTypes.STATUS_TRAP, "");
        _refuse(certified, abi.encodeWithSelector(IWager.NotAnAnswer.selector, VouchTypes.STATUS_TRAP));
        assertEq(uint256(wagers.wagerInfo(number).clockEndsAt), 0);
    }

    function test_payloadAboveTheDemandLimit() public {
        CertifiedExchange memory certified = _answer(0, _resignation());
        uint64 limit = profile.demandLimit();
        certified.payloadLength = limit + 1;
        certified.request.payloadHash = VouchTypes.pageRoot(limit + 1, certified.payloadPagesRoot);
        _seal(certified);
        _post(certified);
        _refuse(certified, abi.encodeWithSelector(VouchConsumer.AboveDemandLimit.selector, limit + 1, limit));
    }
}
