// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Program} from "../libraries/VouchTypes.sol";
import {CertifiedExchange} from "./VouchConsumer.sol";

/// @title Two players escrow a stake on one game of chess; certified answers of the referee program move it.
/// @notice Each move carries its mover's signature over (wager id, ply, the game up to and including that move). The program says whether
/// all of it is legal and signed, and where the game stands. What that means for the money:
///
/// | the game shown | what happens |
/// |---|---|
/// | ended by the loser's act: a resignation, a draw signed by both | pays at once |
/// | one player's two different moves at one ply over the same prefix | that player forfeits at once |
/// | goes on | a clock against the player on move; silence to its end forfeits |
/// | ended by its last move: mate, stalemate, repetition, 50 moves, too little material, 1,024 plies | a clock in which the other side may show better; then its result |
/// | longer than what was shown, and continuing it | replaces it, with a new clock |
/// | no longer than what was shown, or illegal, or the program trapped | changes nothing |
/// | forks from what was shown | `show` refuses it; `showFork` finds the player who moved twice, who forfeits |
///
/// A clock is never restarted by the same position: every new one needs a longer game, and a game has at most 1,024 plies.
/// The only refund is a long time without any certified game.
///
/// A player whom the gateway ignores puts its request into the forced inbox through `forceRequest`: the clock stands still until the inbox
/// says that it is answered, and goes on with what was left. Each player may do so once for each game shown, so nobody stalls for ever.
/// @dev The token must move exactly the amounts it is asked to; one that takes a fee is refused when staking. Players are plain accounts:
/// their addresses are those of the keys that sign the moves.
interface IWager {
    /// @dev Codes of the referee program, in its order.
    enum State {
        Illegal,
        Ongoing,
        Checkmate,
        Stalemate,
        Repetition,
        FiftyMoves,
        InsufficientMaterial,
        LengthLimit,
        Resignation,
        AgreedDraw,
        Takeback
    }

    enum Side {
        None,
        White,
        Black
    }

    /// @notice The output of the referee program, as `abi.encode(Verdict)`.
    struct Verdict {
        /// The wager id: keccak256(abi.encode(chainId, Wager, number)).
        bytes32 wager;
        address white;
        address black;
        State state;
        /// None: a draw, or not over, or illegal.
        Side winner;
        /// None once the game is over.
        Side onMove;
        /// What is wrong with an illegal record, by the program's codes; else zero.
        uint8 fault;
        /// Until when an agreed draw holds, Unix seconds; else zero.
        uint64 expiresAt;
        /// The hash of each move as signed. A move names the whole game up to it, so two games agree up to ply n exactly if
        /// their n-th hashes are equal.
        bytes32[] record;
    }

    enum Phase {
        Unknown,
        Open,
        Playing,
        Closed
    }

    struct WagerInfo {
        address white;
        address black;
        Phase phase;
        /// Who gets the stakes when the clock ends; None: each its own.
        Side pending;
        /// When the running clock ends, Unix seconds; zero while no game has been shown.
        uint64 clockEndsAt;
        /// When both had staked.
        uint64 joinedAt;
        /// What each of the two staked.
        uint128 stake;
        /// How many plies the longest game shown has, the hash of its last move, and keccak256 of the packed hashes of all.
        uint32 plies;
        bytes32 tip;
        bytes32 recordHash;
    }

    /// @notice Why a clock stands still. All zero while it runs.
    struct Stop {
        uint32 lane;
        /// The request's place in the lane's inbox.
        uint64 index;
        /// When the clock goes on although nobody has answered.
        uint64 until;
        /// What is left of the clock, seconds.
        uint64 remaining;
    }

