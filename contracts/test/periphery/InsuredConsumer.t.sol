// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IAppController} from "../../src/interfaces/IAppController.sol";
import {IClaimRegistry} from "../../src/interfaces/IClaimRegistry.sol";
import {IClaimOutcomes, IExposureLedger} from "../../src/interfaces/IExposureLedger.sol";
import {Program} from "../../src/libraries/VouchTypes.sol";
import {InsuredConsumer} from "../../src/periphery/InsuredConsumer.sol";
import {CertifiedExchange} from "../../src/periphery/VouchConsumer.sol";
import {TestToken} from "../core/TestToken.sol";
import {ClaimFixture} from "../verify/ClaimFixture.sol";

/// @notice A consumer with its doors open.
contract OpenConsumer is InsuredConsumer {
    constructor(IClaimRegistry claims_, IExposureLedger ledger_, IAppController apps_)
        InsuredConsumer(claims_, ledger_, apps_)
    {}

    function approve(TestToken token) external {
        token.approve(address(ledger), type(uint256).max);
    }

    function consumeImmediate(
        CertifiedExchange calldata certified,
        bytes32 app,
        bytes32 programId,
        Insurance memory insurance
    ) external returns (bytes32, uint256) {
        return _consumeImmediate(certified, app, programId, insurance);
    }

    function consumeLagged(CertifiedExchange calldata certified, bytes32 app, bytes32 programId)
        external
        view
        returns (bytes32)
    {
        return _consumeLagged(certified, app, programId);
    }

    function openClaim(CertifiedExchange calldata certified) external payable returns (bytes32) {
        return _openClaim(certified, address(0), msg.value);
    }
}

