// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IEquivocationSlasher} from "../../src/interfaces/IEquivocationSlasher.sol";
import {Batch} from "../../src/libraries/VouchTypes.sol";
import {Keys} from "../Keys.sol";
import {EquivocationFixture} from "./EquivocationFixture.sol";

/// @title Rotating a key saves nobody: evidence is about operators, and every key leads to one for ever.
contract RotatedKeyTest is EquivocationFixture {
    bool private rotated;

    function test_what_the_old_key_signed_still_slashes() public {
        Batch memory first = batchAfter(7, keccak256("parent"), 1);
        Batch memory second = batchAfter(7, keccak256("parent"), 2);
        IEquivocationSlasher.SignedBatch memory a = bySignature(LIAR, first);
        IEquivocationSlasher.SignedBatch memory b = bySignature(LIAR, second);
        _rotate();
        assertWholeStakeTaken(LIAR, prove(a, b));
    }

    /// @dev One batch by the old key under the old table, one by the new key under the next table, both for one slot.
    function test_two_keys_of_one_operator_are_one_signer() public {
        IEquivocationSlasher.SignedBatch memory a = bySignature(LIAR, batchAfter(7, keccak256("parent"), 1));
        _rotate();
        mine(1, SECONDS_PER_BLOCK);
        tableTime = verifier.updateOperatorTable(set, 0);
        IEquivocationSlasher.SignedBatch memory b = bySignature(LIAR, batchAfter(7, keccak256("parent"), 2));
        assertNotEq(a.signer.operatorInfo.pubkey.X, b.signer.operatorInfo.pubkey.X);
        assertWholeStakeTaken(LIAR, prove(a, b));
    }

    function secretOf(uint256 i) internal view override returns (uint256) {
        return rotated && i == LIAR ? 0xb0b : super.secretOf(i);
    }

    function _rotate() private {
        rotated = true;
        bytes memory data = Keys.data(secretOf(LIAR));
        bytes32 digest = keyRegistrar.getBN254KeyRegistrationMessageHash(operatorOf(LIAR), set, data);
        bytes memory proof = Keys.signature(secretOf(LIAR), digest);
        vm.prank(operatorOf(LIAR));
        keyRegistrar.rotateKey(operatorOf(LIAR), set, data, proof);
    }
}
