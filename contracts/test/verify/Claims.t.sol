// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ClaimEvidence, IClaimRegistry} from "../../src/interfaces/IClaimRegistry.sol";
import {IClaimOutcomes} from "../../src/interfaces/IExposureLedger.sol";
import {Batch} from "../../src/libraries/VouchTypes.sol";
import {ClaimFixture} from "./ClaimFixture.sol";

/// @title A claim is opened with a proof of everything, or not at all.
contract ClaimsTest is ClaimFixture {
    ClaimEvidence private _evidence;

    function setUp() public {
        deployClaims();
        _evidence = evidenceOf(2);
    }

    function test_anUnchallengedClaimIsGoodWithoutAnotherTransaction() public {
        bytes32 claimId = openOn(2);
        IClaimRegistry.Claim memory claim = claims.claimOf(claimId);
        assertEq(claim.leaf, leafOf(2));
        assertEq(claim.pages, 2);
        assertEq(claim.windowEndsAt, block.timestamp + 4 days);
        assertEq(uint256(claims.outcomeOf(claimId)), uint256(IClaimOutcomes.Outcome.OPEN));
        assertEq(claims.backingOf(claimId).app, app);
        assertEq(claims.backingOf(claimId).endsBy, tableTime + 23 days + 1 hours);
        vm.warp(claim.windowEndsAt + 1);
        assertEq(uint256(claims.outcomeOf(claimId)), uint256(IClaimOutcomes.Outcome.GOOD));
        verdict(claimId, IClaimRegistry.Verdict.UNCHALLENGED);
        assertEq(claims.openClaims(set.id), 1);
        claims.finish(claimId);
        assertEq(claims.openClaims(set.id), 0);
        assertEq(paid(address(this)), CLAIM_BOND);
        vm.expectRevert(abi.encodeWithSelector(IClaimRegistry.NothingOwed.selector, address(this)));
        claims.withdraw(payable(address(1)));
    }

    function test_whoHasAQuotaPaysNoClaimBond() public {
        vm.prank(consumer);
        bytes32 claimId = claims.openClaim(_evidence, address(stakeStrategies[0]));
        assertFalse(claims.claimOf(claimId).bonded);
        vm.warp(block.timestamp + 4 days + 1);
        claims.finish(claimId);
        assertEq(claims.owed(consumer), 0);
    }

    function test_theClaimBondIsExact() public {
        _refused(abi.encodeWithSelector(IClaimRegistry.WrongPayment.selector, 0, CLAIM_BOND), 0);
        bytes memory reason = abi.encodeWithSelector(IClaimRegistry.WrongPayment.selector, CLAIM_BOND + 1, CLAIM_BOND);
        _refused(reason, CLAIM_BOND + 1);
    }

    function test_oneClaimForAnAnswer() public {
        bytes32 claimId = openOn(2);
        _refused(abi.encodeWithSelector(IClaimRegistry.ClaimKnown.selector, claimId));
    }

    function test_anUnknownClaim() public {
        bytes memory reason = abi.encodeWithSelector(IClaimRegistry.UnknownClaim.selector, OTHER);
        vm.expectRevert(reason);
        claims.finish(OTHER);
        vm.expectRevert(reason);
        claims.advance(OTHER);
        vm.expectRevert(reason);
        claims.demandData(OTHER);
        vm.expectRevert(reason);
        claims.appeal(OTHER, TRUTH);
        vm.expectRevert(reason);
        claims.outcomeOf(OTHER);
        commit(address(this), OTHER, TRUTH);
        vm.expectRevert(reason);
        claims.challenge(OTHER, TRUTH, "salt");
    }

    function test_aBatchOfElsewhere() public {
        _evidence.batch.chainId = 5;
        _refused(abi.encodeWithSelector(IClaimRegistry.BatchOfAnotherChain.selector, 5));
        _evidence.batch = batch;
        _evidence.batch.registry = address(5);
        _refused(abi.encodeWithSelector(IClaimRegistry.BatchOfAnotherRegistry.selector, address(5)));
        _evidence.batch = batch;
        uint32 other = controller.appInfo(newApp(appParameters())).operatorSetId;
        _evidence.batch.operatorSetId = other;
        _refused(abi.encodeWithSelector(IClaimRegistry.BatchOfAnotherSet.selector, other));
        _evidence.batch = batch;
        _evidence.batch.profileId = address(5);
        _refused(abi.encodeWithSelector(IClaimRegistry.UnknownProfile.selector, address(5)));
    }

    function test_aBatchWithoutItsOwnCertificate() public {
        Batch memory next = batchAfter(2, hashOf(batch), 0);
        _evidence.batch = next;
        _refused(abi.encodeWithSelector(IClaimRegistry.BatchNotCertified.selector, hashOf(next)));
    }

    /// @dev A lie kept until its signers have left is too old to be claimed, and a position too.
    function test_aLieKeptTooLong() public {
        bytes32 claimId = openOn(2);
        vm.warp(tableTime + 1 days + 1);
        bytes memory reason = abi.encodeWithSelector(IClaimRegistry.BatchTooOld.selector, tableTime, 1 days);
        _evidence = evidenceOf(3);
        _refused(reason);
        vm.prank(consumer);
        vm.expectRevert(reason);
        ledger.open(claimId, address(stakeStrategies[0]), 1 ether, harmed, type(uint256).max);
        vm.warp(tableTime + 1 days);
        openOn(3);
    }

    function test_aLeafThatIsNotInTheBatch() public {
        _evidence.index = 3;
        _refused(abi.encodeWithSelector(IClaimRegistry.NotInBatch.selector, leafOf(2), 3));
        _evidence.index = 2;
        _evidence.exchange.status = 1;
        vm.expectPartialRevert(IClaimRegistry.NotInBatch.selector);
        claims.openClaim{value: CLAIM_BOND}(_evidence, address(0));
    }

    function test_aRequestThatNobodyMade() public {
        _evidence.request.app = OTHER;
        _refused(abi.encodeWithSelector(IClaimRegistry.RequestOfAnotherApp.selector, OTHER));
        _evidence.request = requestOf(2);
        _evidence.request.programId = OTHER;
        _refused(abi.encodeWithSelector(IClaimRegistry.RequestOfAnotherProgram.selector, OTHER));
        _evidence.request = requestOf(3);
        bytes32 requestId = exchangeOf(3).requestId;
        _refused(abi.encodeWithSelector(IClaimRegistry.RequestNotAnswered.selector, requestId));
        _evidence.request = requestOf(2);
        _evidence.clientSignature = signatureFor(requestId);
        _refused(abi.encodeWithSelector(IClaimRegistry.RequestNotSigned.selector, client));
        _evidence.clientSignature = "";
        _refused(abi.encodeWithSelector(IClaimRegistry.RequestNotSigned.selector, client));
    }

    function test_partsThatAreOthers() public {
        _evidence.parts.payload.length += 1;
        _refused(abi.encodeWithSelector(IClaimRegistry.PartMismatch.selector, "payload"));
        _evidence.parts = partsOf(2);
        _evidence.parts.reads.length = 1;
        _refused(abi.encodeWithSelector(IClaimRegistry.PartMismatch.selector, "reads"));
        _evidence.parts = partsOf(2);
        _evidence.parts.output.pagesRoot = OTHER;
        _refused(abi.encodeWithSelector(IClaimRegistry.PartMismatch.selector, "output"));
    }

    function test_nothingIsReliableThatIsChallenged() public {
        bytes32 claimId = openOn(2);
        claims.requireReliable(claimId);
        commit(challenger, claimId, TRUTH);
        claims.requireReliable(claimId);
        reveal(challenger, claimId, TRUTH);
        vm.expectRevert(abi.encodeWithSelector(IClaimRegistry.NotReliable.selector, claimId));
        claims.requireReliable(claimId);
    }

    function _refused(bytes memory reason) private {
        _refused(reason, CLAIM_BOND);
    }

    function _refused(bytes memory reason, uint256 value) private {
        uint256 before = claims.openClaims(set.id);
        vm.expectRevert(reason);
        claims.openClaim{value: value}(_evidence, address(0));
        assertEq(claims.openClaims(set.id), before);
        assertEq(address(claims).balance, before * CLAIM_BOND);
    }
}

/// @title A set has no more open claims than could all be answered on chain in the demand time.
contract OpenClaimsTest is ClaimFixture {
    function setUp() public {
        deployClaims();
    }

    /// @dev The largest limit: 28,800 blocks of 8 pages for claims of 3 x 256 pages.
    function demandLimitOf() internal pure override returns (uint64) {
        return 256 * 16_384;
    }

    function test_aPlaceIsFreedByWhoFinishes() public {
        bytes32 claimId = openOn(0);
        _fill(300);
        vm.expectRevert(abi.encodeWithSelector(IClaimRegistry.TooManyOpenClaims.selector, 300, 300));
        this.openFrom(1);
        _fill(299);
        openOn(1);
        vm.warp(claims.claimOf(claimId).windowEndsAt + 1);
        claims.finish(claimId);
        assertEq(claims.openClaims(set.id), 299);
    }

    function openFrom(uint256 i) external {
        openOn(i);
    }

    /// @dev Sets the count as if others had opened claims.
    function _fill(uint256 count) private {
        bytes32 slot = keccak256(abi.encode(uint256(set.id), uint256(3)));
        vm.store(address(claims), slot, bytes32(count));
        assertEq(claims.openClaims(set.id), count);
    }
}
