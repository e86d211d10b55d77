// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ISlashRouter, ISlashVault, ISlashVaultFactory} from "../../src/interfaces/ISlashRouter.sol";
import {IStrategyManager} from "../../src/interfaces/IStrategyManager.sol";
import {OperatorSet} from "../../src/libraries/OperatorSetLib.sol";
import {VouchFixture} from "../VouchFixture.sol";
import {TestToken} from "../core/TestToken.sol";

/// @title Slashed stake reaches its set's vault and stays there until the settlement slot says otherwise.
contract SlashVaultTest is VouchFixture {
    IERC20 private token;
    uint256 private slashId;

    function setUp() public {
        deployVouch();
        token = stakeStrategies[0].underlyingToken();
        vm.prank(address(equivocationSlasher));
        slashId = router.slash(set, operatorOf(0), address(this), "evidence");
    }

    function test_everySetHasItsOwnVaultAsRecipient() public {
        assertEq(allocationManager.getRedistributionRecipient(set), address(vault));
        assertEq(vaultFactory.vaultOf(set), address(vault));
        assertEq(vault.operatorSet().avs, address(controller));
        assertEq(vault.operatorSet().id, set.id);
        bytes32 otherApp = newApp(appParameters());
        assertTrue(controller.appInfo(otherApp).slashVault != address(vault));
    }

    function test_slashedStakeIsCollectedAfterTheResolutionDelay() public {
        uint256 resolvedAt = strategyManager.getSlashResolutionBlock(set, slashId);
        assertEq(resolvedAt, block.number + mainnetDelays().slashResolution);
        vm.roll(resolvedAt - 1);
        vm.expectRevert(abi.encodeWithSelector(IStrategyManager.SlashNotResolved.selector, resolvedAt));
        vault.collect(slashId);
        vm.roll(resolvedAt);
        vm.prank(makeAddr("anyone"));
        vault.collect(slashId);
        assertEq(token.balanceOf(address(vault)), stakeOf(0));
    }

    function test_slashedStakeThatTriesToLeaveTheVault() public {
        collect();
        uint256 stake = token.balanceOf(address(vault));
        address[6] memory callers =
            [appOwner, moduleAdder, operatorOf(0), address(controller), address(equivocationSlasher), address(router)];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.startPrank(callers[i]);
            vm.expectRevert(abi.encodeWithSelector(ISlashRouter.NotSettlement.selector, callers[i]));
            router.release(set, address(token), callers[i], stake);
            if (callers[i] != address(router)) {
                vm.expectRevert(abi.encodeWithSelector(ISlashVault.NotRouter.selector, callers[i]));
                vault.release(address(token), callers[i], stake);
            }
            vm.expectRevert();
            token.transferFrom(address(vault), callers[i], stake);
            vm.stopPrank();
        }
        assertEq(token.balanceOf(address(vault)), stake);
    }

    /// @dev An empty settlement slot is nobody, not the zero address.
    function test_anEmptySettlementSlotReleasesNothing() public {
        collect();
        assertEq(router.settlement(), address(0));
        vm.prank(address(0));
        vm.expectRevert(abi.encodeWithSelector(ISlashRouter.NotSettlement.selector, address(0)));
        router.release(set, address(token), address(0xbad), 1);
    }

    function test_theSettlementSlotReleases() public {
        collect();
        address settlement = makeAddr("settlement");
        vm.startPrank(moduleAdder);
        router.queueSettlement(settlement);
        vm.roll(block.number + ADD_DELAY_BLOCKS);
        router.addSettlement();
        vm.stopPrank();
        address[3] memory others = [moduleAdder, address(equivocationSlasher), operatorOf(0)];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ISlashRouter.NotSettlement.selector, others[i]));
            vm.prank(others[i]);
            router.release(set, address(token), others[i], 1);
        }
        vm.prank(settlement);
        router.release(set, address(token), makeAddr("harmed"), 3 ether);
        assertEq(token.balanceOf(makeAddr("harmed")), 3 ether);
        assertEq(token.balanceOf(address(vault)), stakeOf(0) - 3 ether);
    }

    function test_onlyTheRouterRecords() public {
        vm.expectRevert(abi.encodeWithSelector(ISlashVault.NotRouter.selector, address(this)));
        vault.recordSlash(9, operatorOf(1), address(this), new address[](0), new uint256[](0));
        vm.prank(address(router));
        vm.expectRevert(abi.encodeWithSelector(ISlashVault.SlashKnown.selector, slashId));
        vault.recordSlash(slashId, operatorOf(1), address(this), new address[](0), new uint256[](0));
    }

    function test_tokensSentToTheVaultAreNoSlashedShares() public {
        TestToken(address(token)).mint(address(vault), 5 ether);
        assertEq(vault.slashedShares(address(stakeStrategies[0])), stakeOf(0));
    }

    function test_onlyTheAvsDeploysAVaultAndOnce() public {
        vm.expectRevert(abi.encodeWithSelector(ISlashVaultFactory.NotAvs.selector, address(this)));
        vaultFactory.deployVault(set);
        vm.prank(address(controller));
        vm.expectRevert(abi.encodeWithSelector(ISlashVaultFactory.VaultExists.selector, address(vault)));
        vaultFactory.deployVault(set);
        vaultFactory.deployVault(OperatorSet({avs: address(this), id: 1}));
    }

    function collect() private {
        vm.roll(strategyManager.getSlashResolutionBlock(set, slashId));
        vault.collect(slashId);
    }
}
