// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Program, Request} from "../libraries/VouchTypes.sol";

/// @title Requests put on chain, which a lane has to answer in the order in which they were put there.
/// @notice A client whom a gateway ignores puts its request here. From its deadline on, the app's executors sign no batch of the lane that
/// passes over it. What they could refuse is refused here, so that what stands here can be answered: the program is a release of the app
/// that one input gives one answer, the payload is within its limits, time, seed block and nonce are stamped, the fee is prepaid.
/// @dev Entries of a lane count from 1, without gaps; `inboxCursor` of a batch is the number of those answered up to and including it.
interface IForcedInbox {
    /// @notice What the constructor fixes for ever.
    struct Rules {
        /// What a lane takes in per block on the average; a block takes twice as much, never more.
        uint64 fuelTarget;
        /// What an entry counts for beside its program's fuel limit, and each byte of its payload: answering costs more than running.
        uint64 fuelPerEntry;
        uint64 fuelPerByte;
        /// Wei for a million units of fuel in a lane that has long taken in no more than its target.
        uint64 priceMin;
        /// How many blocks after its own an entry's seed block comes; nobody knows its randomness when the request is fixed.
        uint32 seedDelayBlocks;
        /// A deadline comes at least and at most so many seconds later. The least leaves time for finality and a round.
        uint32 deadlineMin;
        uint32 deadlineMax;
        /// The most bytes of a payload, whatever the program would take.
        uint32 payloadBytesMax;
    }

    /// @notice Where an entry stands. All zero for a request that nobody put here.
    struct Place {
        uint32 lane;
        uint64 index;
        uint64 deadline;
    }

    error InvalidRules(string field);
    /// @notice The program has no single answer to one input: it is no wasm `command`, or it has egress, secrets or state.
    error NotForcible(bytes32 programId);
    error PayloadTooLarge(uint256 length, uint256 lengthMax);
    error DeadlineTooNear(uint64 deadline, uint256 earliest);
    error DeadlineTooFar(uint64 deadline, uint256 latest);
    /// @notice The lane has no room for this entry in this block; try the next one.
    error BlockFull(uint256 fuel, uint256 fuelLeft);
    error FeeTooLow(uint256 paid, uint256 fee);
    error PaymentRefused(address to);

    event RequestSubmitted(
        bytes32 indexed app, uint32 indexed lane, uint64 indexed index, Request request, bytes payload, uint256 fee
    );

    /// @notice Puts a request of the caller at the end of the lane's inbox; what is paid above the fee comes back.
    /// @dev The fee is burnt: it stays in this contract, which has no way to send it. A gateway that got it could fill its own inbox for
    /// nothing, and so price everybody else out.
    /// @param program The release in full, since its limits are not stored on chain.
    /// @param deadline Unix seconds; from then on the lane stands still until the request is answered.
    function submit(bytes32 app, uint32 lane, Program calldata program, bytes calldata payload, uint64 deadline)
        external
        payable
        returns (uint64 index, bytes32 requestId);

    /// @notice What an entry costs in this block, wei.
    function feeOf(bytes32 app, uint32 lane, Program calldata program, uint256 payloadBytes)
        external
        view
        returns (uint256);

    /// @notice How many entries a lane's inbox has ever had; the index of the newest one.
    function entryCount(bytes32 app, uint32 lane) external view returns (uint64);
    function placeOf(bytes32 requestId) external view returns (Place memory);
    function rules() external view returns (Rules memory);
}
