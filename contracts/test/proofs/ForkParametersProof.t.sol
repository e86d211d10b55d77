// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IForkParameters} from "../../src/interfaces/IForkParameters.sol";
import {ForkParameters} from "../../src/token/ForkParameters.sol";
import {Test} from "../Test.sol";

/// @title For all times and shares: what follows once a ForkParameters stands. `tools/prove` runs it with halmos.
contract ForkParametersProof is Test {
    /// @dev What a fork needs of the times together; each is more than one rule.
    function check_accepted_times_leave_time_for_everyone(IForkParameters.Times memory t) public {
        try new ForkParameters(t, defaultShares()) {
            uint256 judged = 2 * uint256(t.censorship) + t.deliberation;
            // Whoever is censored as long as the chain can be still sees a verdict judged and moves in time.
            assert(t.redemption > judged);
            // A holder that moved stays locked out until all others had that time.
            assert(t.lock > judged + 1);
            // What an accused voter queues when the voters are fixed is still in the escrow when redemption ends.
            assert(t.withdrawal > uint256(t.vote) + judged);
            assert(t.withdrawal > uint256(t.stakeTableAge) + judged);
            // A follower that waited its lag knows of every challenge that could have been called.
            assert(t.followerLag > uint256(t.censorship) + t.deliberation);
            assert(t.pending > t.censorship);
        } catch {}
    }

    /// @dev Times that keep the rules are accepted: no rule is stricter than it says and no sum overflows.
    function check_times_that_keep_the_rules_are_accepted(IForkParameters.Times memory t) public {
        vm.assume(t.deliberation != 0 && t.censorship != 0 && t.vote != 0 && t.stakeTableAge != 0 && t.appealRung != 0);
        vm.assume(t.challenge > uint256(t.censorship) + t.deliberation);
        vm.assume(t.redemption > uint256(t.censorship) + t.challenge);
        vm.assume(t.lock > t.redemption && t.pending > t.censorship && t.followerLag > t.challenge);
        vm.assume(t.withdrawal > uint256(t.vote) + t.redemption);
        vm.assume(t.withdrawal > uint256(t.stakeTableAge) + t.redemption);
        try new ForkParameters(t, defaultShares()) {}
        catch {
            assert(false);
        }
    }

    /// @dev No accepted burn or appeal is more than all there is, and whoever loses the last appeal can pay a challenge.
    function check_accepted_shares_are_parts(uint16 challengeBurn, uint16 burn, uint16 firstAppeal) public {
        IForkParameters.Shares memory s = defaultShares();
        (s.challengeBurn, s.burn, s.firstAppeal) = (challengeBurn, burn, firstAppeal);
        try new ForkParameters(defaultTimes(), s) {
            assert(burn <= 10_000 && challengeBurn <= 10_000 && firstAppeal <= 10_000);
            assert(challengeBurn <= uint256(firstAppeal) << (s.appealRungs - 1));
        } catch {}
    }

    function defaultTimes() private pure returns (IForkParameters.Times memory) {
        return IForkParameters.Times({
            censorship: 3.5 days,
            deliberation: 3.5 days,
            challenge: 8 days,
            redemption: 14 days,
            lock: 16 days,
            withdrawal: 21 days,
            vote: 4 days,
            pending: 7 days,
            followerLag: 9 days,
            stakeTableAge: 1 days,
            appealRung: 1 days
        });
    }

    function defaultShares() private pure returns (IForkParameters.Shares memory) {
        return IForkParameters.Shares({
            challengeBurn: 250,
            destruction: 500,
            burn: 5_000,
            challengerPremium: 4_000,
            staked: 2_000,
            slashable: 5_000,
            firstAppeal: 2,
            appealRungs: 8
        });
    }
}
