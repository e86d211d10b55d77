// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IAllocationManager, IAllocationManagerTypes} from "../../src/interfaces/IAllocationManager.sol";
import {IDelegationManager} from "../../src/interfaces/IDelegationManager.sol";
import {IStrategy} from "../../src/interfaces/IStrategy.sol";
import {IStrategyManager} from "../../src/interfaces/IStrategyManager.sol";
import {OperatorSet} from "../../src/libraries/OperatorSetLib.sol";
import {Test} from "../Test.sol";
import {PromiseHandler} from "./PromiseHandler.sol";

/// @title What holds after any sequence of deposits, delegations, allocations, joins, leaves and slashes.
contract CoreInvariantsTest is Test {
    PromiseHandler private handler;
    IStrategyManager private strategyManager;
    IDelegationManager private delegation;
    IAllocationManager private allocations;

    function setUp() public {
        handler = new PromiseHandler();
        (address sm, address dm, address am) = handler.core();
        (strategyManager, delegation, allocations) =
        (IStrategyManager(sm), IDelegationManager(dm), IAllocationManager(am));
        targetContract(address(handler));
        bytes4[] memory selectors = new bytes4[](17);
        selectors[0] = handler.makeDeposit.selector;
        selectors[1] = handler.makeDelegation.selector;
        selectors[2] = handler.makeAllocation.selector;
        selectors[3] = handler.join.selector;
        selectors[4] = handler.leave.selector;
        selectors[5] = handler.slash.selector;
        selectors[6] = handler.clearQueue.selector;
        selectors[7] = handler.clearSlash.selector;
        selectors[8] = handler.passBlocks.selector;
        selectors[9] = handler.queueWithdrawal.selector;
        selectors[10] = handler.undelegate.selector;
        selectors[11] = handler.completeWithdrawal.selector;
        selectors[12] = handler.countStake.selector;
        selectors[13] = handler.pauseEverything.selector;
        selectors[14] = handler.removeStrategy.selector;
        selectors[15] = handler.addStrategy.selector;
        selectors[16] = handler.changeSlasher.selector;
        targetSelector(FuzzSelector(address(handler), selectors));
    }

    /// @dev One function, because each would be a campaign of its own: 50,000 calls here, a million at night.
    /// forge-config: default.invariant.runs = 500
    /// forge-config: default.invariant.depth = 100
    /// forge-config: default.invariant.check_interval = 10
    /// forge-config: nightly.invariant.runs = 4000
    /// forge-config: nightly.invariant.depth = 250
    /// forge-config: nightly.invariant.check_interval = 25
    function invariant_the_core_keeps_what_it_promises() public view {
        _operator_shares_cover_what_stakers_can_withdraw();
        _encumbered_is_the_sum_of_allocations_and_below_the_max();
        _sets_together_can_slash_no_more_than_there_is();
        _whoever_waited_gets_out_with_what_was_promised();
        _shares_are_conserved();
        _slashed_shares_are_parked_or_paid();
        _max_magnitudes_never_rise();
        assertTrue(handler.promisesAreKept(), "stake that was counted can be slashed to its horizon");
    }

    function _operator_shares_cover_what_stakers_can_withdraw() private view {
        for (uint256 i = 0; i < handler.STRATEGIES(); i++) {
            for (uint256 j = 0; j < handler.OPERATORS(); j++) {
                address operator = handler.operators(j);
                uint256 total = _withdrawable(operator, i);
                for (uint256 k = 0; k < handler.STAKERS(); k++) {
                    address staker = handler.stakers(k);
                    if (delegation.delegatedTo(staker) == operator) total += _withdrawable(staker, i);
                }
                assertGe(delegation.operatorShares(operator, _strategy(i)), total);
            }
        }
    }

    function _encumbered_is_the_sum_of_allocations_and_below_the_max() private view {
        for (uint256 i = 0; i < handler.STRATEGIES(); i++) {
            for (uint256 j = 0; j < handler.OPERATORS(); j++) {
                address operator = handler.operators(j);
                uint256 encumbered = allocations.getEncumberedMagnitude(operator, _strategy(i));
                assertEq(encumbered, _allocated(operator, i));
                assertLe(encumbered, allocations.getMaxMagnitude(operator, _strategy(i)));
            }
        }
    }

    function _sets_together_can_slash_no_more_than_there_is() private view {
        for (uint256 i = 0; i < handler.STRATEGIES(); i++) {
            for (uint256 j = 0; j < handler.OPERATORS(); j++) {
                uint256 slashable;
                for (uint256 k = 0; k < handler.SETS(); k++) {
                    slashable += _slashable(handler.operators(j), i, k);
                }
                assertLe(slashable, delegation.operatorShares(handler.operators(j), _strategy(i)));
            }
        }
    }

    function _whoever_waited_gets_out_with_what_was_promised() private view {
        assertFalse(handler.exitRefused());
        assertFalse(handler.paidWrongly());
    }

    /// @dev Every share of a strategy is an operator's, an undelegated staker's, queued, slashed and not yet paid, or left to
    /// nobody by rounding, which is bounded.
    function _shares_are_conserved() private view {
        for (uint256 i = 0; i < handler.STRATEGIES(); i++) {
            address strategy = _strategy(i);
            uint256 total = _parked(strategy);
            for (uint256 j = 0; j < handler.OPERATORS(); j++) {
                total += delegation.operatorShares(handler.operators(j), strategy);
            }
            for (uint256 j = 0; j < handler.STAKERS(); j++) {
                address staker = handler.stakers(j);
                if (!delegation.isDelegated(staker)) total += strategyManager.stakerDepositShares(staker, strategy);
            }
            total += _queued(strategy);
            uint256 held = IStrategy(strategy).totalShares();
            assertGe(held, total);
            assertLe(held, total + handler.driftMax(strategy));
            assertEq(IStrategy(strategy).underlyingToken().balanceOf(strategy), held);
        }
    }

    function _slashed_shares_are_parked_or_paid() private view {
        for (uint256 i = 0; i < handler.STRATEGIES(); i++) {
            address strategy = _strategy(i);
            assertEq(handler.slashedShares(strategy), _parked(strategy) + handler.clearedShares(strategy));
        }
        assertFalse(handler.slashDisagreed());
    }

    function _max_magnitudes_never_rise() private view {
        assertFalse(handler.maxMagnitudeRose());
        for (uint256 i = 0; i < handler.STRATEGIES(); i++) {
            for (uint256 j = 0; j < handler.OPERATORS(); j++) {
                uint32 present = uint32(vm.getBlockNumber());
                address[] memory list = new address[](1);
                list[0] = _strategy(i);
                address operator = handler.operators(j);
                uint64 earlier = allocations.getMaxMagnitudesAtBlock(operator, list, present - 500)[0];
                assertLe(allocations.getMaxMagnitude(operator, list[0]), earlier);
            }
        }
    }

    function _allocated(address operator, uint256 strategyIndex) private view returns (uint256 total) {
        for (uint256 i = 0; i < handler.SETS(); i++) {
            IAllocationManagerTypes.Allocation memory allocation =
                allocations.getAllocation(operator, handler.setAt(i), _strategy(strategyIndex));
            total += allocation.currentMagnitude;
            if (allocation.pendingDiff > 0) total += uint128(allocation.pendingDiff);
            else assertLe(uint128(-allocation.pendingDiff), allocation.currentMagnitude);
        }
    }

    function _slashable(address operator, uint256 strategyIndex, uint256 setIndex) private view returns (uint256) {
        address[] memory operators = new address[](1);
        address[] memory strategies = new address[](1);
        (operators[0], strategies[0]) = (operator, _strategy(strategyIndex));
        return allocations.getMinimumSlashableStake(handler.setAt(setIndex), operators, strategies, 0)[0][0];
    }

    function _parked(address strategy) private view returns (uint256 total) {
        for (uint256 i = 0; i < handler.SETS(); i++) {
            OperatorSet memory set = handler.setAt(i);
            uint256[] memory ids = strategyManager.getPendingSlashIds(set);
            for (uint256 j = 0; j < ids.length; j++) {
                total += strategyManager.getBurnOrRedistributableShares(set, ids[j], strategy);
            }
        }
    }

    /// @dev What all withdrawals pay if nothing more is slashed.
    function _queued(address strategy) private view returns (uint256 total) {
        for (uint256 i = 0; i < handler.OPERATORS(); i++) {
            total += _queuedBy(handler.operators(i), strategy);
        }
        for (uint256 i = 0; i < handler.STAKERS(); i++) {
            total += _queuedBy(handler.stakers(i), strategy);
        }
    }

    function _queuedBy(address account, address strategy) private view returns (uint256 total) {
        (IDelegationManager.Withdrawal[] memory withdrawals, uint256[][] memory shares) =
            delegation.getQueuedWithdrawals(account);
        for (uint256 i = 0; i < withdrawals.length; i++) {
            if (withdrawals[i].strategies[0] == strategy) total += shares[i][0];
        }
    }

    function _withdrawable(address staker, uint256 strategyIndex) private view returns (uint256) {
        address[] memory list = new address[](1);
        list[0] = _strategy(strategyIndex);
        (uint256[] memory withdrawable,) = delegation.getWithdrawableShares(staker, list);
        return withdrawable[0];
    }

    function _strategy(uint256 index) private view returns (address) {
        return address(handler.strategies(index));
    }
}
