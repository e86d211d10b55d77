// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IAppController} from "../interfaces/IAppController.sol";
import {IBN254CertificateVerifier} from "../interfaces/IBN254CertificateVerifier.sol";
import {IForcedInbox} from "../interfaces/IForcedInbox.sol";
import {OperatorSet} from "../libraries/OperatorSetLib.sol";
import {Batch, Request, VouchTypes} from "../libraries/VouchTypes.sol";
import {Lanes} from "./Lanes.sol";

/// @title BatchRegistry
/// @notice See `IBatchRegistry`. Immutable, without an owner or a pause; anyone may post, the certificate is what counts.
/// @dev It holds the bonds of skips and nothing else; what is sent to it otherwise is refused.
/// Of a post only the last header is certified. Those before it are bound by its `parent` chain, and each needs its own
/// certificate before it can be consumed; until then their hashes only hold their places.
contract BatchRegistry is Lanes, EIP712 {
    using VouchTypes for Batch;
    using VouchTypes for Request;

    uint256 public constant HEADER_COUNT_MAX = 256;
    uint256 private constant BIPS = 10_000;

    IBN254CertificateVerifier public immutable verifier;
    IForcedInbox public immutable forcedInbox;

    mapping(bytes32 batchHash => BatchRecord) private _records;
    mapping(bytes32 app => mapping(uint32 lane => mapping(uint64 sequence => bytes32))) public batchAt;
    mapping(bytes32 app => mapping(uint32 lane => uint64)) public inboxCursor;
    /// @dev One more than the inbox cursor at which the operator relieved the lane's gateway last.
    mapping(bytes32 app => mapping(uint32 lane => mapping(address operator => uint64))) private _turns;

    constructor(
        IAppController appController_,
        IBN254CertificateVerifier verifier_,
        IForcedInbox forcedInbox_,
        LaneRules memory laneRules
    ) Lanes(appController_, laneRules) EIP712("Vouch", "1") {
        verifier = verifier_;
        forcedInbox = forcedInbox_;
    }

    function post(Batch[] calldata headers, BN254Certificate calldata certificate) external {
        require(headers.length != 0, NoHeaders());
        require(headers.length <= HEADER_COUNT_MAX, TooManyHeaders(headers.length, HEADER_COUNT_MAX));
        Batch calldata last = headers[headers.length - 1];
        bytes32 lastHash = last.hash();
        if (_records[lastHash].certifiedAt != 0) return;

        IAppController.PostingRules memory rules = appController.postingRules(last.app);
        if (_records[lastHash].recordedAt == 0) _recordChain(headers, rules);
        _certify(last, lastHash, rules, certificate);
    }

    function relieveGateway(Request calldata request, address gateway) external {
        (bytes32 app, bytes32 requestId) = (request.app, request.hash());
        IForcedInbox.Place memory place = forcedInbox.placeOf(requestId);
        require(place.index != 0, NotInInbox(requestId));
        LaneState storage state = _knownLane(app, place.lane);
        require(gateway != address(0) && gateway != state.gateway, InvalidGateway());
        uint64 due = uint64(Math.max(place.deadline, state.takenAt)) + skipDelay;
        require(block.timestamp >= due, TooEarly(due));
        uint64 answered = inboxCursor[app][place.lane];
        require(place.index > answered, EntryAnswered(place.index, answered));
        _takeTurn(app, place.lane, answered);
        emit GatewayRelieved(app, place.lane, msg.sender, gateway, requestId);
        _beginEpoch(state, app, place.lane, gateway);
    }

    function recordOf(bytes32 batchHash) external view returns (BatchRecord memory) {
        return _records[batchHash];
    }

    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    function _takeTurn(bytes32 app, uint32 lane, uint64 answered) private {
        OperatorSet memory operatorSet =
            OperatorSet({avs: address(appController), id: appController.postingRules(app).operatorSetId});
        bool member = appController.allocationManager().isMemberOfOperatorSet(msg.sender, operatorSet);
        require(member, NotMember(app, msg.sender));
        require(_turns[app][lane][msg.sender] <= answered, TurnTaken(msg.sender, answered));
        _turns[app][lane][msg.sender] = answered + 1;
    }

    /// @dev The headers follow on the cursor and on each other; all of one lane.
    function _recordChain(Batch[] calldata headers, IAppController.PostingRules memory rules) private {
        (bytes32 app, uint32 lane) = (headers[0].app, headers[0].lane);
        LaneState storage state = _knownLane(app, lane);
        _settle(state, app, lane);
        (uint64 sequence, bytes32 parent) = (state.cursor, state.tip);
        bytes32 programId = 0;
        for (uint256 i = 0; i < headers.length; ++i) {
            Batch calldata header = headers[i];
            require(header.app == app && header.lane == lane, WrongLane());
            _requireDeployment(header, rules);
            if (header.programId != programId) {
                programId = header.programId;
                appController.releaseInfo(app, programId); // reverts unless it is a release of the app
            }
            require(header.sequence > sequence, AtOrBelowCursor(header.sequence, sequence));
            require(header.sequence == ++sequence, WrongSequence(header.sequence, sequence));
            require(header.parent == parent, WrongParent(header.parent, parent));
            parent = header.hash();
            _moveInboxCursor(header);
            _record(header, parent);
        }
        _advance(state, app, lane, sequence, parent);
    }

    function _requireDeployment(Batch calldata header, IAppController.PostingRules memory rules) private view {
        require(header.chainId == block.chainid, WrongChain(header.chainId));
        require(header.registry == address(this), WrongRegistry(header.registry));
        require(header.operatorSetId == rules.operatorSetId, WrongOperatorSet(header.operatorSetId));
        require(header.profileId == rules.profile, WrongProfile(header.profileId));
        require(header.exchangeCount != 0, EmptyBatch());
    }

    /// @dev Forward or not at all, and never beyond what was submitted. Which entries the batch answers, its executors have checked.
    function _moveInboxCursor(Batch calldata header) private {
        uint64 cursor = inboxCursor[header.app][header.lane];
        if (header.inboxCursor == cursor) return;
        require(header.inboxCursor > cursor, InboxCursorBackwards(header.inboxCursor, cursor));
        uint64 count = forcedInbox.entryCount(header.app, header.lane);
        require(header.inboxCursor <= count, InboxCursorBeyond(header.inboxCursor, count));
        inboxCursor[header.app][header.lane] = header.inboxCursor;
    }

    function _record(Batch calldata header, bytes32 batchHash) private {
        BatchRecord storage record = _records[batchHash];
        record.recordedAt = uint64(block.timestamp);
        record.referenceTimestamp = header.referenceTimestamp;
        batchAt[header.app][header.lane][header.sequence] = batchHash;
        emit BatchRecorded(header.app, header.lane, header.sequence, batchHash);
    }

    function _certify(
        Batch calldata header,
        bytes32 batchHash,
        IAppController.PostingRules memory rules,
        BN254Certificate calldata certificate
    ) private {
        require(certificate.messageHash == batchHash, CertificateOfAnotherBatch(certificate.messageHash, batchHash));
        require(
            certificate.referenceTimestamp == header.referenceTimestamp,
            CertificateOfAnotherTable(certificate.referenceTimestamp, header.referenceTimestamp)
        );
        uint256[] memory signedWeights = _signedWeights(header, rules, certificate);
        bytes32 signersHash = _signersHash(certificate);
        BatchRecord storage record = _records[batchHash];
        record.certifiedAt = uint64(block.timestamp);
        record.signersHash = signersHash;
        record.signedWeights = signedWeights;
        emit BatchCertified(batchHash, signersHash, signedWeights);
    }

    /// @dev Reverts unless the threshold, rounded up, of the primary weight signed. A table with less than the required stake in a strategy
    /// gives it no weight at all.
    function _signedWeights(
        Batch calldata header,
        IAppController.PostingRules memory rules,
        BN254Certificate calldata certificate
    ) private view returns (uint256[] memory signedWeights) {
        OperatorSet memory operatorSet = OperatorSet({avs: address(appController), id: header.operatorSetId});
        bytes32 table = appController.tableOf(header.app, header.programId);
        signedWeights = verifier.verifyCertificateOf(operatorSet, table, certificate);
        uint256 total = verifier.getOperatorSetInfoOf(operatorSet, table, header.referenceTimestamp).totalWeights[0];
        require(total != 0, RequiredStakeNotMet());
        uint256 required = Math.mulDiv(total, rules.thresholdBips, BIPS, Math.Rounding.Ceil);
        require(signedWeights[0] >= required, ThresholdNotMet(signedWeights[0], required));
    }

    function _signersHash(BN254Certificate calldata certificate) private pure returns (bytes32) {
        uint32[] memory nonSignerIndices = new uint32[](certificate.nonSignerWitnesses.length);
        for (uint256 i = 0; i < nonSignerIndices.length; ++i) {
            nonSignerIndices[i] = certificate.nonSignerWitnesses[i].operatorIndex;
        }
        return keccak256(abi.encode(certificate.referenceTimestamp, nonSignerIndices));
    }
}
