// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {IAllocationManagerViews} from "../interfaces/IAllocationManager.sol";
import {IDelegationManager} from "../interfaces/IDelegationManager.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {IForkParameters} from "../interfaces/IForkParameters.sol";
import {SlashingLib, WAD} from "../libraries/SlashingLib.sol";

/// @title Escrow
/// @notice See `IEscrow`.
/// @dev Exits are sums by block, not a list: matured = queued a lag ago, less settled. A slash that shrinks an exit leaves a
/// rest that nobody is paid: it cannot hasten another exit, which the withdrawal queue makes wait at least as long, nor slashed
/// stake, which never draws on it.
contract Escrow is IEscrow {
    using Checkpoints for Checkpoints.Trace208;
    using SafeERC20 for IERC20;

    uint256 private constant BASIS_POINTS = 10_000;

    address public immutable strategy;
    IERC20 public immutable token;
    IForkParameters public immutable parameters;
    IDelegationManager public immutable delegation;
    uint32 public immutable lagBlocks;

    uint256 public held;
    uint256 public owed;
    /// @dev Deposited and not assigned yet; zero between transactions.
    uint256 private _unassigned;
    uint256 public outflowCount;
    mapping(uint256 outflowId => Outflow) private _outflows;
    mapping(address staker => Checkpoints.Trace208) private _stakes;
    mapping(address staker => Checkpoints.Trace208) private _queued;
    mapping(address staker => Checkpoints.Trace208) private _settled;
    Checkpoints.Trace208 private _totalStake;

    /// @param secondsPerBlock The shortest time between two blocks that the chain allows.
    constructor(
        address strategy_,
        IERC20 token_,
        IForkParameters parameters_,
        IDelegationManager delegation_,
        uint32 lagBlocks_,
        uint256 secondsPerBlock
    ) {
        require(strategy_ != address(0), InputAddressZero());
        (strategy, token, parameters, delegation, lagBlocks) = (strategy_, token_, parameters_, delegation_, lagBlocks_);
        uint256 lagSeconds = lagBlocks_ * secondsPerBlock;
        uint256 required = parameters_.times().withdrawal;
        require(lagSeconds >= required, LagTooShort(lagSeconds, required));
        uint256 queueBlocks = delegation_.minWithdrawalDelayBlocks();
        require(lagBlocks_ <= queueBlocks, LagTooLong(lagBlocks_, queueBlocks));
    }

    modifier onlyStrategy() {
        require(msg.sender == strategy, OnlyStrategy());
        _;
    }

    function deposit(uint256 amount) external onlyStrategy {
        require(_unassigned == 0, DepositUnassigned(_unassigned));
        _unassigned = amount;
        held += amount;
        emit Deposited(amount);
        token.safeTransferFrom(strategy, address(this), amount);
    }

    function addStake(address staker, uint256 amount) external onlyStrategy {
        if (_unassigned == 0) {
            _settle(staker, amount);
            emit ExitReturned(staker, amount);
        } else {
            require(_unassigned == amount, DepositUnassigned(_unassigned));
            _unassigned = 0;
        }
        _grow(_totalStake, amount);
        emit StakeIncreased(staker, amount, _grow(_stakes[staker], amount));
    }

    function queueExit(address staker, uint256 amount) external onlyStrategy {
        uint256 stake = stakeOf(staker);
        require(amount <= stake, StakeTooSmall(staker, amount, stake));
        _stakes[staker].push(uint48(block.number), uint208(stake - amount));
        _totalStake.push(uint48(block.number), uint208(_totalStake.latest() - amount));
        _grow(_queued[staker], amount);
        emit ExitQueued(staker, amount, block.number + lagBlocks + 1);
    }

    function payExit(address staker, uint256 amount) external onlyStrategy {
        _settle(staker, amount);
        _release(amount);
        emit ExitPaid(staker, amount);
        token.safeTransfer(staker, amount);
    }

    function paySlashed(address recipient, uint256 amount, uint256 slashBlock) external onlyStrategy {
        _release(amount);
        uint256 releaseBlock = slashBlock + lagBlocks + 1;
        if (block.number >= releaseBlock) return _payOutflow(recipient, amount);
        uint256 outflowId = outflowCount++;
        owed += amount;
        _outflows[outflowId] = Outflow(recipient, SafeCast.toUint48(releaseBlock), amount);
        emit OutflowQueued(outflowId, recipient, amount, releaseBlock);
    }

    function release(uint256 outflowId) external {
        Outflow memory waiting = _outflows[outflowId];
        require(waiting.recipient != address(0), UnknownOutflow(outflowId));
        require(block.number >= waiting.releaseBlock, TooEarly(waiting.releaseBlock));
        delete _outflows[outflowId];
        owed -= waiting.amount;
        _payOutflow(waiting.recipient, waiting.amount);
    }

    function outflow(uint256 outflowId) external view returns (Outflow memory) {
        return _outflows[outflowId];
    }

    function isForkable() external view returns (bool) {
        uint256 staked = Math.min(_totalStake.latest(), held);
        return staked * BASIS_POINTS >= uint256(parameters.shares().staked) * token.totalSupply();
    }

    function stakeAt(address staker, uint256 blockNumber) external view returns (uint256) {
        return _at(_stakes[staker], blockNumber);
    }

    function totalStakeAt(uint256 blockNumber) external view returns (uint256) {
        return _at(_totalStake, blockNumber);
    }

    function queuedAt(address staker, uint256 blockNumber) external view returns (uint256) {
        return _at(_queued[staker], blockNumber);
    }

    function settledAt(address staker, uint256 blockNumber) external view returns (uint256) {
        return _at(_settled[staker], blockNumber);
    }

    function worthAt(address staker, uint256 blockNumber) external view returns (address operator, uint256 worth) {
        uint256 stake = _at(_stakes[staker], blockNumber);
        uint32 number = SafeCast.toUint32(blockNumber);
        operator = delegation.delegatedToAtBlock(staker, number);
        uint256 k = delegation.depositScalingFactorAtBlock(staker, strategy, number);
        worth = SlashingLib.withdrawable(stake, k, _maxMagnitudeAt(operator, number));
    }

    function stakeOf(address staker) public view returns (uint256) {
        return _stakes[staker].latest();
    }

    function maturedOf(address staker) public view returns (uint256) {
        if (block.number <= lagBlocks) return 0;
        uint256 queued = _queued[staker].upperLookupRecent(uint48(block.number - lagBlocks - 1));
        return queued - _settled[staker].latest();
    }

    /// @dev What was settled was matured, and what is matured never falls but by settling: the subtraction above cannot wrap.
    function _settle(address staker, uint256 amount) private {
        uint256 matured = maturedOf(staker);
        require(amount <= matured, ExitNotMatured(staker, amount, matured));
        _grow(_settled[staker], amount);
    }

    function _maxMagnitudeAt(address operator, uint32 blockNumber) private view returns (uint64) {
        if (operator == address(0)) return WAD;
        address[] memory strategies = new address[](1);
        strategies[0] = strategy;
        IAllocationManagerViews allocations = IAllocationManagerViews(delegation.allocationManager());
        return allocations.getMaxMagnitudesAtBlock(operator, strategies, blockNumber)[0];
    }

    function _release(uint256 amount) private {
        require(amount <= held, NotHeld(amount, held));
        held -= amount;
    }

    function _payOutflow(address recipient, uint256 amount) private {
        emit OutflowPaid(recipient, amount);
        token.safeTransfer(recipient, amount);
    }

    function _grow(Checkpoints.Trace208 storage trace, uint256 amount) private returns (uint256 total) {
        total = trace.latest() + amount;
        trace.push(uint48(block.number), SafeCast.toUint208(total));
    }

    /// @dev A block that has not ended can still change.
    function _at(Checkpoints.Trace208 storage trace, uint256 blockNumber) private view returns (uint256) {
        require(blockNumber < block.number, NotPast(blockNumber));
        return trace.upperLookupRecent(uint48(blockNumber));
    }
}
