// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {IDelegationManager} from "../interfaces/IDelegationManager.sol";
import {IStrategy} from "../interfaces/IStrategy.sol";
import {IStrategyManager} from "../interfaces/IStrategyManager.sol";
import {Pausable} from "./Pausable.sol";
import {SlashLedger} from "./SlashLedger.sol";

/// @title Where stakers deposit tokens, and where slashed shares wait before they go to the set's recipient.
/// @dev Shares are the strategy's. Deposits have a pause; slashed shares do not, neither on their way in nor out.
contract StrategyManager is IStrategyManager, SlashLedger, Pausable, EIP712 {
    using SafeERC20 for IERC20;

    uint8 internal constant PAUSED_DEPOSITS = 0;
    /// @notice The most strategies of one staker: delegating walks through them all.
    uint256 public constant MAX_STAKER_STRATEGY_LIST_LENGTH = 32;
    bytes32 public constant DEPOSIT_TYPEHASH =
        keccak256("Deposit(address staker,address strategy,address token,uint256 amount,uint256 nonce,uint256 expiry)");

    address public strategyWhitelister;
    mapping(address staker => uint256) public nonces;
    mapping(address strategy => bool) public strategyIsWhitelistedForDeposit;
    mapping(address staker => mapping(address strategy => uint256)) public stakerDepositShares;
    mapping(address staker => address[]) public stakerStrategyList;

    constructor(
        address delegationManager,
        address allocationManager_,
        address registry,
        address initialWhitelister,
        uint32 slashResolutionDelay
    )
        Pausable(registry)
        SlashLedger(delegationManager, allocationManager_, slashResolutionDelay)
        EIP712("EigenLayer", "1")
    {
        require(delegationManager != address(0) && allocationManager_ != address(0), InputAddressZero());
        _setStrategyWhitelister(initialWhitelister);
    }

    modifier onlyStrategyWhitelister() {
        require(msg.sender == strategyWhitelister, OnlyStrategyWhitelister());
        _;
    }

    modifier onlyDelegationManager() {
        require(msg.sender == delegation, OnlyDelegationManager());
        _;
    }

    function depositIntoStrategy(address strategy, IERC20 token, uint256 amount)
        external
        whenNotPaused(PAUSED_DEPOSITS)
        nonReentrant
        returns (uint256 shares)
    {
        return _deposit(msg.sender, strategy, token, amount);
    }

    function depositIntoStrategyWithSignature(
        address strategy,
        IERC20 token,
        uint256 amount,
        address staker,
        uint256 expiry,
        bytes calldata signature
    ) external whenNotPaused(PAUSED_DEPOSITS) nonReentrant returns (uint256 shares) {
        require(block.timestamp <= expiry, SignatureExpired());
        bytes32 digest = calculateStrategyDepositDigestHash(staker, strategy, token, amount, nonces[staker]++, expiry);
        require(SignatureChecker.isValidSignatureNow(staker, digest, signature), InvalidSignature());
        return _deposit(staker, strategy, token, amount);
    }

    function addShares(address staker, address strategy, uint256 shares)
        external
        onlyDelegationManager
        returns (uint256 prevDepositShares, uint256 addedShares)
    {
        return (_addShares(staker, strategy, shares), shares);
    }

    function removeDepositShares(address staker, address strategy, uint256 depositSharesToRemove)
        external
        onlyDelegationManager
        returns (uint256 left)
    {
        require(depositSharesToRemove != 0, SharesAmountZero());
        IStrategy(strategy).beforeRemoveShares(staker, depositSharesToRemove);
        uint256 shares = stakerDepositShares[staker][strategy];
        require(depositSharesToRemove <= shares, SharesAmountTooHigh());
        left = shares - depositSharesToRemove;
        _setDepositShares(staker, strategy, left);
        if (left == 0) _removeFromList(staker, strategy);
    }

    function withdrawSharesAsTokens(address staker, address strategy, IERC20 token, uint256 shares)
        external
        onlyDelegationManager
        nonReentrant
    {
        IStrategy(strategy).withdraw(staker, token, shares);
    }

    function setStrategyWhitelister(address newStrategyWhitelister) external onlyStrategyWhitelister {
        _setStrategyWhitelister(newStrategyWhitelister);
    }

    function addStrategiesToDepositWhitelist(address[] calldata strategies) external onlyStrategyWhitelister {
        for (uint256 i = 0; i < strategies.length; i++) {
            if (strategyIsWhitelistedForDeposit[strategies[i]]) continue;
            strategyIsWhitelistedForDeposit[strategies[i]] = true;
            emit StrategyAddedToDepositWhitelist(strategies[i]);
        }
    }

    function removeStrategiesFromDepositWhitelist(address[] calldata strategies) external onlyStrategyWhitelister {
        for (uint256 i = 0; i < strategies.length; i++) {
            if (!strategyIsWhitelistedForDeposit[strategies[i]]) continue;
            strategyIsWhitelistedForDeposit[strategies[i]] = false;
            emit StrategyRemovedFromDepositWhitelist(strategies[i]);
        }
    }

    function getDeposits(address staker) external view returns (address[] memory, uint256[] memory) {
        address[] memory strategies = stakerStrategyList[staker];
        uint256[] memory shares = new uint256[](strategies.length);
        for (uint256 i = 0; i < strategies.length; i++) {
            shares[i] = stakerDepositShares[staker][strategies[i]];
        }
        return (strategies, shares);
    }

    function getStakerStrategyList(address staker) external view returns (address[] memory) {
        return stakerStrategyList[staker];
    }

    function stakerStrategyListLength(address staker) external view returns (uint256) {
        return stakerStrategyList[staker].length;
    }

    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    function calculateStrategyDepositDigestHash(
        address staker,
        address strategy,
        IERC20 token,
        uint256 amount,
        uint256 nonce,
        uint256 expiry
    ) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(DEPOSIT_TYPEHASH, staker, strategy, token, amount, nonce, expiry)));
    }

    /// @dev Tokens go from the caller straight into the strategy; the token is checked by the strategy.
    function _deposit(address staker, address strategy, IERC20 token, uint256 amount) private returns (uint256 shares) {
        require(staker != address(0), StakerAddressZero());
        require(strategyIsWhitelistedForDeposit[strategy], StrategyNotWhitelisted());
        _pull(token, strategy, amount);
        shares = IStrategy(strategy).deposit(token, amount);
        uint256 prevShares = _addShares(staker, strategy, shares);
        emit Deposit(staker, strategy, shares);
        IDelegationManager(delegation).increaseDelegatedShares(staker, strategy, prevShares, shares);
    }

    /// @dev A strategy credits what it is told: a token that keeps a fee would make the other stakers pay it.
    function _pull(IERC20 token, address strategy, uint256 amount) private {
        uint256 before = token.balanceOf(strategy);
        token.safeTransferFrom(msg.sender, strategy, amount);
        uint256 received = token.balanceOf(strategy) - before;
        require(received == amount, WrongAmountReceived(amount, received));
    }

    function _addShares(address staker, address strategy, uint256 shares) private returns (uint256 prevShares) {
        require(shares != 0, SharesAmountZero());
        IStrategy(strategy).beforeAddShares(staker, shares);
        prevShares = stakerDepositShares[staker][strategy];
        if (prevShares == 0) {
            address[] storage list = stakerStrategyList[staker];
            require(list.length < MAX_STAKER_STRATEGY_LIST_LENGTH, MaxStrategiesExceeded());
            list.push(strategy);
        }
        _setDepositShares(staker, strategy, prevShares + shares);
    }

    function _setDepositShares(address staker, address strategy, uint256 depositShares) private {
        stakerDepositShares[staker][strategy] = depositShares;
        emit DepositSharesUpdated(staker, strategy, depositShares);
    }

    function _removeFromList(address staker, address strategy) private {
        address[] storage list = stakerStrategyList[staker];
        uint256 last = list.length - 1;
        for (uint256 i = 0; i < last; i++) {
            if (list[i] != strategy) continue;
            list[i] = list[last];
            break;
        }
        list.pop();
    }

    function _setStrategyWhitelister(address newStrategyWhitelister) private {
        require(newStrategyWhitelister != address(0), InputAddressZero());
        emit StrategyWhitelisterChanged(strategyWhitelister, newStrategyWhitelister);
        strategyWhitelister = newStrategyWhitelister;
    }

    function _pausableBits() internal pure override returns (uint256) {
        return 1 << PAUSED_DEPOSITS;
    }
}
