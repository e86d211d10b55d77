// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {StrategyBase} from "../../src/core/StrategyBase.sol";
import {IDelegationManager} from "../../src/interfaces/IDelegationManager.sol";
import {IStrategyManager} from "../../src/interfaces/IStrategyManager.sol";
import {StakedFixture} from "./StakedFixture.sol";
import {TestToken} from "./TestToken.sol";

/// @dev Does what it is told when it is transferred to anyone. Tests only.
contract CallingToken is TestToken {
    address private target;
    bytes private call;

    function onTransfer(address target_, bytes calldata call_) external {
        (target, call) = (target_, call_);
    }

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (target == address(0)) return;
        (bool done, bytes memory reason) = target.call(call);
        if (!done) {
            assembly {
                revert(add(reason, 32), mload(reason))
            }
        }
    }
}

/// @title Withdrawals, from the queue to the tokens.
contract WithdrawalsTest is StakedFixture {
    uint256 private constant DELAY = 216_000;

    function test_what_is_queued_leaves_the_accounts_and_comes_back_as_tokens() public {
        bytes32 root = _queue(staker, 100e18);
        assertEq(delegationManager.operatorShares(operator, address(strategy)), OWN_STAKE + DELEGATED_STAKE - 100e18);
        assertEq(strategyManager.stakerDepositShares(staker, address(strategy)), DELEGATED_STAKE - 100e18);
        (IDelegationManager.Withdrawal memory withdrawal, uint256[] memory shares) =
            delegationManager.getQueuedWithdrawal(root);
        assertEq(withdrawal.staker, staker);
        assertEq(withdrawal.withdrawer, staker);
        assertEq(withdrawal.delegatedTo, operator);
        assertEq(withdrawal.startBlock, vm.getBlockNumber());
        assertEq(shares[0], 100e18);
        assertEq(delegationManager.calculateWithdrawalRoot(withdrawal), root);
        assertEq(delegationManager.getQueuedWithdrawalRoots(staker)[0], root);
        roll(DELAY + 1);
        _complete(staker, root, true);
        assertEq(strategy.underlyingToken().balanceOf(staker), 100e18);
        assertFalse(delegationManager.pendingWithdrawals(root));
        assertEq(delegationManager.getQueuedWithdrawalRoots(staker).length, 0);
    }

    function test_the_delay_ends_after_its_last_block() public {
        bytes32 root = _queue(staker, 1e18);
        roll(DELAY);
        _expectRefused(staker, root, IDelegationManager.WithdrawalDelayNotElapsed.selector);
        roll(1);
        _complete(staker, root, true);
    }

    function test_a_withdrawal_is_completed_once_and_by_its_staker() public {
        bytes32 root = _queue(staker, 1e18);
        roll(DELAY + 1);
        _expectRefused(operator, root, IDelegationManager.WithdrawerNotCaller.selector);
        _complete(staker, root, true);
        _expectRefused(staker, root, IDelegationManager.WithdrawalNotQueued.selector);
        vm.expectRevert(IDelegationManager.WithdrawalNotQueued.selector);
        delegationManager.getQueuedWithdrawal(root);
    }

    function test_the_whole_struct_completes_it_as_in_the_original() public {
        bytes32 root = _queue(staker, 2e18);
        IDelegationManager.Withdrawal memory withdrawal = delegationManager.queuedWithdrawals(root);
        roll(DELAY + 1);
        IERC20[] memory tokens = new IERC20[](1);
        tokens[0] = secondStrategy.underlyingToken();
        vm.startPrank(staker);
        vm.expectRevert(
            abi.encodeWithSelector(
                IDelegationManager.WrongToken.selector, address(tokens[0]), address(strategy.underlyingToken())
            )
        );
        delegationManager.completeQueuedWithdrawal(withdrawal, tokens, true);
        tokens[0] = strategy.underlyingToken();
        withdrawal.scaledShares[0] += 1;
        vm.expectRevert(IDelegationManager.WithdrawalNotQueued.selector);
        delegationManager.completeQueuedWithdrawal(withdrawal, tokens, true);
        withdrawal.scaledShares[0] -= 1;
        delegationManager.completeQueuedWithdrawal(withdrawal, tokens, true);
        vm.stopPrank();
        assertEq(strategy.underlyingToken().balanceOf(staker), 2e18);
    }

    function test_a_slash_while_it_waits_takes_its_part() public {
        makeSlashable(0.5e18);
        bytes32 root = _queue(staker, 100e18);
        roll(DELAY);
        (uint256 slashId, uint256[] memory taken) = slash(1e18);
        assertEq(taken[0], (OWN_STAKE + DELEGATED_STAKE) / 2);
        roll(1);
        _complete(staker, root, true);
        assertEq(strategy.underlyingToken().balanceOf(staker), 50e18);
        roll(50_400);
        strategyManager.clearBurnOrRedistributableShares(operatorSet, slashId);
        assertEq(strategy.underlyingToken().balanceOf(recipient), (OWN_STAKE + DELEGATED_STAKE) / 2);
    }

    function test_a_slash_after_the_delay_takes_nothing_even_if_nobody_completed_it() public {
        makeSlashable(0.5e18);
        bytes32 root = _queue(staker, 100e18);
        roll(DELAY + 1);
        (, uint256[] memory taken) = slash(1e18);
        assertEq(taken[0], (OWN_STAKE + DELEGATED_STAKE - 100e18) / 2);
        (, uint256[] memory shares) = delegationManager.getQueuedWithdrawal(root);
        assertEq(shares[0], 100e18);
        _complete(staker, root, true);
        assertEq(strategy.underlyingToken().balanceOf(staker), 100e18);
    }

    function testFuzz_it_pays_what_the_formula_says(uint256 amount, uint64 magnitude, uint64 wad, uint256 wait) public {
        amount = bound(amount, 1, DELEGATED_STAKE);
        magnitude = uint64(bound(magnitude, 1, 1e18));
        wad = uint64(bound(wad, 1, 1e18));
        wait = bound(wait, 0, DELAY + 10);
        makeSlashable(magnitude);
        bytes32 root = _queue(staker, amount);
        roll(wait);
        slash(wad);
        uint256 present = wait <= DELAY ? allocationManager.getMaxMagnitude(operator, address(strategy)) : 1e18;
        if (wait <= DELAY) roll(DELAY + 1 - wait);
        _complete(staker, root, true);
        assertEq(strategy.underlyingToken().balanceOf(staker), amount * present / 1e18);
    }

    function test_who_is_delegated_to_nobody_withdraws_too() public {
        address free = makeAddr("free staker");
        deposit(free, strategy, 5e18);
        bytes32 root = _queue(free, 5e18);
        roll(DELAY + 1);
        _complete(free, root, true);
        assertEq(strategy.underlyingToken().balanceOf(free), 5e18);
        assertEq(strategyManager.stakerStrategyListLength(free), 0);
    }

    function test_who_leaves_an_operator_queues_everything_apart() public {
        deposit(staker, secondStrategy, 7e18);
        vm.prank(staker);
        bytes32[] memory roots = delegationManager.undelegate(staker);
        assertEq(roots.length, 2);
        assertFalse(delegationManager.isDelegated(staker));
        assertEq(delegationManager.operatorShares(operator, address(strategy)), OWN_STAKE);
        assertEq(delegationManager.operatorShares(operator, address(secondStrategy)), 0);
        assertEq(delegationManager.getSlashableSharesInQueue(operator, address(strategy)), DELEGATED_STAKE);
    }

    function test_the_operators_side_may_force_a_staker_out() public {
        address approver = makeAddr("approver");
        address stranger = makeAddr("stranger");
        vm.prank(operator);
        delegationManager.modifyOperatorDetails(operator, approver);
        vm.prank(stranger);
        vm.expectRevert(IDelegationManager.CallerCannotUndelegate.selector);
        delegationManager.undelegate(staker);
        vm.expectEmit();
        emit IDelegationManager.StakerForceUndelegated(staker, operator);
        vm.prank(approver);
        delegationManager.undelegate(staker);
        assertFalse(delegationManager.isDelegated(staker));
    }

    function test_operators_never_leave_themselves_nor_stakers_what_they_are_not_in() public {
        vm.prank(operator);
        vm.expectRevert(IDelegationManager.OperatorsCannotUndelegate.selector);
        delegationManager.undelegate(operator);
        address free = makeAddr("free staker");
        vm.prank(free);
        vm.expectRevert(IDelegationManager.NotActivelyDelegated.selector);
        delegationManager.undelegate(free);
    }

    function test_stake_follows_to_another_operator_as_shares() public {
        address second = makeAddr("second operator");
        registerOperator(second);
        makeSlashable(0.5e18);
        slash(1e18);
        IDelegationManager.SignatureWithExpiry memory none;
        vm.prank(staker);
        bytes32 root = delegationManager.redelegate(second, none, 0)[0];
        assertEq(delegationManager.delegatedTo(staker), second);
        assertEq(delegationManager.operatorShares(second, address(strategy)), 0);
        roll(DELAY + 1);
        _complete(staker, root, false);
        assertEq(delegationManager.operatorShares(second, address(strategy)), DELEGATED_STAKE / 2);
        assertEq(delegationManager.depositScalingFactor(staker, address(strategy)), 1e18);
        assertEq(strategyManager.stakerDepositShares(staker, address(strategy)), DELEGATED_STAKE / 2);
    }

    function test_who_leaves_stays_slashable_under_the_operator_that_it_left() public {
        address second = makeAddr("second operator");
        registerOperator(second);
        makeSlashable(1e18);
        IDelegationManager.SignatureWithExpiry memory none;
        vm.prank(staker);
        bytes32 root = delegationManager.redelegate(second, none, 0)[0];
        slash(0.25e18);
        roll(DELAY + 1);
        _complete(staker, root, true);
        assertEq(strategy.underlyingToken().balanceOf(staker), DELEGATED_STAKE * 3 / 4);
    }

    function test_after_everything_is_withdrawn_an_old_slash_is_forgotten() public {
        makeSlashable(0.5e18);
        slash(1e18);
        deposit(staker, strategy, 10e18);
        assertNotEq(delegationManager.depositScalingFactor(staker, address(strategy)), 1e18);
        vm.prank(staker);
        delegationManager.undelegate(staker);
        assertEq(delegationManager.depositScalingFactor(staker, address(strategy)), 1e18);
    }

    function test_inputs_out_of_bounds_are_refused_by_name() public {
        _expectQueueRefused(
            new address[](0), new uint256[](0), _selector(IDelegationManager.InputArrayLengthZero.selector)
        );
        _expectQueueRefused(
            one(address(strategy)), new uint256[](0), _selector(IDelegationManager.InputArrayLengthMismatch.selector)
        );
        _expectQueueRefused(one(address(strategy)), _amount(0), _selector(IStrategyManager.SharesAmountZero.selector));
        _expectQueueRefused(
            one(address(strategy)),
            _amount(DELEGATED_STAKE + 1),
            _selector(IStrategyManager.SharesAmountTooHigh.selector)
        );
        _expectQueueRefused(
            new address[](33), new uint256[](33), abi.encodeWithSelector(IDelegationManager.TooMany.selector, 33, 32)
        );
        vm.expectRevert(abi.encodeWithSelector(IDelegationManager.TooMany.selector, 33, 32));
        delegationManager.queueWithdrawals(new IDelegationManager.QueuedWithdrawalParams[](33));
    }

    function test_the_share_accounts_obey_the_delegation_manager_alone() public {
        bytes4 refused = IStrategyManager.OnlyDelegationManager.selector;
        vm.startPrank(staker);
        vm.expectRevert(refused);
        strategyManager.addShares(staker, address(strategy), 1);
        vm.expectRevert(refused);
        strategyManager.removeDepositShares(staker, address(strategy), 1);
        IERC20 token = strategy.underlyingToken();
        vm.expectRevert(refused);
        strategyManager.withdrawSharesAsTokens(staker, address(strategy), token, 1);
        vm.stopPrank();
    }

    function test_a_token_that_calls_back_gets_nothing_twice() public {
        CallingToken token = new CallingToken();
        StrategyBase calling = new StrategyBase(address(strategyManager), token, address(pauserRegistry));
        vm.prank(whitelister);
        strategyManager.addStrategiesToDepositWhitelist(one(address(calling)));
        deposit(staker, calling, 9e18);
        bytes32 root = _queueOf(staker, calling, 9e18);
        roll(DELAY + 1);
        token.onTransfer(
            address(delegationManager), abi.encodeWithSignature("completeQueuedWithdrawal(bytes32,bool)", root, true)
        );
        _expectRefused(staker, root, ReentrancyGuard.ReentrancyGuardReentrantCall.selector);
        (IDelegationManager.Withdrawal[] memory withdrawals, IERC20[][] memory tokens, bool[] memory asTokens) =
            _asOriginal(root, token);
        vm.startPrank(staker);
        vm.expectRevert(ReentrancyGuard.ReentrancyGuardReentrantCall.selector);
        delegationManager.completeQueuedWithdrawal(withdrawals[0], tokens[0], true);
        vm.expectRevert(ReentrancyGuard.ReentrancyGuardReentrantCall.selector);
        delegationManager.completeQueuedWithdrawals(withdrawals, tokens, asTokens);
        vm.stopPrank();
        token.onTransfer(address(0), "");
        _complete(staker, root, true);
        assertEq(token.balanceOf(staker), 9e18);
    }

    function test_lists_that_do_not_match_are_refused() public {
        bytes32 root = _queue(staker, 1e18);
        roll(DELAY + 1);
        (IDelegationManager.Withdrawal[] memory withdrawals, IERC20[][] memory tokens, bool[] memory asTokens) =
            _asOriginal(root, strategy.underlyingToken());
        bytes4 refused = IDelegationManager.InputArrayLengthMismatch.selector;
        vm.startPrank(staker);
        vm.expectRevert(refused);
        delegationManager.completeQueuedWithdrawals(withdrawals, new IERC20[][](2), asTokens);
        vm.expectRevert(refused);
        delegationManager.completeQueuedWithdrawals(withdrawals, tokens, new bool[](2));
        vm.expectRevert(refused);
        delegationManager.completeQueuedWithdrawal(withdrawals[0], new IERC20[](2), false);
        delegationManager.completeQueuedWithdrawals(withdrawals, tokens, asTokens);
        vm.stopPrank();
        assertEq(strategy.underlyingToken().balanceOf(staker), 1e18);
    }

    function test_two_withdrawals_of_the_same_are_two() public {
        bytes32 first = _queue(staker, 1e18);
        bytes32 second = _queue(staker, 1e18);
        assertNotEq(first, second);
        assertEq(delegationManager.cumulativeWithdrawalsQueued(staker), 2);
        roll(DELAY + 1);
        _complete(staker, first, true);
        _complete(staker, second, true);
        assertEq(strategy.underlyingToken().balanceOf(staker), 2e18);
    }

    /// @dev Nothing is left of one strategy; the others of the same withdrawal must still come back as shares.
    function test_what_was_slashed_to_nothing_holds_back_nothing() public {
        deposit(staker, secondStrategy, 7e18);
        makeSlashable(1e18);
        uint256[] memory amounts = new uint256[](2);
        (amounts[0], amounts[1]) = (DELEGATED_STAKE, 7e18);
        vm.prank(staker);
        bytes32 root = delegationManager.queueWithdrawals(_params(_both(), amounts))[0];
        slash(1e18);
        roll(DELAY + 1);
        _complete(staker, root, false);
        assertEq(strategyManager.stakerDepositShares(staker, address(strategy)), 0);
        assertEq(strategyManager.stakerDepositShares(staker, address(secondStrategy)), 7e18);
    }

    function test_a_token_that_fails_holds_back_no_other() public {
        CallingToken token = new CallingToken();
        StrategyBase failing = new StrategyBase(address(strategyManager), token, address(pauserRegistry));
        vm.prank(whitelister);
        strategyManager.addStrategiesToDepositWhitelist(one(address(failing)));
        deposit(staker, failing, 9e18);
        token.onTransfer(address(this), abi.encodeCall(this.refuse, ()));
        vm.prank(staker);
        bytes32[] memory roots = delegationManager.undelegate(staker);
        roll(DELAY + 1);
        _complete(staker, roots[0], true);
        assertEq(strategy.underlyingToken().balanceOf(staker), DELEGATED_STAKE);
        vm.prank(staker);
        vm.expectRevert("refused");
        delegationManager.completeQueuedWithdrawal(roots[1], true);
        _complete(staker, roots[1], false);
        assertEq(strategyManager.stakerDepositShares(staker, address(failing)), 9e18);
    }

    /// @dev Entries round down one by one and the slash rounds them together: without `slashedQueue`'s drift more shares would
    /// be promised than the strategy has, and the last to leave would be stuck.
    function testFuzz_everybody_gets_out_after_slashes_of_many_small_withdrawals(uint64 first, uint64 second) public {
        makeSlashable(1e18);
        slash(bound(first, 1, 0.9e18));
        bytes32[] memory roots = new bytes32[](20);
        for (uint256 i = 0; i < roots.length; i++) {
            roots[i] = _queue(staker, 1 + i % 3);
        }
        (uint256 slashId,) = slash(bound(second, 1, 0.9e18));
        vm.prank(staker);
        bytes32 last = delegationManager.undelegate(staker)[0];
        bytes32 own = _queue(operator, OWN_STAKE);
        roll(DELAY + 1);
        for (uint256 i = 0; i < roots.length; i++) {
            _complete(staker, roots[i], true);
        }
        strategyManager.clearBurnOrRedistributableShares(operatorSet, slashId);
        strategyManager.clearBurnOrRedistributableShares(operatorSet, slashId - 1);
        _complete(operator, own, true);
        _complete(staker, last, true);
        assertLe(strategy.totalShares(), 2 * roots.length + 4);
    }

    function test_no_shares_are_no_deposit() public {
        vm.prank(address(delegationManager));
        vm.expectRevert(IStrategyManager.SharesAmountZero.selector);
        strategyManager.addShares(staker, address(strategy), 0);
    }

    function refuse() external pure {
        revert("refused");
    }

    function _asOriginal(bytes32 root, IERC20 token)
        private
        view
        returns (IDelegationManager.Withdrawal[] memory withdrawals, IERC20[][] memory tokens, bool[] memory asTokens)
    {
        withdrawals = new IDelegationManager.Withdrawal[](1);
        withdrawals[0] = delegationManager.queuedWithdrawals(root);
        tokens = new IERC20[][](1);
        tokens[0] = new IERC20[](1);
        tokens[0][0] = token;
        asTokens = new bool[](1);
        asTokens[0] = true;
    }

    function _queue(address who, uint256 amount) private returns (bytes32) {
        return _queueOf(who, strategy, amount);
    }

    function _queueOf(address who, StrategyBase what, uint256 amount) private returns (bytes32) {
        vm.prank(who);
        return delegationManager.queueWithdrawals(_params(one(address(what)), _amount(amount)))[0];
    }

    function _complete(address who, bytes32 root, bool asTokens) private {
        vm.prank(who);
        delegationManager.completeQueuedWithdrawal(root, asTokens);
    }

    function _expectRefused(address who, bytes32 root, bytes4 reason) private {
        vm.prank(who);
        vm.expectRevert(reason);
        delegationManager.completeQueuedWithdrawal(root, true);
    }

    function _expectQueueRefused(address[] memory strategies, uint256[] memory amounts, bytes memory reason) private {
        vm.prank(staker);
        vm.expectRevert(reason);
        delegationManager.queueWithdrawals(_params(strategies, amounts));
    }

    function _params(address[] memory strategies, uint256[] memory amounts)
        private
        pure
        returns (IDelegationManager.QueuedWithdrawalParams[] memory params)
    {
        params = new IDelegationManager.QueuedWithdrawalParams[](1);
        params[0] = IDelegationManager.QueuedWithdrawalParams(strategies, amounts, address(0));
    }

    function _amount(uint256 amount) private pure returns (uint256[] memory amounts) {
        amounts = new uint256[](1);
        amounts[0] = amount;
    }

    function _selector(bytes4 selector) private pure returns (bytes memory) {
        return abi.encodeWithSelector(selector);
    }
}
