// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {BN254} from "../../src/libraries/BN254.sol";
import {Keys} from "../Keys.sol";
import {ReferenceVerifier} from "./ReferenceVerifier.sol";
import {VerifierFixture} from "./VerifierFixture.sol";

/// @notice The verifier against the plain one, on tables around every boundary and on certificates honest and spoiled.
contract DifferentialTest is VerifierFixture {
    struct Case {
        uint256 count;
        uint256 weightCount;
        uint32 timestamp;
    }

    uint256 private constant SPOILS = 16;

    ReferenceVerifier private plain;
    Case[] private cases;

    function setUp() public {
        deployVerifier();
        plain = new ReferenceVerifier();
        uint8[2][10] memory shapes =
            [[1, 1], [1, 2], [2, 2], [3, 3], [8, 2], [9, 1], [128, 2], [129, 2], [129, 3], [200, 2]];
        for (uint256 i = 0; i < shapes.length; ++i) {
            (uint256 count, uint256 weightCount) = (shapes[i][0], shapes[i][1]);
            cases.push(Case(count, weightCount, makeTable(count, weightCount)));
        }
    }

    function testFuzz_agreesWithThePlainVerifier(uint256 shape, uint256 absentMask, uint256 spoil, uint256 seed)
        public
        view
    {
        Case memory chosen = cases[shape % cases.length];
        BN254OperatorInfo[] memory table = infosOf(chosen.count, chosen.weightCount);
        uint256[] memory absent = indicesOf(absentMask, chosen.count);
        BN254Certificate memory certificate = certificateOf(chosen.timestamp, MESSAGE, table, absent);
        spoilCertificate(certificate, spoil % SPOILS, seed);

        (bool valid, uint256[] memory signed) =
            plain.check(table, proofsOf(table), certificate, BN254.hashToG1(digestOf(chosen.timestamp, MESSAGE)));
        if (spoil % SPOILS == 0 && absent.length < chosen.count) assertTrue(valid, "an honest certificate must hold");
        try verifier.verifyCertificate(set, certificate) returns (uint256[] memory weights) {
            assertTrue(valid, "accepted what the plain verifier refuses");
            assertEq(weights, signed);
        } catch {
            assertFalse(valid, "refused what the plain verifier accepts");
        }
    }

    /// @dev Every kind changes one thing; some leave the certificate valid, when there is nothing to change.
    function spoilCertificate(BN254Certificate memory certificate, uint256 kind, uint256 seed) private view {
        if (kind == 1) certificate.signature = BN254.negate(certificate.signature);
        if (kind == 2) certificate.signature = Keys.sign(seed | 1, keccak256("another digest"));
        if (kind == 3) certificate.apk = Keys.g2(seed | 1);
        if (kind == 4) certificate.apk.X[seed % 2] = seed;
        BN254OperatorInfoWitness[] memory witnesses = certificate.nonSignerWitnesses;
        if (witnesses.length == 0) return;
        uint256 i = seed % witnesses.length;
        uint256 j = (seed >> 16) % witnesses.length;
        BN254OperatorInfoWitness memory witness = witnesses[i];
        if (kind == 5) (witnesses[i], witnesses[j]) = (witnesses[j], witnesses[i]);
        if (kind == 6) witnesses[i] = witnesses[j];
        if (kind == 7) witness.operatorIndex = uint32(seed >> 32);
        if (kind == 8) witness.operatorIndex ^= uint32(1 << (seed % 9));
        if (kind == 9) ++witness.operatorInfo.weights[(seed >> 32) % witness.operatorInfo.weights.length];
        if (kind == 10) witness.operatorInfo.weights = new uint256[](witness.operatorInfo.weights.length + 1);
        if (kind == 11) witness.operatorInfo.pubkey = BN254.negate(witness.operatorInfo.pubkey);
        if (kind == 12) witness.operatorInfoProof = bytes.concat(witness.operatorInfoProof, bytes32(seed));
        if (kind == 13) witness.operatorInfoProof = "";
        if (kind == 14) certificate.nonSignerWitnesses = without(witnesses, i);
        if (kind == 15 && witness.operatorInfoProof.length != 0) {
            witness.operatorInfoProof[seed % witness.operatorInfoProof.length] ^= 0x10;
        }
    }

    function indicesOf(uint256 mask, uint256 count) private pure returns (uint256[] memory indices) {
        uint256 size = 0;
        for (uint256 i = 0; i < count; ++i) {
            size += (mask >> i) & 1;
        }
        indices = new uint256[](size);
        for (uint256 i = count; i > 0; --i) {
            if ((mask >> (i - 1)) & 1 == 1) indices[--size] = i - 1;
        }
    }

    function proofsOf(BN254OperatorInfo[] memory table) private pure returns (bytes[] memory proofs) {
        bytes32[][] memory levels = levelsOf(table);
        proofs = new bytes[](table.length);
        for (uint256 i = 0; i < table.length; ++i) {
            proofs[i] = witnessOf(table, levels, i).operatorInfoProof;
        }
    }

    function without(BN254OperatorInfoWitness[] memory witnesses, uint256 left)
        private
        pure
        returns (BN254OperatorInfoWitness[] memory others)
    {
        others = new BN254OperatorInfoWitness[](witnesses.length - 1);
        for (uint256 i = 0; i < others.length; ++i) {
            others[i] = witnesses[i < left ? i : i + 1];
        }
    }
}
