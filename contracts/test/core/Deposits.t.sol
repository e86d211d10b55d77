// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {StrategyBase} from "../../src/core/StrategyBase.sol";
import {IPausable} from "../../src/interfaces/IPausable.sol";
import {IStrategy} from "../../src/interfaces/IStrategy.sol";
import {IStrategyManager} from "../../src/interfaces/IStrategyManager.sol";
import {IDelegationManager} from "../../src/interfaces/IDelegationManager.sol";
import {CoreFixture} from "./CoreFixture.sol";
import {TestToken} from "./TestToken.sol";

contract DepositsTest is CoreFixture {
    StrategyBase private strategy;
    TestToken private token;
    address private staker;
    uint256 private stakerKey;

    function setUp() public {
        deployCore(localDelays());
        strategy = newStrategy();
        token = TestToken(address(strategy.underlyingToken()));
        (staker, stakerKey) = makeAddrAndKey("staker");
    }

    function test_a_deposit_credits_its_sender() public {
        assertEq(deposit(staker, strategy, 5e18), 5e18);
        assertEq(strategyManager.stakerDepositShares(staker, address(strategy)), 5e18);
        (address[] memory strategies, uint256[] memory shares) = strategyManager.getDeposits(staker);
        assertEq(strategies, one(address(strategy)));
        assertEq(shares[0], 5e18);
        deposit(staker, strategy, 1e18);
        assertEq(strategyManager.stakerStrategyListLength(staker), 1);
        assertEq(strategy.shares(staker), 6e18);
        assertEq(strategy.userUnderlyingView(staker), 6e18);
        assertEq(token.balanceOf(address(strategy)), 6e18);
    }

    function test_a_strategy_off_the_whitelist_is_refused() public {
        vm.prank(whitelister);
        strategyManager.removeStrategiesFromDepositWhitelist(one(address(strategy)));
        assertFalse(strategyManager.strategyIsWhitelistedForDeposit(address(strategy)));
        _expectDepositRefused(token, 1e18, IStrategyManager.StrategyNotWhitelisted.selector);
    }

    function test_only_the_whitelister_keeps_the_list() public {
        bytes4 refused = IStrategyManager.OnlyStrategyWhitelister.selector;
        vm.expectRevert(refused);
        strategyManager.addStrategiesToDepositWhitelist(one(address(strategy)));
        vm.expectRevert(refused);
        strategyManager.removeStrategiesFromDepositWhitelist(one(address(strategy)));
        vm.expectRevert(refused);
        strategyManager.setStrategyWhitelister(address(this));
        vm.prank(whitelister);
        strategyManager.setStrategyWhitelister(address(this));
        strategyManager.addStrategiesToDepositWhitelist(one(address(strategy)));
    }

    function test_a_paused_deposit_is_refused() public {
        vm.prank(pauser);
        strategyManager.pauseAll();
        _expectDepositRefused(token, 1e18, IPausable.CurrentlyPaused.selector);
        vm.prank(unpauser);
        strategyManager.unpause(0);
        vm.prank(pauser);
        strategy.pause(1);
        _expectDepositRefused(token, 1e18, IPausable.CurrentlyPaused.selector);
    }

    function test_a_paused_deposit_is_refused_with_a_signature_too() public {
        _fund(address(this), 1e18);
        bytes memory signature = _sign(stakerKey, 1e18, 0, block.timestamp);
        vm.prank(pauser);
        strategyManager.pauseAll();
        vm.expectRevert(IPausable.CurrentlyPaused.selector);
        strategyManager.depositIntoStrategyWithSignature(
            address(strategy), token, 1e18, staker, block.timestamp, signature
        );
    }

    function test_another_token_is_refused() public {
        TestToken other = new TestToken();
        other.mint(staker, 1e18);
        _expectDepositRefused(other, 1e18, IStrategy.OnlyUnderlyingToken.selector);
    }

    function test_a_deposit_that_rounds_to_no_share_is_refused() public {
        _expectDepositRefused(token, 0, IStrategy.NewSharesZero.selector);
        token.mint(address(strategy), 1e6);
        _expectDepositRefused(token, 1_000, IStrategy.NewSharesZero.selector);
    }

    function test_a_first_depositor_cannot_steal_the_next_deposit() public {
        address thief = makeAddr("thief");
        deposit(thief, strategy, 1);
        token.mint(address(strategy), 100e18);
        deposit(staker, strategy, 100e18);
        assertGe(strategy.userUnderlyingView(staker), 99.8e18);
        assertLt(strategy.userUnderlyingView(thief), 1e18);
    }

    function test_total_shares_are_bounded() public {
        deposit(staker, strategy, 1e38 - 1);
        _expectDepositRefused(token, 1, IStrategy.TotalSharesExceedsMax.selector);
    }

    function test_a_staker_has_at_most_32_strategies() public {
        for (uint256 i = 0; i < 32; i++) {
            deposit(staker, newStrategy(), 1);
        }
        _expectDepositRefused(token, 1, IStrategyManager.MaxStrategiesExceeded.selector);
    }

    function test_only_the_strategy_manager_moves_a_strategy() public {
        vm.expectRevert(IStrategy.OnlyStrategyManager.selector);
        strategy.deposit(token, 1);
        vm.expectRevert(IStrategy.OnlyStrategyManager.selector);
        strategy.withdraw(address(this), token, 1);
        vm.expectRevert(IStrategy.OnlyStrategyManager.selector);
        strategy.withdrawSlashed(address(this), token, 1, 0);
        vm.expectRevert(IStrategy.OnlyStrategyManager.selector);
        strategy.beforeAddShares(staker, 1);
        vm.expectRevert(IStrategy.OnlyStrategyManager.selector);
        strategy.beforeRemoveShares(staker, 1);
        vm.expectRevert(IDelegationManager.OnlyStrategyManagerOrEigenPodManager.selector);
        delegationManager.increaseDelegatedShares(staker, address(strategy), 0, 1);
    }

    function test_a_strategy_pays_no_more_than_it_has_and_no_other_token() public {
        deposit(staker, strategy, 5);
        TestToken other = new TestToken();
        vm.startPrank(address(strategyManager));
        vm.expectRevert(IStrategy.WithdrawalAmountExceedsTotalDeposits.selector);
        strategy.withdraw(staker, token, 6);
        vm.expectRevert(IStrategy.OnlyUnderlyingToken.selector);
        strategy.withdraw(staker, other, 5);
        assertEq(strategy.withdraw(staker, token, 5), 5);
        vm.stopPrank();
    }

    function test_withdrawals_from_a_strategy_cannot_be_paused() public {
        for (uint256 bits = 2; bits < 4; bits++) {
            vm.prank(pauser);
            vm.expectRevert(IStrategy.WithdrawalsCannotBePaused.selector);
            strategy.pause(bits);
        }
    }

    function test_a_signed_deposit_credits_the_signer_once() public {
        _fund(address(this), 2e18);
        bytes memory signature = _sign(stakerKey, 1e18, 0, block.timestamp);
        strategyManager.depositIntoStrategyWithSignature(
            address(strategy), token, 1e18, staker, block.timestamp, signature
        );
        assertEq(strategyManager.stakerDepositShares(staker, address(strategy)), 1e18);
        assertEq(strategyManager.nonces(staker), 1);
        vm.expectRevert(IStrategyManager.InvalidSignature.selector);
        strategyManager.depositIntoStrategyWithSignature(
            address(strategy), token, 1e18, staker, block.timestamp, signature
        );
    }

    function test_a_signed_deposit_of_another_amount_or_too_late_is_refused() public {
        _fund(address(this), 2e18);
        bytes memory signature = _sign(stakerKey, 1e18, 0, block.timestamp);
        vm.expectRevert(IStrategyManager.InvalidSignature.selector);
        strategyManager.depositIntoStrategyWithSignature(
            address(strategy), token, 2e18, staker, block.timestamp, signature
        );
        vm.warp(block.timestamp + 1);
        vm.expectRevert(IStrategyManager.SignatureExpired.selector);
        strategyManager.depositIntoStrategyWithSignature(
            address(strategy), token, 1e18, staker, block.timestamp - 1, signature
        );
    }

    function test_nobody_stakes_for_the_zero_address() public {
        _fund(address(this), 1e18);
        vm.expectRevert(IStrategyManager.InvalidSignature.selector);
        strategyManager.depositIntoStrategyWithSignature(
            address(strategy), token, 1e18, address(0), block.timestamp, new bytes(65)
        );
    }

    /// @dev Whoever comes and goes: no round trip gains, whatever was donated.
    function testFuzz_a_round_trip_never_gains(uint256 first, uint256 donated, uint256 amount) public {
        first = bound(first, 1, 1e30);
        donated = bound(donated, 0, 1e30);
        amount = bound(amount, 1, 1e30);
        deposit(makeAddr("first"), strategy, first);
        token.mint(address(strategy), donated);
        vm.assume(strategy.underlyingToShares(amount) != 0);
        uint256 shares = deposit(staker, strategy, amount);
        assertEq(shares, amount * (first + 1e3) / (first + donated + 1e3));
        vm.prank(address(strategyManager));
        assertLe(strategy.withdraw(staker, token, shares), amount);
    }

    function _fund(address account, uint256 amount) private {
        token.mint(account, amount);
        vm.prank(account);
        token.approve(address(strategyManager), amount);
    }

    function _expectDepositRefused(TestToken deposited, uint256 amount, bytes4 reason) private {
        deposited.mint(staker, amount);
        vm.startPrank(staker);
        deposited.approve(address(strategyManager), amount);
        vm.expectRevert(reason);
        strategyManager.depositIntoStrategy(address(strategy), deposited, amount);
        vm.stopPrank();
    }

    function _sign(uint256 key, uint256 amount, uint256 nonce, uint256 expiry) private view returns (bytes memory) {
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "Deposit(address staker,address strategy,address token,uint256 amount,uint256 nonce,uint256 expiry)"
                ),
                staker,
                strategy,
                token,
                amount,
                nonce,
                expiry
            )
        );
        bytes32 digest = keccak256(abi.encodePacked("\x19\x01", domain(address(strategyManager)), structHash));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }
}
