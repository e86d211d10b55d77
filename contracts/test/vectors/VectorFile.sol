// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Test} from "../Test.sol";

/// @title Reads a file of `vectors/`: lists of records.
abstract contract VectorFile is Test {
    string internal json;

    function open(string memory name) internal {
        json = vm.readFile(string.concat("../vectors/", name));
    }

    function path(string memory list, uint256 index, string memory field) internal pure returns (string memory) {
        return string.concat(path(list, index), ".", field);
    }

    function path(string memory list, uint256 index) internal pure returns (string memory) {
        bool rooted = bytes(list).length != 0 && bytes(list)[0] == ".";
        return string.concat(rooted ? "" : ".", list, "[", decimal(index), "]");
    }

    /// @dev Also fails the test that would pass because its list is empty or misspelt.
    function exists(string memory list, uint256 index) internal view returns (bool found) {
        found = vm.keyExistsJson(json, path(list, index));
        assertTrue(found || index != 0, "the list is empty");
    }

    function wordAt(string memory list, uint256 index, string memory field) internal view returns (bytes32) {
        return vm.parseJsonBytes32(json, path(list, index, field));
    }

    function wordsAt(string memory list, uint256 index, string memory field) internal view returns (bytes32[] memory) {
        return vm.parseJsonBytes32Array(json, path(list, index, field));
    }

    function wordsAt(string memory list, uint256 index) internal view returns (bytes32[] memory) {
        return vm.parseJsonBytes32Array(json, path(list, index));
    }

    function uintAt(string memory list, uint256 index, string memory field) internal view returns (uint256) {
        return vm.parseJsonUint(json, path(list, index, field));
    }

    function bytesAt(string memory list, uint256 index, string memory field) internal view returns (bytes memory) {
        return vm.parseJsonBytes(json, path(list, index, field));
    }

    /// @notice `length` bytes, byte i being i mod 251.
    function ramp(uint256 length) internal pure returns (bytes memory content) {
        content = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            content[i] = bytes1(uint8(i % 251));
        }
    }

    function decimal(uint256 number) internal pure returns (string memory) {
        if (number < 10) return string(abi.encodePacked(bytes1(uint8(48 + number))));
        return string.concat(decimal(number / 10), decimal(number % 10));
    }
}
