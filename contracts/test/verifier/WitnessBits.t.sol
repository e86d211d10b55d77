// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {VerifierFixture} from "./VerifierFixture.sol";

/// @notice A certificate is refused when any single bit of it is flipped. All bits of a witness are tried: index, offsets, lengths,
/// every sibling, key, weights. Among those of signature, aggregate key, timestamp, message and set the fuzzer chooses.
contract WitnessBitsTest is VerifierFixture {
    uint256 private constant SELECTOR_BYTES = 4;
    /// @dev Set (two words), offset of the certificate, then its timestamp, message, signature and aggregate key.
    uint256 private constant WITNESSES_FROM_BYTE = SELECTOR_BYTES + 32 * (3 + 8);

    uint32 private fewTimestamp;
    uint32 private manyTimestamp;
    uint32 private wideTimestamp;

    function setUp() public {
        deployVerifier();
        fewTimestamp = makeTable(5, 2);
        manyTimestamp = makeTable(130, 2);
        wideTimestamp = makeTable(9, 3);
    }

    function test_everyBitOfOneWitness_anyShape() public view {
        checkEveryWitnessBit(encoded(fewTimestamp, 5, 2, list(3)));
    }

    function test_everyBitOfOneWitness_fixedShape() public view {
        checkEveryWitnessBit(encoded(manyTimestamp, 130, 2, list(77)));
    }

    function test_everyBitOfOneWitness_threeWeights() public view {
        checkEveryWitnessBit(encoded(wideTimestamp, 9, 3, list(8)));
    }

    function testFuzz_anyBitWithoutWitness(uint256 bit) public view {
        bytes memory call = encoded(fewTimestamp, 5, 2, none());
        // But the offset of the empty list, which has no content to protect.
        flip(call, 8 * SELECTOR_BYTES + bit % (8 * (WITNESSES_FROM_BYTE - SELECTOR_BYTES)));
        assertFalse(accepts(call));
    }

    function testFuzz_anyBitOfManyWitnesses(uint256 seed, uint256 bit) public view {
        uint256[] memory absent = spread(seed % 129 + 1, 130);
        bytes memory call = encoded(manyTimestamp, 130, 2, absent);
        assertTrue(accepts(call));
        flip(call, 8 * SELECTOR_BYTES + bit % (8 * (call.length - SELECTOR_BYTES)));
        assertFalse(accepts(call));
    }

    function encoded(uint32 timestamp, uint256 count, uint256 weightCount, uint256[] memory absent)
        private
        view
        returns (bytes memory)
    {
        BN254Certificate memory certificate = certificateOf(timestamp, MESSAGE, infosOf(count, weightCount), absent);
        return abi.encodeCall(verifier.verifyCertificate, (set, certificate));
    }

    function checkEveryWitnessBit(bytes memory call) private view {
        assertTrue(accepts(call));
        for (uint256 bit = 8 * WITNESSES_FROM_BYTE; bit < 8 * call.length; ++bit) {
            flip(call, bit);
            if (accepts(call)) fail(string.concat("accepted with bit flipped: ", vm.toString(bit)));
            flip(call, bit);
        }
        assertTrue(accepts(call));
    }

    function accepts(bytes memory call) private view returns (bool ok) {
        (ok,) = address(verifier).staticcall(call);
    }

    function flip(bytes memory data, uint256 bit) private pure {
        data[bit / 8] ^= bytes1(uint8(1) << uint8(bit % 8));
    }
}
