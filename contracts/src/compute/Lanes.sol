// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IAppController} from "../interfaces/IAppController.sol";
import {IBatchRegistry} from "../interfaces/IBatchRegistry.sol";

/// @title Lanes: where each lane's cursor stands, who its gateway is, and how a stuck one is freed.
/// @dev A skip that has ended moves the cursor by the passing of time alone, so nothing is read from storage as it stands: every
/// answer is first brought up to this block's time (`_cursorOf`), and every write first settles an ended skip (`_settle`).
abstract contract Lanes is IBatchRegistry {
    /// @param cursor As of the last write; an ended skip is not in it.
    /// @param skipEndsAt Zero unless a skip was requested and neither cancelled nor settled; it began at `cursor`.
    /// @param epoch How many gateways the lane has had.
    /// @param skipRequester Whose bond stands while `skipEndsAt` is not zero.
    /// @param changeAfter When `nextGateway` may take the lane.
    /// @param takenAt When this epoch began; zero in the first.
    struct LaneState {
        address gateway;
        uint32 window;
        uint64 cursor;
        bytes32 tip;
        uint64 tipSequence;
        uint64 skipEndsAt;
        uint32 epoch;
        address skipRequester;
        uint64 changeAfter;
        address nextGateway;
        uint64 takenAt;
    }

    /// @param skipDelay Seconds from `requestSkip` to the end of the skip.
    /// @param gatewayDelay Seconds from `nameGateway` until the new gateway may take the lane without the old one's consent; longer
    /// than the longest deadline of a request.
    /// @param skipBond What `requestSkip` puts at stake, wei.
    struct LaneRules {
        uint32 skipDelay;
        uint32 gatewayDelay;
        uint256 skipBond;
    }

    uint32 public constant WINDOW_MAX = 4_096;

    IAppController public immutable appController;
    uint32 public immutable skipDelay;
    uint32 public immutable gatewayDelay;
    uint256 public immutable skipBond;

    mapping(bytes32 app => uint32) public laneCount;
    mapping(address account => uint256) public bondCredit;
    mapping(bytes32 app => mapping(uint32 lane => LaneState)) private _lanes;
    mapping(bytes32 app => mapping(uint32 lane => mapping(uint64 cursor => uint64 target))) private _skipTargets;

    constructor(IAppController appController_, LaneRules memory rules) {
        require(rules.skipDelay != 0, ZeroSkipDelay());
        require(rules.gatewayDelay != 0, ZeroGatewayDelay());
        appController = appController_;
        skipDelay = rules.skipDelay;
        gatewayDelay = rules.gatewayDelay;
        skipBond = rules.skipBond;
    }

    modifier onlyAppOwner(bytes32 app) {
        require(appController.appInfo(app).owner == msg.sender, NotAppOwner(app, msg.sender));
        _;
    }

    function registerLane(bytes32 app, address gateway, uint32 window)
        external
        onlyAppOwner(app)
        returns (uint32 lane)
    {
        require(gateway != address(0), InvalidGateway());
        require(window != 0 && window <= WINDOW_MAX, InvalidWindow(window));
        lane = ++laneCount[app];
        LaneState storage state = _lanes[app][lane];
        state.gateway = gateway;
        state.window = window;
        state.epoch = 1;
        emit LaneRegistered(app, lane, gateway, window);
    }

    function requestSkip(bytes32 app, uint32 lane) external payable {
        require(msg.value == skipBond, WrongBond(msg.value, skipBond));
        LaneState storage state = _knownLane(app, lane);
        _settle(state, app, lane);
        require(state.skipEndsAt == 0, SkipRunning(state.skipEndsAt));
        uint64 endsAt = uint64(block.timestamp) + skipDelay;
        state.skipEndsAt = endsAt;
        state.skipRequester = msg.sender;
        emit SkipRequested(app, lane, state.cursor, endsAt);
    }

    function settleSkip(bytes32 app, uint32 lane) external {
        _settle(_knownLane(app, lane), app, lane);
    }

    function withdrawBondCredit(address payable to) external returns (uint256 amount) {
        amount = bondCredit[msg.sender];
        bondCredit[msg.sender] = 0;
        emit BondCreditWithdrawn(msg.sender, to, amount);
        (bool paid,) = to.call{value: amount}("");
        require(paid, PaymentRefused(to));
    }

    function nameGateway(bytes32 app, uint32 lane, address gateway) external onlyAppOwner(app) {
        LaneState storage state = _knownLane(app, lane);
        require(gateway != state.gateway, InvalidGateway());
        uint64 changeAfter = gateway == address(0) ? 0 : uint64(block.timestamp) + gatewayDelay;
        (state.nextGateway, state.changeAfter) = (gateway, changeAfter);
        emit GatewayNamed(app, lane, gateway, changeAfter);
    }

    function consentToGateway(bytes32 app, uint32 lane, address gateway) external {
        LaneState storage state = _knownLane(app, lane);
        require(msg.sender == state.gateway, NotGateway(msg.sender, state.gateway));
        require(gateway != address(0) && gateway == state.nextGateway, NotNamed(gateway, state.nextGateway));
        state.changeAfter = uint64(block.timestamp);
        emit GatewayNamed(app, lane, gateway, state.changeAfter);
    }

    function takeLane(bytes32 app, uint32 lane) external {
        LaneState storage state = _knownLane(app, lane);
        address next = state.nextGateway;
        require(msg.sender == next, NotNamed(msg.sender, next));
        require(block.timestamp >= state.changeAfter, TooEarly(state.changeAfter));
        _beginEpoch(state, app, lane, next);
    }

    function laneInfo(bytes32 app, uint32 lane) external view returns (Lane memory) {
        LaneState storage state = _knownLane(app, lane);
        return Lane({
            gateway: state.gateway,
            window: state.window,
            cursor: _cursorOf(state),
            tip: state.tip,
            tipSequence: state.tipSequence,
            skipEndsAt: _skipEnded(state) ? 0 : state.skipEndsAt,
            epoch: state.epoch,
            nextGateway: state.nextGateway,
            changeAfter: state.changeAfter,
            takenAt: state.takenAt
        });
    }

    function skipTarget(bytes32 app, uint32 lane, uint64 cursor) external view returns (uint64) {
        LaneState storage state = _knownLane(app, lane);
        if (_skipEnded(state) && state.cursor == cursor) return cursor + state.window;
        return _skipTargets[app][lane][cursor];
    }

    /// @notice Makes `gateway` the lane's. Who was named before has to be named again: it was to follow on another one.
    function _beginEpoch(LaneState storage state, bytes32 app, uint32 lane, address gateway) internal {
        uint32 epoch = ++state.epoch;
        (state.gateway, state.takenAt) = (gateway, uint64(block.timestamp));
        (state.nextGateway, state.changeAfter) = (address(0), 0);
        emit GatewayChanged(app, lane, epoch, gateway, _cursorOf(state));
    }

    /// @notice Moves the cursor to a batch, which cancels a running skip. Settle first.
    /// @dev A lane that moves was not stuck: the bond goes to the gateway, whose work the skip would have thrown away.
    function _advance(LaneState storage state, bytes32 app, uint32 lane, uint64 sequence, bytes32 tip) internal {
        if (state.skipEndsAt != 0) {
            state.skipEndsAt = 0;
            _credit(state.gateway);
            emit SkipCancelled(app, lane, state.cursor);
        }
        state.cursor = sequence;
        state.tipSequence = sequence;
        state.tip = tip;
    }

    /// @notice Writes down a skip that has ended, for evidence to read for ever, and gives its bond back.
    function _settle(LaneState storage state, bytes32 app, uint32 lane) internal {
        if (!_skipEnded(state)) return;
        uint64 target = _cursorOf(state);
        _skipTargets[app][lane][state.cursor] = target;
        state.cursor = target;
        state.skipEndsAt = 0;
        _credit(state.skipRequester);
    }

    function _knownLane(bytes32 app, uint32 lane) internal view returns (LaneState storage state) {
        state = _lanes[app][lane];
        require(state.window != 0, UnknownLane(app, lane));
    }

    function _cursorOf(LaneState storage state) internal view returns (uint64) {
        return _skipEnded(state) ? state.cursor + state.window : state.cursor;
    }

    /// @dev Fetched, never sent: nobody who refuses a payment can keep a batch from being posted.
    function _credit(address account) private {
        bondCredit[account] += skipBond;
        emit BondCredited(account, skipBond);
    }

    function _skipEnded(LaneState storage state) private view returns (bool) {
        uint64 endsAt = state.skipEndsAt;
        return endsAt != 0 && block.timestamp >= endsAt;
    }
}
