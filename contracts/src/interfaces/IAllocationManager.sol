// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {OperatorSet} from "../libraries/OperatorSetLib.sol";
import {IPausable} from "./IPausable.sol";
import {IPermissioned} from "./IPermissionController.sol";

/// @notice Types, errors and events of the AllocationManager. ABI as EigenLayer's; magnitudes are parts of WAD (1e18).
interface IAllocationManagerTypes {
    /// @param pendingDiff What `effectBlock` adds to the current magnitude; negative for a deallocation.
    struct Allocation {
        uint64 currentMagnitude;
        int128 pendingDiff;
        uint32 effectBlock;
    }

    struct AllocateParams {
        OperatorSet operatorSet;
        address[] strategies;
        uint64[] newMagnitudes;
    }

    struct RegisterParams {
        address avs;
        uint32[] operatorSetIds;
        bytes data;
    }

    struct DeregisterParams {
        address operator;
        address avs;
        uint32[] operatorSetIds;
    }

    struct CreateSetParams {
        uint32 operatorSetId;
        address[] strategies;
    }

    struct CreateSetParamsV2 {
        uint32 operatorSetId;
        address[] strategies;
        address slasher;
    }

    /// @param strategies Strictly ascending.
    /// @param wadsToSlash The share of the current allocation to take, per strategy, in (0, 1e18].
    struct SlashingParams {
        address operator;
        uint32 operatorSetId;
        address[] strategies;
        uint256[] wadsToSlash;
        string description;
    }

    error AlreadyMemberOfSet();
    error InputArrayLengthMismatch();
    error InsufficientMagnitude();
    error InvalidAVSRegistrar();
    error InvalidCaller();
    error InvalidOperator();
    error InvalidOperatorSet();
    error InvalidPermissions();
    error InvalidRedistributionRecipient();
    error InvalidWadToSlash();
    error ModificationAlreadyPending();
    error NonexistentAVSMetadata();
    error NotMemberOfSet();
    error OperatorNotSlashable();
    error SameMagnitude();
    error StrategiesMustBeInAscendingOrder();
    error StrategyAlreadyInOperatorSet();
    error StrategyNotInOperatorSet();
    error UninitializedAllocationDelay();
    /// @notice Slashing has no pause.
    error SlashingCannotBePaused();
    /// @notice A set has at most `countMax` strategies, so that a slash always fits a block.
    error TooManyStrategies(uint256 countMax);
    /// @notice An operator is in at most `countMax` sets and allocates to at most `countMax`, so that every walk over them ends.
    error TooManySets(uint256 countMax);
    /// @notice The strategy is on its way out already, and leaves at `effectBlock`.
    error StrategyRemovalPending(address strategy, uint32 effectBlock);
    /// @notice The call leaves the registrar's hook less gas than it is promised.
    error InsufficientGasForHook(uint256 gasRequired);
    /// @notice The delays contradict each other; see the constructor.
    error InvalidDelays();

    event AVSRegistrarSet(address avs, address registrar);
    event AVSMetadataURIUpdated(address indexed avs, string metadataURI);
    event AllocationDelaySet(address operator, uint32 delay, uint32 effectBlock);
    event AllocationUpdated(
        address operator, OperatorSet operatorSet, address strategy, uint64 magnitude, uint32 effectBlock
    );
    event EncumberedMagnitudeUpdated(address operator, address strategy, uint64 encumberedMagnitude);
    event MaxMagnitudeUpdated(address operator, address strategy, uint64 maxMagnitude);
    /// @param wadSlashed Per strategy, the share of the operator's max magnitude that was taken.
    event OperatorSlashed(
        address operator, OperatorSet operatorSet, address[] strategies, uint256[] wadSlashed, string description
    );
    event OperatorSetCreated(OperatorSet operatorSet);
    event RedistributionAddressSet(OperatorSet operatorSet, address redistributionRecipient);
    event OperatorAddedToOperatorSet(address indexed operator, OperatorSet operatorSet);
    event OperatorRemovedFromOperatorSet(address indexed operator, OperatorSet operatorSet);
    event StrategyAddedToOperatorSet(OperatorSet operatorSet, address strategy);
    /// @notice The strategy leaves the set at `effectBlock`; until then its stake is slashable as before.
    event StrategyRemovalScheduled(OperatorSet operatorSet, address strategy, uint32 effectBlock);
    /// @notice A strategy whose block had come was taken off the list.
    event StrategyRemovedFromOperatorSet(OperatorSet operatorSet, address strategy);
    event SlasherUpdated(OperatorSet operatorSet, address slasher, uint32 effectBlock);
    /// @notice The registrar's deregistration hook failed. The operator has left all the same.
    event DeregistrationHookFailed(address indexed operator, address indexed avs, uint32[] operatorSetIds);
}

