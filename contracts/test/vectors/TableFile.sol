// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {VectorFile} from "./VectorFile.sol";

/// @title Holds functions of this contract to the tables of `vectors/shares.json` and, where there is one, of a fresh file.
/// @dev A function takes a row's words as its arguments and returns the words that it makes of them. It must revert where the
/// row's column `valid` is zero.
abstract contract TableFile is VectorFile {
    /// @notice `make nightly` puts it there.
    string private constant FRESH = "nightly/shares.json";

    /// @param takes Names of columns, a space between two; `makes` alike.
    function checkTable(string memory table, bytes4 selector, string memory takes, string memory makes) internal {
        vm.pauseGasMetering();
        open("shares.json");
        checkRows(table, selector, columns(table, takes), columns(table, string.concat("valid ", makes)));
        if (!vm.exists(string.concat("../vectors/", FRESH))) return;
        open(FRESH);
        checkRows(table, selector, columns(table, takes), columns(table, string.concat("valid ", makes)));
    }

    function checkRows(string memory table, bytes4 selector, uint256[][] memory taken, uint256[][] memory made)
        private
    {
        uint256 rows = made[0].length;
        assertTrue(rows != 0, "the table is empty");
        for (uint256 row = 0; row < rows; ++row) {
            bytes memory data = abi.encodePacked(selector);
            for (uint256 i = 0; i < taken.length; ++i) {
                data = abi.encodePacked(data, taken[i][row]);
            }
            (bool accepted, bytes memory found) = address(this).call(data);
            string memory where = string.concat(table, " ", decimal(row));
            assertEq(accepted ? 1 : 0, made[0][row], where);
            if (accepted) checkRow(where, found, made, row);
        }
    }

    function checkRow(string memory where, bytes memory found, uint256[][] memory made, uint256 row) private pure {
        assertEq(found.length, 32 * (made.length - 1), where);
        for (uint256 i = 1; i < made.length; ++i) {
            uint256 word;
            assembly ("memory-safe") {
                word := mload(add(found, mul(i, 0x20)))
            }
            assertEq(word, made[i][row], string.concat(where, ", column ", decimal(i)));
        }
    }

    function columns(string memory table, string memory names) private view returns (uint256[][] memory values) {
        bytes memory text = bytes(names);
        values = new uint256[][](32);
        uint256 count = 0;
        uint256 start = 0;
        for (uint256 end = 0; end <= text.length; ++end) {
            if (end != text.length && text[end] != " ") continue;
            values[count++] = column(table, text, start, end);
            assertEq(values[count - 1].length, values[0].length, "columns of one length");
            start = end + 1;
        }
        assembly ("memory-safe") {
            mstore(values, count)
        }
    }

    function column(string memory table, bytes memory names, uint256 start, uint256 end)
        private
        view
        returns (uint256[] memory)
    {
        bytes memory name = new bytes(end - start);
        for (uint256 i = start; i < end; ++i) {
            name[i - start] = names[i];
        }
        return vm.parseJsonUintArray(json, string.concat(".tables.", table, ".", string(name)));
    }
}
