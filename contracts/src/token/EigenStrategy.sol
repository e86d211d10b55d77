// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IDelegationManager} from "../interfaces/IDelegationManager.sol";
import {IEigen} from "../interfaces/IEigen.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {IStrategy} from "../interfaces/IStrategy.sol";
import {IStrategyManager} from "../interfaces/IStrategyManager.sol";
import {Pausable} from "../core/Pausable.sol";

/// @title The strategy of EIGEN: an adapter over the escrow, which holds every unit. One share is one unit of bEIGEN.
/// @dev It takes EIGEN, which it unwraps, and bEIGEN; it pays bEIGEN. The escrow's clock of an exit starts when the withdrawal is
/// queued, so that a staker waits once; slashed stake waits from its slash, so that slashing oneself is no faster way out.
contract EigenStrategy is IStrategy, Pausable {
    /// @notice Wrapping has ended: who stakes EIGEN now would unwrap it in the strategy's name and lose its unit of the fork.
    /// Unwrap it yourself and stake bEIGEN.
    error WrapperMayBeOwedAFork();

    uint8 internal constant PAUSED_DEPOSITS = 0;
    uint8 internal constant PAUSED_WITHDRAWALS = 1;
    /// @dev One to one, in 1e18.
    uint256 private constant RATE = 1e18;

    address public immutable strategyManager;
    /// @notice bEIGEN.
    IERC20 public immutable underlyingToken;
    IEigen public immutable EIGEN;
    IEscrow public immutable escrow;
    uint256 public totalShares;

    /// @dev The escrow names this strategy and is made after it, at an address known before.
    constructor(address manager, IEigen eigen, IEscrow escrow_, address registry) Pausable(registry) {
        require(manager != address(0) && address(escrow_) != address(0), InputAddressZero());
        (strategyManager, EIGEN, escrow) = (manager, eigen, escrow_);
        underlyingToken = eigen.bEIGEN();
        emit StrategyTokenSet(address(underlyingToken), 18);
        underlyingToken.approve(address(escrow_), type(uint256).max);
    }

    modifier onlyStrategyManager() {
        require(msg.sender == strategyManager, OnlyStrategyManager());
        _;
    }

    /// @dev The StrategyManager assigns the deposit to its staker in the same transaction (`beforeAddShares`).
    function deposit(IERC20 token, uint256 amount) external onlyStrategyManager returns (uint256 newShares) {
        _requireNotPaused(PAUSED_DEPOSITS);
        require(amount != 0, NewSharesZero());
        bool wrapped = address(token) == address(EIGEN);
        require(wrapped || address(token) == address(underlyingToken), OnlyUnderlyingToken());
        totalShares += amount;
        emit ExchangeRateEmitted(RATE);
        if (wrapped) {
            require(EIGEN.wrappingStoppedAt() == 0, WrapperMayBeOwedAFork());
            EIGEN.unwrap(amount);
        }
        escrow.deposit(amount);
        return amount;
    }

    function withdraw(address recipient, IERC20 token, uint256 amountShares)
        external
        onlyStrategyManager
        returns (uint256)
    {
        _take(token, amountShares);
        escrow.payExit(recipient, amountShares);
        return amountShares;
    }

    function withdrawSlashed(address recipient, IERC20 token, uint256 amountShares, uint256 slashBlock)
        external
        onlyStrategyManager
        returns (uint256)
    {
        _take(token, amountShares);
        escrow.paySlashed(recipient, amountShares, slashBlock);
        return amountShares;
    }

    function beforeAddShares(address staker, uint256 amountShares) external onlyStrategyManager {
        escrow.addStake(staker, amountShares);
    }

    function beforeRemoveShares(address staker, uint256 amountShares) external onlyStrategyManager {
        escrow.queueExit(staker, amountShares);
    }

    function userUnderlying(address user) external view returns (uint256) {
        return shares(user);
    }

    function userUnderlyingView(address user) external view returns (uint256) {
        return shares(user);
    }

    function sharesToUnderlying(uint256 amountShares) external pure returns (uint256) {
        return amountShares;
    }

    function underlyingToShares(uint256 amountUnderlying) external pure returns (uint256) {
        return amountUnderlying;
    }

    function sharesToUnderlyingView(uint256 amountShares) external pure returns (uint256) {
        return amountShares;
    }

    function underlyingToSharesView(uint256 amountUnderlying) external pure returns (uint256) {
        return amountUnderlying;
    }

    function explanation() external pure returns (string memory) {
        return "Stakes EIGEN: the escrow holds bEIGEN, one unit a share, and lets it out after its lag.";
    }

    function shares(address user) public view returns (uint256) {
        address[] memory strategies = new address[](1);
        strategies[0] = address(this);
        IDelegationManager delegation = IDelegationManager(IStrategyManager(strategyManager).delegation());
        (uint256[] memory withdrawable,) = delegation.getWithdrawableShares(user, strategies);
        return withdrawable[0];
    }

    function _take(IERC20 token, uint256 amountShares) private {
        require(address(token) == address(underlyingToken), OnlyUnderlyingToken());
        require(amountShares <= totalShares, WithdrawalAmountExceedsTotalDeposits());
        totalShares -= amountShares;
        emit ExchangeRateEmitted(RATE);
    }

    function _pausableBits() internal pure override returns (uint256) {
        return 1 << PAUSED_DEPOSITS;
    }

    function _requirePausable(uint256 newPausedStatus) internal pure override {
        require(newPausedStatus & (1 << PAUSED_WITHDRAWALS) == 0, WithdrawalsCannotBePaused());
    }
}
