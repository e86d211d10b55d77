// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IAllocationManager, IAllocationManagerTypes} from "../interfaces/IAllocationManager.sol";
import {ISlashRouter, ISlashVault} from "../interfaces/ISlashRouter.sol";
import {OperatorSet} from "../libraries/OperatorSetLib.sol";

/// @title SlashRouter
/// @notice See `ISlashRouter`. Slashing has neither a pause nor a judge here: a module's word is enough, so what a module is decides.
/// @dev A module can be added only after a longer time than stake needs to leave. The key that adds them can end that for ever.
contract SlashRouter is ISlashRouter {
    uint256 private constant WHOLE = 1e18;

    IAllocationManager public immutable allocationManager;
    uint32 public immutable addDelayBlocks;

    address public moduleAdder;
    address public settlement;
    address public queuedSettlement;
    uint256 public settlementReadyAtBlock;
    mapping(address module => bool) public isModule;
    /// @notice The first block in which a queued module can be added; zero if it is not queued.
    mapping(address module => uint256) public readyAtBlock;

    constructor(
        IAllocationManager allocationManager_,
        address firstModule,
        address moduleAdder_,
        uint32 addDelayBlocks_
    ) {
        require(firstModule != address(0) && moduleAdder_ != address(0), ZeroAddress());
        uint256 deallocationDelay = allocationManager_.DEALLOCATION_DELAY();
        require(addDelayBlocks_ > deallocationDelay, DelayTooShort(addDelayBlocks_, deallocationDelay));
        allocationManager = allocationManager_;
        addDelayBlocks = addDelayBlocks_;
        moduleAdder = moduleAdder_;
        isModule[firstModule] = true;
        emit ModuleAdded(firstModule);
    }

    modifier onlyModuleAdder() {
        require(msg.sender == moduleAdder, NotModuleAdder(msg.sender));
        _;
    }

    function slash(OperatorSet calldata operatorSet, address operator, address reporter, string calldata description)
        external
        returns (uint256 slashId)
    {
        require(isModule[msg.sender], NotModule(msg.sender));
        address[] memory strategies = _ascending(allocationManager.getStrategiesInOperatorSet(operatorSet));
        uint256[] memory shares;
        (slashId, shares) = allocationManager.slashOperator(
            operatorSet.avs,
            IAllocationManagerTypes.SlashingParams({
                operator: operator,
                operatorSetId: operatorSet.id,
                strategies: strategies,
                wadsToSlash: _whole(strategies.length),
                description: description
            })
        );
        require(_anyTaken(shares), NothingToSlash(operator));
        emit Slashed(operatorSet, operator, slashId, msg.sender, reporter, strategies, shares);
        _vaultOf(operatorSet).recordSlash(slashId, operator, reporter, strategies, shares);
    }

    function queueModule(address module) external onlyModuleAdder {
        require(module != address(0), ZeroAddress());
        require(!isModule[module] && readyAtBlock[module] == 0, ModuleKnown(module));
        readyAtBlock[module] = block.number + addDelayBlocks;
        emit ModuleQueued(module, readyAtBlock[module]);
    }

    function addModule(address module) external onlyModuleAdder {
        require(!isModule[module], ModuleKnown(module));
        uint256 ready = readyAtBlock[module];
        require(ready != 0, ModuleNotQueued(module));
        require(block.number >= ready, TooEarly(ready));
        isModule[module] = true;
        emit ModuleAdded(module);
    }

    function queueSettlement(address settlement_) external onlyModuleAdder {
        require(settlement_ != address(0), ZeroAddress());
        require(settlement == address(0), SettlementKnown());
        queuedSettlement = settlement_;
        settlementReadyAtBlock = block.number + addDelayBlocks;
        emit SettlementQueued(settlement_, settlementReadyAtBlock);
    }

    function addSettlement() external onlyModuleAdder {
        require(settlement == address(0), SettlementKnown());
        require(queuedSettlement != address(0), SettlementNotQueued());
        require(block.number >= settlementReadyAtBlock, TooEarly(settlementReadyAtBlock));
        settlement = queuedSettlement;
        emit SettlementAdded(settlement);
    }

    function renounceModuleAdder() external onlyModuleAdder {
        moduleAdder = address(0);
        emit ModuleAdderRenounced();
    }

    function release(OperatorSet calldata operatorSet, address token, address to, uint256 amount) external {
        address filled = settlement;
        require(filled != address(0) && msg.sender == filled, NotSettlement(msg.sender));
        _vaultOf(operatorSet).release(token, to, amount);
    }

    /// @dev A set's recipient never changes; of the AppController's sets it is the vault that was made for it.
    function _vaultOf(OperatorSet calldata operatorSet) private view returns (ISlashVault) {
        return ISlashVault(allocationManager.getRedistributionRecipient(operatorSet));
    }

    function _whole(uint256 count) private pure returns (uint256[] memory wads) {
        wads = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            wads[i] = WHOLE;
        }
    }

    function _anyTaken(uint256[] memory shares) private pure returns (bool) {
        for (uint256 i = 0; i < shares.length; ++i) {
            if (shares[i] != 0) return true;
        }
        return false;
    }

    /// @dev Insertion sort: a set has few strategies, and they are nearly always in order.
    function _ascending(address[] memory strategies) private pure returns (address[] memory) {
        for (uint256 i = 1; i < strategies.length; ++i) {
            address strategy = strategies[i];
            uint256 place = i;
            for (; place > 0 && strategies[place - 1] > strategy; --place) {
                strategies[place] = strategies[place - 1];
            }
            strategies[place] = strategy;
        }
        return strategies;
    }
}
