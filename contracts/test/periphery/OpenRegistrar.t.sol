// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IAllocationManagerTypes} from "../../src/interfaces/IAllocationManager.sol";
import {OperatorSet} from "../../src/libraries/OperatorSetLib.sol";
import {OpenRegistrar} from "../../src/periphery/OpenRegistrar.sol";
import {StakedFixture} from "../core/StakedFixture.sol";

contract OpenRegistrarTest is StakedFixture {
    address private plain = makeAddr("an AVS without code");
    OpenRegistrar private registrar = new OpenRegistrar();

    function test_an_avs_without_code_names_it_and_operators_join_and_leave() public {
        OperatorSet memory set = createSet(plain, 3, one(address(strategy)), plain, address(0));
        vm.prank(plain);
        allocationManager.setAVSRegistrar(plain, address(registrar));
        joinSet(operator, set, "whatever");
        assertTrue(allocationManager.isMemberOfOperatorSet(operator, set));
        leaveSet(operator, operator, set);
        assertFalse(allocationManager.isMemberOfOperatorSet(operator, set));
    }

    function test_nobody_else_names_it_for_an_avs() public {
        vm.expectRevert(IAllocationManagerTypes.InvalidPermissions.selector);
        allocationManager.setAVSRegistrar(plain, address(registrar));
    }
}
