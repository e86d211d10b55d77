// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {IAllocationManager} from "../interfaces/IAllocationManager.sol";
import {IStrategy} from "../interfaces/IStrategy.sol";
import {IStrategyManager} from "../interfaces/IStrategyManager.sol";
import {SlashingLib, WAD} from "../libraries/SlashingLib.sol";
import {DelegatedShares} from "./DelegatedShares.sol";

/// @title Withdrawals: queued, slashable for the withdrawal delay, then paid or taken back as shares.
/// @dev A withdrawal is stored whole, so that its root alone completes it. What it pays is fixed by the magnitude of the operator
/// that its staker had, at the last block at which it was slashable.
abstract contract WithdrawalQueue is DelegatedShares, ReentrancyGuard {
    using EnumerableSet for EnumerableSet.Bytes32Set;

    /// @notice The most strategies of one withdrawal, and withdrawals of one call.
    uint256 public constant MAX_WITHDRAWAL_LENGTH = 32;

    mapping(address staker => uint256) public cumulativeWithdrawalsQueued;
    mapping(address staker => EnumerableSet.Bytes32Set) private _roots;
    mapping(bytes32 root => Withdrawal) private _withdrawals;

    function queueWithdrawals(QueuedWithdrawalParams[] calldata params) external returns (bytes32[] memory roots) {
        require(params.length <= MAX_WITHDRAWAL_LENGTH, TooMany(params.length, MAX_WITHDRAWAL_LENGTH));
        roots = new bytes32[](params.length);
        address operator = delegatedTo[msg.sender];
        for (uint256 i = 0; i < params.length; i++) {
            roots[i] = _queue(msg.sender, operator, params[i].strategies, params[i].depositShares);
        }
    }

    function completeQueuedWithdrawal(Withdrawal calldata withdrawal, IERC20[] calldata tokens, bool receiveAsTokens)
        external
        nonReentrant
    {
        _completeAsGiven(withdrawal, tokens, receiveAsTokens);
    }

    function completeQueuedWithdrawals(
        Withdrawal[] calldata withdrawals,
        IERC20[][] calldata tokens,
        bool[] calldata receiveAsTokens
    ) external nonReentrant {
        uint256 count = withdrawals.length;
        require(count == tokens.length && count == receiveAsTokens.length, InputArrayLengthMismatch());
        for (uint256 i = 0; i < count; i++) {
            _completeAsGiven(withdrawals[i], tokens[i], receiveAsTokens[i]);
        }
    }

    function completeQueuedWithdrawal(bytes32 withdrawalRoot, bool receiveAsTokens) external nonReentrant {
        _complete(withdrawalRoot, receiveAsTokens);
    }

    function getQueuedWithdrawals(address staker)
        external
        view
        returns (Withdrawal[] memory withdrawals, uint256[][] memory shares)
    {
        bytes32[] memory roots = _roots[staker].values();
        withdrawals = new Withdrawal[](roots.length);
        shares = new uint256[][](roots.length);
        for (uint256 i = 0; i < roots.length; i++) {
            (withdrawals[i], shares[i]) = getQueuedWithdrawal(roots[i]);
        }
    }

    function getQueuedWithdrawalRoots(address staker) external view returns (bytes32[] memory) {
        return _roots[staker].values();
    }

    function queuedWithdrawals(bytes32 withdrawalRoot) external view returns (Withdrawal memory) {
        return _withdrawals[withdrawalRoot];
    }

    function getQueuedWithdrawal(bytes32 withdrawalRoot)
        public
        view
        returns (Withdrawal memory withdrawal, uint256[] memory shares)
    {
        withdrawal = _withdrawals[withdrawalRoot];
        require(withdrawal.staker != address(0), WithdrawalNotQueued());
        shares = new uint256[](withdrawal.strategies.length);
        for (uint256 i = 0; i < shares.length; i++) {
            shares[i] = _worth(withdrawal, i);
        }
    }

    function pendingWithdrawals(bytes32 withdrawalRoot) public view returns (bool) {
        return _withdrawals[withdrawalRoot].staker != address(0);
    }

    function calculateWithdrawalRoot(Withdrawal memory withdrawal) public pure returns (bytes32) {
        return keccak256(abi.encode(withdrawal));
    }

    /// @dev Everything the staker has, one withdrawal per strategy, so that one failing token holds back no other.
    function _queueAll(address staker, address operator) internal returns (bytes32[] memory roots) {
        (address[] memory strategies, uint256[] memory shares) = IStrategyManager(strategyManager).getDeposits(staker);
        roots = new bytes32[](strategies.length);
        for (uint256 i = 0; i < strategies.length; i++) {
            address[] memory strategy = new address[](1);
            uint256[] memory depositShares = new uint256[](1);
            (strategy[0], depositShares[0]) = (strategies[i], shares[i]);
            roots[i] = _queue(staker, operator, strategy, depositShares);
        }
    }

    function _queue(address staker, address operator, address[] memory strategies, uint256[] memory depositShares)
        private
        returns (bytes32 root)
    {
        uint256 count = strategies.length;
        require(count == depositShares.length, InputArrayLengthMismatch());
        require(count != 0, InputArrayLengthZero());
        require(count <= MAX_WITHDRAWAL_LENGTH, TooMany(count, MAX_WITHDRAWAL_LENGTH));
        uint256[] memory worth = new uint256[](count);
        uint256[] memory scaledShares = new uint256[](count);
        for (uint256 i = 0; i < count; i++) {
            (scaledShares[i], worth[i]) = _decrease(operator, staker, strategies[i], depositShares[i]);
        }
        uint256 nonce = cumulativeWithdrawalsQueued[staker]++;
        Withdrawal memory withdrawal =
            Withdrawal(staker, operator, staker, nonce, uint32(block.number), strategies, scaledShares);
        root = calculateWithdrawalRoot(withdrawal);
        _roots[staker].add(root);
        _withdrawals[root] = withdrawal;
        emit SlashingWithdrawalQueued(root, withdrawal, worth);
    }

    /// @dev `tokens` must be those of the strategies: the strategies refuse others.
    function _completeAsGiven(Withdrawal calldata withdrawal, IERC20[] calldata tokens, bool receiveAsTokens) private {
        require(tokens.length == withdrawal.strategies.length, InputArrayLengthMismatch());
        for (uint256 i = 0; receiveAsTokens && i < tokens.length; i++) {
            address expected = address(IStrategy(withdrawal.strategies[i]).underlyingToken());
            require(address(tokens[i]) == expected, WrongToken(address(tokens[i]), expected));
        }
        _complete(calculateWithdrawalRoot(withdrawal), receiveAsTokens);
    }

    /// @dev The entry goes before any token is called: a second call finds nothing.
    function _complete(bytes32 root, bool receiveAsTokens) private {
        Withdrawal memory withdrawal = _withdrawals[root];
        require(withdrawal.staker != address(0), WithdrawalNotQueued());
        require(msg.sender == withdrawal.withdrawer, WithdrawerNotCaller());
        require(block.number > _lastSlashableBlock(withdrawal), WithdrawalDelayNotElapsed());
        uint256[] memory shares = new uint256[](withdrawal.strategies.length);
        for (uint256 i = 0; i < shares.length; i++) {
            shares[i] = _worth(withdrawal, i);
        }
        _roots[withdrawal.staker].remove(root);
        delete _withdrawals[root];
        emit SlashingWithdrawalCompleted(root);
        for (uint256 i = 0; i < shares.length; i++) {
            if (shares[i] != 0) _pay(withdrawal.staker, withdrawal.strategies[i], shares[i], receiveAsTokens);
        }
    }

    function _pay(address staker, address strategy, uint256 shares, bool asTokens) private {
        IStrategyManager manager = IStrategyManager(strategyManager);
        if (asTokens) {
            manager.withdrawSharesAsTokens(staker, strategy, IStrategy(strategy).underlyingToken(), shares);
        } else {
            (uint256 prevShares, uint256 added) = manager.addShares(staker, strategy, shares);
            _increase(delegatedTo[staker], staker, strategy, prevShares, added);
        }
    }

    /// @dev What the i-th strategy pays, or would pay if nothing more is slashed.
    function _worth(Withdrawal memory withdrawal, uint256 i) private view returns (uint256) {
        uint64 factor = WAD;
        if (withdrawal.delegatedTo != address(0)) {
            uint256 end = _lastSlashableBlock(withdrawal);
            factor = block.number > end
                ? _maxMagnitudeAt(withdrawal.delegatedTo, withdrawal.strategies[i], uint32(end))
                : _maxMagnitude(withdrawal.delegatedTo, withdrawal.strategies[i]);
        }
        return SlashingLib.mulWad(withdrawal.scaledShares[i], factor);
    }

    function _lastSlashableBlock(Withdrawal memory withdrawal) private view returns (uint256) {
        return uint256(withdrawal.startBlock) + minWithdrawalDelayBlocks;
    }

    function _maxMagnitudeAt(address operator, address strategy, uint32 blockNumber) private view returns (uint64) {
        address[] memory strategies = new address[](1);
        strategies[0] = strategy;
        return IAllocationManager(allocationManager).getMaxMagnitudesAtBlock(operator, strategies, blockNumber)[0];
    }
}
