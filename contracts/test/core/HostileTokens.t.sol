// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {StrategyBase} from "../../src/core/StrategyBase.sol";
import {IDelegationManager} from "../../src/interfaces/IDelegationManager.sol";
import {IStrategyManager} from "../../src/interfaces/IStrategyManager.sol";
import {HostileToken} from "./HostileTokens.sol";
import {StakedFixture} from "./StakedFixture.sol";

/// @title What a token does to its own strategy's stakers stays there, has a name, and changes nothing where it is refused.
contract HostileTokensTest is StakedFixture {
    uint32 private constant DELAY = 216_000;

    HostileToken private token;
    StrategyBase private vault;
    address private victim = makeAddr("victim");

    function setUp() public override {
        super.setUp();
        token = new HostileToken();
        vault = new StrategyBase(address(strategyManager), token, address(pauserRegistry));
        vm.prank(whitelister);
        strategyManager.addStrategiesToDepositWhitelist(one(address(vault)));
        deposit(victim, vault, 1_000e18);
    }

    // Deposits.

    /// @dev In the original such a deposit is credited in full, and the other stakers pay its fee.
    function test_a_fee_on_transfer_is_refused() public {
        token.setMode(HostileToken.Mode.KeepsAFee);
        _expectDepositRefused(abi.encodeWithSelector(IStrategyManager.WrongAmountReceived.selector, 100e18, 90e18));
        assertEq(vault.sharesToUnderlying(1_000e18), 1_000e18);
    }

    function test_a_token_that_moves_nothing_is_refused() public {
        token.setMode(HostileToken.Mode.MovesNothing);
        _expectDepositRefused(abi.encodeWithSelector(IStrategyManager.WrongAmountReceived.selector, 100e18, 0));
    }

    function test_a_token_that_answers_no_is_refused() public {
        token.setMode(HostileToken.Mode.ReturnsFalse);
        _expectDepositRefused(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(token)));
    }

    function test_a_token_that_reverts_or_blocks_is_refused() public {
        token.setMode(HostileToken.Mode.Reverts);
        _expectDepositRefused(abi.encodeWithSignature("Error(string)", "hostile"));
        token.setMode(HostileToken.Mode.Fine);
        token.setBlocked(staker, true);
        _expectDepositRefused(abi.encodeWithSignature("Error(string)", "blocked"));
    }

    function test_a_token_without_an_answer_is_taken() public {
        token.setMode(HostileToken.Mode.ReturnsNothing);
        assertEq(deposit(staker, vault, 100e18), 100e18);
    }

    function test_a_token_that_deposits_again_in_the_middle_is_refused() public {
        token.callBack(
            address(strategyManager),
            abi.encodeCall(IStrategyManager.depositIntoStrategy, (address(vault), IERC20(token), 1))
        );
        _expectDepositRefused(abi.encodeWithSelector(ReentrancyGuard.ReentrancyGuardReentrantCall.selector));
    }

    function test_a_token_that_deposits_with_a_signature_in_the_middle_is_refused() public {
        token.callBack(
            address(strategyManager),
            abi.encodeCall(
                IStrategyManager.depositIntoStrategyWithSignature,
                (address(vault), IERC20(token), 1, victim, block.timestamp, "")
            )
        );
        _expectDepositRefused(abi.encodeWithSelector(ReentrancyGuard.ReentrancyGuardReentrantCall.selector));
    }

    // Exits.

    function test_a_token_that_deposits_while_it_pays_out_is_refused() public {
        bytes32 root = _queue(victim, 1_000e18);
        roll(DELAY + 1);
        token.callBack(
            address(strategyManager),
            abi.encodeCall(IStrategyManager.depositIntoStrategy, (address(vault), IERC20(token), 1))
        );
        vm.prank(victim);
        vm.expectRevert(ReentrancyGuard.ReentrancyGuardReentrantCall.selector);
        delegationManager.completeQueuedWithdrawal(root, true);
    }

    function test_a_rebase_up_is_the_stakers_and_a_rebase_down_too() public {
        token.mint(address(vault), 1_000e18);
        assertApproxEqAbs(vault.shares(victim), 1_000e18, 0);
        assertApproxEqAbs(vault.userUnderlyingView(victim), 2_000e18, 2e3);
        token.destroy(address(vault), 1_500e18);
        bytes32 root = _queue(victim, 1_000e18);
        roll(DELAY + 1);
        _complete(victim, root);
        assertApproxEqAbs(token.balanceOf(victim), 500e18, 1e3);
    }

    /// @dev Blocked today, paid when it is not: the withdrawal waits as it was.
    function test_a_blocked_staker_keeps_its_withdrawal() public {
        bytes32 root = _queue(victim, 1_000e18);
        roll(DELAY + 1);
        token.setBlocked(victim, true);
        vm.prank(victim);
        vm.expectRevert("blocked");
        delegationManager.completeQueuedWithdrawal(root, true);
        assertTrue(delegationManager.pendingWithdrawals(root));
        assertEq(vault.totalShares(), 1_000e18);
        token.setBlocked(victim, false);
        _complete(victim, root);
        assertEq(token.balanceOf(victim), 1_000e18);
    }

    function test_a_token_that_answers_no_pays_nobody_and_takes_no_shares() public {
        bytes32 root = _queue(victim, 1_000e18);
        roll(DELAY + 1);
        token.setMode(HostileToken.Mode.ReturnsFalse);
        vm.prank(victim);
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(token)));
        delegationManager.completeQueuedWithdrawal(root, true);
        assertEq(vault.totalShares(), 1_000e18);
    }

    /// @dev Nothing of a slash calls the token, so nothing it does keeps a slash from happening.
    function test_no_token_keeps_a_slash_from_happening() public {
        deposit(operator, vault, 50e18);
        operatorSet = createSet(address(avs), 7, one(address(vault)), slasher, recipient);
        allocate(operator, operatorSet, address(vault), WAD);
        roll(allocationWait(operator));
        joinSet(operator, operatorSet, "");
        token.setMode(HostileToken.Mode.Reverts);
        (uint256 slashId, uint256[] memory shares) = slashAs(slasher, one(address(vault)), WAD);
        assertEq(shares[0], 50e18);
        roll(50_400);
        vm.expectRevert("hostile");
        strategyManager.clearBurnOrRedistributableShares(operatorSet, slashId);
        assertEq(strategyManager.getBurnOrRedistributableShares(operatorSet, slashId, address(vault)), 50e18);
        token.setMode(HostileToken.Mode.Fine);
        strategyManager.clearBurnOrRedistributableShares(operatorSet, slashId);
        assertEq(token.balanceOf(recipient), 50e18);
    }

    function test_a_token_that_clears_again_in_the_middle_is_refused() public {
        deposit(operator, vault, 50e18);
        operatorSet = createSet(address(avs), 7, one(address(vault)), slasher, recipient);
        allocate(operator, operatorSet, address(vault), WAD);
        roll(allocationWait(operator));
        joinSet(operator, operatorSet, "");
        (uint256 slashId,) = slashAs(slasher, one(address(vault)), WAD);
        roll(50_400);
        token.callBack(
            address(strategyManager),
            abi.encodeCall(IStrategyManager.clearBurnOrRedistributableShares, (operatorSet, slashId))
        );
        vm.expectRevert(ReentrancyGuard.ReentrancyGuardReentrantCall.selector);
        strategyManager.clearBurnOrRedistributableShares(operatorSet, slashId);
        vm.expectRevert(ReentrancyGuard.ReentrancyGuardReentrantCall.selector);
        strategyManager.clearBurnOrRedistributableSharesByStrategy(operatorSet, slashId, address(vault));
    }

    // Inputs.

    /// @dev The same strategy twice in one withdrawal takes twice, and never more than there is.
    function test_a_repeated_strategy_takes_no_more_than_there_is() public {
        IDelegationManager.QueuedWithdrawalParams[] memory params = new IDelegationManager.QueuedWithdrawalParams[](1);
        params[0].strategies = new address[](2);
        params[0].depositShares = new uint256[](2);
        (params[0].strategies[0], params[0].strategies[1]) = (address(vault), address(vault));
        (params[0].depositShares[0], params[0].depositShares[1]) = (600e18, 600e18);
        vm.prank(victim);
        vm.expectRevert(IStrategyManager.SharesAmountTooHigh.selector);
        delegationManager.queueWithdrawals(params);
        params[0].depositShares[1] = 400e18;
        vm.prank(victim);
        bytes32 root = delegationManager.queueWithdrawals(params)[0];
        roll(DELAY + 1);
        _complete(victim, root);
        assertEq(token.balanceOf(victim), 1_000e18);
    }

    function _expectDepositRefused(bytes memory reason) private {
        uint256 held = token.balanceOf(address(vault));
        token.mint(staker, 100e18);
        vm.startPrank(staker);
        token.approve(address(strategyManager), 100e18);
        vm.expectRevert(reason);
        strategyManager.depositIntoStrategy(address(vault), token, 100e18);
        vm.stopPrank();
        assertEq(token.balanceOf(address(vault)), held);
        assertEq(vault.totalShares(), 1_000e18);
        assertEq(strategyManager.stakerDepositShares(staker, address(vault)), 0);
    }

    function _queue(address account, uint256 shares) private returns (bytes32) {
        IDelegationManager.QueuedWithdrawalParams[] memory params = new IDelegationManager.QueuedWithdrawalParams[](1);
        params[0].strategies = one(address(vault));
        params[0].depositShares = new uint256[](1);
        params[0].depositShares[0] = shares;
        vm.prank(account);
        return delegationManager.queueWithdrawals(params)[0];
    }

    function _complete(address account, bytes32 root) private {
        vm.prank(account);
        delegationManager.completeQueuedWithdrawal(root, true);
    }
}
