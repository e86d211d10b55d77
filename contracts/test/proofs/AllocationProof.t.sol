// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {AllocationManager} from "../../src/core/AllocationManager.sol";
import {IAllocationManager, IAllocationManagerTypes} from "../../src/interfaces/IAllocationManager.sol";
import {OperatorSet} from "../../src/libraries/OperatorSetLib.sol";
import {Test} from "../Test.sol";

/// @title For all magnitudes: no sequence of these steps promises more than the operator has.
/// @dev This contract stands in for the DelegationManager, the permissions, the pausers, the AVS and the slasher.
contract AllocationProof is Test {
    uint32 private constant DELAY = 10;
    uint32 private constant GUARD = 3;
    address private constant OPERATOR = address(0x0e);
    address private constant STRATEGY = address(0x57);

    IAllocationManager private manager;

    function setUp() public {
        vm.roll(1_000);
        manager = IAllocationManager(
            address(new AllocationManager(address(this), address(this), address(this), DELAY, DELAY + 1, GUARD))
        );
        manager.setAllocationDelay(OPERATOR, DELAY);
        manager.updateAVSMetadataURI(address(this), "");
        IAllocationManagerTypes.CreateSetParamsV2[] memory sets = new IAllocationManagerTypes.CreateSetParamsV2[](2);
        address[] memory strategies = new address[](1);
        strategies[0] = STRATEGY;
        sets[0] = IAllocationManagerTypes.CreateSetParamsV2(1, strategies, address(this));
        sets[1] = IAllocationManagerTypes.CreateSetParamsV2(2, strategies, address(this));
        manager.createOperatorSets(address(this), sets);
        join(1);
    }

    function minWithdrawalDelayBlocks() external pure returns (uint32) {
        return DELAY;
    }

    function canCall(address, address, address, bytes4) external pure returns (bool) {
        return true;
    }

    function isOperator(address) external pure returns (bool) {
        return true;
    }

    function registerOperator(address, address, uint32[] calldata, bytes calldata) external {}

    function slashOperatorShares(address, OperatorSet calldata, uint256, address, uint64 prev, uint64 next)
        external
        pure
        returns (uint256)
    {
        assert(next <= prev);
        return 0;
    }

    function check_two_sets_share_one_magnitude(uint64 first, uint64 second) public {
        allocate(1, first);
        allocate(2, second);
        assert(uint256(first) + second <= manager.getMaxMagnitude(OPERATOR, STRATEGY));
        assert(manager.getEncumberedMagnitude(OPERATOR, STRATEGY) == first + second);
    }

    /// @dev What leaves a set that can slash it stays taken until it has left.
    function check_magnitude_on_its_way_out_is_not_given_again(uint64 first, uint64 less, uint64 second) public {
        allocate(1, first);
        vm.roll(1_000 + DELAY + 1);
        vm.assume(less < first);
        allocate(1, less);
        allocate(2, second);
        assert(uint256(first) + second <= 1e18);
        assert(allocation(1).currentMagnitude == first);
        vm.roll(1_000 + 2 * DELAY + 2);
        assert(allocation(1).currentMagnitude == less);
        assert(manager.getEncumberedMagnitude(OPERATOR, STRATEGY) == uint256(less) + second);
    }

    /// @dev A slash of any part of a whole magnitude: nothing grows, and what is encumbered is still there.
    function check_a_slash_only_takes(uint64 wad) public {
        allocate(1, 1e18);
        vm.roll(1_000 + DELAY + 1);
        IAllocationManagerTypes.SlashingParams memory params;
        (params.operator, params.operatorSetId) = (OPERATOR, 1);
        params.strategies = new address[](1);
        params.strategies[0] = STRATEGY;
        params.wadsToSlash = new uint256[](1);
        params.wadsToSlash[0] = wad;
        manager.slashOperator(address(this), params);
        uint64 max = manager.getMaxMagnitude(OPERATOR, STRATEGY);
        assert(max < 1e18);
        assert(manager.getEncumberedMagnitude(OPERATOR, STRATEGY) <= max);
        assert(allocation(1).currentMagnitude <= max);
    }

    function join(uint32 id) private {
        uint32[] memory ids = new uint32[](1);
        ids[0] = id;
        manager.registerForOperatorSets(OPERATOR, IAllocationManagerTypes.RegisterParams(address(this), ids, ""));
    }

    function allocate(uint32 id, uint64 magnitude) private {
        IAllocationManagerTypes.AllocateParams[] memory params = new IAllocationManagerTypes.AllocateParams[](1);
        params[0].operatorSet = OperatorSet(address(this), id);
        params[0].strategies = new address[](1);
        params[0].strategies[0] = STRATEGY;
        params[0].newMagnitudes = new uint64[](1);
        params[0].newMagnitudes[0] = magnitude;
        manager.modifyAllocations(OPERATOR, params);
    }

    function allocation(uint32 id) private view returns (IAllocationManagerTypes.Allocation memory) {
        return manager.getAllocation(OPERATOR, OperatorSet(address(this), id), STRATEGY);
    }
}
