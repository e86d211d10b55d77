// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {DoubleEndedQueue} from "@openzeppelin/contracts/utils/structs/DoubleEndedQueue.sol";
import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {IAllocationManagerViews} from "../interfaces/IAllocationManager.sol";
import {IDelegationManager} from "../interfaces/IDelegationManager.sol";
import {OperatorSet, OperatorSetLib} from "../libraries/OperatorSetLib.sol";
import {SlashingLib} from "../libraries/SlashingLib.sol";
import {Snapshots} from "../libraries/Snapshots.sol";
import {AllocationStorage} from "./AllocationStorage.sol";

/// @title The view half of the AllocationManager, which runs it by delegatecall. Its own storage is empty.
/// @dev Views only: the AllocationManager sends it every selector it does not know.
contract AllocationManagerView is AllocationStorage, IAllocationManagerViews {
    using DoubleEndedQueue for DoubleEndedQueue.Bytes32Deque;
    using EnumerableSet for EnumerableSet.AddressSet;
    using EnumerableSet for EnumerableSet.Bytes32Set;
    using OperatorSetLib for OperatorSet;
    using OperatorSetLib for bytes32[];
    using Snapshots for Snapshots.MagnitudeHistory;

    address public immutable viewImplementation = address(this);

    constructor(address delegationManager, address controller, Delays memory delays)
        AllocationStorage(delegationManager, controller, delays)
    {}

    // Operator sets

    function getAVSRegistrar(address avs) external view returns (address) {
        return _registrarOf(avs);
    }

    function getOperatorSetCount(address avs) external view returns (uint256) {
        return _setCount[avs];
    }

    function isOperatorSet(OperatorSet calldata operatorSet) external view returns (bool) {
        return _isSet(operatorSet.key());
    }

    function getStrategiesInOperatorSet(OperatorSet calldata operatorSet)
        external
        view
        returns (address[] memory strategies)
    {
        bytes32 key = operatorSet.key();
        strategies = _sets[key].strategies.values();
        uint256 count;
        for (uint256 i = 0; i < strategies.length; i++) {
            if (_isInSetAt(key, strategies[i], block.number)) strategies[count++] = strategies[i];
        }
        assembly ("memory-safe") {
            mstore(strategies, count)
        }
    }

    function getStrategyRemovalBlock(OperatorSet calldata operatorSet, address strategy)
        external
        view
        returns (uint32)
    {
        return _sets[operatorSet.key()].removalBlock[strategy];
    }

    function getSlasher(OperatorSet calldata operatorSet) external view returns (address) {
        return _slasherNow(operatorSet.key());
    }

    function getPendingSlasher(OperatorSet calldata operatorSet) external view returns (address, uint32) {
        SetInfo storage info = _sets[operatorSet.key()];
        if (block.number >= info.slasherEffectBlock) return (address(0), 0);
        return (info.pendingSlasher, info.slasherEffectBlock);
    }

    function getRedistributionRecipient(OperatorSet calldata operatorSet) external view returns (address) {
        address recipient = _sets[operatorSet.key()].redistributionRecipient;
        return recipient == address(0) ? DEFAULT_BURN_ADDRESS : recipient;
    }

    function isRedistributingOperatorSet(OperatorSet calldata operatorSet) external view returns (bool) {
        return _isRedistributing(operatorSet.key());
    }

    /// @dev Membership alone counts, and so do sets that the operator left but that can still slash it.
    function isOperatorRedistributable(address operator) external view returns (bool) {
        return _anyRedistributes(operator, _registeredSets[operator].values())
            || _anyRedistributes(operator, _allocatedSets[operator].values());
    }

    function getSlashCount(OperatorSet calldata operatorSet) external view returns (uint256) {
        return _sets[operatorSet.key()].slashCount;
    }

    // Memberships

    function getMembers(OperatorSet calldata operatorSet) external view returns (address[] memory) {
        return _sets[operatorSet.key()].members.values();
    }

    function getMemberCount(OperatorSet calldata operatorSet) external view returns (uint256) {
        return _sets[operatorSet.key()].members.length();
    }

    function isMemberOfOperatorSet(address operator, OperatorSet calldata operatorSet) external view returns (bool) {
        return _registrations[operator][operatorSet.key()].registered;
    }

    function isOperatorSlashable(address operator, OperatorSet calldata operatorSet) external view returns (bool) {
        return _isSlashableAt(operator, operatorSet.key(), uint32(block.number));
    }

    function getRegisteredSets(address operator) external view returns (OperatorSet[] memory) {
        return _registeredSets[operator].values().decodeAll();
    }

    // Allocations

    function getAllocationDelay(address operator) external view returns (bool isSet, uint32 delay) {
        return _delayNow(operator);
    }

    function getAllocatedSets(address operator) external view returns (OperatorSet[] memory) {
        return _allocatedSets[operator].values().decodeAll();
    }

    function getAllocatedStrategies(address operator, OperatorSet calldata operatorSet)
        external
        view
        returns (address[] memory)
    {
        return _allocatedStrategies[operator][operatorSet.key()].values();
    }

    function getAllocation(address operator, OperatorSet calldata operatorSet, address strategy)
        external
        view
        returns (Allocation memory allocation)
    {
        (allocation,) = _allocationNow(operator, operatorSet.key(), strategy);
    }

    function getAllocations(address[] calldata operators, OperatorSet calldata operatorSet, address strategy)
        external
        view
        returns (Allocation[] memory allocations)
    {
        allocations = new Allocation[](operators.length);
        for (uint256 i = 0; i < operators.length; i++) {
            (allocations[i],) = _allocationNow(operators[i], operatorSet.key(), strategy);
        }
    }

    function getStrategyAllocations(address operator, address strategy)
        external
        view
        returns (OperatorSet[] memory operatorSets, Allocation[] memory allocations)
    {
        bytes32[] memory keys = _allocatedSets[operator].values();
        operatorSets = keys.decodeAll();
        allocations = new Allocation[](keys.length);
        for (uint256 i = 0; i < keys.length; i++) {
            (allocations[i],) = _allocationNow(operator, keys[i], strategy);
        }
    }

    function getEncumberedMagnitude(address operator, address strategy) external view returns (uint64) {
        return _encumberedNow(operator, strategy);
    }

    function getAllocatableMagnitude(address operator, address strategy) external view returns (uint64) {
        return _maxMagnitude(operator, strategy) - _encumberedNow(operator, strategy);
    }

    function getMaxMagnitude(address operator, address strategy) external view returns (uint64) {
        return _maxMagnitude(operator, strategy);
    }

    function getMaxMagnitudes(address operator, address[] calldata strategies)
        external
        view
        returns (uint64[] memory magnitudes)
    {
        magnitudes = new uint64[](strategies.length);
        for (uint256 i = 0; i < strategies.length; i++) {
            magnitudes[i] = _maxMagnitude(operator, strategies[i]);
        }
    }

    function getMaxMagnitudes(address[] calldata operators, address strategy)
        external
        view
        returns (uint64[] memory magnitudes)
    {
        magnitudes = new uint64[](operators.length);
        for (uint256 i = 0; i < operators.length; i++) {
            magnitudes[i] = _maxMagnitude(operators[i], strategy);
        }
    }

    function getMaxMagnitudesAtBlock(address operator, address[] calldata strategies, uint32 blockNumber)
        external
        view
        returns (uint64[] memory magnitudes)
    {
        magnitudes = new uint64[](strategies.length);
        for (uint256 i = 0; i < strategies.length; i++) {
            magnitudes[i] = _maxMagnitudes[operator][strategies[i]].atBlock(blockNumber);
        }
    }

    // Stake

    function getAllocatedStake(
        OperatorSet calldata operatorSet,
        address[] calldata operators,
        address[] calldata strategies
    ) external view returns (uint256[][] memory stake) {
        stake = IDelegationManager(delegation).getOperatorsShares(operators, strategies);
        bytes32 key = operatorSet.key();
        for (uint256 i = 0; i < operators.length; i++) {
            for (uint256 j = 0; j < strategies.length; j++) {
                (Allocation memory allocation,) = _allocationNow(operators[i], key, strategies[j]);
                stake[i][j] =
                    _partOf(stake[i][j], allocation.currentMagnitude, _maxMagnitude(operators[i], strategies[j]));
            }
        }
    }

    function getMinimumSlashableStake(
        OperatorSet calldata operatorSet,
        address[] calldata operators,
        address[] calldata strategies,
        uint32 futureBlock
    ) external view returns (uint256[][] memory stake) {
        stake = IDelegationManager(delegation).getOperatorsShares(operators, strategies);
        bytes32 key = operatorSet.key();
        uint32 lastBlock = futureBlock < block.number ? uint32(block.number) : futureBlock;
        for (uint256 i = 0; i < operators.length; i++) {
            bool slashable = _isSlashableAt(operators[i], key, lastBlock);
            for (uint256 j = 0; j < strategies.length; j++) {
                uint64 magnitude = slashable ? _leastMagnitude(operators[i], key, strategies[j], lastBlock) : 0;
                stake[i][j] = _partOf(stake[i][j], magnitude, _maxMagnitude(operators[i], strategies[j]));
            }
        }
    }

    /// @dev The current magnitude less a decrease that takes effect by `lastBlock`; zero outside the set's strategies.
    function _leastMagnitude(address operator, bytes32 key, address strategy, uint32 lastBlock)
        private
        view
        returns (uint64)
    {
        if (!_isInSetAt(key, strategy, lastBlock)) return 0;
        (Allocation memory allocation,) = _allocationNow(operator, key, strategy);
        if (allocation.pendingDiff >= 0 || allocation.effectBlock > lastBlock) return allocation.currentMagnitude;
        return _magnitude(int128(uint128(allocation.currentMagnitude)) + allocation.pendingDiff);
    }

    /// @dev What is stored, less what matured deallocations set free.
    function _encumberedNow(address operator, address strategy) private view returns (uint64 encumbered) {
        encumbered = _encumbered[operator][strategy];
        DoubleEndedQueue.Bytes32Deque storage queue = _deallocations[operator][strategy];
        uint256 length = queue.length();
        for (uint256 i = 0; i < length; i++) {
            (Allocation memory allocation, uint64 freed) = _allocationNow(operator, queue.at(i), strategy);
            if (allocation.effectBlock != 0) break;
            encumbered -= freed;
        }
    }

    function _anyRedistributes(address operator, bytes32[] memory keys) private view returns (bool) {
        for (uint256 i = 0; i < keys.length; i++) {
            if (_isRedistributing(keys[i]) && _isSlashableAt(operator, keys[i], uint32(block.number))) return true;
        }
        return false;
    }

    function _isRedistributing(bytes32 key) private view returns (bool) {
        return _sets[key].redistributionRecipient != address(0);
    }

    function _partOf(uint256 shares, uint64 magnitude, uint64 maxMagnitude) private pure returns (uint256) {
        if (magnitude == 0) return 0;
        return SlashingLib.mulWad(shares, SlashingLib.divWad(magnitude, maxMagnitude));
    }
}
