// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {IAppController} from "../../src/interfaces/IAppController.sol";
import {IBatchRegistry} from "../../src/interfaces/IBatchRegistry.sol";
import {VouchTypes} from "../../src/libraries/VouchTypes.sol";
import {CertifiedExchange, VouchConsumer} from "../../src/periphery/VouchConsumer.sol";
import {ConsumerFixture} from "./ConsumerFixture.sol";
import {ContractClient} from "./StandIns.sol";

/// @notice The least consumer.
contract ConsumerProbe is VouchConsumer {
    constructor(IBatchRegistry batchRegistry_, IAppController appController_)
        VouchConsumer(batchRegistry_, appController_)
    {}

    function consume(CertifiedExchange calldata certified, bytes32 app, bytes32 programId)
        external
        view
        returns (uint8 status, bytes memory output)
    {
        return _consume(certified, app, programId);
    }
}

contract VouchConsumerTest is ConsumerFixture {
    ConsumerProbe private probe;

    function setUp() public {
        _deployStandIns();
        probe = new ConsumerProbe(_registry(), _controller());
    }

    function _refused(CertifiedExchange memory certified, bytes memory reason) private {
        vm.expectRevert(reason);
        probe.consume(certified, APP, PROGRAM);
    }

    function _answer() private returns (CertifiedExchange memory) {
        return _unposted(VouchTypes.STATUS_OK, "answer");
    }

    function test_certifiedAnswerIsConsumed() public {
        (uint8 status, bytes memory output) = probe.consume(_certified(0, "answer"), APP, PROGRAM);
        assertEq(uint256(status), 0);
        assertEq(output, "answer");
    }

    function test_labelSaysWhatItRestsOn() public view {
        assertEq(probe.CONSUMER_LABEL(), "uninsured until adjudication exists");
    }

    function test_gas() public {
        CertifiedExchange memory certified = _certified(0, new bytes(352));
        probe.consume(certified, APP, PROGRAM);
        vm.snapshotGasLastCall("periphery", "consume_352_bytes");
    }

    function test_certifiedFailureComesWithItsStatusAndNoOutput() public {
        for (uint8 status = 1; status <= 3; ++status) {
            (uint8 seen, bytes memory output) = probe.consume(_certified(status, ""), APP, PROGRAM);
            assertEq(uint256(seen), status);
            assertEq(output.length, 0);
        }
    }

    function test_failureWithAnOutputIsRefused() public {
        CertifiedExchange memory certified = _certified(VouchTypes.STATUS_TRAP, "answer");
        _refused(certified, abi.encodePacked(VouchConsumer.OutputMismatch.selector));
    }

    function test_failureWithAnOutputHashIsRefused() public {
        CertifiedExchange memory certified = _unposted(VouchTypes.STATUS_TRAP, "");
        certified.exchange.outputHash = _pageRoot("");
        _include(certified);
        _post(certified);
        _refused(certified, abi.encodePacked(VouchConsumer.OutputMismatch.selector));
    }

    function test_unpostedBatchIsRefused() public {
        CertifiedExchange memory certified = _answer();
        _refused(
            certified,
            abi.encodeWithSelector(VouchConsumer.BatchNotCertified.selector, VouchTypes.hash(certified.batch))
        );
    }

    function test_ancestorWithoutItsOwnCertificateIsRefused() public {
        CertifiedExchange memory certified = _answer();
        bytes32 batchHash = VouchTypes.hash(certified.batch);
        registry.set(batchHash, uint64(block.timestamp), 0, certified.batch.referenceTimestamp);
        _refused(certified, abi.encodeWithSelector(VouchConsumer.BatchNotCertified.selector, batchHash));
    }

    function test_batchOlderThanClaimAgeIsRefused() public {
        CertifiedExchange memory certified = _certified(0, "answer");
        uint32 referenceTimestamp = certified.batch.referenceTimestamp;
        vm.warp(uint256(referenceTimestamp) + 600);
        probe.consume(certified, APP, PROGRAM);
        vm.warp(uint256(referenceTimestamp) + 601);
        _refused(certified, abi.encodeWithSelector(VouchConsumer.BatchTooOld.selector, referenceTimestamp, 600));
    }

    function test_wrongChainIsRefused() public {
        CertifiedExchange memory certified = _answer();
        certified.batch.chainId = 1;
        _post(certified);
        _refused(certified, abi.encodeWithSelector(VouchConsumer.BatchOfAnotherChain.selector, 1));
    }

    function test_wrongRegistryIsRefused() public {
        CertifiedExchange memory certified = _answer();
        certified.batch.registry = address(this);
        _post(certified);
        _refused(certified, abi.encodeWithSelector(VouchConsumer.BatchOfAnotherRegistry.selector, address(this)));
    }

    function test_wrongAppIsRefused() public {
        CertifiedExchange memory certified = _answer();
        certified.batch.app = keccak256("another app");
        _post(certified);
        _refused(certified, abi.encodeWithSelector(VouchConsumer.BatchOfAnotherApp.selector, keccak256("another app")));
    }

    /// @dev The same program, published by someone else and certified by their operators: only the app tells them apart.
    function test_aReleaseThatAnotherAppPublishedFirst_isNotThePinnedOne() public {
        bytes32 attackersApp = keccak256("an app of whoever saw the program first");
        controller.setApp(attackersApp, address(profile), SET + 1);
        controller.setRelease(attackersApp, PROGRAM, true);
        CertifiedExchange memory certified = _answer();
        (certified.request.app, certified.batch.app) = (attackersApp, attackersApp);
        certified.batch.operatorSetId = SET + 1;
        _seal(certified);
        _post(certified);
        _refused(certified, abi.encodeWithSelector(VouchConsumer.BatchOfAnotherApp.selector, attackersApp));
        probe.consume(certified, attackersApp, PROGRAM);
    }

    function test_wrongSetIsRefused() public {
        CertifiedExchange memory certified = _answer();
        certified.batch.operatorSetId = SET + 1;
        _post(certified);
        _refused(certified, abi.encodeWithSelector(VouchConsumer.BatchOfAnotherSet.selector, SET + 1));
    }

    function test_wrongProgramIsRefused() public {
        bytes32 another = keccak256("another program");
        controller.setRelease(APP, another, true);
        CertifiedExchange memory certified = _answer();
        certified.batch.programId = another;
        _post(certified);
        _refused(certified, abi.encodeWithSelector(VouchConsumer.BatchOfAnotherProgram.selector, another));
    }

    function test_wrongProfileIsRefused() public {
        CertifiedExchange memory certified = _answer();
        certified.batch.profileId = address(this);
        _post(certified);
        _refused(certified, abi.encodeWithSelector(VouchConsumer.BatchOfAnotherProfile.selector, address(this)));
    }

    function test_unknownProgramIsRefused() public {
        CertifiedExchange memory certified = _answer();
        bytes32 unknown = keccak256("unknown");
        certified.batch.programId = unknown;
        vm.expectRevert(abi.encodeWithSelector(IAppController.UnknownRelease.selector, APP, unknown));
        probe.consume(certified, APP, unknown);
    }

    function test_programNotEligibleForImmediateIsRefused() public {
        controller.setRelease(APP, PROGRAM, false);
        _refused(_certified(0, "answer"), abi.encodeWithSelector(VouchConsumer.NotImmediate.selector, PROGRAM));
    }

    function test_readsAreRefused() public {
        CertifiedExchange memory certified = _answer();
        certified.exchange.readsHash = _pageRoot("read");
        (certified.readsLength, certified.readsPagesRoot) = (4, keccak256("read"));
        _seal(certified);
        _post(certified);
        _refused(certified, abi.encodePacked(VouchConsumer.ReadsInImmediate.selector));
    }

    function test_readsThatTheExchangeDoesNotNameAreRefused() public {
        CertifiedExchange memory certified = _certified(0, "answer");
        certified.readsLength = 1;
        _refused(certified, abi.encodePacked(VouchConsumer.ReadsInImmediate.selector));
        (certified.readsLength, certified.readsPagesRoot) = (0, keccak256("read"));
        _refused(certified, abi.encodePacked(VouchConsumer.ReadsInImmediate.selector));
    }

    function test_readsThatTheExchangeNamesAndTheCallerHidesAreRefused() public {
        CertifiedExchange memory certified = _answer();
        certified.exchange.readsHash = _pageRoot("read");
        _seal(certified);
        _post(certified);
        _refused(certified, abi.encodePacked(VouchConsumer.ReadsInImmediate.selector));
    }

    function test_indexBeyondTheBatchIsRefused() public {
        CertifiedExchange memory certified = _certified(0, "answer");
        certified.index = 3;
        _refused(certified, abi.encodeWithSelector(VouchConsumer.IndexOutOfRange.selector, 3, 3));
    }

    /// forge-config: default.fuzz.runs = 64
    function testFuzz_anyFlippedBitOfTheProofIsRefused(uint256 level, uint8 bit) public {
        CertifiedExchange memory certified = _certified(0, "answer");
        level = bound(level, 0, 1);
        certified.proof[level] ^= bytes32(uint256(1) << bit);
        _refused(
            certified, abi.encodeWithSelector(VouchConsumer.NotInBatch.selector, VouchTypes.hash(certified.exchange))
        );
    }

    function test_proofOfAnotherDepthIsRefused() public {
        CertifiedExchange memory certified = _answer();
        certified.batch.exchangeCount = 2;
        _post(certified);
        bytes memory reason =
            abi.encodeWithSelector(VouchConsumer.NotInBatch.selector, VouchTypes.hash(certified.exchange));
        _refused(certified, reason);
        certified.batch.exchangeCount = 5;
        _post(certified);
        _refused(certified, reason);
    }

    function test_exchangeNotInTheBatchIsRefused() public {
        CertifiedExchange memory certified = _certified(0, "answer");
        certified.output = "another";
        certified.exchange.outputHash = _pageRoot("another");
        _refused(
            certified, abi.encodeWithSelector(VouchConsumer.NotInBatch.selector, VouchTypes.hash(certified.exchange))
        );
    }

    function test_requestThatTheExchangeDoesNotAnswerIsRefused() public {
        CertifiedExchange memory certified = _certified(0, "answer");
        certified.request.nonce += 1;
        certified.clientSignature = _sign(clientKey, VouchTypes.hash(certified.request));
        _refused(
            certified,
            abi.encodeWithSelector(VouchConsumer.RequestNotAnswered.selector, VouchTypes.hash(certified.request))
        );
    }

    function test_requestOfAnotherAppOrProgramIsRefused() public {
        CertifiedExchange memory certified = _answer();
        certified.request.app = bytes32(uint256(1));
        _seal(certified);
        _post(certified);
        _refused(certified, abi.encodeWithSelector(VouchConsumer.RequestOfAnotherApp.selector, 1));

        certified = _answer();
        certified.request.programId = bytes32(uint256(2));
        _seal(certified);
        _post(certified);
        _refused(certified, abi.encodeWithSelector(VouchConsumer.RequestOfAnotherProgram.selector, 2));
    }

    function test_requestTheClientNeverSignedIsRefused() public {
        CertifiedExchange memory certified = _certified(0, "answer");
        (, uint256 strangerKey) = makeAddrAndKey("stranger");
        certified.clientSignature = _sign(strangerKey, certified.exchange.requestId);
        _refused(certified, abi.encodeWithSelector(VouchConsumer.RequestNotSigned.selector, client));
        certified.clientSignature = "";
        _refused(certified, abi.encodeWithSelector(VouchConsumer.RequestNotSigned.selector, client));
    }

    function test_requestWithoutAClientIsRefused() public {
        CertifiedExchange memory certified = _answer();
        certified.request.client = address(0);
        _seal(certified);
        _post(certified);
        _refused(certified, abi.encodeWithSelector(VouchConsumer.RequestNotSigned.selector, address(0)));
    }

    function test_contractClientSignsByEip1271() public {
        ContractClient contractClient = new ContractClient();
        CertifiedExchange memory certified = _answer();
        certified.request.client = address(contractClient);
        _seal(certified);
        _post(certified);
        _refused(certified, abi.encodeWithSelector(VouchConsumer.RequestNotSigned.selector, contractClient));
        contractClient.accept(
            MessageHashUtils.toTypedDataHash(registry.domainSeparator(), certified.exchange.requestId)
        );
        probe.consume(certified, APP, PROGRAM);
    }

    function test_requestWithATimeAfterItsPostIsRefused() public {
        uint64 recordedAt = uint64(block.timestamp);
        CertifiedExchange memory certified = _answer();
        certified.request.time = recordedAt;
        _seal(certified);
        _post(certified);
        probe.consume(certified, APP, PROGRAM);
        certified.request.time = recordedAt + 1;
        _seal(certified);
        _post(certified);
        // Later it is the past, and is refused all the same: what counts is when the batch was recorded.
        vm.warp(recordedAt + 10);
        _refused(certified, abi.encodeWithSelector(VouchConsumer.RequestAfterPost.selector, recordedAt + 1, recordedAt));
    }

    function test_requestWithADeadlineBeforeItsPostIsRefused() public {
        uint64 recordedAt = uint64(block.timestamp);
        CertifiedExchange memory certified = _answer();
        certified.request.deadline = recordedAt;
        _seal(certified);
        _post(certified);
        probe.consume(certified, APP, PROGRAM);
        certified.request.deadline = recordedAt - 1;
        _seal(certified);
        _post(certified);
        _refused(
            certified,
            abi.encodeWithSelector(VouchConsumer.RequestExpiredBeforePost.selector, recordedAt - 1, recordedAt)
        );
    }

    function test_lengthsAboveTheDemandLimitAreRefused() public {
        CertifiedExchange memory certified = _answer();
        certified.payloadLength = 65_537;
        certified.request.payloadHash = VouchTypes.pageRoot(65_537, certified.payloadPagesRoot);
        _seal(certified);
        _post(certified);
        bytes memory reason = abi.encodeWithSelector(VouchConsumer.AboveDemandLimit.selector, 65_537, 65_536);
        _refused(certified, reason);
        _refused(_certified(0, new bytes(65_537)), reason);
        probe.consume(_certified(0, new bytes(65_536)), APP, PROGRAM);
    }

    function test_payloadLengthThatIsNotThePayloadsIsRefused() public {
        CertifiedExchange memory certified = _certified(0, "answer");
        certified.payloadLength -= 1;
        _refused(certified, abi.encodePacked(VouchConsumer.PayloadMismatch.selector));
    }

    function test_outputThatDoesNotMatchIsRefused() public {
        CertifiedExchange memory certified = _certified(0, "answer");
        bytes[4] memory others = [bytes("answes"), bytes("answe"), bytes("answer\x00"), bytes("")];
        for (uint256 i = 0; i < others.length; ++i) {
            certified.output = others[i];
            _refused(certified, abi.encodePacked(VouchConsumer.OutputMismatch.selector));
        }
    }

    /// forge-config: default.fuzz.runs = 16
    function testFuzz_outputsOfManyPages(uint256 length, bytes32 seed) public {
        bytes memory output = new bytes(bound(length, 0, 65_536));
        for (uint256 i = 0; i < output.length; i += 1_000) {
            output[i] = keccak256(abi.encode(seed, i))[0];
        }
        (, bytes memory seen) = probe.consume(_certified(0, output), APP, PROGRAM);
        assertEq(keccak256(seen), keccak256(output));
    }
}
