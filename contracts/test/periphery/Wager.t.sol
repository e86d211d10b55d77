// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {VouchTypes} from "../../src/libraries/VouchTypes.sol";
import {IWager} from "../../src/periphery/IWager.sol";
import {CertifiedExchange, VouchConsumer} from "../../src/periphery/VouchConsumer.sol";
import {Wager} from "../../src/periphery/Wager.sol";
import {WagerFixture} from "./WagerFixture.sol";

/// @notice What a certified game does to the stakes.
contract WagerShowTest is WagerFixture {
    function setUp() public {
        _deployWager();
    }

    // Over by the loser's act.

    function test_resignationPaysAtOnce() public {
        _show(_verdict(IWager.State.Resignation, IWager.Side.White, _line(10)));
        _assertPaid(2 * STAKE, 0);
    }

    function test_resignationPaysWhateverWasShown() public {
        _show(_ongoing(_line(31)));
        _show(_verdict(IWager.State.Resignation, IWager.Side.Black, _line(10)));
        _assertPaid(0, 2 * STAKE);
    }

    function test_agreedDrawSplitsAtOnce() public {
        IWager.Verdict memory draw = _verdict(IWager.State.AgreedDraw, IWager.Side.None, _line(10));
        draw.expiresAt = uint64(block.timestamp);
        _show(draw);
        _assertPaid(STAKE, STAKE);
    }

    function test_agreedDrawAtTheGameShownSplits() public {
        _show(_ongoing(_line(10)));
        IWager.Verdict memory draw = _verdict(IWager.State.AgreedDraw, IWager.Side.None, _line(10));
        draw.expiresAt = type(uint64).max;
        _show(draw);
        _assertPaid(STAKE, STAKE);
    }

    function test_expiredDrawOfferIsRefused() public {
        IWager.Verdict memory draw = _verdict(IWager.State.AgreedDraw, IWager.Side.None, _line(10));
        draw.expiresAt = uint64(block.timestamp) - 1;
        _refuse(draw, abi.encodeWithSelector(IWager.DrawExpired.selector, draw.expiresAt));
    }

    function test_drawOfferThatWasPlayedOnIsRefused() public {
        _show(_ongoing(_line(12)));
        IWager.Verdict memory draw = _verdict(IWager.State.AgreedDraw, IWager.Side.None, _line(10));
        draw.expiresAt = type(uint64).max;
        _refuse(draw, abi.encodeWithSelector(IWager.NotLonger.selector, 10, 12));
    }

    // Clocks.

    function test_silenceOfThePlayerOnMoveForfeits() public {
        _show(_ongoing(_line(31)));
        _endClock();
        wagers.settle(number);
        _assertPaid(2 * STAKE, 0);
    }

    function test_whiteThatNeverMovesForfeits() public {
        _show(_ongoing(_line(0)));
        _endClock();
        wagers.settle(number);
        _assertPaid(0, 2 * STAKE);
    }

    function test_clockIsNotOverAtItsLastSecond() public {
        _show(_ongoing(_line(31)));
        uint64 endsAt = _info().clockEndsAt;
        assertEq(uint256(endsAt), block.timestamp + CLOCK);
        vm.warp(endsAt);
        vm.expectRevert(abi.encodeWithSelector(IWager.ClockRunning.selector, endsAt));
        wagers.settle(number);
        _show(_ongoing(_line(32)));
        assertTrue(_info().pending == IWager.Side.Black);
    }

    function test_afterTheClockNothingCanBeShown() public {
        _show(_ongoing(_line(31)));
        _endClock();
        bytes memory reason = abi.encodeWithSelector(IWager.ClockEnded.selector, _info().clockEndsAt);
        _refuse(_ongoing(_line(32)), reason);
        _refuse(_verdict(IWager.State.Resignation, IWager.Side.Black, _line(32)), reason);
        CertifiedExchange memory fork = _certify(_ongoing(_line(31, 20, 1)));
        vm.expectRevert(reason);
        wagers.showFork(number, fork, _line(31));
    }

    function test_longerGameReplacesShorterAndTurnsTheClock() public {
        _show(_ongoing(_line(5)));
        assertTrue(_info().pending == IWager.Side.White);
        vm.warp(block.timestamp + CLOCK / 2);
        _show(_ongoing(_line(6)));
        assertTrue(_info().pending == IWager.Side.Black);
        assertEq(uint256(_info().clockEndsAt), block.timestamp + CLOCK);
        _show(_ongoing(_line(20)));
        assertEq(uint256(_info().plies), 20);
    }

    function test_samePositionDoesNotRestartTheClock() public {
        _show(_ongoing(_line(31)));
        uint64 endsAt = _info().clockEndsAt;
        vm.warp(block.timestamp + CLOCK / 2);
        _refuse(_ongoing(_line(31)), abi.encodeWithSelector(IWager.NotLonger.selector, 31, 31));
        _refuse(_ongoing(_line(30)), abi.encodeWithSelector(IWager.NotLonger.selector, 30, 31));
        assertEq(uint256(_info().clockEndsAt), endsAt);
    }

    function test_emptyGameDoesNotRestartTheClock() public {
        _show(_ongoing(_line(0)));
        _refuse(_ongoing(_line(0)), abi.encodeWithSelector(IWager.NotLonger.selector, 0, 0));
    }

    function test_sameExchangeTwiceChangesNothing() public {
        CertifiedExchange memory certified = _certify(_ongoing(_line(31)));
        wagers.show(number, certified);
        vm.expectRevert(abi.encodeWithSelector(IWager.NotLonger.selector, 31, 31));
        wagers.show(number, certified);
    }

    function test_mateWaitsForAClockAndThenPays() public {
        _show(_verdict(IWager.State.Checkmate, IWager.Side.White, _line(33)));
        assertTrue(_info().phase == IWager.Phase.Playing);
        _endClock();
        wagers.settle(number);
        _assertPaid(2 * STAKE, 0);
    }

    function test_drawsByTheLastMoveWaitForAClockAndThenSplit() public {
        IWager.State[5] memory draws = [
            IWager.State.Stalemate,
            IWager.State.Repetition,
            IWager.State.FiftyMoves,
            IWager.State.InsufficientMaterial,
            IWager.State.LengthLimit
        ];
        for (uint256 i = 0; i < draws.length; ++i) {
            if (i > 0) number = _begin();
            _show(_verdict(draws[i], IWager.Side.None, _line(33)));
            assertTrue(_info().pending == IWager.Side.None);
            _endClock();
            wagers.settle(number);
            _assertPaid(STAKE, STAKE);
        }
    }

    function test_mateContinuesAStoppedGame() public {
        _show(_ongoing(_line(32)));
        _show(_verdict(IWager.State.Checkmate, IWager.Side.White, _line(33)));
        assertTrue(_info().pending == IWager.Side.White);
    }

    function test_settleWithoutAGameIsRefused() public {
        vm.warp(block.timestamp + CLOCK + 1);
        vm.expectRevert(IWager.NoGameShown.selector);
        wagers.settle(number);
    }

    // Forks.

    function test_takebackProvenInOneAnswerForfeits() public {
        _show(_verdict(IWager.State.Takeback, IWager.Side.Black, _line(19)));
        _assertPaid(0, 2 * STAKE);
    }

    function test_longerForkDoesNotReplace() public {
        _show(_ongoing(_line(20)));
        _refuse(_ongoing(_line(25, 18, 1)), abi.encodePacked(IWager.ForksFromShown.selector));
    }

    function test_forkForfeitsTheWhitePlayerWhoMovedTwice() public {
        _show(_ongoing(_line(20)));
        wagers.showFork(number, _certify(_ongoing(_line(25, 18, 1))), _line(20));
        _assertPaid(0, 2 * STAKE);
    }

    function test_forkForfeitsTheBlackPlayerWhoMovedTwice() public {
        _show(_ongoing(_line(20)));
        wagers.showFork(number, _certify(_ongoing(_line(18, 17, 1))), _line(20));
        _assertPaid(2 * STAKE, 0);
    }

    function test_mateByATakenBackMoveForfeits() public {
        // White, lost at ply 40, mates at ply 37 instead; black shows the game as it was.
        _show(_verdict(IWager.State.Checkmate, IWager.Side.White, _line(37, 36, 1)));
        wagers.showFork(number, _certify(_ongoing(_line(40))), _line(37, 36, 1));
        _assertPaid(0, 2 * STAKE);
    }

    function test_gameThatContinuesTheOneShownIsNoFork() public {
        _show(_ongoing(_line(20)));
        for (uint256 plies = 19; plies <= 21; ++plies) {
            CertifiedExchange memory certified = _certify(_ongoing(_line(plies)));
            vm.expectRevert(IWager.NoFork.selector);
            wagers.showFork(number, certified, _line(20));
        }
    }

    function test_forkFromARecordThatWasNotShownIsRefused() public {
        CertifiedExchange memory certified = _certify(_ongoing(_line(25, 18, 1)));
        vm.expectRevert(IWager.NoGameShown.selector);
        wagers.showFork(number, certified, new bytes32[](0));
        _show(_ongoing(_line(20)));
        vm.expectRevert(IWager.RecordNotShown.selector);
        wagers.showFork(number, certified, _line(20, 10, 9));
        vm.expectRevert(IWager.RecordNotShown.selector);
        wagers.showFork(number, certified, _line(19));
    }

    function test_illegalForkIsRefused() public {
        _show(_ongoing(_line(20)));
        IWager.Verdict memory verdict = _verdict(IWager.State.Illegal, IWager.Side.None, _line(19, 18, 1));
        verdict.fault = 2;
        CertifiedExchange memory certified = _certify(verdict);
        vm.expectRevert(abi.encodeWithSelector(IWager.IllegalRecord.selector, 2, 19));
        wagers.showFork(number, certified, _line(20));
    }

    // What changes nothing.

    function test_answerForAnotherWagerIsRefused() public {
        uint256 first = number;
        IWager.Verdict memory verdict = _verdict(IWager.State.Resignation, IWager.Side.White, _line(10));
        number = _begin();
        _refuse(verdict, abi.encodeWithSelector(IWager.AnotherWager.selector, wagers.wagerId(first)));
    }

    function test_answerForAnotherContractOrChainIsRefused() public {
        IWager.Verdict memory verdict = _verdict(IWager.State.Resignation, IWager.Side.White, _line(10));
        verdict.wager = keccak256(abi.encode(block.chainid, address(this), number));
        _refuse(verdict, abi.encodeWithSelector(IWager.AnotherWager.selector, verdict.wager));
        verdict.wager = keccak256(abi.encode(1, address(wagers), number));
        _refuse(verdict, abi.encodeWithSelector(IWager.AnotherWager.selector, verdict.wager));
    }

    function test_answerForOtherPlayersIsRefused() public {
        IWager.Verdict memory verdict = _verdict(IWager.State.Resignation, IWager.Side.White, _line(10));
        (verdict.white, verdict.black) = (black, white);
        _refuse(verdict, abi.encodeWithSelector(IWager.OtherPlayers.selector, black, white));
        (verdict.white, verdict.black) = (client, black);
        _refuse(verdict, abi.encodeWithSelector(IWager.OtherPlayers.selector, client, black));
        (verdict.white, verdict.black) = (white, client);
        _refuse(verdict, abi.encodeWithSelector(IWager.OtherPlayers.selector, white, client));
    }

    function test_answerOfAnotherProgramIsRefused() public {
        bytes32 another = keccak256("another program");
        controller.setRelease(APP, another, true);
        CertifiedExchange memory certified =
            _unposted(0, abi.encode(_verdict(IWager.State.Resignation, IWager.Side.White, _line(10))));
        (certified.batch.programId, certified.request.programId) = (another, another);
        _seal(certified);
        _post(certified);
        vm.expectRevert(abi.encodeWithSelector(VouchConsumer.BatchOfAnotherProgram.selector, another));
        wagers.show(number, certified);
    }

    function test_trapChangesNothing() public {
        _show(_ongoing(_line(5)));
        bytes32 before = keccak256(abi.encode(_info()));
        for (uint8 status = 1; status <= 3; ++status) {
            CertifiedExchange memory certified = _certified(status, "");
            vm.expectRevert(abi.encodeWithSelector(IWager.NotAnAnswer.selector, status));
            wagers.show(number, certified);
        }
        assertEq(keccak256(abi.encode(_info())), before);
    }

    function test_illegalRecordChangesNothing() public {
        _show(_ongoing(_line(5)));
        bytes32 before = keccak256(abi.encode(_info()));
        IWager.Verdict memory verdict = _verdict(IWager.State.Illegal, IWager.Side.None, _line(9));
        verdict.fault = 1;
        _refuse(verdict, abi.encodeWithSelector(IWager.IllegalRecord.selector, 1, 9));
        assertEq(keccak256(abi.encode(_info())), before);
    }

    function test_batchOlderThanClaimAgeIsRefused() public {
        CertifiedExchange memory certified = _certify(_ongoing(_line(31)));
        vm.warp(block.timestamp + 600);
        vm.expectRevert(
            abi.encodeWithSelector(VouchConsumer.BatchTooOld.selector, certified.batch.referenceTimestamp, 600)
        );
        wagers.show(number, certified);
    }

    function test_closedWagerPaysNoMore() public {
        CertifiedExchange memory certified = _certify(_verdict(IWager.State.Resignation, IWager.Side.White, _line(10)));
        wagers.show(number, certified);
        // Money of another wager is in the contract.
        _begin();
        bytes memory reason = abi.encodeWithSelector(IWager.WrongPhase.selector, IWager.Phase.Closed);
        vm.expectRevert(reason);
        wagers.show(number, certified);
        vm.expectRevert(reason);
        wagers.showFork(number, certified, _line(10));
        vm.expectRevert(reason);
        wagers.settle(number);
        vm.expectRevert(reason);
        wagers.refund(number);
    }

    function test_gas() public {
        CertifiedExchange memory first = _certify(_ongoing(_line(40)));
        CertifiedExchange memory second = _certify(_ongoing(_line(41)));
        CertifiedExchange memory last = _certify(_verdict(IWager.State.Resignation, IWager.Side.White, _line(60)));
        wagers.show(number, first);
        vm.snapshotGasLastCall("periphery", "wager_show_first_40_plies");
        wagers.show(number, second);
        vm.snapshotGasLastCall("periphery", "wager_show_longer_41_plies");
        wagers.show(number, last);
        vm.snapshotGasLastCall("periphery", "wager_show_resignation_60_plies");
    }
}