/// @notice What a deployment fixes for ever. Delays are blocks.
interface IAllocationConfiguration is IPermissioned {
    function delegation() external view returns (address);
    function DEALLOCATION_DELAY() external view returns (uint32);
    function ALLOCATION_CONFIGURATION_DELAY() external view returns (uint32);
    function SLASHER_CONFIGURATION_DELAY() external view returns (uint32);
    /// @notice The least number of blocks that an allocation increase waits, whatever the operator's delay.
    function ALLOCATION_GUARD() external view returns (uint32);
}

/// @notice What changes state.
interface IAllocationManagerActions is IAllocationManagerTypes, IPausable {
    /// @notice Slashes an operator. Only the set's slasher; no pause. The slashed part of an allocation rounds up.
    /// @return slashId Counts from 1 per operator set.
    /// @return shares The shares taken, per strategy.
    function slashOperator(address avs, SlashingParams calldata params)
        external
        returns (uint256 slashId, uint256[] memory shares);

    /// @notice Sets the operator's magnitudes. An increase takes effect after max(allocation delay, guard); a decrease of
    /// slashable stake after the deallocation delay, until when it stays slashable; another decrease at once.
    function modifyAllocations(address operator, AllocateParams[] calldata params) external;
    /// @notice Frees the magnitude of matured deallocations, at most `numToClear[i]` of `strategies[i]`. Anyone.
    function clearDeallocationQueue(address operator, address[] calldata strategies, uint16[] calldata numToClear)
        external;
    /// @notice Changes the operator's allocation delay after the configuration delay; the DelegationManager sets the first.
    function setAllocationDelay(address operator, uint32 delay) external;

    /// @notice Makes the operator a member of sets of one AVS, which makes its effective allocations slashable at once.
    function registerForOperatorSets(address operator, RegisterParams calldata params) external;
    /// @notice Ends memberships; the operator stays slashable for the deallocation delay. By the operator or the AVS.
    function deregisterFromOperatorSets(DeregisterParams calldata params) external;

    function updateAVSMetadataURI(address avs, string calldata metadataURI) external;
    function setAVSRegistrar(address avs, address registrar) external;
    /// @notice Creates sets whose slashed stake burns; the slasher is the AVS.
    function createOperatorSets(address avs, CreateSetParams[] calldata params) external;
    function createOperatorSets(address avs, CreateSetParamsV2[] calldata params) external;
    /// @notice Creates sets whose slashed stake goes to a recipient that never changes; the slasher is the AVS.
    function createRedistributingOperatorSets(
        address avs,
        CreateSetParams[] calldata params,
        address[] calldata redistributionRecipients
    ) external;
    function createRedistributingOperatorSets(
        address avs,
        CreateSetParamsV2[] calldata params,
        address[] calldata redistributionRecipients
    ) external;
    function addStrategiesToOperatorSet(address avs, uint32 operatorSetId, address[] calldata strategies) external;
    /// @notice Makes strategies leave a set once the slashable horizon has passed: what a certificate counted until then stays
    /// slashable until then. Also takes off the list what left before. Only the AVS.
    function removeStrategiesFromOperatorSet(address avs, uint32 operatorSetId, address[] calldata strategies) external;
    /// @notice Changes the slasher after the configuration delay. Only the AVS.
    function updateSlasher(OperatorSet calldata operatorSet, address slasher) external;
}

