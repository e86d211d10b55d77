// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IWager} from "../../src/periphery/IWager.sol";
import {DemoToken} from "../../src/periphery/DemoToken.sol";
import {Wager} from "../../src/periphery/Wager.sol";
import {FeeToken, HostileToken} from "./StandIns.sol";
import {WagerFixture} from "./WagerFixture.sol";

/// @notice Opening, joining, cancelling, refunds, and tokens that misbehave.
contract WagerStakesTest is WagerFixture {
    function setUp() public {
        _deployWager();
    }

    function _wrongPhase(IWager.Phase phase) private {
        vm.expectRevert(abi.encodeWithSelector(IWager.WrongPhase.selector, phase));
    }

    function _open() private returns (uint256 opened) {
        vm.prank(white);
        return wagers.open(black, STAKE, true);
    }

    function test_wagerIdNamesChainContractAndNumber() public view {
        assertEq(wagers.wagerId(7), keccak256(abi.encode(block.chainid, address(wagers), uint256(7))));
    }

    function test_bothStakesAreEscrowed() public view {
        assertEq(token.balanceOf(address(wagers)), 2 * STAKE);
        assertEq(token.balanceOf(white), FUNDS - STAKE);
        assertEq(token.balanceOf(black), FUNDS - STAKE);
    }

    function test_opponentMayPlayWhite() public {
        vm.prank(black);
        uint256 opened = wagers.open(white, STAKE, false);
        assertEq(wagers.wagerInfo(opened).white, white);
        vm.prank(white);
        wagers.join(opened);
        assertEq(wagers.wagerInfo(opened).black, black);
    }

    function test_openRefusesNothingAtStakeAndNoOpponent() public {
        vm.startPrank(white);
        vm.expectRevert(IWager.ZeroStake.selector);
        wagers.open(black, 0, true);
        vm.expectRevert(abi.encodeWithSelector(IWager.InvalidOpponent.selector, white));
        wagers.open(white, STAKE, true);
        vm.expectRevert(abi.encodeWithSelector(IWager.InvalidOpponent.selector, address(0)));
        wagers.open(address(0), STAKE, true);
    }

    function test_onlyTheInvitedJoin() public {
        uint256 opened = _open();
        address stranger = makeAddr("stranger");
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IWager.NotInvited.selector, stranger));
        wagers.join(opened);
        vm.prank(white);
        vm.expectRevert(abi.encodeWithSelector(IWager.NotInvited.selector, white));
        wagers.join(opened);
    }

    function test_joinsOnce() public {
        vm.prank(black);
        _wrongPhase(IWager.Phase.Playing);
        wagers.join(number);
    }

    function test_cancelReturnsAnUnmatchedStakeToItsOwner() public {
        uint256 opened = _open();
        vm.prank(black);
        vm.expectRevert(abi.encodeWithSelector(IWager.NotInvited.selector, black));
        wagers.cancel(opened);
        vm.prank(white);
        wagers.cancel(opened);
        assertEq(token.balanceOf(white), FUNDS - STAKE);
        vm.prank(black);
        _wrongPhase(IWager.Phase.Closed);
        wagers.join(opened);
    }

    function test_matchedStakeCannotBeCancelled() public {
        vm.prank(white);
        _wrongPhase(IWager.Phase.Playing);
        wagers.cancel(number);
    }

    function test_noGameCanBeShownBeforeBothStaked() public {
        number = _open();
        _refuse(
            _verdict(IWager.State.Resignation, IWager.Side.White, _line(10)),
            abi.encodeWithSelector(IWager.WrongPhase.selector, IWager.Phase.Open)
        );
        _wrongPhase(IWager.Phase.Open);
        wagers.refund(number);
    }

    function test_refundAfterALongTimeWithoutAnyGame() public {
        uint256 refundableAt = block.timestamp + REFUND_DELAY;
        vm.warp(refundableAt);
        vm.expectRevert(abi.encodeWithSelector(IWager.TooEarly.selector, refundableAt));
        wagers.refund(number);
        vm.warp(refundableAt + 1);
        wagers.refund(number);
        _assertPaid(STAKE, STAKE);
    }

    function test_noRefundOnceAGameWasShown() public {
        _show(_ongoing(_line(1)));
        vm.warp(block.timestamp + 10 * REFUND_DELAY);
        vm.expectRevert(IWager.GameWasShown.selector);
        wagers.refund(number);
    }

    function test_lateGameStillCountsUntilSomebodyRefunds() public {
        vm.warp(block.timestamp + 10 * REFUND_DELAY);
        _show(_verdict(IWager.State.Resignation, IWager.Side.Black, _line(1)));
        _assertPaid(0, 2 * STAKE);
    }

    function test_unknownWagerIsRefused() public {
        _wrongPhase(IWager.Phase.Unknown);
        wagers.settle(99);
        vm.prank(white);
        _wrongPhase(IWager.Phase.Unknown);
        wagers.join(99);
    }

    function test_delaysOfZeroAreRefused() public {
        vm.expectRevert(IWager.ZeroDelay.selector);
        new Wager(_registry(), _controller(), token, APP, PROGRAM, 0, REFUND_DELAY);
        vm.expectRevert(IWager.ZeroDelay.selector);
        new Wager(_registry(), _controller(), token, APP, PROGRAM, CLOCK, 0);
    }

    function test_tokenThatTakesAFeeIsRefused() public {
        FeeToken fee = new FeeToken();
        wagers = new Wager(_registry(), _controller(), fee, APP, PROGRAM, CLOCK, REFUND_DELAY);
        fee.mint(white, STAKE);
        vm.startPrank(white);
        fee.approve(address(wagers), STAKE);
        vm.expectRevert(abi.encodeWithSelector(IWager.TokenTakesFee.selector, STAKE - STAKE / 100, STAKE));
        wagers.open(black, STAKE, true);
    }

    function _withHostileToken() private returns (HostileToken hostile) {
        hostile = new HostileToken();
        wagers = new Wager(_registry(), _controller(), hostile, APP, PROGRAM, CLOCK, REFUND_DELAY);
        address[2] memory players = [white, black];
        for (uint256 i = 0; i < 2; ++i) {
            hostile.mint(players[i], STAKE);
            vm.prank(players[i]);
            hostile.approve(address(wagers), STAKE);
        }
        number = _begin();
    }

    function test_playerWhomTheTokenRefusesDoesNotHoldUpTheOther() public {
        HostileToken hostile = _withHostileToken();
        hostile.setBlocked(white, true);
        _show(_verdict(IWager.State.Stalemate, IWager.Side.None, _line(10)));
        _endClock();
        wagers.settle(number);
        assertEq(hostile.balanceOf(black), STAKE);
        assertEq(wagers.owed(white), STAKE);

        vm.startPrank(white);
        vm.expectRevert("blocked");
        wagers.withdraw(white);
        address elsewhere = makeAddr("elsewhere");
        wagers.withdraw(elsewhere);
        assertEq(hostile.balanceOf(elsewhere), STAKE);
        vm.expectRevert(IWager.NothingOwed.selector);
        wagers.withdraw(elsewhere);
    }

    function test_tokenCannotReenter() public {
        HostileToken hostile = _withHostileToken();
        _show(_verdict(IWager.State.Checkmate, IWager.Side.White, _line(33)));
        _endClock();
        hostile.setCallback(address(wagers), abi.encodeCall(IWager.settle, (number)));
        wagers.settle(number);
        assertFalse(hostile.calledBack());
        assertEq(hostile.balanceOf(white), 2 * STAKE);
    }
}

contract DemoTokenTest is WagerFixture {
    function test_mintsOnLocalChainsOnly() public {
        DemoToken demo = new DemoToken("Demo", "DEMO");
        demo.mint(address(this), 5);
        assertEq(demo.balanceOf(address(this)), 5);
        vm.chainId(1);
        vm.expectRevert(abi.encodeWithSelector(DemoToken.NotALocalChain.selector, 1));
        demo.mint(address(this), 5);
        vm.expectRevert(abi.encodeWithSelector(DemoToken.NotALocalChain.selector, 1));
        new DemoToken("Demo", "DEMO");
    }
}
