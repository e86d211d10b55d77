// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title One instance that judges claims: a committee, a proof, a vote. Profiles list instances in the order of appeal.
/// @dev A question is (claim, round): a round that a data demand interrupted is asked again under the next number.
interface IVerifier {
    enum Answer {
        /// The deadline has not passed and nothing is decided.
        PENDING,
        /// No answer has enough votes: the next instance decides.
        SPLIT,
        /// One leaf has enough votes; `leaf` says which.
        DECIDED,
        /// The program gives different answers under equal conditions.
        NOT_REPRODUCIBLE,
        /// A third of the seats could not get the claim's data.
        MISSING
    }

    /// @notice Starts judging. Payable: the fee is `fee()`, exactly.
    /// @param snapshotAt Weights count as they stood at this time, before anyone could know of the challenge.
    function open(bytes32 claimId, uint32 round, uint64 snapshotAt) external payable;
    function status(address asker, bytes32 claimId, uint32 round) external view returns (Answer answer, bytes32 leaf);
    /// @return When `status` is no longer PENDING at the latest, Unix seconds; zero if it was never opened.
    function deadline(address asker, bytes32 claimId, uint32 round) external view returns (uint64);
    /// @notice Seconds from `open` to the deadline, without the wait for the seed.
    function duration() external view returns (uint32);
    /// @notice Seconds in which the seed must be known; within the duration of profiles it is counted apart.
    function seedWait() external view returns (uint32);
    /// @notice What judging costs, in wei.
    function fee() external view returns (uint256);
}
