// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title EIGEN: one generation of bEIGEN, wrapped one to one for everybody who does not follow forks.
/// @dev Immutable and without an owner. Wrapping can be stopped, once and for ever, by the challenge vault of the generation;
/// unwrapping never stops, and each unwrap is recorded: whoever unwraps after the redemption of a fork has ended has, by that
/// record, one unit of the fork for each unit, however late.
interface IEigen is IERC20 {
    /// @notice A fork was called for: no more units come under the wrapper.
    error WrappingStopped(uint256 stoppedAt);
    error OnlyChallengeVault();
    /// @notice Only times before this block's are settled.
    error NotPast(uint256 timestamp);

    event TokenWrapped(address indexed account, uint256 amount);
    event TokenUnwrapped(address indexed account, uint256 amount);
    event WrappingEnded(uint256 timestamp);

    function wrap(uint256 amount) external;
    function unwrap(uint256 amount) external;
    /// @notice Ends wrapping. Only the challenge vault.
    function stopWrapping() external;

    function bEIGEN() external view returns (IERC20);
    /// @notice Who may end wrapping; zero if nobody, and then this generation cannot fork.
    function challengeVault() external view returns (address);
    /// @notice When wrapping ended; zero while it has not.
    function wrappingStoppedAt() external view returns (uint48);

    /// @notice All that `account` ever unwrapped. Never falls.
    function unwrapped(address account) external view returns (uint256);
    /// @notice All that `account` had unwrapped by the end of the second `timestamp`, which must be past.
    function unwrappedAt(address account, uint256 timestamp) external view returns (uint256);
    function totalUnwrapped() external view returns (uint256);
    function totalUnwrappedAt(uint256 timestamp) external view returns (uint256);
    /// @notice In how many entries the log of `account` is kept.
    function unwrapCount(address account) external view returns (uint256);
    /// @return timestamp Of the entry.
    /// @return total All that `account` had unwrapped with it.
    function unwrapEntry(address account, uint256 index) external view returns (uint48 timestamp, uint256 total);
}
