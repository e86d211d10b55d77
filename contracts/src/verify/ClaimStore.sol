// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IAdjudicatedProfile, IProfileFactory} from "../interfaces/IAdjudicatedProfile.sol";
import {IAppController} from "../interfaces/IAppController.sol";
import {IBatchRegistry} from "../interfaces/IBatchRegistry.sol";
import {ClaimEvidence, IClaimRegistry} from "../interfaces/IClaimRegistry.sol";
import {IExposureLedger} from "../interfaces/IExposureLedger.sol";
import {IProfile} from "../interfaces/IProfile.sol";
import {Batch, VouchTypes} from "../libraries/VouchTypes.sol";
import {Evidence} from "./Evidence.sol";

/// @title ClaimStore
/// @notice Opens claims and says what stands behind them; the first part of `ClaimRegistry`.
/// @dev A claim keeps five words. Whatever else it is about follows from the leaf and is shown again when it matters.
abstract contract ClaimStore is IClaimRegistry {
    using VouchTypes for Batch;

    address public constant BURNT = 0x000000000000000000000000000000000000dEaD;

    IAppController public immutable appController;
    IBatchRegistry public immutable batchRegistry;
    IExposureLedger public immutable ledger;
    IProfileFactory public immutable profileFactory;

    mapping(bytes32 claimId => Claim) internal _claims;
    mapping(bytes32 claimId => uint48) public endedAtOf;
    mapping(bytes32 claimId => address) public rewardedOf;
    /// @notice Claims of an operator set that were opened and not ended yet.
    mapping(uint32 operatorSetId => uint256) public openClaims;
    mapping(address account => uint256) public owed;

    constructor(
        IAppController appController_,
        IBatchRegistry batchRegistry_,
        IExposureLedger ledger_,
        IProfileFactory profileFactory_
    ) {
        (appController, batchRegistry) = (appController_, batchRegistry_);
        (ledger, profileFactory) = (ledger_, profileFactory_);
    }

    function openClaim(ClaimEvidence calldata evidence, address strategy) external payable returns (bytes32 claimId) {
        bytes32 batchHash = evidence.batch.hash();
        _requireBatch(evidence.batch, batchHash);
        bytes32 leaf = Evidence.requireIncluded(evidence);
        Evidence.requireRequested(evidence, batchRegistry, batchRegistry.recordOf(batchHash).recordedAt);
        Evidence.requireParts(evidence.exchange, evidence.request.payloadHash, evidence.parts);
        claimId = claimIdOf(batchHash, evidence.index, leaf);
        require(_claims[claimId].state == State.NONE, ClaimKnown(claimId));
        _store(claimId, evidence, batchHash, leaf, _takeClaimBond(evidence.batch, strategy));
    }

    function withdraw(address payable to) external returns (uint256 amount) {
        amount = owed[msg.sender];
        require(amount != 0, NothingOwed(msg.sender));
        owed[msg.sender] = 0;
        emit Withdrawn(msg.sender, to, amount);
        (bool paid,) = to.call{value: amount}("");
        require(paid, PaymentRefused(to));
    }

    function requireReliable(bytes32 claimId) external view returns (Backing memory) {
        Claim storage claim = _known(claimId);
        bool reliable = claim.state == State.PROPOSED && block.timestamp <= claim.windowEndsAt;
        require(reliable, NotReliable(claimId));
        _requireYoung(claim.referenceTimestamp, claim.profile);
        return backingOf(claimId);
    }

    function backingOf(bytes32 claimId) public view returns (Backing memory) {
        Claim storage claim = _known(claimId);
        return Backing({
            app: appController.appOf(claim.operatorSetId),
            programId: claim.programId,
            batchHash: claim.batchHash,
            referenceTimestamp: claim.referenceTimestamp,
            profile: claim.profile,
            endsBy: uint64(_endsBy(claim))
        });
    }

    /// @dev What costs somebody its stake counts only once it is written down, with whom it rewards.
    function outcomeOf(bytes32 claimId) external view returns (Outcome) {
        Verdict verdict = verdictOf(claimId);
        if (verdict == Verdict.NONE) return Outcome.OPEN;
        if (verdict == Verdict.VOID) return Outcome.VOID;
        return verdict == Verdict.UNCHALLENGED || verdict == Verdict.UPHELD ? Outcome.GOOD : Outcome.BAD;
    }

    function verdictOf(bytes32 claimId) public view returns (Verdict) {
        Claim storage claim = _known(claimId);
        if (claim.state == State.PROPOSED && block.timestamp > claim.windowEndsAt) return Verdict.UNCHALLENGED;
        return claim.verdict;
    }

    function claimOf(bytes32 claimId) external view returns (Claim memory) {
        return _claims[claimId];
    }

    function claimIdOf(bytes32 batchHash, uint32 index, bytes32 leaf) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), batchHash, index, leaf));
    }

    function _known(bytes32 claimId) internal view returns (Claim storage claim) {
        claim = _claims[claimId];
        require(claim.state != State.NONE, UnknownClaim(claimId));
    }

    function _inState(bytes32 claimId, State state) internal view returns (Claim storage claim) {
        claim = _known(claimId);
        require(claim.state == state, WrongState(claimId, claim.state));
    }

    /// @dev When all clocks of a dispute have run out, whoever moved and whoever did not.
    function _endsBy(Claim storage claim) internal view returns (uint256) {
        IProfile profile = IProfile(claim.profile);
        return uint256(claim.referenceTimestamp) + profile.wholeTime() - profile.times().paging;
    }

    /// @dev A clock that somebody started late runs no longer than the claim.
    function _capped(Claim storage claim, uint256 endsAt) internal view returns (uint48) {
        uint256 endsBy = _endsBy(claim);
        return uint48(endsAt < endsBy ? endsAt : endsBy);
    }

    function _credit(bytes32 claimId, address account, uint256 amount) internal {
        if (amount == 0) return;
        owed[account] += amount;
        emit Credited(claimId, account, amount);
    }

    /// @dev Nobody has the key of where it goes, and nothing there can refuse it.
    function _burn(bytes32 claimId, uint256 amount) internal {
        if (amount == 0) return;
        emit Burned(claimId, amount);
        (bool paid,) = BURNT.call{value: amount}("");
        require(paid, PaymentRefused(BURNT));
    }

    function _requireBatch(Batch calldata batch, bytes32 batchHash) private view {
        require(batch.chainId == block.chainid, BatchOfAnotherChain(batch.chainId));
        require(batch.registry == address(batchRegistry), BatchOfAnotherRegistry(batch.registry));
        bool ofSet = appController.appOf(batch.operatorSetId) == batch.app;
        require(ofSet, BatchOfAnotherSet(batch.operatorSetId));
        require(profileFactory.isProfile(batch.profileId), UnknownProfile(batch.profileId));
        require(batchRegistry.recordOf(batchHash).certifiedAt != 0, BatchNotCertified(batchHash));
        _requireYoung(batch.referenceTimestamp, batch.profileId);
    }

    function _requireYoung(uint256 referenceTimestamp, address profile) private view {
        uint256 claimAge = IProfile(profile).claimAge();
        bool young = block.timestamp <= referenceTimestamp + claimAge;
        require(young, BatchTooOld(referenceTimestamp, claimAge));
    }

    /// @dev Whom the app granted a quota answers for its claims with the fees of its exposure.
    function _takeClaimBond(Batch calldata batch, address strategy) private view returns (bool bonded) {
        bonded = ledger.termsOf(batch.app, msg.sender, strategy).quota == 0;
        uint256 due = bonded ? IAdjudicatedProfile(batch.profileId).adjudication().claimBond : 0;
        require(msg.value == due, WrongPayment(msg.value, due));
    }

    function _store(bytes32 claimId, ClaimEvidence calldata evidence, bytes32 batchHash, bytes32 leaf, bool bonded)
        private
    {
        Batch calldata batch = evidence.batch;
        IAdjudicatedProfile profile = IAdjudicatedProfile(batch.profileId);
        Evidence.requireWithin(evidence.parts, profile.demandLimit());
        uint256 count = openClaims[batch.operatorSetId];
        uint256 countMax = profile.openClaimsMax();
        require(count < countMax, TooManyOpenClaims(count, countMax));
        openClaims[batch.operatorSetId] = count + 1;

        Claim storage claim = _claims[claimId];
        (claim.batchHash, claim.programId, claim.leaf) = (batchHash, batch.programId, leaf);
        (claim.profile, claim.operatorSetId) = (batch.profileId, batch.operatorSetId);
        (claim.referenceTimestamp, claim.index) = (batch.referenceTimestamp, evidence.index);
        (claim.opener, claim.bonded, claim.state) = (msg.sender, bonded, State.PROPOSED);
        claim.windowEndsAt = uint48(block.timestamp + profile.times().window);
        claim.pages = uint16(Evidence.pagesOf(evidence.parts));
        emit ClaimOpened(
            claimId,
            batch.app,
            batchHash,
            evidence.index,
            evidence.exchange,
            evidence.request,
            evidence.parts,
            claim.windowEndsAt
        );
    }
}