    error ZeroStake();
    error ZeroDelay();
    error InvalidOpponent(address opponent);
    error WrongPhase(Phase phase);
    error NotInvited(address caller);
    error TokenTakesFee(uint256 received, uint256 expected);
    error NotAnAnswer(uint8 status);
    error AnotherWager(bytes32 wager);
    error OtherPlayers(address white, address black);
    error IllegalRecord(uint8 fault, uint256 plies);
    error DrawExpired(uint64 expiresAt);
    error NotLonger(uint256 plies, uint256 pliesShown);
    error ForksFromShown();
    error RecordNotShown();
    error NoFork();
    error ClockEnded(uint64 clockEndsAt);
    error ClockRunning(uint64 clockEndsAt);
    error NoGameShown();
    error GameWasShown();
    error TooEarly(uint256 refundableAt);
    error NothingOwed();
    error NotPlayer(address caller);
    error ClockStopped(uint64 index);
    error ClockNotStopped();
    /// @notice This player has stopped the clock of this game already; show a longer one.
    error StoppedBefore(uint32 plies);
    error AnotherProgram(bytes32 programId);
    error NotAnswered(uint64 index, uint64 inboxCursor);

    event Opened(uint256 indexed number, bytes32 indexed wager, address indexed white, address black, uint256 stake);
    event Joined(uint256 indexed number);
    event Cancelled(uint256 indexed number);
    /// @notice A longer game was shown. `record` is what `showFork` wants back.
    event Shown(uint256 indexed number, State state, Side pending, uint64 clockEndsAt, bytes32[] record);
    /// @notice The clock stands still while the request waits in the forced inbox.
    event ClockStoppedBy(
        uint256 indexed number, address indexed player, bytes32 requestId, uint64 index, uint64 remaining
    );
    event ClockResumed(uint256 indexed number, uint64 clockEndsAt);
    event Settled(uint256 indexed number, Side winner, string reason);
    event Refunded(uint256 indexed number);
    /// @notice A payment that the token refused waits for `withdraw`.
    event PaymentDeferred(address indexed player, uint256 amount);
    event Withdrawn(address indexed player, address indexed to, uint256 amount);

    /// @notice Stakes `stake` on a game against `opponent`, who may `join` until it is cancelled. Approve the token first.
    function open(address opponent, uint128 stake, bool playWhite) external returns (uint256 number);

    /// @notice Stakes the same; the game can begin. Only the invited opponent.
    function join(uint256 number) external;

    /// @notice Takes back a stake that nobody has matched. Only who opened it.
    function cancel(uint256 number) external;

    /// @notice Shows a certified game. Anyone may, while no clock has ended.
    function show(uint256 number, CertifiedExchange calldata certified) external;

    /// @notice Shows a certified game that departs from the one shown (`shownRecord`, from the event); the player who made two moves at the
    /// first ply where they differ forfeits.
    function showFork(uint256 number, CertifiedExchange calldata certified, bytes32[] calldata shownRecord) external;

    /// @notice Puts a request for the referee into the forced inbox, with this contract as its client, and stops the clock. Only a player
    /// while a clock runs, once for each game shown. What is paid above the inbox's fee comes back.
    /// @param payload The game, as the referee wants it. If it is not about this game, its answer moves nothing here.
    function forceRequest(
        uint256 number,
        uint32 lane,
        Program calldata program,
        bytes calldata payload,
        uint64 deadline
    ) external payable returns (bytes32 requestId);

    /// @notice Lets a stopped clock go on once the request is answered, or was not for `refundDelay` after its deadline. Anyone.
    function resumeClock(uint256 number) external;

    /// @notice Pays out after the clock has ended. Anyone.
    function settle(uint256 number) external;

    /// @notice Gives both stakes back when no certified game was shown for `refundDelay` seconds. Anyone.
    function refund(uint256 number) external;

    /// @notice Takes what the token refused to pay out.
    function withdraw(address to) external;

    function stopInfo(uint256 number) external view returns (Stop memory);
    function wagerInfo(uint256 number) external view returns (WagerInfo memory);
    function wagerId(uint256 number) external view returns (bytes32);
    function wagerCount() external view returns (uint256);
    function owed(address player) external view returns (uint256);
}
