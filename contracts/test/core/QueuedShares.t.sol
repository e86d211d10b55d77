// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {DelegationManager} from "../../src/core/DelegationManager.sol";
import {OperatorSet} from "../../src/libraries/OperatorSetLib.sol";
import {Snapshots} from "../../src/libraries/Snapshots.sol";
import {Test} from "../Test.sol";

/// @dev Records what was queued as the queue does, without a staker.
contract QueueHarness is DelegationManager {
    using Snapshots for Snapshots.QueueHistory;

    constructor(address managers, address registry, uint32 delay)
        DelegationManager(managers, managers, managers, registry, delay)
    {}

    function queue(address operator, address strategy, uint256 scaledShares) external {
        _queued[operator][strategy].add(scaledShares);
    }
}

/// @title What a slash takes from the withdrawal queue: everything queued within the withdrawal delay, nothing older.
/// @dev This contract stands in for all managers around the DelegationManager.
contract QueuedSharesTest is Test {
    uint32 private constant DELAY = 100;

    QueueHarness private delegation = new QueueHarness(address(this), address(this), DELAY);
    address private operator = makeAddr("operator");
    address private strategy = makeAddr("strategy");
    uint64 private maxMagnitude = 1e18;
    uint256 private parked;

    function getMaxMagnitude(address, address) external view returns (uint64) {
        return maxMagnitude;
    }

    function increaseBurnOrRedistributableShares(OperatorSet calldata, uint256, address, uint256 shares) external {
        parked += shares;
    }

    function test_what_was_queued_is_slashable_through_the_whole_delay() public {
        vm.roll(1_000);
        delegation.queue(operator, strategy, 80e18);
        vm.roll(1_000 + DELAY);
        assertEq(delegation.getSlashableSharesInQueue(operator, strategy), 80e18);
        assertEq(_slash(0.25e18), 60e18);
        assertEq(parked, 60e18);
    }

    function test_what_was_queued_earlier_is_out_of_reach() public {
        vm.roll(1_000);
        delegation.queue(operator, strategy, 80e18);
        vm.roll(1_001);
        delegation.queue(operator, strategy, 20e18);
        vm.roll(1_001 + DELAY);
        assertEq(delegation.getSlashableSharesInQueue(operator, strategy), 20e18);
        assertEq(_slash(0), 20e18);
    }

    function test_early_in_the_chain_everything_queued_is_slashable() public {
        vm.roll(5);
        delegation.queue(operator, strategy, 10e18);
        vm.roll(DELAY);
        assertEq(delegation.getSlashableSharesInQueue(operator, strategy), 10e18);
    }

    function test_queued_shares_lose_with_the_magnitude() public {
        vm.roll(1_000);
        delegation.queue(operator, strategy, 80e18);
        maxMagnitude = 0.5e18;
        assertEq(delegation.getSlashableSharesInQueue(operator, strategy), 40e18);
        assertEq(_slash(0.25e18), 20e18);
    }

    function test_a_slash_that_takes_nothing_parks_nothing() public {
        assertEq(_slash(0.5e18), 0);
        assertEq(parked, 0);
    }

    function testFuzz_a_slash_of_the_queue(uint256 queued, uint64 m0, uint64 m1) public {
        queued = bound(queued, 0, 1e50);
        m0 = uint64(bound(m0, 1, 1e18));
        m1 = uint64(bound(m1, 0, m0));
        vm.roll(1_000);
        delegation.queue(operator, strategy, queued);
        maxMagnitude = m0;
        uint256 present = queued * m0 / 1e18;
        assertEq(_slash(m1), present - (present * m1 + m0 - 1) / m0);
    }

    function _slash(uint64 next) private returns (uint256) {
        return delegation.slashOperatorShares(operator, _set(), 1, strategy, maxMagnitude, next);
    }

    function _set() private view returns (OperatorSet memory) {
        return OperatorSet(address(this), 1);
    }
}
