// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {OperatorSet} from "../libraries/OperatorSetLib.sol";
import {IPausable} from "./IPausable.sol";
import {IPermissioned} from "./IPermissionController.sol";

/// @title Who delegates to whom, and how many shares that gives each operator.
/// @dev A staker's withdrawable shares are floor(floor(s x k / WAD) x m / WAD): deposit shares s, the staker's deposit
/// scaling factor k, the operator's max magnitude m. Operator shares round up and staker shares down on a slash, so an
/// operator's shares never fall below the sum of what its stakers can withdraw.
interface IDelegationManager is IPausable, IPermissioned {
    struct SignatureWithExpiry {
        bytes signature;
        /// Unix seconds; the last second at which the signature counts.
        uint256 expiry;
    }

    error ActivelyDelegated();
    error FullySlashed();
    error InputArrayLengthMismatch();
    error InvalidDepositScalingFactor();
    error InvalidPermissions();
    error InvalidSignature();
    error NotActivelyDelegated();
    error OnlyAllocationManager();
    error OnlyStrategyManagerOrEigenPodManager();
    error OperatorNotRegistered();
    error SaltSpent();
    error SignatureExpired();
    /// @notice Exits have no pause.
    error WithdrawalsCannotBePaused();

    event OperatorRegistered(address indexed operator, address delegationApprover);
    event DelegationApproverUpdated(address indexed operator, address newDelegationApprover);
    event OperatorMetadataURIUpdated(address indexed operator, string metadataURI);
    event OperatorSharesIncreased(address indexed operator, address staker, address strategy, uint256 shares);
    event OperatorSharesDecreased(address indexed operator, address staker, address strategy, uint256 shares);
    event OperatorSharesSlashed(address indexed operator, address strategy, uint256 totalSlashedShares);
    event StakerDelegated(address indexed staker, address indexed operator);
    event DepositScalingFactorUpdated(address staker, address strategy, uint256 newDepositScalingFactor);

    /// @notice Makes the caller an operator: it delegates to itself for ever. `allocationDelay` below the withdrawal
    /// delay is taken as a change that waits for the configuration delay.
    function registerAsOperator(address initDelegationApprover, uint32 allocationDelay, string calldata metadataURI)
        external;
    function modifyOperatorDetails(address operator, address newDelegationApprover) external;
    function updateOperatorMetadataURI(address operator, string calldata metadataURI) external;
    /// @notice Delegates the caller's whole stake. Needs the approver's signature if the operator has an approver and
    /// neither it nor the operator calls.
    function delegateTo(address operator, SignatureWithExpiry calldata approverSignatureAndExpiry, bytes32 approverSalt)
        external;

    /// @notice Accounts for shares that a staker gained. Only the StrategyManager.
    function increaseDelegatedShares(address staker, address strategy, uint256 prevDepositShares, uint256 addedShares)
        external;
    /// @notice Burns the operator's shares in step with its max magnitude. Only the AllocationManager.
    /// @return totalSlashedShares From the operator's shares (what stays rounds up) and from the withdrawal queue.
    function slashOperatorShares(
        address operator,
        OperatorSet calldata operatorSet,
        uint256 slashId,
        address strategy,
        uint64 prevMaxMagnitude,
        uint64 newMaxMagnitude
    ) external returns (uint256 totalSlashedShares);

    function isDelegated(address staker) external view returns (bool);
    function isOperator(address operator) external view returns (bool);
    function delegatedTo(address staker) external view returns (address);
    function delegationApprover(address operator) external view returns (address);
    function delegationApproverSaltIsSpent(address approver, bytes32 salt) external view returns (bool);
    function operatorShares(address operator, address strategy) external view returns (uint256);
    function getOperatorShares(address operator, address[] calldata strategies) external view returns (uint256[] memory);
    function getOperatorsShares(address[] calldata operators, address[] calldata strategies)
        external
        view
        returns (uint256[][] memory);
    function getSlashableSharesInQueue(address operator, address strategy) external view returns (uint256);
    function getWithdrawableShares(address staker, address[] calldata strategies)
        external
        view
        returns (uint256[] memory withdrawableShares, uint256[] memory depositShares);
    function getDepositedShares(address staker) external view returns (address[] memory, uint256[] memory);
    function convertToDepositShares(
        address staker,
        address[] calldata strategies,
        uint256[] calldata withdrawableShares
    ) external view returns (uint256[] memory);
    /// @notice 1e18 means none.
    function depositScalingFactor(address staker, address strategy) external view returns (uint256);
    function minWithdrawalDelayBlocks() external view returns (uint32);
    function strategyManager() external view returns (address);
    function allocationManager() external view returns (address);
    function domainSeparator() external view returns (bytes32);
    function calculateDelegationApprovalDigestHash(
        address staker,
        address operator,
        address approver,
        bytes32 approverSalt,
        uint256 expiry
    ) external view returns (bytes32);
    function DELEGATION_APPROVAL_TYPEHASH() external view returns (bytes32);
}
