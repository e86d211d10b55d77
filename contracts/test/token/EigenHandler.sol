// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {EigenFixture} from "./EigenFixture.sol";

/// @title Does random, mostly legal things with EIGEN: three accounts wrap, unwrap, stake, leave and are slashed. Two of them are
/// delegated to an operator whose stake one set can slash; the test itself is the slasher.
contract EigenHandler is EigenFixture {
    uint256 public constant ACCOUNTS = 3;

    struct Snapshot {
        uint256 blockNumber;
        address account;
        address operator;
        uint256 worth;
    }

    address[] public accounts;
    Snapshot[] private _snapshots;
    uint256 public supplyAtStop;
    uint256 public stoppedAt;
    /// @dev What each account had queued, and when: nobody may be paid more than it queued a lag before.
    mapping(address account => uint256[2][]) private _queuedBy;
    mapping(address account => uint256) private _paid;
    bool public leftEarly;
    bool public exitRefused;
    bool public slashLeftEarly;

    constructor() {
        deployEigen();
        registerOperator(operator);
        stakeBacking(operator, 100e18);
        allocate(operator, operatorSet, address(strategy), WAD);
        pass(allocationWait(operator));
        joinSet(operator, operatorSet, "");
        for (uint256 i = 0; i < ACCOUNTS; i++) {
            accounts.push(makeAddr(string.concat("account ", vm.toString(i))));
            vm.prank(holder);
            backing.transfer(accounts[i], 1_000e18);
            if (i != 0) delegate(accounts[i], operator);
        }
    }

    function wrap(uint256 who, uint256 amount) external {
        address account = accounts[who % ACCOUNTS];
        amount = bound(amount, 0, backing.balanceOf(account));
        vm.startPrank(account);
        backing.approve(address(eigen), amount);
        eigen.wrap(amount);
        vm.stopPrank();
    }

    function unwrap(uint256 who, uint256 amount) external {
        address account = accounts[who % ACCOUNTS];
        amount = bound(amount, 0, eigen.balanceOf(account));
        vm.prank(account);
        eigen.unwrap(amount);
    }

    function stop(uint256 dice) external {
        if (dice % 20 != 0) return;
        supplyAtStop = eigen.totalSupply();
        stoppedAt = vm.getBlockTimestamp();
        vm.prank(challengeVault);
        eigen.stopWrapping();
        pass(1);
    }

    function stakeSome(uint256 who, uint256 amount, bool wrapped) external {
        address account = accounts[who % ACCOUNTS];
        uint256 most = wrapped ? eigen.balanceOf(account) : backing.balanceOf(account);
        stake(account, wrapped ? IERC20(eigen) : backing, bound(amount, 0, most));
    }

    function queueSome(uint256 who, uint256 amount) external {
        address account = accounts[who % ACCOUNTS];
        amount = bound(amount, 0, strategyManager.stakerDepositShares(account, address(strategy)));
        queue(account, amount);
        _queuedBy[account].push([vm.getBlockNumber(), amount]);
    }

    function completeSome(uint256 who, uint256 which, bool asTokens, bool wait) external {
        address account = accounts[who % ACCOUNTS];
        bytes32[] memory roots = delegationManager.getQueuedWithdrawalRoots(account);
        if (roots.length == 0) return;
        bytes32 root = roots[which % roots.length];
        uint256 start = delegationManager.queuedWithdrawals(root).startBlock;
        if (wait && vm.getBlockNumber() <= start + LAG) pass(start + LAG + 1 - vm.getBlockNumber());
        bool due = vm.getBlockNumber() > start + LAG;
        uint256 before = backing.balanceOf(account);
        vm.prank(account);
        try delegationManager.completeQueuedWithdrawal(root, asTokens) {
            _paid[account] += backing.balanceOf(account) - before;
            if (_paid[account] > _queuedLongAgo(account)) leftEarly = true;
        } catch {
            if (due && (asTokens || allocationManager.getMaxMagnitude(operator, address(strategy)) != 0)) {
                exitRefused = true;
            }
        }
    }

    function slashSome(uint256 wad) external {
        slash(bound(wad, 1, WAD / 5));
    }

    function clearSome(uint256 which) external {
        uint256[] memory ids = strategyManager.getPendingSlashIds(operatorSet);
        if (ids.length == 0) return;
        uint256 slashId = ids[which % ids.length];
        uint256 slashBlock = strategyManager.getSlashResolutionBlock(operatorSet, slashId)
            - strategyManager.slashResolutionDelayBlocks();
        uint256 before = backing.balanceOf(recipient);
        clear(slashId);
        bool early = vm.getBlockNumber() <= slashBlock + LAG;
        if (early && backing.balanceOf(recipient) != before) slashLeftEarly = true;
    }

    function release(uint256 which) external {
        if (escrow.outflowCount() == 0) return;
        escrow.release(which % escrow.outflowCount());
    }

    /// @dev What the accounts say of this block must be what the checkpoints say of it later.
    function passSome(uint256 blocks) external {
        address account = accounts[blocks % ACCOUNTS];
        (uint256[] memory worth,) = delegationManager.getWithdrawableShares(account, one(address(strategy)));
        address under = delegationManager.delegatedTo(account);
        _snapshots.push(Snapshot(vm.getBlockNumber(), account, under, worth[0]));
        pass(bound(blocks, 1, 100_000));
    }

    function checkpointsAgree() external view returns (bool) {
        for (uint256 i = 0; i < _snapshots.length; i++) {
            Snapshot memory kept = _snapshots[i];
            (address under, uint256 worth) = escrow.worthAt(kept.account, kept.blockNumber);
            if (under != kept.operator || worth != kept.worth) return false;
        }
        return true;
    }

    function stakes() external view returns (uint256 total) {
        total = escrow.stakeOf(operator);
        for (uint256 i = 0; i < ACCOUNTS; i++) {
            total += escrow.stakeOf(accounts[i]);
        }
    }

    function parts()
        external
        view
        returns (uint256 escrowBalance, uint256 held, uint256 owed, uint256 shares, uint256 wrapped, uint256 backed)
    {
        return (
            backing.balanceOf(address(escrow)),
            escrow.held(),
            escrow.owed(),
            strategy.totalShares(),
            eigen.totalSupply(),
            backing.balanceOf(address(eigen))
        );
    }

    function totalStake() external view returns (uint256) {
        return escrow.totalStakeAt(vm.getBlockNumber() - 1);
    }

    /// @return logged The sum of all accounts' logs.
    /// @return total What the wrapper says.
    function logs() external view returns (uint256 logged, uint256 total) {
        logged = eigen.unwrapped(address(strategy)) + eigen.unwrapped(holder);
        for (uint256 i = 0; i < ACCOUNTS; i++) {
            logged += eigen.unwrapped(accounts[i]);
        }
        total = eigen.totalUnwrapped();
    }

    function unwrappedSinceStop() external view returns (uint256) {
        return eigen.totalUnwrapped() - eigen.totalUnwrappedAt(stoppedAt);
    }

    function _queuedLongAgo(address account) private view returns (uint256 total) {
        for (uint256 i = 0; i < _queuedBy[account].length; i++) {
            if (_queuedBy[account][i][0] + LAG < vm.getBlockNumber()) total += _queuedBy[account][i][1];
        }
    }
}
