// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Batch, Request} from "../libraries/VouchTypes.sol";
import {IBN254CertificateVerifierTypes} from "./IBN254CertificateVerifier.sol";
import {IForcedInbox} from "./IForcedInbox.sol";

/// @title Lanes of batches: what a quorum signed, in an order without gaps.
interface IBatchRegistry is IBN254CertificateVerifierTypes {
    struct Lane {
        address gateway;
        /// W: how many sequences beyond the finalized cursor executors sign.
        uint32 window;
        /// The effective cursor: what is at or below it can no longer be posted anew.
        uint64 cursor;
        /// The batch that the next one must name as parent; zero if there is none.
        bytes32 tip;
        /// The sequence of `tip`.
        uint64 tipSequence;
        /// When the running skip ends; zero if none runs.
        uint64 skipEndsAt;
        /// How many gateways the lane has had, this one included.
        uint32 epoch;
        /// Who may take the lane; zero if nobody was named.
        address nextGateway;
        /// When `nextGateway` may take it.
        uint64 changeAfter;
        /// When the gateway of this epoch took it; zero for the first.
        uint64 takenAt;
    }

    struct BatchRecord {
        /// The timestamp of the block that recorded the batch's hash; zero if unknown.
        uint64 recordedAt;
        /// The timestamp of the block that recorded the batch's own certificate; zero if it has none.
        uint64 certifiedAt;
        uint32 referenceTimestamp;
        /// keccak256(abi.encode(referenceTimestamp, uint32[] nonSignerIndices))
        bytes32 signersHash;
        uint256[] signedWeights;
    }

    error NotAppOwner(bytes32 app, address caller);
    error InvalidWindow(uint32 window);
    error InvalidGateway();
    error ZeroSkipDelay();
    error ZeroGatewayDelay();
    error WrongBond(uint256 paid, uint256 due);
    error PaymentRefused(address to);
    error NotGateway(address caller, address gateway);
    error NotNamed(address caller, address named);
    error TooEarly(uint64 changeAfter);
    error UnknownLane(bytes32 app, uint32 lane);
    error NotInInbox(bytes32 requestId);
    error EntryAnswered(uint64 index, uint64 inboxCursor);
    error NotMember(bytes32 app, address caller);
    /// @notice The operator has relieved a gateway of this lane since an entry of its inbox was answered last.
    error TurnTaken(address operator, uint64 inboxCursor);
    error NoHeaders();
    error TooManyHeaders(uint256 count, uint256 countMax);
    error WrongChain(uint256 chainId);
    error WrongRegistry(address registry);
    error WrongOperatorSet(uint32 operatorSetId);
    error WrongProfile(address profileId);
    error WrongLane();
    error WrongSequence(uint64 sequence, uint64 expected);
    error WrongParent(bytes32 parent, bytes32 expected);
    error EmptyBatch();
    error CertificateOfAnotherBatch(bytes32 messageHash, bytes32 batchHash);
    error CertificateOfAnotherTable(uint32 certified, uint32 referenceTimestamp);
    error ThresholdNotMet(uint256 signedWeight, uint256 requiredWeight);
    error RequiredStakeNotMet();
    error AtOrBelowCursor(uint64 sequence, uint64 cursor);
    error SkipRunning(uint64 endsAt);
    error InboxCursorBackwards(uint64 inboxCursor, uint64 before);
    error InboxCursorBeyond(uint64 inboxCursor, uint64 entryCount);

    event LaneRegistered(bytes32 indexed app, uint32 indexed lane, address gateway, uint32 window);
    event BatchRecorded(bytes32 indexed app, uint32 indexed lane, uint64 indexed sequence, bytes32 batchHash);
    event BatchCertified(bytes32 indexed batchHash, bytes32 signersHash, uint256[] signedWeights);
    event SkipRequested(bytes32 indexed app, uint32 indexed lane, uint64 cursor, uint64 endsAt);
    event SkipCancelled(bytes32 indexed app, uint32 indexed lane, uint64 cursor);
    event BondCredited(address indexed account, uint256 amount);
    event BondCreditWithdrawn(address indexed account, address indexed to, uint256 amount);
    /// A `gateway` of zero takes an earlier word back.
    event GatewayNamed(bytes32 indexed app, uint32 indexed lane, address gateway, uint64 changeAfter);
    event GatewayChanged(
        bytes32 indexed app, uint32 indexed lane, uint32 indexed epoch, address gateway, uint64 cursor
    );

