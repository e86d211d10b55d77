// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {BN254} from "../../src/libraries/BN254.sol";
import {Merkle} from "../../src/libraries/Merkle.sol";
import {IBN254CertificateVerifierTypes} from "../../src/interfaces/IBN254CertificateVerifier.sol";
import {VectorFile} from "./VectorFile.sol";

/// @notice Keys, signatures, tables, certificates and openings against `vectors/*.json`, which the Rust implementation wrote.
contract CurveVectorsTest is VectorFile, IBN254CertificateVerifierTypes {
    function verify(bytes32[] calldata proof, bytes32 root, bytes32 leaf, uint256 index, uint256 count)
        external
        pure
        returns (bool)
    {
        return Merkle.verify(proof, root, leaf, index, count);
    }

    function test_signatures() public {
        open("bls.json");
        for (uint256 i = 0; exists("signatures", i); ++i) {
            BN254.G1Point memory key = g1At("signatures", i, "g1");
            bytes32 digest = wordAt("signatures", i, "digest");
            assertSame(BN254.mul(BN254.generatorG1(), uint256(wordAt("signatures", i, "secretKey"))), key);
            assertSame(BN254.hashToG1(digest), g1At("signatures", i, "hashToG1"));
            assertEq(keccak256(abi.encode(key.X, key.Y)), wordAt("signatures", i, "operatorId"));
            BN254.G1Point memory signature = g1At("signatures", i, "signature");
            assertTrue(BN254.verifySignature(digest, signature, key, g2At("signatures", i, "g2")));
        }
    }

    function test_table() public {
        open("certificate.json");
        uint256 count = 0;
        bytes32[] memory leaves = new bytes32[](256);
        BN254.G1Point memory aggregate;
        for (; exists("infos", count); ++count) {
            BN254OperatorInfo memory info = abi.decode(bytesAt("infos", count, "encoded"), (BN254OperatorInfo));
            leaves[count] = keccak256(abi.encodePacked(uint8(0x75), abi.encode(info)));
            assertEq(leaves[count], wordAt("infos", count, "leaf"));
            aggregate = BN254.add(aggregate, info.pubkey);
        }
        assembly ("memory-safe") {
            mstore(leaves, count)
        }
        assertSame(aggregate, g1Of(vm.parseJsonBytes32Array(json, ".aggregate")));
        assertEq(Merkle.rootInPlace(leaves), vm.parseJsonBytes32(json, ".root"));
    }

    function test_certificates() public {
        open("certificate.json");
        for (uint256 i = 0; exists("certificates", i); ++i) {
            bytes32 digest = keccak256(
                abi.encode(
                    keccak256("BN254Certificate(uint32 referenceTimestamp,bytes32 messageHash)"),
                    uint32(vm.parseJsonUint(json, ".referenceTimestamp")),
                    wordAt("certificates", i, "messageHash")
                )
            );
            assertEq(digest, wordAt("certificates", i, "digest"));
            BN254.G1Point memory signature = g1At("certificates", i, "signature");
            assertTrue(BN254.verifySignature(digest, signature, signersKey(i), g2At("certificates", i, "apk")));
        }
    }

    function test_thresholds() public {
        open("certificate.json");
        for (uint256 i = 0; exists("thresholds", i); ++i) {
            uint256 product = uintAt("thresholds", i, "total") * uintAt("thresholds", i, "bips");
            assertEq((product + 9_999) / 10_000, uintAt("thresholds", i, "threshold"));
        }
    }

    function test_openings() public {
        open("kzg.json");
        BN254.G2Point memory tau = g2Of(vm.parseJsonBytes32Array(json, ".tauG2"));
        for (uint256 i = 0; exists("openings", i); ++i) {
            bytes32 blobHash = keccak256(blob(uintAt("openings", i, "length"), uintAt("openings", i, "symbols")));
            assertEq(blobHash, wordAt("openings", i, "blobHash"));
            BN254.G1Point memory commitment = g1At("openings", i, "commitment");
            uint256 point = uint256(
                keccak256(
                    abi.encode(
                        keccak256("DataPoint(uint256 commitmentX,uint256 commitmentY,bytes32 blobHash)"),
                        commitment.X,
                        commitment.Y,
                        blobHash
                    )
                )
            ) % BN254.R;
            assertEq(point, uint256(wordAt("openings", i, "point")));
            assertTrue(isOpening(commitment, point, i, tau));
        }
    }

    /// @notice e(C - v G1 + z W, G2) e(-W, [t]) = 1.
    function isOpening(BN254.G1Point memory commitment, uint256 point, uint256 index, BN254.G2Point memory tau)
        private
        view
        returns (bool)
    {
        BN254.G1Point memory proof;
        (proof.X, proof.Y) = abi.decode(bytesAt("openings", index, "proof"), (uint256, uint256));
        uint256 value = uint256(wordAt("openings", index, "value"));
        BN254.G1Point memory left = BN254.add(commitment, BN254.mul(BN254.generatorG1(), BN254.R - value));
        left = BN254.add(left, BN254.mul(proof, point));
        return productIsOne(left, BN254.generatorG2(), BN254.negate(proof), tau);
    }

    function productIsOne(
        BN254.G1Point memory a1,
        BN254.G2Point memory a2,
        BN254.G1Point memory b1,
        BN254.G2Point memory b2
    ) private view returns (bool) {
        bytes memory input = bytes.concat(abi.encode(a1, a2), abi.encode(b1, b2));
        (bool success, bytes memory output) = address(8).staticcall(input);
        return success && abi.decode(output, (bool));
    }

    /// @notice The table's aggregate key less the non-signers' keys, each shown to be in the table.
    function signersKey(uint256 certificate) private view returns (BN254.G1Point memory key) {
        key = g1Of(vm.parseJsonBytes32Array(json, ".aggregate"));
        bytes32 root = vm.parseJsonBytes32(json, ".root");
        uint256[] memory absent = vm.parseJsonUintArray(json, path("certificates", certificate, "nonSigners"));
        for (uint256 i = 0; i < absent.length; ++i) {
            bytes32[] memory proof = wordsAt(path("certificates", certificate, "proofs"), i);
            assertTrue(this.verify(proof, root, wordAt("infos", absent[i], "leaf"), absent[i], 5));
            BN254OperatorInfo memory info = abi.decode(bytesAt("infos", absent[i], "encoded"), (BN254OperatorInfo));
            key = BN254.add(key, BN254.negate(info.pubkey));
        }
    }

    /// @notice The encoding of `ramp(length)`: a header, then 31 bytes behind each zero byte.
    function blob(uint256 length, uint256 symbols) private pure returns (bytes memory encoded) {
        encoded = new bytes(32 * symbols);
        for (uint256 i = 0; i < 4; ++i) {
            encoded[2 + i] = bytes1(uint8(length >> (8 * (3 - i))));
        }
        for (uint256 i = 0; i < length; ++i) {
            encoded[32 + i / 31 * 32 + 1 + i % 31] = bytes1(uint8(i % 251));
        }
    }

    function g1At(string memory list, uint256 index, string memory field) private view returns (BN254.G1Point memory) {
        return g1Of(wordsAt(list, index, field));
    }

    function g2At(string memory list, uint256 index, string memory field) private view returns (BN254.G2Point memory) {
        return g2Of(wordsAt(list, index, field));
    }

    function g1Of(bytes32[] memory words) private pure returns (BN254.G1Point memory) {
        return BN254.G1Point(uint256(words[0]), uint256(words[1]));
    }

    function g2Of(bytes32[] memory words) private pure returns (BN254.G2Point memory) {
        return BN254.G2Point([uint256(words[0]), uint256(words[1])], [uint256(words[2]), uint256(words[3])]);
    }

    function assertSame(BN254.G1Point memory a, BN254.G1Point memory b) private pure {
        assertEq(a.X, b.X);
        assertEq(a.Y, b.Y);
    }
}
