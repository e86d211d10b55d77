// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IBN254CertificateVerifier} from "../../src/interfaces/IBN254CertificateVerifier.sol";
import {BN254} from "../../src/libraries/BN254.sol";
import {OperatorSet} from "../../src/libraries/OperatorSetLib.sol";
import {Keys} from "../Keys.sol";
import {StandInApp} from "./StandIns.sol";
import {VerifierFixture} from "./VerifierFixture.sol";

/// @notice What a certificate must be, on a table of five operators (any shape) and on one of 130 with two weights (fixed shape).
contract VerifyCertificateTest is VerifierFixture {
    uint256 private constant FEW = 5;
    uint256 private constant MANY = 130;

    uint32 private fewTimestamp;
    uint32 private manyTimestamp;
    BN254OperatorInfo[] private few;
    BN254OperatorInfo[] private many;

    function setUp() public {
        deployVerifier();
        fewTimestamp = makeTable(FEW, 2);
        manyTimestamp = makeTable(MANY, 2);
        BN254OperatorInfo[] memory infos = infosOf(MANY, 2);
        for (uint256 i = 0; i < MANY; ++i) {
            if (i < FEW) few.push(infos[i]);
            many.push(infos[i]);
        }
    }

    function test_everyoneSigned() public view {
        checkAccepted(fewTimestamp, few, none());
        checkAccepted(manyTimestamp, many, none());
    }

    function test_someAreAbsent() public view {
        checkAccepted(fewTimestamp, few, list(0, 3));
        checkAccepted(manyTimestamp, many, list(0, 3));
        checkAccepted(manyTimestamp, many, list(127, 129));
    }

    function test_onlyOneSigned() public view {
        checkAccepted(fewTimestamp, few, allBut(FEW, 2));
        checkAccepted(manyTimestamp, many, allBut(MANY, 129));
    }

    function test_aTableOfOne() public {
        uint32 timestamp = makeTable(1, 2);
        checkAccepted(timestamp, infosOf(1, 2), none());
        BN254Certificate memory certificate = certificateOf(timestamp, MESSAGE, infosOf(1, 2), none());
        certificate.nonSignerWitnesses = certificateOf(timestamp, MESSAGE, infosOf(1, 2), list(0)).nonSignerWitnesses;
        vm.expectRevert(IBN254CertificateVerifier.EveryOperatorAbsent.selector);
        verifier.verifyCertificate(set, certificate);
    }

    function test_everyOperatorAsNonSigner() public {
        uint256[] memory all = spread(FEW, FEW);
        BN254Certificate memory certificate = certificateOf(fewTimestamp, MESSAGE, few, all);
        // No signer's key and no signature: infinity everywhere would satisfy the pairing.
        assertTrue(certificate.signature.X == 0 && certificate.apk.X[0] == 0);
        vm.expectRevert(IBN254CertificateVerifier.EveryOperatorAbsent.selector);
        verifier.verifyCertificate(set, certificate);
        certificate = certificateOf(manyTimestamp, MESSAGE, many, spread(MANY, MANY));
        vm.expectRevert(IBN254CertificateVerifier.EveryOperatorAbsent.selector);
        verifier.verifyCertificate(set, certificate);
    }

    function test_repeatedNonSigner() public {
        checkRefused(fewTimestamp, few, list(1, 1), IBN254CertificateVerifier.NonSignersNotAscending.selector);
        checkRefused(manyTimestamp, many, list(1, 1), IBN254CertificateVerifier.NonSignersNotAscending.selector);
    }

    function test_reorderedNonSigners() public {
        checkRefused(fewTimestamp, few, list(3, 1), IBN254CertificateVerifier.NonSignersNotAscending.selector);
        checkRefused(manyTimestamp, many, list(3, 1), IBN254CertificateVerifier.NonSignersNotAscending.selector);
    }

    /// @dev An operator must not be taken off a second time under another's index.
    function test_sameLeafUnderAnotherIndex() public {
        checkReindexedRefused(fewTimestamp, few, 1, 2);
        checkReindexedRefused(manyTimestamp, many, 1, 2);
    }

    function test_indexBeyondTheTable() public {
        checkReindexedRefused(fewTimestamp, few, 1, FEW);
        // Beyond the padded width, where the bits that choose sides are those of operator 1 again.
        checkReindexedRefused(fewTimestamp, few, 1, 9);
        checkReindexedRefused(manyTimestamp, many, 1, MANY);
        checkReindexedRefused(manyTimestamp, many, 1, 257);
        checkReindexedRefused(manyTimestamp, many, 1, type(uint32).max);
    }

    /// @dev A zero leaf pads the tree; nobody may present it, or an inner node, as an operator.
    function test_innerNodeAsLeaf() public {
        BN254Certificate memory certificate = certificateOf(fewTimestamp, MESSAGE, few, list(0));
        bytes memory proof = certificate.nonSignerWitnesses[0].operatorInfoProof;
        certificate.nonSignerWitnesses[0].operatorInfoProof = slice(proof, 32, proof.length - 32);
        expectInvalidWitness(0);
        verifier.verifyCertificate(set, certificate);
    }

    function test_proofOfAnotherLength() public {
        checkProofLengthRefused(fewTimestamp, few);
        checkProofLengthRefused(manyTimestamp, many);
    }

    function test_operatorWithoutWeight() public {
        // A sixth member without stake: not in the table, so it can be neither counted nor taken off.
        setMembers(FEW + 1, 2);
        allocations.setStake(operatorOf(FEW), strategyOf(0), 0);
        allocations.setStake(operatorOf(FEW), strategyOf(1), 0);
        vm.warp(vm.getBlockTimestamp() + 1);
        uint32 timestamp = verifier.updateOperatorTable(set, 0);
        assertEq(verifier.getOperatorCount(set, timestamp), FEW);
        checkAccepted(timestamp, few, none());

        BN254Certificate memory certificate = certificateOf(timestamp, MESSAGE, few, none());
        uint256 secret = addmod(signersSecret(FEW, none()), secretOf(FEW), BN254.R);
        certificate.signature = Keys.sign(secret, digestOf(timestamp, MESSAGE));
        certificate.apk = Keys.g2(secret);
        expectInvalidSignature(certificate);
    }

    function test_signatureOfSomeoneElse() public {
        BN254Certificate memory certificate = certificateOf(fewTimestamp, MESSAGE, few, none());
        certificate.signature = Keys.sign(12345, digestOf(fewTimestamp, MESSAGE));
        certificate.apk = Keys.g2(12345);
        expectInvalidSignature(certificate);
    }

    function test_signerLeftOutOfTheKey() public {
        BN254Certificate memory certificate = certificateOf(fewTimestamp, MESSAGE, few, list(2));
        certificate.nonSignerWitnesses = new BN254OperatorInfoWitness[](0);
        expectInvalidSignature(certificate);
    }

    function test_anotherMessage() public {
        BN254Certificate memory certificate = certificateOf(fewTimestamp, MESSAGE, few, none());
        certificate.messageHash = keccak256("another message");
        expectInvalidSignature(certificate);
    }

    function test_infinityAsSignatureOrKey() public {
        BN254Certificate memory certificate = certificateOf(fewTimestamp, MESSAGE, few, none());
        BN254.G1Point memory signature = certificate.signature;
        certificate.signature = BN254.G1Point(0, 0);
        expectInvalidSignature(certificate);
        // P stands for zero to whoever reduces it.
        certificate.signature = BN254.G1Point(BN254.P, BN254.P);
        expectInvalidSignature(certificate);
        certificate.signature = signature;
        certificate.apk = BN254.G2Point([uint256(0), 0], [uint256(0), 0]);
        expectInvalidSignature(certificate);
    }

    function test_pointsThatAreNone() public {
        BN254Certificate memory certificate = certificateOf(fewTimestamp, MESSAGE, few, none());
        certificate.signature.X += BN254.P;
        expectInvalidSignature(certificate);
        certificate.signature = BN254.G1Point(1, 1);
        expectInvalidSignature(certificate);
        certificate = certificateOf(fewTimestamp, MESSAGE, few, none());
        certificate.apk.Y[1] = addmod(certificate.apk.Y[1], 1, BN254.P);
        expectInvalidSignature(certificate);
        certificate.apk = pointOutsideTheSubgroup();
        expectInvalidSignature(certificate);
    }

    /// @dev A certificate that can't hold costs a bounded amount: a failing precompile takes no more than its cap.
    function test_invalidPointsCostLittle() public {
        BN254Certificate memory certificate = certificateOf(fewTimestamp, MESSAGE, few, none());
        certificate.apk.Y[1] = addmod(certificate.apk.Y[1], 1, BN254.P);
        uint256 gasBefore = gasleft();
        expectInvalidSignature(certificate);
        assertLe(gasBefore - gasleft(), 500_000);
    }

    function test_staleTable() public {
        BN254Certificate memory certificate = certificateOf(fewTimestamp, MESSAGE, few, none());
        vm.warp(uint256(fewTimestamp) + STALENESS);
        verifier.verifyCertificate(set, certificate);
        vm.warp(uint256(fewTimestamp) + STALENESS + 1);
        bytes memory reason =
            abi.encodeWithSelector(IBN254CertificateVerifier.TableTooOld.selector, fewTimestamp, fewTimestamp + 1);
        vm.expectRevert(reason);
        verifier.verifyCertificate(set, certificate);
        vm.expectRevert(reason);
        verifier.verifyCertificateOf(set, 0, certificate);
        // Evidence outlives the bound.
        verifier.verifyHistoricCertificate(set, 0, certificate);
    }

    function test_unknownTable() public {
        BN254Certificate memory certificate = certificateOf(fewTimestamp - 1, MESSAGE, few, none());
        vm.expectRevert(IBN254CertificateVerifier.UnknownTable.selector);
        verifier.verifyCertificate(set, certificate);
        vm.expectRevert(IBN254CertificateVerifier.UnknownTable.selector);
        verifier.verifyHistoricCertificate(set, 0, certificate);
    }

    function test_certificateFromAnotherOperatorSet() public {
        BN254Certificate memory certificate = certificateOf(fewTimestamp, MESSAGE, few, none());
        OperatorSet memory another = OperatorSet({avs: set.avs, id: 2});
        vm.expectRevert(IBN254CertificateVerifier.UnknownTable.selector);
        verifier.verifyCertificate(another, certificate);
        StandInApp anotherApp = new StandInApp(parametersOf(2));
        vm.expectRevert(IBN254CertificateVerifier.UnknownTable.selector);
        verifier.verifyCertificate(OperatorSet({avs: address(anotherApp), id: 1}), certificate);

        // Also when the other set has a table of that moment, with other members.
        vm.warp(fewTimestamp);
        setMembers(FEW + 1, 1);
        verifier.updateOperatorTable(OperatorSet({avs: address(anotherApp), id: 1}), 0);
        vm.expectRevert(IBN254CertificateVerifier.InvalidSignature.selector);
        verifier.verifyCertificate(OperatorSet({avs: address(anotherApp), id: 1}), certificate);
    }

    function test_anotherProgramsTable() public {
        BN254Certificate memory certificate = certificateOf(fewTimestamp, MESSAGE, few, none());
        vm.expectRevert(IBN254CertificateVerifier.UnknownTable.selector);
        verifier.verifyCertificateOf(set, PROGRAM, certificate);

        vm.warp(fewTimestamp);
        app.accept(PROGRAM, operatorOf(0));
        app.accept(PROGRAM, operatorOf(3));
        verifier.updateOperatorTable(set, PROGRAM);
        expectInvalidSignatureOf(PROGRAM, certificate);

        uint256[] memory absent = new uint256[](3);
        (absent[0], absent[1], absent[2]) = (1, 2, 4);
        certificate = certificateOf(fewTimestamp, MESSAGE, few, absent);
        certificate.nonSignerWitnesses = new BN254OperatorInfoWitness[](0);
        uint256[] memory signed = verifier.verifyCertificateOf(set, PROGRAM, certificate);
        assertEq(signed[0], stakeOf(0, 0) + stakeOf(3, 0));
        expectInvalidSignature(certificate);
    }

    function test_requireMember() public {
        bytes32[][] memory levels = levelsOf(few);
        BN254OperatorInfoWitness memory witness = witnessOf(few, levels, 4);
        verifier.requireMember(set, 0, fewTimestamp, witness);
        vm.warp(uint256(fewTimestamp) + 365 days);
        verifier.requireMember(set, 0, fewTimestamp, witness);
        witness.operatorInfo.weights[1] += 1;
        expectInvalidWitness(4);
        verifier.requireMember(set, 0, fewTimestamp, witness);
        vm.expectRevert(IBN254CertificateVerifier.UnknownTable.selector);
        verifier.requireMember(set, PROGRAM, fewTimestamp, witness);
    }

    function test_calculateCertificateDigest() public view {
        assertEq(verifier.calculateCertificateDigest(7, MESSAGE), digestOf(7, MESSAGE));
    }

    /// @dev x = 1 with a root of 1 + 3 / (9 + i): on the curve over the extension, but not of order R.
    function pointOutsideTheSubgroup() private pure returns (BN254.G2Point memory) {
        return BN254.G2Point(
            [uint256(0), 1],
            [
                0x0d1271953ed9ea0836846e70a1934187998c7f790cb4d7511b7f8da82de048a4,
                0x2869111d5381f072f8e2728fdb825a51aadd70e52c9830e9ab4b871c0531f1bb
            ]
        );
    }

    function checkAccepted(uint32 timestamp, BN254OperatorInfo[] memory infos, uint256[] memory absent) private view {
        uint256[] memory signed = verifier.verifyCertificate(set, certificateOf(timestamp, MESSAGE, infos, absent));
        assertEq(signed.length, 2);
        for (uint256 j = 0; j < 2; ++j) {
            uint256 expected = 0;
            for (uint256 i = 0; i < infos.length; ++i) {
                expected += infos[i].weights[j];
            }
            for (uint256 i = 0; i < absent.length; ++i) {
                expected -= infos[absent[i]].weights[j];
            }
            assertEq(signed[j], expected);
        }
    }

    function checkRefused(uint32 timestamp, BN254OperatorInfo[] memory infos, uint256[] memory absent, bytes4 reason)
        private
    {
        BN254Certificate memory certificate = certificateOf(timestamp, MESSAGE, infos, absent);
        vm.expectRevert(reason);
        verifier.verifyCertificate(set, certificate);
    }

    function checkReindexedRefused(uint32 timestamp, BN254OperatorInfo[] memory infos, uint256 index, uint256 shown)
        private
    {
        BN254Certificate memory certificate = certificateOf(timestamp, MESSAGE, infos, list(index));
        certificate.nonSignerWitnesses[0].operatorIndex = uint32(shown);
        expectInvalidWitness(uint32(shown));
        verifier.verifyCertificate(set, certificate);
    }

    function checkProofLengthRefused(uint32 timestamp, BN254OperatorInfo[] memory infos) private {
        BN254Certificate memory certificate = certificateOf(timestamp, MESSAGE, infos, list(3));
        bytes memory proof = certificate.nonSignerWitnesses[0].operatorInfoProof;
        bytes[4] memory others = [
            bytes(""),
            slice(proof, 0, proof.length - 32),
            slice(proof, 0, proof.length - 1),
            bytes.concat(proof, bytes32(0))
        ];
        for (uint256 i = 0; i < others.length; ++i) {
            certificate.nonSignerWitnesses[0].operatorInfoProof = others[i];
            expectInvalidWitness(3);
            verifier.verifyCertificate(set, certificate);
        }
    }

    function expectInvalidWitness(uint32 index) private {
        vm.expectRevert(abi.encodeWithSelector(IBN254CertificateVerifier.InvalidWitness.selector, index));
    }

    function expectInvalidSignature(BN254Certificate memory certificate) private {
        expectInvalidSignatureOf(0, certificate);
    }

    function expectInvalidSignatureOf(bytes32 programId, BN254Certificate memory certificate) private {
        vm.expectRevert(IBN254CertificateVerifier.InvalidSignature.selector);
        verifier.verifyCertificateOf(set, programId, certificate);
    }

    function allBut(uint256 count, uint256 signer) private pure returns (uint256[] memory absent) {
        absent = new uint256[](count - 1);
        for (uint256 i = 0; i < count - 1; ++i) {
            absent[i] = i < signer ? i : i + 1;
        }
    }

    function slice(bytes memory data, uint256 from, uint256 length) private pure returns (bytes memory part) {
        part = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            part[i] = data[from + i];
        }
    }
}
