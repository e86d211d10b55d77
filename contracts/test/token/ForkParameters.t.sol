// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IForkParameters} from "../../src/interfaces/IForkParameters.sol";
import {ForkParameters} from "../../src/token/ForkParameters.sol";
import {EigenFixture} from "./EigenFixture.sol";

/// @title Every inequality on which the redemption of a fork rests holds, or there are no parameters.
contract ForkParametersTest is EigenFixture {
    function test_the_defaults_and_those_of_mainnet_hold() public {
        ForkParameters made = new ForkParameters(defaultTimes(), defaultShares());
        assertEq(keccak256(abi.encode(made.times())), keccak256(abi.encode(defaultTimes())));
        assertEq(keccak256(abi.encode(made.shares())), keccak256(abi.encode(defaultShares())));
        new ForkParameters(mainnetTimes(), defaultShares());
    }

    function test_no_parameter_is_zero() public {
        for (uint256 i = 0; i < 19; i++) {
            IForkParameters.Times memory times = defaultTimes();
            IForkParameters.Shares memory shares = defaultShares();
            // Structs in memory: field i is word i.
            assembly ("memory-safe") {
                switch lt(i, 11)
                case 1 { mstore(add(times, mul(i, 0x20)), 0) }
                default { mstore(add(shares, mul(sub(i, 11), 0x20)), 0) }
            }
            vm.expectRevert(abi.encodeWithSelector(IForkParameters.ZeroParameter.selector, i));
            new ForkParameters(times, shares);
        }
    }

    function test_a_challenge_outlasts_censorship_and_deliberation() public {
        IForkParameters.Times memory times = defaultTimes();
        times.challenge = 7 days + 1;
        new ForkParameters(times, defaultShares());
        times.challenge = 7 days;
        _expectTimes(times, "challenge > censorship + deliberation", 7 days, 7 days);
    }

    function test_redemption_outlasts_censorship_and_a_challenge() public {
        IForkParameters.Times memory times = defaultTimes();
        times.redemption = 11.5 days;
        _expectTimes(times, "redemption > censorship + challenge", 11.5 days, 11.5 days);
    }

    /// @dev Else a holder that moved to the fork gets its old units back in time to move again.
    function test_a_lock_outlasts_redemption() public {
        IForkParameters.Times memory times = defaultTimes();
        times.lock = 14 days;
        _expectTimes(times, "lock > redemption", 14 days, 14 days);
    }

    /// @dev Else a voter queues its exit as the vote opens, lies, and redeems as a holder.
    function test_a_withdrawal_outlasts_the_vote_and_redemption() public {
        IForkParameters.Times memory times = defaultTimes();
        times.withdrawal = 18 days;
        _expectTimes(times, "withdrawal > vote + redemption", 18 days, 18 days);
        times.withdrawal = 18 days + 1;
        new ForkParameters(times, defaultShares());
    }

    /// @dev Else stake that is leaving still votes by an old table.
    function test_a_withdrawal_outlasts_a_table_and_redemption() public {
        IForkParameters.Times memory times = defaultTimes();
        times.stakeTableAge = 7 days;
        string memory rule = "withdrawal > stakeTableAge + redemption";
        _expectTimes(times, rule, 21 days, 21 days);
    }

    /// @dev EigenLayer's escrow of 14 days.
    function test_a_withdrawal_of_14_days_holds_no_fork() public {
        IForkParameters.Times memory times = defaultTimes();
        times.withdrawal = 14 days;
        _expectTimes(times, "withdrawal > vote + redemption", 14 days, 18 days);
    }

    function test_pending_and_followers_have_time() public {
        IForkParameters.Times memory times = defaultTimes();
        times.pending = 3.5 days;
        _expectTimes(times, "pending > censorship", 3.5 days, 3.5 days);
        times = defaultTimes();
        times.followerLag = 8 days;
        _expectTimes(times, "followerLag > challenge", 8 days, 8 days);
    }

    function test_the_least_stake_bears_the_least_destruction() public {
        IForkParameters.Shares memory shares = defaultShares();
        shares.staked = 1_999;
        _expectShares(shares, "destruction <= burn x slashable x staked", 5e10, uint256(5_000) * 5_000 * 1_999);
    }

    function test_a_fork_never_mints_for_its_challengers() public {
        IForkParameters.Shares memory shares = defaultShares();
        (shares.burn, shares.staked) = (9_000, 2_000);
        string memory rule = "challengerPremium x challengeBurn x burn <= (1 - burn) x destruction";
        _expectShares(shares, rule, uint256(4_000) * 250 * 9_000, uint256(1_000) * 500 * 10_000);
    }

    function test_the_appeals_reach_the_price_of_a_fork() public {
        IForkParameters.Shares memory shares = defaultShares();
        shares.appealRungs = 7;
        _expectShares(shares, "challengeBurn <= last appeal", 250, 128);
        shares.appealRungs = 17;
        _expectShares(shares, "appealRungs <= 16", 17, 16);
        shares.appealRungs = 14;
        _expectShares(shares, "last appeal <= 1", 16_384, 10_000);
    }

    function test_parts_are_at_most_the_whole() public {
        IForkParameters.Shares memory shares = defaultShares();
        shares.burn = 10_001;
        _expectShares(shares, "burn <= 1", 10_001, 10_000);
        shares = defaultShares();
        shares.slashable = 10_001;
        _expectShares(shares, "slashable <= 1", 10_001, 10_000);
    }

    /// @dev Whatever is accepted obeys the constraints as the token paper states them.
    function testFuzz_accepted_times_obey_the_paper(uint32[11] memory raw) public {
        for (uint256 i = 0; i < raw.length; i++) {
            raw[i] = uint32(bound(raw[i], 1, 40 days));
        }
        IForkParameters.Times memory t = IForkParameters.Times(
            raw[0], raw[1], raw[2], raw[3], raw[4], raw[5], raw[6], raw[7], raw[8], raw[9], raw[10]
        );
        try new ForkParameters(t, defaultShares()) {
            assertLt(t.redemption, t.withdrawal);
            assertGt(t.lock, t.redemption);
            assertGt(t.challenge, uint256(t.censorship) + t.deliberation);
            assertGt(t.withdrawal, uint256(t.vote) + 2 * uint256(t.censorship) + t.deliberation);
            assertGt(t.pending, t.censorship);
        } catch (bytes memory reason) {
            assertEq(bytes32(bytes4(reason)), bytes32(IForkParameters.RuleBroken.selector));
        }
    }

    function _expectTimes(IForkParameters.Times memory times, string memory rule, uint256 left, uint256 right) private {
        vm.expectRevert(abi.encodeWithSelector(IForkParameters.RuleBroken.selector, rule, left, right));
        new ForkParameters(times, defaultShares());
    }

    function _expectShares(IForkParameters.Shares memory shares, string memory rule, uint256 left, uint256 right)
        private
    {
        vm.expectRevert(abi.encodeWithSelector(IForkParameters.RuleBroken.selector, rule, left, right));
        new ForkParameters(defaultTimes(), shares);
    }
}
