// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {DoubleEndedQueue} from "@openzeppelin/contracts/utils/structs/DoubleEndedQueue.sol";
import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {IDelegationManager} from "../interfaces/IDelegationManager.sol";
import {OperatorSet, OperatorSetLib} from "../libraries/OperatorSetLib.sol";
import {Memberships} from "./Memberships.sol";

/// @title How operators move magnitude between operator sets.
/// @dev Per operator and strategy: encumbered = sum over sets of current magnitude and pending increase <= max magnitude.
abstract contract Allocations is Memberships {
    using DoubleEndedQueue for DoubleEndedQueue.Bytes32Deque;
    using EnumerableSet for EnumerableSet.AddressSet;
    using EnumerableSet for EnumerableSet.Bytes32Set;
    using OperatorSetLib for OperatorSet;

    uint8 internal constant PAUSED_MODIFY_ALLOCATIONS = 0;
    /// @dev The delay every operator starts with: who does not agree with a later, shorter one can withdraw first.
    uint32 private immutable _initialAllocationDelay;

    constructor() {
        uint32 withdrawalDelay = IDelegationManager(delegation).minWithdrawalDelayBlocks();
        require(ALLOCATION_CONFIGURATION_DELAY > withdrawalDelay, InvalidDelays());
        require(DEALLOCATION_DELAY <= withdrawalDelay, InvalidDelays());
        require(ALLOCATION_GUARD != 0 && DEALLOCATION_DELAY != 0, InvalidDelays());
        _initialAllocationDelay = withdrawalDelay;
    }

    function modifyAllocations(address operator, AllocateParams[] calldata params) external onlyFor(operator) {
        (bool isSet, uint32 delay) = _delayNow(operator);
        require(isSet, UninitializedAllocationDelay());
        uint32 waitBlocks = delay < ALLOCATION_GUARD ? ALLOCATION_GUARD : delay;
        for (uint256 i = 0; i < params.length; i++) {
            require(params[i].strategies.length == params[i].newMagnitudes.length, InputArrayLengthMismatch());
            require(_isSet(params[i].operatorSet.key()), InvalidOperatorSet());
            for (uint256 j = 0; j < params[i].strategies.length; j++) {
                _modify(
                    operator, params[i].operatorSet, params[i].strategies[j], params[i].newMagnitudes[j], waitBlocks
                );
            }
        }
    }

    function clearDeallocationQueue(address operator, address[] calldata strategies, uint16[] calldata numToClear)
        external
    {
        require(strategies.length == numToClear.length, InputArrayLengthMismatch());
        for (uint256 i = 0; i < strategies.length; i++) {
            _clearQueue(operator, strategies[i], numToClear[i]);
        }
    }

    function setAllocationDelay(address operator, uint32 delay) external {
        if (msg.sender == delegation) return _initializeDelay(operator, delay);
        require(_canCall(operator), InvalidPermissions());
        require(IDelegationManager(delegation).isOperator(operator), InvalidOperator());
        _scheduleDelay(operator, delay);
    }

    function _initializeDelay(address operator, uint32 delay) private {
        uint32 initialDelay = delay < _initialAllocationDelay ? _initialAllocationDelay : delay;
        _delays[operator] = DelayInfo({isSet: true, delay: initialDelay, pendingDelay: 0, effectBlock: 0});
        emit AllocationDelaySet(operator, initialDelay, uint32(block.number));
        if (delay != initialDelay) _scheduleDelay(operator, delay);
    }

    function _scheduleDelay(address operator, uint32 delay) private {
        (, uint32 currentDelay) = _delayNow(operator);
        uint32 effectBlock = uint32(block.number) + ALLOCATION_CONFIGURATION_DELAY + 1;
        _delays[operator] = DelayInfo({isSet: true, delay: currentDelay, pendingDelay: delay, effectBlock: effectBlock});
        emit AllocationDelaySet(operator, delay, effectBlock);
    }

    function _modify(
        address operator,
        OperatorSet calldata operatorSet,
        address strategy,
        uint64 newMagnitude,
        uint32 waitBlocks
    ) private {
        _clearQueue(operator, strategy, type(uint256).max);
        bytes32 key = operatorSet.key();
        (Allocation memory allocation,) = _allocationNow(operator, key, strategy);
        require(allocation.effectBlock == 0, ModificationAlreadyPending());
        require(allocation.currentMagnitude != newMagnitude, SameMagnitude());

        uint32 effectBlock = newMagnitude > allocation.currentMagnitude
            ? _increaseBy(operator, strategy, allocation, newMagnitude, waitBlocks)
            : _decreaseTo(operator, key, strategy, allocation, newMagnitude);
        _storeAllocation(operator, key, strategy, allocation);
        emit AllocationUpdated(operator, operatorSet, strategy, newMagnitude, effectBlock);
    }

    /// @dev The magnitude is taken now and counts as stake only after the wait, during which anyone can react.
    function _increaseBy(
        address operator,
        address strategy,
        Allocation memory allocation,
        uint64 newMagnitude,
        uint32 waitBlocks
    ) private returns (uint32 effectBlock) {
        _requireNotPaused(PAUSED_MODIFY_ALLOCATIONS);
        uint64 added = newMagnitude - allocation.currentMagnitude;
        uint256 encumbered = uint256(_encumbered[operator][strategy]) + added;
        require(encumbered <= _maxMagnitude(operator, strategy), InsufficientMagnitude());
        _setEncumbered(operator, strategy, uint64(encumbered));
        effectBlock = uint32(block.number) + waitBlocks;
        allocation.pendingDiff = int128(uint128(added));
        allocation.effectBlock = effectBlock;
    }

    function _decreaseTo(
        address operator,
        bytes32 key,
        address strategy,
        Allocation memory allocation,
        uint64 newMagnitude
    ) private returns (uint32 effectBlock) {
        uint64 removed = allocation.currentMagnitude - newMagnitude;
        bool slashable = _isSlashableAt(operator, key, uint32(block.number)) && _isInSetAt(key, strategy, block.number);
        if (!slashable) {
            allocation.currentMagnitude = newMagnitude;
            _setEncumbered(operator, strategy, _encumbered[operator][strategy] - removed);
            return uint32(block.number);
        }
        _deallocations[operator][strategy].pushBack(key);
        effectBlock = uint32(block.number) + DEALLOCATION_DELAY + 1;
        allocation.pendingDiff = -int128(uint128(removed));
        allocation.effectBlock = effectBlock;
    }

    function _clearQueue(address operator, address strategy, uint256 countMax) private {
        DoubleEndedQueue.Bytes32Deque storage queue = _deallocations[operator][strategy];
        uint64 freedTotal;
        for (uint256 cleared = 0; cleared < countMax && !queue.empty(); cleared++) {
            bytes32 key = queue.front();
            (Allocation memory allocation, uint64 freed) = _allocationNow(operator, key, strategy);
            if (allocation.effectBlock != 0) break;
            queue.popFront();
            freedTotal += freed;
            _storeAllocation(operator, key, strategy, allocation);
        }
        if (freedTotal != 0) _setEncumbered(operator, strategy, _encumbered[operator][strategy] - freedTotal);
    }

    function _storeAllocation(address operator, bytes32 key, address strategy, Allocation memory allocation) internal {
        _allocations[operator][key][strategy] = allocation;
        EnumerableSet.AddressSet storage strategies = _allocatedStrategies[operator][key];
        if (allocation.currentMagnitude != 0 || allocation.pendingDiff != 0) {
            if (!strategies.add(strategy)) return;
            _allocatedSets[operator].add(key);
            require(_allocatedSets[operator].length() <= SET_COUNT_MAX, TooManySets(SET_COUNT_MAX));
        } else if (strategies.remove(strategy) && strategies.length() == 0) {
            _allocatedSets[operator].remove(key);
        }
    }

    function _setEncumbered(address operator, address strategy, uint64 encumbered) internal {
        _encumbered[operator][strategy] = encumbered;
        emit EncumberedMagnitudeUpdated(operator, strategy, encumbered);
    }
}
