// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {StrategyBase} from "../../src/core/StrategyBase.sol";
import {IDelegationManager} from "../../src/interfaces/IDelegationManager.sol";
import {IAllocationManagerTypes} from "../../src/interfaces/IAllocationManager.sol";
import {OperatorSet} from "../../src/libraries/OperatorSetLib.sol";
import {CoreFixture} from "./CoreFixture.sol";
import {TestAVS} from "./TestAVS.sol";

/// @title Does random, mostly legal things to a core that it deploys itself: three operators, four stakers, two
/// strategies, two sets. It is the slasher of both. Counts what was slashed and what was paid out.
contract CoreHandler is CoreFixture {
    uint256 public constant OPERATORS = 3;
    uint256 public constant STAKERS = 4;
    uint256 public constant STRATEGIES = 2;
    uint256 public constant SETS = 2;

    address[] public operators;
    address[] public stakers;
    StrategyBase[] public strategies;
    OperatorSet[] private _sets;

    /// @dev Shares that slashes reported, and shares whose tokens were paid out, per strategy.
    mapping(address strategy => uint256) public slashedShares;
    mapping(address strategy => uint256) public clearedShares;
    bool public maxMagnitudeRose;
    bool public slashDisagreed;
    bool public paidWrongly;
    bool public exitRefused;
    /// @dev Withdrawals ever queued under an operator, and the shares that rounding may have left to nobody.
    mapping(address operator => mapping(address strategy => uint256)) private _entries;
    mapping(address strategy => uint256) public driftMax;

    constructor() {
        vm.roll(1_000);
        deployCore(localDelays());
        TestAVS avs = new TestAVS();
        strategies.push(newStrategy());
        strategies.push(newStrategy());
        _sort();
        address[] memory list = new address[](STRATEGIES);
        (list[0], list[1]) = (address(strategies[0]), address(strategies[1]));
        _sets.push(createSet(address(avs), 1, list, address(this), makeAddr("recipient")));
        _sets.push(createSet(address(avs), 2, list, address(this), address(0)));
        for (uint256 i = 0; i < OPERATORS; i++) {
            operators.push(makeAddr(string.concat("operator ", vm.toString(i))));
            registerOperator(operators[i]);
            deposit(operators[i], strategies[0], 1e18 + i);
            allocate(operators[i], _sets[0], address(strategies[0]), 0.4e18);
            joinSet(operators[i], _sets[0], "");
        }
        for (uint256 i = 0; i < STAKERS; i++) {
            stakers.push(makeAddr(string.concat("staker ", vm.toString(i))));
        }
        roll(641);
    }

    function makeDeposit(uint256 who, uint256 what, uint256 amount) external {
        deposit(_account(who), strategies[what % STRATEGIES], bound(amount, 1, 1e24));
    }

    function makeDelegation(uint256 who, uint256 to) external {
        delegate(stakers[who % STAKERS], operators[to % OPERATORS]);
    }

    function queueWithdrawal(uint256 who, uint256 what, uint256 amount) external {
        address account = _account(who);
        address strategy = address(strategies[what % STRATEGIES]);
        uint256 held = strategyManager.stakerDepositShares(account, strategy);
        IDelegationManager.QueuedWithdrawalParams[] memory params = new IDelegationManager.QueuedWithdrawalParams[](1);
        params[0].strategies = one(strategy);
        params[0].depositShares = new uint256[](1);
        // Often a few shares only, where rounding shows.
        params[0].depositShares[0] = amount % 2 == 0 ? bound(amount / 2, 1, 5) : bound(amount / 2, 1, held);
        vm.prank(account);
        delegationManager.queueWithdrawals(params);
        _countEntry(delegationManager.delegatedTo(account), strategy);
    }

    function undelegate(uint256 who, bool byOperator) external {
        address staker = stakers[who % STAKERS];
        address operator = delegationManager.delegatedTo(staker);
        (address[] memory held,) = strategyManager.getDeposits(staker);
        vm.prank(byOperator ? operator : staker);
        delegationManager.undelegate(staker);
        for (uint256 i = 0; i < held.length; i++) {
            _countEntry(operator, held[i]);
        }
    }

    function completeWithdrawal(uint256 who, uint256 which, bool asTokens) external {
        address account = _account(who);
        bytes32[] memory roots = delegationManager.getQueuedWithdrawalRoots(account);
        if (roots.length == 0) return;
        bytes32 root = roots[which % roots.length];
        uint256 end =
            delegationManager.queuedWithdrawals(root).startBlock + delegationManager.minWithdrawalDelayBlocks();
        if (vm.getBlockNumber() <= end) vm.roll(end + 1);
        address strategy = delegationManager.queuedWithdrawals(root).strategies[0];
        (, uint256[] memory promised) = delegationManager.getQueuedWithdrawal(root);
        uint256 before =
            strategies[0].underlyingToken().balanceOf(account) + strategies[1].underlyingToken().balanceOf(account);
        vm.prank(account);
        try delegationManager.completeQueuedWithdrawal(root, asTokens) {
            uint256 present =
                strategies[0].underlyingToken().balanceOf(account) + strategies[1].underlyingToken().balanceOf(account);
            if (asTokens && present - before != promised[0]) paidWrongly = true;
        } catch {
            // As shares, a strategy whose operator was slashed to nothing takes none; tokens always leave.
            if (asTokens || !_isFullySlashed(account, strategy)) exitRefused = true;
        }
    }

    function makeAllocation(uint256 who, uint256 where, uint256 what, uint64 magnitude) external {
        uint64 to = uint64(bound(magnitude, 0, 0.8e18));
        allocate(operators[who % OPERATORS], _sets[where % SETS], address(strategies[what % STRATEGIES]), to);
    }

    function join(uint256 who, uint256 where) external {
        joinSet(operators[who % OPERATORS], _sets[where % SETS], "");
    }

    function leave(uint256 who, uint256 where) external {
        // Rare: who left cannot come back for long, and without members there is nothing to slash.
        if (who % 3 != 0) return;
        address operator = operators[who / 3 % OPERATORS];
        leaveSet(operator, operator, _sets[where % SETS]);
    }

    function slash(uint256 who, uint256 where, uint256 wad) external {
        IAllocationManagerTypes.SlashingParams memory params;
        OperatorSet memory set = _sets[where % SETS];
        params.operator = operators[who % OPERATORS];
        params.operatorSetId = set.id;
        params.strategies = new address[](STRATEGIES);
        params.wadsToSlash = new uint256[](STRATEGIES);
        uint64[] memory before = new uint64[](STRATEGIES);
        for (uint256 i = 0; i < STRATEGIES; i++) {
            params.strategies[i] = address(strategies[i]);
            params.wadsToSlash[i] = wad % 5 == 0 ? 1e18 : bound(wad, 1, 0.3e18);
            before[i] = allocationManager.getMaxMagnitude(params.operator, params.strategies[i]);
        }
        vm.prank(allocationManager.getSlasher(set));
        (uint256 slashId, uint256[] memory shares) = allocationManager.slashOperator(set.avs, params);
        _recordSlash(set, slashId, params, shares, before);
        _onSlash(where % SETS, params.operator);
    }

    function clearQueue(uint256 who, uint256 what, uint16 count) external {
        uint16[] memory counts = new uint16[](1);
        counts[0] = count % 3;
        allocationManager.clearDeallocationQueue(
            operators[who % OPERATORS], one(address(strategies[what % STRATEGIES])), counts
        );
    }

    function clearSlash(uint256 where, uint256 which) external {
        OperatorSet memory set = _sets[where % SETS];
        uint256[] memory ids = strategyManager.getPendingSlashIds(set);
        if (ids.length == 0) return;
        uint256 slashId = ids[which % ids.length];
        uint256 resolution = strategyManager.getSlashResolutionBlock(set, slashId);
        if (vm.getBlockNumber() < resolution) vm.roll(resolution);
        (address[] memory cleared, uint256[] memory shares) =
            strategyManager.getBurnOrRedistributableShares(set, slashId);
        strategyManager.clearBurnOrRedistributableShares(set, slashId);
        for (uint256 i = 0; i < cleared.length; i++) {
            clearedShares[cleared[i]] += shares[i];
        }
    }

    function passBlocks(uint256 blocks) external {
        roll(bound(blocks, 1, 700));
    }

    function setAt(uint256 index) public view returns (OperatorSet memory) {
        return _sets[index];
    }

    function core() external view returns (address, address, address) {
        return (address(strategyManager), address(delegationManager), address(allocationManager));
    }

    function _onSlash(uint256 setIndex, address operator) internal virtual {}

    function _recordSlash(
        OperatorSet memory set,
        uint256 slashId,
        IAllocationManagerTypes.SlashingParams memory params,
        uint256[] memory shares,
        uint64[] memory before
    ) private {
        for (uint256 i = 0; i < STRATEGIES; i++) {
            address strategy = params.strategies[i];
            slashedShares[strategy] += shares[i];
            driftMax[strategy] += 2 * _entries[params.operator][strategy];
            if (allocationManager.getMaxMagnitude(params.operator, strategy) > before[i]) maxMagnitudeRose = true;
            uint256 ledger = strategyManager.getBurnOrRedistributableShares(set, slashId, strategy);
            if (ledger != shares[i]) slashDisagreed = true;
        }
    }

    function _account(uint256 who) private view returns (address) {
        return who % 2 == 0 ? operators[who / 2 % OPERATORS] : stakers[who / 2 % STAKERS];
    }

    function _countEntry(address operator, address strategy) private {
        _entries[operator][strategy] += 1;
    }

    function _isFullySlashed(address account, address strategy) private view returns (bool) {
        address operator = delegationManager.delegatedTo(account);
        return operator != address(0) && allocationManager.getMaxMagnitude(operator, strategy) == 0;
    }

    function _sort() private {
        if (address(strategies[0]) < address(strategies[1])) return;
        (strategies[0], strategies[1]) = (strategies[1], strategies[0]);
    }
}
