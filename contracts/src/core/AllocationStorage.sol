// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {DoubleEndedQueue} from "@openzeppelin/contracts/utils/structs/DoubleEndedQueue.sol";
import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {IAllocationConfiguration, IAllocationManagerTypes} from "../interfaces/IAllocationManager.sol";
import {OperatorSet, OperatorSetLib} from "../libraries/OperatorSetLib.sol";
import {Snapshots} from "../libraries/Snapshots.sol";
import {Permissioned} from "./Permissioned.sol";

/// @title State of the AllocationManager and the readings that both its halves need.
/// @dev The halves are one contract split for size: the view half runs by delegatecall on this storage, so both inherit
/// this contract first and nothing else that has storage comes before it.
abstract contract AllocationStorage is IAllocationManagerTypes, IAllocationConfiguration, Permissioned {
    using DoubleEndedQueue for DoubleEndedQueue.Bytes32Deque;
    using EnumerableSet for EnumerableSet.AddressSet;
    using OperatorSetLib for OperatorSet;
    using Snapshots for Snapshots.MagnitudeHistory;

    /// @param deallocationDelay Blocks that a deallocation waits and that an operator stays slashable after leaving.
    /// @param configurationDelay Blocks that a change of an allocation delay or of a slasher waits.
    /// @param guard Blocks that an allocation increase waits at least.
    struct Delays {
        uint32 deallocationDelay;
        uint32 configurationDelay;
        uint32 guard;
    }

    /// @dev `slasher` is never zero in a set that exists. `slasherEffectBlock` zero: no change pending.
    struct SetInfo {
        address slasher;
        address pendingSlasher;
        uint32 slasherEffectBlock;
        address redistributionRecipient;
        uint64 slashCount;
        EnumerableSet.AddressSet strategies;
        EnumerableSet.AddressSet members;
        /// The block at which a strategy leaves; zero if it does not. It stays in `strategies` until taken off.
        mapping(address strategy => uint32) removalBlock;
    }

    /// @dev `slashableUntil` is the last block at which an operator that left can be slashed.
    struct Registration {
        bool registered;
        uint32 slashableUntil;
    }

    /// @dev `effectBlock` zero: no change pending.
    struct DelayInfo {
        bool isSet;
        uint32 delay;
        uint32 pendingDelay;
        uint32 effectBlock;
    }

    address internal constant DEFAULT_BURN_ADDRESS = 0x00000000000000000000000000000000000E16E4;

    address public immutable delegation;
    uint32 public immutable DEALLOCATION_DELAY;
    uint32 public immutable ALLOCATION_CONFIGURATION_DELAY;
    uint32 public immutable SLASHER_CONFIGURATION_DELAY;
    uint32 public immutable ALLOCATION_GUARD;

    mapping(address avs => address) internal _registrar;
    mapping(address avs => bool) internal _hasMetadata;
    mapping(address avs => uint256) internal _setCount;
    mapping(bytes32 setKey => SetInfo) internal _sets;

    mapping(address operator => DelayInfo) internal _delays;
    mapping(address operator => EnumerableSet.Bytes32Set) internal _registeredSets;
    mapping(address operator => mapping(bytes32 setKey => Registration)) internal _registrations;

    mapping(address operator => EnumerableSet.Bytes32Set) internal _allocatedSets;
    mapping(address operator => mapping(bytes32 setKey => EnumerableSet.AddressSet)) internal _allocatedStrategies;
    mapping(address operator => mapping(bytes32 setKey => mapping(address strategy => Allocation))) internal
        _allocations;
    mapping(address operator => mapping(address strategy => uint64)) internal _encumbered;
    mapping(address operator => mapping(address strategy => Snapshots.MagnitudeHistory)) internal _maxMagnitudes;
    /// @dev Set keys in the order of their effect blocks. An entry whose change was applied by a slash stays until cleared.
    mapping(address operator => mapping(address strategy => DoubleEndedQueue.Bytes32Deque)) internal _deallocations;

    constructor(address delegationManager, address controller, Delays memory delays) Permissioned(controller) {
        delegation = delegationManager;
        DEALLOCATION_DELAY = delays.deallocationDelay;
        ALLOCATION_CONFIGURATION_DELAY = delays.configurationDelay;
        SLASHER_CONFIGURATION_DELAY = delays.configurationDelay;
        ALLOCATION_GUARD = delays.guard;
    }

    /// @return allocation The allocation as of this block: a change whose block has come is applied.
    /// @return freed The magnitude that applying it sets free.
    function _allocationNow(address operator, bytes32 key, address strategy)
        internal
        view
        returns (Allocation memory allocation, uint64 freed)
    {
        allocation = _allocations[operator][key][strategy];
        if (allocation.effectBlock == 0 || block.number < allocation.effectBlock) return (allocation, 0);
        if (allocation.pendingDiff < 0) freed = _magnitude(-allocation.pendingDiff);
        allocation.currentMagnitude = _magnitude(int128(uint128(allocation.currentMagnitude)) + allocation.pendingDiff);
        allocation.pendingDiff = 0;
        allocation.effectBlock = 0;
    }

    function _isSlashableAt(address operator, bytes32 key, uint32 blockNumber) internal view returns (bool) {
        Registration memory registration = _registrations[operator][key];
        return registration.registered || blockNumber <= registration.slashableUntil;
    }

    function _isSet(bytes32 key) internal view returns (bool) {
        return _sets[key].slasher != address(0);
    }

    function _isInSetAt(bytes32 key, address strategy, uint256 blockNumber) internal view returns (bool) {
        SetInfo storage info = _sets[key];
        uint32 removalBlock = info.removalBlock[strategy];
        return info.strategies.contains(strategy) && (removalBlock == 0 || blockNumber < removalBlock);
    }

    function _slasherNow(bytes32 key) internal view returns (address) {
        SetInfo storage info = _sets[key];
        bool matured = info.slasherEffectBlock != 0 && block.number >= info.slasherEffectBlock;
        return matured ? info.pendingSlasher : info.slasher;
    }

    function _delayNow(address operator) internal view returns (bool isSet, uint32 delay) {
        DelayInfo memory info = _delays[operator];
        bool matured = info.effectBlock != 0 && block.number >= info.effectBlock;
        return (info.isSet, matured ? info.pendingDelay : info.delay);
    }

    function _registrarOf(address avs) internal view returns (address) {
        address registrar = _registrar[avs];
        return registrar == address(0) ? avs : registrar;
    }

    function _maxMagnitude(address operator, address strategy) internal view returns (uint64) {
        return _maxMagnitudes[operator][strategy].latest();
    }

    /// @dev Magnitudes and their sums stay within [0, 1e18], so the narrowing loses nothing.
    function _magnitude(int128 value) internal pure returns (uint64) {
        return uint64(uint128(value));
    }
}
