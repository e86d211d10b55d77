// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IBN254CertificateVerifier} from "../../src/interfaces/IBN254CertificateVerifier.sol";
import {VerifierFixture} from "./VerifierFixture.sol";

contract ThresholdsTest is VerifierFixture {
    uint32 private timestamp;

    function setUp() public {
        deployVerifier();
    }

    /// @dev Two operators with these stakes; the second is absent.
    function certificateWith(uint256 signedStake, uint256 absentStake)
        private
        returns (BN254Certificate memory certificate)
    {
        setMembers(2, 1);
        allocations.setStake(operatorOf(0), strategyOf(0), signedStake);
        allocations.setStake(operatorOf(1), strategyOf(0), absentStake);
        vm.warp(vm.getBlockTimestamp() + 1);
        timestamp = verifier.updateOperatorTable(set, 0);
        BN254OperatorInfo[] memory infos = infosOf(2, 1);
        infos[0].weights[0] = signedStake;
        infos[1].weights[0] = absentStake;
        return certificateOf(timestamp, MESSAGE, infos, list(1));
    }

    function bips(uint16 threshold) private pure returns (uint16[] memory thresholds) {
        thresholds = new uint16[](1);
        thresholds[0] = threshold;
    }

    function test_proportionRoundsUp() public {
        // 6,600 bips of 3 are 1.98, so 2: floored, one of three would do.
        BN254Certificate memory certificate = certificateWith(1, 2);
        assertFalse(verifier.verifyCertificateProportion(set, certificate, bips(6_600)));
        certificate = certificateWith(2, 1);
        assertTrue(verifier.verifyCertificateProportion(set, certificate, bips(6_600)));
    }

    function test_aSmallThresholdIsNeverZero() public {
        // One bip of 9,999 is less than 1: floored, no weight at all would do.
        BN254Certificate memory certificate = certificateWith(1, 9_998);
        assertTrue(verifier.verifyCertificateProportion(set, certificate, bips(1)));
        certificate = certificateWith(1, 10_000);
        assertFalse(verifier.verifyCertificateProportion(set, certificate, bips(1)));
    }

    function test_proportionOneWeiShort() public {
        BN254Certificate memory certificate = certificateWith(2 ether, 1 ether);
        assertTrue(verifier.verifyCertificateProportion(set, certificate, bips(6_666)));
        assertFalse(verifier.verifyCertificateProportion(set, certificate, bips(6_667)));
        certificate = certificateWith(2 ether - 1, 2 ether);
        assertFalse(verifier.verifyCertificateProportion(set, certificate, bips(5_000)));
    }

    function test_proportionAboveEverythingIsFalse() public {
        BN254Certificate memory certificate = certificateWith(2 ether, 1);
        assertFalse(verifier.verifyCertificateProportion(set, certificate, bips(10_001)));
        assertFalse(verifier.verifyCertificateProportion(set, certificate, bips(type(uint16).max)));
    }

    function testFuzz_proportionIsExact(uint128 signedStake, uint128 absentStake, uint16 threshold) public {
        signedStake = uint128(bound(signedStake, 1, type(uint128).max));
        absentStake = uint128(bound(absentStake, 1, type(uint128).max));
        uint256 total = uint256(signedStake) + absentStake;
        bool expected = uint256(signedStake) * 10_000 >= total * threshold;
        BN254Certificate memory certificate = certificateWith(signedStake, absentStake);
        assertEq(verifier.verifyCertificateProportion(set, certificate, bips(threshold)), expected);
    }

    function test_nominal() public {
        BN254Certificate memory certificate = certificateWith(5 ether, 1 ether);
        uint256[] memory thresholds = new uint256[](1);
        thresholds[0] = 5 ether;
        assertTrue(verifier.verifyCertificateNominal(set, certificate, thresholds));
        thresholds[0] = 5 ether + 1;
        assertFalse(verifier.verifyCertificateNominal(set, certificate, thresholds));
    }

    function test_everyWeightMustReachItsThreshold() public {
        uint32 twoWeights = makeTable(3, 2);
        BN254Certificate memory certificate = certificateOf(twoWeights, MESSAGE, infosOf(3, 2), list(1));
        uint256[] memory thresholds = verifier.verifyCertificate(set, certificate);
        assertTrue(verifier.verifyCertificateNominal(set, certificate, thresholds));
        thresholds[1] += 1;
        assertFalse(verifier.verifyCertificateNominal(set, certificate, thresholds));
    }

    function test_thresholdsOfAnotherNumberAreRefused() public {
        BN254Certificate memory certificate = certificateWith(5 ether, 1 ether);
        vm.expectRevert(IBN254CertificateVerifier.LengthMismatch.selector);
        verifier.verifyCertificateProportion(set, certificate, new uint16[](0));
        vm.expectRevert(IBN254CertificateVerifier.LengthMismatch.selector);
        verifier.verifyCertificateProportion(set, certificate, new uint16[](2));
        vm.expectRevert(IBN254CertificateVerifier.LengthMismatch.selector);
        verifier.verifyCertificateNominal(set, certificate, new uint256[](2));
    }

    function test_thresholdsNeedAValidFreshCertificate() public {
        BN254Certificate memory certificate = certificateWith(5 ether, 1 ether);
        certificate.messageHash = keccak256("another message");
        vm.expectRevert(IBN254CertificateVerifier.InvalidSignature.selector);
        verifier.verifyCertificateProportion(set, certificate, bips(0));
        vm.expectRevert(IBN254CertificateVerifier.InvalidSignature.selector);
        verifier.verifyCertificateNominal(set, certificate, new uint256[](1));
        vm.warp(uint256(timestamp) + STALENESS + 1);
        vm.expectPartialRevert(IBN254CertificateVerifier.TableTooOld.selector);
        verifier.verifyCertificateProportion(set, certificate, bips(0));
    }
}
