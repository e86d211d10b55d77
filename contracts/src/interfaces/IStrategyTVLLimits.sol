// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Bounds on what a strategy takes, in units of its token. The unpauser sets them.
interface IStrategyTVLLimits {
    /// @notice What is held would exceed `maxTotalDeposits`.
    error BalanceExceedsMaxTotalDeposits();
    /// @notice A deposit exceeds `maxPerDeposit`, or that would itself exceed `maxTotalDeposits`.
    error MaxPerDepositExceedsMax();

    event MaxPerDepositUpdated(uint256 previousValue, uint256 newValue);
    event MaxTotalDepositsUpdated(uint256 previousValue, uint256 newValue);

    function setTVLLimits(uint256 newMaxPerDeposit, uint256 newMaxTotalDeposits) external;
    /// @return The most of one deposit, and of all.
    function getTVLLimits() external view returns (uint256, uint256);
    function maxPerDeposit() external view returns (uint256);
    function maxTotalDeposits() external view returns (uint256);
}
