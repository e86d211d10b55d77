// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IExposureLedger} from "../../src/interfaces/IExposureLedger.sol";
import {ISettlement} from "../../src/interfaces/ISettlement.sol";
import {ClaimFixture} from "./ClaimFixture.sol";

/// @title Who was harmed is paid, then who showed it; what is left burns.
contract SettlementTest is ClaimFixture {
    bytes32 private _claimId;
    uint256 private _positionId;
    address private _strategy;

    function setUp() public {
        deployClaims();
        _strategy = address(stakeStrategies[0]);
        (_claimId, _positionId) = openInsured(2, 20 ether);
    }

    function test_theHarmedIsMadeWhole() public {
        _slashAndCollect();
        vm.warp(claims.endedAtOf(_claimId) + FORK_LAG);
        settlement.payHarm(_positionId);
        assertEq(tokenOf(0).balanceOf(harmed), 20 ether);
        assertEq(ledger.openShares(app, _strategy), 0);
        vm.expectRevert(abi.encodeWithSelector(IExposureLedger.PositionClosed.selector, _positionId));
        settlement.payHarm(_positionId);
    }

    function test_notBeforeTheForkLagNorBeforeTheTokensAreThere() public {
        vm.expectRevert(abi.encodeWithSelector(IExposureLedger.NotHarmed.selector, _positionId));
        settlement.payHarm(_positionId);
        overturn(_claimId);
        slashAll(_claimId);
        uint256 from = claims.endedAtOf(_claimId) + FORK_LAG;
        vm.warp(from - 1);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.TooEarly.selector, from));
        settlement.payHarm(_positionId);
        vm.warp(from);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.VaultShort.selector, 0, 20 ether));
        settlement.payHarm(_positionId);
        collect(1);
        settlement.payHarm(_positionId);
    }

    /// @dev Even when reward and burn of every slash go first, the whole cap is left.
    function test_rewardAndBurnLeaveTheHarmedTheirs() public {
        uint256 cap = ledger.capOf(_claimId, _strategy);
        expose(_claimId, cap - 20 ether - 2);
        _slashAndCollect();
        vm.warp(settlement.barDateOf(app, 1));
        for (uint256 slashId = 1; slashId <= 3; ++slashId) {
            settlement.settleSlash(app, slashId, _strategy);
        }
        assertEq(tokenOf(0).balanceOf(challenger), 9 ether); // three slashes, each rounded down
        assertEq(tokenOf(0).balanceOf(BURNT), 18 ether);
        settlement.payHarm(_positionId);
        settlement.payHarm(_positionId + 1);
        assertEq(tokenOf(0).balanceOf(harmed), cap - 2);
        settlement.burnRest(app, _strategy);
        assertEq(tokenOf(0).balanceOf(address(vault)), 0);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NothingLeft.selector, address(tokenOf(0))));
        settlement.burnRest(app, _strategy);
    }

    function test_aSlashIsSettledOnceAndAfterItsBarDate() public {
        _slashAndCollect();
        uint256 from = settlement.barDateOf(app, 2);
        assertEq(from, vault.slashedAtOf(2) + profile.wholeTime() + FORK_LAG);
        vm.warp(from - 1);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.TooEarly.selector, from));
        settlement.settleSlash(app, 2, _strategy);
        vm.warp(from);
        settlement.settleSlash(app, 2, _strategy);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.SlashSettled.selector, 2, _strategy));
        settlement.settleSlash(app, 2, _strategy);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.UnknownSlash.selector, app, 4, _strategy));
        settlement.settleSlash(app, 4, _strategy);
    }

    function test_nothingBurnsThatSomebodyMayBeOwed() public {
        uint256 open = ledger.openShares(app, _strategy);
        _slashAndCollect();
        vm.warp(settlement.barDateOf(app, 3));
        vm.expectRevert(abi.encodeWithSelector(ISettlement.ExposureOpen.selector, open));
        settlement.burnRest(app, _strategy);
        settlement.payHarm(_positionId);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.SlashesUnsettled.selector, 90 ether + 3, 0));
        settlement.burnRest(app, _strategy);
    }

    function _slashAndCollect() private {
        overturn(_claimId);
        slashAll(_claimId);
        for (uint256 slashId = 1; slashId <= 3; ++slashId) {
            collect(slashId);
        }
    }
}
