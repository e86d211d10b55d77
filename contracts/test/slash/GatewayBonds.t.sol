// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IGatewayBonds} from "../../src/interfaces/IGatewayBonds.sol";
import {Batch} from "../../src/libraries/VouchTypes.sol";
import {GatewayBonds} from "../../src/slash/GatewayBonds.sol";
import {VouchFixture} from "../VouchFixture.sol";

/// @title Bonds of gateways, and the evidence that takes them.
contract GatewayBondsTest is VouchFixture {
    uint256 private constant KEY = 0x6a7e6a7e;
    uint256 private constant OTHER_KEY = 0x0de7;
    uint256 private constant BOND = 10 ether;
    uint256 private constant ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;

    GatewayBonds private bonds;
    address private gateway;
    address private reporter = makeAddr("reporter");

    function setUp() public {
        deployVouch();
        bonds = new GatewayBonds(controller, registry, BOND_DELAY, GATEWAY_DELAY);
        gateway = vm.addr(KEY);
        bonds.deposit{value: BOND}(gateway);
    }

    function test_twoProposalsForOneSlotCostTheWholeBond() public {
        Batch memory first = batchAfter(1, 0, 1);
        Batch memory second = batchAfter(1, 0, 2);
        vm.expectEmit(address(bonds));
        emit IGatewayBonds.GatewayEquivocationProven(gateway, hashOf(first), hashOf(second), reporter);
        vm.expectEmit(address(bonds));
        emit IGatewayBonds.BondSlashed(gateway, BOND * 9 / 10, BOND / 10, reporter);
        prove(signed(first), signed(second));
        assertEq(reporter.balance, BOND / 10);
        assertEq(bonds.BURNT().balance, BOND * 9 / 10);
        assertEq(address(bonds).balance, 0);
        assertEq(bonds.standingOf(gateway), 0);
        assertTrue(bonds.bondOf(gateway).slashed);
    }

    /// @dev Every field outside the slot makes another batch; what the slot is made of, another slot.
    function test_whatASlotIs() public {
        Batch memory first = batchAfter(1, 0, 1);
        Batch memory second = batchAfter(1, keccak256("another parent"), 1);
        second.referenceTimestamp = 1;
        second.programId = 0;
        second.profileId = address(1);
        prove(signed(first), signed(second));

        Batch[] memory others = new Batch[](4);
        for (uint256 i = 0; i < 4; ++i) {
            others[i] = batchAfter(1, 0, 2);
        }
        others[0].lane = 2;
        others[1].sequence = 2;
        others[2].app = keccak256("another app");
        others[3].operatorSetId = 9;
        for (uint256 i = 0; i < 4; ++i) {
            refuse(signed(first), signed(others[i]), IGatewayBonds.DifferentSlots.selector);
        }
    }

    function test_forgedEvidence() public {
        Batch memory first = batchAfter(1, 0, 1);
        Batch memory second = batchAfter(1, 0, 2);
        refuse(signed(first), signed(first), IGatewayBonds.SameBatch.selector);
        IGatewayBonds.SignedHeader memory elses =
            IGatewayBonds.SignedHeader({batch: second, signature: signature(OTHER_KEY, second)});
        refuse(signed(first), elses, IGatewayBonds.DifferentSigners.selector);
        IGatewayBonds.SignedHeader memory none_ = IGatewayBonds.SignedHeader({batch: second, signature: ""});
        refuse(signed(first), none_, IGatewayBonds.InvalidSignature.selector);
        first.chainId = 5;
        second.chainId = 5;
        refuse(signed(first), signed(second), IGatewayBonds.WrongDeployment.selector);
        first = batchAfter(1, 0, 1);
        second = batchAfter(1, 0, 2);
        first.registry = address(this);
        second.registry = address(this);
        refuse(signed(first), signed(second), IGatewayBonds.WrongDeployment.selector);
    }

    /// @dev The other form of a signature signs the same batch: it makes no second proposal, and is no signature here.
    function test_aMalleatedSignatureIsNone() public {
        Batch memory first = batchAfter(1, 0, 1);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(KEY, hashOf(first));
        bytes memory high = abi.encodePacked(r, bytes32(ORDER - uint256(s)), v == 27 ? uint8(28) : uint8(27));
        IGatewayBonds.SignedHeader memory again = IGatewayBonds.SignedHeader({batch: first, signature: high});
        refuse(signed(first), again, IGatewayBonds.SameBatch.selector);
        refuse(signed(batchAfter(1, 0, 2)), again, IGatewayBonds.InvalidSignature.selector);
    }

    function test_evidenceCountsOnce() public {
        IGatewayBonds.SignedHeader memory first = signed(batchAfter(1, 0, 1));
        IGatewayBonds.SignedHeader memory second = signed(batchAfter(1, 0, 2));
        prove(first, second);
        refuse(first, second, IGatewayBonds.NothingToSlash.selector);
        vm.expectRevert(abi.encodeWithSelector(IGatewayBonds.GatewaySlashed.selector, gateway));
        bonds.deposit{value: 1}(gateway);
    }

    function test_aBondThatLeavesIsSlashedUntilItHasLeft() public {
        vm.prank(gateway);
        bonds.requestWithdrawal(BOND);
        assertEq(bonds.standingOf(gateway), 0);
        vm.warp(block.timestamp + BOND_DELAY);
        prove(signed(batchAfter(1, 0, 1)), signed(batchAfter(1, 0, 2)));
        vm.prank(gateway);
        vm.expectRevert(abi.encodeWithSelector(IGatewayBonds.NothingLeaves.selector, gateway));
        bonds.withdraw(payable(gateway));
    }

    function test_aBondLeavesAfterTheDelay() public {
        vm.startPrank(gateway);
        bonds.requestWithdrawal(4 ether);
        uint256 leavesAt = vm.getBlockTimestamp() + BOND_DELAY;
        vm.warp(leavesAt - 1);
        vm.expectRevert(abi.encodeWithSelector(IGatewayBonds.TooEarly.selector, leavesAt));
        bonds.withdraw(payable(gateway));
        vm.warp(leavesAt);
        bonds.withdraw(payable(gateway));
        assertEq(gateway.balance, 4 ether);
        assertEq(bonds.standingOf(gateway), BOND - 4 ether);
        vm.expectRevert(abi.encodeWithSelector(IGatewayBonds.NothingLeaves.selector, gateway));
        bonds.withdraw(payable(gateway));
    }

    function test_noMoreLeavesThanIsThere() public {
        vm.startPrank(gateway);
        vm.expectRevert(abi.encodeWithSelector(IGatewayBonds.BondTooSmall.selector, BOND + 1, BOND));
        bonds.requestWithdrawal(BOND + 1);
        bonds.requestWithdrawal(BOND);
        bonds.requestWithdrawal(0);
        assertEq(bonds.standingOf(gateway), BOND);
        vm.expectRevert(abi.encodeWithSelector(IGatewayBonds.NothingLeaves.selector, gateway));
        bonds.withdraw(payable(gateway));
    }

    /// @dev Asking anew starts the clock anew: a small withdrawal does not open the door for the whole bond.
    function test_askingForMoreStartsTheClockAnew() public {
        vm.startPrank(gateway);
        bonds.requestWithdrawal(1);
        vm.warp(vm.getBlockTimestamp() + BOND_DELAY);
        bonds.requestWithdrawal(BOND);
        vm.expectPartialRevert(IGatewayBonds.TooEarly.selector);
        bonds.withdraw(payable(gateway));
    }

    function test_aMinimumHoldsAfterItsNotice() public {
        vm.startPrank(appOwner);
        uint256 started = vm.getBlockTimestamp();
        bonds.setMinimumBond(app, lane, 5 ether);
        assertEq(bonds.minimumBond(app, lane), 0);
        vm.warp(started + GATEWAY_DELAY);
        assertEq(bonds.minimumBond(app, lane), 5 ether);
        bonds.setMinimumBond(app, lane, 7 ether);
        assertEq(bonds.minimumBond(app, lane), 5 ether);
        // A second word replaces the first; what held goes on holding.
        bonds.setMinimumBond(app, lane, 6 ether);
        assertEq(bonds.minimumBond(app, lane), 5 ether);
        vm.warp(started + 2 * GATEWAY_DELAY);
        assertEq(bonds.minimumBond(app, lane), 6 ether);
    }

    function test_onlyTheAppsOwnerSetsAMinimum() public {
        vm.expectRevert(abi.encodeWithSelector(IGatewayBonds.NotAppOwner.selector, app, address(this)));
        bonds.setMinimumBond(app, lane, 1);
        for (uint32 unknown = 0; unknown <= 2; unknown += 2) {
            vm.prank(appOwner);
            vm.expectRevert(abi.encodeWithSelector(IGatewayBonds.UnknownLane.selector, app, unknown));
            bonds.setMinimumBond(app, unknown, 1);
        }
    }

    /// @dev Nothing is slashed without its reward: whoever cannot take ether names another reporter.
    function test_aReporterThatRefusesItsRewardChangesNothing() public {
        vm.etch(reporter, hex"fe");
        vm.expectRevert(abi.encodeWithSelector(IGatewayBonds.PaymentRefused.selector, reporter));
        prove(signed(batchAfter(1, 0, 1)), signed(batchAfter(1, 0, 2)));
        assertEq(bonds.standingOf(gateway), BOND);
    }

    function test_whatCannotBeBonded() public {
        vm.expectRevert(IGatewayBonds.ZeroAmount.selector);
        bonds.deposit(gateway);
        vm.expectRevert(IGatewayBonds.InvalidGateway.selector);
        bonds.deposit{value: 1}(address(0));
        vm.expectRevert(IGatewayBonds.ZeroDelay.selector);
        new GatewayBonds(controller, registry, 0, 1);
        vm.expectRevert(IGatewayBonds.ZeroDelay.selector);
        new GatewayBonds(controller, registry, 1, 0);
    }

    /// @dev What lies there is what bonds say, whatever happens to them.
    /// forge-config: default.fuzz.runs = 64
    function testFuzz_theBalanceIsTheSumOfTheBonds(uint256 steps) public {
        address[2] memory gateways = [gateway, vm.addr(OTHER_KEY)];
        for (uint256 i = 0; i < 12; ++i) {
            uint256 step = (steps >> (4 * i)) & 15;
            address who = gateways[step & 1];
            IGatewayBonds.Bond memory bond = bonds.bondOf(who);
            if (step < 4 && !bond.slashed) bonds.deposit{value: 1 + i}(who);
            if (step >= 4 && step < 8) {
                vm.prank(who);
                bonds.requestWithdrawal(bond.amount / 2);
            }
            if (step >= 8 && step < 12) vm.warp(vm.getBlockTimestamp() + BOND_DELAY / 2);
            bool leaves = bond.leaving != 0 && vm.getBlockTimestamp() >= bond.leavesAt;
            if (step >= 12 && step < 15 && leaves) {
                vm.prank(who);
                bonds.withdraw(payable(who));
            }
            if (step == 15 && bond.amount != 0 && who == gateways[1]) {
                bonds.proveEquivocation(signedBy(OTHER_KEY, 1), signedBy(OTHER_KEY, 2));
            }
            assertEq(address(bonds).balance, bonds.bondOf(gateways[0]).amount + bonds.bondOf(gateways[1]).amount);
        }
    }

    receive() external payable {}

    function signed(Batch memory batch) private pure returns (IGatewayBonds.SignedHeader memory) {
        return IGatewayBonds.SignedHeader({batch: batch, signature: signature(KEY, batch)});
    }

    function signedBy(uint256 key, uint256 salt) private view returns (IGatewayBonds.SignedHeader memory) {
        Batch memory batch = batchAfter(1, 0, salt);
        return IGatewayBonds.SignedHeader({batch: batch, signature: signature(key, batch)});
    }

    function signature(uint256 key, Batch memory batch) private pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, hashOf(batch));
        return abi.encodePacked(r, s, v);
    }

    function prove(IGatewayBonds.SignedHeader memory first, IGatewayBonds.SignedHeader memory second) private {
        vm.prank(reporter);
        bonds.proveEquivocation(first, second);
    }

    function refuse(IGatewayBonds.SignedHeader memory first, IGatewayBonds.SignedHeader memory second, bytes4 reason)
        private
    {
        vm.expectPartialRevert(reason);
        bonds.proveEquivocation(first, second);
    }
}
