// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IAllocationManager} from "../interfaces/IAllocationManager.sol";
import {IDelegationManager} from "../interfaces/IDelegationManager.sol";
import {IStrategyManager} from "../interfaces/IStrategyManager.sol";
import {SlashingLib, WAD} from "../libraries/SlashingLib.sol";
import {Snapshots} from "../libraries/Snapshots.sol";

/// @title The share accounts of stakers and operators, and how deposits and slashes move them.
/// @dev The withdrawal queue records here what it holds: shares scaled by k at the time they were queued, summed per operator
/// and strategy. What was queued within the withdrawal delay is slashed too.
///
/// Rounding: the operator's shares are at least the sum of s x k / WAD x m / WAD over its stakers without any rounding, so they
/// cover what the stakers can withdraw; what leaves them for the queue covers what the queue pays out (see `slashedQueue`).
abstract contract DelegatedShares is IDelegationManager {
    using Snapshots for Snapshots.FactorHistory;
    using Snapshots for Snapshots.OperatorHistory;
    using Snapshots for Snapshots.QueueHistory;

    address public immutable strategyManager;
    address public immutable allocationManager;
    /// @notice How long a queued withdrawal waits, in blocks, and stays slashable.
    uint32 public immutable minWithdrawalDelayBlocks;

    mapping(address staker => address operator) public delegatedTo;
    mapping(address operator => mapping(address strategy => uint256)) public operatorShares;
    mapping(address staker => Snapshots.OperatorHistory) private _delegations;
    mapping(address staker => mapping(address strategy => Snapshots.FactorHistory)) private _depositScalingFactor;
    /// @dev Never falls; differences between two blocks say what was queued in between.
    mapping(address operator => mapping(address strategy => Snapshots.QueueHistory)) internal _queued;

    constructor(address strategyManager_, address allocationManager_, uint32 withdrawalDelay) {
        strategyManager = strategyManager_;
        allocationManager = allocationManager_;
        minWithdrawalDelayBlocks = withdrawalDelay;
    }

    function getOperatorsShares(address[] calldata operators, address[] calldata strategies)
        external
        view
        returns (uint256[][] memory shares)
    {
        shares = new uint256[][](operators.length);
        for (uint256 i = 0; i < operators.length; i++) {
            shares[i] = getOperatorShares(operators[i], strategies);
        }
    }

    function getSlashableSharesInQueue(address operator, address strategy) external view returns (uint256 shares) {
        (shares,) = _slashableInQueue(operator, strategy, _maxMagnitude(operator, strategy));
    }

    function getWithdrawableShares(address staker, address[] calldata strategies)
        external
        view
        returns (uint256[] memory withdrawableShares, uint256[] memory depositShares)
    {
        withdrawableShares = new uint256[](strategies.length);
        depositShares = new uint256[](strategies.length);
        for (uint256 i = 0; i < strategies.length; i++) {
            depositShares[i] = IStrategyManager(strategyManager).stakerDepositShares(staker, strategies[i]);
            withdrawableShares[i] = SlashingLib.withdrawable(
                depositShares[i],
                depositScalingFactor(staker, strategies[i]),
                _maxMagnitude(delegatedTo[staker], strategies[i])
            );
        }
    }

    function getDepositedShares(address staker) external view returns (address[] memory, uint256[] memory) {
        return IStrategyManager(strategyManager).getDeposits(staker);
    }

    function convertToDepositShares(
        address staker,
        address[] calldata strategies,
        uint256[] calldata withdrawableShares
    ) external view returns (uint256[] memory depositShares) {
        require(strategies.length == withdrawableShares.length, InputArrayLengthMismatch());
        depositShares = new uint256[](strategies.length);
        for (uint256 i = 0; i < strategies.length; i++) {
            uint64 factor = _maxMagnitude(delegatedTo[staker], strategies[i]);
            require(factor != 0, FullySlashed());
            uint256 k = depositScalingFactor(staker, strategies[i]);
            depositShares[i] = SlashingLib.depositSharesFor(withdrawableShares[i], k, factor);
        }
    }

    function getOperatorShares(address operator, address[] calldata strategies)
        public
        view
        returns (uint256[] memory shares)
    {
        shares = new uint256[](strategies.length);
        for (uint256 i = 0; i < strategies.length; i++) {
            shares[i] = operatorShares[operator][strategies[i]];
        }
    }

    function isDelegated(address staker) public view returns (bool) {
        return delegatedTo[staker] != address(0);
    }

    /// @dev An operator is delegated to itself, for ever.
    function isOperator(address operator) public view returns (bool) {
        return operator != address(0) && delegatedTo[operator] == operator;
    }

    function depositScalingFactor(address staker, address strategy) public view returns (uint256) {
        return _depositScalingFactor[staker][strategy].latest();
    }

    function delegatedToAtBlock(address staker, uint32 blockNumber) external view returns (address) {
        _requirePast(blockNumber);
        return _delegations[staker].atBlock(blockNumber);
    }

    function depositScalingFactorAtBlock(address staker, address strategy, uint32 blockNumber)
        external
        view
        returns (uint256)
    {
        _requirePast(blockNumber);
        return _depositScalingFactor[staker][strategy].atBlock(blockNumber);
    }

    /// @dev `operator` zero: the staker leaves.
    function _setOperator(address staker, address operator) internal {
        delegatedTo[staker] = operator;
        _delegations[staker].push(operator);
    }

    /// @dev `operator` is zero for a staker that delegates to none; its factor moves all the same.
    function _increase(address operator, address staker, address strategy, uint256 prevShares, uint256 added) internal {
        if (added == 0) return;
        uint64 factor = _maxMagnitude(operator, strategy);
        require(factor != 0, FullySlashed());
        uint256 k = depositScalingFactor(staker, strategy);
        uint256 newK = SlashingLib.scalingFactorAfter(k, prevShares, added, factor);
        require(newK != 0, InvalidDepositScalingFactor());
        _depositScalingFactor[staker][strategy].push(newK);
        emit DepositScalingFactorUpdated(staker, strategy, newK);
        if (operator == address(0)) return;
        operatorShares[operator][strategy] += added;
        emit OperatorSharesIncreased(operator, staker, strategy, added);
    }

    /// @dev Takes deposit shares out of the accounts and says what stands for them in the queue. A staker without shares starts
    /// anew: what was slashed before is forgotten with them.
    function _decrease(address operator, address staker, address strategy, uint256 depositShares)
        internal
        returns (uint256 scaledShares, uint256 worth)
    {
        scaledShares = SlashingLib.mulWad(depositShares, depositScalingFactor(staker, strategy));
        worth = SlashingLib.mulWad(scaledShares, _maxMagnitude(operator, strategy));
        uint256 left = IStrategyManager(strategyManager).removeDepositShares(staker, strategy, depositShares);
        if (left == 0 && depositScalingFactor(staker, strategy) != WAD) {
            _depositScalingFactor[staker][strategy].push(WAD);
            emit DepositScalingFactorUpdated(staker, strategy, WAD);
        }
        if (operator == address(0)) return (scaledShares, worth);
        _queued[operator][strategy].add(scaledShares);
        operatorShares[operator][strategy] -= worth;
        emit OperatorSharesDecreased(operator, staker, strategy, worth);
    }

    function _slash(address operator, address strategy, uint64 prevMaxMagnitude, uint64 newMaxMagnitude)
        internal
        returns (uint256 total)
    {
        uint256 shares = operatorShares[operator][strategy];
        uint256 slashed = SlashingLib.slashedShares(shares, prevMaxMagnitude, newMaxMagnitude);
        (uint256 queued, uint256 entries) = _slashableInQueue(operator, strategy, prevMaxMagnitude);
        total = slashed + SlashingLib.slashedQueue(queued, entries, prevMaxMagnitude, newMaxMagnitude);
        operatorShares[operator][strategy] = shares - slashed;
        emit OperatorSharesDecreased(operator, address(0), strategy, slashed);
        emit OperatorSharesSlashed(operator, strategy, total);
    }

    /// @dev What was queued in the last `minWithdrawalDelayBlocks` blocks and this one, at the present magnitude.
    function _slashableInQueue(address operator, address strategy, uint64 maxMagnitude)
        private
        view
        returns (uint256 shares, uint256 entries)
    {
        Snapshots.QueueHistory storage history = _queued[operator][strategy];
        (shares, entries) = history.latest();
        uint256 delay = minWithdrawalDelayBlocks;
        if (block.number > delay) {
            (uint256 sharesBefore, uint256 entriesBefore) = history.atBlock(block.number - delay - 1);
            (shares, entries) = (shares - sharesBefore, entries - entriesBefore);
        }
        shares = SlashingLib.mulWad(shares, maxMagnitude);
    }

    /// @dev A block that has not ended can still change.
    function _requirePast(uint32 blockNumber) private view {
        require(blockNumber < block.number, NotPast(blockNumber));
    }

    function _maxMagnitude(address operator, address strategy) internal view returns (uint64) {
        if (operator == address(0)) return WAD;
        return IAllocationManager(allocationManager).getMaxMagnitude(operator, strategy);
    }
}
