// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title The rules under which the answers of an app are claimed, challenged and settled. Immutable; its address is the profileId.
/// @dev All times are seconds, counted from a batch's referenceTimestamp.
interface IProfile {
    struct Times {
        /// A claim can be opened until referenceTimestamp + claimAge.
        uint32 claimAge;
        /// How long an opened claim can be challenged.
        uint32 window;
        /// How long signers have to answer a data demand.
        uint32 demand;
        /// The one extension of the window after an answered demand.
        uint32 reopenedWindow;
        /// The wait for the block that seeds the committee.
        uint32 seedWait;
        /// All verifier deadlines together.
        uint32 verifiers;
        /// All appeal deadlines together.
        uint32 appeals;
        /// The time that slashing all signers page by page may take.
        uint32 paging;
        /// How old a table may be when a batch is posted under it.
        uint32 staleness;
    }

    error TimesDoNotFit(uint256 wholeTime, uint256 slashableTime);
    error ZeroTime(string field);
    error ZeroDemandLimit();

    function times() external view returns (Times memory);
    function claimAge() external view returns (uint32);
    function staleness() external view returns (uint32);
    /// @notice The most bytes that payload, reads and output of one exchange may each have if it is to be claimed.
    function demandLimit() external view returns (uint64);
    /// @notice The sum of all times, seconds from referenceTimestamp to the last possible slash.
    function wholeTime() external view returns (uint32);
    /// @notice `wholeTime` in blocks, rounded up.
    function wholeTimeBlocks() external view returns (uint32);
}
