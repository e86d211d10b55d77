// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {VouchTypes} from "../../src/libraries/VouchTypes.sol";
import {DemoToken} from "../../src/periphery/DemoToken.sol";
import {IWager} from "../../src/periphery/IWager.sol";
import {CertifiedExchange} from "../../src/periphery/VouchConsumer.sol";
import {Wager} from "../../src/periphery/Wager.sol";
import {ConsumerFixture} from "./ConsumerFixture.sol";

/// @notice A wager between two players, and verdicts on made-up games: a line is a list of move hashes, each following from the last.
abstract contract WagerFixture is ConsumerFixture {
    uint32 internal constant CLOCK = 100;
    uint32 internal constant REFUND_DELAY = 1_000;
    uint128 internal constant STAKE = 50 ether;
    uint256 internal constant FUNDS = 100 ether;

    Wager internal wagers;
    DemoToken internal token;
    address internal white;
    address internal black;
    uint256 internal number;

    function _deployWager() internal {
        _deployStandIns();
        token = new DemoToken("Demo", "DEMO");
        wagers = new Wager(_registry(), _controller(), token, APP, PROGRAM, CLOCK, REFUND_DELAY);
        (white, black) = (makeAddr("white"), makeAddr("black"));
        _fund(white);
        _fund(black);
        number = _begin();
    }

    function _fund(address player) internal {
        token.mint(player, FUNDS);
        vm.prank(player);
        token.approve(address(wagers), type(uint256).max);
    }

    function _begin() internal returns (uint256 begun) {
        vm.prank(white);
        begun = wagers.open(black, STAKE, true);
        vm.prank(black);
        wagers.join(begun);
    }

    /// @dev A line of `plies` moves that leaves the line of `seed` 0 after `common` moves, by the seed.
    function _line(uint256 plies, uint256 common, uint256 seed) internal pure returns (bytes32[] memory record) {
        record = new bytes32[](plies);
        bytes32 move;
        for (uint256 i = 0; i < plies; ++i) {
            move = keccak256(abi.encode(move, i == common ? seed : 0));
            record[i] = move;
        }
    }

    function _line(uint256 plies) internal pure returns (bytes32[] memory) {
        return _line(plies, plies, 0);
    }

    function _verdict(IWager.State state, IWager.Side winner, bytes32[] memory record)
        internal
        view
        returns (IWager.Verdict memory verdict)
    {
        verdict.wager = wagers.wagerId(number);
        (verdict.white, verdict.black) = (white, black);
        (verdict.state, verdict.winner, verdict.record) = (state, winner, record);
        if (state != IWager.State.Ongoing) return verdict;
        verdict.onMove = record.length % 2 == 0 ? IWager.Side.White : IWager.Side.Black;
    }

    function _ongoing(bytes32[] memory record) internal view returns (IWager.Verdict memory) {
        return _verdict(IWager.State.Ongoing, IWager.Side.None, record);
    }

    function _certify(IWager.Verdict memory verdict) internal returns (CertifiedExchange memory) {
        return _certified(VouchTypes.STATUS_OK, abi.encode(verdict));
    }

    function _show(IWager.Verdict memory verdict) internal {
        wagers.show(number, _certify(verdict));
    }

    function _refuse(IWager.Verdict memory verdict, bytes memory reason) internal {
        CertifiedExchange memory certified = _certify(verdict);
        vm.expectRevert(reason);
        wagers.show(number, certified);
    }

    function _info() internal view returns (IWager.WagerInfo memory) {
        return wagers.wagerInfo(number);
    }

    /// @dev What the players have now, and that nothing is left behind.
    function _assertPaid(uint256 toWhite, uint256 toBlack) internal view {
        assertEq(token.balanceOf(white), FUNDS - STAKE + toWhite, "white");
        assertEq(token.balanceOf(black), FUNDS - STAKE + toBlack, "black");
        assertEq(token.balanceOf(address(wagers)), 0, "left in the contract");
        assertTrue(_info().phase == IWager.Phase.Closed, "closed");
    }

    function _endClock() internal {
        vm.warp(uint256(_info().clockEndsAt) + 1);
    }
}
