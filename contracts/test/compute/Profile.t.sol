// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Profile} from "../../src/compute/Profile.sol";
import {IProfile} from "../../src/interfaces/IProfile.sol";
import {Test} from "../Test.sol";

/// @title A profile's times must end while the stake behind its answers can still be slashed.
contract ProfileTest is Test {
    uint256 private constant BLOCKS = 216_000;
    uint256 private constant SECONDS = 12;

    function test_itSaysWhatItWasMadeOf() public {
        IProfile.Times memory times = timesOf(100);
        Profile profile = new Profile(times, 1 << 20, BLOCKS, SECONDS);
        assertEq(keccak256(abi.encode(profile.times())), keccak256(abi.encode(times)));
        assertEq(profile.claimAge(), 100);
        assertEq(profile.staleness(), 108);
        assertEq(profile.demandLimit(), 1 << 20);
    }

    function test_timesThatOutlastTheStake() public {
        // The eight times add up to 8 x first + 28.
        uint256 slashable = BLOCKS * SECONDS;
        IProfile.Times memory times = timesOf(100);
        times.appeals = uint32(slashable - 1 - (8 * 100 + 28 - times.appeals));
        Profile profile = new Profile(times, 1, BLOCKS, SECONDS);
        assertEq(profile.wholeTime(), slashable - 1);
        assertEq(profile.wholeTimeBlocks(), BLOCKS);
        times.appeals += 1;
        vm.expectRevert(abi.encodeWithSelector(IProfile.TimesDoNotFit.selector, slashable, slashable));
        new Profile(times, 1, BLOCKS, SECONDS);
    }

    function testFuzz_blocksRoundUp(uint32 first, uint256 secondsPerBlock) public {
        first = uint32(bound(first, 1, 1e6));
        secondsPerBlock = bound(secondsPerBlock, 1, 60);
        Profile profile = new Profile(timesOf(first), 1, type(uint32).max, secondsPerBlock);
        uint256 whole = 8 * uint256(first) + 28;
        assertEq(profile.wholeTime(), whole);
        assertGe(profile.wholeTimeBlocks() * secondsPerBlock, whole);
        assertLt((profile.wholeTimeBlocks() - 1) * secondsPerBlock, whole);
    }

    function test_aZeroTimeIsRefusedByName() public {
        string[9] memory names = [
            "claimAge", "window", "demand", "reopenedWindow", "seedWait", "verifiers", "appeals", "paging", "staleness"
        ];
        for (uint256 i = 0; i < names.length; ++i) {
            IProfile.Times memory times = timesOf(100);
            // A struct of words in memory: field i is word i.
            assembly ("memory-safe") {
                mstore(add(times, mul(i, 0x20)), 0)
            }
            vm.expectRevert(abi.encodeWithSelector(IProfile.ZeroTime.selector, names[i]));
            new Profile(times, 1, BLOCKS, SECONDS);
        }
        vm.expectRevert(abi.encodeWithSelector(IProfile.ZeroTime.selector, "secondsPerBlock"));
        new Profile(timesOf(100), 1, BLOCKS, 0);
        vm.expectRevert(IProfile.ZeroDemandLimit.selector);
        new Profile(timesOf(100), 0, BLOCKS, SECONDS);
    }

    function timesOf(uint32 first) private pure returns (IProfile.Times memory) {
        return
            IProfile.Times(
                first, first + 1, first + 2, first + 3, first + 4, first + 5, first + 6, first + 7, first + 8
            );
    }
}
