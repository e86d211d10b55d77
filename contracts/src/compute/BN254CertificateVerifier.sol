// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IAllocationManager} from "../interfaces/IAllocationManager.sol";
import {IKeyRegistrar} from "../interfaces/IKeyRegistrar.sol";
import {BN254} from "../libraries/BN254.sol";
import {NonSigners} from "../libraries/NonSigners.sol";
import {OperatorSet} from "../libraries/OperatorSetLib.sol";
import {OperatorTable, OperatorTableLib} from "../libraries/OperatorTableLib.sol";
import {OperatorTables} from "./OperatorTables.sol";

/// @title BN254CertificateVerifier
/// @notice See `IBN254CertificateVerifier`. It has no owner, no pause and no generator: a table is what this chain says.
/// @dev Checking stores nothing, so a certificate costs the same the first time and every time.
contract BN254CertificateVerifier is OperatorTables {
    using OperatorTableLib for OperatorTable;

    bytes32 public constant BN254_CERTIFICATE_TYPEHASH =
        keccak256("BN254Certificate(uint32 referenceTimestamp,bytes32 messageHash)");

    uint256 private constant BIPS = 10_000;

    constructor(IAllocationManager allocationManager_, IKeyRegistrar keyRegistrar_)
        OperatorTables(allocationManager_, keyRegistrar_)
    {}

    function verifyCertificate(OperatorSet calldata operatorSet, BN254Certificate calldata certificate)
        external
        view
        returns (uint256[] memory signedWeights)
    {
        return _verifyFresh(_knownTable(operatorSet, 0, certificate.referenceTimestamp), certificate);
    }

    function verifyCertificateOf(
        OperatorSet calldata operatorSet,
        bytes32 programId,
        BN254Certificate calldata certificate
    ) external view returns (uint256[] memory signedWeights) {
        return _verifyFresh(_knownTable(operatorSet, programId, certificate.referenceTimestamp), certificate);
    }

    function verifyHistoricCertificate(
        OperatorSet calldata operatorSet,
        bytes32 programId,
        BN254Certificate calldata certificate
    ) external view returns (uint256[] memory signedWeights) {
        return _verify(_knownTable(operatorSet, programId, certificate.referenceTimestamp), certificate);
    }

    function verifyCertificateProportion(
        OperatorSet calldata operatorSet,
        BN254Certificate calldata certificate,
        uint16[] calldata totalStakeProportionThresholds
    ) external view returns (bool) {
        OperatorTable storage table = _knownTable(operatorSet, 0, certificate.referenceTimestamp);
        uint256[] memory signedWeights = _verifyFresh(table, certificate);
        uint256[] memory totals = table.totals();
        require(totalStakeProportionThresholds.length == totals.length, LengthMismatch());
        for (uint256 i = 0; i < totals.length; ++i) {
            uint256 threshold = Math.mulDiv(totals[i], totalStakeProportionThresholds[i], BIPS, Math.Rounding.Ceil);
            if (signedWeights[i] < threshold) return false;
        }
        return true;
    }

    function verifyCertificateNominal(
        OperatorSet calldata operatorSet,
        BN254Certificate calldata certificate,
        uint256[] calldata totalStakeNominalThresholds
    ) external view returns (bool) {
        OperatorTable storage table = _knownTable(operatorSet, 0, certificate.referenceTimestamp);
        uint256[] memory signedWeights = _verifyFresh(table, certificate);
        require(totalStakeNominalThresholds.length == signedWeights.length, LengthMismatch());
        for (uint256 i = 0; i < signedWeights.length; ++i) {
            if (signedWeights[i] < totalStakeNominalThresholds[i]) return false;
        }
        return true;
    }

    function requireMember(
        OperatorSet calldata operatorSet,
        bytes32 programId,
        uint32 referenceTimestamp,
        BN254OperatorInfoWitness calldata witness
    ) external view {
        OperatorTable storage table = _knownTable(operatorSet, programId, referenceTimestamp);
        NonSigners.requireMember(table.root, table.operatorCount, witness);
    }

    function calculateCertificateDigest(uint32 referenceTimestamp, bytes32 messageHash) public pure returns (bytes32) {
        return keccak256(abi.encode(BN254_CERTIFICATE_TYPEHASH, referenceTimestamp, messageHash));
    }

    function _verifyFresh(OperatorTable storage table, BN254Certificate calldata certificate)
        private
        view
        returns (uint256[] memory)
    {
        uint256 staleness = table.stalenessSeconds;
        uint256 referenceTimestamp = certificate.referenceTimestamp;
        // Not `require`: it would evaluate the difference, which underflows for a bound longer than the chain's time.
        if (block.timestamp > referenceTimestamp + staleness) {
            revert TableTooOld(referenceTimestamp, block.timestamp - staleness);
        }
        return _verify(table, certificate);
    }

    function _verify(OperatorTable storage table, BN254Certificate calldata certificate)
        private
        view
        returns (uint256[] memory)
    {
        NonSigners.Tally memory tally = NonSigners.Tally({
            root: table.root,
            operatorCount: table.operatorCount,
            signersKey: table.aggregateKey,
            signedWeights: table.totals()
        });
        NonSigners.subtract(tally, certificate.nonSignerWitnesses);
        bytes32 digest = calculateCertificateDigest(certificate.referenceTimestamp, certificate.messageHash);
        bool signed = BN254.verifySignature(digest, certificate.signature, tally.signersKey, certificate.apk);
        require(signed, InvalidSignature());
        return tally.signedWeights;
    }
}
