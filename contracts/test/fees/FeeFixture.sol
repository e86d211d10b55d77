// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {FeeVault} from "../../src/compute/FeeVault.sol";
import {IFeeVault} from "../../src/interfaces/IFeeVault.sol";
import {Batch, Charge, Request, VouchTypes} from "../../src/libraries/VouchTypes.sol";
import {TestToken} from "../core/TestToken.sol";
import {VouchFixture} from "../VouchFixture.sol";

/// @title A fee vault on the whole deployment; one client with a deposit, whose charges are posted with real certificates.
abstract contract FeeFixture is VouchFixture {
    using VouchTypes for Batch;
    using VouchTypes for Charge;
    using VouchTypes for Request;

    uint64 internal constant DEADLINE_SECONDS = 8 days;
    uint128 internal constant PER_CALL = 10;
    uint128 internal constant PER_PAGE = 3;
    uint256 internal constant DEPOSIT = 1_000;

    FeeVault internal fees;
    TestToken internal feeToken;
    address internal client;
    uint256 internal clientKey;
    bytes32 internal tip;
    uint64 internal sequence;

    function deployFees() internal {
        deployVouch();
        fees = new FeeVault(controller, registry, verifier, keyRegistrar, DEADLINE_SECONDS);
        feeToken = new TestToken();
        (client, clientKey) = makeAddrAndKey("fee client");
        vm.prank(appOwner);
        fees.setPrice(app, address(feeToken), PER_CALL, PER_PAGE);
        depositFor(client, DEPOSIT);
    }

    function depositFor(address who, uint256 amount) internal {
        feeToken.mint(address(this), amount);
        feeToken.approve(address(fees), amount);
        fees.deposit(app, who, amount);
    }

    function requestOf(uint64 nonce, uint256 maxFee) internal view returns (Request memory request) {
        request.app = app;
        request.programId = programId;
        request.client = client;
        request.nonce = nonce;
        request.maxFee = maxFee;
        request.deadline = uint64(block.timestamp) + 600;
    }

    function signed(Request memory request) internal view returns (bytes memory) {
        return signedBy(clientKey, registry.domainSeparator(), request);
    }

    function signedBy(uint256 key, bytes32 separator, Request memory request) internal pure returns (bytes memory) {
        bytes32 digest = keccak256(abi.encodePacked("\x19\x01", separator, request.hash()));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @notice What shows a charge of `total` in a batch of the next sequence that charges for nothing else. Not posted.
    function settlementOf(Request memory request, uint256 fee, uint256 total)
        internal
        view
        returns (IFeeVault.Settlement memory settlement)
    {
        settlement.request = request;
        settlement.clientSignature = signed(request);
        settlement.charge = Charge({requestId: request.hash(), client: request.client, fee: fee, total: total});
        settlement.batch = batchAfter(sequence + 1, tip, 0);
        settlement.batch.feesRoot = settlement.charge.hash();
        settlement.proof = new bytes32[](0);
    }

    /// @notice Posts the batch of a settlement, signed by all but `absent`.
    function postBy(IFeeVault.Settlement memory settlement, uint256[] memory absent) internal {
        registry.post(only(settlement.batch), certify(settlement.batch, absent));
        tip = settlement.batch.hash();
        sequence = settlement.batch.sequence;
    }

    /// @notice A posted charge of the fixture's client up to `total`, who signed `maxFee`.
    function charged(uint256 total, uint256 maxFee) internal returns (IFeeVault.Settlement memory settlement) {
        settlement = settlementOf(requestOf(sequence + 1, maxFee), PER_CALL, total);
        postBy(settlement, none());
    }

    function settleOne(IFeeVault.Settlement memory settlement) internal {
        IFeeVault.Settlement[] memory settlements = new IFeeVault.Settlement[](1);
        settlements[0] = settlement;
        fees.settle(settlements);
    }

    function refuses(IFeeVault.Settlement memory settlement, bytes memory reason) internal {
        vm.expectRevert(reason);
        settleOne(settlement);
    }

    function balanceOf(address who) internal view returns (uint256) {
        return fees.accountOf(app, who).balance;
    }

    function indices(uint256[] memory absent) internal pure returns (uint32[] memory nonSigners) {
        nonSigners = new uint32[](absent.length);
        for (uint256 i = 0; i < absent.length; ++i) {
            nonSigners[i] = uint32(absent[i]);
        }
    }
}
