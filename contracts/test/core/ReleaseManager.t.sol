// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ReleaseManager} from "../../src/core/ReleaseManager.sol";
import {IReleaseManager} from "../../src/interfaces/IReleaseManager.sol";
import {OperatorSet} from "../../src/libraries/OperatorSetLib.sol";
import {CoreFixture} from "./CoreFixture.sol";

contract ReleaseManagerTest is CoreFixture {
    ReleaseManager private manager;
    OperatorSet private set;
    address private avs = makeAddr("avs");
    address private publisher = makeAddr("publisher");

    function setUp() public {
        vm.warp(1_000_000);
        deployCore(localDelays());
        manager = new ReleaseManager(address(permissionController));
        set = OperatorSet(avs, 1);
        vm.prank(avs);
        manager.publishMetadataURI(set, "https://example.org");
    }

    function test_the_latest_release_is_the_valid_one() public {
        vm.startPrank(avs);
        assertEq(manager.publishRelease(set, _release("first", 0)), 0);
        assertEq(manager.publishRelease(set, _release("second", uint32(block.timestamp) + 60)), 1);
        vm.stopPrank();
        assertEq(manager.getTotalReleases(set), 2);
        (uint256 id, IReleaseManager.Release memory latest) = manager.getLatestRelease(set);
        assertEq(id, 1);
        assertEq(latest.artifacts[0].registry, "second");
        assertEq(manager.getRelease(set, 0).artifacts[0].registry, "first");
        assertEq(manager.getLatestUpgradeByTime(set), block.timestamp + 60);
        assertTrue(manager.isValidRelease(set, 1));
        assertFalse(manager.isValidRelease(set, 0));
        assertEq(manager.getMetadataURI(set), "https://example.org");
    }

    function test_sets_do_not_mix() public {
        vm.prank(avs);
        manager.publishRelease(set, _release("a", 0));
        assertEq(manager.getTotalReleases(OperatorSet(avs, 2)), 0);
        vm.expectRevert(IReleaseManager.NoReleases.selector);
        manager.getLatestRelease(OperatorSet(avs, 2));
        vm.expectRevert(IReleaseManager.NoReleases.selector);
        manager.getRelease(set, 1);
        vm.expectRevert(IReleaseManager.NoReleases.selector);
        manager.isValidRelease(OperatorSet(avs, 2), 0);
    }

    function test_only_the_avs_or_whom_it_appointed_publishes() public {
        vm.startPrank(publisher);
        vm.expectRevert(IReleaseManager.InvalidPermissions.selector);
        manager.publishRelease(set, _release("a", 0));
        vm.expectRevert(IReleaseManager.InvalidPermissions.selector);
        manager.publishMetadataURI(set, "x");
        vm.stopPrank();
        vm.prank(avs);
        permissionController.setAppointee(avs, publisher, address(manager), manager.publishRelease.selector);
        vm.prank(publisher);
        manager.publishRelease(set, _release("a", 0));
    }

    function test_what_is_out_of_bounds_is_refused_by_name() public {
        vm.startPrank(avs);
        vm.expectRevert(IReleaseManager.InvalidUpgradeByTime.selector);
        manager.publishRelease(set, _release("a", uint32(block.timestamp) - 1));
        vm.expectRevert(IReleaseManager.MustPublishMetadataURI.selector);
        manager.publishRelease(OperatorSet(avs, 2), _release("a", 0));
        vm.expectRevert(IReleaseManager.InvalidMetadataURI.selector);
        manager.publishMetadataURI(set, "");
        vm.expectRevert(IReleaseManager.InvalidMetadataURI.selector);
        manager.publishMetadataURI(set, string(new bytes(1_025)));
        IReleaseManager.Release memory release = _release("a", 0);
        release.artifacts = new IReleaseManager.Artifact[](65);
        vm.expectRevert(abi.encodeWithSelector(IReleaseManager.TooManyArtifacts.selector, 65, 64));
        manager.publishRelease(set, release);
        vm.expectRevert(abi.encodeWithSelector(IReleaseManager.RegistryTooLong.selector, 1_025, 1_024));
        manager.publishRelease(set, _release(string(new bytes(1_025)), 0));
        vm.stopPrank();
    }

    function _release(string memory registry, uint32 upgradeByTime)
        private
        pure
        returns (IReleaseManager.Release memory release)
    {
        release.artifacts = new IReleaseManager.Artifact[](1);
        release.artifacts[0] = IReleaseManager.Artifact(keccak256(bytes(registry)), registry);
        release.upgradeByTime = upgradeByTime;
    }
}
