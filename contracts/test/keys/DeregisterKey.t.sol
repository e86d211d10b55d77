// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IKeyRegistrar} from "../../src/interfaces/IKeyRegistrar.sol";
import {Keys} from "../Keys.sol";
import {KeysFixture} from "./KeysFixture.sol";

/// @notice A key leaves its set when its owner can't be slashed there any more, and stays spent on that owner for ever.
contract DeregisterKeyTest is KeysFixture {
    function setUp() public override {
        super.setUp();
        registerBLS(operator, blsSet, SECRET);
    }

    function test_aKeyOfNoMember() public {
        vm.expectEmit(address(registrar));
        emit IKeyRegistrar.KeyDeregistered(blsSet, operator, CurveType.BN254);
        deregister();
        assertFalse(registrar.isRegistered(blsSet, operator));
        assertEq(registrar.getKeyHash(blsSet, operator), 0);
    }

    function test_notWhileSlashable() public {
        makeSlashable(WAD);
        expectStillSlashable();

        // Leaving the set leaves the stake slashable for the deallocation delay.
        leaveSet(operator, operator, blsSet);
        expectStillSlashable();
        roll(mainnetDelays().deallocation);
        expectStillSlashable();
        roll(1);
        deregister();
        assertFalse(registrar.isRegistered(blsSet, operator));
    }

    function test_oldEvidenceStillFindsOperatorAndKey() public {
        deregister();
        (address found, bool status) = registrar.getOperatorFromSigningKey(blsSet, Keys.data(SECRET));
        assertEq(found, operator);
        assertFalse(status);
        assertEq(registrar.getOperatorFromKeyHash(keyHashOf(SECRET)), operator);
        assertEq(abi.encode(registrar.getOperatorSetFromKeyHash(keyHashOf(SECRET))), abi.encode(blsSet));
        assertEq(abi.encode(registrar.getG2KeyFromKeyHash(keyHashOf(SECRET))), abi.encode(Keys.g2(SECRET)));

        // The operator's next key makes the old one no more current.
        registerBLS(operator, blsSet, SECRET + 1);
        (found, status) = registrar.getOperatorFromSigningKey(blsSet, Keys.data(SECRET));
        assertEq(found, operator);
        assertFalse(status);
    }

    function test_aSpentKeyNeverComesBack() public {
        deregister();
        expectSpent(operator);
        expectSpent(stranger);
    }

    function test_keyOfAnotherSetIsNotCurrentHere() public {
        vm.prank(address(avs));
        registrar.configureOperatorSet(bareSet, CurveType.BN254);
        (address found, bool status) = registrar.getOperatorFromSigningKey(bareSet, Keys.data(SECRET));
        assertEq(found, operator);
        assertFalse(status);
    }

    function test_onlyTheOperatorOrItsAppointee() public {
        vm.prank(stranger);
        vm.expectRevert(IKeyRegistrar.InvalidPermissions.selector);
        registrar.deregisterKey(operator, blsSet);
    }

    function test_thereMustBeAKey() public {
        vm.startPrank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IKeyRegistrar.KeyNotFound.selector, blsSet, stranger));
        registrar.deregisterKey(stranger, blsSet);
        vm.expectRevert(IKeyRegistrar.OperatorSetNotConfigured.selector);
        registrar.deregisterKey(stranger, bareSet);
    }

    function deregister() private {
        vm.prank(operator);
        registrar.deregisterKey(operator, blsSet);
    }

    function expectSpent(address who) private {
        // Before the cheats: they would apply to the calls of precompiles in here.
        bytes memory keyData = Keys.data(SECRET);
        bytes memory proof = proofOf(who, blsSet, SECRET);
        vm.prank(who);
        vm.expectRevert(IKeyRegistrar.KeyAlreadyRegistered.selector);
        registrar.registerKey(who, blsSet, keyData, proof);
    }

    function expectStillSlashable() private {
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(IKeyRegistrar.OperatorStillSlashable.selector, blsSet, operator));
        registrar.deregisterKey(operator, blsSet);
    }
}
