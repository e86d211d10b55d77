// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IAppController} from "../interfaces/IAppController.sol";
import {ClaimEvidence, IClaimRegistry, Part, Parts} from "../interfaces/IClaimRegistry.sol";
import {IClaimOutcomes, IExposureLedger} from "../interfaces/IExposureLedger.sol";
import {Batch, Exchange, VouchTypes} from "../libraries/VouchTypes.sol";
import {Pages} from "./Pages.sol";
import {CertifiedExchange} from "./VouchConsumer.sol";

/// @title What a contract inherits to trust an answer in Immediate mode with insurance, or in Lagged mode.
/// @dev Immediate: the answer counts now; if it is a lie, the beneficiary is paid the insured amount from the signers' stake. Lagged:
/// the answer counts when its claim has ended well. Neither says that the answer names what the consumer is about: pin the app, the
/// programId, and the requestId or a key in the output. The consumer must be indifferent to one answer being shown twice.
abstract contract InsuredConsumer {
    using VouchTypes for Batch;
    using VouchTypes for Exchange;

    /// @notice What an answer accepted in Immediate rests on, in words for users; never more than holds.
    string public constant IMMEDIATE_LABEL = "insured by the signers' stake, if a committee can decide";
    /// @notice What an answer accepted in Lagged rests on.
    string public constant LAGGED_LABEL =
        "one honest watcher, two thirds of the committee, data held by the signers, a chain not censored for the window";

    IClaimRegistry public immutable claims;
    IExposureLedger public immutable ledger;
    IAppController private immutable _apps;

    error NotImmediate(bytes32 programId);
    error ProgramSuspended(bytes32 app, bytes32 programId);
    error BatchOfAnotherApp(bytes32 app);
    error BatchOfAnotherProgram(bytes32 programId);
    error OutputMismatch();
    error ReadsInImmediate();
    error ClaimNotGood(bytes32 claimId, IClaimOutcomes.Outcome outcome);

    /// @notice What of an answer is insured, and for whom.
    struct Insurance {
        address strategy;
        /// Units of the strategy's token.
        uint256 amount;
        address beneficiary;
        /// The most that the consumer pays for it, in units of the token.
        uint256 feeMax;
    }

    constructor(IClaimRegistry claims_, IExposureLedger ledger_, IAppController apps_) {
        (claims, ledger, _apps) = (claims_, ledger_, apps_);
    }

    /// @notice Opens the claim and a position on it, and returns the answer at once. The ledger takes its fee from this contract.
    function _consumeImmediate(
        CertifiedExchange calldata certified,
        bytes32 app,
        bytes32 programId,
        Insurance memory insurance
    ) internal returns (bytes32 claimId, uint256 positionId) {
        _requirePinned(certified, app, programId);
        require(_apps.releaseInfo(app, programId).immediate, NotImmediate(programId));
        require(!claims.isSuspended(app, programId), ProgramSuspended(app, programId));
        require(certified.exchange.readsHash == 0, ReadsInImmediate());
        claimId = _claim(certified, insurance.strategy);
        positionId = ledger.open(claimId, insurance.strategy, insurance.amount, insurance.beneficiary, insurance.feeMax);
    }

    /// @notice Reverts unless the claim on the answer has ended well.
    function _consumeLagged(CertifiedExchange calldata certified, bytes32 app, bytes32 programId)
        internal
        view
        returns (bytes32 claimId)
    {
        _requirePinned(certified, app, programId);
        claimId = _claimIdOf(certified);
        IClaimOutcomes.Outcome outcome = claims.outcomeOf(claimId);
        require(outcome == IClaimOutcomes.Outcome.GOOD, ClaimNotGood(claimId, outcome));
    }

    /// @notice Opens the claim that `_consumeLagged` waits for. Costs the claim bond where the app granted no quota for `strategy`.
    function _openClaim(CertifiedExchange calldata certified, address strategy, uint256 bond)
        internal
        returns (bytes32)
    {
        return claims.openClaim{value: bond}(_evidence(certified), strategy);
    }

    function _claim(CertifiedExchange calldata certified, address strategy) private returns (bytes32 claimId) {
        claimId = _claimIdOf(certified);
        if (claims.claimOf(claimId).state != IClaimRegistry.State.NONE) return claimId;
        return _openClaim(certified, strategy, 0);
    }

    function _claimIdOf(CertifiedExchange calldata certified) private view returns (bytes32) {
        return claims.claimIdOf(certified.batch.hash(), certified.index, certified.exchange.hash());
    }

    function _requirePinned(CertifiedExchange calldata certified, bytes32 app, bytes32 programId) private pure {
        require(certified.batch.app == app, BatchOfAnotherApp(certified.batch.app));
        require(certified.batch.programId == programId, BatchOfAnotherProgram(certified.batch.programId));
        bool ok = certified.exchange.status == VouchTypes.STATUS_OK;
        require(ok || certified.output.length == 0, OutputMismatch());
        bytes32 expected = ok ? Pages.rootOf(certified.output) : bytes32(0);
        require(certified.exchange.outputHash == expected, OutputMismatch());
    }

    function _evidence(CertifiedExchange calldata certified) private pure returns (ClaimEvidence memory evidence) {
        (evidence.batch, evidence.exchange) = (certified.batch, certified.exchange);
        (evidence.index, evidence.proof) = (certified.index, certified.proof);
        (evidence.request, evidence.clientSignature) = (certified.request, certified.clientSignature);
        evidence.parts = Parts({
            payload: Part(certified.payloadLength, certified.payloadPagesRoot),
            reads: Part(certified.readsLength, certified.readsPagesRoot),
            output: Part(0, 0)
        });
        if (certified.exchange.outputHash == 0) return evidence;
        evidence.parts.output = Part(uint64(certified.output.length), Pages.merkleRootOf(certified.output));
    }
}
