// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IPermissionController, IPermissioned} from "../interfaces/IPermissionController.sol";

/// @title Asks the PermissionController whether the caller may act for an account.
abstract contract Permissioned is IPermissioned {
    address public immutable permissionController;

    constructor(address controller) {
        permissionController = controller;
    }

    function _canCall(address account) internal view returns (bool) {
        return IPermissionController(permissionController).canCall(account, msg.sender, address(this), msg.sig);
    }
}
