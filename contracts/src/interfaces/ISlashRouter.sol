// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {OperatorSet} from "../libraries/OperatorSetLib.sol";

/// @title The one door through which Vouch slashes. Immutable: evidence modules are added once each, never removed.
interface ISlashRouter {
    error NotModule(address caller);
    error NotSettlement(address caller);
    error NotModuleAdder(address caller);
    error ModuleKnown(address module);
    error ModuleNotQueued(address module);
    error TooEarly(uint256 readyAtBlock);
    error SettlementKnown();
    error SettlementNotQueued();
    error NothingToSlash(address operator);
    error ZeroAddress();
    /// @notice Stake must be able to leave before a new module can slash it.
    error DelayTooShort(uint256 delayBlocks, uint256 deallocationDelayBlocks);

    event ModuleQueued(address indexed module, uint256 readyAtBlock);
    event ModuleAdded(address indexed module);
    event SettlementQueued(address indexed settlement, uint256 readyAtBlock);
    event SettlementAdded(address indexed settlement);
    event ModuleAdderRenounced();
    event Slashed(
        OperatorSet operatorSet,
        address indexed operator,
        uint256 slashId,
        address indexed module,
        address indexed reporter,
        address[] strategies,
        uint256[] shares
    );

    /// @notice Takes the operator's whole current allocation to the set. Only an evidence module.
    function slash(OperatorSet calldata operatorSet, address operator, address reporter, string calldata description)
        external
        returns (uint256 slashId);

    /// @notice Starts the delay after which the module can be added. Only the module adder.
    function queueModule(address module) external;
    /// @notice Adds a queued module whose delay has passed, for ever. Only the module adder.
    function addModule(address module) external;
    /// @notice Starts the delay for the settlement slot, again if another was queued. Only the module adder.
    function queueSettlement(address settlement) external;
    function addSettlement() external;
    /// @notice Ends all additions for ever, of what is queued too.
    function renounceModuleAdder() external;
    /// @notice Pays `amount` of `token` out of the set's vault. Only the settlement slot.
    function release(OperatorSet calldata operatorSet, address token, address to, uint256 amount) external;

    function isModule(address module) external view returns (bool);
    function settlement() external view returns (address);
    function moduleAdder() external view returns (address);
    function addDelayBlocks() external view returns (uint32);
}

/// @title Where the slashed stake of one operator set waits. It has no owner and no way out but the router's settlement slot.
interface ISlashVault {
    error NotRouter(address caller);
    error SlashKnown(uint256 slashId);

    event SlashRecorded(
        uint256 indexed slashId,
        address indexed operator,
        address indexed reporter,
        address[] strategies,
        uint256[] shares
    );
    event Released(address indexed token, address indexed to, uint256 amount);

    function operatorSet() external view returns (OperatorSet memory);
    /// @notice All shares of `strategy` ever slashed into this vault.
    function slashedShares(address strategy) external view returns (uint256);
    /// @notice The shares of `strategy` slashed at `timestamp` or later: what a table of that time no longer has.
    function slashedSharesSince(address strategy, uint256 timestamp) external view returns (uint256);
    /// @notice Whose stake a slash took; zero if there was no such slash.
    function operatorOf(uint256 slashId) external view returns (address);
    function reporterOf(uint256 slashId) external view returns (address);
    /// @notice When a slash took place, Unix seconds.
    function slashedAtOf(uint256 slashId) external view returns (uint48);
    /// @notice The shares of `strategy` that a slash took.
    function sharesOf(uint256 slashId, address strategy) external view returns (uint256);
    function recordSlash(
        uint256 slashId,
        address operator,
        address reporter,
        address[] calldata strategies,
        uint256[] calldata shares
    ) external;
    /// @notice Fetches the tokens of a slash whose resolution delay has passed. Anyone.
    function collect(uint256 slashId) external;
    function release(address token, address to, uint256 amount) external;
}

interface ISlashVaultFactory {
    error NotAvs(address caller);
    error VaultExists(address vault);

    event VaultDeployed(OperatorSet operatorSet, address vault);

    /// @notice Deploys the vault of a set; `operatorSet.avs` must be the caller.
    function deployVault(OperatorSet calldata operatorSet) external returns (address vault);
    function vaultOf(OperatorSet calldata operatorSet) external view returns (address);
}
