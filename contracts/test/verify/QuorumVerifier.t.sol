// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ICommitteeTables, IQuorumVerifier, SeatOwner} from "../../src/interfaces/ICommittee.sol";
import {IVerifier} from "../../src/interfaces/IVerifier.sol";
import {QuorumVerifier} from "../../src/verify/QuorumVerifier.sol";
import {CommitteeFixture} from "./CommitteeFixture.sol";

/// @title Who sits is decided by stake and a block that nobody knew; what is decided, by those who sat.
contract QuorumVerifierTest is CommitteeFixture {
    bytes32 private constant TRUTH = keccak256("truth");
    bytes32 private constant LIE = keccak256("lie");

    function setUp() public {
        deployCommittee(21, 14);
    }

    // The table.

    function test_aTableWithoutStake() public {
        for (uint256 i = 0; i < 4; ++i) {
            allocations.setStake(operatorOf(i), 0);
        }
        vm.expectRevert(ICommitteeTables.EmptyTable.selector);
        tables.makeTable();
        assertEq(tables.tableCount(), 0);
    }

    function test_aTableOfTooMany() public {
        for (uint256 i = 4; i < 257; ++i) {
            allocations.set(operatorOf(i), 1);
        }
        vm.expectRevert(abi.encodeWithSelector(ICommitteeTables.TooManyOperators.selector, 257, 256));
        tables.makeTable();
    }

    function test_onlyATableFromBeforeTheChallengeCounts() public {
        vm.expectRevert(abi.encodeWithSelector(ICommitteeTables.NoTableAt.selector, 0));
        tables.tableBefore(0);
        uint256 made = block.timestamp;
        assertEq(tables.makeTable(), 1);
        assertEq(tables.makeTable(), 1);
        vm.expectRevert(abi.encodeWithSelector(ICommitteeTables.NoTableAt.selector, made));
        tables.tableBefore(made);
        // Stake that comes after the challenge sits in no committee for it.
        vm.warp(made + 60);
        allocations.set(address(0xbad), 1e6 ether);
        assertEq(tables.makeTable(), 2);
        assertEq(tables.tableBefore(made + 60), 1);
        assertEq(tables.tableBefore(made + 61), 2);
        assertEq(tables.tableOf(1).total, 100 ether);
    }

    function test_whoHasNoStakeIsNotInTheTable() public {
        allocations.setStake(operatorOf(1), 0);
        tables.makeTable();
        assertEq(tables.tableOf(1).operatorCount, 3);
        assertEq(tables.tableOf(1).total, 70 ether);
    }

    // The round and its seed.

    function test_rulesThatCannotDecide() public {
        IQuorumVerifier.Rules memory rules = rulesOf(21, 10);
        _refused(rules, "votesNeeded");
        rules.votesNeeded = 22;
        _refused(rules, "votesNeeded");
        rules.votesNeeded = 11;
        rules.seats = 129;
        _refused(rules, "seats");
        rules.seats = 0;
        _refused(rules, "seats");
        rules = rulesOf(21, 14);
        rules.commitSeconds = 0;
        _refused(rules, "commitSeconds");
        rules = rulesOf(21, 14);
        rules.revealSeconds = 0;
        _refused(rules, "revealSeconds");
        rules = rulesOf(21, 14);
        rules.seedWait = 0;
        _refused(rules, "seedWait");
        rules = rulesOf(21, 14);
        rules.seedDelayBlocks = 0;
        _refused(rules, "seedDelayBlocks");
    }

    function test_openingCostsTheFeeAndHappensOnce() public {
        tables.makeTable();
        vm.warp(block.timestamp + 1);
        uint64 now_ = uint64(block.timestamp);
        vm.expectRevert(abi.encodeWithSelector(IQuorumVerifier.WrongFee.selector, 0.2 ether, 0.21 ether));
        committee.open{value: 0.2 ether}(CLAIM, 0, now_);
        committee.open{value: 0.21 ether}(CLAIM, 0, now_);
        vm.expectRevert(abi.encodeWithSelector(IQuorumVerifier.RoundKnown.selector, roundId));
        committee.open{value: 0.21 ether}(CLAIM, 0, now_);
        assertEq(committee.deadline(address(this), CLAIM, 0), now_ + 210 minutes);
        assertEq(committee.deadline(address(1), CLAIM, 0), 0);
        bytes32 unknown = committee.roundIdOf(address(1), CLAIM, 0);
        vm.expectRevert(abi.encodeWithSelector(IQuorumVerifier.UnknownRound.selector, unknown));
        committee.status(address(1), CLAIM, 0);
    }

    function test_theSeedIsTheHeaderOfItsOneBlock() public {
        tables.makeTable();
        vm.warp(block.timestamp + 1);
        committee.open{value: 0.21 ether}(CLAIM, 0, uint64(block.timestamp));
        uint256 number = block.number + 4;
        bytes memory header = headerOf(number, keccak256("randao"));
        bytes memory forged = headerOf(number, keccak256("chosen"));
        bytes memory later = headerOf(number + 1, keccak256("better"));

        vm.expectRevert(abi.encodeWithSelector(IQuorumVerifier.HeaderMismatch.selector, number));
        committee.proveSeed(roundId, header); // the block is not there yet
        vm.roll(number + 2);
        vm.setBlockhash(number, keccak256(header));
        vm.setBlockhash(number + 1, keccak256(later));
        vm.expectRevert(abi.encodeWithSelector(IQuorumVerifier.HeaderMismatch.selector, number));
        committee.proveSeed(roundId, forged);
        vm.expectRevert(abi.encodeWithSelector(IQuorumVerifier.WrongSeedBlock.selector, number + 1, number));
        committee.proveSeed(roundId, later);
        committee.proveSeed(roundId, header);
        assertEq(committee.roundOf(roundId).seed, keccak256("randao"));
        vm.expectRevert(abi.encodeWithSelector(IQuorumVerifier.SeedKnown.selector, roundId));
        committee.proveSeed(roundId, header);
    }

    function test_aSeedThatTheHistoryForgot() public {
        tables.makeTable();
        vm.warp(block.timestamp + 1);
        committee.open{value: 0.21 ether}(CLAIM, 0, uint64(block.timestamp));
        uint256 number = block.number + 4;
        bytes memory header = headerOf(number, keccak256("randao"));
        // The last block of the history: still the first seed.
        vm.roll(number + 8_191);
        vm.mockCall(HISTORY, abi.encode(number), abi.encode(keccak256(header)));
        uint256 snapshot = vm.snapshotState();
        committee.proveSeed(roundId, header);
        assertEq(committee.roundOf(roundId).seedBlock, number);
        // One later it is forgotten, and the block 8,192 later is the only other.
        vm.revertToState(snapshot);
        vm.roll(number + 8_193);
        vm.expectRevert(abi.encodeWithSelector(IQuorumVerifier.WrongSeedBlock.selector, number, number + 8_192));
        committee.proveSeed(roundId, header);
        bytes memory next = headerOf(number + 8_192, keccak256("next"));
        vm.setBlockhash(number + 8_192, keccak256(next));
        committee.proveSeed(roundId, next);
        assertEq(committee.roundOf(roundId).seedBlock, number + 8_192);
    }

    function test_aSeedAfterTheCommits() public {
        tables.makeTable();
        vm.warp(block.timestamp + 1);
        committee.open{value: 0.21 ether}(CLAIM, 0, uint64(block.timestamp));
        uint256 opened = block.timestamp;
        vm.warp(opened + 90 minutes);
        vm.expectRevert(
            abi.encodeWithSelector(IQuorumVerifier.OutsidePhase.selector, block.timestamp, opened, opened + 90 minutes)
        );
        committee.proveSeed(roundId, "");
        vm.warp(opened + 210 minutes);
        _answers(IVerifier.Answer.SPLIT, 0);
    }

    // Seats.

    function test_aVoteWithoutASeat() public {
        openSeeded("a");
        toCommits();
        (uint128 mine, uint128 other) = (seatsOf(0), seatsOf(1));
        (SeatOwner memory owner, bytes32[] memory proof) = (ownerOf(0), proofOf(0));
        bytes32 commitment = commitmentOf(0, TRUTH);
        uint256 seat = 0;
        while (other >> seat & 1 == 0) ++seat;
        vm.startPrank(operatorOf(0));
        vm.expectRevert(abi.encodeWithSelector(IQuorumVerifier.NotSeatOwner.selector, operatorOf(0), seat));
        committee.commitVote(roundId, other, 0, owner, proof, commitment);
        vm.expectRevert(abi.encodeWithSelector(IQuorumVerifier.InvalidSeats.selector, 0));
        committee.commitVote(roundId, 0, 0, owner, proof, commitment);
        vm.expectRevert(abi.encodeWithSelector(IQuorumVerifier.InvalidSeats.selector, uint128(1) << 21));
        committee.commitVote(roundId, uint128(1) << 21, 0, owner, proof, commitment);
        // A wider interval is no leaf, and another's leaf is not mine.
        owner.to += 1;
        vm.expectRevert(abi.encodeWithSelector(IQuorumVerifier.NotInTable.selector, operatorOf(0)));
        committee.commitVote(roundId, mine, 0, owner, proof, commitment);
        (owner, proof) = (ownerOf(1), proofOf(1));
        vm.expectRevert(abi.encodeWithSelector(IQuorumVerifier.NotInTable.selector, operatorOf(0)));
        committee.commitVote(roundId, other, 1, owner, proof, commitment);
        vm.stopPrank();
        assertEq(committee.roundOf(roundId).taken, 0);
    }

    function test_aSeatVotesOnceAndForWhatItCommitted() public {
        openSeeded("a");
        toCommits();
        commit(0, TRUTH);
        uint128 mask = seatsOf(0);
        (SeatOwner memory owner, bytes32[] memory proof) = (ownerOf(0), proofOf(0));
        bytes32 commitment = commitmentOf(0, LIE);
        vm.prank(operatorOf(0));
        vm.expectRevert(abi.encodeWithSelector(IQuorumVerifier.SeatTaken.selector, mask));
        committee.commitVote(roundId, mask, 0, owner, proof, commitment);
        toReveals();
        bytes memory mismatch =
            abi.encodeWithSelector(IQuorumVerifier.CommitmentMismatch.selector, roundId, operatorOf(0));
        vm.startPrank(operatorOf(0));
        vm.expectRevert(mismatch);
        committee.revealVote(roundId, LIE, saltOf(0));
        committee.revealVote(roundId, TRUTH, saltOf(0));
        vm.expectRevert(mismatch);
        committee.revealVote(roundId, TRUTH, saltOf(0));
        vm.stopPrank();
    }

    /// @dev Who copies another's commitment can't open it: it names the sender.
    function test_aCopiedVote() public {
        openSeeded("a");
        toCommits();
        bytes32 copied = commitmentOf(0, TRUTH);
        uint128 mask = seatsOf(1);
        (SeatOwner memory owner, bytes32[] memory proof) = (ownerOf(1), proofOf(1));
        vm.prank(operatorOf(1));
        committee.commitVote(roundId, mask, 1, owner, proof, copied);
        toReveals();
        vm.prank(operatorOf(1));
        vm.expectRevert(abi.encodeWithSelector(IQuorumVerifier.CommitmentMismatch.selector, roundId, operatorOf(1)));
        committee.revealVote(roundId, TRUTH, saltOf(0));
    }

    function test_phasesEndWhenTheySay() public {
        openSeeded("a");
        uint256 opened = committee.roundOf(roundId).openedAt;
        (uint128 mask, bytes32 commitment) = (seatsOf(0), commitmentOf(0, TRUTH));
        (SeatOwner memory owner, bytes32[] memory proof) = (ownerOf(0), proofOf(0));
        uint256[2] memory outside = [opened + 30 minutes - 1, opened + 90 minutes];
        for (uint256 i = 0; i < 2; ++i) {
            vm.warp(outside[i]);
            vm.prank(operatorOf(0));
            vm.expectRevert(_outside(opened + 30 minutes, opened + 90 minutes));
            committee.commitVote(roundId, mask, 0, owner, proof, commitment);
        }
        vm.warp(opened + 90 minutes - 1);
        commit(0, TRUTH);
        vm.expectRevert(_outside(opened + 90 minutes, opened + 210 minutes));
        vm.prank(operatorOf(0));
        committee.revealVote(roundId, TRUTH, saltOf(0));
        toEnd();
        vm.expectRevert(_outside(opened + 90 minutes, opened + 210 minutes));
        vm.prank(operatorOf(0));
        committee.revealVote(roundId, TRUTH, saltOf(0));
    }

    function test_noCommitWithoutASeed() public {
        tables.makeTable();
        vm.warp(block.timestamp + 1);
        committee.open{value: 0.21 ether}(CLAIM, 0, uint64(block.timestamp));
        toCommits();
        (SeatOwner memory owner, bytes32[] memory proof) = (ownerOf(0), proofOf(0));
        vm.expectRevert(abi.encodeWithSelector(IQuorumVerifier.SeedUnknown.selector, roundId));
        committee.commitVote(roundId, 1, 0, owner, proof, bytes32(uint256(1)));
    }

    // Verdicts.

    /// @dev Whatever the draw, the answer is the one that the counted seats give.
    function testFuzz_theVerdictIsTheCount(bytes32 randao, uint256 votes) public {
        vm.assume(randao != 0);
        openSeeded(randao);
        toCommits();
        bytes32[4] memory answers = [TRUTH, LIE, committee.NOT_REPRODUCIBLE(), committee.MISSING()];
        uint256[5] memory tally;
        for (uint256 i = 0; i < 4; ++i) {
            uint256 vote = votes >> (8 * i) & 0xff;
            if (vote % 5 == 4) continue; // does not come
            commit(i, answers[vote % 5]);
            tally[vote % 5] += countOf(seatsOf(i));
        }
        toReveals();
        for (uint256 i = 0; i < 4; ++i) {
            uint256 vote = (votes >> (8 * i) & 0xff) % 5;
            if (vote != 4) reveal(i, answers[vote]);
        }
        toEnd();
        if (tally[0] >= 14) _answers(IVerifier.Answer.DECIDED, TRUTH);
        else if (tally[1] >= 14) _answers(IVerifier.Answer.DECIDED, LIE);
        else if (tally[2] >= 14) _answers(IVerifier.Answer.NOT_REPRODUCIBLE, 0);
        else if (3 * tally[3] >= 21) _answers(IVerifier.Answer.MISSING, 0);
        else _answers(IVerifier.Answer.SPLIT, 0);
    }

    function test_nothingIsDecidedBeforeEnoughVotesOrTheEnd() public {
        openSeeded("a");
        toCommits();
        for (uint256 i = 0; i < 4; ++i) {
            commit(i, TRUTH);
        }
        toReveals();
        uint256 votes = 0;
        for (uint256 i = 0; i < 4; ++i) {
            bool enough = votes >= 14;
            _answers(enough ? IVerifier.Answer.DECIDED : IVerifier.Answer.PENDING, enough ? TRUTH : bytes32(0));
            votes += countOf(seatsOf(i));
            reveal(i, TRUTH);
        }
        assertEq(votes, 21, "every seat has exactly one owner");
        _answers(IVerifier.Answer.DECIDED, TRUTH);
    }

    function test_onlyWhoRevealedIsPaid() public {
        openSeeded("a");
        toCommits();
        commit(0, TRUTH);
        commit(1, TRUTH);
        toReveals();
        reveal(0, TRUTH);
        uint256 due = countOf(seatsOf(0)) * FEE_PER_SEAT;
        assertEq(committee.earned(operatorOf(0)), due);
        vm.prank(operatorOf(1));
        vm.expectRevert(abi.encodeWithSelector(IQuorumVerifier.NothingEarned.selector, operatorOf(1)));
        committee.withdraw();
        vm.startPrank(operatorOf(0));
        committee.withdraw();
        assertEq(operatorOf(0).balance, due);
        vm.expectRevert(abi.encodeWithSelector(IQuorumVerifier.NothingEarned.selector, operatorOf(0)));
        committee.withdraw();
        vm.stopPrank();
    }

    function _answers(IVerifier.Answer expected, bytes32 leaf) private view {
        (IVerifier.Answer answer, bytes32 decided) = committee.status(address(this), CLAIM, 0);
        assertEq(uint256(answer), uint256(expected));
        assertEq(decided, leaf);
    }

    function _outside(uint256 from, uint256 until) private view returns (bytes memory) {
        return abi.encodeWithSelector(IQuorumVerifier.OutsidePhase.selector, vm.getBlockTimestamp(), from, until);
    }

    function _refused(IQuorumVerifier.Rules memory rules, string memory field) private {
        vm.expectRevert(abi.encodeWithSelector(IQuorumVerifier.InvalidRules.selector, field));
        new QuorumVerifier(tables, rules);
    }
}
