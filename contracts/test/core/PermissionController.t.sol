// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {PermissionController} from "../../src/core/PermissionController.sol";
import {IPermissionController} from "../../src/interfaces/IPermissionController.sol";
import {Test} from "../Test.sol";

contract PermissionControllerTest is Test {
    bytes4 private constant SELECTOR = 0x12345678;

    PermissionController private controller = new PermissionController();
    address private account = makeAddr("account");
    address private admin = makeAddr("admin");
    address private second = makeAddr("second");
    address private appointee = makeAddr("appointee");
    address private target = makeAddr("target");

    function test_an_account_is_its_own_admin_at_first() public view {
        assertTrue(controller.isAdmin(account, account));
        assertTrue(controller.canCall(account, account, target, SELECTOR));
        assertFalse(controller.canCall(account, admin, target, SELECTOR));
        assertEq(controller.getAdmins(account)[0], account);
    }

    function test_an_admin_must_accept_and_then_replaces_the_account() public {
        _propose(account, admin);
        assertTrue(controller.isPendingAdmin(account, admin));
        assertFalse(controller.isAdmin(account, admin));
        _accept(admin);
        assertEq(controller.getPendingAdmins(account).length, 0);
        assertTrue(controller.canCall(account, admin, target, SELECTOR));
        assertFalse(controller.canCall(account, account, target, SELECTOR));
        vm.prank(account);
        vm.expectRevert(IPermissionController.NotAdmin.selector);
        controller.addPendingAdmin(account, second);
    }

    function test_nobody_accepts_uninvited_or_after_the_invitation_is_withdrawn() public {
        vm.prank(admin);
        vm.expectRevert(IPermissionController.AdminNotPending.selector);
        controller.acceptAdmin(account);
        _propose(account, admin);
        vm.prank(account);
        controller.removePendingAdmin(account, admin);
        vm.prank(admin);
        vm.expectRevert(IPermissionController.AdminNotPending.selector);
        controller.acceptAdmin(account);
        vm.prank(account);
        vm.expectRevert(IPermissionController.AdminNotPending.selector);
        controller.removePendingAdmin(account, admin);
    }

    function test_an_admin_is_proposed_once() public {
        _propose(account, admin);
        vm.prank(account);
        vm.expectRevert(IPermissionController.AdminAlreadyPending.selector);
        controller.addPendingAdmin(account, admin);
        _accept(admin);
        vm.prank(admin);
        vm.expectRevert(IPermissionController.AdminAlreadySet.selector);
        controller.addPendingAdmin(account, admin);
    }

    function test_the_last_admin_stays() public {
        _propose(account, admin);
        _accept(admin);
        vm.prank(admin);
        vm.expectRevert(IPermissionController.CannotHaveZeroAdmins.selector);
        controller.removeAdmin(account, admin);
        _propose(admin, second);
        _accept(second);
        vm.startPrank(admin);
        vm.expectRevert(IPermissionController.AdminNotSet.selector);
        controller.removeAdmin(account, appointee);
        controller.removeAdmin(account, admin);
        vm.stopPrank();
        assertEq(controller.getAdmins(account).length, 1);
        assertFalse(controller.isAdmin(account, admin));
    }

    function test_an_appointee_calls_one_function_of_one_target_for_one_account() public {
        _appoint();
        assertTrue(controller.canCall(account, appointee, target, SELECTOR));
        assertFalse(controller.canCall(account, appointee, target, 0x12345679));
        assertFalse(controller.canCall(account, appointee, account, SELECTOR));
        assertFalse(controller.canCall(admin, appointee, target, SELECTOR));
        assertEq(controller.getAppointees(account, target, SELECTOR)[0], appointee);
        (address[] memory targets, bytes4[] memory selectors) = controller.getAppointeePermissions(account, appointee);
        assertEq(targets[0], target);
        assertEq(bytes32(selectors[0]), bytes32(SELECTOR));
    }

    function test_an_appointment_ends() public {
        _appoint();
        vm.startPrank(account);
        vm.expectRevert(IPermissionController.AppointeeAlreadySet.selector);
        controller.setAppointee(account, appointee, target, SELECTOR);
        controller.removeAppointee(account, appointee, target, SELECTOR);
        vm.expectRevert(IPermissionController.AppointeeNotSet.selector);
        controller.removeAppointee(account, appointee, target, SELECTOR);
        vm.stopPrank();
        assertFalse(controller.canCall(account, appointee, target, SELECTOR));
        assertEq(controller.getAppointees(account, target, SELECTOR).length, 0);
    }

    function test_only_admins_decide() public {
        _appoint();
        bytes4 refused = IPermissionController.NotAdmin.selector;
        vm.startPrank(appointee);
        vm.expectRevert(refused);
        controller.addPendingAdmin(account, appointee);
        vm.expectRevert(refused);
        controller.removePendingAdmin(account, admin);
        vm.expectRevert(refused);
        controller.removeAdmin(account, account);
        vm.expectRevert(refused);
        controller.setAppointee(account, second, target, SELECTOR);
        vm.expectRevert(refused);
        controller.removeAppointee(account, appointee, target, SELECTOR);
        vm.stopPrank();
    }

    function _propose(address by, address next) private {
        vm.prank(by);
        controller.addPendingAdmin(account, next);
    }

    function _accept(address by) private {
        vm.prank(by);
        controller.acceptAdmin(account);
    }

    function _appoint() private {
        vm.prank(account);
        controller.setAppointee(account, appointee, target, SELECTOR);
    }
}
