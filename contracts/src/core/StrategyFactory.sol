// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IStrategyFactory} from "../interfaces/IStrategyFactory.sol";
import {IStrategyManager} from "../interfaces/IStrategyManager.sol";
import {Pausable} from "./Pausable.sol";
import {StrategyBase} from "./StrategyBase.sol";

/// @title Makes a strategy for any token that has none, and admits it. It must be the StrategyManager's whitelister.
/// @dev Its owner decides what may be deposited, and never touches what was: a token that is taken off the list can always leave.
contract StrategyFactory is IStrategyFactory, Pausable, Ownable2Step {
    uint8 internal constant PAUSED_NEW_STRATEGIES = 0;
    /// @notice The most tokens or strategies of one call.
    uint256 public constant MAX_LENGTH = 64;

    address public immutable strategyManager;
    mapping(address token => address) public deployedStrategies;
    mapping(address token => bool) public isBlacklisted;

    /// @param blacklist Tokens that must not get a strategy from here, because they have one that does more: EIGEN and what backs it.
    constructor(address manager, address registry, address owner_, address[] memory blacklist)
        Pausable(registry)
        Ownable(owner_)
    {
        require(manager != address(0), InputAddressZero());
        strategyManager = manager;
        for (uint256 i = 0; i < blacklist.length; i++) {
            _blacklist(blacklist[i]);
        }
    }

    function deployNewStrategy(address token)
        external
        whenNotPaused(PAUSED_NEW_STRATEGIES)
        returns (address newStrategy)
    {
        require(!isBlacklisted[token], BlacklistedToken());
        require(deployedStrategies[token] == address(0), StrategyAlreadyExists());
        newStrategy = address(new StrategyBase(strategyManager, IERC20(token), pauserRegistry));
        deployedStrategies[token] = newStrategy;
        emit StrategySetForToken(token, newStrategy);
        IStrategyManager(strategyManager).addStrategiesToDepositWhitelist(_one(newStrategy));
    }

    function blacklistTokens(address[] calldata tokens) external onlyOwner {
        _requireBounded(tokens.length);
        for (uint256 i = 0; i < tokens.length; i++) {
            _blacklist(tokens[i]);
            address strategy = deployedStrategies[tokens[i]];
            if (strategy != address(0)) {
                IStrategyManager(strategyManager).removeStrategiesFromDepositWhitelist(_one(strategy));
            }
        }
    }

    function whitelistStrategies(address[] calldata strategies) external onlyOwner {
        _requireBounded(strategies.length);
        IStrategyManager(strategyManager).addStrategiesToDepositWhitelist(strategies);
    }

    function removeStrategiesFromWhitelist(address[] calldata strategies) external onlyOwner {
        _requireBounded(strategies.length);
        IStrategyManager(strategyManager).removeStrategiesFromDepositWhitelist(strategies);
    }

    /// @dev Handing on the whitelist is how the factory itself is replaced.
    function setStrategyWhitelister(address newStrategyWhitelister) external onlyOwner {
        IStrategyManager(strategyManager).setStrategyWhitelister(newStrategyWhitelister);
    }

    function _blacklist(address token) private {
        require(!isBlacklisted[token], AlreadyBlacklisted());
        isBlacklisted[token] = true;
        emit TokenBlacklisted(token);
    }

    function _pausableBits() internal pure override returns (uint256) {
        return 1 << PAUSED_NEW_STRATEGIES;
    }

    function _requireBounded(uint256 length) private pure {
        require(length <= MAX_LENGTH, TooMany(length, MAX_LENGTH));
    }

    function _one(address item) private pure returns (address[] memory list) {
        list = new address[](1);
        list[0] = item;
    }
}
