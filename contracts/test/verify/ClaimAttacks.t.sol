// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IEquivocationSlasher} from "../../src/interfaces/IEquivocationSlasher.sol";
import {ClaimEvidence, IClaimRegistry} from "../../src/interfaces/IClaimRegistry.sol";
import {IExposureLedger} from "../../src/interfaces/IExposureLedger.sol";
import {IVerifier} from "../../src/interfaces/IVerifier.sol";
import {Batch} from "../../src/libraries/VouchTypes.sol";
import {TestToken} from "../core/TestToken.sol";
import {Keys} from "../Keys.sol";
import {ClaimFixture} from "./ClaimFixture.sol";

/// @notice A challenger that comes back into the claims while it is paid.
contract GreedyPurse {
    IClaimRegistry private immutable _claims;

    constructor(IClaimRegistry claims_) {
        _claims = claims_;
    }

    function fetch() external {
        _claims.withdraw(payable(address(this)));
    }

    function challenge(bytes32 claimId, bytes32 leaf) external payable {
        _claims.challenge{value: msg.value}(claimId, leaf, "salt");
    }

    receive() external payable {
        this.fetch();
    }
}

/// @title Attacks on the market of claims; each test fails when its defence is removed.
contract ClaimAttacksTest is ClaimFixture {
    address private _attacker = makeAddr("attacker");
    address private _strategy;

    function setUp() public {
        deployClaims();
        _strategy = address(stakeStrategies[0]);
        vm.deal(_attacker, 1_000 ether);
    }

    function test_fillingTheCapFromOutsideItsQuota() public {
        bytes32 claimId = openOn(2);
        vm.prank(_attacker);
        vm.expectRevert(abi.encodeWithSelector(IExposureLedger.AboveQuota.selector, 1, 0));
        ledger.open(claimId, _strategy, 1, _attacker, type(uint256).max);
        assertEq(ledger.openShares(app, _strategy), 0);
    }

    /// @dev What fills one token's account takes no room from, and gives none to, another's.
    function test_aJunkTokenCannotEnlargeTheCapOfAGoodOne() public {
        (bytes32 claimId,) = openInsured(2, 1 ether);
        uint256 cap = ledger.capOf(claimId, _strategy);
        TestToken junk = tokenOf(1);
        junk.mint(address(stakeStrategies[1]), 1e9 ether);
        assertEq(ledger.capOf(claimId, _strategy), cap);
        uint256 left = cap - ledger.openShares(app, _strategy);
        vm.prank(consumer);
        vm.expectRevert(abi.encodeWithSelector(IExposureLedger.AboveCap.selector, cap + 1, cap));
        ledger.open(claimId, _strategy, left, harmed, type(uint256).max);
        expose(claimId, left - 1);
    }

    function test_aBareCommitFreezesNothing() public {
        bytes32 claimId = openOn(2);
        commit(_attacker, claimId, TRUTH);
        claims.requireReliable(claimId);
        expose(claimId, 1 ether);
        vm.warp(claims.claimOf(claimId).windowEndsAt + 1);
        verdict(claimId, IClaimRegistry.Verdict.UNCHALLENGED);
    }

    /// @dev Whoever sees a reveal before it is mined has no commitment of an earlier block, and comes second with its own.
    function test_copyingAnothersChallenge() public {
        bytes32 claimId = openOn(2);
        uint256 bond = claims.bondOf(claimId);
        commit(challenger, claimId, TRUTH);
        bytes32 copied = claims.commitmentOf(_attacker, claimId, TRUTH, "salt");
        vm.startPrank(_attacker);
        // With the challenger's commitment, and with its own of the same block.
        vm.expectRevert(abi.encodeWithSelector(IClaimRegistry.NotCommittedBefore.selector, copied));
        claims.challenge{value: bond}(claimId, TRUTH, "salt");
        claims.commitChallenge(copied);
        vm.expectRevert(abi.encodeWithSelector(IClaimRegistry.NotCommittedBefore.selector, copied));
        claims.challenge{value: bond}(claimId, TRUTH, "salt");
        vm.stopPrank();
        reveal(challenger, claimId, TRUTH);
        vm.roll(vm.getBlockNumber() + 1);
        vm.prank(_attacker);
        vm.expectRevert(abi.encodeWithSelector(IClaimRegistry.LeafNamed.selector, TRUTH));
        claims.challenge{value: bond}(claimId, TRUTH, "salt");
    }

    /// @dev The opener and the challenger are one: half of the bond burns, and the instance is paid.
    function test_challengingAnHonestClaimOfOnesOwnLosesMoney() public {
        ClaimEvidence memory evidence = evidenceOf(2);
        uint256 before = _attacker.balance;
        vm.prank(_attacker);
        bytes32 claimId = claims.openClaim{value: CLAIM_BOND}(evidence, address(0));
        uint256 bond = claims.bondOf(claimId);
        challengeBy(_attacker, claimId, TRUTH);
        decide(claimId, leafOf(2));
        finishAppeals(claimId);
        assertEq(_attacker.balance + claims.owed(_attacker), before - bond / 2 - FEE);
    }

    /// @dev The signers challenge their own lie with the truth: the reward is a tenth of what they lose.
    function test_challengingALieOfOnesOwnLosesMoney() public {
        (bytes32 claimId, uint256 positionId) = openInsured(2, 20 ether);
        challengeBy(_attacker, claimId, TRUTH);
        decide(claimId, TRUTH);
        finishAppeals(claimId);
        slashAll(claimId);
        for (uint256 slashId = 1; slashId <= 3; ++slashId) {
            collect(slashId);
        }
        vm.warp(settlement.barDateOf(app, 3));
        for (uint256 slashId = 1; slashId <= 3; ++slashId) {
            settlement.settleSlash(app, slashId, _strategy);
        }
        settlement.payHarm(positionId);
        assertEq(tokenOf(0).balanceOf(_attacker), 9 ether);
        assertEq(tokenOf(0).balanceOf(BURNT), 18 ether);
        assertEq(tokenOf(0).balanceOf(harmed), 20 ether);
        assertLt(claims.owed(_attacker), claims.bondOf(claimId));
    }

    /// @dev Equivocating empties the liar's allocation before the verdict, into the vault that pays the same harmed.
    function test_equivocatingToSpendTheStakeBeforeTheVerdict() public {
        (bytes32 claimId, uint256 positionId) = openInsured(2, 20 ether);
        _equivocate(0);
        assertEq(allocatedStake(0, 0), 0);
        overturn(claimId);
        slashAll(claimId);
        for (uint256 slashId = 1; slashId <= 3; ++slashId) {
            collect(slashId);
        }
        vm.warp(claims.endedAtOf(claimId) + FORK_LAG);
        settlement.payHarm(positionId);
        assertEq(tokenOf(0).balanceOf(harmed), 20 ether);
        // And whoever reported it waits until every claim from before it has ended.
        uint256 from = settlement.barDateOf(app, 1);
        assertGt(from, claims.endedAtOf(claimId));
        vm.expectPartialRevert(bytes4(keccak256("TooEarly(uint256)")));
        settlement.settleSlash(app, 1, _strategy);
    }

    /// @dev A second lie of signers that were slashed already no longer fits the cap.
    function test_aSecondLieOfSlashedSigners() public {
        (bytes32 claimId,) = openInsured(2, 1 ether);
        bytes32 second = openOn(3);
        overturn(claimId);
        slashAll(claimId);
        vm.warp(tableTime); // the young claim of a table whose stake is gone
        vm.prank(consumer);
        vm.expectPartialRevert(IExposureLedger.BackingTooThin.selector);
        ledger.open(second, _strategy, 1, harmed, type(uint256).max);
    }

    function test_leavingBetweenSigningAndChallenge() public {
        (bytes32 claimId,) = openInsured(2, 20 ether);
        leaveSet(operatorOf(0), operatorOf(0), set);
        allocate(operatorOf(0), set, _strategy, 0);
        overturn(claimId);
        slashAll(claimId);
        assertEq(vault.slashedShares(_strategy), 90 ether + 3);
    }

    function test_aKeySwappedBetweenSigningAndVerdict() public {
        (bytes32 claimId,) = openInsured(2, 20 ether);
        bytes memory data = Keys.data(0xb0b);
        bytes32 digest = keyRegistrar.getBN254KeyRegistrationMessageHash(operatorOf(0), set, data);
        bytes memory proof = Keys.signature(0xb0b, digest);
        vm.prank(operatorOf(0));
        keyRegistrar.rotateKey(operatorOf(0), set, data, proof);
        overturn(claimId);
        slashAll(claimId);
        assertEq(allocatedStake(0, 0), 0);
    }

    /// @dev Nobody has a way to change what slashes a set, or who settles, once the adder's key is gone.
    function test_aSlasherSwappedInBetween() public {
        (bytes32 claimId,) = openInsured(2, 20 ether);
        vm.expectPartialRevert(bytes4(keccak256("NotModuleAdder(address)")));
        vm.prank(moduleAdder);
        router.queueModule(_attacker);
        vm.expectPartialRevert(bytes4(keccak256("NotModuleAdder(address)")));
        vm.prank(moduleAdder);
        router.queueSettlement(_attacker);
        vm.expectRevert();
        vm.prank(appOwner);
        allocationManager.updateSlasher(set, _attacker);
        overturn(claimId);
        slashAll(claimId);
        assertEq(allocatedStake(0, 0), 0);
    }

    /// @dev Liars that deleted the batch challenge themselves first: a demand still comes through, and withholding is the fault.
    function test_challengingOneselfToOutrunTheDemand() public {
        (bytes32 claimId, uint256 positionId) = openInsured(2, 20 ether);
        challengeBy(_attacker, claimId, OTHER);
        demandBy(challenger, claimId);
        // Their seats may vote what they like: the round that was interrupted counts for nothing.
        judges[0].say(address(claims), claimId, 1, IVerifier.Answer.DECIDED, leafOf(2));
        vm.expectPartialRevert(IClaimRegistry.WrongState.selector);
        claims.advance(claimId);
        vm.warp(claims.demandOf(claimId).endsAt + 1);
        claims.finish(claimId);
        verdict(claimId, IClaimRegistry.Verdict.WITHHELD);
        slashAll(claimId);
        assertEq(vault.reporterOf(1), challenger);
        for (uint256 slashId = 1; slashId <= 3; ++slashId) {
            collect(slashId);
        }
        vm.warp(claims.endedAtOf(claimId) + FORK_LAG);
        settlement.payHarm(positionId);
        assertEq(tokenOf(0).balanceOf(harmed), 20 ether);
    }

    function test_oneHonestSignerAnswersAndNobodyIsSlashed() public {
        (bytes32 claimId,) = openInsured(2, 20 ether);
        demandBy(_attacker, claimId);
        vm.startPrank(operatorOf(1));
        answer(claimId, 2, 0, 0);
        answer(claimId, 2, 2, 0);
        vm.stopPrank();
        vm.warp(claims.claimOf(claimId).windowEndsAt + 1);
        claims.finish(claimId);
        vm.expectPartialRevert(bytes4(keccak256("ClaimNotBad(bytes32)")));
        this.slashAllOf(claimId);
        assertEq(allocatedStake(0, 0), stakeOf(0));
        assertEq(claims.owed(operatorOf(1)), 2 * PAGE_PRICE);
        assertEq(claims.owed(_attacker), 0);
    }

    /// @dev A claim that is bad but not written down yet slashes nobody: the reward would go to nobody.
    function test_slashingBeforeTheEndIsWrittenDown() public {
        (bytes32 claimId, uint256 positionId) = openInsured(2, 20 ether);
        challengeBy(challenger, claimId, TRUTH);
        decide(claimId, TRUTH);
        vm.warp(claims.disputeOf(claimId).appealEndsAt + 1);
        vm.expectPartialRevert(bytes4(keccak256("ClaimNotBad(bytes32)")));
        this.slashAllOf(claimId);
        vm.expectRevert(abi.encodeWithSelector(IExposureLedger.ClaimStillOpen.selector, claimId));
        ledger.close(positionId);
        claims.finish(claimId);
        slashAll(claimId);
        assertEq(vault.reporterOf(1), challenger);
    }

    function test_comingBackWhileBeingPaid() public {
        GreedyPurse purse = new GreedyPurse(claims);
        bytes32 claimId = openOn(2);
        for (uint256 i = 3; i < 6; ++i) {
            challengeBy(challenger, openOn(i), TRUTH); // there is enough to take
        }
        commit(address(purse), claimId, TRUTH);
        purse.challenge{value: claims.bondOf(claimId)}(claimId, TRUTH);
        claims.advance(claimId);
        decide(claimId, TRUTH);
        finishAppeals(claimId);
        uint256 owed = claims.owed(address(purse));
        uint256 balance = address(claims).balance;
        vm.expectRevert(abi.encodeWithSelector(IClaimRegistry.PaymentRefused.selector, address(purse)));
        purse.fetch();
        assertEq(claims.owed(address(purse)), owed);
        assertEq(address(claims).balance, balance);
    }

    function slashAllOf(bytes32 claimId) external {
        slashAll(claimId);
    }

    function _equivocate(uint256 i) private {
        Batch memory first = batchAfter(9, keccak256("parent"), 1);
        Batch memory second = batchAfter(9, keccak256("parent"), 2);
        IEquivocationSlasher.SignedBatch memory a;
        IEquivocationSlasher.SignedBatch memory b;
        (a.batch, a.signer, a.signature) = (first, witnessOf(i), signatureOf(i, first));
        (b.batch, b.signer, b.signature) = (second, witnessOf(i), signatureOf(i, second));
        vm.prank(_attacker);
        equivocationSlasher.proveEquivocation(a, b);
    }
}
