// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IKeyRegistrar} from "../../src/interfaces/IKeyRegistrar.sol";
import {BN254} from "../../src/libraries/BN254.sol";
import {OperatorSet} from "../../src/libraries/OperatorSetLib.sol";
import {Keys} from "../Keys.sol";
import {KeysFixture} from "./KeysFixture.sol";

contract RegisterKeyTest is KeysFixture {
    function test_bn254() public {
        vm.expectEmit(address(registrar));
        emit IKeyRegistrar.KeyRegistered(blsSet, operator, CurveType.BN254, Keys.data(SECRET));
        registerBLS(operator, blsSet, SECRET);

        assertTrue(registrar.isRegistered(blsSet, operator));
        (BN254.G1Point memory g1, BN254.G2Point memory g2) = registrar.getBN254Key(blsSet, operator);
        assertEq(abi.encode(g1, g2), Keys.data(SECRET));
        assertEq(registrar.encodeBN254KeyData(g1, g2), Keys.data(SECRET));
        assertEq(registrar.getKeyHash(blsSet, operator), keyHashOf(SECRET));
        assertTrue(registrar.isKeyGloballyRegistered(keyHashOf(SECRET)));
        assertEq(registrar.getOperatorFromKeyHash(keyHashOf(SECRET)), operator);
        assertEq(abi.encode(registrar.getOperatorSetFromKeyHash(keyHashOf(SECRET))), abi.encode(blsSet));
        assertEq(abi.encode(registrar.getG2KeyFromKeyHash(keyHashOf(SECRET))), abi.encode(g2));
        checkSigningKey(blsSet, Keys.data(SECRET), operator, true);
    }

    function test_ecdsa() public {
        (address keyAddress, uint256 privateKey) = makeAddrAndKey("signing key");
        registerECDSA(operator, ecdsaSet, privateKey);
        assertEq(registrar.getECDSAAddress(ecdsaSet, operator), keyAddress);
        assertEq(registrar.getECDSAKey(ecdsaSet, operator), abi.encodePacked(keyAddress));
        assertEq(registrar.getKeyHash(ecdsaSet, operator), keccak256(abi.encodePacked(keyAddress)));
        checkSigningKey(ecdsaSet, abi.encodePacked(keyAddress), operator, true);
    }

    function test_messageHashesAreEigenLayersTypedHashes() public view {
        assertEq(registrar.domainSeparator(), domain(address(registrar)));
        bytes memory keyData = Keys.data(SECRET);
        assertEq(
            registrar.getBN254KeyRegistrationMessageHash(operator, blsSet, keyData), blsHash(operator, blsSet, keyData)
        );
        bytes32 typehash =
            keccak256("ECDSAKeyRegistration(address operator,address avs,uint32 operatorSetId,address keyAddress)");
        assertEq(registrar.ECDSA_KEY_REGISTRATION_TYPEHASH(), typehash);
        bytes32 structHash = keccak256(abi.encode(typehash, operator, ecdsaSet.avs, ecdsaSet.id, stranger));
        assertEq(
            registrar.getECDSAKeyRegistrationMessageHash(operator, ecdsaSet, stranger),
            keccak256(abi.encodePacked(hex"1901", domain(address(registrar)), structHash))
        );
    }

    function test_a_lookup_refuses_what_is_no_key_of_the_set() public {
        bytes memory keyData = Keys.data(SECRET);
        vm.expectRevert(IKeyRegistrar.InvalidKeyFormat.selector);
        registrar.getOperatorFromSigningKey(blsSet, abi.encodePacked(keyData, uint8(0)));
        vm.expectRevert(IKeyRegistrar.InvalidKeyFormat.selector);
        registrar.getOperatorFromSigningKey(ecdsaSet, keyData);
        vm.expectRevert(IKeyRegistrar.OperatorSetNotConfigured.selector);
        registrar.getOperatorFromSigningKey(bareSet, keyData);
    }

    function test_manyKeysAtOnce() public {
        registerBLS(operator, blsSet, SECRET);
        address[] memory operators = new address[](3);
        (operators[0], operators[1], operators[2]) = (stranger, operator, address(0));
        BN254.G1Point[] memory keys = registrar.getBN254G1Keys(blsSet, operators);
        assertEq(keys.length, 3);
        assertTrue(BN254.isInfinity(keys[0]) && BN254.isInfinity(keys[2]));
        assertEq(abi.encode(keys[1]), abi.encode(Keys.g1(SECRET)));
    }

    function test_onlyTheOperatorOrItsAppointee() public {
        bytes memory keyData = Keys.data(SECRET);
        bytes memory proof = proofOf(operator, blsSet, SECRET);
        vm.prank(stranger);
        vm.expectRevert(IKeyRegistrar.InvalidPermissions.selector);
        registrar.registerKey(operator, blsSet, keyData, proof);

        vm.prank(operator);
        permissionController.setAppointee(operator, stranger, address(registrar), registrar.registerKey.selector);
        vm.prank(stranger);
        registrar.registerKey(operator, blsSet, keyData, proof);
        assertTrue(registrar.isRegistered(blsSet, operator));
    }

    function test_setWithoutCurve() public {
        expectRefused(
            bareSet,
            Keys.data(SECRET),
            proofOf(operator, bareSet, SECRET),
            IKeyRegistrar.OperatorSetNotConfigured.selector
        );
    }

    function test_oneKeyPerOperatorAndSet() public {
        registerBLS(operator, blsSet, SECRET);
        expectRefused(
            blsSet,
            Keys.data(SECRET + 1),
            proofOf(operator, blsSet, SECRET + 1),
            IKeyRegistrar.OperatorAlreadyRegistered.selector
        );
    }

    function test_aKeyServesOneOperatorInOneSet() public {
        registerBLS(operator, blsSet, SECRET);
        bytes memory keyData = Keys.data(SECRET);
        bytes memory proof = proofOf(stranger, blsSet, SECRET);
        vm.prank(stranger);
        vm.expectRevert(IKeyRegistrar.KeyAlreadyRegistered.selector);
        registrar.registerKey(stranger, blsSet, keyData, proof);

        vm.prank(address(avs));
        registrar.configureOperatorSet(bareSet, CurveType.BN254);
        expectRefused(
            bareSet, Keys.data(SECRET), proofOf(operator, bareSet, SECRET), IKeyRegistrar.KeyAlreadyRegistered.selector
        );
    }

    function test_ecdsaKeyServesOneOperator() public {
        (address keyAddress, uint256 privateKey) = makeAddrAndKey("signing key");
        registerECDSA(operator, ecdsaSet, privateKey);
        bytes memory signature = ecdsaProofOf(stranger, ecdsaSet, privateKey);
        vm.prank(stranger);
        vm.expectRevert(IKeyRegistrar.KeyAlreadyRegistered.selector);
        registrar.registerKey(stranger, ecdsaSet, abi.encodePacked(keyAddress), signature);
    }

    /// @dev A rogue key: the difference to someone's key, for which nobody knows a secret.
    function test_keyWithoutProofOfPossession() public {
        expectRefused(
            blsSet,
            Keys.data(SECRET),
            Keys.signature(SECRET + 1, blsHash(operator, blsSet, Keys.data(SECRET))),
            IKeyRegistrar.InvalidSignature.selector
        );
    }

    function test_proofForSomeoneOrSomethingElse() public {
        bytes4 reason = IKeyRegistrar.InvalidSignature.selector;
        expectRefused(blsSet, Keys.data(SECRET), proofOf(stranger, blsSet, SECRET), reason);
        expectRefused(blsSet, Keys.data(SECRET), proofOf(operator, bareSet, SECRET), reason);
        OperatorSet memory anotherAVS = OperatorSet(stranger, blsSet.id);
        expectRefused(blsSet, Keys.data(SECRET), proofOf(operator, anotherAVS, SECRET), reason);
    }

    /// @dev The aggregate of a table is made of G1 halves and the certificate's key of G2 halves: they must belong together.
    function test_halvesOfTwoKeys() public {
        bytes memory mixed = abi.encode(Keys.g1(SECRET), Keys.g2(SECRET + 1));
        bytes32 digest = blsHash(operator, blsSet, mixed);
        expectRefused(blsSet, mixed, Keys.signature(SECRET, digest), IKeyRegistrar.InvalidSignature.selector);
        expectRefused(blsSet, mixed, Keys.signature(SECRET + 1, digest), IKeyRegistrar.InvalidSignature.selector);
    }

    /// @dev x + P would be another key hash for the same key.
    function test_unreducedCoordinates() public {
        BN254.G1Point memory g1 = Keys.g1(SECRET);
        g1.X += BN254.P;
        bytes memory keyData = abi.encode(g1, Keys.g2(SECRET));
        bytes memory proof = Keys.signature(SECRET, blsHash(operator, blsSet, keyData));
        expectRefused(blsSet, keyData, proof, IKeyRegistrar.InvalidSignature.selector);
    }

    function test_infinityIsNoKey() public {
        bytes memory noPoint = abi.encode(BN254.G1Point(0, 0));
        bytes4 reason = IKeyRegistrar.ZeroPubkey.selector;
        expectRefused(blsSet, new bytes(192), noPoint, reason);
        expectRefused(blsSet, abi.encode(BN254.G1Point(0, 0), Keys.g2(SECRET)), noPoint, reason);
        expectRefused(blsSet, abi.encode(Keys.g1(SECRET), [uint256(0), 0, 0, 0]), noPoint, reason);
        expectRefused(ecdsaSet, new bytes(20), new bytes(65), reason);
    }

    function test_keyDataOfAnotherLength() public {
        bytes memory proof = proofOf(operator, blsSet, SECRET);
        bytes4 reason = IKeyRegistrar.InvalidKeyFormat.selector;
        expectRefused(blsSet, abi.encode(Keys.g1(SECRET)), proof, reason);
        expectRefused(blsSet, bytes.concat(Keys.data(SECRET), hex"00"), proof, reason);
        expectRefused(blsSet, abi.encodePacked(stranger), proof, reason);
        expectRefused(ecdsaSet, abi.encode(stranger), proof, reason);
        expectRefused(ecdsaSet, "", proof, reason);
    }

    function test_signatureOfAnotherLength() public {
        bytes memory proof = proofOf(operator, blsSet, SECRET);
        bytes4 reason = IKeyRegistrar.InvalidSignature.selector;
        expectRefused(blsSet, Keys.data(SECRET), bytes.concat(proof, hex"00"), reason);
        expectRefused(blsSet, Keys.data(SECRET), "", reason);
        (address keyAddress, uint256 privateKey) = makeAddrAndKey("signing key");
        bytes memory signature = ecdsaProofOf(operator, ecdsaSet, privateKey);
        expectRefused(ecdsaSet, abi.encodePacked(keyAddress), bytes.concat(signature, hex"00"), reason);
        expectRefused(ecdsaSet, abi.encodePacked(keyAddress), "", reason);
    }

    function test_ecdsaSignatureOfSomeoneElse() public {
        (address keyAddress,) = makeAddrAndKey("signing key");
        (, uint256 another) = makeAddrAndKey("another key");
        bytes32 digest = registrar.getECDSAKeyRegistrationMessageHash(operator, ecdsaSet, keyAddress);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(another, digest);
        expectRefused(
            ecdsaSet, abi.encodePacked(keyAddress), abi.encodePacked(r, s, v), IKeyRegistrar.InvalidSignature.selector
        );
    }

    function test_unknownKeys() public view {
        checkSigningKey(blsSet, Keys.data(SECRET), address(0), false);
        assertEq(registrar.getOperatorFromKeyHash(keyHashOf(SECRET)), address(0));
        assertFalse(registrar.isRegistered(blsSet, operator));
        assertFalse(registrar.isKeyGloballyRegistered(0));
        (BN254.G1Point memory g1, BN254.G2Point memory g2) = registrar.getBN254Key(blsSet, operator);
        assertTrue(BN254.isInfinity(g1) && BN254.isInfinity(g2));
    }

    function expectRefused(OperatorSet memory set, bytes memory keyData, bytes memory signature, bytes4 reason)
        private
    {
        vm.prank(operator);
        vm.expectRevert(reason);
        registrar.registerKey(operator, set, keyData, signature);
    }

    function checkSigningKey(OperatorSet memory set, bytes memory keyData, address expected, bool expectedStatus)
        private
        view
    {
        (address found, bool status) = registrar.getOperatorFromSigningKey(set, keyData);
        assertEq(found, expected);
        assertEq(status, expectedStatus);
    }
}
