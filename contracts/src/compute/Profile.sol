// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IProfile} from "../interfaces/IProfile.sol";

/// @title Profile
/// @notice See `IProfile`. Every value is fixed by the constructor, which refuses times that outlast the stake.
/// @dev Verifiers, bonds, the burn share and the fork-signal address are the adjudicator's: a later profile is another contract
/// with these and the same functions. A batch names its profile, so the two live side by side.
contract Profile is IProfile {
    uint32 private immutable _claimAge;
    uint32 private immutable _window;
    uint32 private immutable _demand;
    uint32 private immutable _reopenedWindow;
    uint32 private immutable _seedWait;
    uint32 private immutable _verifiers;
    uint32 private immutable _appeals;
    uint32 private immutable _paging;
    uint32 private immutable _staleness;

    uint64 public immutable demandLimit;
    uint32 public immutable wholeTime;
    uint32 public immutable wholeTimeBlocks;

    /// @param slashableBlocks How many blocks stake stays slashable after an operator starts to take it away.
    /// @param secondsPerBlock The shortest time between two blocks that the chain allows.
    constructor(Times memory times_, uint64 demandLimit_, uint256 slashableBlocks, uint256 secondsPerBlock) {
        require(secondsPerBlock != 0, ZeroTime("secondsPerBlock"));
        require(demandLimit_ != 0, ZeroDemandLimit());
        _requireNoZero(times_);
        uint256 whole = _sum(times_);
        uint256 slashableTime = slashableBlocks * secondsPerBlock;
        require(whole < slashableTime, TimesDoNotFit(whole, slashableTime));

        (_claimAge, _window, _demand) = (times_.claimAge, times_.window, times_.demand);
        (_reopenedWindow, _seedWait, _verifiers) = (times_.reopenedWindow, times_.seedWait, times_.verifiers);
        (_appeals, _paging, _staleness) = (times_.appeals, times_.paging, times_.staleness);
        demandLimit = demandLimit_;
        wholeTime = SafeCast.toUint32(whole);
        wholeTimeBlocks = SafeCast.toUint32((whole + secondsPerBlock - 1) / secondsPerBlock);
    }

    function times() external view returns (Times memory) {
        return Times({
            claimAge: _claimAge,
            window: _window,
            demand: _demand,
            reopenedWindow: _reopenedWindow,
            seedWait: _seedWait,
            verifiers: _verifiers,
            appeals: _appeals,
            paging: _paging,
            staleness: _staleness
        });
    }

    function claimAge() external view returns (uint32) {
        return _claimAge;
    }

    function staleness() external view returns (uint32) {
        return _staleness;
    }

    /// @dev Staleness is no part of the sum: like the others, a claim's age counts from referenceTimestamp.
    function _sum(Times memory t) private pure returns (uint256) {
        return
            uint256(t.claimAge) + t.window + t.demand + t.reopenedWindow + t.seedWait + t.verifiers + t.appeals
                + t.paging;
    }

    function _requireNoZero(Times memory t) private pure {
        require(t.claimAge != 0, ZeroTime("claimAge"));
        require(t.window != 0, ZeroTime("window"));
        require(t.demand != 0, ZeroTime("demand"));
        require(t.reopenedWindow != 0, ZeroTime("reopenedWindow"));
        require(t.seedWait != 0, ZeroTime("seedWait"));
        require(t.verifiers != 0, ZeroTime("verifiers"));
        require(t.appeals != 0, ZeroTime("appeals"));
        require(t.paging != 0, ZeroTime("paging"));
        require(t.staleness != 0, ZeroTime("staleness"));
    }
}
