// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Who may pause and who may unpause.
interface IPauserRegistry {
    error InputAddressZero();
    error OnlyUnpauser();

    event PauserStatusChanged(address pauser, bool canPause);
    event UnpauserChanged(address previousUnpauser, address newUnpauser);

    /// @notice Only the unpauser.
    function setIsPauser(address newPauser, bool canPause) external;
    /// @notice Only the unpauser, who hands the role over at once.
    function setUnpauser(address newUnpauser) external;

    function isPauser(address account) external view returns (bool);
    function unpauser() external view returns (address);
}
