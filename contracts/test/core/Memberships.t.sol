// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IAllocationManagerTypes} from "../../src/interfaces/IAllocationManager.sol";
import {IPausable} from "../../src/interfaces/IPausable.sol";
import {OperatorSet} from "../../src/libraries/OperatorSetLib.sol";
import {StakedFixture} from "./StakedFixture.sol";
import {TestAVS} from "./TestAVS.sol";

contract MembershipsTest is StakedFixture {
    function test_joining_makes_a_member_and_tells_the_avs() public {
        joinSet(operator, operatorSet, "");
        assertEq(allocationManager.getMembers(operatorSet), one(operator));
        assertEq(allocationManager.getMemberCount(operatorSet), 1);
        assertTrue(allocationManager.isMemberOfOperatorSet(operator, operatorSet));
        assertTrue(allocationManager.isOperatorSlashable(operator, operatorSet));
        assertTrue(allocationManager.isOperatorRedistributable(operator));
        assertEq(allocationManager.getRegisteredSets(operator)[0].avs, address(avs));
        assertEq(avs.joined(), 1);
    }

    function test_the_avs_may_refuse() public {
        avs.setRefuses(true);
        _expectJoinRefused(operator, operatorSet, abi.encodeWithSignature("Error(string)", "refused"));
        assertEq(allocationManager.getMemberCount(operatorSet), 0);
    }

    function test_joining_is_refused_to_who_is_no_operator_a_member_or_unknown() public {
        _expectJoinRefused(
            staker, operatorSet, abi.encodeWithSelector(IAllocationManagerTypes.InvalidOperator.selector)
        );
        _expectJoinRefused(
            operator,
            OperatorSet(address(avs), 4),
            abi.encodeWithSelector(IAllocationManagerTypes.InvalidOperatorSet.selector)
        );
        joinSet(operator, operatorSet, "");
        _expectJoinRefused(
            operator, operatorSet, abi.encodeWithSelector(IAllocationManagerTypes.AlreadyMemberOfSet.selector)
        );
    }

    function test_joining_for_another_needs_its_permission() public {
        uint32[] memory ids = new uint32[](1);
        ids[0] = 1;
        vm.expectRevert(IAllocationManagerTypes.InvalidPermissions.selector);
        allocationManager.registerForOperatorSets(
            operator, IAllocationManagerTypes.RegisterParams(address(avs), ids, "")
        );
    }

    function test_who_left_stays_slashable_and_cannot_rejoin_before() public {
        joinSet(operator, operatorSet, "");
        leaveSet(operator, operator, operatorSet);
        assertEq(allocationManager.getMemberCount(operatorSet), 0);
        assertEq(allocationManager.getRegisteredSets(operator).length, 0);
        roll(216_000);
        assertTrue(allocationManager.isOperatorSlashable(operator, operatorSet));
        _expectJoinRefused(
            operator, operatorSet, abi.encodeWithSelector(IAllocationManagerTypes.AlreadyMemberOfSet.selector)
        );
        roll(1);
        assertFalse(allocationManager.isOperatorSlashable(operator, operatorSet));
        joinSet(operator, operatorSet, "");
    }

    function test_the_avs_can_eject_and_others_cannot() public {
        joinSet(operator, operatorSet, "");
        IAllocationManagerTypes.DeregisterParams memory params = _leaving();
        vm.expectRevert(IAllocationManagerTypes.InvalidCaller.selector);
        allocationManager.deregisterFromOperatorSets(params);
        leaveSet(address(avs), operator, operatorSet);
        assertTrue(allocationManager.isOperatorSlashable(operator, operatorSet));
        vm.prank(operator);
        vm.expectRevert(IAllocationManagerTypes.NotMemberOfSet.selector);
        allocationManager.deregisterFromOperatorSets(params);
    }

    function test_a_hook_that_reverts_cannot_keep_an_operator() public {
        _leaveThough(TestAVS.Leaving.Reverts);
    }

    function test_a_hook_that_burns_gas_cannot_keep_an_operator() public {
        joinSet(operator, operatorSet, "");
        avs.setLeaving(TestAVS.Leaving.BurnsGas);
        vm.prank(operator);
        allocationManager.deregisterFromOperatorSets{gas: 1_000_000}(_leaving());
        assertFalse(allocationManager.isMemberOfOperatorSet(operator, operatorSet));
    }

    /// @dev However much the caller brings: a hook must not be able to use up a block.
    function test_a_hook_gets_its_gas_and_no_more() public {
        joinSet(operator, operatorSet, "");
        leaveSet(operator, operator, operatorSet);
        assertGt(avs.gasToLeave(), 490_000);
        assertLe(avs.gasToLeave(), 500_000);
    }

    /// @dev Stakers see that what they are slashed of goes to somebody, for as long as it can.
    function test_who_left_counts_as_redistributable_while_its_allocation_lasts() public {
        makeSlashable(0.5e18);
        leaveSet(operator, operator, operatorSet);
        assertEq(allocationManager.getRegisteredSets(operator).length, 0);
        assertTrue(allocationManager.isOperatorRedistributable(operator));
    }

    function test_a_hook_that_returns_much_cannot_keep_an_operator() public {
        _leaveThough(TestAVS.Leaving.ReturnsMuch);
    }

    function test_a_registrar_that_is_gone_cannot_keep_an_operator() public {
        joinSet(operator, operatorSet, "");
        vm.etch(address(avs), "");
        leaveSet(operator, operator, operatorSet);
        assertFalse(allocationManager.isMemberOfOperatorSet(operator, operatorSet));
    }

    function test_leaving_cannot_be_hidden_from_the_avs_by_giving_it_no_gas() public {
        joinSet(operator, operatorSet, "");
        IAllocationManagerTypes.DeregisterParams memory params = _leaving();
        uint256[4] memory allowances = [uint256(100_000), 300_000, 500_000, 550_000];
        for (uint256 i = 0; i < allowances.length; i++) {
            vm.prank(operator);
            (bool left,) = address(allocationManager).call{gas: allowances[i]}(
                abi.encodeCall(allocationManager.deregisterFromOperatorSets, (params))
            );
            assertFalse(left);
        }
        leaveSet(operator, operator, operatorSet);
        assertEq(avs.left(), 1);
    }

    function test_a_pause_stops_joining_and_not_leaving() public {
        joinSet(operator, operatorSet, "");
        vm.prank(pauser);
        allocationManager.pause(4);
        leaveSet(operator, operator, operatorSet);
        roll(216_001);
        _expectJoinRefused(operator, operatorSet, abi.encodeWithSelector(IPausable.CurrentlyPaused.selector));
    }

    function _leaveThough(TestAVS.Leaving mode) private {
        joinSet(operator, operatorSet, "");
        avs.setLeaving(mode);
        vm.expectEmit(address(allocationManager));
        emit IAllocationManagerTypes.DeregistrationHookFailed(operator, address(avs), _leaving().operatorSetIds);
        leaveSet(operator, operator, operatorSet);
        assertFalse(allocationManager.isMemberOfOperatorSet(operator, operatorSet));
    }

    function _leaving() private view returns (IAllocationManagerTypes.DeregisterParams memory params) {
        params.operator = operator;
        params.avs = address(avs);
        params.operatorSetIds = new uint32[](1);
        params.operatorSetIds[0] = operatorSet.id;
    }

    function _expectJoinRefused(address account, OperatorSet memory set, bytes memory reason) private {
        uint32[] memory ids = new uint32[](1);
        ids[0] = set.id;
        vm.prank(account);
        vm.expectRevert(reason);
        allocationManager.registerForOperatorSets(account, IAllocationManagerTypes.RegisterParams(set.avs, ids, ""));
    }
}
