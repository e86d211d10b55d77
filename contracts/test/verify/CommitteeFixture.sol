// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {RLP} from "@openzeppelin/contracts/utils/RLP.sol";
import {IAllocationManager} from "../../src/interfaces/IAllocationManager.sol";
import {ICommitteeTables, IQuorumVerifier, SeatOwner} from "../../src/interfaces/ICommittee.sol";
import {OperatorSet} from "../../src/libraries/OperatorSetLib.sol";
import {CommitteeTables} from "../../src/verify/CommitteeTables.sol";
import {QuorumVerifier} from "../../src/verify/QuorumVerifier.sol";
import {Test} from "../Test.sol";

/// @notice Who is a member and with how much stake, and nothing else of an AllocationManager.
contract StandInAllocations {
    address[] private _members;
    mapping(address operator => uint256) public stakeOf;
    uint32 public askedBlock;

    function set(address operator, uint256 stake) external {
        _members.push(operator);
        stakeOf[operator] = stake;
    }

    function setStake(address operator, uint256 stake) external {
        stakeOf[operator] = stake;
    }

    function getMembers(OperatorSet calldata) external view returns (address[] memory) {
        return _members;
    }

    function getMinimumSlashableStake(
        OperatorSet calldata,
        address[] calldata operators,
        address[] calldata,
        uint32 futureBlock
    ) external view returns (uint256[][] memory stakes) {
        require(futureBlock == block.number + 1_000, "asked for another block");
        stakes = new uint256[][](operators.length);
        for (uint256 i = 0; i < operators.length; ++i) {
            stakes[i] = new uint256[](1);
            stakes[i][0] = stakeOf[operators[i]];
        }
    }
}

/// @notice A committee of four operators with 40, 30, 20 and 10 EIGEN over stand-ins, with headers made by hand.
abstract contract CommitteeFixture is Test {
    uint256 internal constant FEE_PER_SEAT = 0.01 ether;
    address internal constant HISTORY = 0x0000F90827F1C53a10cb7A02335B175320002935;
    bytes32 internal constant CLAIM = keccak256("claim");

    StandInAllocations internal allocations;
    CommitteeTables internal tables;
    QuorumVerifier internal committee;
    bytes32 internal roundId;

    function deployCommittee(uint16 seats, uint16 votesNeeded) internal {
        vm.warp(1_800_000_000);
        vm.roll(20_000_000);
        allocations = new StandInAllocations();
        for (uint256 i = 0; i < 4; ++i) {
            allocations.set(operatorOf(i), (4 - i) * 10 ether);
        }
        tables = new CommitteeTables(
            IAllocationManager(address(allocations)), OperatorSet(address(this), 7), address(0x57), 1_000
        );
        committee = new QuorumVerifier(tables, rulesOf(seats, votesNeeded));
        roundId = committee.roundIdOf(address(this), CLAIM, 0);
        vm.deal(address(this), 100 ether);
    }

    function rulesOf(uint16 seats, uint16 votesNeeded) internal pure returns (IQuorumVerifier.Rules memory) {
        return IQuorumVerifier.Rules({
            seats: seats,
            votesNeeded: votesNeeded,
            commitSeconds: 1 hours,
            revealSeconds: 2 hours,
            seedWait: 30 minutes,
            seedDelayBlocks: 4,
            feePerSeat: FEE_PER_SEAT
        });
    }

    function operatorOf(uint256 i) internal pure returns (address) {
        return address(uint160(0x10000 + i));
    }

    /// @notice Makes a table, opens a round after it, and proves its seed.
    function openSeeded(bytes32 prevrandao) internal {
        tables.makeTable();
        vm.warp(block.timestamp + 12);
        committee.open{value: committee.fee()}(CLAIM, 0, uint64(block.timestamp));
        seed(prevrandao);
    }

    function seed(bytes32 prevrandao) internal {
        uint256 number = committee.roundOf(roundId).seedBlock;
        bytes memory header = headerOf(number, prevrandao);
        vm.roll(number + 1);
        vm.setBlockhash(number, keccak256(header));
        committee.proveSeed(roundId, header);
    }

    function toCommits() internal {
        vm.warp(committee.roundOf(roundId).openedAt + 30 minutes);
    }

    function toReveals() internal {
        vm.warp(committee.roundOf(roundId).openedAt + 90 minutes);
    }

    function toEnd() internal {
        vm.warp(committee.roundOf(roundId).openedAt + 210 minutes);
    }

    /// @notice The header of an Ethereum block after Prague: 21 fields, of which number (8) and prevrandao (13) matter here.
    function headerOf(uint256 number, bytes32 prevrandao) internal pure returns (bytes memory) {
        bytes[] memory fields = new bytes[](21);
        for (uint256 i = 0; i < fields.length; ++i) {
            fields[i] = RLP.encode(bytes32(i));
        }
        fields[8] = RLP.encode(number);
        fields[13] = RLP.encode(prevrandao);
        return RLP.encode(fields);
    }

    /// @notice The seats of operator `i`, found without the library under test.
    function seatsOf(uint256 i) internal view returns (uint128 mask) {
        bytes32 seed_ = committee.roundOf(roundId).seed;
        (uint256 from, uint256 to) = intervalOf(i);
        for (uint256 seat = 0; seat < committee.seats(); ++seat) {
            uint256 point = uint256(keccak256(abi.encode(seed_, roundId, seat))) % 100 ether;
            if (from <= point && point < to) mask |= uint128(1) << uint128(seat);
        }
    }

    function intervalOf(uint256 i) internal pure returns (uint256 from, uint256 to) {
        for (uint256 j = 0; j < i; ++j) {
            from += (4 - j) * 10 ether;
        }
        to = from + (4 - i) * 10 ether;
    }

    function ownerOf(uint256 i) internal pure returns (SeatOwner memory) {
        (uint256 from, uint256 to) = intervalOf(i);
        return SeatOwner({operator: operatorOf(i), from: from, to: to});
    }

    function proofOf(uint256 i) internal pure returns (bytes32[] memory proof) {
        proof = new bytes32[](2);
        proof[0] = _leaf(i ^ 1);
        uint256 other = (i ^ 2) & 2;
        proof[1] = keccak256(abi.encode(_leaf(other), _leaf(other + 1)));
    }

    function _leaf(uint256 i) private pure returns (bytes32) {
        SeatOwner memory owner = ownerOf(i);
        return keccak256(abi.encode(owner.operator, owner.from, owner.to));
    }

    function commit(uint256 i, bytes32 vote) internal {
        uint128 mask = seatsOf(i);
        if (mask == 0) return;
        bytes32 commitment = commitmentOf(i, vote);
        (SeatOwner memory owner, bytes32[] memory proof) = (ownerOf(i), proofOf(i));
        vm.prank(operatorOf(i));
        committee.commitVote(roundId, mask, i, owner, proof, commitment);
    }

    function reveal(uint256 i, bytes32 vote) internal {
        if (seatsOf(i) == 0) return;
        vm.prank(operatorOf(i));
        committee.revealVote(roundId, vote, saltOf(i));
    }

    function commitmentOf(uint256 i, bytes32 vote) internal view returns (bytes32) {
        return committee.commitmentOf(operatorOf(i), roundId, committee.roundOf(roundId).seedBlock, vote, saltOf(i));
    }

    function saltOf(uint256 i) internal pure returns (bytes32) {
        return keccak256(abi.encode("salt", i));
    }

    function countOf(uint256 mask) internal pure returns (uint256 count) {
        for (; mask != 0; mask >>= 1) {
            count += mask & 1;
        }
    }
}
