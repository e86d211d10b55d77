// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title A bitmap of paused functions. Many pausers set bits, one unpauser clears them.
/// @dev What slashes stake or lets it leave has no pause: those bits are refused with an error that names them.
interface IPausable {
    error CurrentlyPaused();
    error InputAddressZero();
    error InvalidNewPausedStatus();
    error OnlyPauser();
    error OnlyUnpauser();

    event Paused(address indexed account, uint256 newPausedStatus);
    event Unpaused(address indexed account, uint256 newPausedStatus);

    /// @notice Sets bits; every bit that is set now must stay set. Only a pauser.
    function pause(uint256 newPausedStatus) external;
    /// @notice Sets every bit that the contract allows to be set. Only a pauser.
    function pauseAll() external;
    /// @notice Clears bits; no bit that is clear now may be set. Only the unpauser.
    function unpause(uint256 newPausedStatus) external;

    function paused() external view returns (uint256);
    function paused(uint8 index) external view returns (bool);
    function pauserRegistry() external view returns (address);
}
