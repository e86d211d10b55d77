// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IAllocationManager} from "./IAllocationManager.sol";
import {Program} from "../libraries/VouchTypes.sol";
import {IOperatorTableSource} from "./IBN254CertificateVerifier.sol";

/// @title Apps, their releases and their operator sets. It is the AVS of every app's set and has no way to change a set's slasher.
interface IAppController is IOperatorTableSource {
    struct AppParameters {
        address profile;
        /// Above 5,000, at most 10,000; a share of the primary weight that must sign, rounded up.
        uint16 thresholdBips;
        /// Ascending; the first is the primary weight.
        address[] strategies;
        uint256[] minimumStake;
        uint256[] requiredStake;
        string metadataURI;
    }

    struct App {
        address owner;
        address profile;
        uint32 operatorSetId;
        uint16 thresholdBips;
        address slashVault;
        address[] strategies;
        uint256[] minimumStake;
        uint256[] requiredStake;
    }

    /// @notice What a post is checked against.
    struct PostingRules {
        address profile;
        uint32 operatorSetId;
        uint16 thresholdBips;
    }

    /// @notice A program as one app published it.
    struct Release {
        bool wasm;
        /// Eligible for Immediate: wasm, `command`, no egress, no secrets, stateless.
        bool immediate;
        uint64 publishedAt;
    }

    error NotAppOwner(bytes32 app, address caller);
    error UnknownApp(bytes32 app);
    error UnknownRelease(bytes32 app, bytes32 programId);
    error InvalidThreshold(uint16 thresholdBips);
    error InvalidProfile(address profile);
    error StrategiesNotAscending();
    error LengthMismatch();
    error ReleaseExists(bytes32 app, bytes32 programId);
    error InvalidProgram(string field);
    error NotAllocationManager();
    error SetIsFull(uint256 countMax);
    /// @notice In no strategy does the operator's stake reach the minimum from now to the end of the profile's whole time.
    error StakeBelowMinimum(address operator);
    error KeyMissing(address operator);
    error InvalidOwner();
    error InvalidStrategyCount(uint256 count, uint256 countMax);
    error ZeroMinimumStake(address strategy);
    error TextTooLong(string field, uint256 lengthMax);
    error SetHasRoom(uint256 count);
    error StakeSuffices(address operator);

    event AppCreated(
        bytes32 indexed app,
        address indexed owner,
        uint32 operatorSetId,
        address profile,
        address slashVault,
        string metadataURI
    );
    event ReleasePublished(bytes32 indexed app, bytes32 indexed programId, Program program, string uri);
    event ProgramAccepted(bytes32 indexed app, bytes32 indexed programId, address indexed operator, bool accepted);
    event AppOwnerChanged(bytes32 indexed app, address indexed owner);

    /// @dev The profile's whole time and staleness are copied: a profile that changes its mind can't shorten the life of weights.
    /// @notice Creates an app with its operator set (redistributing to a new SlashVault, slashed by the SlashRouter alone).
    function createApp(AppParameters calldata parameters) external returns (bytes32 app);

    /// @notice Publishes a program under the app; `uri` says where its artifact can be fetched. Returns the programId.
    /// @dev A release is the app's own: any number of apps may publish one program, each with operators of its own. So a programId
    /// alone says what runs and not who answers for it; whatever trusts an answer names the app as well.
    function publishRelease(bytes32 app, Program calldata program, string calldata uri)
        external
        returns (bytes32 programId);

    /// @notice An operator accepts (or no longer accepts) that its stake in the app's set answers for the outputs of an OCI program.
    /// It says nothing about the same program under another app.
    function acceptProgram(bytes32 app, bytes32 programId, bool accepted) external;

    /// @notice Removes a member whose stake fell below the minimum in every strategy, so that it can't hold a place in a full set.
    /// It stays slashable for the deallocation delay. Anyone, and only while the set is full.
    function evict(bytes32 app, address operator) external;

    function transferApp(bytes32 app, address owner) external;

    /// @notice Where the memberships of operator sets stand.
    function allocationManager() external view returns (IAllocationManager);
    function appInfo(bytes32 app) external view returns (App memory);
    function appOf(uint32 operatorSetId) external view returns (bytes32 app);
    function postingRules(bytes32 app) external view returns (PostingRules memory);
    /// @dev Reverts with UnknownRelease.
    function releaseInfo(bytes32 app, bytes32 programId) external view returns (Release memory);
    /// @notice The table of the app's set under which batches of its release are signed: zero for wasm, else the programId.
    /// @dev Reverts with UnknownRelease.
    function tableOf(bytes32 app, bytes32 programId) external view returns (bytes32);
    function releaseCount(bytes32 app) external view returns (uint256);
    function releaseAt(bytes32 app, uint256 index) external view returns (bytes32 programId);
}
