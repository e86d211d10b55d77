// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Batch} from "../libraries/VouchTypes.sol";
import {BN254} from "../libraries/BN254.sol";
import {IBN254CertificateVerifierTypes} from "./IBN254CertificateVerifier.sol";

/// @title Evidence module: two batches for one slot, or a batch whose parent is not what comes before it, cost the signer its stake.
interface IEquivocationSlasher is IBN254CertificateVerifierTypes {
    /// @notice That one operator signed one batch: by a signature of its own, or within a certificate.
    struct SignedBatch {
        Batch batch;
        /// The signer's leaf in the table of the batch's referenceTimestamp.
        BN254OperatorInfoWitness signer;
        /// The signer's own signature over the certificate digest of the batch; (0, 0) when `certificate` shows it.
        BN254.G1Point signature;
        /// Used when `signature` is (0, 0): a valid certificate of the batch in which the signer is no non-signer.
        BN254Certificate certificate;
    }

    error EvidenceTooOld(uint256 referenceTimestamp, uint256 oldestAllowed);
    error SameBatch();
    error DifferentSlots();
    error DifferentSigners();
    error WrongDeployment();
    error SignerAbsent(uint32 operatorIndex);
    error InvalidSignature();
    error ParentMismatch(bytes32 parentHash, bytes32 expected);
    error ParentIsValid();
    error TooManyParents(uint256 count);
    error CertificateOfAnotherBatch();
    error AlreadyProven(bytes32 evidenceId);

    event EquivocationProven(
        address indexed operator, bytes32 indexed firstBatchHash, bytes32 indexed secondBatchHash, address reporter
    );
    event WrongParentProven(
        address indexed operator, bytes32 indexed batchHash, bytes32 indexed parentHash, address reporter
    );

    /// @notice Two different batches signed by one key for one slot (chainId, registry, app, operatorSetId, lane, sequence).
    function proveEquivocation(SignedBatch calldata first, SignedBatch calldata second)
        external
        returns (uint256 slashId);

    /// @notice A signed batch with its parent's header, where that header is of another lane, or its sequence is neither
    /// the one before nor one from which recorded skips of the lane led there. `parents` has one header, or none when the
    /// batch names no parent.
    function proveWrongParent(SignedBatch calldata signed, Batch[] calldata parents) external returns (uint256 slashId);
}
