// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IAVSRegistrar} from "../interfaces/IAVSRegistrar.sol";

/// @title A registrar that lets every operator join every set of whichever AVS names it.
/// @dev Without state and without an owner, so one serves all. For an AVS that is an account without code, which cannot answer
/// the hooks itself; one that wants to choose its operators names a registrar of its own.
contract OpenRegistrar is IAVSRegistrar {
    /// @dev Whoever has allocated stake to a set may be in it; the AllocationManager has checked the rest.
    function registerOperator(address, address, uint32[] calldata, bytes calldata) external pure {}

    /// @dev Leaving concerns nobody here.
    function deregisterOperator(address, address, uint32[] calldata) external pure {}

    /// @dev Only the AVS itself, or whom it appointed, can name its registrar.
    function supportsAVS(address) external pure returns (bool) {
        return true;
    }
}
