// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {IAppController} from "../../src/interfaces/IAppController.sol";
import {IBatchRegistry} from "../../src/interfaces/IBatchRegistry.sol";
import {Batch, VouchTypes} from "../../src/libraries/VouchTypes.sol";
import {Merkle} from "../../src/libraries/Merkle.sol";
import {CertifiedExchange} from "../../src/periphery/VouchConsumer.sol";
import {Test} from "../Test.sol";
import {StandInController, StandInProfile, StandInRegistry} from "./StandIns.sol";

/// @notice Makes certified exchanges over stand-ins of the registry, the controller and the profile.
abstract contract ConsumerFixture is Test {
    bytes32 internal constant PROGRAM = keccak256("referee");
    bytes32 internal constant APP = keccak256("app");
    uint32 internal constant SET = 3;

    StandInRegistry internal registry;
    StandInController internal controller;
    StandInProfile internal profile;
    address internal client;
    uint256 internal clientKey;
    uint64 private _nonce;

    function _deployStandIns() internal {
        vm.warp(1_800_000_000);
        registry = new StandInRegistry();
        controller = new StandInController();
        profile = new StandInProfile();
        controller.setApp(APP, address(profile), SET);
        controller.setRelease(APP, PROGRAM, true);
        (client, clientKey) = makeAddrAndKey("client");
    }

    /// @dev An answer that is right in every respect: the second of three in its batch, asked a minute ago, posted now.
    function _certified(uint8 status, bytes memory output) internal returns (CertifiedExchange memory certified) {
        certified = _unposted(status, output);
        _post(certified);
    }

    function _unposted(uint8 status, bytes memory output) internal returns (CertifiedExchange memory certified) {
        certified.output = output;
        certified.payloadLength = 300;
        certified.payloadPagesRoot = keccak256("payload");
        certified.request.app = APP;
        certified.request.programId = PROGRAM;
        certified.request.client = client;
        certified.request.nonce = ++_nonce;
        certified.request.payloadHash = VouchTypes.pageRoot(300, certified.payloadPagesRoot);
        certified.request.time = uint64(block.timestamp) - 60;
        certified.request.deadline = uint64(block.timestamp) + 60;
        certified.exchange.status = status;
        if (status == VouchTypes.STATUS_OK) certified.exchange.outputHash = _pageRoot(output);
        _fillBatch(certified.batch);
        _seal(certified);
    }

    function _fillBatch(Batch memory batch) private view {
        batch.chainId = block.chainid;
        batch.registry = address(registry);
        batch.app = APP;
        batch.operatorSetId = SET;
        batch.profileId = address(profile);
        batch.programId = PROGRAM;
        batch.lane = 1;
        batch.sequence = 1;
        batch.exchangeCount = 3;
        batch.dataLength = 1;
        batch.referenceTimestamp = uint32(block.timestamp) - 120;
    }

    /// @dev Makes ids, signature and proof agree with the request, the exchange and the output as they are now.
    function _seal(CertifiedExchange memory certified) internal view {
        certified.exchange.requestId = VouchTypes.hash(certified.request);
        certified.clientSignature = _sign(clientKey, certified.exchange.requestId);
        _include(certified);
    }

    function _include(CertifiedExchange memory certified) internal pure {
        bytes32 first = keccak256("first");
        bytes32 third = Merkle.hashPair(keccak256("third"), 0);
        certified.index = 1;
        certified.proof = new bytes32[](2);
        (certified.proof[0], certified.proof[1]) = (first, third);
        certified.batch.exchangesRoot =
            Merkle.hashPair(Merkle.hashPair(first, VouchTypes.hash(certified.exchange)), third);
    }

    function _post(CertifiedExchange memory certified) internal {
        uint64 now_ = uint64(block.timestamp);
        registry.set(VouchTypes.hash(certified.batch), now_, now_, certified.batch.referenceTimestamp);
    }

    function _sign(uint256 key, bytes32 requestId) internal view returns (bytes memory) {
        bytes32 digest = MessageHashUtils.toTypedDataHash(registry.domainSeparator(), requestId);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev An independent computation of a page root: the padded tree written out.
    function _pageRoot(bytes memory data) internal pure returns (bytes32) {
        return VouchTypes.pageRoot(uint64(data.length), _pagesRoot(data));
    }

    function _pagesRoot(bytes memory data) internal pure returns (bytes32) {
        if (data.length == 0) return 0;
        uint256 pages = (data.length + 16_383) / 16_384;
        uint256 width = 1;
        while (width < pages) width *= 2;
        bytes32[] memory nodes = new bytes32[](width);
        for (uint256 i = 0; i < pages; ++i) {
            nodes[i] = keccak256(_slice(data, i * 16_384, 16_384));
        }
        for (; width > 1; width /= 2) {
            for (uint256 i = 0; i < width / 2; ++i) {
                nodes[i] = keccak256(bytes.concat(nodes[2 * i], nodes[2 * i + 1]));
            }
        }
        return nodes[0];
    }

    function _slice(bytes memory data, uint256 start, uint256 size) private pure returns (bytes memory part) {
        uint256 end = start + size < data.length ? start + size : data.length;
        part = new bytes(end - start);
        for (uint256 i = start; i < end; ++i) {
            part[i - start] = data[i];
        }
    }

    function _registry() internal view returns (IBatchRegistry) {
        return IBatchRegistry(address(registry));
    }

    function _controller() internal view returns (IAppController) {
        return IAppController(address(controller));
    }
}
