// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {IAppController} from "../interfaces/IAppController.sol";
import {IBatchRegistry} from "../interfaces/IBatchRegistry.sol";
import {IForcedInbox} from "../interfaces/IForcedInbox.sol";
import {Program, VouchTypes} from "../libraries/VouchTypes.sol";
import {CertifiedExchange, VouchConsumer} from "./VouchConsumer.sol";
import {IWager} from "./IWager.sol";

/// @title The example consumer: an ERC-20 stake on a game of chess, refereed by a program off-chain.
/// @dev Immutable, without an owner. What it pins: app and programId (constructor) and, in every answer, its own wager id and both players.
contract Wager is IWager, VouchConsumer, ReentrancyGuard {
    using SafeERC20 for IERC20;
    using VouchTypes for Program;

    IERC20 public immutable token;
    /// @notice Whose operators' answers count.
    bytes32 public immutable app;
    /// @notice The referee program whose answers count.
    bytes32 public immutable programId;
    /// @notice How long the player on move, or who objects to a result, has; seconds. It must leave time to get an answer certified and posted.
    uint32 public immutable clockSeconds;
    /// @notice How long no certified game may have been shown before both stakes go back; seconds from joining.
    uint32 public immutable refundDelay;

    /// @inheritdoc IWager
    uint256 public wagerCount;
    /// @inheritdoc IWager
    mapping(address player => uint256 amount) public owed;
    mapping(uint256 number => WagerInfo) private _wagers;
    /// @dev Who opened a wager, and may cancel it while it is open.
    mapping(uint256 number => address) private _openers;
    mapping(uint256 number => Stop) private _stops;
    /// @dev One more than the plies of the game shown when a player last stopped its clock.
    mapping(uint256 number => mapping(address player => uint256)) private _stoppedAt;

    constructor(
        IBatchRegistry batchRegistry_,
        IAppController appController_,
        IERC20 token_,
        bytes32 app_,
        bytes32 programId_,
        uint32 clockSeconds_,
        uint32 refundDelay_
    ) VouchConsumer(batchRegistry_, appController_) {
        require(clockSeconds_ != 0 && refundDelay_ != 0, ZeroDelay());
        token = token_;
        app = app_;
        programId = programId_;
        clockSeconds = clockSeconds_;
        refundDelay = refundDelay_;
    }

    /// @inheritdoc IWager
    function open(address opponent, uint128 stake, bool playWhite) external nonReentrant returns (uint256 number) {
        require(stake != 0, ZeroStake());
        require(opponent != address(0) && opponent != msg.sender, InvalidOpponent(opponent));
        number = ++wagerCount;
        WagerInfo storage wager = _wagers[number];
        (wager.white, wager.black) = playWhite ? (msg.sender, opponent) : (opponent, msg.sender);
        wager.stake = stake;
        wager.phase = Phase.Open;
        _openers[number] = msg.sender;
        emit Opened(number, wagerId(number), wager.white, wager.black, stake);
        _collect(stake);
    }

    /// @inheritdoc IWager
    function join(uint256 number) external nonReentrant {
        WagerInfo storage wager = _inPhase(number, Phase.Open);
        bool invited = (msg.sender == wager.white || msg.sender == wager.black) && msg.sender != _openers[number];
        require(invited, NotInvited(msg.sender));
        wager.phase = Phase.Playing;
        wager.joinedAt = uint64(block.timestamp);
        emit Joined(number);
        _collect(wager.stake);
    }

    /// @inheritdoc IWager
    function cancel(uint256 number) external nonReentrant {
        WagerInfo storage wager = _inPhase(number, Phase.Open);
        require(msg.sender == _openers[number], NotInvited(msg.sender));
        wager.phase = Phase.Closed;
        emit Cancelled(number);
        _pay(msg.sender, wager.stake);
    }

    /// @inheritdoc IWager
    function show(uint256 number, CertifiedExchange calldata certified) external nonReentrant {
        WagerInfo storage wager = _runningGame(number);
        Verdict memory verdict = _verdictOf(number, wager, certified);
        if (verdict.state == State.Resignation) return _close(number, verdict.winner, "resignation");
        if (verdict.state == State.Takeback) return _close(number, verdict.winner, "two moves at one ply");
        if (verdict.state == State.AgreedDraw) {
            require(block.timestamp <= verdict.expiresAt, DrawExpired(verdict.expiresAt));
            _requireContinues(wager, verdict.record, 0);
            return _close(number, Side.None, "agreed draw");
        }
        _requireContinues(wager, verdict.record, wager.clockEndsAt == 0 ? 0 : 1);
        _startClock(number, wager, verdict);
    }

    /// @inheritdoc IWager
    function showFork(uint256 number, CertifiedExchange calldata certified, bytes32[] calldata shownRecord)
        external
        nonReentrant
    {
        WagerInfo storage wager = _runningGame(number);
        require(wager.clockEndsAt != 0, NoGameShown());
        require(keccak256(abi.encodePacked(shownRecord)) == wager.recordHash, RecordNotShown());
        Verdict memory verdict = _verdictOf(number, wager, certified);
        // Both games are legal and signed throughout, so whoever moved at the first ply where they differ signed both moves.
        uint256 index = _firstDifference(verdict.record, shownRecord);
        _close(number, index % 2 == 0 ? Side.Black : Side.White, "two moves at one ply");
    }

    /// @inheritdoc IWager
    function forceRequest(
        uint256 number,
        uint32 lane,
        Program calldata program,
        bytes calldata payload,
        uint64 deadline
    ) external payable nonReentrant returns (bytes32 requestId) {
        require(program.hash() == programId, AnotherProgram(program.hash()));
        uint64 remaining = _stopClock(number);
        IForcedInbox inbox = batchRegistry.forcedInbox();
        uint256 fee = inbox.feeOf(app, lane, program, payload.length);
        require(msg.value >= fee, IForcedInbox.FeeTooLow(msg.value, fee));
        uint64 index;
        (index, requestId) = inbox.submit{value: fee}(app, lane, program, payload, deadline);
        _stops[number] = Stop({lane: lane, index: index, until: deadline + refundDelay, remaining: remaining});
        emit ClockStoppedBy(number, msg.sender, requestId, index, remaining);
        _giveChange(msg.value - fee);
    }

    /// @inheritdoc IWager
    function resumeClock(uint256 number) external nonReentrant {
        WagerInfo storage wager = _inPhase(number, Phase.Playing);
        Stop memory stop = _stops[number];
        require(stop.index != 0, ClockNotStopped());
        uint64 answered = batchRegistry.inboxCursor(app, stop.lane);
        require(answered >= stop.index || block.timestamp > stop.until, NotAnswered(stop.index, answered));
        delete _stops[number];
        wager.clockEndsAt = uint64(block.timestamp) + stop.remaining;
        emit ClockResumed(number, wager.clockEndsAt);
    }

    /// @inheritdoc IWager
    function settle(uint256 number) external nonReentrant {
        WagerInfo storage wager = _inPhase(number, Phase.Playing);
        require(wager.clockEndsAt != 0, NoGameShown());
        require(block.timestamp > wager.clockEndsAt, ClockRunning(wager.clockEndsAt));
        _close(number, wager.pending, "clock ended");
    }

    /// @inheritdoc IWager
    function refund(uint256 number) external nonReentrant {
        WagerInfo storage wager = _inPhase(number, Phase.Playing);
        require(wager.clockEndsAt == 0, GameWasShown());
        uint256 refundableAt = uint256(wager.joinedAt) + refundDelay;
        require(block.timestamp > refundableAt, TooEarly(refundableAt));
        wager.phase = Phase.Closed;
        emit Refunded(number);
        _pay(wager.white, wager.stake);
        _pay(wager.black, wager.stake);
    }

    /// @inheritdoc IWager
    function withdraw(address to) external nonReentrant {
        uint256 amount = owed[msg.sender];
        require(amount != 0, NothingOwed());
        owed[msg.sender] = 0;
        emit Withdrawn(msg.sender, to, amount);
        token.safeTransfer(to, amount);
    }

    /// @inheritdoc IWager
    function stopInfo(uint256 number) external view returns (Stop memory) {
        return _stops[number];
    }

    /// @inheritdoc IWager
    function wagerInfo(uint256 number) external view returns (WagerInfo memory) {
        return _wagers[number];
    }

    /// @inheritdoc IWager
    function wagerId(uint256 number) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), number));
    }

    /// @dev The verdict of a certified exchange, if it is one on this wager and calls the game legal.
    function _verdictOf(uint256 number, WagerInfo storage wager, CertifiedExchange calldata certified)
        private
        view
        returns (Verdict memory verdict)
    {
        (uint8 status, bytes calldata output) = _consume(certified, app, programId);
        require(status == VouchTypes.STATUS_OK, NotAnAnswer(status));
        verdict = abi.decode(output, (Verdict));
        require(verdict.wager == wagerId(number), AnotherWager(verdict.wager));
        bool samePlayers = verdict.white == wager.white && verdict.black == wager.black;
        require(samePlayers, OtherPlayers(verdict.white, verdict.black));
        require(verdict.state != State.Illegal, IllegalRecord(verdict.fault, verdict.record.length));
    }

    /// @dev `record` continues the game shown by at least `byPlies`.
    function _requireContinues(WagerInfo storage wager, bytes32[] memory record, uint256 byPlies) private view {
        uint256 plies = wager.plies;
        require(record.length >= plies + byPlies, NotLonger(record.length, plies));
        require(plies == 0 || record[plies - 1] == wager.tip, ForksFromShown());
    }

    function _startClock(uint256 number, WagerInfo storage wager, Verdict memory verdict) private {
        uint256 plies = verdict.record.length;
        wager.plies = uint32(plies);
        wager.tip = plies == 0 ? bytes32(0) : verdict.record[plies - 1];
        wager.recordHash = keccak256(abi.encodePacked(verdict.record));
        wager.pending = verdict.state == State.Ongoing ? _other(verdict.onMove) : verdict.winner;
        wager.clockEndsAt = uint64(block.timestamp) + clockSeconds;
        delete _stops[number];
        emit Shown(number, verdict.state, wager.pending, wager.clockEndsAt, verdict.record);
    }

    /// @dev A stopped clock ends at the end of time; what was left of it is kept aside.
    function _stopClock(uint256 number) private returns (uint64 remaining) {
        WagerInfo storage wager = _runningGame(number);
        require(msg.sender == wager.white || msg.sender == wager.black, NotPlayer(msg.sender));
        require(wager.clockEndsAt != 0, NoGameShown());
        require(_stops[number].index == 0, ClockStopped(_stops[number].index));
        require(_stoppedAt[number][msg.sender] <= wager.plies, StoppedBefore(wager.plies));
        _stoppedAt[number][msg.sender] = uint256(wager.plies) + 1;
        remaining = wager.clockEndsAt - uint64(block.timestamp);
        wager.clockEndsAt = type(uint64).max;
    }

    function _giveChange(uint256 change) private {
        if (change == 0) return;
        (bool paid,) = msg.sender.call{value: change}("");
        require(paid, IForcedInbox.PaymentRefused(msg.sender));
    }

    /// @dev The index of the first move in which two games differ. Reverts if one continues the other.
    function _firstDifference(bytes32[] memory left, bytes32[] calldata right) private pure returns (uint256) {
        uint256 common = left.length < right.length ? left.length : right.length;
        for (uint256 i = 0; i < common; ++i) {
            if (left[i] != right[i]) return i;
        }
        revert NoFork();
    }

    function _close(uint256 number, Side winner, string memory reason) private {
        WagerInfo storage wager = _wagers[number];
        wager.phase = Phase.Closed;
        emit Settled(number, winner, reason);
        uint256 stake = wager.stake;
        if (winner == Side.None) {
            _pay(wager.white, stake);
            _pay(wager.black, stake);
        } else {
            _pay(winner == Side.White ? wager.white : wager.black, 2 * stake);
        }
    }

    function _inPhase(uint256 number, Phase phase) private view returns (WagerInfo storage wager) {
        wager = _wagers[number];
        require(wager.phase == phase, WrongPhase(wager.phase));
    }

    /// @dev Both have staked, and no clock has run out: afterwards only `settle` is left.
    function _runningGame(uint256 number) private view returns (WagerInfo storage wager) {
        wager = _inPhase(number, Phase.Playing);
        uint64 clockEndsAt = wager.clockEndsAt;
        require(clockEndsAt == 0 || block.timestamp <= clockEndsAt, ClockEnded(clockEndsAt));
    }

    function _other(Side side) private pure returns (Side) {
        return side == Side.White ? Side.Black : Side.White;
    }

    function _collect(uint256 amount) private {
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = token.balanceOf(address(this)) - before;
        require(received == amount, TokenTakesFee(received, amount));
    }

    /// @dev Pays now if the token lets it; otherwise one player whom the token refuses would hold up the other.
    function _pay(address player, uint256 amount) private {
        if (token.trySafeTransfer(player, amount)) return;
        owed[player] += amount;
        emit PaymentDeferred(player, amount);
    }
}
