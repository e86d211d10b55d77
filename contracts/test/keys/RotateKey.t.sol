// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IKeyRegistrar} from "../../src/interfaces/IKeyRegistrar.sol";
import {Keys} from "../Keys.sol";
import {KeysFixture} from "./KeysFixture.sol";

/// @title A key is rotated also while it can be slashed for, because what it signed leads to its operator for ever.
contract RotateKeyTest is KeysFixture {
    uint256 private constant NEXT = 0xb16;
    /// @dev Made before any prank: points are precompiles' answers, and a call takes the prank.
    bytes private next;

    function setUp() public override {
        super.setUp();
        next = Keys.data(NEXT);
    }

    function test_the_next_key_takes_the_place_of_the_present_one() public {
        registerBLS(operator, blsSet, SECRET);
        bytes memory proof = proofOf(operator, blsSet, NEXT);
        vm.expectEmit(address(registrar));
        emit IKeyRegistrar.KeyDeregistered(blsSet, operator, CurveType.BN254);
        vm.expectEmit(address(registrar));
        emit IKeyRegistrar.KeyRegistered(blsSet, operator, CurveType.BN254, next);
        vm.prank(operator);
        registrar.rotateKey(operator, blsSet, next, proof);
        assertEq(registrar.getKeyHash(blsSet, operator), keyHashOf(NEXT));
        (address found, bool current) = registrar.getOperatorFromSigningKey(blsSet, Keys.data(SECRET));
        assertEq(found, operator);
        assertFalse(current);
    }

    /// @dev In the original an operator keeps a stolen key until it has left the set for the whole deallocation delay.
    function test_a_slashable_operator_rotates_and_its_old_key_still_leads_to_it() public {
        registerBLS(operator, blsSet, SECRET);
        joinSet(operator, blsSet, "");
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(IKeyRegistrar.OperatorStillSlashable.selector, blsSet, operator));
        registrar.deregisterKey(operator, blsSet);
        _rotate(NEXT);
        _rotate(0xb17);
        assertEq(registrar.getOperatorFromKeyHash(keyHashOf(SECRET)), operator);
        assertEq(registrar.getOperatorFromKeyHash(keyHashOf(NEXT)), operator);
        assertEq(registrar.getOperatorSetFromKeyHash(keyHashOf(SECRET)).id, blsSet.id);
        assertEq(
            keccak256(abi.encode(registrar.getG2KeyFromKeyHash(keyHashOf(SECRET)))),
            keccak256(abi.encode(Keys.g2(SECRET)))
        );
    }

    function test_an_old_key_never_comes_back() public {
        registerBLS(operator, blsSet, SECRET);
        _rotate(NEXT);
        _expectRefused(SECRET, abi.encodeWithSelector(IKeyRegistrar.KeyAlreadyRegistered.selector));
        _expectRefused(NEXT, abi.encodeWithSelector(IKeyRegistrar.KeyAlreadyRegistered.selector));
    }

    function test_nobody_rotates_to_anothers_key() public {
        registerBLS(operator, blsSet, SECRET);
        registerBLS(stranger, blsSet, NEXT);
        _expectRefused(NEXT, abi.encodeWithSelector(IKeyRegistrar.KeyAlreadyRegistered.selector));
    }

    function test_the_next_key_proves_its_possession_for_this_operator() public {
        registerBLS(operator, blsSet, SECRET);
        bytes memory forAnother = proofOf(stranger, blsSet, NEXT);
        vm.prank(operator);
        vm.expectRevert(IKeyRegistrar.InvalidSignature.selector);
        registrar.rotateKey(operator, blsSet, next, forAnother);
    }

    function test_without_a_key_there_is_nothing_to_rotate() public {
        _expectRefused(NEXT, abi.encodeWithSelector(IKeyRegistrar.KeyNotFound.selector, blsSet, operator));
    }

    function test_only_the_operator_or_its_appointee() public {
        registerBLS(operator, blsSet, SECRET);
        bytes memory proof = proofOf(operator, blsSet, NEXT);
        vm.prank(stranger);
        vm.expectRevert(IKeyRegistrar.InvalidPermissions.selector);
        registrar.rotateKey(operator, blsSet, next, proof);
        vm.prank(operator);
        permissionController.setAppointee(operator, stranger, address(registrar), IKeyRegistrar.rotateKey.selector);
        vm.prank(stranger);
        registrar.rotateKey(operator, blsSet, next, proof);
        assertEq(registrar.getKeyHash(blsSet, operator), keyHashOf(NEXT));
    }

    function test_an_ecdsa_key_rotates_alike() public {
        registerECDSA(operator, ecdsaSet, 0xec1);
        bytes memory signature = ecdsaProofOf(operator, ecdsaSet, 0xec2);
        vm.prank(operator);
        registrar.rotateKey(operator, ecdsaSet, abi.encodePacked(vm.addr(0xec2)), signature);
        assertEq(registrar.getECDSAAddress(ecdsaSet, operator), vm.addr(0xec2));
    }

    function _rotate(uint256 secret) private {
        bytes memory data = Keys.data(secret);
        bytes memory proof = proofOf(operator, blsSet, secret);
        vm.prank(operator);
        registrar.rotateKey(operator, blsSet, data, proof);
    }

    function _expectRefused(uint256 secret, bytes memory reason) private {
        bytes memory data = Keys.data(secret);
        bytes memory proof = proofOf(operator, blsSet, secret);
        vm.prank(operator);
        vm.expectRevert(reason);
        registrar.rotateKey(operator, blsSet, data, proof);
    }
}
