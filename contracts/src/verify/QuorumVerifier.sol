// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {BlockHeader} from "@openzeppelin/contracts/utils/BlockHeader.sol";
import {Blockhash} from "@openzeppelin/contracts/utils/Blockhash.sol";
import {ICommitteeTables, IQuorumVerifier, SeatOwner} from "../interfaces/ICommittee.sol";
import {IVerifier} from "../interfaces/IVerifier.sol";
import {Merkle} from "../libraries/Merkle.sol";
import {Seats} from "./Seats.sol";

/// @title QuorumVerifier
/// @notice See `IQuorumVerifier` and `IVerifier`. Immutable, without an owner; anyone may ask, and pays the seats for it.
/// @dev The clock of a round: opened, seedWait, commits, reveals, end. All four instants follow from `openedAt`. A seat commits once
/// and can't commit anything else, so a double vote does not exist; who sits there by a table that is Merkle-proven. Nobody who
/// opens a round knows the prevrandao of a block that is not there yet, and nobody draws twice: a round has one seed block, and
/// another one only after the chain itself has forgotten the first.
contract QuorumVerifier is IQuorumVerifier, IVerifier {
    /// @notice The vote of a seat that got different answers under equal conditions.
    bytes32 public constant NOT_REPRODUCIBLE = bytes32(uint256(1));
    /// @notice The vote of a seat that could not get the claim's data.
    bytes32 public constant MISSING = bytes32(uint256(2));
    /// @notice Blocks that the block-hash history of EIP-2935 reaches back.
    uint256 public constant HISTORY_BLOCKS = 8_191;
    uint256 public constant SEATS_MAX = 128;

    /// @dev What an operator committed in a round, and with which seats.
    struct Ballot {
        bytes32 commitment;
        uint128 seatMask;
        bool revealed;
    }

    ICommitteeTables public immutable tables;
    uint16 public immutable seats;
    uint16 public immutable votesNeeded;
    uint32 public immutable commitSeconds;
    uint32 public immutable revealSeconds;
    uint32 public immutable seedWait;
    uint32 public immutable seedDelayBlocks;
    uint256 public immutable feePerSeat;

    mapping(bytes32 roundId => Round) private _rounds;
    mapping(bytes32 roundId => mapping(address operator => Ballot)) private _ballots;
    mapping(bytes32 roundId => mapping(bytes32 vote => uint16)) public votesFor;
    mapping(address account => uint256) public earned;

    constructor(ICommitteeTables tables_, Rules memory rules) {
        require(rules.seats != 0 && rules.seats <= SEATS_MAX, InvalidRules("seats"));
        require(rules.votesNeeded <= rules.seats && 2 * rules.votesNeeded > rules.seats, InvalidRules("votesNeeded"));
        require(rules.commitSeconds != 0, InvalidRules("commitSeconds"));
        require(rules.revealSeconds != 0, InvalidRules("revealSeconds"));
        require(rules.seedWait != 0, InvalidRules("seedWait"));
        require(rules.seedDelayBlocks != 0, InvalidRules("seedDelayBlocks"));
        tables = tables_;
        (seats, votesNeeded, commitSeconds) = (rules.seats, rules.votesNeeded, rules.commitSeconds);
        (revealSeconds, seedWait, seedDelayBlocks) = (rules.revealSeconds, rules.seedWait, rules.seedDelayBlocks);
        feePerSeat = rules.feePerSeat;
    }

    function open(bytes32 claimId, uint32 round, uint64 snapshotAt) external payable {
        require(msg.value == fee(), WrongFee(msg.value, fee()));
        bytes32 roundId = roundIdOf(msg.sender, claimId, round);
        Round storage state = _rounds[roundId];
        require(state.openedAt == 0, RoundKnown(roundId));
        state.tableId = tables.tableBefore(snapshotAt);
        state.openedAt = uint64(block.timestamp);
        state.seedBlock = uint64(block.number) + seedDelayBlocks;
        emit RoundOpened(roundId, msg.sender, claimId, round, state.seedBlock);
    }

    function proveSeed(bytes32 roundId, bytes calldata header) external {
        Round storage state = _known(roundId);
        require(state.seed == 0, SeedKnown(roundId));
        _requirePhase(state.openedAt, state.openedAt + seedWait + commitSeconds);
        uint256 expected = _seedBlockNow(state.seedBlock);
        uint256 number = BlockHeader.getNumber(header);
        require(number == expected, WrongSeedBlock(number, expected));
        require(Blockhash.blockHash(number) == keccak256(header), HeaderMismatch(number));
        bytes32 seed = BlockHeader.getPrevRandao(header);
        (state.seed, state.seedBlock) = (seed, uint64(number));
        emit SeedProven(roundId, uint64(number), seed);
    }

    function commitVote(
        bytes32 roundId,
        uint128 seatMask,
        uint256 index,
        SeatOwner calldata owner,
        bytes32[] calldata proof,
        bytes32 commitment
    ) external {
        Round storage state = _known(roundId);
        require(state.seed != 0, SeedUnknown(roundId));
        uint256 from = state.openedAt + seedWait;
        _requirePhase(from, from + commitSeconds);
        Ballot storage ballot = _ballots[roundId][msg.sender];
        require(seatMask != 0 && seatMask < (uint256(1) << seats) && commitment != 0, InvalidSeats(seatMask));
        require(ballot.seatMask == 0 && state.taken & seatMask == 0, SeatTaken(seatMask));
        _requireOwner(roundId, state, seatMask, index, owner, proof);
        state.taken |= seatMask;
        (ballot.commitment, ballot.seatMask) = (commitment, seatMask);
        emit VoteCommitted(roundId, msg.sender, seatMask);
    }

    function revealVote(bytes32 roundId, bytes32 vote, bytes32 salt) external {
        Round storage state = _known(roundId);
        uint256 from = state.openedAt + seedWait + commitSeconds;
        _requirePhase(from, from + revealSeconds);
        Ballot storage ballot = _ballots[roundId][msg.sender];
        bytes32 commitment = commitmentOf(msg.sender, roundId, state.seedBlock, vote, salt);
        require(ballot.commitment == commitment && !ballot.revealed, CommitmentMismatch(roundId, msg.sender));
        require(vote != 0, InvalidVote());
        ballot.revealed = true;
        uint16 count = Seats.count(ballot.seatMask);
        earned[msg.sender] += count * feePerSeat;
        emit VoteRevealed(roundId, msg.sender, ballot.seatMask, vote);
        _tally(roundId, state, vote, count);
    }

    /// @dev What no seat earned stays here: whoever could take it back would gain by keeping seats from voting.
    function withdraw() external {
        uint256 amount = earned[msg.sender];
        require(amount != 0, NothingEarned(msg.sender));
        earned[msg.sender] = 0;
        emit Paid(msg.sender, amount);
        (bool sent,) = msg.sender.call{value: amount}("");
        require(sent, PaymentFailed(msg.sender));
    }

    /// @dev Enough votes for an answer can't be undone, and are the answer before the deadline. Everything else waits for it.
    function status(address asker, bytes32 claimId, uint32 round) external view returns (Answer, bytes32) {
        Round storage state = _known(roundIdOf(asker, claimId, round));
        if (state.decided == NOT_REPRODUCIBLE) return (Answer.NOT_REPRODUCIBLE, 0);
        if (state.decided != 0) return (Answer.DECIDED, state.decided);
        if (block.timestamp < state.openedAt + seedWait + duration()) return (Answer.PENDING, 0);
        return (3 * state.missing >= seats ? Answer.MISSING : Answer.SPLIT, 0);
    }

    function deadline(address asker, bytes32 claimId, uint32 round) external view returns (uint64) {
        uint64 openedAt = _rounds[roundIdOf(asker, claimId, round)].openedAt;
        return openedAt == 0 ? 0 : openedAt + seedWait + duration();
    }

    /// @notice How many points the table has, and where seat `seat` of a round fell.
    function pointOf(bytes32 roundId, uint256 seat) external view returns (uint256 point, uint256 total) {
        Round storage state = _known(roundId);
        require(state.seed != 0, SeedUnknown(roundId));
        total = tables.tableOf(state.tableId).total;
        point = Seats.pointOf(state.seed, roundId, seat, total);
    }

    function roundOf(bytes32 roundId) external view returns (Round memory) {
        return _rounds[roundId];
    }

    function duration() public view returns (uint32) {
        return commitSeconds + revealSeconds;
    }

    function fee() public view returns (uint256) {
        return seats * feePerSeat;
    }

    function roundIdOf(address asker, bytes32 claimId, uint32 round) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), asker, claimId, round));
    }

    /// @dev The table names the set and with it the token's generation; a commitment made for one is none for another.
    function commitmentOf(address operator, bytes32 roundId, uint64 seedBlock, bytes32 vote, bytes32 salt)
        public
        view
        returns (bytes32)
    {
        return keccak256(abi.encode(operator, roundId, seedBlock, _rounds[roundId].tableId, tables, vote, salt));
    }

    function _known(bytes32 roundId) private view returns (Round storage state) {
        state = _rounds[roundId];
        require(state.openedAt != 0, UnknownRound(roundId));
    }

    /// @dev The first block of seedBlock, seedBlock + 8,192, ... that the history still holds or that is still to come.
    function _seedBlockNow(uint256 seedBlock) private view returns (uint256) {
        if (block.number <= seedBlock + HISTORY_BLOCKS) return seedBlock;
        uint256 step = HISTORY_BLOCKS + 1;
        return seedBlock + (block.number - seedBlock) / step * step;
    }

    function _requireOwner(
        bytes32 roundId,
        Round storage state,
        uint256 seatMask,
        uint256 index,
        SeatOwner calldata owner,
        bytes32[] calldata proof
    ) private view {
        ICommitteeTables.Table memory table = tables.tableOf(state.tableId);
        bool inTable = owner.operator == msg.sender
            && Merkle.verify(proof, table.root, Seats.leafOf(owner), index, table.operatorCount);
        require(inTable, NotInTable(msg.sender));
        for (uint256 seat = 0; seat < seats; ++seat) {
            if (seatMask >> seat & 1 == 0) continue;
            uint256 point = Seats.pointOf(state.seed, roundId, seat, table.total);
            require(Seats.owns(owner, point), NotSeatOwner(msg.sender, seat));
        }
    }

    function _tally(bytes32 roundId, Round storage state, bytes32 vote, uint16 count) private {
        uint16 votes = votesFor[roundId][vote] + count;
        votesFor[roundId][vote] = votes;
        state.revealed += count;
        if (vote == MISSING) {
            state.missing = votes;
        } else if (votes >= votesNeeded && state.decided == 0) {
            state.decided = vote;
            emit Decided(roundId, vote);
        }
        if (vote == NOT_REPRODUCIBLE) state.notReproducible = votes;
    }

    function _requirePhase(uint256 from, uint256 until) private view {
        bool inside = block.timestamp >= from && block.timestamp < until;
        require(inside, OutsidePhase(block.timestamp, from, until));
    }
}
