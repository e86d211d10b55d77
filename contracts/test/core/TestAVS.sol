// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IAVSRegistrar} from "../../src/interfaces/IAVSRegistrar.sol";

/// @title An AVS that is its own registrar and misbehaves on demand. Tests only.
contract TestAVS is IAVSRegistrar {
    enum Leaving {
        Fine,
        Reverts,
        BurnsGas,
        ReturnsMuch
    }

    bool public refuses;
    Leaving public leaving;
    uint256 public joined;
    uint256 public left;
    /// What the last call of `deregisterOperator` was given.
    uint256 public gasToLeave;

    function setRefuses(bool value) external {
        refuses = value;
    }

    function setLeaving(Leaving value) external {
        leaving = value;
    }

    function registerOperator(address, address, uint32[] calldata, bytes calldata) external {
        require(!refuses, "refused");
        joined++;
    }

    function deregisterOperator(address, address, uint32[] calldata) external {
        gasToLeave = gasleft();
        require(leaving != Leaving.Reverts, "stay");
        if (leaving == Leaving.BurnsGas) {
            while (true) left++;
        }
        if (leaving == Leaving.ReturnsMuch) {
            assembly {
                revert(0, 60000)
            }
        }
        left++;
    }

    function supportsAVS(address avs) external view returns (bool) {
        return avs == address(this);
    }
}
