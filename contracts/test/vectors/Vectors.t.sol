// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Batch, Charge, Exchange, Program, Request, VouchTypes} from "../../src/libraries/VouchTypes.sol";
import {Merkle} from "../../src/libraries/Merkle.sol";
import {VectorFile} from "./VectorFile.sol";

/// @notice The hashes of VouchTypes and the trees against `vectors/*.json`, which the Rust implementation wrote.
contract VectorsTest is VectorFile {
    using VouchTypes for *;

    /// @notice Merkle.verify reads calldata, so it is called through the contract itself.
    function verify(bytes32[] calldata proof, bytes32 root, bytes32 leaf, uint256 index, uint256 count)
        external
        pure
        returns (bool)
    {
        return Merkle.verify(proof, root, leaf, index, count);
    }

    function test_programs() public {
        open("types.json");
        for (uint256 i = 0; exists("programs", i); ++i) {
            Program memory program = abi.decode(bytesAt("programs", i, "encoded"), (Program));
            assertEq(program.hash(), wordAt("programs", i, "id"));
        }
    }

    function test_requests() public {
        open("types.json");
        address registry = vm.parseJsonAddress(json, ".domain.registry");
        bytes32 separator = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Vouch"),
                keccak256("1"),
                31_337,
                registry
            )
        );
        assertEq(separator, vm.parseJsonBytes32(json, ".domain.separator"));
        for (uint256 i = 0; exists("requests", i); ++i) {
            Request memory request = abi.decode(bytesAt("requests", i, "encoded"), (Request));
            bytes32 digest = keccak256(abi.encodePacked("\x19\x01", separator, request.hash()));
            assertEq(request.hash(), wordAt("requests", i, "id"));
            assertEq(digest, wordAt("requests", i, "digest"));
            assertEq(recover(digest, bytesAt("requests", i, "signature")), request.client);
        }
    }

    function test_exchanges() public {
        open("types.json");
        for (uint256 i = 0; exists("exchanges", i); ++i) {
            Exchange memory exchange = abi.decode(bytesAt("exchanges", i, "encoded"), (Exchange));
            assertEq(exchange.hash(), wordAt("exchanges", i, "leaf"));
        }
    }

    function test_charges() public {
        open("types.json");
        for (uint256 i = 0; exists("charges", i); ++i) {
            Charge memory charge = abi.decode(bytesAt("charges", i, "encoded"), (Charge));
            assertEq(charge.hash(), wordAt("charges", i, "leaf"));
        }
    }

    function test_batches() public {
        open("types.json");
        for (uint256 i = 0; exists("batches", i); ++i) {
            Batch memory batch = abi.decode(bytesAt("batches", i, "encoded"), (Batch));
            assertEq(batch.hash(), wordAt("batches", i, "hash"));
        }
    }

    function test_apps() public {
        open("types.json");
        vm.chainId(31_337);
        for (uint256 i = 0; exists("apps", i); ++i) {
            address controller = vm.parseJsonAddress(json, path("apps", i, "controller"));
            uint32 operatorSetId = uint32(uintAt("apps", i, "operatorSetId"));
            assertEq(VouchTypes.appId(controller, operatorSetId), wordAt("apps", i, "id"));
        }
    }

    function test_seeds() public {
        open("types.json");
        for (uint256 i = 0; exists("seeds", i); ++i) {
            bytes32 seed = keccak256(abi.encode(wordAt("seeds", i, "prevrandao"), wordAt("seeds", i, "requestId")));
            assertEq(seed, wordAt("seeds", i, "seed"));
        }
    }

    function test_trees() public {
        open("merkle.json");
        for (uint256 i = 0; exists("trees", i); ++i) {
            bytes32[] memory leaves = wordsAt("trees", i, "leaves");
            bytes32 root = wordAt("trees", i, "root");
            assertEq(Merkle.depth(leaves.length), uintAt("trees", i, "depth"));
            for (uint256 j = 0; j < leaves.length; ++j) {
                bytes32[] memory proof = wordsAt(path("trees", i, "proofs"), j);
                assertTrue(this.verify(proof, root, leaves[j], j, leaves.length));
                assertFalse(this.verify(proof, root, ~leaves[j], j, leaves.length));
            }
            assertEq(Merkle.rootInPlace(leaves), root);
        }
    }

    function test_pages() public {
        open("pages.json");
        for (uint256 i = 0; exists("strings", i); ++i) {
            bytes memory content = ramp(uintAt("strings", i, "byteLength"));
            bytes32[] memory leaves = pageLeaves(content);
            bytes32 merkleRoot = wordAt("strings", i, "merkleRoot");
            assertEq(VouchTypes.pageRoot(uint64(content.length), merkleRoot), wordAt("strings", i, "pageRoot"));
            if (leaves.length != 0) {
                uint256 last = leaves.length - 1;
                bytes32[] memory proof = wordsAt("strings", i, "lastPageProof");
                assertTrue(this.verify(proof, merkleRoot, leaves[last], last, leaves.length));
            }
            assertEq(Merkle.rootInPlace(leaves), merkleRoot);
        }
    }

    function test_batchData() public {
        open("batch_data.json");
        for (uint256 i = 0; exists("batches", i); ++i) {
            bytes[] memory exchanges = vm.parseJsonBytesArray(json, path("batches", i, "exchanges"));
            bytes32[] memory leaves = wordsAt("batches", i, "leaves");
            assertEq(exchanges.length, leaves.length);
            for (uint256 j = 0; j < leaves.length; ++j) {
                assertEq(abi.decode(exchanges[j], (Exchange)).hash(), leaves[j]);
            }
            assertEq(Merkle.rootInPlace(leaves), wordAt("batches", i, "exchangesRoot"));
        }
    }

    function recover(bytes32 digest, bytes memory signature) private pure returns (address) {
        bytes32 r;
        bytes32 s;
        assembly ("memory-safe") {
            r := mload(add(signature, 0x20))
            s := mload(add(signature, 0x40))
        }
        return ecrecover(digest, uint8(signature[64]), r, s);
    }

    function pageLeaves(bytes memory content) private pure returns (bytes32[] memory leaves) {
        uint256 pageBytes = VouchTypes.PAGE_BYTES;
        leaves = new bytes32[]((content.length + pageBytes - 1) / pageBytes);
        for (uint256 i = 0; i < leaves.length; ++i) {
            uint256 start = i * pageBytes;
            uint256 length = content.length - start < pageBytes ? content.length - start : pageBytes;
            bytes32 leaf;
            assembly ("memory-safe") {
                leaf := keccak256(add(add(content, 0x20), start), length)
            }
            leaves[i] = leaf;
        }
    }
}
