// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IKeyRegistrar} from "../../src/interfaces/IKeyRegistrar.sol";
import {KeysFixture} from "./KeysFixture.sol";

contract ConfigureOperatorSetTest is KeysFixture {
    function test_fixesTheCurve() public {
        assertTrue(registrar.getOperatorSetCurveType(blsSet) == CurveType.BN254);
        assertTrue(registrar.getOperatorSetCurveType(ecdsaSet) == CurveType.ECDSA);
        assertTrue(registrar.getOperatorSetCurveType(bareSet) == CurveType.NONE);
        vm.expectEmit(address(registrar));
        emit IKeyRegistrar.OperatorSetConfigured(bareSet, CurveType.BN254);
        vm.prank(address(avs));
        registrar.configureOperatorSet(bareSet, CurveType.BN254);
    }

    function test_onlyOnce() public {
        vm.startPrank(address(avs));
        vm.expectRevert(IKeyRegistrar.ConfigurationAlreadySet.selector);
        registrar.configureOperatorSet(blsSet, CurveType.ECDSA);
        vm.expectRevert(IKeyRegistrar.ConfigurationAlreadySet.selector);
        registrar.configureOperatorSet(blsSet, CurveType.BN254);
    }

    function test_noneIsNoCurve() public {
        vm.prank(address(avs));
        vm.expectRevert(IKeyRegistrar.InvalidCurveType.selector);
        registrar.configureOperatorSet(bareSet, CurveType.NONE);
    }

    function test_onlyTheAVSOrItsAppointee() public {
        vm.prank(stranger);
        vm.expectRevert(IKeyRegistrar.InvalidPermissions.selector);
        registrar.configureOperatorSet(bareSet, CurveType.BN254);

        vm.prank(address(avs));
        permissionController.setAppointee(
            address(avs), stranger, address(registrar), registrar.configureOperatorSet.selector
        );
        vm.prank(stranger);
        registrar.configureOperatorSet(bareSet, CurveType.BN254);
        assertTrue(registrar.getOperatorSetCurveType(bareSet) == CurveType.BN254);
    }
}
