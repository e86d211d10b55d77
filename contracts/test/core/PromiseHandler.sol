// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IAllocationManagerTypes} from "../../src/interfaces/IAllocationManager.sol";
import {IPausable} from "../../src/interfaces/IPausable.sol";
import {OperatorSet} from "../../src/libraries/OperatorSetLib.sol";
import {CoreHandler} from "./CoreHandler.sol";

/// @title Counts stake as a certificate does, and lets the pausers and the AVS do what they may to take it away again.
contract PromiseHandler is CoreHandler {
    /// @dev As long as a table may count: the deallocation delay.
    uint256 private constant HORIZON = 600;
    uint256 private constant PROMISES = 12;

    /// @dev `shares` zero: none.
    struct StakePromise {
        address operator;
        uint256 setIndex;
        address strategy;
        uint256 shares;
        uint256 until;
    }

    StakePromise[PROMISES] private _promises;
    uint256 public promised;

    function countStake(uint256 who, uint256 where, uint256 what, uint256 blocks) external {
        StakePromise memory made;
        made.operator = operators[who % OPERATORS];
        made.setIndex = where % SETS;
        made.strategy = address(strategies[what % STRATEGIES]);
        made.until = vm.getBlockNumber() + bound(blocks, 0, HORIZON);
        made.shares = allocationManager.getMinimumSlashableStake(
            setAt(made.setIndex), one(made.operator), one(made.strategy), uint32(made.until)
        )[0][0];
        if (made.shares == 0) return;
        _promises[promised++ % PROMISES] = made;
    }

    /// @dev Twice as often undone, so that most of what the others try is not paused.
    function pauseEverything(uint256 dice) external {
        bool unpause = dice % 3 != 0;
        IPausable[3] memory all = [IPausable(strategyManager), delegationManager, allocationManager];
        for (uint256 i = 0; i < all.length; i++) {
            vm.prank(unpause ? unpauser : pauser);
            if (unpause) all[i].unpause(0);
            else all[i].pauseAll();
        }
    }

    /// @dev Rare: a slash that names a strategy outside the set is refused whole.
    function removeStrategy(uint256 where, uint256 what) external {
        if (what % 10 != 0) return;
        what /= 10;
        OperatorSet memory set = setAt(where % SETS);
        vm.prank(set.avs);
        allocationManager.removeStrategiesFromOperatorSet(set.avs, set.id, one(address(strategies[what % STRATEGIES])));
    }

    function addStrategy(uint256 where, uint256 what) external {
        OperatorSet memory set = setAt(where % SETS);
        vm.prank(set.avs);
        allocationManager.addStrategiesToOperatorSet(set.avs, set.id, one(address(strategies[what % STRATEGIES])));
    }

    function changeSlasher(uint256 where, bool back) external {
        OperatorSet memory set = setAt(where % SETS);
        vm.prank(set.avs);
        allocationManager.updateSlasher(set, back ? address(this) : makeAddr("another slasher"));
    }

    /// @notice Whether a slash of everything would still take what was counted. A share for each rounding is forgiven.
    function promisesAreKept() external view returns (bool) {
        for (uint256 i = 0; i < PROMISES; i++) {
            StakePromise memory made = _promises[i];
            if (made.shares == 0 || vm.getBlockNumber() > made.until) continue;
            if (_slashable(made) + made.shares / 1e12 + 1e3 < made.shares) return false;
        }
        return true;
    }

    /// @dev The set took its own part: what was promised is broken by nobody else.
    function _onSlash(uint256 setIndex, address operator) internal override {
        for (uint256 i = 0; i < PROMISES; i++) {
            if (_promises[i].operator == operator && _promises[i].setIndex == setIndex) _promises[i].shares = 0;
        }
    }

    /// @dev What the set could take now, from the operator's shares and from its queue.
    function _slashable(StakePromise memory made) private view returns (uint256) {
        OperatorSet memory set = setAt(made.setIndex);
        if (!allocationManager.isOperatorSlashable(made.operator, set) || !_isIn(set, made.strategy)) return 0;
        IAllocationManagerTypes.Allocation memory allocation =
            allocationManager.getAllocation(made.operator, set, made.strategy);
        uint256 shares = delegationManager.operatorShares(made.operator, made.strategy)
            + delegationManager.getSlashableSharesInQueue(made.operator, made.strategy);
        uint256 magnitude = allocationManager.getMaxMagnitude(made.operator, made.strategy);
        return magnitude == 0 ? 0 : shares * allocation.currentMagnitude / magnitude;
    }

    function _isIn(OperatorSet memory set, address strategy) private view returns (bool) {
        address[] memory list = allocationManager.getStrategiesInOperatorSet(set);
        for (uint256 i = 0; i < list.length; i++) {
            if (list[i] == strategy) return true;
        }
        return false;
    }
}
