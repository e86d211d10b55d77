// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IAppController} from "../interfaces/IAppController.sol";
import {IBatchRegistry} from "../interfaces/IBatchRegistry.sol";
import {IBN254CertificateVerifier} from "../interfaces/IBN254CertificateVerifier.sol";
import {IClaimSlasher} from "../interfaces/IClaimSlasher.sol";
import {IClaimOutcomes} from "../interfaces/IExposureLedger.sol";
import {IKeyRegistrar} from "../interfaces/IKeyRegistrar.sol";
import {ISlashRouter} from "../interfaces/ISlashRouter.sol";
import {OperatorSet} from "../libraries/OperatorSetLib.sol";

/// @title ClaimSlasher
/// @notice See `IClaimSlasher`. An evidence module of the router; it judges nothing: claims say what ended badly, the batch's
/// certificate says who signed.
/// @dev Only who stands in the table of the batch's program can be slashed: for a container that is who accepted it.
contract ClaimSlasher is IClaimSlasher {
    /// @notice Signers of a page: a slash of eight strategies costs up to two million gas.
    uint256 public constant PAGE_SIGNERS_MAX = 16;

    IClaimOutcomes public immutable claims;
    IAppController public immutable appController;
    IBatchRegistry public immutable batchRegistry;
    IBN254CertificateVerifier public immutable verifier;
    IKeyRegistrar public immutable keyRegistrar;
    ISlashRouter public immutable router;
    /// @notice Seconds from referenceTimestamp in which a signer can be slashed.
    uint256 public immutable slashableSeconds;

    mapping(bytes32 batchHash => uint256 operatorBits) public slashedOf;

    constructor(
        IClaimOutcomes claims_,
        IAppController appController_,
        IBatchRegistry batchRegistry_,
        IBN254CertificateVerifier verifier_,
        IKeyRegistrar keyRegistrar_,
        ISlashRouter router_,
        uint256 slashableSeconds_
    ) {
        (claims, appController, batchRegistry) = (claims_, appController_, batchRegistry_);
        (verifier, keyRegistrar, router) = (verifier_, keyRegistrar_, router_);
        slashableSeconds = slashableSeconds_;
    }

    function slashSigners(
        bytes32 claimId,
        uint32[] calldata nonSignerIndices,
        BN254OperatorInfoWitness[] calldata signers
    ) external {
        require(signers.length != 0, NoSigners());
        require(signers.length <= PAGE_SIGNERS_MAX, TooManySigners(signers.length, PAGE_SIGNERS_MAX));
        require(claims.outcomeOf(claimId) == IClaimOutcomes.Outcome.BAD, ClaimNotBad(claimId));
        IClaimOutcomes.Backing memory backing = claims.backingOf(claimId);
        _requireRecent(backing.referenceTimestamp);
        bytes32 signersHash = keccak256(abi.encode(backing.referenceTimestamp, nonSignerIndices));
        require(batchRegistry.recordOf(backing.batchHash).signersHash == signersHash, SignersMismatch(signersHash));
        for (uint256 i = 0; i < signers.length; ++i) {
            _mark(backing.batchHash, signers[i].operatorIndex, nonSignerIndices);
            _slash(claimId, backing, signers[i]);
        }
    }

    function _requireRecent(uint256 referenceTimestamp) private view {
        bool recent = block.timestamp <= referenceTimestamp + slashableSeconds;
        require(recent, BatchTooOld(referenceTimestamp, recent ? 0 : block.timestamp - slashableSeconds));
    }

    /// @dev An index beyond the table's end is no member, which `_slash` finds out.
    function _mark(bytes32 batchHash, uint32 index, uint32[] calldata nonSignerIndices) private {
        for (uint256 i = 0; i < nonSignerIndices.length; ++i) {
            require(nonSignerIndices[i] != index, DidNotSign(index));
        }
        uint256 bit = uint256(1) << index;
        require(slashedOf[batchHash] & bit == 0, AlreadySlashed(batchHash, index));
        slashedOf[batchHash] |= bit;
    }

    function _slash(bytes32 claimId, IClaimOutcomes.Backing memory backing, BN254OperatorInfoWitness calldata signer)
        private
    {
        OperatorSet memory set =
            OperatorSet({avs: address(appController), id: appController.appInfo(backing.app).operatorSetId});
        bytes32 table = appController.tableOf(backing.app, backing.programId);
        verifier.requireMember(set, table, backing.referenceTimestamp, signer);
        bytes32 keyHash = keccak256(abi.encode(signer.operatorInfo.pubkey.X, signer.operatorInfo.pubkey.Y));
        address operator = keyRegistrar.getOperatorFromKeyHash(keyHash);
        uint256 slashId = _take(claimId, set, operator);
        emit SignerSlashed(claimId, backing.batchHash, operator, signer.operatorIndex, slashId);
    }

    /// @dev Whose stake another fault took has nothing left, and is no reason to let the rest of the page go. Any other failure is: who
    /// gives too little gas for the slash must not have it count as done.
    function _take(bytes32 claimId, OperatorSet memory set, address operator) private returns (uint256) {
        try router.slash(set, operator, claims.rewardedOf(claimId), "a claim on a signed batch ended badly") returns (
            uint256 slashId
        ) {
            return slashId;
        } catch (bytes memory reason) {
            if (bytes4(reason) == ISlashRouter.NothingToSlash.selector) return 0;
            assembly ("memory-safe") {
                revert(add(reason, 0x20), mload(reason))
            }
        }
    }
}
