// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IProfileFactory} from "../interfaces/IAdjudicatedProfile.sol";
import {IAppController} from "../interfaces/IAppController.sol";
import {IBatchRegistry} from "../interfaces/IBatchRegistry.sol";
import {ClaimEvidence, IClaimRegistry, IEvidenceChecker} from "../interfaces/IClaimRegistry.sol";
import {IProfile} from "../interfaces/IProfile.sol";
import {Batch, VouchTypes} from "../libraries/VouchTypes.sol";
import {Evidence} from "./Evidence.sol";

/// @title EvidenceChecker
/// @notice See `IEvidenceChecker`. It stands apart from `ClaimRegistry` because both do not fit one contract; it stores nothing.
contract EvidenceChecker is IEvidenceChecker {
    using VouchTypes for Batch;

    IAppController public immutable appController;
    IBatchRegistry public immutable batchRegistry;
    IProfileFactory public immutable profileFactory;

    constructor(IAppController appController_, IBatchRegistry batchRegistry_, IProfileFactory profileFactory_) {
        (appController, batchRegistry, profileFactory) = (appController_, batchRegistry_, profileFactory_);
    }

    function check(ClaimEvidence calldata evidence, address)
        external
        view
        returns (bytes32 batchHash, bytes32 leaf, uint256 pages)
    {
        batchHash = evidence.batch.hash();
        uint64 recordedAt = _requireBatch(evidence.batch, batchHash);
        leaf = Evidence.requireIncluded(evidence);
        Evidence.requireRequested(evidence, batchRegistry, recordedAt);
        Evidence.requireParts(evidence.exchange, evidence.request.payloadHash, evidence.parts);
        Evidence.requireWithin(evidence.parts, IProfile(evidence.batch.profileId).demandLimit());
        pages = Evidence.pagesOf(evidence.parts);
    }

    function _requireBatch(Batch calldata batch, bytes32 batchHash) private view returns (uint64 recordedAt) {
        require(batch.chainId == block.chainid, IClaimRegistry.BatchOfAnotherChain(batch.chainId));
        bool here = batch.registry == address(batchRegistry);
        require(here, IClaimRegistry.BatchOfAnotherRegistry(batch.registry));
        bool ofSet = appController.appOf(batch.operatorSetId) == batch.app;
        require(ofSet, IClaimRegistry.BatchOfAnotherSet(batch.operatorSetId));
        require(profileFactory.isProfile(batch.profileId), IClaimRegistry.UnknownProfile(batch.profileId));
        IBatchRegistry.BatchRecord memory record = batchRegistry.recordOf(batchHash);
        require(record.certifiedAt != 0, IClaimRegistry.BatchNotCertified(batchHash));
        uint256 claimAge = IProfile(batch.profileId).claimAge();
        bool young = block.timestamp <= uint256(batch.referenceTimestamp) + claimAge;
        require(young, IClaimRegistry.BatchTooOld(batch.referenceTimestamp, claimAge));
        return record.recordedAt;
    }
}
