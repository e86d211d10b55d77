// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IAllocationManagerTypes} from "../../src/interfaces/IAllocationManager.sol";
import {IPausable} from "../../src/interfaces/IPausable.sol";
import {OperatorSet} from "../../src/libraries/OperatorSetLib.sol";
import {StakedFixture} from "./StakedFixture.sol";
import {TestAVS} from "./TestAVS.sol";

contract OperatorSetsTest is StakedFixture {
    uint32 private constant CONFIGURATION = 230_400;

    function test_a_redistributing_set_names_its_recipient_for_ever() public view {
        assertTrue(allocationManager.isOperatorSet(operatorSet));
        assertEq(allocationManager.getOperatorSetCount(address(avs)), 1);
        assertTrue(allocationManager.isRedistributingOperatorSet(operatorSet));
        assertEq(allocationManager.getRedistributionRecipient(operatorSet), recipient);
        assertEq(allocationManager.getSlasher(operatorSet), slasher);
        assertEq(allocationManager.getStrategiesInOperatorSet(operatorSet), _both());
    }

    function test_another_set_burns() public {
        OperatorSet memory burning = createSet(address(avs), 2, _both(), slasher, address(0));
        assertFalse(allocationManager.isRedistributingOperatorSet(burning));
        assertEq(allocationManager.getRedistributionRecipient(burning), strategyManager.DEFAULT_BURN_ADDRESS());
    }

    function test_a_set_created_without_a_slasher_is_slashed_by_its_avs() public {
        IAllocationManagerTypes.CreateSetParams[] memory params = _originalParams(2);
        vm.startPrank(address(avs));
        allocationManager.createOperatorSets(address(avs), params);
        params[0].operatorSetId = 3;
        allocationManager.createRedistributingOperatorSets(address(avs), params, one(recipient));
        vm.stopPrank();
        assertEq(allocationManager.getSlasher(OperatorSet(address(avs), 2)), address(avs));
        assertEq(allocationManager.getSlasher(OperatorSet(address(avs), 3)), address(avs));
        assertEq(allocationManager.getRedistributionRecipient(OperatorSet(address(avs), 3)), recipient);
    }

    function test_creation_is_refused() public {
        _expectCreationRefused(1, slasher, recipient, IAllocationManagerTypes.InvalidOperatorSet.selector);
        _expectCreationRefused(2, address(0), recipient, IPausable.InputAddressZero.selector);
        _expectCreationRefused(2, slasher, address(0), IPausable.InputAddressZero.selector);
        address burnAddress = strategyManager.DEFAULT_BURN_ADDRESS();
        _expectCreationRefused(2, slasher, burnAddress, IAllocationManagerTypes.InvalidRedistributionRecipient.selector);
    }

    function test_creation_needs_published_metadata() public {
        address quiet = makeAddr("quiet");
        vm.prank(quiet);
        vm.expectRevert(IAllocationManagerTypes.NonexistentAVSMetadata.selector);
        allocationManager.createOperatorSets(quiet, _params(1, slasher));
    }

    function test_only_the_avs_decides() public {
        bytes4 refused = IAllocationManagerTypes.InvalidPermissions.selector;
        vm.expectRevert(refused);
        allocationManager.createOperatorSets(address(avs), _params(2, slasher));
        vm.expectRevert(refused);
        allocationManager.createRedistributingOperatorSets(address(avs), _params(2, slasher), one(recipient));
        vm.expectRevert(refused);
        allocationManager.createOperatorSets(address(avs), _originalParams(2));
        vm.expectRevert(refused);
        allocationManager.createRedistributingOperatorSets(address(avs), _originalParams(2), one(recipient));
        vm.expectRevert(refused);
        allocationManager.updateAVSMetadataURI(address(avs), "");
        vm.expectRevert(refused);
        allocationManager.setAVSRegistrar(address(avs), address(avs));
        vm.expectRevert(refused);
        allocationManager.addStrategiesToOperatorSet(address(avs), 1, _both());
        vm.prank(slasher);
        vm.expectRevert(refused);
        allocationManager.updateSlasher(operatorSet, slasher);
    }

    function test_a_slasher_is_somebody_and_of_a_known_set() public {
        vm.startPrank(address(avs));
        vm.expectRevert(IPausable.InputAddressZero.selector);
        allocationManager.updateSlasher(operatorSet, address(0));
        vm.expectRevert(IAllocationManagerTypes.InvalidOperatorSet.selector);
        allocationManager.updateSlasher(OperatorSet(address(avs), 9), slasher);
        vm.stopPrank();
    }

    function test_every_redistributing_set_names_one_recipient() public {
        vm.startPrank(address(avs));
        bytes4 refused = IAllocationManagerTypes.InputArrayLengthMismatch.selector;
        vm.expectRevert(refused);
        allocationManager.createRedistributingOperatorSets(address(avs), _params(2, slasher), _both());
        vm.expectRevert(refused);
        allocationManager.createRedistributingOperatorSets(address(avs), _originalParams(2), _both());
        vm.stopPrank();
    }

    function test_a_slasher_changes_only_after_the_configuration_delay() public {
        makeSlashable(0.5e18);
        address next = makeAddr("next");
        _proposeSlasher(next);
        uint256 effectBlock = vm.getBlockNumber() + CONFIGURATION + 1;
        (address pending, uint32 pendingBlock) = allocationManager.getPendingSlasher(operatorSet);
        assertEq(pending, next);
        assertEq(pendingBlock, effectBlock);
        roll(CONFIGURATION);
        assertEq(allocationManager.getSlasher(operatorSet), slasher);
        vm.prank(next);
        vm.expectRevert(IAllocationManagerTypes.InvalidCaller.selector);
        allocationManager.slashOperator(address(avs), slashing(one(address(strategy)), 1e18));
        roll(1);
        assertEq(allocationManager.getSlasher(operatorSet), next);
        (pending,) = allocationManager.getPendingSlasher(operatorSet);
        assertEq(pending, address(0));
        slashAs(next, one(address(strategy)), 1e18);
    }

    function test_a_second_proposal_restarts_the_clock_and_a_repeated_one_does_not() public {
        address next = makeAddr("next");
        _proposeSlasher(next);
        uint256 effectBlock = vm.getBlockNumber() + CONFIGURATION + 1;
        roll(100);
        _proposeSlasher(next);
        (, uint32 pendingBlock) = allocationManager.getPendingSlasher(operatorSet);
        assertEq(pendingBlock, effectBlock);
        roll(CONFIGURATION - 100);
        _proposeSlasher(makeAddr("third"));
        roll(1);
        assertEq(allocationManager.getSlasher(operatorSet), slasher);
    }

    function test_proposing_again_does_not_undo_a_matured_slasher() public {
        address next = makeAddr("next");
        _proposeSlasher(next);
        roll(CONFIGURATION + 1);
        _proposeSlasher(makeAddr("third"));
        assertEq(allocationManager.getSlasher(operatorSet), next);
    }

    function test_a_set_has_a_bounded_number_of_strategies() public {
        address[] memory many = new address[](31);
        for (uint256 i = 0; i < many.length; i++) {
            many[i] = address(uint160(1000 + i));
        }
        vm.prank(address(avs));
        vm.expectRevert(abi.encodeWithSelector(IAllocationManagerTypes.TooManyStrategies.selector, 32));
        allocationManager.addStrategiesToOperatorSet(address(avs), 1, many);
    }

    function test_a_strategy_is_added_once_and_to_a_known_set() public {
        address third = address(newStrategy());
        vm.startPrank(address(avs));
        allocationManager.addStrategiesToOperatorSet(address(avs), 1, one(third));
        vm.expectRevert(IAllocationManagerTypes.StrategyAlreadyInOperatorSet.selector);
        allocationManager.addStrategiesToOperatorSet(address(avs), 1, one(third));
        vm.expectRevert(IAllocationManagerTypes.InvalidOperatorSet.selector);
        allocationManager.addStrategiesToOperatorSet(address(avs), 2, one(third));
        vm.stopPrank();
        assertEq(allocationManager.getStrategiesInOperatorSet(operatorSet).length, 3);
    }

    function test_a_registrar_must_support_the_avs() public {
        assertEq(allocationManager.getAVSRegistrar(address(avs)), address(avs));
        TestAVS other = new TestAVS();
        vm.startPrank(address(avs));
        vm.expectRevert(IAllocationManagerTypes.InvalidAVSRegistrar.selector);
        allocationManager.setAVSRegistrar(address(avs), address(other));
        allocationManager.setAVSRegistrar(address(avs), address(avs));
        vm.stopPrank();
    }

    function test_an_unknown_selector_is_refused() public {
        (bool succeeded,) = address(allocationManager).call(abi.encodeWithSignature("migrateSlashers()"));
        assertFalse(succeeded);
    }

    function _proposeSlasher(address next) private {
        vm.prank(address(avs));
        allocationManager.updateSlasher(operatorSet, next);
    }

    function _expectCreationRefused(uint32 id, address slasher_, address recipient_, bytes4 reason) private {
        vm.prank(address(avs));
        vm.expectRevert(reason);
        allocationManager.createRedistributingOperatorSets(address(avs), _params(id, slasher_), one(recipient_));
    }

    /// @dev As the original's first version took them: without a slasher.
    function _originalParams(uint32 id) private view returns (IAllocationManagerTypes.CreateSetParams[] memory params) {
        params = new IAllocationManagerTypes.CreateSetParams[](1);
        params[0] = IAllocationManagerTypes.CreateSetParams(id, _both());
    }

    function _params(uint32 id, address slasher_)
        private
        view
        returns (IAllocationManagerTypes.CreateSetParamsV2[] memory params)
    {
        params = new IAllocationManagerTypes.CreateSetParamsV2[](1);
        params[0] = IAllocationManagerTypes.CreateSetParamsV2(id, _both(), slasher_);
    }
}
