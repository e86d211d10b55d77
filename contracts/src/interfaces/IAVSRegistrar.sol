// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title What an AVS implements to hear of operators that join or leave its sets.
interface IAVSRegistrar {
    /// @notice Called after the operator became a member. A revert refuses the registration.
    function registerOperator(address operator, address avs, uint32[] calldata operatorSetIds, bytes calldata data)
        external;

    /// @notice Called after the operator ceased to be a member, with a bounded amount of gas. A revert changes nothing.
    function deregisterOperator(address operator, address avs, uint32[] calldata operatorSetIds) external;

    /// @notice Whether this contract can be the registrar of `avs`.
    function supportsAVS(address avs) external view returns (bool);
}
