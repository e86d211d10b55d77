// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IAppController} from "../interfaces/IAppController.sol";
import {IBatchRegistry} from "../interfaces/IBatchRegistry.sol";

/// @title Lanes: where each lane's cursor stands, and how a stuck one is freed.
/// @dev A skip that has ended moves the cursor by the passing of time alone, so nothing is read from storage as it stands: every
/// answer is first brought up to this block's time (`_cursorOf`), and every write first settles an ended skip (`_settle`).
abstract contract Lanes is IBatchRegistry {
    /// @param cursor As of the last write; an ended skip is not in it.
    /// @param skipEndsAt Zero unless a skip was requested and neither cancelled nor settled; it began at `cursor`.
    struct LaneState {
        address gateway;
        uint32 window;
        uint64 cursor;
        bytes32 tip;
        uint64 tipSequence;
        uint64 skipEndsAt;
    }

    uint32 public constant WINDOW_MAX = 4_096;

    IAppController public immutable appController;
    /// @notice Seconds from `requestSkip` to the end of the skip.
    uint32 public immutable skipDelay;

    mapping(bytes32 app => uint32) public laneCount;
    mapping(bytes32 app => mapping(uint32 lane => LaneState)) private _lanes;
    mapping(bytes32 app => mapping(uint32 lane => mapping(uint64 cursor => uint64 target))) private _skipTargets;

    constructor(IAppController appController_, uint32 skipDelay_) {
        require(skipDelay_ != 0, ZeroSkipDelay());
        appController = appController_;
        skipDelay = skipDelay_;
    }

    function registerLane(bytes32 app, address gateway, uint32 window) external returns (uint32 lane) {
        require(appController.appInfo(app).owner == msg.sender, NotAppOwner(app, msg.sender));
        require(gateway != address(0), InvalidGateway());
        require(window != 0 && window <= WINDOW_MAX, InvalidWindow(window));
        lane = ++laneCount[app];
        LaneState storage state = _lanes[app][lane];
        state.gateway = gateway;
        state.window = window;
        emit LaneRegistered(app, lane, gateway, window);
    }

    function requestSkip(bytes32 app, uint32 lane) external {
        LaneState storage state = _knownLane(app, lane);
        _settle(state, app, lane);
        require(state.skipEndsAt == 0, SkipRunning(state.skipEndsAt));
        uint64 endsAt = uint64(block.timestamp) + skipDelay;
        state.skipEndsAt = endsAt;
        emit SkipRequested(app, lane, state.cursor, endsAt);
    }

    function laneInfo(bytes32 app, uint32 lane) external view returns (Lane memory) {
        LaneState storage state = _knownLane(app, lane);
        return Lane({
            gateway: state.gateway,
            window: state.window,
            cursor: _cursorOf(state),
            tip: state.tip,
            tipSequence: state.tipSequence,
            skipEndsAt: _skipEnded(state) ? 0 : state.skipEndsAt
        });
    }

    function skipTarget(bytes32 app, uint32 lane, uint64 cursor) external view returns (uint64) {
        LaneState storage state = _knownLane(app, lane);
        if (_skipEnded(state) && state.cursor == cursor) return cursor + state.window;
        return _skipTargets[app][lane][cursor];
    }

    /// @notice Moves the cursor to a batch, which cancels a running skip. Settle first.
    function _advance(LaneState storage state, bytes32 app, uint32 lane, uint64 sequence, bytes32 tip) internal {
        if (state.skipEndsAt != 0) {
            state.skipEndsAt = 0;
            emit SkipCancelled(app, lane, state.cursor);
        }
        state.cursor = sequence;
        state.tipSequence = sequence;
        state.tip = tip;
    }

    /// @notice Writes down a skip that has ended, for evidence to read for ever.
    function _settle(LaneState storage state, bytes32 app, uint32 lane) internal {
        if (!_skipEnded(state)) return;
        uint64 target = _cursorOf(state);
        _skipTargets[app][lane][state.cursor] = target;
        state.cursor = target;
        state.skipEndsAt = 0;
    }

    function _knownLane(bytes32 app, uint32 lane) internal view returns (LaneState storage state) {
        state = _lanes[app][lane];
        require(state.window != 0, UnknownLane(app, lane));
    }

    function _cursorOf(LaneState storage state) internal view returns (uint64) {
        return _skipEnded(state) ? state.cursor + state.window : state.cursor;
    }

    function _skipEnded(LaneState storage state) private view returns (bool) {
        uint64 endsAt = state.skipEndsAt;
        return endsAt != 0 && block.timestamp >= endsAt;
    }
}
