// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {IBatchRegistry} from "../interfaces/IBatchRegistry.sol";
import {ClaimEvidence, IClaimRegistry, Part, Parts} from "../interfaces/IClaimRegistry.sol";
import {Merkle} from "../libraries/Merkle.sol";
import {Exchange, Request, VouchTypes} from "../libraries/VouchTypes.sol";

/// @title What a claim's opener has to show about the request and the bytes of an exchange.
library Evidence {
    using VouchTypes for Exchange;
    using VouchTypes for Request;

    uint256 internal constant PARTS = 3;

    /// @return leaf The exchange's, which stands where the evidence says.
    function requireIncluded(ClaimEvidence calldata evidence) internal pure returns (bytes32 leaf) {
        leaf = evidence.exchange.hash();
        bool included = Merkle.verify(
            evidence.proof, evidence.batch.exchangesRoot, leaf, evidence.index, evidence.batch.exchangeCount
        );
        require(included, IClaimRegistry.NotInBatch(leaf, evidence.index));
    }

    /// @notice Reverts unless the client asked exactly this, before the batch was recorded and for no later than then.
    /// @dev What stands in the forced inbox needs no signature and stays good after its deadline.
    function requireRequested(ClaimEvidence calldata evidence, IBatchRegistry registry, uint64 recordedAt)
        internal
        view
    {
        Request calldata request = evidence.request;
        require(request.app == evidence.batch.app, IClaimRegistry.RequestOfAnotherApp(request.app));
        bool program = request.programId == evidence.batch.programId;
        require(program, IClaimRegistry.RequestOfAnotherProgram(request.programId));
        bytes32 requestId = request.hash();
        require(requestId == evidence.exchange.requestId, IClaimRegistry.RequestNotAnswered(requestId));
        require(request.time <= recordedAt, IClaimRegistry.RequestAfterPost(request.time, recordedAt));
        if (evidence.clientSignature.length == 0 && registry.forcedInbox().placeOf(requestId).index != 0) return;
        bool timely = request.deadline >= recordedAt;
        require(timely, IClaimRegistry.RequestExpiredBeforePost(request.deadline, recordedAt));
        bytes32 digest = MessageHashUtils.toTypedDataHash(registry.domainSeparator(), requestId);
        bool isSigned = SignatureChecker.isValidSignatureNowCalldata(request.client, digest, evidence.clientSignature);
        require(isSigned, IClaimRegistry.RequestNotSigned(request.client));
    }

    /// @notice Reverts unless the parts are what the exchange and its request name.
    function requireParts(Exchange calldata exchange, bytes32 payloadHash, Parts calldata parts) internal pure {
        require(_matches(payloadHash, parts.payload), IClaimRegistry.PartMismatch("payload"));
        require(_matches(exchange.readsHash, parts.reads), IClaimRegistry.PartMismatch("reads"));
        require(_matches(exchange.outputHash, parts.output), IClaimRegistry.PartMismatch("output"));
    }

    /// @notice Reverts unless all parts are small enough to be demanded on chain.
    function requireWithin(Parts calldata parts, uint64 demandLimit) internal pure {
        for (uint8 i = 0; i < PARTS; ++i) {
            uint64 length = partAt(parts, i).length;
            require(length <= demandLimit, IClaimRegistry.AboveDemandLimit(length, demandLimit));
        }
    }

    /// @notice Whether `data` is page `page` of the part; only a part's last page may be short.
    function isPage(Part calldata part, uint256 page, bytes calldata data, bytes32[] calldata proof)
        internal
        pure
        returns (bool)
    {
        uint256 count = pagesOf(part);
        if (page >= count) return false;
        uint256 size = page + 1 < count ? VouchTypes.PAGE_BYTES : part.length - (count - 1) * VouchTypes.PAGE_BYTES;
        return data.length == size && Merkle.verify(proof, part.pagesRoot, keccak256(data), page, count);
    }

    function pagesOf(Part calldata part) internal pure returns (uint256) {
        return (uint256(part.length) + VouchTypes.PAGE_BYTES - 1) / VouchTypes.PAGE_BYTES;
    }

    function pagesOf(Parts calldata parts) internal pure returns (uint256 pages) {
        for (uint8 i = 0; i < PARTS; ++i) {
            pages += pagesOf(partAt(parts, i));
        }
    }

    /// @notice Part `i`, which is below three.
    function partAt(Parts calldata parts, uint8 i) internal pure returns (Part calldata) {
        return i == 0 ? parts.payload : i == 1 ? parts.reads : parts.output;
    }

    function _matches(bytes32 hash, Part calldata part) private pure returns (bool) {
        if (hash == 0) return part.length == 0 && part.pagesRoot == 0;
        return hash == VouchTypes.pageRoot(part.length, part.pagesRoot);
    }
}
