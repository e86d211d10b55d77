// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
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

    /// @param delegatedTo The staker's operator when it was queued, which decides what it pays; zero for none.
    /// @param withdrawer Always the staker.
    /// @param scaledShares Deposit shares times the staker's scaling factor when it was queued, over 1e18.
    struct Withdrawal {
        address staker;
        address delegatedTo;
        address withdrawer;
        uint256 nonce;
        uint32 startBlock;
        address[] strategies;
        uint256[] scaledShares;
    }

    /// @param __deprecated_withdrawer Without meaning: who queues withdraws.
    struct QueuedWithdrawalParams {
        address[] strategies;
        uint256[] depositShares;
        address __deprecated_withdrawer;
    }

    error ActivelyDelegated();
    error CallerCannotUndelegate();
    error FullySlashed();
    error InputArrayLengthMismatch();
    error InputArrayLengthZero();
    error InvalidDepositScalingFactor();
    error InvalidPermissions();
    error InvalidSignature();
    error NotActivelyDelegated();
    /// @notice Only blocks before this one are settled.
    error NotPast(uint256 blockNumber);
    error OnlyAllocationManager();
    error OnlyStrategyManagerOrEigenPodManager();
    error OperatorNotRegistered();
    error OperatorsCannotUndelegate();
    error SaltSpent();
    error SignatureExpired();
    /// @notice One call takes at most `max`; split it.
    error TooMany(uint256 given, uint256 max);
    /// @notice What is queued in block b can be completed from block b + minWithdrawalDelayBlocks + 1 on.
    error WithdrawalDelayNotElapsed();
    error WithdrawalNotQueued();
    error WithdrawerNotCaller();
    error WrongToken(address given, address expected);
    /// @notice Exits have no pause.
    error WithdrawalsCannotBePaused();

    event OperatorRegistered(address indexed operator, address delegationApprover);
    event DelegationApproverUpdated(address indexed operator, address newDelegationApprover);
    event OperatorMetadataURIUpdated(address indexed operator, string metadataURI);
    event OperatorSharesIncreased(address indexed operator, address staker, address strategy, uint256 shares);
    event OperatorSharesDecreased(address indexed operator, address staker, address strategy, uint256 shares);
    event OperatorSharesSlashed(address indexed operator, address strategy, uint256 totalSlashedShares);
    event StakerDelegated(address indexed staker, address indexed operator);
    event StakerUndelegated(address indexed staker, address indexed operator);
    event StakerForceUndelegated(address indexed staker, address indexed operator);
    event SlashingWithdrawalQueued(bytes32 withdrawalRoot, Withdrawal withdrawal, uint256[] sharesToWithdraw);
    event SlashingWithdrawalCompleted(bytes32 withdrawalRoot);
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

    /// @notice Ends a staker's delegation and queues all it has, one withdrawal per strategy. The staker itself, its operator,
    /// whom the operator appointed for it, or the operator's approver. An operator never leaves itself.
    function undelegate(address staker) external returns (bytes32[] memory withdrawalRoots);
    /// @notice Undelegates the caller and delegates it anew. Its stake follows when the withdrawals are completed as shares.
    function redelegate(address newOperator, SignatureWithExpiry calldata newOperatorApproverSig, bytes32 approverSalt)
        external
        returns (bytes32[] memory withdrawalRoots);
    /// @notice Queues withdrawals of the caller's deposit shares. They stay slashable for the withdrawal delay.
    function queueWithdrawals(QueuedWithdrawalParams[] calldata params) external returns (bytes32[] memory roots);
    /// @notice Pays a withdrawal of the caller, after the delay: as tokens, or as shares under its present operator.
    /// @param tokens The strategies' tokens; not read when shares are received.
    function completeQueuedWithdrawal(Withdrawal calldata withdrawal, IERC20[] calldata tokens, bool receiveAsTokens)
        external;
    /// @notice As above; one that fails fails all.
    function completeQueuedWithdrawals(
        Withdrawal[] calldata withdrawals,
        IERC20[][] calldata tokens,
        bool[] calldata receiveAsTokens
    ) external;
    /// @notice As above, by what is stored under the root.
    function completeQueuedWithdrawal(bytes32 withdrawalRoot, bool receiveAsTokens) external;

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
    /// @notice The staker's operator at the end of a past block; zero for none.
    function delegatedToAtBlock(address staker, uint32 blockNumber) external view returns (address);
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
    /// @notice All of a staker's queued withdrawals, and what each strategy of them pays if nothing more is slashed.
    function getQueuedWithdrawals(address staker)
        external
        view
        returns (Withdrawal[] memory withdrawals, uint256[][] memory shares);
    function getQueuedWithdrawal(bytes32 withdrawalRoot)
        external
        view
        returns (Withdrawal memory withdrawal, uint256[] memory shares);
    function getQueuedWithdrawalRoots(address staker) external view returns (bytes32[] memory);
    function queuedWithdrawals(bytes32 withdrawalRoot) external view returns (Withdrawal memory);
    function pendingWithdrawals(bytes32 withdrawalRoot) external view returns (bool);
    function cumulativeWithdrawalsQueued(address staker) external view returns (uint256);
    /// @return keccak256 of the ABI-encoded withdrawal.
    function calculateWithdrawalRoot(Withdrawal calldata withdrawal) external pure returns (bytes32);
    /// @notice 1e18 means none.
    function depositScalingFactor(address staker, address strategy) external view returns (uint256);
    /// @notice The factor at the end of a past block.
    function depositScalingFactorAtBlock(address staker, address strategy, uint32 blockNumber)
        external
        view
        returns (uint256);
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
