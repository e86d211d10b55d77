// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Profile} from "../../src/compute/Profile.sol";
import {IAllocationManagerTypes} from "../../src/interfaces/IAllocationManager.sol";
import {IProfile} from "../../src/interfaces/IProfile.sol";
import {OperatorSet} from "../../src/libraries/OperatorSetLib.sol";
import {StakedFixture} from "./StakedFixture.sol";

/// @title Mainnet's delays carry the strictest tier of adjudication to its last slash. Those of the original do not.
contract DelaysTest is StakedFixture {
    uint256 private constant SECONDS_PER_BLOCK = 12;
    /// @dev EigenLayer's: 14 days.
    uint256 private constant ORIGINAL_BLOCKS = 100_800;
    /// @dev How many blocks back a seed can be proven.
    uint256 private constant SEED_BLOCKS = 8_192;

    function test_mainnets_delays() public view {
        assertEq(delegationManager.minWithdrawalDelayBlocks() * SECONDS_PER_BLOCK, 30 days);
        assertEq(allocationManager.DEALLOCATION_DELAY() * SECONDS_PER_BLOCK, 30 days);
        assertEq(allocationManager.ALLOCATION_CONFIGURATION_DELAY() * SECONDS_PER_BLOCK, 32 days);
        assertEq(allocationManager.SLASHER_CONFIGURATION_DELAY() * SECONDS_PER_BLOCK, 32 days);
        assertEq(allocationManager.ALLOCATION_GUARD() * SECONDS_PER_BLOCK, 1 days);
        assertEq(strategyManager.slashResolutionDelayBlocks() * SECONDS_PER_BLOCK, 7 days);
    }

    function test_the_strictest_tier_ends_while_stake_can_be_slashed() public {
        Profile profile = _profile(allocationManager.DEALLOCATION_DELAY());
        uint256 whole = 1 days // the claim's age
            + 3.5 days // window
            + 3.5 days // demand
            + 3.5 days // the window again
            + 2 * SEED_BLOCKS * SECONDS_PER_BLOCK // the seed, once missed
            + 3 days // proof
            + 4 days // vote
            + 8 days // eight appeals
            + 12 hours; // paging
        assertEq(profile.wholeTime(), whole);
        assertLt(whole, 30 days);
        vm.expectRevert(
            abi.encodeWithSelector(IProfile.TimesDoNotFit.selector, whole, ORIGINAL_BLOCKS * SECONDS_PER_BLOCK)
        );
        _profile(ORIGINAL_BLOCKS);
    }

    /// @dev Everybody who could take the stake away tries to, in the block after it was counted.
    function test_stake_that_was_counted_is_slashable_to_the_last_slash() public {
        makeSlashable(WAD);
        uint256 horizon = vm.getBlockNumber() + _profile(allocationManager.DEALLOCATION_DELAY()).wholeTimeBlocks();
        uint256 counted = minimumStakeAt(horizon);
        assertEq(counted, OWN_STAKE + DELEGATED_STAKE);
        roll(1);
        vm.prank(staker);
        delegationManager.undelegate(staker);
        allocate(operator, operatorSet, address(strategy), 0);
        leaveSet(operator, operator, operatorSet);
        vm.startPrank(address(avs));
        allocationManager.removeStrategiesFromOperatorSet(address(avs), operatorSet.id, one(address(strategy)));
        allocationManager.updateSlasher(operatorSet, makeAddr("friend"));
        vm.stopPrank();
        vm.startPrank(pauser);
        allocationManager.pauseAll();
        delegationManager.pauseAll();
        strategyManager.pauseAll();
        vm.stopPrank();

        vm.roll(horizon);
        (, uint256[] memory shares) = slash(WAD);
        assertEq(shares[0], counted);
    }

    /// @dev An app cannot hand the last slash of its set to a friend either: the change takes longer than any claim.
    function test_a_slasher_outlasts_the_claims_of_its_time() public {
        makeSlashable(WAD);
        vm.prank(address(avs));
        allocationManager.updateSlasher(operatorSet, makeAddr("friend"));
        roll(_profile(allocationManager.DEALLOCATION_DELAY()).wholeTimeBlocks());
        assertEq(allocationManager.getSlasher(operatorSet), slasher);
    }

    /// @dev The attack that made the original delay its slashes: a stolen key of an operator without a delay joins a set of the
    /// thief, allocates, is slashed and paid out in one transaction.
    function test_a_stolen_key_cannot_slash_to_itself_in_one_transaction() public {
        address thief = makeAddr("thief");
        OperatorSet memory trap = createSet(thief, 1, one(address(strategy)), thief, thief);
        vm.mockCall(thief, "", "");
        allocate(operator, trap, address(strategy), WAD);
        joinSet(operator, trap, "");
        IAllocationManagerTypes.SlashingParams memory params = slashing(one(address(strategy)), WAD);
        vm.prank(thief);
        (, uint256[] memory shares) = allocationManager.slashOperator(thief, params);
        assertEq(shares[0], 0);
        roll(allocationWait(operator));
        vm.prank(thief);
        (uint256 slashId, uint256[] memory later) = allocationManager.slashOperator(thief, params);
        assertEq(later[0], OWN_STAKE + DELEGATED_STAKE);
        assertEq(strategyManager.getSlashResolutionBlock(trap, slashId), vm.getBlockNumber() + 50_400);
        vm.expectPartialRevert(bytes4(keccak256("SlashNotResolved(uint256)")));
        strategyManager.clearBurnOrRedistributableShares(trap, slashId);
    }

    function _profile(uint256 slashableBlocks) private returns (Profile) {
        IProfile.Times memory times = IProfile.Times({
            claimAge: 1 days,
            window: 3.5 days,
            demand: 3.5 days,
            reopenedWindow: 3.5 days,
            seedWait: uint32(2 * SEED_BLOCKS * SECONDS_PER_BLOCK),
            verifiers: 3 days + 4 days,
            appeals: 8 days,
            paging: 12 hours,
            staleness: 1 days
        });
        return new Profile(times, 1 << 20, slashableBlocks, SECONDS_PER_BLOCK);
    }
}
