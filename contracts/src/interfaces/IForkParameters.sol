// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title The times and shares under which a generation of EIGEN may be forked. Immutable.
interface IForkParameters {
    /// @dev Seconds.
    struct Times {
        /// How long the chain can be censored.
        uint32 censorship;
        /// How long people need to judge a verdict.
        uint32 deliberation;
        /// How long after the attack a fork can be called for.
        uint32 challenge;
        /// How long after the attack holders and stakers can move to the fork.
        uint32 redemption;
        /// For how long a holder that moved leaves its old units behind.
        uint32 lock;
        /// How long the escrow holds a unit after its exit was queued.
        uint32 withdrawal;
        /// From the snapshot of the last instance's voters to its verdict, which is the attack.
        uint32 vote;
        /// The extra time of those whose exit was queued before the attack.
        uint32 pending;
        /// How long a follower waits for a fork signal before it takes a state for irreversible.
        uint32 followerLag;
        /// How old a stake table may be while stake still votes by it.
        uint32 stakeTableAge;
        /// One rung of the appeals before a verdict is final.
        uint32 appealRung;
    }

    /// @dev Basis points; of the supply unless said otherwise.
    struct Shares {
        /// What the challengers burn together (CPF).
        uint16 challengeBurn;
        /// The least that a fork destroys (DPF).
        uint16 destruction;
        /// Of the accused stake: what burns on the fork.
        uint16 burn;
        /// Of the challengers' burn: what they get on top of it on the fork.
        uint16 challengerPremium;
        /// The least that must be staked; below it the token does not count as forkable.
        uint16 staked;
        /// Of the staked: the part that a fault can be attributed to.
        uint16 slashable;
        /// What the first rung of the appeals costs; each further one costs twice the one before.
        uint16 firstAppeal;
        /// How many rungs there are. No share, but a count.
        uint16 appealRungs;
    }

    /// @notice `rule` does not hold between the two sides.
    error RuleBroken(string rule, uint256 left, uint256 right);
    error ZeroParameter(uint256 index);

    function times() external view returns (Times memory);
    function shares() external view returns (Shares memory);
}
