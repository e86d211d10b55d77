// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IPausable} from "../interfaces/IPausable.sol";
import {IPauserRegistry} from "../interfaces/IPauserRegistry.sol";

/// @title The pause bitmap. A contract says which bits it has, and refuses by name those that must never be set.
abstract contract Pausable is IPausable {
    address public immutable pauserRegistry;
    uint256 private _paused;

    constructor(address registry) {
        require(registry != address(0), InputAddressZero());
        pauserRegistry = registry;
    }

    modifier whenNotPaused(uint8 index) {
        _requireNotPaused(index);
        _;
    }

    modifier onlyPauser() {
        require(IPauserRegistry(pauserRegistry).isPauser(msg.sender), OnlyPauser());
        _;
    }

    modifier onlyUnpauser() {
        require(msg.sender == IPauserRegistry(pauserRegistry).unpauser(), OnlyUnpauser());
        _;
    }

    function pause(uint256 newPausedStatus) external onlyPauser {
        _requirePausable(newPausedStatus);
        require(newPausedStatus & ~_pausableBits() == 0, InvalidNewPausedStatus());
        require(_paused & ~newPausedStatus == 0, InvalidNewPausedStatus());
        _setPaused(newPausedStatus);
    }

    function pauseAll() external onlyPauser {
        _setPaused(_pausableBits());
    }

    function unpause(uint256 newPausedStatus) external onlyUnpauser {
        require(newPausedStatus & ~_paused == 0, InvalidNewPausedStatus());
        _paused = newPausedStatus;
        emit Unpaused(msg.sender, newPausedStatus);
    }

    function paused() external view returns (uint256) {
        return _paused;
    }

    function paused(uint8 index) external view returns (bool) {
        return _isPaused(index);
    }

    function _requireNotPaused(uint8 index) internal view {
        require(!_isPaused(index), CurrentlyPaused());
    }

    /// @dev The bits that may be set.
    function _pausableBits() internal pure virtual returns (uint256);

    /// @dev Reverts with the name of what `newPausedStatus` would pause but must not; other unknown bits are refused after.
    function _requirePausable(uint256 newPausedStatus) internal pure virtual {}

    function _isPaused(uint8 index) private view returns (bool) {
        return _paused & (1 << index) != 0;
    }

    function _setPaused(uint256 newPausedStatus) private {
        _paused = newPausedStatus;
        emit Paused(msg.sender, newPausedStatus);
    }
}