/// @notice What only reads. Every answer counts changes whose block has come, also if nobody has cleared them.
interface IAllocationManagerViews is IAllocationManagerTypes, IAllocationConfiguration {
    function getAVSRegistrar(address avs) external view returns (address);
    function getOperatorSetCount(address avs) external view returns (uint256);
    function isOperatorSet(OperatorSet calldata operatorSet) external view returns (bool);
    function getStrategiesInOperatorSet(OperatorSet calldata operatorSet) external view returns (address[] memory);
    /// @notice The block at which the strategy leaves the set; zero if it does not.
    function getStrategyRemovalBlock(OperatorSet calldata operatorSet, address strategy) external view returns (uint32);
    function getSlasher(OperatorSet calldata operatorSet) external view returns (address);
    /// @return The slasher to come and its block; zeros if none is pending.
    function getPendingSlasher(OperatorSet calldata operatorSet) external view returns (address, uint32);
    /// @notice The burn address unless the set redistributes.
    function getRedistributionRecipient(OperatorSet calldata operatorSet) external view returns (address);
    function isRedistributingOperatorSet(OperatorSet calldata operatorSet) external view returns (bool);
    /// @notice Whether a redistributing set can slash the operator.
    function isOperatorRedistributable(address operator) external view returns (bool);
    function getSlashCount(OperatorSet calldata operatorSet) external view returns (uint256);

    function getMembers(OperatorSet calldata operatorSet) external view returns (address[] memory);
    function getMemberCount(OperatorSet calldata operatorSet) external view returns (uint256);
    function isMemberOfOperatorSet(address operator, OperatorSet calldata operatorSet) external view returns (bool);
    /// @notice Whether the operator is a member or left less than the deallocation delay ago.
    function isOperatorSlashable(address operator, OperatorSet calldata operatorSet) external view returns (bool);
    function getRegisteredSets(address operator) external view returns (OperatorSet[] memory);

    function getAllocationDelay(address operator) external view returns (bool isSet, uint32 delay);
    function getAllocatedSets(address operator) external view returns (OperatorSet[] memory);
    function getAllocatedStrategies(address operator, OperatorSet calldata operatorSet)
        external
        view
        returns (address[] memory);
    function getAllocation(address operator, OperatorSet calldata operatorSet, address strategy)
        external
        view
        returns (Allocation memory);
    function getAllocations(address[] calldata operators, OperatorSet calldata operatorSet, address strategy)
        external
        view
        returns (Allocation[] memory);
    function getStrategyAllocations(address operator, address strategy)
        external
        view
        returns (OperatorSet[] memory, Allocation[] memory);
    function getEncumberedMagnitude(address operator, address strategy) external view returns (uint64);
    function getAllocatableMagnitude(address operator, address strategy) external view returns (uint64);
    function getMaxMagnitude(address operator, address strategy) external view returns (uint64);
    function getMaxMagnitudes(address operator, address[] calldata strategies) external view returns (uint64[] memory);
    function getMaxMagnitudes(address[] calldata operators, address strategy) external view returns (uint64[] memory);
    function getMaxMagnitudesAtBlock(address operator, address[] calldata strategies, uint32 blockNumber)
        external
        view
        returns (uint64[] memory);

    /// @notice Allocated shares, per operator and strategy, whether slashable or not. Rounds down.
    function getAllocatedStake(
        OperatorSet calldata operatorSet,
        address[] calldata operators,
        address[] calldata strategies
    ) external view returns (uint256[][] memory);
    /// @notice The least shares, per operator and strategy, that stay slashable up to and including `futureBlock`, if no
    /// slash comes. Pending increases never count. Rounds down.
    function getMinimumSlashableStake(
        OperatorSet calldata operatorSet,
        address[] calldata operators,
        address[] calldata strategies,
        uint32 futureBlock
    ) external view returns (uint256[][] memory);

    function viewImplementation() external view returns (address);
}

/// @title Operator sets, the magnitudes that operators allocate to them, and slashing.
/// @dev Immutable. Per operator and strategy the encumbered magnitude (current and pending increases over all sets) never
/// exceeds the max magnitude (1e18, falling with each slash), so no two sets can slash the same share.
interface IAllocationManager is IAllocationManagerActions, IAllocationManagerViews {}
