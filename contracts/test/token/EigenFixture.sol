// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IAllocationManagerTypes} from "../../src/interfaces/IAllocationManager.sol";
import {IDelegationManager} from "../../src/interfaces/IDelegationManager.sol";
import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {IForkParameters} from "../../src/interfaces/IForkParameters.sol";
import {OperatorSet} from "../../src/libraries/OperatorSetLib.sol";
import {BackingEigen} from "../../src/token/BackingEigen.sol";
import {Eigen} from "../../src/token/Eigen.sol";
import {EigenStrategy} from "../../src/token/EigenStrategy.sol";
import {Escrow} from "../../src/token/Escrow.sol";
import {ForkParameters} from "../../src/token/ForkParameters.sol";
import {CoreFixture} from "../core/CoreFixture.sol";
import {TestAVS} from "../core/TestAVS.sol";

/// @title The first generation of EIGEN on the real core at mainnet's delays, with a set that redistributes it.
abstract contract EigenFixture is CoreFixture {
    uint256 internal constant SUPPLY = 1_673_646_668e18;
    uint256 internal constant SECONDS_PER_BLOCK = 12;
    uint32 internal constant LAG = 216_000;

    BackingEigen internal backing;
    Eigen internal eigen;
    ForkParameters internal parameters;
    Escrow internal escrow;
    EigenStrategy internal strategy;
    TestAVS internal avs;
    OperatorSet internal operatorSet;
    address internal challengeVault = makeAddr("challenge vault");
    address internal holder = makeAddr("holder");
    address internal operator = makeAddr("operator");
    address internal staker = makeAddr("staker");
    address internal recipient = makeAddr("recipient");

    /// @dev The test contract is the set's slasher.
    function deployEigen() internal {
        vm.roll(1_000_000);
        vm.warp(1_800_000_000);
        deployCore(mainnetDelays());
        backing = new BackingEigen(1, holder, SUPPLY);
        eigen = new Eigen(backing, challengeVault);
        parameters = new ForkParameters(mainnetTimes(), defaultShares());
        address strategyAt = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        escrow = new Escrow(strategyAt, backing, parameters, delegationManager, LAG, SECONDS_PER_BLOCK);
        strategy = new EigenStrategy(address(strategyManager), eigen, escrow, address(pauserRegistry));
        assertEq(address(strategy), strategyAt);
        vm.prank(whitelister);
        strategyManager.addStrategiesToDepositWhitelist(one(address(strategy)));
        avs = new TestAVS();
        operatorSet = createSet(address(avs), 1, one(address(strategy)), address(this), recipient);
    }

    /// @dev An operator whose whole stake the set can slash, with a staker behind it.
    function stakeAndJoin(uint256 own, uint256 delegated) internal {
        registerOperator(operator);
        stakeBacking(operator, own);
        stakeBacking(staker, delegated);
        delegate(staker, operator);
        allocate(operator, operatorSet, address(strategy), WAD);
        pass(allocationWait(operator));
        joinSet(operator, operatorSet, "");
    }

    function stakeBacking(address account, uint256 amount) internal {
        vm.prank(holder);
        backing.transfer(account, amount);
        stake(account, backing, amount);
    }

    function stakeWrapped(address account, uint256 amount) internal {
        give(account, amount);
        stake(account, eigen, amount);
    }

    function stake(address account, IERC20 token, uint256 amount) internal {
        vm.startPrank(account);
        token.approve(address(strategyManager), amount);
        strategyManager.depositIntoStrategy(address(strategy), token, amount);
        vm.stopPrank();
    }

    /// @notice Wraps for `account`.
    function give(address account, uint256 amount) internal {
        vm.startPrank(holder);
        backing.approve(address(eigen), amount);
        eigen.wrap(amount);
        eigen.transfer(account, amount);
        vm.stopPrank();
    }

    function queue(address account, uint256 amount) internal returns (bytes32) {
        IDelegationManager.QueuedWithdrawalParams[] memory params = new IDelegationManager.QueuedWithdrawalParams[](1);
        params[0].strategies = one(address(strategy));
        params[0].depositShares = new uint256[](1);
        params[0].depositShares[0] = amount;
        vm.prank(account);
        return delegationManager.queueWithdrawals(params)[0];
    }

    function complete(address account, bytes32 root, bool asTokens) internal {
        vm.prank(account);
        delegationManager.completeQueuedWithdrawal(root, asTokens);
    }

    function slash(uint256 wad) internal returns (uint256 slashId, uint256 shares) {
        IAllocationManagerTypes.SlashingParams memory params;
        params.operator = operator;
        params.operatorSetId = operatorSet.id;
        params.strategies = one(address(strategy));
        params.wadsToSlash = new uint256[](1);
        params.wadsToSlash[0] = wad;
        uint256[] memory taken;
        (slashId, taken) = allocationManager.slashOperator(operatorSet.avs, params);
        shares = taken[0];
    }

    function clear(uint256 slashId) internal {
        strategyManager.clearBurnOrRedistributableShares(operatorSet, slashId);
    }

    function pass(uint256 blocks) internal {
        mine(blocks, SECONDS_PER_BLOCK);
    }

    /// @notice The defaults, with the withdrawal time of mainnet's delays.
    function mainnetTimes() internal pure returns (IForkParameters.Times memory times) {
        times = defaultTimes();
        times.withdrawal = 30 days;
    }

    function defaultTimes() internal pure returns (IForkParameters.Times memory) {
        return IForkParameters.Times({
            censorship: 3.5 days,
            deliberation: 3.5 days,
            challenge: 8 days,
            redemption: 14 days,
            lock: 16 days,
            withdrawal: 21 days,
            vote: 4 days,
            pending: 7 days,
            followerLag: 9 days,
            stakeTableAge: 1 days,
            appealRung: 1 days
        });
    }

    function defaultShares() internal pure returns (IForkParameters.Shares memory) {
        return IForkParameters.Shares({
            challengeBurn: 250,
            destruction: 500,
            burn: 5_000,
            challengerPremium: 4_000,
            staked: 2_000,
            slashable: 5_000,
            firstAppeal: 2,
            appealRungs: 8
        });
    }
}
