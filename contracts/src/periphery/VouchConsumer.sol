// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {IAppController} from "../interfaces/IAppController.sol";
import {IBatchRegistry} from "../interfaces/IBatchRegistry.sol";
import {IProfile} from "../interfaces/IProfile.sol";
import {Batch, Exchange, Request, VouchTypes} from "../libraries/VouchTypes.sol";
import {Merkle} from "../libraries/Merkle.sol";
import {Pages} from "./Pages.sol";

/// @notice One answer with everything that proves it to a contract.
struct CertifiedExchange {
    /// The header of a batch that was posted with its own certificate.
    Batch batch;
    Exchange exchange;
    /// Where the exchange stands in the batch, and its siblings from leaf to root.
    uint32 index;
    bytes32[] proof;
    Request request;
    /// The client's signature over the request: ECDSA, or EIP-1271 where the client is a contract. Empty where the forced inbox has it.
    bytes clientSignature;
    /// What `payloadHash` and `readsHash` are page roots of: bytes, and the Merkle root over the pages.
    uint64 payloadLength;
    bytes32 payloadPagesRoot;
    uint64 readsLength;
    bytes32 readsPagesRoot;
    /// The whole output; empty unless the status is ok.
    bytes output;
}

/// @title What a contract inherits to trust an answer in Immediate mode: posted certificate; wasm, `command`, no egress,
/// no secrets, stateless; home chain only.
/// @dev It says that a stake threshold of the app's operators signed this answer to this request. It does not say that the answer names what the
/// consumer is about: pin the app and the programId, and either the requestId or a key that the output itself must name. The
/// programId alone is not enough: anyone may publish the same program under an app with operators of their own. It neither remembers nor
/// forbids that one answer is shown twice: the consumer must be indifferent to that. Whoever signed can be slashed for signing
/// two batches, not yet for signing a wrong output: see `CONSUMER_LABEL`.
abstract contract VouchConsumer {
    using VouchTypes for Batch;
    using VouchTypes for Exchange;
    using VouchTypes for Request;

    /// @notice What an accepted answer rests on, in words for users; never more than holds.
    string public constant CONSUMER_LABEL = "uninsured until adjudication exists";

    IBatchRegistry public immutable batchRegistry;
    IAppController public immutable appController;

    error NotImmediate(bytes32 programId);
    error BatchOfAnotherChain(uint256 chainId);
    error BatchOfAnotherRegistry(address registry);
    error BatchOfAnotherApp(bytes32 app);
    error BatchOfAnotherSet(uint32 operatorSetId);
    error BatchOfAnotherProgram(bytes32 programId);
    error BatchOfAnotherProfile(address profileId);
    error BatchNotCertified(bytes32 batchHash);
    error BatchTooOld(uint256 referenceTimestamp, uint256 claimAgeSeconds);
    error IndexOutOfRange(uint32 index, uint32 exchangeCount);
    error NotInBatch(bytes32 leaf);
    error RequestOfAnotherApp(bytes32 app);
    error RequestOfAnotherProgram(bytes32 programId);
    error RequestNotAnswered(bytes32 requestId);
    error RequestNotSigned(address client);
    error RequestAfterPost(uint64 time, uint64 recordedAt);
    error RequestExpiredBeforePost(uint64 deadline, uint64 recordedAt);
    error AboveDemandLimit(uint256 length, uint64 demandLimit);
    error PayloadMismatch();
    error ReadsInImmediate();
    error OutputMismatch();

    constructor(IBatchRegistry batchRegistry_, IAppController appController_) {
        batchRegistry = batchRegistry_;
        appController = appController_;
    }

    /// @notice Reverts unless `certified` is an answer that this chain may rely on now, by the app's operators and of its `programId`.
    /// @return status Of the run; anything but `VouchTypes.STATUS_OK` is a certified failure and must change nothing in the consumer.
    /// @return output The program's output; empty unless the status is ok.
    function _consume(CertifiedExchange calldata certified, bytes32 app, bytes32 programId)
        internal
        view
        returns (uint8 status, bytes calldata output)
    {
        IProfile profile = _requireBatchOf(certified.batch, app, programId);
        uint64 recordedAt = _requireCertified(certified.batch, profile);
        _requireIncluded(certified);
        _requireRequest(certified, programId, recordedAt);
        _requireContents(certified, profile.demandLimit());
        return (certified.exchange.status, certified.output);
    }

    /// @dev The batch speaks of this chain, this registry, this release, and the set and profile that the app has.
    function _requireBatchOf(Batch calldata batch, bytes32 app, bytes32 programId) private view returns (IProfile) {
        require(batch.chainId == block.chainid, BatchOfAnotherChain(batch.chainId));
        require(batch.registry == address(batchRegistry), BatchOfAnotherRegistry(batch.registry));
        require(batch.app == app, BatchOfAnotherApp(batch.app));
        require(batch.programId == programId, BatchOfAnotherProgram(batch.programId));
        require(appController.releaseInfo(app, programId).immediate, NotImmediate(programId));
        IAppController.App memory info = appController.appInfo(app);
        require(batch.operatorSetId == info.operatorSetId, BatchOfAnotherSet(batch.operatorSetId));
        require(batch.profileId == info.profile, BatchOfAnotherProfile(batch.profileId));
        return IProfile(info.profile);
    }

    function _requireCertified(Batch calldata batch, IProfile profile) private view returns (uint64 recordedAt) {
        bytes32 batchHash = batch.hash();
        IBatchRegistry.BatchRecord memory record = batchRegistry.recordOf(batchHash);
        require(record.certifiedAt != 0, BatchNotCertified(batchHash));
        uint256 claimAge = profile.claimAge();
        require(
            block.timestamp <= uint256(batch.referenceTimestamp) + claimAge,
            BatchTooOld(batch.referenceTimestamp, claimAge)
        );
        return record.recordedAt;
    }

    function _requireIncluded(CertifiedExchange calldata certified) private pure {
        uint32 count = certified.batch.exchangeCount;
        require(certified.index < count, IndexOutOfRange(certified.index, count));
        bytes32 leaf = certified.exchange.hash();
        bytes32 root = certified.batch.exchangesRoot;
        require(Merkle.verify(certified.proof, root, leaf, certified.index, count), NotInBatch(leaf));
    }

    /// @dev The client asked exactly this, before the batch was recorded and for no later than then. What was put into the forced inbox
    /// needs no signature and stays good after its deadline: else a gateway could void it by being late.
    function _requireRequest(CertifiedExchange calldata certified, bytes32 programId, uint64 recordedAt) private view {
        Request calldata request = certified.request;
        require(request.app == certified.batch.app, RequestOfAnotherApp(request.app));
        require(request.programId == programId, RequestOfAnotherProgram(request.programId));
        bytes32 requestId = request.hash();
        require(requestId == certified.exchange.requestId, RequestNotAnswered(requestId));
        require(request.time <= recordedAt, RequestAfterPost(request.time, recordedAt));
        if (certified.clientSignature.length == 0 && _wasForced(requestId)) return;
        require(request.deadline >= recordedAt, RequestExpiredBeforePost(request.deadline, recordedAt));
        bytes32 digest = MessageHashUtils.toTypedDataHash(batchRegistry.domainSeparator(), requestId);
        require(
            SignatureChecker.isValidSignatureNowCalldata(request.client, digest, certified.clientSignature),
            RequestNotSigned(request.client)
        );
    }

    function _wasForced(bytes32 requestId) private view returns (bool) {
        return batchRegistry.forcedInbox().placeOf(requestId).index != 0;
    }

    /// @dev What was asked and answered is small enough to be demanded on chain, and is what the hashes say.
    function _requireContents(CertifiedExchange calldata certified, uint64 demandLimit) private pure {
        require(certified.payloadLength <= demandLimit, AboveDemandLimit(certified.payloadLength, demandLimit));
        require(certified.output.length <= demandLimit, AboveDemandLimit(certified.output.length, demandLimit));
        require(
            certified.request.payloadHash == VouchTypes.pageRoot(certified.payloadLength, certified.payloadPagesRoot),
            PayloadMismatch()
        );
        require(
            certified.exchange.readsHash == 0 && certified.readsLength == 0 && certified.readsPagesRoot == 0,
            ReadsInImmediate()
        );
        bool ok = certified.exchange.status == VouchTypes.STATUS_OK;
        require(ok || certified.output.length == 0, OutputMismatch());
        require(certified.exchange.outputHash == (ok ? Pages.rootOf(certified.output) : bytes32(0)), OutputMismatch());
    }
}
