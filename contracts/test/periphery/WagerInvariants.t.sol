// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {VouchTypes} from "../../src/libraries/VouchTypes.sol";
import {IWager} from "../../src/periphery/IWager.sol";
import {CertifiedExchange} from "../../src/periphery/VouchConsumer.sol";
import {WagerFixture} from "./WagerFixture.sol";

/// @notice Does at random what players, strangers and cheats can do, over a few wagers at once.
contract WagerHandler is WagerFixture {
    uint256 public paidOut;
    uint256 public staked;
    mapping(uint256 number => uint256) public closedTimes;
    mapping(uint256 number => uint256) public lastPlies;
    bool public shortened;

    constructor() {
        _deployWager();
        (staked, number) = (2 * STAKE, 1);
        token.mint(white, 1_000_000 ether);
        token.mint(black, 1_000_000 ether);
    }

    function held() external view returns (uint256) {
        return token.balanceOf(address(wagers));
    }

    /// @dev What the contract must hold: the stakes of wagers that are not closed.
    function escrowed() external view returns (uint256 sum) {
        for (uint256 i = 1; i <= wagers.wagerCount(); ++i) {
            IWager.Phase phase = wagers.wagerInfo(i).phase;
            if (phase == IWager.Phase.Open) sum += STAKE;
            if (phase == IWager.Phase.Playing) sum += 2 * STAKE;
        }
    }

    function count() external view returns (uint256) {
        return wagers.wagerCount();
    }

    modifier watched(uint256 pick) {
        number = 1 + pick % wagers.wagerCount();
        uint256 before = token.balanceOf(white) + token.balanceOf(black);
        bool wasClosed = _info().phase == IWager.Phase.Closed;
        uint256 plies = _info().plies;
        _;
        uint256 gained = token.balanceOf(white) + token.balanceOf(black) - before;
        paidOut += gained;
        if (gained != 0) closedTimes[number] += 1;
        if (_info().plies < plies || (wasClosed && gained != 0)) shortened = true;
    }

    function open(bool join_) external {
        if (wagers.wagerCount() >= 6) return;
        vm.prank(white);
        uint256 opened = wagers.open(black, STAKE, true);
        staked += STAKE;
        if (!join_) return;
        vm.prank(black);
        wagers.join(opened);
        staked += STAKE;
    }

    function join(uint256 pick) external {
        uint256 joined = 1 + pick % wagers.wagerCount();
        vm.prank(black);
        try wagers.join(joined) {
            staked += STAKE;
        } catch {}
    }

    function cancel(uint256 pick) external watched(pick) {
        vm.prank(white);
        try wagers.cancel(number) {} catch {}
    }

    function show(uint256 pick, uint8 state, uint8 winner, uint8 plies, uint8 common, uint8 seed)
        external
        watched(pick)
    {
        IWager.Side side = IWager.Side(winner % 3);
        IWager.Verdict memory verdict =
            _verdict(IWager.State(state % 11), side, _line(plies % 40, common % 40, seed % 3));
        verdict.expiresAt = seed % 2 == 0 ? type(uint64).max : 0;
        try wagers.show(number, _certify(verdict)) {} catch {}
    }

    function showFork(uint256 pick, uint8 plies, uint8 common, uint8 shownCommon) external watched(pick) {
        bytes32[] memory shown = _line(_info().plies, shownCommon % 40, shownCommon % 3);
        try wagers.showFork(number, _certify(_ongoing(_line(plies % 40, common % 40, 2))), shown) {} catch {}
    }

    function trap(uint256 pick, uint8 status) external watched(pick) {
        try wagers.show(number, _certified(1 + status % 3, "")) {} catch {}
    }

    function settle(uint256 pick) external watched(pick) {
        try wagers.settle(number) {} catch {}
    }

    function refund(uint256 pick) external watched(pick) {
        try wagers.refund(number) {} catch {}
    }

    function pass(uint16 time) external {
        vm.warp(block.timestamp + time % 400);
    }
}

contract WagerInvariantTest is WagerFixture {
    WagerHandler private handler;

    function setUp() public {
        handler = new WagerHandler();
        targetContract(address(handler));
    }

    function invariant_valueIsConserved() public view {
        assertEq(handler.held(), handler.escrowed(), "the contract holds exactly what is at stake");
        assertEq(handler.staked(), handler.held() + handler.paidOut(), "what came in is there or was paid out");
    }

    function invariant_everyWagerPaysOnce() public view {
        for (uint256 i = 1; i <= handler.count(); ++i) {
            assertLe(handler.closedTimes(i), 1, "paid once");
        }
        assertFalse(handler.shortened(), "a game never gets shorter and a closed wager never pays");
    }
}
