// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {VerifierFixture} from "./VerifierFixture.sol";

/// @notice The gas of making the first table of a set with two strategies, into `snapshots/table.json`. Members, stakes and keys come
/// from stand-ins that read one cold slot or two each, so what the real contracts compute is not in it.
contract TableGasTest is VerifierFixture {
    function setUp() public {
        deployVerifier();
        setMembers(200, 2);
        app.setParameters(parametersOf(2));
    }

    function test_update_4() public {
        record("update_4", 4);
    }

    function test_update_50() public {
        record("update_50", 50);
    }

    function test_update_200() public {
        record("update_200", 200);
    }

    function record(string memory name, uint256 count) private {
        address[] memory members = new address[](count);
        for (uint256 i = 0; i < count; ++i) {
            members[i] = operatorOf(i);
        }
        allocations.setMembers(members);
        vm.cool(address(allocations));
        verifier.updateOperatorTable(set, 0);
        vm.snapshotGasLastCall("table", name);
    }
}
