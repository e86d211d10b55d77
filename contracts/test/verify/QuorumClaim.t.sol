// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {RLP} from "@openzeppelin/contracts/utils/RLP.sol";
import {IAllocationManager} from "../../src/interfaces/IAllocationManager.sol";
import {IClaimRegistry} from "../../src/interfaces/IClaimRegistry.sol";
import {IQuorumVerifier, SeatOwner} from "../../src/interfaces/ICommittee.sol";
import {OperatorSet} from "../../src/libraries/OperatorSetLib.sol";
import {CommitteeTables} from "../../src/verify/CommitteeTables.sol";
import {QuorumVerifier} from "../../src/verify/QuorumVerifier.sol";
import {ClaimFixture} from "./ClaimFixture.sol";
import {StandInAllocations} from "./CommitteeFixture.sol";

/// @title The whole way with a real committee: a quorum lies, anyone proves it, seats vote, all signers are slashed, the victim is paid.
/// @dev One operator owns all of the committee's stake, and with it all seats; who sits where is tested with `QuorumVerifier`.
contract QuorumClaimTest is ClaimFixture {
    address private _member = makeAddr("member");
    CommitteeTables private _tables;
    QuorumVerifier private _committee;

    function setUp() public {
        deployClaims();
    }

    function instance(uint256 i) internal override returns (address) {
        if (i != 0) return super.instance(i);
        StandInAllocations allocations = new StandInAllocations();
        allocations.set(_member, 100 ether);
        _tables = new CommitteeTables(
            IAllocationManager(address(allocations)), OperatorSet(address(this), 7), address(0x57), 1_000
        );
        IQuorumVerifier.Rules memory rules = IQuorumVerifier.Rules(21, 14, 1 hours, 2 hours, 30 minutes, 4, FEE / 21);
        _committee = new QuorumVerifier(_tables, rules);
        return address(_committee);
    }

    function test_aQuorumLiesAndTheVictimIsPaid() public {
        (bytes32 claimId, uint256 positionId) = openInsured(2, 20 ether);
        _tables.makeTable();
        vm.warp(block.timestamp + 12);
        challengeBy(challenger, claimId, TRUTH);
        _vote(claimId, 1, TRUTH);
        claims.advance(claimId);
        finishAppeals(claimId);
        verdict(claimId, IClaimRegistry.Verdict.OVERTURNED);
        slashAll(claimId);
        for (uint256 slashId = 1; slashId <= 3; ++slashId) {
            collect(slashId);
        }
        vm.warp(claims.endedAtOf(claimId) + FORK_LAG);
        settlement.payHarm(positionId);
        assertEq(tokenOf(0).balanceOf(harmed), 20 ether);
        assertEq(_committee.earned(_member), FEE / 21 * 21);
    }

    /// @dev A third of the seats say that the data is missing; nobody shows it.
    function test_missingDataIsWithheld() public {
        (bytes32 claimId,) = openInsured(2, 20 ether);
        _tables.makeTable();
        vm.warp(block.timestamp + 12);
        challengeBy(challenger, claimId, TRUTH);
        _vote(claimId, 1, _committee.MISSING());
        vm.warp(_committee.deadline(address(claims), claimId, 1));
        claims.advance(claimId);
        vm.warp(claims.demandOf(claimId).endsAt + 1);
        claims.finish(claimId);
        verdict(claimId, IClaimRegistry.Verdict.WITHHELD);
        slashAll(claimId);
    }

    /// @dev Without a table from before the challenge nobody can be asked; whoever challenges can make one.
    function test_aTableIsMadeInTimeByWhoeverChallenges() public {
        bytes32 claimId = openOn(2);
        commit(challenger, claimId, TRUTH);
        _tables.makeTable();
        vm.warp(block.timestamp + 12);
        reveal(challenger, claimId, TRUTH);
        claims.advance(claimId);
        assertEq(claims.disputeOf(claimId).round, 1);
    }

    function _vote(bytes32 claimId, uint32 round, bytes32 vote) private {
        bytes32 roundId = _committee.roundIdOf(address(claims), claimId, round);
        _seed(roundId);
        vm.warp(_committee.roundOf(roundId).openedAt + 30 minutes);
        uint64 seedBlock = _committee.roundOf(roundId).seedBlock;
        bytes32 commitment = _committee.commitmentOf(_member, roundId, seedBlock, vote, "salt");
        uint128 allSeats = (1 << 21) - 1;
        vm.startPrank(_member);
        _committee.commitVote(roundId, allSeats, 0, SeatOwner(_member, 0, 100 ether), new bytes32[](0), commitment);
        vm.warp(block.timestamp + 1 hours);
        _committee.revealVote(roundId, vote, "salt");
        vm.stopPrank();
    }

    function _seed(bytes32 roundId) private {
        uint256 number = _committee.roundOf(roundId).seedBlock;
        bytes[] memory fields = new bytes[](21);
        for (uint256 i = 0; i < fields.length; ++i) {
            fields[i] = RLP.encode(bytes32(i));
        }
        (fields[8], fields[13]) = (RLP.encode(number), RLP.encode(keccak256("randao")));
        bytes memory header = RLP.encode(fields);
        vm.roll(number + 1);
        vm.setBlockhash(number, keccak256(header));
        _committee.proveSeed(roundId, header);
    }
}
