// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {FeeVault} from "../../src/compute/FeeVault.sol";
import {IFeeVault} from "../../src/interfaces/IFeeVault.sol";
import {Batch, Request, VouchTypes} from "../../src/libraries/VouchTypes.sol";
import {Test} from "../Test.sol";
import {TestToken} from "../core/TestToken.sol";
import {FeeFixture} from "./FeeFixture.sol";

/// @notice Deposits, charges, settles, credits, collects and withdraws at random, and keeps count of what went in and out.
contract FeeHandler is FeeFixture {
    using VouchTypes for Batch;

    uint256 public deposited;
    uint256 public owed;
    uint256 public signedHighest;
    IFeeVault.Settlement[] private _posted;

    constructor() {
        deployFees();
        deposited = DEPOSIT;
    }

    function books() external view returns (FeeVault, TestToken, address, bytes32) {
        return (fees, feeToken, client, app);
    }

    function addDeposit(uint96 amount) external {
        uint256 bounded = bound(amount, 1, 1_000);
        depositFor(client, bounded);
        deposited += bounded;
    }

    function charge(uint16 fee, uint16 generosity) external {
        if (sequence > 30) return;
        if (block.timestamp > tableTime + 6 hours) tableTime = verifier.updateOperatorTable(set, 0);
        owed += uint256(fee) % 300;
        uint256 maxFee = uint256(generosity) % 5 == 0 ? owed / 2 : owed;
        if (maxFee > signedHighest) signedHighest = maxFee;
        _posted.push(charged(owed, maxFee));
    }

    function settlePosted(uint256 pick) external {
        if (_posted.length != 0) settleOne(_posted[pick % _posted.length]);
    }

    function creditOne(uint256 pick, uint256 signer) external {
        if (_posted.length == 0) return;
        fees.creditSigner(_posted[pick % _posted.length].batch, new uint32[](0), witnessOf(signer % OPERATOR_COUNT));
    }

    function collectOne(uint256 who) external {
        vm.prank(who % (OPERATOR_COUNT + 1) == OPERATOR_COUNT ? GATEWAY : operatorOf(who % OPERATOR_COUNT));
        fees.collect(address(feeToken));
    }

    function askWithdrawal(uint16 amount) external {
        vm.prank(client);
        fees.requestWithdrawal(app, amount);
    }

    function takeWithdrawal() external {
        uint64 at = fees.accountOf(app, client).withdrawableAt;
        if (at > block.timestamp) vm.warp(at);
        vm.prank(client);
        fees.withdraw(app);
    }

    function earnedByAll() external view returns (uint256 sum) {
        sum = fees.earnedOf(address(feeToken), GATEWAY);
        for (uint256 i = 0; i < OPERATOR_COUNT; ++i) {
            sum += fees.earnedOf(address(feeToken), operatorOf(i));
        }
    }

    /// @notice What earners have or are owed: collected, credited, and the pots (of which the credited part is counted too).
    function collectedByAll() external view returns (uint256 sum) {
        sum = feeToken.balanceOf(GATEWAY);
        for (uint256 i = 0; i < OPERATOR_COUNT; ++i) {
            sum += feeToken.balanceOf(operatorOf(i));
        }
    }
}

/// @title What holds after any sequence of deposits, settlements, credits, collections and withdrawals.
contract FeeInvariantsTest is Test {
    FeeHandler private handler;

    function setUp() public {
        handler = new FeeHandler();
        targetContract(address(handler));
        bytes4[] memory selectors = new bytes4[](7);
        selectors[0] = handler.addDeposit.selector;
        selectors[1] = handler.charge.selector;
        selectors[2] = handler.settlePosted.selector;
        selectors[3] = handler.creditOne.selector;
        selectors[4] = handler.collectOne.selector;
        selectors[5] = handler.askWithdrawal.selector;
        selectors[6] = handler.takeWithdrawal.selector;
        targetSelector(FuzzSelector(address(handler), selectors));
    }

    function invariant_deposits_are_balances_and_what_was_paid_on() public view {
        (FeeVault fees, TestToken token, address client, bytes32 app) = handler.books();
        IFeeVault.Account memory account = fees.accountOf(app, client);
        assertEq(handler.deposited(), account.balance + account.settled + token.balanceOf(client));
    }

    function invariant_the_vault_can_pay_everybody() public view {
        (FeeVault fees, TestToken token, address client, bytes32 app) = handler.books();
        IFeeVault.Account memory account = fees.accountOf(app, client);
        assertGe(token.balanceOf(address(fees)), account.balance + handler.earnedByAll());
        assertLe(handler.earnedByAll() + handler.collectedByAll(), account.settled);
    }

    function invariant_nobody_pays_beyond_what_it_signed_or_owes() public view {
        (FeeVault fees,, address client, bytes32 app) = handler.books();
        uint256 settled = fees.accountOf(app, client).settled;
        assertLe(settled, handler.signedHighest());
        assertLe(settled, handler.owed());
    }
}
