// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IDelegationManager} from "../interfaces/IDelegationManager.sol";
import {IStrategy} from "../interfaces/IStrategy.sol";
import {IStrategyManager} from "../interfaces/IStrategyManager.sol";
import {Pausable} from "./Pausable.sol";

/// @title A vault of one token. Shares are priced with a virtual offset on shares and balance, so that a first
/// depositor who donates tokens cannot make the next deposits round to nothing.
contract StrategyBase is IStrategy, Pausable {
    using SafeERC20 for IERC20;

    uint8 internal constant PAUSED_DEPOSITS = 0;
    uint8 internal constant PAUSED_WITHDRAWALS = 1;
    uint256 internal constant OFFSET = 1e3;
    /// @notice Keeps every product of shares within what the share arithmetic allows.
    uint256 public constant MAX_TOTAL_SHARES = 1e38 - 1;

    address public immutable strategyManager;
    IERC20 public immutable underlyingToken;
    uint256 public totalShares;

    constructor(address manager, IERC20 token, address registry) Pausable(registry) {
        require(manager != address(0) && address(token) != address(0), InputAddressZero());
        strategyManager = manager;
        underlyingToken = token;
        emit StrategyTokenSet(address(token), IERC20Metadata(address(token)).decimals());
    }

    modifier onlyStrategyManager() {
        require(msg.sender == strategyManager, OnlyStrategyManager());
        _;
    }

    function deposit(IERC20 token, uint256 amount)
        external
        onlyStrategyManager
        whenNotPaused(PAUSED_DEPOSITS)
        returns (uint256 newShares)
    {
        require(address(token) == address(underlyingToken), OnlyUnderlyingToken());
        uint256 balance = _balance();
        _beforeDeposit(amount, balance);
        newShares = Math.mulDiv(amount, totalShares + OFFSET, balance - amount + OFFSET);
        require(newShares != 0, NewSharesZero());
        totalShares += newShares;
        require(totalShares <= MAX_TOTAL_SHARES, TotalSharesExceedsMax());
        emit ExchangeRateEmitted(_rate(balance));
    }

    function withdraw(address recipient, IERC20 token, uint256 amountShares)
        external
        onlyStrategyManager
        returns (uint256 amountOut)
    {
        return _pay(recipient, token, amountShares);
    }

    /// @dev This vault holds nothing back.
    function withdrawSlashed(address recipient, IERC20 token, uint256 amountShares, uint256)
        external
        onlyStrategyManager
        returns (uint256 amountOut)
    {
        return _pay(recipient, token, amountShares);
    }

    /// @dev This vault refuses nobody.
    function beforeAddShares(address staker, uint256 amountShares) external virtual onlyStrategyManager {}

    /// @dev This vault refuses nobody.
    function beforeRemoveShares(address staker, uint256 amountShares) external virtual onlyStrategyManager {}

    function userUnderlying(address user) external view returns (uint256) {
        return userUnderlyingView(user);
    }

    function sharesToUnderlyingView(uint256 amountShares) external view returns (uint256) {
        return sharesToUnderlying(amountShares);
    }

    function underlyingToSharesView(uint256 amountUnderlying) external view returns (uint256) {
        return underlyingToShares(amountUnderlying);
    }

    function explanation() external pure returns (string memory) {
        return "Holds one ERC-20 token; a share is worth a part of the balance.";
    }

    function userUnderlyingView(address user) public view returns (uint256) {
        return sharesToUnderlying(shares(user));
    }

    function shares(address user) public view returns (uint256) {
        address[] memory strategies = new address[](1);
        strategies[0] = address(this);
        IDelegationManager delegation = IDelegationManager(IStrategyManager(strategyManager).delegation());
        (uint256[] memory withdrawable,) = delegation.getWithdrawableShares(user, strategies);
        return withdrawable[0];
    }

    function sharesToUnderlying(uint256 amountShares) public view returns (uint256) {
        return Math.mulDiv(_balance() + OFFSET, amountShares, totalShares + OFFSET);
    }

    function underlyingToShares(uint256 amountUnderlying) public view returns (uint256) {
        return Math.mulDiv(amountUnderlying, totalShares + OFFSET, _balance() + OFFSET);
    }

    /// @dev May refuse a deposit of `amount`, after which `balance` is held. This vault refuses none.
    function _beforeDeposit(uint256 amount, uint256 balance) internal view virtual {}

    function _pay(address recipient, IERC20 token, uint256 amountShares) private returns (uint256 amountOut) {
        require(address(token) == address(underlyingToken), OnlyUnderlyingToken());
        require(amountShares <= totalShares, WithdrawalAmountExceedsTotalDeposits());
        // When the token shrank, the virtual offset makes the last share worth a little more than there is.
        uint256 balance = _balance();
        amountOut = Math.min(sharesToUnderlying(amountShares), balance);
        totalShares -= amountShares;
        emit ExchangeRateEmitted(_rate(balance - amountOut));
        token.safeTransfer(recipient, amountOut);
    }

    function _pausableBits() internal pure override returns (uint256) {
        return 1 << PAUSED_DEPOSITS;
    }

    function _requirePausable(uint256 newPausedStatus) internal pure override {
        require(newPausedStatus & (1 << PAUSED_WITHDRAWALS) == 0, WithdrawalsCannotBePaused());
    }

    function _rate(uint256 balance) private view returns (uint256) {
        return Math.mulDiv(1e18, balance + OFFSET, totalShares + OFFSET);
    }

    function _balance() private view returns (uint256) {
        return underlyingToken.balanceOf(address(this));
    }
}
