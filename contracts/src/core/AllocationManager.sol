// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {IDelegationManager} from "../interfaces/IDelegationManager.sol";
import {OperatorSet, OperatorSetLib} from "../libraries/OperatorSetLib.sol";
import {SlashingLib, WAD} from "../libraries/SlashingLib.sol";
import {Snapshots} from "../libraries/Snapshots.sol";
import {AllocationManagerView} from "./AllocationManagerView.sol";
import {AllocationStorage} from "./AllocationStorage.sol";
import {Allocations} from "./Allocations.sol";
import {Pausable} from "./Pausable.sol";

/// @title Operator sets, the magnitudes that operators allocate to them, and slashing. Use it as IAllocationManager.
/// @dev Immutable and without an owner. The views live in a second contract that the constructor deploys, for size; every
/// selector that this one lacks goes there by delegatecall, and that one has views only.
contract AllocationManager is Allocations {
    using EnumerableSet for EnumerableSet.AddressSet;
    using OperatorSetLib for OperatorSet;
    using Snapshots for Snapshots.MagnitudeHistory;

    uint8 internal constant PAUSED_OPERATOR_SLASHING = 1;

    address private immutable _views;

    /// @dev The DelegationManager must exist already: the delays are checked against its withdrawal delay. Lowering an
    /// allocation delay must take longer than a withdrawal; shares must not leave through the withdrawal queue before
    /// magnitude could leave through the deallocation queue; an increase must wait at least a block.
    constructor(
        address delegationManager,
        address controller,
        address registry,
        uint32 deallocationDelay,
        uint32 configurationDelay,
        uint32 guard
    )
        AllocationStorage(delegationManager, controller, Delays(deallocationDelay, configurationDelay, guard))
        Pausable(registry)
    {
        require(controller != address(0), InputAddressZero());
        Delays memory delays = Delays(deallocationDelay, configurationDelay, guard);
        _views = address(new AllocationManagerView(delegationManager, controller, delays));
    }

    fallback() external {
        address views = _views;
        assembly ("memory-safe") {
            let pointer := mload(0x40)
            calldatacopy(pointer, 0, calldatasize())
            let succeeded := delegatecall(gas(), views, pointer, calldatasize(), 0, 0)
            returndatacopy(pointer, 0, returndatasize())
            if iszero(succeeded) { revert(pointer, returndatasize()) }
            return(pointer, returndatasize())
        }
    }

    function slashOperator(address avs, SlashingParams calldata params)
        external
        returns (uint256 slashId, uint256[] memory shares)
    {
        OperatorSet memory operatorSet = OperatorSet(avs, params.operatorSetId);
        bytes32 key = operatorSet.key();
        require(_isSet(key), InvalidOperatorSet());
        require(msg.sender == _slasherNow(key), InvalidCaller());
        require(_isSlashableAt(params.operator, key, uint32(block.number)), OperatorNotSlashable());
        require(params.strategies.length == params.wadsToSlash.length, InputArrayLengthMismatch());

        slashId = ++_sets[key].slashCount;
        shares = new uint256[](params.strategies.length);
        uint256[] memory wadSlashed = new uint256[](params.strategies.length);
        for (uint256 i = 0; i < params.strategies.length; i++) {
            require(i == 0 || params.strategies[i] > params.strategies[i - 1], StrategiesMustBeInAscendingOrder());
            (wadSlashed[i], shares[i]) =
                _slash(operatorSet, params.operator, slashId, params.strategies[i], params.wadsToSlash[i]);
        }
        emit OperatorSlashed(params.operator, operatorSet, params.strategies, wadSlashed, params.description);
    }

    /// @return wadSlashed The share of the max magnitude that was taken.
    /// @return shares The shares taken, from the operator's and from its withdrawal queue.
    function _slash(
        OperatorSet memory operatorSet,
        address operator,
        uint256 slashId,
        address strategy,
        uint256 wadToSlash
    ) private returns (uint256 wadSlashed, uint256 shares) {
        require(wadToSlash != 0 && wadToSlash <= WAD, InvalidWadToSlash());
        require(_isInSetAt(operatorSet.key(), strategy, block.number), StrategyNotInOperatorSet());
        uint64 slashed = _takeMagnitude(operatorSet, operator, strategy, wadToSlash);
        if (slashed == 0) return (0, 0);

        uint64 prevMax = _maxMagnitude(operator, strategy);
        uint64 newMax = prevMax - slashed;
        _maxMagnitudes[operator][strategy].push(newMax);
        emit MaxMagnitudeUpdated(operator, strategy, newMax);
        wadSlashed = SlashingLib.divWad(slashed, prevMax);
        shares = IDelegationManager(delegation)
            .slashOperatorShares(operator, operatorSet, slashId, strategy, prevMax, newMax);
    }

    /// @return slashed What the allocation lost; zero if it was empty.
    function _takeMagnitude(OperatorSet memory operatorSet, address operator, address strategy, uint256 wadToSlash)
        private
        returns (uint64 slashed)
    {
        bytes32 key = operatorSet.key();
        (Allocation memory allocation, uint64 freed) = _allocationNow(operator, key, strategy);
        if (allocation.currentMagnitude == 0) return 0;
        slashed = _slashAllocation(allocation, wadToSlash);
        _storeAllocation(operator, key, strategy, allocation);
        _emitSlashedAllocation(operatorSet, operator, strategy, allocation);
        _setEncumbered(operator, strategy, _encumbered[operator][strategy] - freed - slashed);
    }

    /// @dev Takes the same share (rounded up) of the current magnitude and of a pending decrease; a pending increase is
    /// not stake yet and stays.
    function _slashAllocation(Allocation memory allocation, uint256 wadToSlash) private pure returns (uint64 slashed) {
        slashed = uint64(SlashingLib.mulWadUp(allocation.currentMagnitude, wadToSlash));
        allocation.currentMagnitude -= slashed;
        if (allocation.pendingDiff < 0) {
            uint256 pending = _magnitude(-allocation.pendingDiff);
            allocation.pendingDiff += int128(uint128(SlashingLib.mulWadUp(pending, wadToSlash)));
        }
    }

    /// @dev Says what the allocation is now and, if a change is still pending, what it will be.
    function _emitSlashedAllocation(
        OperatorSet memory operatorSet,
        address operator,
        address strategy,
        Allocation memory allocation
    ) private {
        uint64 current = allocation.currentMagnitude;
        emit AllocationUpdated(operator, operatorSet, strategy, current, uint32(block.number));
        if (allocation.effectBlock == 0) return;
        uint64 later = _magnitude(int128(uint128(current)) + allocation.pendingDiff);
        emit AllocationUpdated(operator, operatorSet, strategy, later, allocation.effectBlock);
    }

    function _pausableBits() internal pure override returns (uint256) {
        return (1 << PAUSED_MODIFY_ALLOCATIONS) | (1 << PAUSED_OPERATOR_SET_REGISTRATION);
    }

    function _requirePausable(uint256 newPausedStatus) internal pure override {
        require(newPausedStatus & (1 << PAUSED_OPERATOR_SLASHING) == 0, SlashingCannotBePaused());
    }
}
