// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IForkParameters} from "../interfaces/IForkParameters.sol";

/// @title ForkParameters
/// @notice See `IForkParameters`. The constructor checks every inequality that the redemption of a fork rests on.
contract ForkParameters is IForkParameters {
    uint256 private constant BASIS_POINTS = 10_000;
    uint256 private constant APPEAL_RUNGS_MAX = 16;
    uint256 private constant TIME_COUNT = 11;
    uint256 private constant SHARE_COUNT = 8;

    /// @dev Written by the constructor alone.
    Times private _times;
    Shares private _shares;

    constructor(Times memory times_, Shares memory shares_) {
        _requireNoZero(times_, shares_);
        _requireTimes(times_);
        _requireShares(shares_);
        (_times, _shares) = (times_, shares_);
    }

    function times() external view returns (Times memory) {
        return _times;
    }

    function shares() external view returns (Shares memory) {
        return _shares;
    }

    /// @dev An accused voter can start to leave when the voters are fixed, that is `vote` before the attack, or as long before it as a
    /// table lives: what it takes out must still be in the escrow when redemption ends, else it redeems as a holder.
    function _requireTimes(Times memory t) private pure {
        _more("challenge > censorship + deliberation", t.challenge, uint256(t.censorship) + t.deliberation);
        _more("redemption > censorship + challenge", t.redemption, uint256(t.censorship) + t.challenge);
        _more("lock > redemption", t.lock, t.redemption);
        _more("withdrawal > vote + redemption", t.withdrawal, uint256(t.vote) + t.redemption);
        _more("withdrawal > stakeTableAge + redemption", t.withdrawal, uint256(t.stakeTableAge) + t.redemption);
        _more("pending > censorship", t.pending, t.censorship);
        _more("followerLag > challenge", t.followerLag, t.challenge);
    }

    /// @dev The third says that stake at its least can bear the least destruction; the fourth that what the accused of the
    /// smallest fork lose beside the burn pays the challengers' premium, so that no fork mints.
    function _requireShares(Shares memory s) private pure {
        _atMost("burn <= 1", s.burn, BASIS_POINTS);
        _atMost("slashable <= 1", s.slashable, BASIS_POINTS);
        _atMost(
            "destruction <= burn x slashable x staked",
            uint256(s.destruction) * BASIS_POINTS * BASIS_POINTS,
            uint256(s.burn) * s.slashable * s.staked
        );
        _atMost(
            "challengerPremium x challengeBurn x burn <= (1 - burn) x destruction",
            uint256(s.challengerPremium) * s.challengeBurn * s.burn,
            (BASIS_POINTS - s.burn) * s.destruction * BASIS_POINTS
        );
        _atMost("appealRungs <= 16", s.appealRungs, APPEAL_RUNGS_MAX);
        _atMost("challengeBurn <= last appeal", s.challengeBurn, uint256(s.firstAppeal) << (s.appealRungs - 1));
        _atMost("last appeal <= 1", uint256(s.firstAppeal) << (s.appealRungs - 1), BASIS_POINTS);
    }

    function _more(string memory rule, uint256 left, uint256 right) private pure {
        require(left > right, RuleBroken(rule, left, right));
    }

    function _atMost(string memory rule, uint256 left, uint256 right) private pure {
        require(left <= right, RuleBroken(rule, left, right));
    }

    /// @dev Structs in memory: field i is word i. The shares count on from the times.
    function _requireNoZero(Times memory times_, Shares memory shares_) private pure {
        for (uint256 i = 0; i < TIME_COUNT + SHARE_COUNT; i++) {
            uint256 value;
            assembly ("memory-safe") {
                switch lt(i, TIME_COUNT)
                case 1 { value := mload(add(times_, mul(i, 0x20))) }
                default { value := mload(add(shares_, mul(sub(i, TIME_COUNT), 0x20))) }
            }
            require(value != 0, ZeroParameter(i));
        }
    }
}
