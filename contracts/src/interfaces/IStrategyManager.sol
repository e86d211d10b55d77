// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {OperatorSet} from "../libraries/OperatorSetLib.sol";
import {IPausable} from "./IPausable.sol";

/// @title Where stakers deposit tokens, and where slashed shares wait before they go to the set's recipient.
/// @dev Immutable and without an owner: it holds slashed stake.
interface IStrategyManager is IPausable {
    error InvalidSignature();
    error MaxStrategiesExceeded();
    error OnlyDelegationManager();
    error OnlyStrategyWhitelister();
    error SharesAmountTooHigh();
    error SharesAmountZero();
    error SignatureExpired();
    error StakerAddressZero();
    error StrategyAlreadyInSlash();
    error StrategyNotWhitelisted();
    /// @notice The token moved another amount than it was asked to, such as one that keeps a fee.
    error WrongAmountReceived(uint256 expected, uint256 received);
    /// @notice The slash can be cleared from `resolutionBlock` on.
    error SlashNotResolved(uint256 resolutionBlock);

    event Deposit(address staker, address strategy, uint256 shares);
    /// @notice What the staker has of the strategy now, by whatever way it changed. The other events do not tell: a withdrawal
    /// that ends as shares looks like one that ends as tokens, and scaled shares cannot be turned back into deposit shares.
    event DepositSharesUpdated(address staker, address strategy, uint256 depositShares);
    event StrategyWhitelisterChanged(address previousAddress, address newAddress);
    event StrategyAddedToDepositWhitelist(address strategy);
    event StrategyRemovedFromDepositWhitelist(address strategy);
    event BurnOrRedistributableSharesIncreased(
        OperatorSet operatorSet, uint256 slashId, address strategy, uint256 shares
    );
    event BurnOrRedistributableSharesDecreased(
        OperatorSet operatorSet, uint256 slashId, address strategy, uint256 shares
    );

    /// @notice Moves `amount` of the caller's `token` into `strategy` and credits the caller with shares (rounded down).
    function depositIntoStrategy(address strategy, IERC20 token, uint256 amount) external returns (uint256 shares);
    /// @notice As above with the caller's tokens, but credits `staker`, who signed for it.
    function depositIntoStrategyWithSignature(
        address strategy,
        IERC20 token,
        uint256 amount,
        address staker,
        uint256 expiry,
        bytes calldata signature
    ) external returns (uint256 shares);

    /// @notice Gives shares back to a staker whose withdrawal ends as shares. Only the DelegationManager.
    function addShares(address staker, address strategy, uint256 shares)
        external
        returns (uint256 prevDepositShares, uint256 addedShares);
    /// @notice Takes deposit shares from a staker. Only the DelegationManager.
    /// @return left What the staker still has of the strategy.
    function removeDepositShares(address staker, address strategy, uint256 depositSharesToRemove)
        external
        returns (uint256 left);
    /// @notice Pays `shares` of a strategy to the staker. Only the DelegationManager.
    function withdrawSharesAsTokens(address staker, address strategy, IERC20 token, uint256 shares) external;

    /// @notice Parks slashed shares under (set, slashId, strategy). Only the DelegationManager. Never calls out.
    function increaseBurnOrRedistributableShares(
        OperatorSet calldata operatorSet,
        uint256 slashId,
        address strategy,
        uint256 addedSharesToBurn
    ) external;

    /// @notice Pays every strategy of a slash to the set's recipient, once its resolution delay has passed. Anyone.
    /// @return The tokens paid, in the order in which the ledger listed the strategies.
    function clearBurnOrRedistributableShares(OperatorSet calldata operatorSet, uint256 slashId)
        external
        returns (uint256[] memory);
    /// @notice As above for one strategy, so that one failing token holds back no other. Zero if nothing is parked.
    function clearBurnOrRedistributableSharesByStrategy(
        OperatorSet calldata operatorSet,
        uint256 slashId,
        address strategy
    ) external returns (uint256);

    function setStrategyWhitelister(address newStrategyWhitelister) external;
    function addStrategiesToDepositWhitelist(address[] calldata strategies) external;
    function removeStrategiesFromDepositWhitelist(address[] calldata strategies) external;

    /// @notice The first block at which the slash can be cleared; zero if nothing of it was ever parked.
    function getSlashResolutionBlock(OperatorSet calldata operatorSet, uint256 slashId) external view returns (uint32);
    function slashResolutionDelayBlocks() external view returns (uint32);
    function getBurnOrRedistributableShares(OperatorSet calldata operatorSet, uint256 slashId)
        external
        view
        returns (address[] memory, uint256[] memory);
    function getBurnOrRedistributableShares(OperatorSet calldata operatorSet, uint256 slashId, address strategy)
        external
        view
        returns (uint256);
    function getBurnOrRedistributableCount(OperatorSet calldata operatorSet, uint256 slashId)
        external
        view
        returns (uint256);
    function getPendingOperatorSets() external view returns (OperatorSet[] memory);
    function getPendingSlashIds(OperatorSet calldata operatorSet) external view returns (uint256[] memory);

    function getDeposits(address staker) external view returns (address[] memory, uint256[] memory);
    function getStakerStrategyList(address staker) external view returns (address[] memory);
    function stakerStrategyList(address staker, uint256 index) external view returns (address);
    function stakerStrategyListLength(address staker) external view returns (uint256);
    function stakerDepositShares(address staker, address strategy) external view returns (uint256);
    function strategyIsWhitelistedForDeposit(address strategy) external view returns (bool);
    function strategyWhitelister() external view returns (address);
    function delegation() external view returns (address);
    function allocationManager() external view returns (address);
    function nonces(address staker) external view returns (uint256);
    function domainSeparator() external view returns (bytes32);
    function calculateStrategyDepositDigestHash(
        address staker,
        address strategy,
        IERC20 token,
        uint256 amount,
        uint256 nonce,
        uint256 expiry
    ) external view returns (bytes32);
    function DEPOSIT_TYPEHASH() external view returns (bytes32);
    function DEFAULT_BURN_ADDRESS() external view returns (address);
}
