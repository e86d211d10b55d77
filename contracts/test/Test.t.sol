// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Test} from "./Test.sol";

contract TestBaseTest is Test {
    function testFuzz_boundStaysInside(uint256 value, uint256 a, uint256 b) public pure {
        (uint256 min, uint256 max) = a < b ? (a, b) : (b, a);
        uint256 bounded = bound(value, min, max);
        assertGe(bounded, min);
        assertLe(bounded, max);
    }

    function test_makeAddrAndKey_belongTogether() public {
        (address account, uint256 privateKey) = makeAddrAndKey("someone");
        assertEq(account, vm.addr(privateKey));
    }
}
