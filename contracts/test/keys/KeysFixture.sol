// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {KeyRegistrar} from "../../src/core/KeyRegistrar.sol";
import {IKeyRegistrarTypes} from "../../src/interfaces/IKeyRegistrar.sol";
import {OperatorSet} from "../../src/libraries/OperatorSetLib.sol";
import {Keys} from "../Keys.sol";
import {StakedFixture} from "../core/StakedFixture.sol";

/// @title A key registrar on the real core: set 1 takes BN254 keys, set 2 ECDSA keys, set 3 is not configured.
abstract contract KeysFixture is StakedFixture, IKeyRegistrarTypes {
    uint256 internal constant SECRET = 0xb15;

    KeyRegistrar internal registrar;
    OperatorSet internal blsSet;
    OperatorSet internal ecdsaSet;
    OperatorSet internal bareSet;
    address internal stranger = makeAddr("stranger");

    function setUp() public virtual override {
        super.setUp();
        registrar = new KeyRegistrar(permissionController, allocationManager);
        blsSet = operatorSet;
        ecdsaSet = OperatorSet(address(avs), 2);
        bareSet = OperatorSet(address(avs), 3);
        vm.startPrank(address(avs));
        registrar.configureOperatorSet(blsSet, CurveType.BN254);
        registrar.configureOperatorSet(ecdsaSet, CurveType.ECDSA);
        vm.stopPrank();
    }

    function registerBLS(address who, OperatorSet memory set, uint256 secret) internal {
        bytes memory keyData = Keys.data(secret);
        bytes memory proof = proofOf(who, set, secret);
        vm.prank(who);
        registrar.registerKey(who, set, keyData, proof);
    }

    function registerECDSA(address who, OperatorSet memory set, uint256 privateKey) internal {
        bytes memory signature = ecdsaProofOf(who, set, privateKey);
        vm.prank(who);
        registrar.registerKey(who, set, abi.encodePacked(vm.addr(privateKey)), signature);
    }

    function proofOf(address who, OperatorSet memory set, uint256 secret) internal view returns (bytes memory) {
        return Keys.signature(secret, blsHash(who, set, Keys.data(secret)));
    }

    function ecdsaProofOf(address who, OperatorSet memory set, uint256 privateKey)
        internal
        view
        returns (bytes memory)
    {
        bytes32 digest = registrar.getECDSAKeyRegistrationMessageHash(who, set, vm.addr(privateKey));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(privateKey, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev The typed hash, from its definition.
    function blsHash(address who, OperatorSet memory set, bytes memory keyData) internal view returns (bytes32) {
        bytes32 typehash =
            keccak256("BN254KeyRegistration(address operator,address avs,uint32 operatorSetId,bytes keyData)");
        bytes32 structHash = keccak256(abi.encode(typehash, who, set.avs, set.id, keccak256(keyData)));
        return keccak256(abi.encodePacked(hex"1901", domain(address(registrar)), structHash));
    }

    function keyHashOf(uint256 secret) internal view returns (bytes32) {
        return keccak256(abi.encode(Keys.g1(secret)));
    }
}
