// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IAppController} from "../interfaces/IAppController.sol";
import {IBatchRegistry} from "../interfaces/IBatchRegistry.sol";
import {IBN254CertificateVerifier} from "../interfaces/IBN254CertificateVerifier.sol";
import {IEquivocationSlasher} from "../interfaces/IEquivocationSlasher.sol";
import {IKeyRegistrar} from "../interfaces/IKeyRegistrar.sol";
import {ISlashRouter} from "../interfaces/ISlashRouter.sol";
import {BN254} from "../libraries/BN254.sol";
import {OperatorSet} from "../libraries/OperatorSetLib.sol";
import {Batch, VouchTypes} from "../libraries/VouchTypes.sol";

/// @title EquivocationSlasher
/// @notice See `IEquivocationSlasher`. It judges nothing that needs re-execution: signatures and headers are all the evidence.
/// @dev One slot, and one batch with a wrong parent, cost an operator its allocation once: whoever allocates anew later does not pay
/// twice for one fault. The reporter is whoever's transaction comes first, so evidence is best sent privately.
contract EquivocationSlasher is IEquivocationSlasher {
    using VouchTypes for Batch;

    IAppController public immutable appController;
    IBatchRegistry public immutable batchRegistry;
    IBN254CertificateVerifier public immutable verifier;
    IKeyRegistrar public immutable keyRegistrar;
    ISlashRouter public immutable router;
    /// @notice Seconds from referenceTimestamp for which evidence counts.
    uint256 public immutable slashableSeconds;

    mapping(bytes32 evidenceId => bool) public isProven;

    constructor(
        IAppController appController_,
        IBatchRegistry batchRegistry_,
        IBN254CertificateVerifier verifier_,
        IKeyRegistrar keyRegistrar_,
        ISlashRouter router_,
        uint256 slashableBlocks,
        uint256 secondsPerBlock
    ) {
        appController = appController_;
        batchRegistry = batchRegistry_;
        verifier = verifier_;
        keyRegistrar = keyRegistrar_;
        router = router_;
        slashableSeconds = slashableBlocks * secondsPerBlock;
    }

    function proveEquivocation(SignedBatch calldata first, SignedBatch calldata second)
        external
        returns (uint256 slashId)
    {
        (bytes32 firstHash, bytes32 secondHash) = (first.batch.hash(), second.batch.hash());
        require(firstHash != secondHash, SameBatch());
        bytes32 slot = _slotOf(first.batch);
        require(slot == _slotOf(second.batch), DifferentSlots());
        address operator = _signerOf(first, firstHash);
        require(operator == _signerOf(second, secondHash), DifferentSigners());
        _spend(keccak256(abi.encode("slot", operator, slot)));
        emit EquivocationProven(operator, firstHash, secondHash, msg.sender);
        return router.slash(_setOf(first.batch), operator, msg.sender, "two batches signed for one slot");
    }

    function proveWrongParent(SignedBatch calldata signed, Batch[] calldata parents)
        external
        returns (uint256 slashId)
    {
        require(parents.length <= 1, TooManyParents(parents.length));
        bytes32 batchHash = signed.batch.hash();
        bytes32 parentHash = parents.length == 0 ? bytes32(0) : parents[0].hash();
        require(parentHash == signed.batch.parent, ParentMismatch(parentHash, signed.batch.parent));
        address operator = _signerOf(signed, batchHash);
        require(!_isRightParent(signed.batch, parents), ParentIsValid());
        _spend(keccak256(abi.encode("parent", operator, batchHash)));
        emit WrongParentProven(operator, batchHash, parentHash, msg.sender);
        return router.slash(_setOf(signed.batch), operator, msg.sender, "a batch signed on a wrong parent");
    }

    function _spend(bytes32 evidenceId) private {
        require(!isProven[evidenceId], AlreadyProven(evidenceId));
        isProven[evidenceId] = true;
    }

    /// @return operator Who signed the batch. Reverts unless that is certain, recent enough, and of this deployment.
    function _signerOf(SignedBatch calldata signed, bytes32 batchHash) private view returns (address operator) {
        Batch calldata batch = signed.batch;
        _requireRecent(batch.referenceTimestamp);
        _requireDeployment(batch);
        OperatorSet memory operatorSet = _setOf(batch);
        bytes32 table = appController.tableOf(batch.app, batch.programId);
        verifier.requireMember(operatorSet, table, batch.referenceTimestamp, signed.signer);

        BN254.G1Point calldata key = signed.signer.operatorInfo.pubkey;
        bytes32 keyHash = keccak256(abi.encode(key.X, key.Y));
        // Never zero: a key that stands in a table was registered, and the registrar never forgets whose it was.
        operator = keyRegistrar.getOperatorFromKeyHash(keyHash);
        if (signed.signature.X | signed.signature.Y == 0) {
            _requireInCertificate(signed, operatorSet, table, batchHash);
        } else {
            _requireOwnSignature(signed, keyHash, batchHash);
        }
    }

    function _requireOwnSignature(SignedBatch calldata signed, bytes32 keyHash, bytes32 batchHash) private view {
        bytes32 digest = verifier.calculateCertificateDigest(signed.batch.referenceTimestamp, batchHash);
        bool valid = BN254.verifySignature(
            digest, signed.signature, signed.signer.operatorInfo.pubkey, keyRegistrar.getG2KeyFromKeyHash(keyHash)
        );
        require(valid, InvalidSignature());
    }

    /// @dev Who is in the table and no non-signer of a valid certificate signed it: every key has proven its possession.
    function _requireInCertificate(
        SignedBatch calldata signed,
        OperatorSet memory operatorSet,
        bytes32 table,
        bytes32 batchHash
    ) private view {
        BN254Certificate calldata certificate = signed.certificate;
        bool ofBatch =
            certificate.messageHash == batchHash && certificate.referenceTimestamp == signed.batch.referenceTimestamp;
        require(ofBatch, CertificateOfAnotherBatch());
        uint32 index = signed.signer.operatorIndex;
        for (uint256 i = 0; i < certificate.nonSignerWitnesses.length; ++i) {
            require(certificate.nonSignerWitnesses[i].operatorIndex != index, SignerAbsent(index));
        }
        verifier.verifyHistoricCertificate(operatorSet, table, certificate);
    }

    function _requireRecent(uint256 referenceTimestamp) private view {
        bool recent = block.timestamp <= referenceTimestamp + slashableSeconds;
        require(recent, EvidenceTooOld(referenceTimestamp, recent ? 0 : block.timestamp - slashableSeconds));
    }

    function _requireDeployment(Batch calldata batch) private view {
        bool here = batch.chainId == block.chainid && batch.registry == address(batchRegistry);
        require(here && appController.appOf(batch.operatorSetId) == batch.app, WrongDeployment());
    }

    /// @dev The parent is of the batch's lane, and its sequence is the one before the batch's or leads there by recorded skips.
    function _isRightParent(Batch calldata batch, Batch[] calldata parents) private view returns (bool) {
        if (batch.sequence == 0) return false;
        if (parents.length == 0) return _leadsTo(batch, 0);
        Batch calldata parent = parents[0];
        // Sequences count from 1: a header with sequence 0 is no batch.
        return _laneIdOf(parent) == _laneIdOf(batch) && parent.sequence != 0 && _leadsTo(batch, parent.sequence);
    }

    /// @dev Skips are disjoint and ascend, so at most (sequence - from) / W of them are walked.
    function _leadsTo(Batch calldata batch, uint64 from) private view returns (bool) {
        uint64 previous = batch.sequence - 1;
        while (from < previous) {
            uint64 target = batchRegistry.skipTarget(batch.app, batch.lane, from);
            if (target == 0) return false;
            from = target;
        }
        return from == previous;
    }

    function _setOf(Batch calldata batch) private view returns (OperatorSet memory) {
        return OperatorSet({avs: address(appController), id: batch.operatorSetId});
    }

    function _slotOf(Batch calldata batch) private pure returns (bytes32) {
        return keccak256(abi.encode(_laneIdOf(batch), batch.sequence));
    }

    function _laneIdOf(Batch calldata batch) private pure returns (bytes32) {
        return keccak256(abi.encode(batch.chainId, batch.registry, batch.app, batch.operatorSetId, batch.lane));
    }
}
