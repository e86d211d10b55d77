// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {OperatorSet} from "../libraries/OperatorSetLib.sol";

/// @notice One operator of a committee table: it owns the points from `from` up to, not including, `to` of the table's total.
struct SeatOwner {
    address operator;
    uint256 from;
    uint256 to;
}

/// @title Snapshots of an operator set by stake, laid out as prefix sums so that a point names its owner.
interface ICommitteeTables {
    struct Table {
        /// Of the tree of leaves keccak256(abi.encode(operator, from, to)); zero if there is no such table.
        bytes32 root;
        uint64 madeAt;
        uint32 operatorCount;
        uint256 total;
    }

    error EmptyTable();
    error TooManyOperators(uint256 count, uint256 countMax);
    error NoTableAt(uint256 timestamp);

    /// @notice A table; `owners` are its leaves in their order.
    event CommitteeTableMade(uint256 indexed tableId, uint64 madeAt, uint256 total, SeatOwner[] owners);

    /// @notice Makes a table of the stake that stays slashable to the end of the horizon. Anyone; once a block.
    function makeTable() external returns (uint256 tableId);
    function tableOf(uint256 tableId) external view returns (Table memory);
    /// @notice The newest table made before `timestamp`; reverts if there is none.
    function tableBefore(uint256 timestamp) external view returns (uint256 tableId);
    function operatorSet() external view returns (OperatorSet memory);
}

/// @title A committee drawn by stake: commit, reveal, count. One leaf needs `votesNeeded` of `seats`.
interface IQuorumVerifier {
    struct Rules {
        uint16 seats;
        uint16 votesNeeded;
        uint32 commitSeconds;
        uint32 revealSeconds;
        /// Seconds from `open` to the start of commits, in which the seed block passes and is proven.
        uint32 seedWait;
        /// Blocks from `open` to the block whose prevrandao draws the seats.
        uint32 seedDelayBlocks;
        /// Wei for each seat that reveals.
        uint256 feePerSeat;
    }

    struct Round {
        uint256 tableId;
        uint64 openedAt;
        uint64 seedBlock;
        /// Zero until proven.
        bytes32 seed;
        /// Bits of the seats that committed.
        uint128 taken;
        uint16 missing;
        uint16 notReproducible;
        uint16 revealed;
        /// The leaf that has enough votes; zero while none has.
        bytes32 decided;
    }

    error InvalidRules(string field);
    error WrongFee(uint256 paid, uint256 fee);
    error RoundKnown(bytes32 roundId);
    error UnknownRound(bytes32 roundId);
    error SeedKnown(bytes32 roundId);
    error SeedUnknown(bytes32 roundId);
    error WrongSeedBlock(uint256 number, uint256 expected);
    error HeaderMismatch(uint256 number);
    error OutsidePhase(uint256 timestamp, uint256 from, uint256 until);
    error InvalidSeats(uint256 seatMask);
    error SeatTaken(uint256 seatMask);
    error NotInTable(address operator);
    error NotSeatOwner(address operator, uint256 seat);
    error InvalidVote();
    error CommitmentMismatch(bytes32 roundId, address operator);
    error NothingEarned(address account);
    error PaymentFailed(address account);

    event RoundOpened(
        bytes32 indexed roundId, address indexed asker, bytes32 indexed claimId, uint32 round, uint64 seedBlock
    );
    event SeedProven(bytes32 indexed roundId, uint64 seedBlock, bytes32 seed);
    event VoteCommitted(bytes32 indexed roundId, address indexed operator, uint128 seatMask);
    event VoteRevealed(bytes32 indexed roundId, address indexed operator, uint128 seatMask, bytes32 vote);
    event Decided(bytes32 indexed roundId, bytes32 vote);
    event Paid(address indexed account, uint256 amount);

    /// @notice Shows the header of the seed block. Anyone, until commits end; where the block-hash history has passed the block by,
    /// it is the block 8,192 later, and so on.
    function proveSeed(bytes32 roundId, bytes calldata header) external;
    /// @notice Commits one vote for all seats in the mask, which must all be the sender's.
    function commitVote(
        bytes32 roundId,
        uint128 seatMask,
        uint256 index,
        SeatOwner calldata owner,
        bytes32[] calldata proof,
        bytes32 commitment
    ) external;
    function revealVote(bytes32 roundId, bytes32 vote, bytes32 salt) external;
    /// @notice Pays out what the sender's seats earned.
    function withdraw() external;
    /// @notice What a vote's commitment is.
    function commitmentOf(address operator, bytes32 roundId, uint64 seedBlock, bytes32 vote, bytes32 salt)
        external
        view
        returns (bytes32);
    function roundIdOf(address asker, bytes32 claimId, uint32 round) external view returns (bytes32);
    function roundOf(bytes32 roundId) external view returns (Round memory);
}
