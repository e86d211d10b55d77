// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {StakedFixture} from "./StakedFixture.sol";

/// @title What the core costs and how large it is. The first measured call of a test pays for cold storage.
contract CoreGasTest is StakedFixture {
    uint256 private constant RUNTIME_SIZE_MAX = 24_576;

    function test_gas_of_staking() public {
        deposit(makeAddr("new"), strategy, 1e18);
        vm.snapshotGasLastCall("core", "deposit_first");
        deposit(staker, strategy, 1e18);
        vm.snapshotGasLastCall("core", "deposit_delegated");
        delegate(makeAddr("new"), operator);
        vm.snapshotGasLastCall("core", "delegate_1_strategy");
    }

    function test_gas_of_joining_and_allocating() public {
        allocate(operator, operatorSet, address(strategy), 0.5e18);
        vm.snapshotGasLastCall("core", "allocate");
        roll(216_000);
        joinSet(operator, operatorSet, "");
        vm.snapshotGasLastCall("core", "join_set");
        allocate(operator, operatorSet, address(strategy), 0.4e18);
        vm.snapshotGasLastCall("core", "deallocate");
        leaveSet(operator, operator, operatorSet);
        vm.snapshotGasLastCall("core", "leave_set");
    }

    function test_gas_of_a_slash() public {
        makeSlashable(0.5e18);
        (uint256 slashId,) = slash(0.5e18);
        vm.snapshotGasLastCall("core", "slash_1_strategy");
        roll(50_400);
        strategyManager.clearBurnOrRedistributableShares(operatorSet, slashId);
        vm.snapshotGasLastCall("core", "clear_slash_1_strategy");
    }

    function test_gas_of_a_slash_of_two_strategies() public {
        deposit(operator, secondStrategy, 1e18);
        allocate(operator, operatorSet, address(secondStrategy), 0.5e18);
        makeSlashable(0.5e18);
        slashAs(slasher, _both(), 1e18);
        vm.snapshotGasLastCall("core", "slash_2_strategies");
    }

    function test_sizes() public {
        _size("AllocationManager", address(allocationManager));
        _size("AllocationManagerView", allocationManager.viewImplementation());
        _size("DelegationManager", address(delegationManager));
        _size("StrategyManager", address(strategyManager));
        _size("StrategyBase", address(strategy));
        _size("PermissionController", address(permissionController));
    }

    function _size(string memory name, address deployed) private {
        assertLe(deployed.code.length, RUNTIME_SIZE_MAX);
        vm.snapshotValue("core-size", name, deployed.code.length);
    }
}
