// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {IPermissionController} from "../interfaces/IPermissionController.sol";

/// @title Who may act for an account, per target contract and function.
contract PermissionController is IPermissionController {
    using EnumerableSet for EnumerableSet.AddressSet;
    using EnumerableSet for EnumerableSet.Bytes32Set;

    struct Permissions {
        EnumerableSet.AddressSet admins;
        EnumerableSet.AddressSet pendingAdmins;
        /// What an appointee may call: target (20 bytes) || selector (4 bytes) || zeros.
        mapping(address appointee => EnumerableSet.Bytes32Set) callsOf;
        mapping(bytes32 call => EnumerableSet.AddressSet) appointeesOf;
    }

    mapping(address account => Permissions) private _permissions;

    modifier onlyAdmin(address account) {
        require(isAdmin(account, msg.sender), NotAdmin());
        _;
    }

    function addPendingAdmin(address account, address admin) external onlyAdmin(account) {
        Permissions storage permissions = _permissions[account];
        require(!permissions.admins.contains(admin), AdminAlreadySet());
        require(permissions.pendingAdmins.add(admin), AdminAlreadyPending());
        emit PendingAdminAdded(account, admin);
    }

    function removePendingAdmin(address account, address admin) external onlyAdmin(account) {
        require(_permissions[account].pendingAdmins.remove(admin), AdminNotPending());
        emit PendingAdminRemoved(account, admin);
    }

    function acceptAdmin(address account) external {
        Permissions storage permissions = _permissions[account];
        require(permissions.pendingAdmins.remove(msg.sender), AdminNotPending());
        require(permissions.admins.add(msg.sender), AdminAlreadySet());
        emit AdminSet(account, msg.sender);
    }

    function removeAdmin(address account, address admin) external onlyAdmin(account) {
        EnumerableSet.AddressSet storage admins = _permissions[account].admins;
        require(admins.length() > 1, CannotHaveZeroAdmins());
        require(admins.remove(admin), AdminNotSet());
        emit AdminRemoved(account, admin);
    }

    function setAppointee(address account, address appointee, address target, bytes4 selector)
        external
        onlyAdmin(account)
    {
        Permissions storage permissions = _permissions[account];
        bytes32 call = _encode(target, selector);
        require(permissions.callsOf[appointee].add(call), AppointeeAlreadySet());
        permissions.appointeesOf[call].add(appointee);
        emit AppointeeSet(account, appointee, target, selector);
    }

    function removeAppointee(address account, address appointee, address target, bytes4 selector)
        external
        onlyAdmin(account)
    {
        Permissions storage permissions = _permissions[account];
        bytes32 call = _encode(target, selector);
        require(permissions.callsOf[appointee].remove(call), AppointeeNotSet());
        permissions.appointeesOf[call].remove(appointee);
        emit AppointeeRemoved(account, appointee, target, selector);
    }

    function canCall(address account, address caller, address target, bytes4 selector) external view returns (bool) {
        return isAdmin(account, caller) || _permissions[account].callsOf[caller].contains(_encode(target, selector));
    }

    function isAdmin(address account, address caller) public view returns (bool) {
        EnumerableSet.AddressSet storage admins = _permissions[account].admins;
        return admins.length() == 0 ? account == caller : admins.contains(caller);
    }

    function isPendingAdmin(address account, address pendingAdmin) external view returns (bool) {
        return _permissions[account].pendingAdmins.contains(pendingAdmin);
    }

    function getAdmins(address account) external view returns (address[] memory admins) {
        admins = _permissions[account].admins.values();
        if (admins.length == 0) {
            admins = new address[](1);
            admins[0] = account;
        }
    }

    function getPendingAdmins(address account) external view returns (address[] memory) {
        return _permissions[account].pendingAdmins.values();
    }

    function getAppointeePermissions(address account, address appointee)
        external
        view
        returns (address[] memory targets, bytes4[] memory selectors)
    {
        bytes32[] memory calls = _permissions[account].callsOf[appointee].values();
        targets = new address[](calls.length);
        selectors = new bytes4[](calls.length);
        for (uint256 i = 0; i < calls.length; i++) {
            targets[i] = address(bytes20(calls[i]));
            selectors[i] = bytes4(calls[i] << 160);
        }
    }

    function getAppointees(address account, address target, bytes4 selector) external view returns (address[] memory) {
        return _permissions[account].appointeesOf[_encode(target, selector)].values();
    }

    function _encode(address target, bytes4 selector) private pure returns (bytes32) {
        return bytes32(abi.encodePacked(target, selector));
    }
}
