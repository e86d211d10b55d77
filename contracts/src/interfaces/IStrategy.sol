// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title A vault of one token whose shares the StrategyManager keeps per staker.
/// @dev Assumes of the token: no fee on transfer, which the StrategyManager refuses. Rebases are its stakers' gain and loss.
interface IStrategy {
    error NewSharesZero();
    error OnlyStrategyManager();
    error OnlyUnderlyingToken();
    error TotalSharesExceedsMax();
    error WithdrawalAmountExceedsTotalDeposits();
    /// @notice Exits have no pause.
    error WithdrawalsCannotBePaused();

    /// @param rate 1e18 x underlying units per share, with the virtual offset.
    event ExchangeRateEmitted(uint256 rate);
    event StrategyTokenSet(address token, uint8 decimals);

    /// @notice Credits `amount` that the caller has already transferred. Only the StrategyManager. Rounds shares down.
    function deposit(IERC20 token, uint256 amount) external returns (uint256 newShares);
    /// @notice Pays out `amountShares`. Only the StrategyManager. Rounds tokens down.
    function withdraw(address recipient, IERC20 token, uint256 amountShares) external returns (uint256 amountOut);
    /// @notice As above for slashed stake, which a strategy may hold back longer than a staker's. Only the StrategyManager.
    /// @param slashBlock The block of the slash.
    function withdrawSlashed(address recipient, IERC20 token, uint256 amountShares, uint256 slashBlock)
        external
        returns (uint256 amountOut);
    /// @notice May refuse that `staker` gains shares. Only the StrategyManager.
    function beforeAddShares(address staker, uint256 shares) external;
    /// @notice May refuse that `staker` queues shares for withdrawal. Only the StrategyManager.
    function beforeRemoveShares(address staker, uint256 shares) external;

    function userUnderlying(address user) external returns (uint256);

    function sharesToUnderlying(uint256 amountShares) external view returns (uint256);
    function underlyingToShares(uint256 amountUnderlying) external view returns (uint256);
    function sharesToUnderlyingView(uint256 amountShares) external view returns (uint256);
    function underlyingToSharesView(uint256 amountUnderlying) external view returns (uint256);
    function userUnderlyingView(address user) external view returns (uint256);
    /// @notice The withdrawable shares of `user`: deposit shares after slashing.
    function shares(address user) external view returns (uint256);
    function strategyManager() external view returns (address);
    function underlyingToken() external view returns (IERC20);
    function totalShares() external view returns (uint256);
    function explanation() external pure returns (string memory);
}
