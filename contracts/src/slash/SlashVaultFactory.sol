// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ISlashVaultFactory} from "../interfaces/ISlashRouter.sol";
import {IStrategyManager} from "../interfaces/IStrategyManager.sol";
import {OperatorSet, OperatorSetLib} from "../libraries/OperatorSetLib.sol";
import {SlashVault} from "./SlashVault.sol";

/// @title SlashVaultFactory
/// @notice See `ISlashVaultFactory`. Every vault has the same code, the same router and no one else who could ask it for tokens.
contract SlashVaultFactory is ISlashVaultFactory {
    using OperatorSetLib for OperatorSet;

    IStrategyManager public immutable strategyManager;
    address public immutable slashRouter;

    mapping(bytes32 setKey => address) private _vaults;

    constructor(IStrategyManager strategyManager_, address slashRouter_) {
        strategyManager = strategyManager_;
        slashRouter = slashRouter_;
    }

    function deployVault(OperatorSet calldata operatorSet) external returns (address vault) {
        require(operatorSet.avs == msg.sender, NotAvs(msg.sender));
        bytes32 setKey = operatorSet.key();
        require(_vaults[setKey] == address(0), VaultExists(_vaults[setKey]));
        vault = address(new SlashVault(operatorSet, strategyManager, slashRouter));
        _vaults[setKey] = vault;
        emit VaultDeployed(operatorSet, vault);
    }

    function vaultOf(OperatorSet calldata operatorSet) external view returns (address) {
        return _vaults[operatorSet.key()];
    }
}
