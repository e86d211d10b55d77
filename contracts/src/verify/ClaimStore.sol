// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {IAdjudicatedProfile} from "../interfaces/IAdjudicatedProfile.sol";
import {IAppController} from "../interfaces/IAppController.sol";
import {ClaimEvidence, IClaimRegistry, IEvidenceChecker} from "../interfaces/IClaimRegistry.sol";
import {IExposureLedger} from "../interfaces/IExposureLedger.sol";
import {IProfile} from "../interfaces/IProfile.sol";
import {Batch} from "../libraries/VouchTypes.sol";

/// @title ClaimStore
/// @notice Opens claims and says what stands behind them; the first part of `ClaimRegistry`.
/// @dev A claim keeps five words. Whatever else it is about follows from the leaf and is shown again when it matters.
abstract contract ClaimStore is IClaimRegistry {
    using Address for address;

    address public constant BURNT = 0x000000000000000000000000000000000000dEaD;

    IAppController public immutable appController;
    IExposureLedger public immutable ledger;
    IEvidenceChecker public immutable checker;

    mapping(bytes32 claimId => Claim) internal _claims;
    mapping(bytes32 claimId => uint48) public endedAtOf;
    mapping(bytes32 claimId => address) public rewardedOf;
    /// @notice Claims of an operator set that were opened and not ended yet.
    mapping(uint32 operatorSetId => uint256) public openClaims;
    mapping(address account => uint256) public owed;

    constructor(IAppController appController_, IExposureLedger ledger_, IEvidenceChecker checker_) {
        (appController, ledger, checker) = (appController_, ledger_, checker_);
    }

    function openClaim(ClaimEvidence calldata evidence, address strategy) external payable returns (bytes32 claimId) {
        (bytes32 batchHash, bytes32 leaf, uint256 pages) = _check();
        claimId = claimIdOf(batchHash, evidence.index, leaf);
        require(_claims[claimId].state == State.NONE, ClaimKnown(claimId));
        bool bonded = _takeClaimBond(evidence.batch, strategy);
        _takePlace(evidence.batch.operatorSetId, evidence.batch.profileId);
        _store(_claims[claimId], evidence, bonded);
        (_claims[claimId].batchHash, _claims[claimId].leaf) = (batchHash, leaf);
        _claims[claimId].pages = uint16(pages);
        emit ClaimOpened(
            claimId,
            evidence.batch.app,
            batchHash,
            evidence.index,
            evidence.exchange,
            evidence.request,
            evidence.parts,
            _claims[claimId].windowEndsAt
        );
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

    /// @dev The evidence goes on as it came: the checker takes the same arguments.
    function _check() private view returns (bytes32 batchHash, bytes32 leaf, uint256 pages) {
        bytes memory call = bytes.concat(IEvidenceChecker.check.selector, msg.data[4:]);
        return abi.decode(address(checker).functionStaticCall(call), (bytes32, bytes32, uint256));
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

    function _takePlace(uint32 operatorSetId, address profile) private {
        uint256 count = openClaims[operatorSetId];
        uint256 countMax = IAdjudicatedProfile(profile).openClaimsMax();
        require(count < countMax, TooManyOpenClaims(count, countMax));
        openClaims[operatorSetId] = count + 1;
    }

    function _store(Claim storage claim, ClaimEvidence calldata evidence, bool bonded) private {
        Batch calldata batch = evidence.batch;
        (claim.programId, claim.profile) = (batch.programId, batch.profileId);
        (claim.operatorSetId, claim.referenceTimestamp) = (batch.operatorSetId, batch.referenceTimestamp);
        (claim.index, claim.opener) = (evidence.index, msg.sender);
        (claim.bonded, claim.state) = (bonded, State.PROPOSED);
        claim.windowEndsAt = uint48(block.timestamp + IProfile(batch.profileId).times().window);
    }
}
