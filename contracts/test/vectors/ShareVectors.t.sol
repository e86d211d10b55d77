// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {StrategyBase} from "../../src/core/StrategyBase.sol";
import {IDelegationManager} from "../../src/interfaces/IDelegationManager.sol";
import {IForkParameters} from "../../src/interfaces/IForkParameters.sol";
import {SlashingLib} from "../../src/libraries/SlashingLib.sol";
import {Escrow} from "../../src/token/Escrow.sol";
import {ForkParameters} from "../../src/token/ForkParameters.sol";
import {TableFile} from "./TableFile.sol";

/// @title A token that says what it is told to say.
contract PliantToken {
    mapping(address account => uint256) public balanceOf;
    uint256 public totalSupply;
    uint8 public constant decimals = 18;

    function set(address account, uint256 balance, uint256 supply) external {
        (balanceOf[account], totalSupply) = (balance, supply);
    }

    function transfer(address, uint256) external pure returns (bool) {
        return true;
    }

    function transferFrom(address, address, uint256) external pure returns (bool) {
        return true;
    }
}

/// @title The arithmetic of shares, strategies, the escrow and fork parameters against the model in Rust.
/// @dev This contract stands in for the managers around a strategy, for the strategy around an escrow and for its parameters.
contract ShareVectorsTest is TableFile {
    uint256 private constant TOTAL_SHARES_SLOT = 1;

    PliantToken private token = new PliantToken();
    StrategyBase private strategy = new StrategyBase(address(this), IERC20(address(token)), address(this));
    uint16 private stakedBips;

    function test_withdrawable() public {
        checkTable("withdrawable", this.withdrawable.selector, "depositShares scalingFactor factor", "result");
    }

    function test_deposit_shares() public {
        checkTable("depositSharesFor", this.depositSharesFor.selector, "target scalingFactor factor", "result");
    }

    function test_scaling_factors() public {
        string memory takes = "scalingFactor depositShares added factor";
        checkTable("scalingFactorAfter", this.scalingFactorAfter.selector, takes, "result");
    }

    function test_slashed_magnitudes() public {
        checkTable("slashedMagnitude", this.slashedMagnitude.selector, "magnitude wad", "result");
    }

    function test_slashed_shares() public {
        checkTable("slashedShares", this.slashedShares.selector, "total prev next", "result");
    }

    function test_slashed_queues() public {
        checkTable("slashedQueue", this.slashedQueue.selector, "total entries prev next", "result");
    }

    function test_strategy_deposits() public {
        checkTable("strategyDeposit", this.strategyDeposit.selector, "amount totalShares balance", "shares");
    }

    function test_strategy_withdrawals() public {
        string memory takes = "shares totalShares balance";
        checkTable("strategyWithdrawal", this.strategyWithdrawal.selector, takes, "value paid");
    }

    function test_forkable_stake() public {
        checkTable("forkable", this.forkable.selector, "staked slashed supply shareBips", "result");
    }

    function test_fork_parameters() public {
        string memory durations =
            "censorship deliberation challenge redemption lock withdrawal vote pending followerLag stakeTableAge appealRung";
        string memory bips =
            " challengeBurn destruction burn challengerPremium staked slashable firstAppeal appealRungs";
        string memory takes = string.concat(durations, bips);
        checkTable("forkParameters", this.forkParameters.selector, takes, "rule left right");
    }

    // The functions that the tables name.

    function withdrawable(uint256 depositShares, uint256 k, uint256 f) external pure returns (uint256) {
        return SlashingLib.withdrawable(depositShares, k, f);
    }

    function depositSharesFor(uint256 target, uint256 k, uint256 f) external pure returns (uint256) {
        return SlashingLib.depositSharesFor(target, k, f);
    }

    function scalingFactorAfter(uint256 k, uint256 shares_, uint256 added, uint256 f) external pure returns (uint256) {
        return SlashingLib.scalingFactorAfter(k, shares_, added, f);
    }

    function slashedMagnitude(uint256 magnitude, uint256 wad) external pure returns (uint256) {
        return SlashingLib.mulWadUp(magnitude, wad);
    }

    function slashedShares(uint256 total, uint64 prev, uint64 next) external pure returns (uint256) {
        return SlashingLib.slashedShares(total, prev, next);
    }

    function slashedQueue(uint256 total, uint256 entries, uint64 prev, uint64 next) external pure returns (uint256) {
        return SlashingLib.slashedQueue(total, entries, prev, next);
    }

    function strategyDeposit(uint256 amount, uint256 totalShares, uint256 balance) external returns (uint256) {
        setStrategy(totalShares, balance);
        return strategy.deposit(IERC20(address(token)), amount);
    }

    function strategyWithdrawal(uint256 amountShares, uint256 totalShares, uint256 balance)
        external
        returns (uint256 value, uint256 paid)
    {
        setStrategy(totalShares, balance);
        value = strategy.sharesToUnderlyingView(amountShares);
        paid = strategy.withdraw(address(this), IERC20(address(token)), amountShares);
        assertEq(strategy.totalShares(), totalShares - amountShares);
    }

    /// @dev What was slashed has left the escrow; nobody is unstaked by it.
    function forkable(uint256 staked, uint256 slashed, uint256 supply, uint16 shareBips) external returns (bool) {
        Escrow escrow = new Escrow(
            address(this),
            IERC20(address(token)),
            IForkParameters(address(this)),
            IDelegationManager(address(this)),
            1,
            1
        );
        token.set(address(escrow), staked, supply);
        stakedBips = shareBips;
        escrow.deposit(staked);
        escrow.addStake(address(1), staked);
        escrow.paySlashed(address(2), slashed, 0);
        return escrow.isForkable();
    }

    /// @dev Too many words for the stack: they are read as the structs that they make.
    function forkParameters() external returns (uint256 rule, uint256 left, uint256 right) {
        (IForkParameters.Times memory times_, IForkParameters.Shares memory shares_) =
            abi.decode(msg.data[4:], (IForkParameters.Times, IForkParameters.Shares));
        try new ForkParameters(times_, shares_) {
            return (0, 0, 0);
        } catch (bytes memory reason) {
            return this.ruleOf(reason);
        }
    }

    function ruleOf(bytes calldata reason) external pure returns (uint256, uint256, uint256) {
        if (bytes4(reason) == IForkParameters.ZeroParameter.selector) {
            return (15, abi.decode(reason[4:], (uint256)), 0);
        }
        assertTrue(bytes4(reason) == IForkParameters.RuleBroken.selector, "refused by a rule");
        (string memory rule, uint256 left, uint256 right) = abi.decode(reason[4:], (string, uint256, uint256));
        for (uint256 i = 0; i < 14; ++i) {
            if (keccak256(bytes(rules()[i])) == keccak256(bytes(rule))) return (i + 1, left, right);
        }
        revert(rule);
    }

    // What an escrow asks its parameters and the DelegationManager.

    function times() external pure returns (IForkParameters.Times memory none) {
        return none;
    }

    function shares() external view returns (IForkParameters.Shares memory values) {
        values.staked = stakedBips;
    }

    function minWithdrawalDelayBlocks() external pure returns (uint32) {
        return 1;
    }

    function setStrategy(uint256 totalShares, uint256 balance) private {
        token.set(address(strategy), balance, balance);
        vm.store(address(strategy), bytes32(TOTAL_SHARES_SLOT), bytes32(totalShares));
        assertEq(strategy.totalShares(), totalShares);
    }

    function rules() private pure returns (string[14] memory) {
        return [
            "challenge > censorship + deliberation",
            "redemption > censorship + challenge",
            "lock > redemption",
            "withdrawal > vote + redemption",
            "withdrawal > stakeTableAge + redemption",
            "pending > censorship",
            "followerLag > challenge",
            "burn <= 1",
            "slashable <= 1",
            "destruction <= burn x slashable x staked",
            "challengerPremium x challengeBurn x burn <= (1 - burn) x destruction",
            "appealRungs <= 16",
            "challengeBurn <= last appeal",
            "last appeal <= 1"
        ];
    }
}
