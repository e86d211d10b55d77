// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {IEigen} from "../interfaces/IEigen.sol";

/// @title Eigen
/// @notice See `IEigen`.
/// @dev The log keeps sums by time, per account and in all, so that "unwrapped after T" is one subtraction and no entry can be
/// counted for two times. A unit cannot be recorded twice after the stop, because it cannot come back under the wrapper.
contract Eigen is IEigen, ERC20, ERC20Permit {
    using Checkpoints for Checkpoints.Trace208;
    using SafeERC20 for IERC20;

    IERC20 public immutable bEIGEN;
    address public immutable challengeVault;
    uint48 public wrappingStoppedAt;

    mapping(address account => Checkpoints.Trace208) private _log;
    Checkpoints.Trace208 private _totalLog;

    constructor(IERC20 backing, address vault) ERC20("Eigen", "EIGEN") ERC20Permit("Eigen") {
        bEIGEN = backing;
        challengeVault = vault;
    }

    function wrap(uint256 amount) external {
        require(wrappingStoppedAt == 0, WrappingStopped(wrappingStoppedAt));
        _mint(msg.sender, amount);
        emit TokenWrapped(msg.sender, amount);
        bEIGEN.safeTransferFrom(msg.sender, address(this), amount);
    }

    function unwrap(uint256 amount) external {
        _burn(msg.sender, amount);
        _append(_log[msg.sender], amount);
        _append(_totalLog, amount);
        emit TokenUnwrapped(msg.sender, amount);
        bEIGEN.safeTransfer(msg.sender, amount);
    }

    function stopWrapping() external {
        require(msg.sender == challengeVault, OnlyChallengeVault());
        require(wrappingStoppedAt == 0, WrappingStopped(wrappingStoppedAt));
        wrappingStoppedAt = uint48(block.timestamp);
        emit WrappingEnded(block.timestamp);
    }

    function unwrapped(address account) external view returns (uint256) {
        return _log[account].latest();
    }

    function unwrappedAt(address account, uint256 timestamp) external view returns (uint256) {
        return _at(_log[account], timestamp);
    }

    function totalUnwrapped() external view returns (uint256) {
        return _totalLog.latest();
    }

    function totalUnwrappedAt(uint256 timestamp) external view returns (uint256) {
        return _at(_totalLog, timestamp);
    }

    function unwrapCount(address account) external view returns (uint256) {
        return _log[account].length();
    }

    function unwrapEntry(address account, uint256 index) external view returns (uint48 timestamp, uint256 total) {
        Checkpoints.Checkpoint208 memory entry = _log[account].at(SafeCast.toUint32(index));
        return (entry._key, entry._value);
    }

    function _append(Checkpoints.Trace208 storage log, uint256 amount) private {
        log.push(uint48(block.timestamp), SafeCast.toUint208(log.latest() + amount));
    }

    /// @dev A second that has not ended can still grow.
    function _at(Checkpoints.Trace208 storage log, uint256 timestamp) private view returns (uint256) {
        require(timestamp < block.timestamp, NotPast(timestamp));
        return log.upperLookupRecent(uint48(timestamp));
    }
}
