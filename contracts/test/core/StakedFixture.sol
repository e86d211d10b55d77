// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {StrategyBase} from "../../src/core/StrategyBase.sol";
import {IAllocationManagerTypes} from "../../src/interfaces/IAllocationManager.sol";
import {OperatorSet} from "../../src/libraries/OperatorSetLib.sol";
import {CoreFixture} from "./CoreFixture.sol";
import {TestAVS} from "./TestAVS.sol";

/// @title A set of one AVS with two strategies, an operator with stake of its own and a staker behind it; nothing
/// allocated, nobody a member yet.
abstract contract StakedFixture is CoreFixture {
    uint256 internal constant OWN_STAKE = 100e18;
    uint256 internal constant DELEGATED_STAKE = 300e18;

    StrategyBase internal strategy;
    StrategyBase internal secondStrategy;
    TestAVS internal avs;
    OperatorSet internal operatorSet;
    address internal operator = makeAddr("operator");
    address internal staker = makeAddr("staker");
    address internal slasher = makeAddr("slasher");
    address internal recipient = makeAddr("recipient");

    function setUp() public virtual {
        vm.roll(1_000_000);
        deployCore(mainnetDelays());
        (strategy, secondStrategy) = _ascending(newStrategy(), newStrategy());
        avs = new TestAVS();
        operatorSet = createSet(address(avs), 1, _both(), slasher, recipient);
        registerOperator(operator);
        deposit(operator, strategy, OWN_STAKE);
        deposit(staker, strategy, DELEGATED_STAKE);
        delegate(staker, operator);
    }

    /// @dev Allocates and waits until it counts.
    function allocateNow(uint64 magnitude) internal {
        allocate(operator, operatorSet, address(strategy), magnitude);
        roll(allocationWait(operator));
    }

    /// @dev Allocates, waits and joins.
    function makeSlashable(uint64 magnitude) internal {
        allocateNow(magnitude);
        joinSet(operator, operatorSet, "");
    }

    function slash(uint256 wad) internal returns (uint256 slashId, uint256[] memory shares) {
        return slashAs(slasher, one(address(strategy)), wad);
    }

    function slashAs(address caller, address[] memory strategies, uint256 wad)
        internal
        returns (uint256 slashId, uint256[] memory shares)
    {
        vm.prank(caller);
        return allocationManager.slashOperator(address(avs), slashing(strategies, wad));
    }

    function slashing(address[] memory strategies, uint256 wad)
        internal
        view
        returns (IAllocationManagerTypes.SlashingParams memory params)
    {
        params.operator = operator;
        params.operatorSetId = operatorSet.id;
        params.strategies = strategies;
        params.wadsToSlash = new uint256[](strategies.length);
        for (uint256 i = 0; i < strategies.length; i++) {
            params.wadsToSlash[i] = wad;
        }
    }

    function minimumStakeAt(uint256 blockNumber) internal view returns (uint256) {
        return allocationManager.getMinimumSlashableStake(
            operatorSet, one(operator), one(address(strategy)), uint32(blockNumber)
        )[0][0];
    }

    function minimumStake() internal view returns (uint256) {
        return minimumStakeAt(vm.getBlockNumber());
    }

    function allocation() internal view returns (IAllocationManagerTypes.Allocation memory) {
        return allocationManager.getAllocation(operator, operatorSet, address(strategy));
    }

    function _both() internal view returns (address[] memory list) {
        list = new address[](2);
        (list[0], list[1]) = (address(strategy), address(secondStrategy));
    }

    function _ascending(StrategyBase a, StrategyBase b) private pure returns (StrategyBase, StrategyBase) {
        return address(a) < address(b) ? (a, b) : (b, a);
    }
}
