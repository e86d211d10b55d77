// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {StrategyBase} from "../../src/core/StrategyBase.sol";
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
        address account = who % 2 == 0 ? operators[who / 2 % OPERATORS] : stakers[who / 2 % STAKERS];
        deposit(account, strategies[what % STRATEGIES], bound(amount, 1, 1e24));
    }

    function makeDelegation(uint256 who, uint256 to) external {
        delegate(stakers[who % STAKERS], operators[to % OPERATORS]);
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
        (uint256 slashId, uint256[] memory shares) = allocationManager.slashOperator(set.avs, params);
        _recordSlash(set, slashId, params, shares, before);
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

    function setAt(uint256 index) external view returns (OperatorSet memory) {
        return _sets[index];
    }

    function core() external view returns (address, address, address) {
        return (address(strategyManager), address(delegationManager), address(allocationManager));
    }

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
            if (allocationManager.getMaxMagnitude(params.operator, strategy) > before[i]) maxMagnitudeRose = true;
            uint256 ledger = strategyManager.getBurnOrRedistributableShares(set, slashId, strategy);
            if (ledger != shares[i]) slashDisagreed = true;
        }
    }

    function _sort() private {
        if (address(strategies[0]) < address(strategies[1])) return;
        (strategies[0], strategies[1]) = (strategies[1], strategies[0]);
    }
}
