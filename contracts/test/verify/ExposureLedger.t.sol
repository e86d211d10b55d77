// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IClaimOutcomes, IExposureLedger} from "../../src/interfaces/IExposureLedger.sol";
import {LedgerFixture, StandInClaims} from "./LedgerFixture.sol";

/// @title No more can be lost by relying on a set's answers than its stake pays for.
contract ExposureLedgerTest is LedgerFixture {
    function setUp() public {
        deployLedger();
    }

    // Opening.

    function test_exposureUpToTheCap() public {
        uint256 cap = ledger.capOf(CLAIM, address(stakeStrategies[0]));
        assertEq(cap, capShares());
        open(CLAIM, 0, cap - 1); // a position rounds up by one share
        assertEq(ledger.openShares(app, address(stakeStrategies[0])), cap);
        _refused(0, 1, abi.encodeWithSelector(IExposureLedger.AboveCap.selector, cap + 2, cap));
        assertEq(ledger.openShares(app, address(stakeStrategies[0])), cap);
        assertEq(ledger.positionCount(), 1);
    }

    /// @dev A token of the set that is worth nothing has its own account: it fills and enlarges nothing but itself.
    function test_aJunkTokenLeavesTheCapOfAGoodOne() public {
        open(CLAIM, 1, capShares() - 1);
        assertEq(ledger.openShares(app, address(stakeStrategies[0])), 0);
        open(CLAIM, 0, capShares() - 1);
        _refused(0, 1, abi.encodeWithSelector(IExposureLedger.AboveCap.selector, capShares() + 2, capShares()));
    }

    /// @dev The cap is the app's to give away: who has no quota can't fill it.
    function test_theCapCannotBeFilledFromOutsideTheQuota() public {
        address stranger = makeAddr("stranger");
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IExposureLedger.AboveQuota.selector, 1, 0));
        ledger.open(CLAIM, address(stakeStrategies[0]), 1, stranger, 0);
        grant(consumer, 0, 5 ether, 0);
        uint256 first = open(CLAIM, 0, 3 ether);
        _refused(0, 2 ether + 1, abi.encodeWithSelector(IExposureLedger.AboveQuota.selector, 5 ether + 1, 5 ether));
        open(CLAIM, 0, 2 ether);
        // What ends frees its quota.
        claims.end(CLAIM, IClaimOutcomes.Outcome.GOOD);
        ledger.close(first);
        assertEq(ledger.openAmount(app, consumer, address(stakeStrategies[0])), 2 ether);
    }

    function test_onlyTheOwnerGrants() public {
        IExposureLedger.Terms memory mine = IExposureLedger.Terms(1, 1);
        vm.expectRevert(abi.encodeWithSelector(IExposureLedger.NotAppOwner.selector, app, address(this)));
        ledger.setTerms(app, address(this), address(stakeStrategies[0]), mine);
        vm.prank(appOwner);
        vm.expectRevert(abi.encodeWithSelector(IExposureLedger.NotInSet.selector, address(7)));
        ledger.setTerms(app, consumer, address(7), mine);
        assertEq(ledger.termsOf(app, consumer, address(stakeStrategies[0])).quota, QUOTA);
    }

    function test_nothingIsNoExposure() public {
        _refused(0, 0, abi.encodeWithSelector(IExposureLedger.ZeroAmount.selector));
        vm.prank(consumer);
        vm.expectRevert(IExposureLedger.ZeroBeneficiary.selector);
        ledger.open(CLAIM, address(stakeStrategies[0]), 1, address(0), 1);
    }

    /// @dev A revealed challenge blocks its leaf.
    function test_nobodyReliesOnAChallengedClaim() public {
        claims.challenge(CLAIM);
        _refused(0, 1, abi.encodeWithSelector(StandInClaims.Unreliable.selector, CLAIM));
    }

    /// @dev The signers' first lie was slashed: their second, signed before, rests on nothing any more.
    function test_aSecondLieOfSlashedSignersDoesNotFit() public {
        uint256 signed = 90 ether + 3; // operators 0, 1 and 2
        slash(1);
        uint256 left = signed - stakeOf(1);
        uint256 required = (uint256(100 ether + 6) * 6_667 + 9_999) / 10_000;
        _refused(0, 1, abi.encodeWithSelector(IExposureLedger.BackingTooThin.selector, left, required));
        slash(0);
        slash(2);
        _refused(0, 1, abi.encodeWithSelector(IExposureLedger.BackingTooThin.selector, 0, required));
    }

    /// @dev A slash before the table is in the table already, and counts once.
    function test_aSlashBeforeTheTableCountsOnce() public {
        slash(3);
        vm.warp(block.timestamp + 60);
        tableTime = verifier.updateOperatorTable(set, 0);
        assertEq(vault.slashedSharesSince(address(stakeStrategies[0]), tableTime), 0);
        assertEq(vault.slashedSharesSince(address(stakeStrategies[0]), 0), stakeOf(3));
        vm.warp(block.timestamp + 60);
        slash(2);
        assertEq(vault.slashedSharesSince(address(stakeStrategies[0]), tableTime), stakeOf(2));
        assertEq(vault.slashedSharesSince(address(stakeStrategies[0]), block.timestamp), stakeOf(2));
        assertEq(vault.slashedSharesSince(address(stakeStrategies[0]), block.timestamp + 1), 0);
        assertEq(vault.slashedShares(address(stakeStrategies[0])), stakeOf(2) + stakeOf(3));
    }

    // Fees.

    function test_theFeeIsForTheClaimsLongestLife() public {
        uint256 before = tokenOf(0).balanceOf(consumer);
        open(CLAIM, 0, 10 ether);
        uint256 fee = 10 ether * FEE_RATE / 1e18 * 1e6;
        assertEq(before - tokenOf(0).balanceOf(consumer), fee);
        assertEq(tokenOf(0).balanceOf(address(ledger)), fee);
        assertEq(ledger.fees(CLAIM, address(stakeStrategies[0])), fee);
        vm.prank(consumer);
        vm.expectRevert(abi.encodeWithSelector(IExposureLedger.FeeTooHigh.selector, fee, fee - 1));
        ledger.open(CLAIM, address(stakeStrategies[0]), 10 ether, harmed, fee - 1);
    }

    function test_aTokenThatDeliversLess() public {
        uint256 fee = 1 ether * FEE_RATE / 1e18 * 1e6;
        vm.mockCall(
            address(tokenOf(0)),
            abi.encodeWithSelector(tokenOf(0).transferFrom.selector, consumer, address(ledger), fee),
            abi.encode(true)
        );
        _refused(0, 1 ether, abi.encodeWithSelector(IExposureLedger.TransferShort.selector, 0, fee));
        assertEq(ledger.openShares(app, address(stakeStrategies[0])), 0);
    }

    function test_signersShareTheFeesByWeight() public {
        open(CLAIM, 0, 10 ether);
        uint256 fee = ledger.fees(CLAIM, address(stakeStrategies[0]));
        uint32[] memory absent = _absent(3);
        _feeRefused(absent, 0, abi.encodeWithSelector(IExposureLedger.ClaimStillOpen.selector, CLAIM));
        claims.end(CLAIM, IClaimOutcomes.Outcome.VOID);
        uint256 paid = 0;
        for (uint256 i = 0; i < 3; ++i) {
            uint256 due = fee * stakeOf(i) / (90 ether + 3);
            assertEq(ledger.payFee(CLAIM, address(stakeStrategies[0]), absent, witnessOf(i)), due);
            assertEq(tokenOf(0).balanceOf(operatorOf(i)), due);
            paid += due;
            _feeRefused(absent, i, abi.encodeWithSelector(IExposureLedger.FeeTaken.selector, i));
        }
        assertLe(paid, fee);
        assertLt(fee - paid, 3);
        _feeRefused(absent, 3, abi.encodeWithSelector(IExposureLedger.DidNotSign.selector, 3));
        uint32[] memory others = _absent(2);
        bytes32 wrong = keccak256(abi.encode(batch.referenceTimestamp, others));
        _feeRefused(others, 3, abi.encodeWithSelector(IExposureLedger.SignersMismatch.selector, wrong));
    }

    function test_liarsGetNoFees() public {
        open(CLAIM, 0, 10 ether);
        claims.end(CLAIM, IClaimOutcomes.Outcome.BAD);
        _feeRefused(_absent(3), 0, abi.encodeWithSelector(IExposureLedger.FeesForfeited.selector, CLAIM));
    }

    // Ending.

    function test_aPositionEndsOnceAndWithItsClaim() public {
        uint256 positionId = open(CLAIM, 0, 1 ether);
        vm.expectRevert(abi.encodeWithSelector(IExposureLedger.UnknownPosition.selector, 2));
        ledger.close(2);
        vm.expectRevert(abi.encodeWithSelector(IExposureLedger.ClaimStillOpen.selector, CLAIM));
        ledger.close(positionId);
        vm.expectRevert(abi.encodeWithSelector(IExposureLedger.NotSettlement.selector, address(this)));
        ledger.settle(positionId);
        vm.prank(settlement);
        vm.expectRevert(abi.encodeWithSelector(IExposureLedger.NotHarmed.selector, positionId));
        ledger.settle(positionId);

        claims.end(CLAIM, IClaimOutcomes.Outcome.GOOD);
        ledger.close(positionId);
        assertEq(ledger.openPositions(CLAIM), 0);
        vm.expectRevert(abi.encodeWithSelector(IExposureLedger.PositionClosed.selector, positionId));
        ledger.close(positionId);
    }

    /// @dev What the harmed are owed stays on the cap until they are paid, once.
    function test_theHarmedAreOwedUntilPaid() public {
        uint256 positionId = open(CLAIM, 0, 1 ether);
        claims.end(CLAIM, IClaimOutcomes.Outcome.BAD);
        vm.expectRevert(abi.encodeWithSelector(IExposureLedger.OwedBySettlement.selector, positionId));
        ledger.close(positionId);
        assertEq(ledger.openShares(app, address(stakeStrategies[0])), 1 ether + 1);
        vm.startPrank(settlement);
        IExposureLedger.Position memory position = ledger.settle(positionId);
        assertEq(position.beneficiary, harmed);
        assertEq(position.amount, 1 ether);
        assertEq(ledger.openShares(app, address(stakeStrategies[0])), 0);
        vm.expectRevert(abi.encodeWithSelector(IExposureLedger.PositionClosed.selector, positionId));
        ledger.settle(positionId);
        vm.stopPrank();
    }

    function _refused(uint256 j, uint256 amount, bytes memory reason) private {
        vm.prank(consumer);
        vm.expectRevert(reason);
        ledger.open(CLAIM, address(stakeStrategies[j]), amount, harmed, type(uint256).max);
    }

    function _feeRefused(uint32[] memory absent, uint256 i, bytes memory reason) private {
        BN254OperatorInfoWitness memory witness = witnessOf(i);
        vm.expectRevert(reason);
        ledger.payFee(CLAIM, address(stakeStrategies[0]), absent, witness);
    }

    function _absent(uint32 index) private pure returns (uint32[] memory indices) {
        indices = new uint32[](1);
        indices[0] = index;
    }
}
