// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IClaimRegistry} from "../../src/interfaces/IClaimRegistry.sol";
import {IClaimOutcomes} from "../../src/interfaces/IExposureLedger.sol";
import {IVerifier} from "../../src/interfaces/IVerifier.sol";
import {ClaimFixture} from "./ClaimFixture.sol";

/// @title From a challenge to a verdict: who wins what, and when it is over.
contract DisputesTest is ClaimFixture {
    bytes32 private _claimId;
    uint256 private _bond;

    function setUp() public {
        deployClaims();
        _claimId = openOn(2);
        _bond = claims.bondOf(_claimId);
    }

    function test_theBondCoversEveryInstanceARestartAndTheData() public {
        assertEq(_bond, BOND_FLOOR + 4 * FEE + 2 * PAGE_PRICE);
        expose(_claimId, 5 ether);
        assertEq(claims.bondOf(_claimId), _bond + 0.05 ether);
    }

    function test_overturned() public {
        challengeBy(challenger, _claimId, TRUTH);
        IClaimRegistry.Dispute memory dispute = claims.disputeOf(_claimId);
        assertEq(judges[0].questionOf(address(claims), _claimId, 1).snapshotAt, dispute.snapshotAt);
        vm.warp(block.timestamp + 1 hours);
        decide(_claimId, TRUTH);
        assertEq(uint256(claims.outcomeOf(_claimId)), uint256(IClaimOutcomes.Outcome.OPEN));
        finishAppeals(_claimId);
        verdict(_claimId, IClaimRegistry.Verdict.OVERTURNED);
        assertEq(uint256(claims.outcomeOf(_claimId)), uint256(IClaimOutcomes.Outcome.BAD));
        assertEq(claims.rewardedOf(_claimId), challenger);
        assertEq(claims.owed(challenger), _bond - FEE);
        assertEq(claims.owed(address(this)), CLAIM_BOND);
        assertEq(address(claims).balance, _bond - FEE + CLAIM_BOND);
    }

    /// @dev A wrong challenger loses all: half burns, the rest goes to whom it kept waiting.
    function test_upheld() public {
        challengeBy(challenger, _claimId, TRUTH);
        decide(_claimId, leafOf(2));
        finishAppeals(_claimId);
        verdict(_claimId, IClaimRegistry.Verdict.UPHELD);
        assertEq(uint256(claims.outcomeOf(_claimId)), uint256(IClaimOutcomes.Outcome.GOOD));
        assertEq(claims.owed(challenger), 0);
        assertEq(BURNT.balance, _bond / 2);
        assertEq(claims.owed(address(this)), _bond - _bond / 2 - FEE + CLAIM_BOND);
        assertEq(claims.rewardedOf(_claimId), address(0));
    }

    function test_theRightOneOfTwoChallengersIsRewarded() public {
        commit(challenger, _claimId, OTHER);
        commit(joiner, _claimId, TRUTH);
        reveal(challenger, _claimId, OTHER);
        claims.advance(_claimId);
        reveal(joiner, _claimId, TRUTH);
        decide(_claimId, TRUTH);
        finishAppeals(_claimId);
        assertEq(claims.rewardedOf(_claimId), joiner);
        assertEq(claims.owed(challenger), 0);
        assertEq(claims.owed(joiner), _bond + _bond - FEE - _bond / 2);
        assertEq(BURNT.balance, _bond / 2);
    }

    function test_notReproducibleIsVoidAndCostsTheRerunOnly() public {
        challengeBy(challenger, _claimId, claims.NOT_REPRODUCIBLE());
        say(_claimId, IVerifier.Answer.NOT_REPRODUCIBLE, 0);
        finishAppeals(_claimId);
        verdict(_claimId, IClaimRegistry.Verdict.VOID);
        assertEq(claims.owed(challenger), _bond - FEE);
        assertTrue(claims.isSuspended(app, programId));
        assertEq(BURNT.balance, 0);
    }

    function test_aSplitGoesOnAndTheLastSplitIsVoid() public {
        challengeBy(challenger, _claimId, TRUTH);
        for (uint256 i = 0; i < 3; ++i) {
            assertEq(claims.disputeOf(_claimId).instance, i);
            vm.warp(block.timestamp + 1 days + 1 hours);
            claims.advance(_claimId);
        }
        verdict(_claimId, IClaimRegistry.Verdict.VOID);
        assertEq(claims.owed(challenger), _bond - 3 * FEE);
    }

    function test_anAppealOverturns() public {
        challengeBy(challenger, _claimId, TRUTH);
        decide(_claimId, leafOf(2));
        appealBy(joiner, _claimId, TRUTH);
        claims.advance(_claimId);
        decide(_claimId, TRUTH);
        finishAppeals(_claimId);
        verdict(_claimId, IClaimRegistry.Verdict.OVERTURNED);
        // The first to name the truth is rewarded; the appellant has its bond.
        assertEq(claims.rewardedOf(_claimId), challenger);
        assertEq(claims.owed(joiner), 2 * _bond - FEE);
    }

    function test_anAppellantForTheClaimWinsTheChallengersBond() public {
        challengeBy(challenger, _claimId, TRUTH);
        decide(_claimId, TRUTH);
        appealBy(joiner, _claimId, leafOf(2));
        claims.advance(_claimId);
        decide(_claimId, leafOf(2));
        finishAppeals(_claimId);
        verdict(_claimId, IClaimRegistry.Verdict.UPHELD);
        assertEq(claims.owed(joiner), 2 * _bond + _bond / 2 - 2 * FEE);
        assertEq(claims.owed(address(this)), CLAIM_BOND);
    }

    function test_theLastInstanceEndsTheClaim() public {
        challengeBy(challenger, _claimId, TRUTH);
        decide(_claimId, TRUTH);
        appealBy(joiner, _claimId, leafOf(2));
        claims.advance(_claimId);
        decide(_claimId, leafOf(2));
        assertEq(claims.appealBondOf(_claimId), 4 * _bond);
        appealBy(challenger, _claimId, TRUTH);
        claims.advance(_claimId);
        decide(_claimId, TRUTH);
        verdict(_claimId, IClaimRegistry.Verdict.OVERTURNED);
        vm.expectRevert(
            abi.encodeWithSelector(IClaimRegistry.WrongState.selector, _claimId, IClaimRegistry.State.ENDED)
        );
        claims.finish(_claimId);
    }

    /// @dev Where no instance can be asked, the lie is not good.
    function test_aBrokenInstanceLeavesTheClaimVoid() public {
        judges[0].setBroken(true);
        commit(challenger, _claimId, TRUTH);
        reveal(challenger, _claimId, TRUTH);
        vm.expectRevert(bytes("broken"));
        claims.advance(_claimId);
        uint256 endsBy = claims.backingOf(_claimId).endsBy;
        vm.warp(endsBy);
        vm.expectRevert(abi.encodeWithSelector(IClaimRegistry.StillJudging.selector, endsBy));
        claims.finish(_claimId);
        vm.warp(endsBy + 1);
        claims.finish(_claimId);
        verdict(_claimId, IClaimRegistry.Verdict.VOID);
        assertEq(claims.owed(challenger), _bond);
    }

    function test_whoeverTakesTheAnswerOverLateMovesNoClock() public {
        challengeBy(challenger, _claimId, TRUTH);
        judges[0].say(address(claims), _claimId, 1, IVerifier.Answer.DECIDED, TRUTH);
        uint64 deadline = judges[0].deadline(address(claims), _claimId, 1);
        vm.warp(deadline + 1 hours);
        claims.advance(_claimId);
        assertEq(claims.disputeOf(_claimId).appealEndsAt, deadline + APPEAL_WINDOW);
        vm.warp(deadline + APPEAL_WINDOW + 1);
        uint256 bond = claims.appealBondOf(_claimId);
        vm.expectRevert(abi.encodeWithSelector(IClaimRegistry.WindowClosed.selector, deadline + APPEAL_WINDOW));
        claims.appeal{value: bond}(_claimId, leafOf(2));
        claims.finish(_claimId);
    }

    function test_aClockThatStartsLateEndsWithTheClaim() public {
        commit(challenger, _claimId, TRUTH);
        reveal(challenger, _claimId, TRUTH);
        uint256 endsBy = claims.backingOf(_claimId).endsBy;
        vm.warp(endsBy - 1 hours);
        claims.advance(_claimId);
        decide(_claimId, TRUTH);
        assertEq(claims.disputeOf(_claimId).appealEndsAt, endsBy);
    }

    function test_joiningAfterTheFirstInstance() public {
        commit(joiner, _claimId, OTHER);
        challengeBy(challenger, _claimId, TRUTH);
        uint256 challengedAt = claims.disputeOf(_claimId).snapshotAt;
        say(_claimId, IVerifier.Answer.SPLIT, 0);
        vm.prank(joiner);
        vm.expectRevert(abi.encodeWithSelector(IClaimRegistry.WindowClosed.selector, challengedAt));
        claims.challenge{value: _bond}(_claimId, OTHER, "salt");
    }

    // Bad input.

    function test_aChallengeOutOfTime() public {
        uint256 endsAt = claims.claimOf(_claimId).windowEndsAt;
        commit(challenger, _claimId, TRUTH);
        vm.warp(endsAt + 1);
        _challengeRefused(TRUTH, _bond, abi.encodeWithSelector(IClaimRegistry.WindowClosed.selector, endsAt));
        vm.warp(endsAt);
        vm.expectRevert(abi.encodeWithSelector(IClaimRegistry.WindowOpen.selector, endsAt));
        claims.finish(_claimId);
        reveal(challenger, _claimId, TRUTH);
    }

    function test_anUnderBondedChallenge() public {
        commit(challenger, _claimId, TRUTH);
        bytes memory reason = abi.encodeWithSelector(IClaimRegistry.WrongPayment.selector, _bond - 1, _bond);
        _challengeRefused(TRUTH, _bond - 1, reason);
        vm.prank(challenger);
        claims.challenge{value: _bond + 3}(_claimId, TRUTH, "salt");
        assertEq(claims.owed(challenger), 3);
    }

    function test_leavesThatNobodyCanMean() public {
        bytes32[3] memory leaves = [bytes32(0), bytes32(uint256(2)), leafOf(2)];
        for (uint256 i = 0; i < 3; ++i) {
            commit(challenger, _claimId, leaves[i]);
            _challengeRefused(leaves[i], _bond, abi.encodeWithSelector(IClaimRegistry.InvalidLeaf.selector, leaves[i]));
        }
        challengeBy(challenger, _claimId, TRUTH);
        decide(_claimId, TRUTH);
        leaves[2] = TRUTH;
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IClaimRegistry.InvalidLeaf.selector, leaves[i]));
            claims.appeal{value: 10 ether}(_claimId, leaves[i]);
        }
        uint256 bond = claims.appealBondOf(_claimId);
        vm.expectRevert(abi.encodeWithSelector(IClaimRegistry.WrongPayment.selector, bond - 1, bond));
        claims.appeal{value: bond - 1}(_claimId, OTHER);
    }

    function test_joiningAfterTheVoteBegan() public {
        commit(joiner, _claimId, OTHER);
        challengeBy(challenger, _claimId, TRUTH);
        uint256 votesFrom = block.timestamp + 1 hours;
        vm.warp(votesFrom);
        vm.prank(joiner);
        vm.expectRevert(abi.encodeWithSelector(IClaimRegistry.WindowClosed.selector, votesFrom));
        claims.challenge{value: _bond}(_claimId, OTHER, "salt");
        vm.warp(votesFrom - 1);
        reveal(joiner, _claimId, OTHER);
        assertEq(claims.stakesOf(_claimId).length, 2);
    }

    function test_tooManyChallengers() public {
        for (uint256 i = 0; i < 9; ++i) {
            commit(challenger, _claimId, keccak256(abi.encode(i)));
        }
        for (uint256 i = 0; i < 8; ++i) {
            reveal(challenger, _claimId, keccak256(abi.encode(i)));
        }
        bytes32 last = keccak256(abi.encode(8));
        _challengeRefused(last, _bond, abi.encodeWithSelector(IClaimRegistry.TooManyChallengers.selector, 8));
    }

    function test_advancingTooEarly() public {
        challengeBy(challenger, _claimId, TRUTH);
        uint256 deadline = judges[0].deadline(address(claims), _claimId, 1);
        vm.expectRevert(abi.encodeWithSelector(IClaimRegistry.StillJudging.selector, deadline));
        claims.advance(_claimId);
        decide(_claimId, TRUTH);
        vm.expectRevert(
            abi.encodeWithSelector(IClaimRegistry.WrongState.selector, _claimId, IClaimRegistry.State.DECIDED)
        );
        claims.advance(_claimId);
        uint256 endsAt = claims.disputeOf(_claimId).appealEndsAt;
        vm.expectRevert(abi.encodeWithSelector(IClaimRegistry.WindowOpen.selector, endsAt));
        claims.finish(_claimId);
    }

    function test_committingTwice() public {
        bytes32 commitment = claims.commitmentOf(challenger, _claimId, TRUTH, "salt");
        claims.commitChallenge(commitment);
        vm.expectRevert(abi.encodeWithSelector(IClaimRegistry.CommitmentKnown.selector, commitment));
        claims.commitChallenge(commitment);
        _challengeRefused(TRUTH, _bond, abi.encodeWithSelector(IClaimRegistry.NotCommittedBefore.selector, commitment));
    }

    function _challengeRefused(bytes32 leaf, uint256 value, bytes memory reason) private {
        uint256 balance = address(claims).balance;
        uint256 count = claims.stakesOf(_claimId).length;
        vm.prank(challenger);
        vm.expectRevert(reason);
        claims.challenge{value: value}(_claimId, leaf, "salt");
        assertEq(address(claims).balance, balance);
        assertEq(claims.stakesOf(_claimId).length, count);
    }
}
