// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IBN254CertificateVerifierTypes} from "./IBN254CertificateVerifier.sol";

/// @title Slashes whoever signed a batch of which a claim ended badly: page by page, each signer once a batch.
interface IClaimSlasher is IBN254CertificateVerifierTypes {
    error ClaimNotBad(bytes32 claimId);
    error BatchTooOld(uint256 referenceTimestamp, uint256 oldest);
    error NoSigners();
    error TooManySigners(uint256 count, uint256 countMax);
    error SignersMismatch(bytes32 signersHash);
    error DidNotSign(uint32 operatorIndex);
    error AlreadySlashed(bytes32 batchHash, uint32 operatorIndex);

    /// @param slashId Zero where nothing was left to take.
    event SignerSlashed(
        bytes32 indexed claimId,
        bytes32 indexed batchHash,
        address indexed operator,
        uint32 operatorIndex,
        uint256 slashId
    );

    /// @notice Slashes the signers of one page. Anyone; all or nothing.
    /// @param nonSignerIndices As recorded with the batch's certificate.
    /// @param signers Leaves of the batch's table; each of them signed and was not slashed for this batch yet.
    function slashSigners(
        bytes32 claimId,
        uint32[] calldata nonSignerIndices,
        BN254OperatorInfoWitness[] calldata signers
    ) external;

    /// @notice Bits of the operators, by index in the batch's table, that were slashed for the batch.
    function slashedOf(bytes32 batchHash) external view returns (uint256 operatorBits);
}
