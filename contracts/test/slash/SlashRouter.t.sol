// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IAllocationManagerTypes} from "../../src/interfaces/IAllocationManager.sol";
import {ISlashRouter} from "../../src/interfaces/ISlashRouter.sol";
import {SlashRouter} from "../../src/slash/SlashRouter.sol";
import {VouchFixture} from "../VouchFixture.sol";

/// @title Who can slash, and how slowly that can change.
contract SlashRouterTest is VouchFixture {
    address private module = makeAddr("module");

    function setUp() public {
        deployVouch();
    }

    function test_nobodyIsAModuleOrSettlementOrAddsThem() public {
        vm.expectRevert(ISlashRouter.ZeroAddress.selector);
        new SlashRouter(allocationManager, address(0), moduleAdder, ADD_DELAY_BLOCKS);
        vm.expectRevert(ISlashRouter.ZeroAddress.selector);
        new SlashRouter(allocationManager, module, address(0), ADD_DELAY_BLOCKS);
        vm.startPrank(moduleAdder);
        vm.expectRevert(ISlashRouter.ZeroAddress.selector);
        router.queueModule(address(0));
        vm.expectRevert(ISlashRouter.ZeroAddress.selector);
        router.queueSettlement(address(0));
    }

    // Slashing.

    function test_aModuleTakesTheWholeAllocation() public {
        vm.prank(address(equivocationSlasher));
        uint256 slashId = router.slash(set, operatorOf(2), address(this), "evidence");
        assertEq(slashId, 1);
        for (uint256 j = 0; j < 2; ++j) {
            assertEq(allocatedStake(2, j), 0);
            assertEq(vault.slashedShares(address(stakeStrategies[j])), stakeOf(2));
        }
        assertEq(vault.operatorOf(1), operatorOf(2));
        assertEq(vault.reporterOf(1), address(this));
    }

    /// @dev A strategy that left a set leaves the others in another order; slashing asks for the ascending one.
    function test_aModuleSlashesWhateverTheOrderOfTheSet() public {
        address[] memory descending = new address[](2);
        (address a, address b) = (address(stakeStrategies[0]), address(stakeStrategies[1]));
        (descending[0], descending[1]) = a < b ? (b, a) : (a, b);
        vm.mockCall(
            address(allocationManager),
            abi.encodeCall(allocationManager.getStrategiesInOperatorSet, (set)),
            abi.encode(descending)
        );
        vm.prank(address(equivocationSlasher));
        router.slash(set, operatorOf(2), address(this), "evidence");
        for (uint256 j = 0; j < 2; ++j) {
            assertEq(vault.slashedShares(address(stakeStrategies[j])), stakeOf(2));
        }
    }

    function test_anyoneButAModuleAskingTheRouter() public {
        address[4] memory callers = [appOwner, moduleAdder, address(controller), operatorOf(0)];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ISlashRouter.NotModule.selector, callers[i]));
            vm.prank(callers[i]);
            router.slash(set, operatorOf(0), callers[i], "");
        }
    }

    function test_anyoneButTheRouterSlashing() public {
        IAllocationManagerTypes.SlashingParams memory params;
        params.operator = operatorOf(0);
        params.operatorSetId = set.id;
        params.strategies = one(address(stakeStrategies[0]));
        params.wadsToSlash = new uint256[](1);
        params.wadsToSlash[0] = 1e18;
        address[5] memory callers =
            [appOwner, moduleAdder, address(controller), address(equivocationSlasher), address(vault)];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.expectRevert(IAllocationManagerTypes.InvalidCaller.selector);
            vm.prank(callers[i]);
            allocationManager.slashOperator(address(controller), params);
        }
    }

    function test_theRouterIsTheSlasherOfEverySetForEver() public {
        assertEq(allocationManager.getSlasher(set), address(router));
        (address pending,) = allocationManager.getPendingSlasher(set);
        assertEq(pending, address(0));
        // Only the AVS could change it, and it has no function that does.
        address[3] memory callers = [appOwner, moduleAdder, address(router)];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.expectRevert(IAllocationManagerTypes.InvalidPermissions.selector);
            vm.prank(callers[i]);
            allocationManager.updateSlasher(set, callers[i]);
        }
    }

    function test_slashingHasNoPause() public {
        vm.prank(pauser);
        vm.expectRevert(IAllocationManagerTypes.SlashingCannotBePaused.selector);
        allocationManager.pause(2);
    }

    function test_nothingToSlash() public {
        vm.startPrank(address(equivocationSlasher));
        router.slash(set, operatorOf(2), address(this), "");
        vm.expectRevert(abi.encodeWithSelector(ISlashRouter.NothingToSlash.selector, operatorOf(2)));
        router.slash(set, operatorOf(2), address(this), "");
    }

    /// @dev An allocation to another set is another set's to slash.
    function test_stakeAllocatedElsewhereStays() public {
        vm.prank(address(equivocationSlasher));
        vm.expectRevert(IAllocationManagerTypes.OperatorNotSlashable.selector);
        router.slash(set, makeAddr("stranger"), address(this), "");
    }

    // Modules.

    function test_aModuleIsAddedAfterTheDelay() public {
        vm.startPrank(moduleAdder);
        router.queueModule(module);
        uint256 ready = block.number + ADD_DELAY_BLOCKS;
        assertEq(router.readyAtBlock(module), ready);
        vm.roll(ready - 1);
        vm.expectRevert(abi.encodeWithSelector(ISlashRouter.TooEarly.selector, ready));
        router.addModule(module);
        vm.roll(ready);
        router.addModule(module);
        assertTrue(router.isModule(module));
    }

    /// @dev Who sees a module queued and starts to leave in that block is out before it can slash.
    function test_stakeCanLeaveBeforeANewModuleSlashes() public {
        vm.prank(moduleAdder);
        router.queueModule(module);
        leaveSet(operatorOf(0), operatorOf(0), set);
        vm.roll(router.readyAtBlock(module));
        vm.prank(moduleAdder);
        router.addModule(module);
        vm.expectRevert(IAllocationManagerTypes.OperatorNotSlashable.selector);
        vm.prank(module);
        router.slash(set, operatorOf(0), module, "");
    }

    function test_aModuleIsAddedOnce() public {
        vm.startPrank(moduleAdder);
        router.queueModule(module);
        vm.expectRevert(abi.encodeWithSelector(ISlashRouter.ModuleKnown.selector, module));
        router.queueModule(module);
        vm.roll(block.number + ADD_DELAY_BLOCKS);
        router.addModule(module);
        vm.expectRevert(abi.encodeWithSelector(ISlashRouter.ModuleKnown.selector, module));
        router.addModule(module);
        vm.expectRevert(abi.encodeWithSelector(ISlashRouter.ModuleKnown.selector, equivocationSlasher));
        router.queueModule(address(equivocationSlasher));
    }

    function test_aModuleThatWasNeverQueued() public {
        vm.prank(moduleAdder);
        vm.expectRevert(abi.encodeWithSelector(ISlashRouter.ModuleNotQueued.selector, module));
        router.addModule(module);
    }

    function test_onlyTheAdderAdds() public {
        bytes memory refusal = abi.encodeWithSelector(ISlashRouter.NotModuleAdder.selector, address(this));
        vm.expectRevert(refusal);
        router.queueModule(module);
        vm.expectRevert(refusal);
        router.addModule(module);
        vm.expectRevert(refusal);
        router.queueSettlement(module);
        vm.expectRevert(refusal);
        router.addSettlement();
        vm.expectRevert(refusal);
        router.renounceModuleAdder();
    }

    function test_renouncingEndsAdditionsAlsoOfWhatIsQueued() public {
        vm.startPrank(moduleAdder);
        router.queueModule(module);
        router.renounceModuleAdder();
        vm.roll(block.number + ADD_DELAY_BLOCKS);
        vm.expectRevert(abi.encodeWithSelector(ISlashRouter.NotModuleAdder.selector, moduleAdder));
        router.addModule(module);
        assertEq(router.moduleAdder(), address(0));
    }

    function test_theDelayIsLongerThanDeallocation() public {
        vm.expectRevert(abi.encodeWithSelector(ISlashRouter.DelayTooShort.selector, SLASHABLE_BLOCKS, SLASHABLE_BLOCKS));
        new SlashRouter(allocationManager, module, moduleAdder, SLASHABLE_BLOCKS);
    }

    // The settlement slot.

    function test_theSettlementSlotIsFilledOnceAfterTheDelay() public {
        vm.startPrank(moduleAdder);
        vm.expectRevert(ISlashRouter.SettlementNotQueued.selector);
        router.addSettlement();
        router.queueSettlement(module);
        uint256 ready = block.number + ADD_DELAY_BLOCKS;
        vm.roll(ready - 1);
        vm.expectRevert(abi.encodeWithSelector(ISlashRouter.TooEarly.selector, ready));
        router.addSettlement();
        vm.roll(ready);
        router.addSettlement();
        assertEq(router.settlement(), module);
        vm.expectRevert(ISlashRouter.SettlementKnown.selector);
        router.queueSettlement(makeAddr("another"));
        vm.expectRevert(ISlashRouter.SettlementKnown.selector);
        router.addSettlement();
    }

    function test_queueingAnotherSettlementStartsTheDelayAgain() public {
        vm.startPrank(moduleAdder);
        router.queueSettlement(module);
        uint256 first = router.settlementReadyAtBlock();
        vm.roll(first);
        router.queueSettlement(makeAddr("another"));
        vm.expectRevert(abi.encodeWithSelector(ISlashRouter.TooEarly.selector, first + ADD_DELAY_BLOCKS));
        router.addSettlement();
    }
}
