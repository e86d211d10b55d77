// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {EnumerableMap} from "@openzeppelin/contracts/utils/structs/EnumerableMap.sol";
import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {IAllocationManagerViews} from "../interfaces/IAllocationManager.sol";
import {IStrategy} from "../interfaces/IStrategy.sol";
import {IStrategyManager} from "../interfaces/IStrategyManager.sol";
import {OperatorSet, OperatorSetLib} from "../libraries/OperatorSetLib.sol";

/// @title Slashed shares by (operator set, slashId, strategy), parked until the slash resolves.
/// @dev Parking calls no token, so a token cannot make a slash revert. The delay gives everyone time to see a slash
/// before its stake is gone: a stolen operator key cannot slash to itself and leave in one transaction.
abstract contract SlashLedger is IStrategyManager, ReentrancyGuard {
    using EnumerableMap for EnumerableMap.AddressToUintMap;
    using EnumerableSet for EnumerableSet.Bytes32Set;
    using EnumerableSet for EnumerableSet.UintSet;
    using OperatorSetLib for OperatorSet;

    address public constant DEFAULT_BURN_ADDRESS = 0x00000000000000000000000000000000000E16E4;

    address public immutable delegation;
    address public immutable allocationManager;
    uint32 public immutable slashResolutionDelayBlocks;

    EnumerableSet.Bytes32Set private _pendingSets;
    mapping(bytes32 setKey => EnumerableSet.UintSet) private _pendingSlashIds;
    mapping(bytes32 setKey => mapping(uint256 slashId => EnumerableMap.AddressToUintMap)) private _parked;
    mapping(bytes32 setKey => mapping(uint256 slashId => uint32)) private _resolutionBlock;

    constructor(address delegationManager, address allocationManager_, uint32 slashResolutionDelay) {
        delegation = delegationManager;
        allocationManager = allocationManager_;
        slashResolutionDelayBlocks = slashResolutionDelay;
    }

    function increaseBurnOrRedistributableShares(
        OperatorSet calldata operatorSet,
        uint256 slashId,
        address strategy,
        uint256 addedSharesToBurn
    ) external {
        require(msg.sender == delegation, OnlyDelegationManager());
        bytes32 key = operatorSet.key();
        _pendingSets.add(key);
        _pendingSlashIds[key].add(slashId);
        if (_resolutionBlock[key][slashId] == 0) {
            _resolutionBlock[key][slashId] = uint32(block.number) + slashResolutionDelayBlocks;
        }
        require(_parked[key][slashId].set(strategy, addedSharesToBurn), StrategyAlreadyInSlash());
        emit BurnOrRedistributableSharesIncreased(operatorSet, slashId, strategy, addedSharesToBurn);
    }

    function clearBurnOrRedistributableShares(OperatorSet calldata operatorSet, uint256 slashId)
        external
        nonReentrant
        returns (uint256[] memory amounts)
    {
        _requireResolved(operatorSet.key(), slashId);
        address[] memory strategies = _parked[operatorSet.key()][slashId].keys();
        amounts = new uint256[](strategies.length);
        for (uint256 i = 0; i < strategies.length; i++) {
            amounts[i] = _clear(operatorSet, slashId, strategies[i]);
        }
    }

    function clearBurnOrRedistributableSharesByStrategy(
        OperatorSet calldata operatorSet,
        uint256 slashId,
        address strategy
    ) external nonReentrant returns (uint256) {
        _requireResolved(operatorSet.key(), slashId);
        return _clear(operatorSet, slashId, strategy);
    }

    function getSlashResolutionBlock(OperatorSet calldata operatorSet, uint256 slashId) external view returns (uint32) {
        return _resolutionBlock[operatorSet.key()][slashId];
    }

    function getBurnOrRedistributableShares(OperatorSet calldata operatorSet, uint256 slashId)
        external
        view
        returns (address[] memory strategies, uint256[] memory shares)
    {
        EnumerableMap.AddressToUintMap storage parked = _parked[operatorSet.key()][slashId];
        strategies = parked.keys();
        shares = new uint256[](strategies.length);
        for (uint256 i = 0; i < strategies.length; i++) {
            shares[i] = parked.get(strategies[i]);
        }
    }

    function getBurnOrRedistributableShares(OperatorSet calldata operatorSet, uint256 slashId, address strategy)
        external
        view
        returns (uint256 shares)
    {
        (, shares) = _parked[operatorSet.key()][slashId].tryGet(strategy);
    }

    function getBurnOrRedistributableCount(OperatorSet calldata operatorSet, uint256 slashId)
        external
        view
        returns (uint256)
    {
        return _parked[operatorSet.key()][slashId].length();
    }

    function getPendingOperatorSets() external view returns (OperatorSet[] memory) {
        return OperatorSetLib.decodeAll(_pendingSets.values());
    }

    function getPendingSlashIds(OperatorSet calldata operatorSet) external view returns (uint256[] memory) {
        return _pendingSlashIds[operatorSet.key()].values();
    }

    function _requireResolved(bytes32 key, uint256 slashId) private view {
        uint256 resolutionBlock = _resolutionBlock[key][slashId];
        require(block.number >= resolutionBlock, SlashNotResolved(resolutionBlock));
    }

    /// @dev The entry goes before the token is called: a second call finds nothing.
    function _clear(OperatorSet calldata operatorSet, uint256 slashId, address strategy)
        private
        returns (uint256 amountOut)
    {
        uint256 shares = _remove(operatorSet.key(), slashId, strategy);
        if (shares == 0) return 0;
        emit BurnOrRedistributableSharesDecreased(operatorSet, slashId, strategy, shares);
        address recipient = IAllocationManagerViews(allocationManager).getRedistributionRecipient(operatorSet);
        uint256 slashBlock = _resolutionBlock[operatorSet.key()][slashId] - slashResolutionDelayBlocks;
        IERC20 token = IStrategy(strategy).underlyingToken();
        amountOut = IStrategy(strategy).withdrawSlashed(recipient, token, shares, slashBlock);
    }

    function _remove(bytes32 key, uint256 slashId, address strategy) private returns (uint256 shares) {
        EnumerableMap.AddressToUintMap storage parked = _parked[key][slashId];
        (, shares) = parked.tryGet(strategy);
        parked.remove(strategy);
        if (parked.length() != 0) return shares;
        _pendingSlashIds[key].remove(slashId);
        if (_pendingSlashIds[key].length() == 0) _pendingSets.remove(key);
    }
}
