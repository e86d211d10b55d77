// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {BN254} from "../../src/libraries/BN254.sol";
import {VerifierFixture} from "./VerifierFixture.sol";

/// @notice The gas of a certificate's first check: everything is deployed in `setUp`, so all storage is cold. The message hashes to
/// the curve at the first try, absent operators are evenly spread. `snapshots/certificate.json` holds what was measured.
contract CertificateGasTest is VerifierFixture {
    uint256 private constant OPERATORS = 200;

    uint32 private referenceTimestamp;

    function setUp() public {
        deployVerifier();
        referenceTimestamp = makeTable(OPERATORS, 2);
    }

    function test_check_200_0() public {
        assertLe(gasOfCheck("check_200_0", 0), 150_000);
    }

    function test_check_200_10() public {
        assertLe(gasOfCheck("check_200_10", 10), 172_000);
    }

    function test_check_200_100() public {
        assertLe(gasOfCheck("check_200_100", 100), 340_000);
    }

    function gasOfCheck(string memory name, uint256 absentCount) private returns (uint256 gasUsed) {
        BN254Certificate memory certificate =
            certificateOf(referenceTimestamp, firstTryMessage(), infosOf(OPERATORS, 2), spread(absentCount, OPERATORS));
        verifier.verifyCertificate(set, certificate);
        gasUsed = vm.snapshotGasLastCall("certificate", name);
    }

    function firstTryMessage() private view returns (bytes32 message) {
        message = MESSAGE;
        while (!hashesAtFirstTry(digestOf(referenceTimestamp, message))) {
            message = keccak256(abi.encode(message));
        }
    }

    function hashesAtFirstTry(bytes32 digest) private view returns (bool) {
        return BN254.hashToG1(digest).X == uint256(digest) % BN254.P;
    }
}
