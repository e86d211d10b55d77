// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IPausable} from "./IPausable.sol";

/// @title One strategy per token, made by anyone. The owner admits other strategies and refuses tokens.
interface IStrategyFactory is IPausable {
    error AlreadyBlacklisted();
    error BlacklistedToken();
    error StrategyAlreadyExists();
    error TooMany(uint256 given, uint256 max);

    event StrategySetForToken(address token, address strategy);
    event TokenBlacklisted(address token);

    /// @notice Makes a strategy of `token` and admits it for deposits. Once per token.
    function deployNewStrategy(address token) external returns (address newStrategy);
    /// @notice Refuses tokens for ever; what the factory made of them takes no more deposits.
    function blacklistTokens(address[] calldata tokens) external;
    function whitelistStrategies(address[] calldata strategies) external;
    function removeStrategiesFromWhitelist(address[] calldata strategies) external;
    /// @notice Hands the StrategyManager's whitelist to another.
    function setStrategyWhitelister(address newStrategyWhitelister) external;

    function deployedStrategies(address token) external view returns (address);
    function isBlacklisted(address token) external view returns (bool);
    function strategyManager() external view returns (address);
}
