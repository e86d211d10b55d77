// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ClaimEvidence} from "../../src/interfaces/IClaimRegistry.sol";
import {SeatOwner} from "../../src/interfaces/ICommittee.sol";
import {IVerifier} from "../../src/interfaces/IVerifier.sol";
import {ClaimFixture} from "./ClaimFixture.sol";
import {CommitteeFixture} from "./CommitteeFixture.sol";

/// @title What a claim and its dispute cost, storage cold, without calldata.
contract ClaimGasTest is ClaimFixture {
    function setUp() public {
        deployClaims();
        openInsured(0, 1 ether); // the second of a set is the common one
    }

    function test_gasOfADispute() public {
        ClaimEvidence memory evidence = evidenceOf(2);
        _cool();
        vm.prank(consumer);
        bytes32 claimId = claims.openClaim(evidence, address(stakeStrategies[0]));
        vm.snapshotGasLastCall("verify", "claim");
        _cool();
        vm.prank(consumer);
        uint256 positionId = ledger.open(claimId, address(stakeStrategies[0]), 20 ether, harmed, type(uint256).max);
        vm.snapshotGasLastCall("verify", "expose");
        bytes32 commitment = claims.commitmentOf(challenger, claimId, TRUTH, "salt");
        claims.commitChallenge(commitment);
        vm.snapshotGasLastCall("verify", "commit_challenge");
        vm.roll(vm.getBlockNumber() + 1);
        uint256 bond = claims.bondOf(claimId);
        _cool();
        vm.prank(challenger);
        claims.challenge{value: bond}(claimId, TRUTH, "salt");
        vm.snapshotGasLastCall("verify", "challenge");
        _cool();
        claims.advance(claimId);
        vm.snapshotGasLastCall("verify", "ask");
        _gasOfEnd(claimId, positionId);
    }

    function _gasOfEnd(bytes32 claimId, uint256 positionId) private {
        judges[0].say(address(claims), claimId, 1, IVerifier.Answer.DECIDED, TRUTH);
        _cool();
        claims.advance(claimId);
        vm.snapshotGasLastCall("verify", "answer");
        vm.warp(claims.disputeOf(claimId).appealEndsAt + 1);
        _cool();
        claims.finish(claimId);
        vm.snapshotGasLastCall("verify", "verdict");
        _slash(claimId);
        for (uint256 slashId = 1; slashId <= 3; ++slashId) {
            collect(slashId);
        }
        vm.warp(claims.endedAtOf(claimId) + FORK_LAG);
        _cool();
        settlement.payHarm(positionId);
        vm.snapshotGasLastCall("verify", "payout");
    }

    function test_gasOfAPage() public {
        bytes32 claimId = openOn(7);
        demandBy(challenger, claimId);
        _cool();
        answer(claimId, 7, 0, 0);
        vm.snapshotGasLastCall("verify", "answer_page");
    }

    function _slash(bytes32 claimId) private {
        uint32[] memory absent = new uint32[](1);
        absent[0] = 3;
        BN254OperatorInfoWitness[] memory page = new BN254OperatorInfoWitness[](1);
        page[0] = witnessOf(0);
        _cool();
        slasher.slashSigners(claimId, absent, page);
        vm.snapshotGasLastCall("verify", "slash_1");
        page = new BN254OperatorInfoWitness[](2);
        (page[0], page[1]) = (witnessOf(1), witnessOf(2));
        _cool();
        slasher.slashSigners(claimId, absent, page);
        vm.snapshotGasLastCall("verify", "slash_2");
    }

    function _cool() private {
        address[9] memory targets = [
            address(claims),
            address(ledger),
            address(controller),
            address(registry),
            address(verifier),
            address(keyRegistrar),
            address(allocationManager),
            address(delegationManager),
            address(profile)
        ];
        for (uint256 i = 0; i < targets.length; ++i) {
            vm.cool(targets[i]);
        }
    }
}

/// @title What a seat pays to vote, in a committee of 21.
contract VoteGasTest is CommitteeFixture {
    function test_gasOfAVote() public {
        deployCommittee(21, 14);
        openSeeded("a");
        vm.snapshotGasLastCall("verify", "prove_seed");
        toCommits();
        commit(1, CLAIM); // the first of a round
        uint128 mask = seatsOf(0);
        bytes32 commitment = commitmentOf(0, CLAIM);
        (SeatOwner memory owner, bytes32[] memory proof) = (ownerOf(0), proofOf(0));
        vm.cool(address(committee));
        vm.prank(operatorOf(0));
        committee.commitVote(roundId, mask, 0, owner, proof, commitment);
        vm.snapshotGasLastCall("verify", "commit_vote");
        toReveals();
        reveal(1, CLAIM);
        vm.cool(address(committee));
        vm.prank(operatorOf(0));
        committee.revealVote(roundId, CLAIM, saltOf(0));
        vm.snapshotGasLastCall("verify", "reveal_vote");
    }
}
