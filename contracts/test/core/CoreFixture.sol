// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {AllocationManager} from "../../src/core/AllocationManager.sol";
import {DelegationManager} from "../../src/core/DelegationManager.sol";
import {PauserRegistry} from "../../src/core/PauserRegistry.sol";
import {PermissionController} from "../../src/core/PermissionController.sol";
import {StrategyBase} from "../../src/core/StrategyBase.sol";
import {StrategyManager} from "../../src/core/StrategyManager.sol";
import {IAllocationManager, IAllocationManagerTypes} from "../../src/interfaces/IAllocationManager.sol";
import {IDelegationManager} from "../../src/interfaces/IDelegationManager.sol";
import {IPermissionController} from "../../src/interfaces/IPermissionController.sol";
import {IStrategyManager} from "../../src/interfaces/IStrategyManager.sol";
import {OperatorSet} from "../../src/libraries/OperatorSetLib.sol";
import {Test} from "../Test.sol";
import {TestToken} from "./TestToken.sol";

/// @title Deploys the core and knows how to stake. Inherit it and call `deployCore` in `setUp`.
abstract contract CoreFixture is Test {
    struct CoreDelays {
        uint32 withdrawal;
        uint32 deallocation;
        uint32 configuration;
        uint32 guard;
        uint32 slashResolution;
    }

    uint64 internal constant WAD = 1e18;

    PauserRegistry internal pauserRegistry;
    IPermissionController internal permissionController;
    IStrategyManager internal strategyManager;
    IDelegationManager internal delegationManager;
    IAllocationManager internal allocationManager;

    address internal pauser = makeAddr("pauser");
    address internal unpauser = makeAddr("unpauser");
    address internal whitelister = makeAddr("whitelister");

    /// @dev The order matters twice: the managers know each other's addresses before they exist, and the
    /// AllocationManager reads the DelegationManager while it is made.
    function deployCore(CoreDelays memory delays) internal {
        pauserRegistry = new PauserRegistry(one(pauser), unpauser);
        permissionController = new PermissionController();

        uint256 nonce = vm.getNonce(address(this));
        address delegationAt = vm.computeCreateAddress(address(this), nonce + 1);
        address allocationAt = vm.computeCreateAddress(address(this), nonce + 2);
        strategyManager = new StrategyManager(
            delegationAt, allocationAt, address(pauserRegistry), whitelister, delays.slashResolution
        );
        delegationManager = new DelegationManager(
            address(strategyManager),
            allocationAt,
            address(permissionController),
            address(pauserRegistry),
            delays.withdrawal
        );
        allocationManager = IAllocationManager(
            address(
                new AllocationManager(
                    delegationAt,
                    address(permissionController),
                    address(pauserRegistry),
                    delays.deallocation,
                    delays.configuration,
                    delays.guard
                )
            )
        );
        assertEq(address(delegationManager), delegationAt);
        assertEq(address(allocationManager), allocationAt);
    }

    /// @notice In blocks of 12 seconds: 30, 30 and 32 days, one day, a week.
    function mainnetDelays() internal pure returns (CoreDelays memory) {
        return CoreDelays({
            withdrawal: 216_000, deallocation: 216_000, configuration: 230_400, guard: 7_200, slashResolution: 50_400
        });
    }

    /// @notice In blocks of one second, as a local cloud uses them.
    function localDelays() internal pure returns (CoreDelays memory) {
        return CoreDelays({withdrawal: 600, deallocation: 600, configuration: 640, guard: 20, slashResolution: 30});
    }

    function newStrategy() internal returns (StrategyBase strategy) {
        strategy = new StrategyBase(address(strategyManager), new TestToken(), address(pauserRegistry));
        vm.prank(whitelister);
        strategyManager.addStrategiesToDepositWhitelist(one(address(strategy)));
    }

    /// @notice Mints `amount` to `staker`, who deposits it.
    function deposit(address staker, StrategyBase strategy, uint256 amount) internal returns (uint256 shares) {
        IERC20 token = strategy.underlyingToken();
        TestToken(address(token)).mint(staker, amount);
        vm.startPrank(staker);
        token.approve(address(strategyManager), amount);
        shares = strategyManager.depositIntoStrategy(address(strategy), token, amount);
        vm.stopPrank();
    }

    /// @notice Registers without an approver, with the least allocation delay there is.
    function registerOperator(address operator) internal {
        vm.prank(operator);
        delegationManager.registerAsOperator(address(0), 0, "");
    }

    function delegate(address staker, address operator) internal {
        IDelegationManager.SignatureWithExpiry memory none;
        vm.prank(staker);
        delegationManager.delegateTo(operator, none, bytes32(0));
    }

    /// @notice Creates a set of `avs` that burns (`recipient` zero) or redistributes.
    function createSet(address avs, uint32 id, address[] memory strategies, address slasher, address recipient)
        internal
        returns (OperatorSet memory operatorSet)
    {
        IAllocationManagerTypes.CreateSetParamsV2[] memory params = new IAllocationManagerTypes.CreateSetParamsV2[](1);
        params[0] = IAllocationManagerTypes.CreateSetParamsV2(id, strategies, slasher);
        vm.startPrank(avs);
        allocationManager.updateAVSMetadataURI(avs, "");
        if (recipient == address(0)) {
            allocationManager.createOperatorSets(avs, params);
        } else {
            address[] memory recipients = new address[](1);
            recipients[0] = recipient;
            allocationManager.createRedistributingOperatorSets(avs, params, recipients);
        }
        vm.stopPrank();
        return OperatorSet(avs, id);
    }

    function joinSet(address operator, OperatorSet memory operatorSet, bytes memory data) internal {
        vm.prank(operator);
        allocationManager.registerForOperatorSets(
            operator, IAllocationManagerTypes.RegisterParams(operatorSet.avs, _ids(operatorSet.id), data)
        );
    }

    function leaveSet(address caller, address operator, OperatorSet memory operatorSet) internal {
        vm.prank(caller);
        allocationManager.deregisterFromOperatorSets(
            IAllocationManagerTypes.DeregisterParams(operator, operatorSet.avs, _ids(operatorSet.id))
        );
    }

    /// @notice Sets the operator's magnitude; an increase still has to wait.
    function allocate(address operator, OperatorSet memory operatorSet, address strategy, uint64 magnitude) internal {
        IAllocationManagerTypes.AllocateParams[] memory params = new IAllocationManagerTypes.AllocateParams[](1);
        params[0].operatorSet = operatorSet;
        params[0].strategies = new address[](1);
        params[0].strategies[0] = strategy;
        params[0].newMagnitudes = new uint64[](1);
        params[0].newMagnitudes[0] = magnitude;
        vm.prank(operator);
        allocationManager.modifyAllocations(operator, params);
    }

    /// @notice The blocks that an increase of `operator` waits now.
    function allocationWait(address operator) internal view returns (uint32) {
        (, uint32 delay) = allocationManager.getAllocationDelay(operator);
        uint32 guard = allocationManager.ALLOCATION_GUARD();
        return delay < guard ? guard : delay;
    }

    function roll(uint256 blocks) internal {
        vm.roll(vm.getBlockNumber() + blocks);
    }

    /// @notice The EIP-712 domain of a core contract, computed from its definition.
    function domain(address verifyingContract) internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("EigenLayer"),
                keccak256("1"),
                block.chainid,
                verifyingContract
            )
        );
    }

    function one(address item) internal pure returns (address[] memory list) {
        list = new address[](1);
        list[0] = item;
    }

    function _ids(uint32 id) private pure returns (uint32[] memory ids) {
        ids = new uint32[](1);
        ids[0] = id;
    }
}
