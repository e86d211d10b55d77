// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IFeeVault} from "../../src/interfaces/IFeeVault.sol";
import {Batch, Charge, Request, VouchTypes} from "../../src/libraries/VouchTypes.sol";
import {FeeFixture} from "./FeeFixture.sol";

/// @notice What is paid for a posted charge, and every way to be paid for something else.
contract SettleTest is FeeFixture {
    using VouchTypes for Batch;
    using VouchTypes for Charge;
    using VouchTypes for Request;

    function setUp() public {
        deployFees();
    }

    function test_one_charge_pays_gateway_and_signers_for_all_before_it() public {
        charged(10, 10);
        charged(20, 20);
        IFeeVault.Settlement memory newest = charged(30, 30);
        settleOne(newest);
        assertEq(balanceOf(client), DEPOSIT - 30);
        assertEq(fees.settledOn(app, client, lane), 30);
        assertEq(fees.earnedOf(address(feeToken), GATEWAY), 6);
        assertEq(fees.potOf(newest.batch.hash()), 24);
    }

    function test_a_charge_is_paid_once() public {
        IFeeVault.Settlement memory settlement = charged(10, 10);
        settleOne(settlement);
        refuses(settlement, abi.encodeWithSelector(IFeeVault.NothingDue.selector, 10, 10));
    }

    function test_an_older_charge_pays_nothing_after_a_newer_one() public {
        IFeeVault.Settlement memory older = charged(10, 10);
        settleOne(charged(20, 20));
        refuses(older, abi.encodeWithSelector(IFeeVault.NothingDue.selector, 10, 20));
        assertEq(balanceOf(client), DEPOSIT - 20);
    }

    function test_a_batch_that_was_not_posted_pays_nothing() public {
        IFeeVault.Settlement memory settlement = settlementOf(requestOf(1, 10), 10, 10);
        refuses(settlement, abi.encodeWithSelector(IFeeVault.BatchNotCertified.selector, settlement.batch.hash()));
    }

    function test_a_header_that_stands_on_a_later_certificate_pays_nothing_yet() public {
        IFeeVault.Settlement memory first = settlementOf(requestOf(1, 10), 10, 10);
        Batch[] memory headers = new Batch[](2);
        headers[0] = first.batch;
        headers[1] = batchAfter(2, first.batch.hash(), 0);
        postChain(headers);
        refuses(first, abi.encodeWithSelector(IFeeVault.BatchNotCertified.selector, first.batch.hash()));
    }

    function test_only_the_charges_under_the_root_are_paid() public {
        IFeeVault.Settlement memory settlement = charged(10, 1_000);
        settlement.charge.total = 900;
        refuses(settlement, abi.encodeWithSelector(IFeeVault.NotCharged.selector, settlement.charge.hash()));
    }

    /// @dev Two charges: a leaf at the other's index, one level too high or too low, and the padding's side.
    function test_depth_and_index_come_from_the_header() public {
        IFeeVault.Settlement memory settlement = settlementOf(requestOf(1, 10), 10, 10);
        bytes32 other = keccak256("another charge");
        settlement.batch.exchangeCount = 2;
        settlement.batch.feesRoot = keccak256(abi.encodePacked(settlement.charge.hash(), other));
        settlement.proof = new bytes32[](1);
        settlement.proof[0] = other;
        postBy(settlement, none());
        bytes memory reason = abi.encodeWithSelector(IFeeVault.NotCharged.selector, settlement.charge.hash());

        settlement.index = 1;
        refuses(settlement, reason);
        settlement.index = 2;
        refuses(settlement, reason);
        settlement.index = 0;
        settlement.proof = new bytes32[](0);
        refuses(settlement, reason);
        settlement.proof = new bytes32[](2);
        settlement.proof[0] = other;
        refuses(settlement, reason);
        settlement.proof = new bytes32[](1);
        settlement.proof[0] = other;
        settleOne(settlement);
    }

    function test_a_free_batch_charges_nobody() public {
        IFeeVault.Settlement memory settlement = settlementOf(requestOf(1, 10), 10, 10);
        settlement.batch.feesRoot = 0;
        postBy(settlement, none());
        refuses(settlement, abi.encodeWithSelector(IFeeVault.NotCharged.selector, settlement.charge.hash()));
    }

    function test_never_more_than_the_client_signed() public {
        settleOne(charged(100, 25));
        assertEq(balanceOf(client), DEPOSIT - 25);
        IFeeVault.Settlement memory again = charged(200, 25);
        refuses(again, abi.encodeWithSelector(IFeeVault.NothingPayable.selector, DEPOSIT - 25, 0));
        settleOne(charged(200, 60));
        assertEq(balanceOf(client), DEPOSIT - 60);
    }

    /// @dev Whoever signed for more once may be charged up to that; a later request that signs for less takes nothing back.
    function test_a_smaller_signature_takes_nothing_back() public {
        settleOne(charged(30, 100));
        settleOne(charged(60, 50));
        assertEq(balanceOf(client), DEPOSIT - 60);
        settleOne(charged(150, 20));
        assertEq(balanceOf(client), DEPOSIT - 100);
    }

    function test_what_was_signed_bounds_all_lanes_together() public {
        settleOne(charged(30, 30));
        vm.prank(appOwner);
        lane = registry.registerLane(app, GATEWAY, WINDOW);
        (tip, sequence) = (0, 0);
        IFeeVault.Settlement memory second = settlementOf(requestOf(77, 50), 40, 40);
        postBy(second, none());
        settleOne(second);
        assertEq(balanceOf(client), DEPOSIT - 50);
        assertEq(fees.settledOn(app, client, lane), 20);
    }

    function test_never_more_than_is_there_and_the_rest_stays_due() public {
        IFeeVault.Settlement memory settlement = charged(DEPOSIT + 500, DEPOSIT + 500);
        settleOne(settlement);
        assertEq(balanceOf(client), 0);
        refuses(settlement, abi.encodeWithSelector(IFeeVault.NothingPayable.selector, 0, 500));
        depositFor(client, 200);
        settleOne(settlement);
        assertEq(fees.settledOn(app, client, lane), DEPOSIT + 200);
    }

    function test_the_request_is_the_one_that_is_charged_for() public {
        IFeeVault.Settlement memory settlement = charged(100, 10);
        settlement.request.maxFee = 100;
        settlement.clientSignature = signed(settlement.request);
        bytes32 requestId = settlement.request.hash();
        refuses(settlement, abi.encodeWithSelector(IFeeVault.ChargeOfAnotherRequest.selector, requestId));
    }

    function test_a_request_to_another_app_pays_nothing_here() public {
        Request memory request = requestOf(1, 10);
        request.app = keccak256("another app");
        IFeeVault.Settlement memory settlement = settlementOf(request, 10, 10);
        postBy(settlement, none());
        refuses(settlement, abi.encodeWithSelector(IFeeVault.RequestOfAnotherApp.selector, request.app));
    }

    function test_a_signature_for_another_chain_pays_nothing_here() public {
        IFeeVault.Settlement memory settlement = charged(10, 10);
        bytes32 elsewhere = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Vouch"),
                keccak256("1"),
                block.chainid + 1,
                address(registry)
            )
        );
        settlement.clientSignature = signedBy(clientKey, elsewhere, settlement.request);
        refuses(settlement, abi.encodeWithSelector(IFeeVault.RequestNotSigned.selector, client));
    }

    function test_nobody_is_charged_without_its_own_signature() public {
        address victim = makeAddr("victim");
        depositFor(victim, 100);
        IFeeVault.Settlement memory settlement = settlementOf(requestOf(1, 10), 10, 10);
        settlement.charge.client = victim;
        settlement.batch.feesRoot = settlement.charge.hash();
        postBy(settlement, none());
        refuses(settlement, abi.encodeWithSelector(IFeeVault.RequestOfAnotherClient.selector, client));
        settlement = settlementOf(requestOf(2, 10), 10, 10);
        settlement.clientSignature = signedBy(clientKey + 1, registry.domainSeparator(), settlement.request);
        postBy(settlement, none());
        refuses(settlement, abi.encodeWithSelector(IFeeVault.RequestNotSigned.selector, client));
    }

    function testFuzz_any_order_of_settlements_takes_what_the_newest_says(uint256 order, uint8[4] memory steps) public {
        IFeeVault.Settlement[4] memory all;
        uint256 total = 0;
        for (uint256 i = 0; i < 4; ++i) {
            total += uint256(steps[i]) % 200 + 1;
            all[i] = charged(total, total);
        }
        bool newestSettled = false;
        for (uint256 i = 0; i < 4; ++i) {
            uint256 pick = (order >> (8 * i)) % 4;
            bool fresh = all[pick].charge.total > fees.settledOn(app, client, lane);
            if (!fresh) vm.expectRevert();
            settleOne(all[pick]);
            newestSettled = newestSettled || pick == 3;
        }
        uint256 expected = newestSettled ? total : fees.settledOn(app, client, lane);
        assertEq(balanceOf(client), DEPOSIT - expected);
    }
}
