// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IWager} from "../../src/periphery/IWager.sol";
import {Wager} from "../../src/periphery/Wager.sol";
import {HostileToken} from "./StandIns.sol";
import {WagerFixture} from "./WagerFixture.sol";

/// @title While the token moves, nothing of the wager contract can be entered.
/// @dev The token is a player itself. Each call that it makes from within a payment would succeed by itself, and does right afterwards.
contract WagerReentryTest is WagerFixture {
    HostileToken private hostile;
    /// @dev White's, unmatched: cancelling it moves the token.
    uint256 private unmatched;

    function setUp() public {
        _deployStandIns();
        hostile = new HostileToken();
        wagers = new Wager(_registry(), _controller(), hostile, APP, PROGRAM, CLOCK, REFUND_DELAY);
        (white, black) = (makeAddr("white"), makeAddr("black"));
        address[3] memory players = [white, black, address(hostile)];
        for (uint256 i = 0; i < players.length; ++i) {
            hostile.mint(players[i], FUNDS);
            vm.prank(players[i]);
            hostile.approve(address(wagers), FUNDS);
        }
        // For one stake, so that a payment that is entered is not entered again from within.
        vm.prank(address(hostile));
        hostile.approve(address(wagers), STAKE);
        number = _begin();
        vm.prank(white);
        unmatched = wagers.open(black, STAKE, true);
    }

    function test_open() public {
        _assertNotEntered(abi.encodeCall(IWager.open, (black, STAKE, true)));
    }

    function test_join() public {
        vm.prank(black);
        uint256 invited = wagers.open(address(hostile), STAKE, true);
        _assertNotEntered(abi.encodeCall(IWager.join, (invited)));
    }

    function test_cancel() public {
        _assertNotEntered(abi.encodeCall(IWager.cancel, (_openByToken())));
    }

    function test_show() public {
        _assertNotEntered(abi.encodeCall(IWager.show, (number, _certify(_ongoing(_line(5))))));
    }

    function test_showFork() public {
        _show(_ongoing(_line(5)));
        IWager.Verdict memory fork = _ongoing(_line(6, 3, 1));
        _assertNotEntered(abi.encodeCall(IWager.showFork, (number, _certify(fork), _line(5))));
    }

    function test_settle() public {
        _show(_ongoing(_line(5)));
        _endClock();
        _assertNotEntered(abi.encodeCall(IWager.settle, (number)));
    }

    function test_refund() public {
        vm.warp(block.timestamp + REFUND_DELAY + 1);
        _assertNotEntered(abi.encodeCall(IWager.refund, (number)));
    }

    function test_withdraw() public {
        uint256 opened = _openByToken();
        hostile.setBlocked(address(hostile), true);
        vm.prank(address(hostile));
        wagers.cancel(opened);
        hostile.setBlocked(address(hostile), false);
        assertEq(wagers.owed(address(hostile)), STAKE);
        _assertNotEntered(abi.encodeCall(IWager.withdraw, (address(hostile))));
    }

    function _openByToken() private returns (uint256) {
        vm.prank(address(hostile));
        return wagers.open(black, STAKE, true);
    }

    function _assertNotEntered(bytes memory callData) private {
        hostile.setCallback(address(wagers), callData);
        vm.prank(white);
        wagers.cancel(unmatched);
        assertFalse(hostile.calledBack(), "entered while the token moved");
        hostile.setCallback(address(0), "");
        vm.prank(address(hostile));
        (bool ok,) = address(wagers).call(callData);
        assertTrue(ok, "refused by itself");
    }
}