/// @title Immediate counts at once and is insured; Lagged counts when its claim has ended well.
contract InsuredConsumerTest is ClaimFixture {
    OpenConsumer private _contract;
    InsuredConsumer.Insurance private _insurance;
    CertifiedExchange private _certified;

    function setUp() public {
        deployClaims();
        _contract = new OpenConsumer(claims, ledger, controller);
        grant(address(_contract), 0, QUOTA);
        TestToken token = tokenOf(0);
        token.mint(address(_contract), 1e6 ether);
        _contract.approve(token);
        _insurance = InsuredConsumer.Insurance(address(stakeStrategies[0]), 10 ether, harmed, 10 ether);
        _certified = _of(2);
    }

    function test_immediateIsInsuredFromTheFirstSecond() public {
        (bytes32 claimId, uint256 positionId) = _consume();
        assertEq(ledger.positionOf(positionId).beneficiary, harmed);
        assertEq(ledger.positionOf(positionId).claimId, claimId);
        assertEq(claims.claimOf(claimId).leaf, leafOf(2));
        // Another that relies on the same answer insures itself on the same claim.
        (bytes32 again, uint256 second) = _consume();
        assertEq(again, claimId);
        assertEq(second, positionId + 1);
        assertEq(claims.openClaims(set.id), 1);
        overturn(claimId);
        slashAll(claimId);
        for (uint256 slashId = 1; slashId <= 3; ++slashId) {
            collect(slashId);
        }
        vm.warp(claims.endedAtOf(claimId) + FORK_LAG);
        settlement.payHarm(positionId);
        settlement.payHarm(second);
        assertEq(tokenOf(0).balanceOf(harmed), 20 ether);
    }

    function test_immediateAfterAChallenge() public {
        (bytes32 claimId,) = _consume();
        commit(challenger, claimId, TRUTH);
        reveal(challenger, claimId, TRUTH);
        _refused(abi.encodeWithSelector(IClaimRegistry.NotReliable.selector, claimId));
    }

    function test_immediateOfASuspendedProgram() public {
        (bytes32 claimId,) = _consume();
        challengeBy(challenger, claimId, bytes32(uint256(1)));
        decide(claimId, bytes32(uint256(1)));
        finishAppeals(claimId);
        vm.warp(tableTime);
        _certified = _of(3);
        _refused(abi.encodeWithSelector(InsuredConsumer.ProgramSuspended.selector, app, programId));
    }

    function test_whatIsNotImmediate() public {
        Program memory program = wasmProgram();
        program.state = keccak256("state");
        bytes32 stateful = publish(app, program);
        _certified.batch.programId = stateful;
        vm.expectRevert(abi.encodeWithSelector(InsuredConsumer.NotImmediate.selector, stateful));
        _contract.consumeImmediate(_certified, app, stateful, _insurance);
        _certified = _of(2);
        _certified.exchange.readsHash = OTHER;
        _refused(abi.encodeWithSelector(InsuredConsumer.ReadsInImmediate.selector));
    }

    function test_whatIsPinned() public {
        vm.expectRevert(abi.encodeWithSelector(InsuredConsumer.BatchOfAnotherApp.selector, app));
        _contract.consumeImmediate(_certified, OTHER, programId, _insurance);
        vm.expectRevert(abi.encodeWithSelector(InsuredConsumer.BatchOfAnotherProgram.selector, programId));
        _contract.consumeLagged(_certified, app, OTHER);
        _certified.output = "lie";
        _refused(abi.encodeWithSelector(InsuredConsumer.OutputMismatch.selector));
    }

    function test_whatDoesNotFit() public {
        _insurance.feeMax = 0;
        vm.expectPartialRevert(IExposureLedger.FeeTooHigh.selector);
        _consume();
        _insurance.feeMax = 10 ether;
        _insurance.amount = 100 ether;
        vm.expectPartialRevert(IExposureLedger.AboveCap.selector);
        _consume();
        assertEq(claims.openClaims(set.id), 0);
    }

    function test_laggedWaitsForTheWindow() public {
        bytes32 claimId = _contract.openClaim{value: CLAIM_BOND}(_certified);
        vm.warp(claims.claimOf(claimId).windowEndsAt);
        _laggedRefused(claimId, IClaimOutcomes.Outcome.OPEN);
        vm.warp(block.timestamp + 1);
        assertEq(_contract.consumeLagged(_certified, app, programId), claimId);
    }

    function test_laggedOfAJudgedClaim() public {
        bytes32 claimId = _contract.openClaim{value: CLAIM_BOND}(_certified);
        CertifiedExchange memory lie = _of(3);
        bytes32 other = _contract.openClaim{value: CLAIM_BOND}(lie);
        challengeBy(challenger, claimId, TRUTH);
        challengeBy(challenger, other, TRUTH);
        decide(claimId, leafOf(2));
        decide(other, TRUTH);
        finishAppeals(claimId);
        claims.finish(other);
        assertEq(_contract.consumeLagged(_certified, app, programId), claimId);
        _certified = _of(3);
        _laggedRefused(other, IClaimOutcomes.Outcome.BAD);
    }

    /// @dev `via_ir` is off: copying from storage to calldata goes through memory.
    function _consume() private returns (bytes32, uint256) {
        return _contract.consumeImmediate(_certified, app, programId, _insurance);
    }

    function _refused(bytes memory reason) private {
        uint256 count = ledger.positionCount();
        vm.expectRevert(reason);
        _contract.consumeImmediate(_certified, app, programId, _insurance);
        assertEq(ledger.positionCount(), count);
    }

    function _laggedRefused(bytes32 claimId, IClaimOutcomes.Outcome outcome) private {
        vm.expectRevert(abi.encodeWithSelector(InsuredConsumer.ClaimNotGood.selector, claimId, outcome));
        _contract.consumeLagged(_certified, app, programId);
    }

    function _of(uint256 i) private view returns (CertifiedExchange memory certified) {
        certified.batch = batch;
        certified.exchange = exchangeOf(i);
        (certified.index, certified.proof) = (uint32(i), evidenceOf(i).proof);
        certified.request = requestOf(i);
        certified.clientSignature = signatureFor(certified.exchange.requestId);
        certified.payloadLength = partsOf(i).payload.length;
        certified.payloadPagesRoot = partsOf(i).payload.pagesRoot;
        certified.output = outputOf(i);
    }
}
