// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IFeeVault} from "../../src/interfaces/IFeeVault.sol";
import {IBN254CertificateVerifier} from "../../src/interfaces/IBN254CertificateVerifier.sol";
import {Batch, VouchTypes} from "../../src/libraries/VouchTypes.sol";
import {FeeFixture} from "./FeeFixture.sol";

/// @notice Who gets which part of a fee, and that nobody gets a part that is not theirs.
contract EarnTest is FeeFixture {
    using VouchTypes for Batch;

    function setUp() public {
        deployFees();
    }

    function credit(Batch memory batch, uint256[] memory absent, uint256 i) internal {
        fees.creditSigner(batch, indices(absent), witnessOf(i));
    }

    function earned(uint256 i) internal view returns (uint256) {
        return fees.earnedOf(address(feeToken), operatorOf(i));
    }

    function test_signers_share_by_weight_and_never_more_than_was_taken() public {
        IFeeVault.Settlement memory settlement = charged(999, 999);
        settleOne(settlement);
        uint256 pot = fees.potOf(settlement.batch.hash());
        uint256 sum = 0;
        for (uint256 i = 0; i < OPERATOR_COUNT; ++i) {
            credit(settlement.batch, none(), i);
            sum += earned(i);
        }
        assertGt(earned(0), earned(3));
        assertLe(sum, pot);
        assertLe(pot - sum, OPERATOR_COUNT);
        assertEq(pot + fees.earnedOf(address(feeToken), GATEWAY), 999);
    }

    function test_who_did_not_sign_gets_nothing() public {
        IFeeVault.Settlement memory settlement = settlementOf(requestOf(1, 100), 100, 100);
        postBy(settlement, list(2));
        settleOne(settlement);
        BN254OperatorInfoWitness memory absent = witnessOf(2);
        vm.expectRevert(abi.encodeWithSelector(IFeeVault.NotASigner.selector, 2));
        fees.creditSigner(settlement.batch, indices(list(2)), absent);
        // Another list of absent ones is not the posted one.
        bytes32 claimed = keccak256(abi.encode(settlement.batch.referenceTimestamp, indices(none())));
        vm.expectRevert(abi.encodeWithSelector(IFeeVault.WrongSigners.selector, claimed));
        fees.creditSigner(settlement.batch, indices(none()), absent);
        credit(settlement.batch, list(2), 0);
        assertGt(earned(0), 0);
    }

    function test_a_share_is_credited_once_and_grows_with_the_pot() public {
        IFeeVault.Settlement memory settlement = charged(100, 50);
        settleOne(settlement);
        credit(settlement.batch, none(), 0);
        uint256 first = earned(0);
        BN254OperatorInfoWitness memory witness = witnessOf(0);
        vm.expectRevert(IFeeVault.NothingEarned.selector);
        fees.creditSigner(settlement.batch, indices(none()), witness);
        assertEq(earned(0), first);
    }

    function test_a_stranger_or_a_false_weight_is_no_member() public {
        IFeeVault.Settlement memory settlement = charged(100, 100);
        settleOne(settlement);
        BN254OperatorInfoWitness memory witness = witnessOf(3);
        witness.operatorInfo.weights[0] = stakeOf(0);
        vm.expectRevert(abi.encodeWithSelector(IBN254CertificateVerifier.InvalidWitness.selector, 3));
        fees.creditSigner(settlement.batch, indices(none()), witness);
        witness = witnessOf(1);
        witness.operatorIndex = 0;
        vm.expectRevert(abi.encodeWithSelector(IBN254CertificateVerifier.InvalidWitness.selector, 0));
        fees.creditSigner(settlement.batch, indices(none()), witness);
    }

    function test_what_is_earned_is_collected_once_by_its_earner() public {
        settleOne(charged(100, 100));
        vm.expectRevert(IFeeVault.NothingEarned.selector);
        fees.collect(address(feeToken));
        vm.prank(GATEWAY);
        fees.collect(address(feeToken));
        assertEq(feeToken.balanceOf(GATEWAY), 20);
        vm.prank(GATEWAY);
        vm.expectRevert(IFeeVault.NothingEarned.selector);
        fees.collect(address(feeToken));
    }
}
