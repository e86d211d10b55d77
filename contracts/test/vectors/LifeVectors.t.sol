// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {StrategyBase} from "../../src/core/StrategyBase.sol";
import {IAllocationManagerTypes} from "../../src/interfaces/IAllocationManager.sol";
import {IDelegationManager} from "../../src/interfaces/IDelegationManager.sol";
import {OperatorSet} from "../../src/libraries/OperatorSetLib.sol";
import {CoreFixture} from "../core/CoreFixture.sol";
import {TestAVS} from "../core/TestAVS.sol";
import {TableFile} from "./TableFile.sol";

/// @title An operator with three stakers goes through the same steps on the real contracts and in the model in Rust.
contract LifeVectorsTest is TableFile, CoreFixture {
    uint256 private constant STAKERS = 3;

    StrategyBase private strategy;
    OperatorSet private operatorSet;
    address private operator;
    address private recipient;
    address[STAKERS] private stakers;
    bytes32[STAKERS] private roots;
    uint256 private lifeCount;

    function setUp() public {
        vm.roll(1_000_000);
        deployCore(mainnetDelays());
    }

    function test_lives() public {
        string memory takes = string.concat(
            "first0 first1 first2 second0 second1 second2 queued0 queued1 queued2", " magnitude wad1 taken wad2"
        );
        string memory makes = string.concat(
            "factor0 factor1 factor2 withdrawable0 withdrawable1 withdrawable2 paid0 paid1 paid2",
            " parked1 parked2 operatorShares maxMagnitude magnitudeLeft takenLeft stake"
        );
        checkTable("lives", this.live.selector, takes, makes);
    }

    /// @dev Deposits, a slash, deposits, magnitude taken back, withdrawals queued, a slash, the end.
    function live() external returns (uint256[16] memory made) {
        uint256[13] memory v = abi.decode(msg.data[4:], (uint256[13]));
        begin(uint64(v[9]));
        depositAll(v, 0);
        made[9] = slash(v[10]);
        depositAll(v, STAKERS);
        if (v[11] != 0) {
            allocate(operator, operatorSet, address(strategy), allocation().currentMagnitude - uint64(v[11]));
        }
        queueAll(v);
        made[10] = slash(v[12]);
        readAccounts(made);
        readOperator(made);
        end(made);
    }

    function begin(uint64 magnitude) private {
        lifeCount += 1;
        strategy = newStrategy();
        address avs = address(new TestAVS());
        (operator, recipient) = (account("operator", 0), account("recipient", 0));
        operatorSet = createSet(avs, 1, one(address(strategy)), address(this), recipient);
        registerOperator(operator);
        for (uint256 i = 0; i < STAKERS; i++) {
            stakers[i] = account("staker", i);
            delegate(stakers[i], operator);
        }
        allocate(operator, operatorSet, address(strategy), magnitude);
        roll(allocationWait(operator));
        joinSet(operator, operatorSet, "");
    }

    function depositAll(uint256[13] memory v, uint256 from) private {
        for (uint256 i = 0; i < STAKERS; i++) {
            deposit(stakers[i], strategy, v[from + i]);
        }
    }

    function queueAll(uint256[13] memory v) private {
        for (uint256 i = 0; i < STAKERS; i++) {
            IDelegationManager.QueuedWithdrawalParams[] memory params =
                new IDelegationManager.QueuedWithdrawalParams[](1);
            params[0].strategies = one(address(strategy));
            params[0].depositShares = new uint256[](1);
            params[0].depositShares[0] = v[2 * STAKERS + i];
            vm.prank(stakers[i]);
            roots[i] = delegationManager.queueWithdrawals(params)[0];
        }
    }

    /// @return What was parked.
    function slash(uint256 wad) private returns (uint256) {
        IAllocationManagerTypes.SlashingParams memory params;
        (params.operator, params.operatorSetId) = (operator, operatorSet.id);
        params.strategies = one(address(strategy));
        params.wadsToSlash = new uint256[](1);
        params.wadsToSlash[0] = wad;
        (uint256 slashId, uint256[] memory shares) = allocationManager.slashOperator(operatorSet.avs, params);
        uint256 parked = strategyManager.getBurnOrRedistributableShares(operatorSet, slashId, address(strategy));
        assertEq(parked, shares[0]);
        return parked;
    }

    function readAccounts(uint256[16] memory made) private view {
        for (uint256 i = 0; i < STAKERS; i++) {
            made[i] = delegationManager.depositScalingFactor(stakers[i], address(strategy));
            (uint256[] memory withdrawable,) =
                delegationManager.getWithdrawableShares(stakers[i], one(address(strategy)));
            made[STAKERS + i] = withdrawable[0];
        }
    }

    function readOperator(uint256[16] memory made) private view {
        made[11] = delegationManager.operatorShares(operator, address(strategy));
        made[12] = allocationManager.getMaxMagnitude(operator, address(strategy));
        made[13] = allocation().currentMagnitude;
        made[14] = uint256(-int256(allocation().pendingDiff));
        made[15] = allocationManager.getAllocatedStake(operatorSet, one(operator), one(address(strategy)))[0][0];
        assertEq(allocationManager.getEncumberedMagnitude(operator, address(strategy)), made[13]);
    }

    /// @dev All leave, the slashes resolve, and the strategy still covers who stayed.
    function end(uint256[16] memory made) private {
        roll(delegationManager.minWithdrawalDelayBlocks() + 1);
        uint256 stayed = 0;
        for (uint256 i = 0; i < STAKERS; i++) {
            vm.prank(stakers[i]);
            delegationManager.completeQueuedWithdrawal(roots[i], true);
            made[2 * STAKERS + i] = strategy.underlyingToken().balanceOf(stakers[i]);
            stayed += made[STAKERS + i];
        }
        strategyManager.clearBurnOrRedistributableShares(operatorSet, 1);
        strategyManager.clearBurnOrRedistributableShares(operatorSet, 2);
        assertEq(strategy.underlyingToken().balanceOf(recipient), made[9] + made[10]);
        assertGe(strategy.totalShares(), stayed);
    }

    function allocation() private view returns (IAllocationManagerTypes.Allocation memory) {
        return allocationManager.getAllocation(operator, operatorSet, address(strategy));
    }

    function account(string memory name, uint256 index) private view returns (address) {
        return address(uint160(uint256(keccak256(abi.encode(name, index, lifeCount)))));
    }
}
