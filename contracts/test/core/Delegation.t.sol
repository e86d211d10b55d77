// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IDelegationManager} from "../../src/interfaces/IDelegationManager.sol";
import {IPausable} from "../../src/interfaces/IPausable.sol";
import {StakedFixture} from "./StakedFixture.sol";

contract DelegationTest is StakedFixture {
    address private approver;
    uint256 private approverKey;
    address private guarded = makeAddr("guarded operator");
    address private late = makeAddr("late staker");

    function setUp() public override {
        super.setUp();
        (approver, approverKey) = makeAddrAndKey("approver");
        vm.prank(guarded);
        delegationManager.registerAsOperator(approver, 0, "");
        deposit(late, strategy, 7e18);
    }

    function test_an_operator_is_delegated_to_itself() public view {
        assertTrue(delegationManager.isOperator(operator));
        assertEq(delegationManager.delegatedTo(operator), operator);
        assertFalse(delegationManager.isOperator(staker));
        assertFalse(delegationManager.isOperator(address(0)));
        assertEq(delegationManager.operatorShares(operator, address(strategy)), OWN_STAKE + DELEGATED_STAKE);
    }

    function test_nobody_delegates_or_registers_twice() public {
        vm.prank(operator);
        vm.expectRevert(IDelegationManager.ActivelyDelegated.selector);
        delegationManager.registerAsOperator(address(0), 0, "");
        vm.prank(staker);
        vm.expectRevert(IDelegationManager.ActivelyDelegated.selector);
        delegationManager.registerAsOperator(address(0), 0, "");
        _expectRefused(staker, operator, _none(), 0, IDelegationManager.ActivelyDelegated.selector);
        _expectRefused(operator, guarded, _none(), 0, IDelegationManager.ActivelyDelegated.selector);
    }

    function test_delegating_to_a_non_operator_is_refused() public {
        _expectRefused(late, staker, _none(), 0, IDelegationManager.OperatorNotRegistered.selector);
        _expectRefused(late, address(0), _none(), 0, IDelegationManager.OperatorNotRegistered.selector);
    }

    function test_a_deposit_after_delegation_reaches_the_operator() public {
        deposit(staker, strategy, 11e18);
        assertEq(delegationManager.operatorShares(operator, address(strategy)), OWN_STAKE + DELEGATED_STAKE + 11e18);
    }

    function test_an_approved_delegation() public {
        bytes32 salt = keccak256("salt");
        vm.prank(late);
        delegationManager.delegateTo(guarded, _approve(approverKey, late, salt, block.timestamp), salt);
        assertEq(delegationManager.delegatedTo(late), guarded);
        assertTrue(delegationManager.delegationApproverSaltIsSpent(approver, salt));
        assertEq(delegationManager.operatorShares(guarded, address(strategy)), 7e18);
    }

    function test_an_approval_of_another_key_staker_or_salt_is_refused() public {
        bytes4 refused = IDelegationManager.InvalidSignature.selector;
        (, uint256 otherKey) = makeAddrAndKey("other");
        _expectRefused(late, guarded, _approve(otherKey, late, 0, block.timestamp), 0, refused);
        _expectRefused(late, guarded, _approve(approverKey, staker, 0, block.timestamp), 0, refused);
        _expectRefused(late, guarded, _approve(approverKey, late, 0, block.timestamp), bytes32(uint256(1)), refused);
        _expectRefused(late, guarded, IDelegationManager.SignatureWithExpiry("", block.timestamp), 0, refused);
    }

    function test_an_approval_ends_with_its_expiry() public {
        IDelegationManager.SignatureWithExpiry memory approval = _approve(approverKey, late, 0, block.timestamp);
        vm.warp(block.timestamp + 1);
        _expectRefused(late, guarded, approval, 0, IDelegationManager.SignatureExpired.selector);
    }

    function test_a_salt_is_spent_once() public {
        vm.prank(late);
        delegationManager.delegateTo(guarded, _approve(approverKey, late, 0, block.timestamp), 0);
        address other = makeAddr("another staker");
        _expectRefused(
            other, guarded, _approve(approverKey, other, 0, block.timestamp), 0, IDelegationManager.SaltSpent.selector
        );
    }

    function test_the_approver_itself_needs_no_signature() public {
        delegate(approver, guarded);
        assertEq(delegationManager.delegatedTo(approver), guarded);
    }

    function test_operator_details_change_by_the_operator_side_alone() public {
        vm.expectRevert(IDelegationManager.InvalidPermissions.selector);
        delegationManager.modifyOperatorDetails(guarded, address(0));
        vm.expectRevert(IDelegationManager.InvalidPermissions.selector);
        delegationManager.updateOperatorMetadataURI(guarded, "x");
        vm.startPrank(staker);
        vm.expectRevert(IDelegationManager.OperatorNotRegistered.selector);
        delegationManager.modifyOperatorDetails(staker, address(0));
        vm.expectRevert(IDelegationManager.OperatorNotRegistered.selector);
        delegationManager.updateOperatorMetadataURI(staker, "x");
        vm.stopPrank();
        vm.prank(guarded);
        delegationManager.modifyOperatorDetails(guarded, address(0));
        delegate(late, guarded);
    }

    function test_a_pause_stops_new_delegation() public {
        vm.prank(pauser);
        delegationManager.pause(1);
        _expectRefused(late, operator, _none(), 0, IPausable.CurrentlyPaused.selector);
        vm.prank(late);
        vm.expectRevert(IPausable.CurrentlyPaused.selector);
        delegationManager.registerAsOperator(address(0), 0, "");
    }

    function test_a_pause_stops_changing_the_operator_and_not_leaving() public {
        vm.prank(pauser);
        delegationManager.pause(1);
        vm.startPrank(staker);
        vm.expectRevert(IPausable.CurrentlyPaused.selector);
        delegationManager.redelegate(operator, _none(), 0);
        delegationManager.undelegate(staker);
        vm.stopPrank();
    }

    /// @dev Snapshots of stake (a fork's airdrop, a vote) read these.
    function test_history_says_whom_a_staker_was_with_and_at_which_factor() public {
        uint32 start = uint32(vm.getBlockNumber());
        roll(10);
        makeSlashable(0.5e18);
        slash(1e18);
        deposit(staker, strategy, 7e18);
        uint256 factor = delegationManager.depositScalingFactor(staker, address(strategy));
        uint32 deposited = uint32(vm.getBlockNumber());
        roll(10);
        vm.prank(staker);
        delegationManager.undelegate(staker);
        uint32 left = uint32(vm.getBlockNumber());
        roll(10);
        assertEq(delegationManager.delegatedToAtBlock(staker, start - 1), address(0));
        assertEq(delegationManager.delegatedToAtBlock(staker, left - 1), operator);
        assertEq(delegationManager.delegatedToAtBlock(staker, left), address(0));
        assertNotEq(factor, 1e18);
        assertEq(delegationManager.depositScalingFactorAtBlock(staker, address(strategy), start), 1e18);
        assertEq(delegationManager.depositScalingFactorAtBlock(staker, address(strategy), deposited), factor);
        assertEq(delegationManager.depositScalingFactorAtBlock(staker, address(strategy), left), 1e18);
        bytes memory early = abi.encodeWithSelector(IDelegationManager.NotPast.selector, vm.getBlockNumber());
        vm.expectRevert(early);
        delegationManager.delegatedToAtBlock(staker, uint32(vm.getBlockNumber()));
        vm.expectRevert(early);
        delegationManager.depositScalingFactorAtBlock(staker, address(strategy), uint32(vm.getBlockNumber()));
    }

    function test_withdrawals_cannot_be_paused() public {
        for (uint256 bits = 2; bits < 8; bits++) {
            vm.prank(pauser);
            vm.expectRevert(IDelegationManager.WithdrawalsCannotBePaused.selector);
            delegationManager.pause(bits);
        }
    }

    function test_who_delegates_after_a_slash_brings_its_whole_stake() public {
        makeSlashable(0.5e18);
        slash(1e18);
        uint256 before = delegationManager.operatorShares(operator, address(strategy));
        delegate(late, operator);
        assertEq(delegationManager.operatorShares(operator, address(strategy)), before + 7e18);
        (uint256[] memory withdrawable,) = delegationManager.getWithdrawableShares(late, one(address(strategy)));
        assertEq(withdrawable[0], 7e18);
        assertEq(delegationManager.depositScalingFactor(late, address(strategy)), 2e18);
    }

    function test_a_fully_slashed_strategy_takes_no_more_stake() public {
        makeSlashable(1e18);
        slash(1e18);
        assertEq(delegationManager.operatorShares(operator, address(strategy)), 0);
        _expectRefused(late, operator, _none(), 0, IDelegationManager.FullySlashed.selector);
        vm.prank(staker);
        vm.expectRevert(IDelegationManager.FullySlashed.selector);
        delegationManager.convertToDepositShares(staker, one(address(strategy)), new uint256[](1));
    }

    function test_deposit_shares_are_found_for_withdrawable_ones() public {
        makeSlashable(0.5e18);
        slash(1e18);
        uint256[] memory wanted = new uint256[](1);
        wanted[0] = 30e18;
        uint256[] memory needed = delegationManager.convertToDepositShares(staker, one(address(strategy)), wanted);
        assertEq(needed[0], 60e18);
        vm.expectRevert(IDelegationManager.InputArrayLengthMismatch.selector);
        delegationManager.convertToDepositShares(staker, _both(), wanted);
    }

    function _none() private pure returns (IDelegationManager.SignatureWithExpiry memory none) {}

    function _expectRefused(
        address who,
        address to,
        IDelegationManager.SignatureWithExpiry memory approval,
        bytes32 salt,
        bytes4 reason
    ) private {
        vm.prank(who);
        vm.expectRevert(reason);
        delegationManager.delegateTo(to, approval, salt);
    }

    function _approve(uint256 key, address who, bytes32 salt, uint256 expiry)
        private
        view
        returns (IDelegationManager.SignatureWithExpiry memory)
    {
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "DelegationApproval(address delegationApprover,address staker,address operator,bytes32 salt,uint256 expiry)"
                ),
                approver,
                who,
                guarded,
                salt,
                expiry
            )
        );
        bytes32 digest = keccak256(abi.encodePacked("\x19\x01", domain(address(delegationManager)), structHash));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return IDelegationManager.SignatureWithExpiry(abi.encodePacked(r, s, v), expiry);
    }
}
