// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IBN254CertificateVerifierTypes} from "../../src/interfaces/IBN254CertificateVerifier.sol";
import {BN254} from "../../src/libraries/BN254.sol";

/// @notice What a certificate check means, written as plainly as possible: it knows the whole table and no assembly, no Merkle path,
/// no random combination. The verifier must agree with it on every input.
contract ReferenceVerifier is IBN254CertificateVerifierTypes {
    /// @param proofs The only proof that each operator of the table has.
    /// @return valid Whether the certificate holds; `signed` counts only then.
    function check(
        BN254OperatorInfo[] memory table,
        bytes[] memory proofs,
        BN254Certificate memory certificate,
        BN254.G1Point memory hashed
    ) external view returns (bool valid, uint256[] memory signed) {
        BN254.G1Point memory key;
        bool[] memory isAbsent = new bool[](table.length);
        uint256 absentCount = certificate.nonSignerWitnesses.length;
        for (uint256 i = 0; i < absentCount; ++i) {
            BN254OperatorInfoWitness memory witness = certificate.nonSignerWitnesses[i];
            if (i > 0 && witness.operatorIndex <= certificate.nonSignerWitnesses[i - 1].operatorIndex) {
                return (false, signed);
            }
            if (!isRow(table, proofs, witness)) return (false, signed);
            isAbsent[witness.operatorIndex] = true;
        }
        if (absentCount == table.length) return (false, signed);

        signed = new uint256[](table[0].weights.length);
        for (uint256 i = 0; i < table.length; ++i) {
            if (isAbsent[i]) continue;
            key = BN254.add(key, table[i].pubkey);
            for (uint256 j = 0; j < signed.length; ++j) {
                signed[j] += table[i].weights[j];
            }
        }
        valid = isPairOf(key, certificate.apk) && isSignature(hashed, certificate.signature, certificate.apk);
    }

    function isRow(BN254OperatorInfo[] memory table, bytes[] memory proofs, BN254OperatorInfoWitness memory witness)
        private
        pure
        returns (bool)
    {
        uint256 index = witness.operatorIndex;
        if (index >= table.length) return false;
        return keccak256(abi.encode(witness.operatorInfo)) == keccak256(abi.encode(table[index]))
            && keccak256(witness.operatorInfoProof) == keccak256(proofs[index]);
    }

    /// @dev e(key1, G2) = e(G1, key2)
    function isPairOf(BN254.G1Point memory key1, BN254.G2Point memory key2) private view returns (bool) {
        if (BN254.isInfinity(key2)) return false;
        return isEqualPairing(key1, BN254.generatorG2(), BN254.generatorG1(), key2);
    }

    /// @dev e(signature, G2) = e(H, key2)
    function isSignature(BN254.G1Point memory hashed, BN254.G1Point memory signature, BN254.G2Point memory key2)
        private
        view
        returns (bool)
    {
        return isEqualPairing(signature, BN254.generatorG2(), hashed, key2);
    }

    function isEqualPairing(
        BN254.G1Point memory a1,
        BN254.G2Point memory a2,
        BN254.G1Point memory b1,
        BN254.G2Point memory b2
    ) private view returns (bool) {
        if (b1.Y >= BN254.P) return false;
        b1 = BN254.negate(b1);
        (bool ok, bytes memory output) = address(0x08).staticcall{gas: 1_000_000}(abi.encode(a1, a2, b1, b2));
        return ok && output.length == 32 && abi.decode(output, (uint256)) == 1;
    }
}