    event GatewayRelieved(
        bytes32 indexed app, uint32 indexed lane, address indexed operator, address gateway, bytes32 requestId
    );

    /// @notice Registers a lane of the app; lanes count from 1. Only the app's owner.
    function registerLane(bytes32 app, address gateway, uint32 window) external returns (uint32 lane);

    /// @notice Records the headers from the cursor to n with n's certificate and moves the cursor to n.
    /// A single header that is already recorded gets its own certificate; a second time it is a no-op.
    function post(Batch[] calldata headers, BN254Certificate calldata certificate) external;

    /// @notice Starts the clock that frees a stuck lane: unless a post moves the cursor C first, it is C + W after `skipDelay`.
    /// Exactly `skipBond` has to be paid. The requester gets it back when the skip has ended; a post that cancels the skip shows that
    /// the lane was not stuck, and the bond goes to the lane's gateway.
    function requestSkip(bytes32 app, uint32 lane) external payable;
    /// @notice Writes an ended skip down, so that its bond can be fetched; without effect where none has ended.
    function settleSkip(bytes32 app, uint32 lane) external;
    /// @notice Pays the sender's `bondCredit` to `to`.
    function withdrawBondCredit(address payable to) external returns (uint256 amount);

    /// @notice Names who shall be the lane's gateway; zero takes the word back. Only the app's owner. The named one may take the lane
    /// after `gatewayDelay`, or as soon as the gateway of today consents.
    function nameGateway(bytes32 app, uint32 lane, address gateway) external;
    /// @notice Lets the named gateway take the lane now. Only the lane's gateway; `gateway` says whom it agrees to.
    function consentToGateway(bytes32 app, uint32 lane, address gateway) external;
    /// @notice Makes the caller, who was named, the lane's gateway: a new epoch begins.
    function takeLane(bytes32 app, uint32 lane) external;

    /// @notice Makes `gateway` the lane's at once, because the request stands in the lane's inbox, unanswered, and `skipDelay` has passed
    /// since its deadline and since the gateway of today took the lane. Only a member of the app's operator set, and each but once until
    /// an entry of the inbox is answered: who brings another silent gateway has used up its turn.
    function relieveGateway(Request calldata request, address gateway) external;

    function skipDelay() external view returns (uint32);
    function skipBond() external view returns (uint256);
    function gatewayDelay() external view returns (uint32);
    /// @notice Bonds that `account` may fetch, wei.
    function bondCredit(address account) external view returns (uint256);
    function laneCount(bytes32 app) external view returns (uint32);
    function laneInfo(bytes32 app, uint32 lane) external view returns (Lane memory);
    /// @notice Where the recorded skip that began at `cursor` led; zero if none ended there.
    function skipTarget(bytes32 app, uint32 lane, uint64 cursor) external view returns (uint64);
    function recordOf(bytes32 batchHash) external view returns (BatchRecord memory);
    /// @notice The hash recorded for a sequence of a lane; zero if none.
    function batchAt(bytes32 app, uint32 lane, uint64 sequence) external view returns (bytes32);
    /// @notice How many entries of the lane's forced inbox the batch at the tip and those before it have answered.
    function inboxCursor(bytes32 app, uint32 lane) external view returns (uint64);
    /// @notice Where requests are put that a gateway ignores.
    function forcedInbox() external view returns (IForcedInbox);
    /// @notice The EIP-712 domain under which clients sign requests: name "Vouch", version "1", this chain, this contract.
    function domainSeparator() external view returns (bytes32);
}
