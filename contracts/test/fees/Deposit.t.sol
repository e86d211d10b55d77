// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IBN254CertificateVerifier} from "../../src/interfaces/IBN254CertificateVerifier.sol";
import {IFeeVault} from "../../src/interfaces/IFeeVault.sol";
import {Batch} from "../../src/libraries/VouchTypes.sol";
import {TestToken} from "../core/TestToken.sol";
import {FeeFixture} from "./FeeFixture.sol";
import {LeakyToken, LyingToken, ReentrantToken} from "./Tokens.sol";

/// @notice Money in and out: prices, deposits, withdrawals, and tokens that do not behave.
contract DepositTest is FeeFixture {
    function setUp() public {
        deployFees();
    }

    function appWith(address token) internal returns (bytes32 other) {
        other = newApp(appParameters());
        vm.prank(appOwner);
        fees.setPrice(other, token, 1, 0);
    }

    function test_only_the_owner_names_a_price_and_the_token_stays() public {
        vm.expectRevert(abi.encodeWithSelector(IFeeVault.NotAppOwner.selector, app, address(this)));
        fees.setPrice(app, address(feeToken), 0, 0);
        TestToken other = new TestToken();
        vm.prank(appOwner);
        vm.expectRevert(abi.encodeWithSelector(IFeeVault.TokenIsFixed.selector, app, address(feeToken)));
        fees.setPrice(app, address(other), 1, 1);
        vm.prank(appOwner);
        fees.setPrice(app, address(feeToken), 7, 8);
        IFeeVault.Price memory price = fees.priceOf(app);
        assertEq(price.perCall, 7);
        assertEq(price.validFrom, block.timestamp + 1);
    }

    function test_an_app_without_a_price_takes_no_deposit() public {
        bytes32 free = newApp(appParameters());
        vm.expectRevert(abi.encodeWithSelector(IFeeVault.NoPrice.selector, free));
        fees.deposit(free, client, 1);
    }

    function test_a_withdrawal_waits_for_the_longest_deadline_and_staleness() public {
        vm.startPrank(client);
        fees.requestWithdrawal(app, 400);
        uint64 at = uint64(block.timestamp) + DEADLINE_SECONDS + 12 hours;
        assertEq(fees.accountOf(app, client).withdrawableAt, at);
        vm.warp(at - 1);
        vm.expectRevert(abi.encodeWithSelector(IFeeVault.NotWithdrawableYet.selector, at));
        fees.withdraw(app);
        vm.warp(at);
        fees.withdraw(app);
        assertEq(feeToken.balanceOf(client), 400);
        vm.expectRevert(IFeeVault.NothingWithdrawing.selector);
        fees.withdraw(app);
    }

    /// @dev The client asks for all of it and then lets itself be answered: until the money leaves, charges are paid from it.
    function test_a_withdrawal_does_not_run_from_an_answered_call() public {
        vm.prank(client);
        fees.requestWithdrawal(app, DEPOSIT);
        settleOne(charged(300, 300));
        vm.warp(block.timestamp + fees.withdrawalDelay(app));
        vm.prank(client);
        fees.withdraw(app);
        assertEq(feeToken.balanceOf(client), DEPOSIT - 300);
        assertEq(balanceOf(client), 0);
    }

    function test_asking_anew_starts_the_wait_anew_and_zero_takes_it_back() public {
        vm.startPrank(client);
        fees.requestWithdrawal(app, 1);
        uint256 delay = fees.withdrawalDelay(app);
        vm.warp(block.timestamp + delay);
        fees.requestWithdrawal(app, DEPOSIT);
        vm.expectRevert();
        fees.withdraw(app);
        fees.requestWithdrawal(app, 0);
        vm.expectRevert(IFeeVault.NothingWithdrawing.selector);
        fees.withdraw(app);
        vm.expectRevert(abi.encodeWithSelector(IFeeVault.InsufficientBalance.selector, DEPOSIT, DEPOSIT + 1));
        fees.requestWithdrawal(app, DEPOSIT + 1);
    }

    function test_a_deposit_counts_by_what_arrives() public {
        LeakyToken leaky = new LeakyToken();
        bytes32 other = appWith(address(leaky));
        leaky.mint(address(this), 100);
        leaky.approve(address(fees), 100);
        fees.deposit(other, client, 100);
        assertEq(fees.accountOf(other, client).balance, 90);
    }

    function test_a_token_that_says_no_moves_nothing() public {
        LyingToken lying = new LyingToken();
        bytes32 other = appWith(address(lying));
        vm.expectRevert();
        fees.deposit(other, client, 100);
        assertEq(fees.accountOf(other, client).balance, 0);
        lying.setAnswer(true);
        vm.expectRevert(IFeeVault.NothingReceived.selector);
        fees.deposit(other, client, 100);
    }

    function test_a_token_cannot_come_back_in_while_it_is_called() public {
        ReentrantToken reentrant = new ReentrantToken(fees);
        bytes32 other = appWith(address(reentrant));
        reentrant.mint(address(this), 100);
        reentrant.approve(address(fees), 100);
        Batch memory batch;
        IBN254CertificateVerifier.BN254OperatorInfoWitness memory signer;
        bytes[6] memory calls = [
            abi.encodeCall(IFeeVault.deposit, (other, client, 100)),
            abi.encodeCall(IFeeVault.requestWithdrawal, (other, 0)),
            abi.encodeCall(IFeeVault.withdraw, (other)),
            abi.encodeCall(IFeeVault.settle, (new IFeeVault.Settlement[](0))),
            abi.encodeCall(IFeeVault.creditSigner, (batch, new uint32[](0), signer)),
            abi.encodeCall(IFeeVault.collect, (address(reentrant)))
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            reentrant.attack(calls[i]);
            vm.expectRevert(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
            fees.deposit(other, client, 100);
        }
        assertEq(fees.accountOf(other, client).balance, 0);
    }

    function test_nobody_and_no_token_are_refused() public {
        vm.expectRevert(IFeeVault.ZeroAddress.selector);
        fees.deposit(app, address(0), 1);
        vm.prank(appOwner);
        vm.expectRevert(IFeeVault.ZeroAddress.selector);
        fees.setPrice(app, address(0), 1, 1);
    }
}
