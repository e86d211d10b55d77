// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {IAllocationManagerActions} from "../interfaces/IAllocationManager.sol";
import {IAVSRegistrar} from "../interfaces/IAVSRegistrar.sol";
import {OperatorSet, OperatorSetLib} from "../libraries/OperatorSetLib.sol";
import {AllocationStorage} from "./AllocationStorage.sol";

/// @title What an AVS decides about its operator sets.
/// @dev A set's recipient never changes; its slasher only after the configuration delay.
abstract contract OperatorSets is AllocationStorage, IAllocationManagerActions {
    using EnumerableSet for EnumerableSet.AddressSet;
    using OperatorSetLib for OperatorSet;

    uint256 internal constant STRATEGY_COUNT_MAX = 32;
    /// @dev Of one operator: sets it is in, and sets it allocates to.
    uint256 internal constant SET_COUNT_MAX = 256;

    modifier onlyFor(address account) {
        require(_canCall(account), InvalidPermissions());
        _;
    }

    function updateAVSMetadataURI(address avs, string calldata metadataURI) external onlyFor(avs) {
        _hasMetadata[avs] = true;
        emit AVSMetadataURIUpdated(avs, metadataURI);
    }

    function setAVSRegistrar(address avs, address registrar) external onlyFor(avs) {
        require(IAVSRegistrar(registrar).supportsAVS(avs), InvalidAVSRegistrar());
        _registrar[avs] = registrar;
        emit AVSRegistrarSet(avs, registrar);
    }

    function createOperatorSets(address avs, CreateSetParams[] calldata params) external onlyFor(avs) {
        for (uint256 i = 0; i < params.length; i++) {
            _create(OperatorSet(avs, params[i].operatorSetId), params[i].strategies, avs, address(0));
        }
    }

    function createOperatorSets(address avs, CreateSetParamsV2[] calldata params) external onlyFor(avs) {
        for (uint256 i = 0; i < params.length; i++) {
            _create(OperatorSet(avs, params[i].operatorSetId), params[i].strategies, params[i].slasher, address(0));
        }
    }

    function createRedistributingOperatorSets(
        address avs,
        CreateSetParams[] calldata params,
        address[] calldata redistributionRecipients
    ) external onlyFor(avs) {
        require(params.length == redistributionRecipients.length, InputArrayLengthMismatch());
        for (uint256 i = 0; i < params.length; i++) {
            _requireRecipient(redistributionRecipients[i]);
            _create(OperatorSet(avs, params[i].operatorSetId), params[i].strategies, avs, redistributionRecipients[i]);
        }
    }

    function createRedistributingOperatorSets(
        address avs,
        CreateSetParamsV2[] calldata params,
        address[] calldata redistributionRecipients
    ) external onlyFor(avs) {
        require(params.length == redistributionRecipients.length, InputArrayLengthMismatch());
        for (uint256 i = 0; i < params.length; i++) {
            address recipient = redistributionRecipients[i];
            _requireRecipient(recipient);
            _create(OperatorSet(avs, params[i].operatorSetId), params[i].strategies, params[i].slasher, recipient);
        }
    }

    function addStrategiesToOperatorSet(address avs, uint32 operatorSetId, address[] calldata strategies)
        external
        onlyFor(avs)
    {
        OperatorSet memory operatorSet = OperatorSet(avs, operatorSetId);
        require(_isSet(operatorSet.key()), InvalidOperatorSet());
        _addStrategies(operatorSet, strategies);
    }

    /// @dev The horizon is the deallocation delay: no table counts stake for longer.
    function removeStrategiesFromOperatorSet(address avs, uint32 operatorSetId, address[] calldata strategies)
        external
        onlyFor(avs)
    {
        OperatorSet memory operatorSet = OperatorSet(avs, operatorSetId);
        require(_isSet(operatorSet.key()), InvalidOperatorSet());
        SetInfo storage info = _sets[operatorSet.key()];
        _takeOffRemoved(operatorSet);
        uint32 effectBlock = uint32(block.number) + DEALLOCATION_DELAY + 1;
        for (uint256 i = 0; i < strategies.length; i++) {
            require(info.strategies.contains(strategies[i]), StrategyNotInOperatorSet());
            uint32 pending = info.removalBlock[strategies[i]];
            require(pending == 0, StrategyRemovalPending(strategies[i], pending));
            info.removalBlock[strategies[i]] = effectBlock;
            emit StrategyRemovalScheduled(operatorSet, strategies[i], effectBlock);
        }
    }

    /// @dev Proposing the pending slasher again changes nothing, so it cannot restart the clock.
    function updateSlasher(OperatorSet calldata operatorSet, address slasher) external onlyFor(operatorSet.avs) {
        require(slasher != address(0), InputAddressZero());
        bytes32 key = operatorSet.key();
        require(_isSet(key), InvalidOperatorSet());
        SetInfo storage info = _sets[key];
        info.slasher = _slasherNow(key);
        bool pending = block.number < info.slasherEffectBlock;
        if (pending && info.pendingSlasher == slasher) return;
        info.pendingSlasher = slasher;
        info.slasherEffectBlock = uint32(block.number) + SLASHER_CONFIGURATION_DELAY + 1;
        emit SlasherUpdated(operatorSet, slasher, info.slasherEffectBlock);
    }

    /// @dev `recipient` zero: slashed stake burns.
    function _create(OperatorSet memory operatorSet, address[] calldata strategies, address slasher, address recipient)
        private
    {
        require(_hasMetadata[operatorSet.avs], NonexistentAVSMetadata());
        require(slasher != address(0), InputAddressZero());
        bytes32 key = operatorSet.key();
        require(!_isSet(key), InvalidOperatorSet());
        _sets[key].slasher = slasher;
        _setCount[operatorSet.avs]++;
        emit OperatorSetCreated(operatorSet);
        emit SlasherUpdated(operatorSet, slasher, uint32(block.number));
        if (recipient != address(0)) {
            _sets[key].redistributionRecipient = recipient;
            emit RedistributionAddressSet(operatorSet, recipient);
        }
        _addStrategies(operatorSet, strategies);
    }

    function _addStrategies(OperatorSet memory operatorSet, address[] calldata strategies) private {
        _takeOffRemoved(operatorSet);
        EnumerableSet.AddressSet storage set = _sets[operatorSet.key()].strategies;
        for (uint256 i = 0; i < strategies.length; i++) {
            require(set.add(strategies[i]), StrategyAlreadyInOperatorSet());
            emit StrategyAddedToOperatorSet(operatorSet, strategies[i]);
        }
        require(set.length() <= STRATEGY_COUNT_MAX, TooManyStrategies(STRATEGY_COUNT_MAX));
    }

    /// @dev Removal swaps the last strategy into the gap, so this walks from the end.
    function _takeOffRemoved(OperatorSet memory operatorSet) private {
        bytes32 key = operatorSet.key();
        SetInfo storage info = _sets[key];
        for (uint256 i = info.strategies.length(); i > 0; i--) {
            address strategy = info.strategies.at(i - 1);
            if (_isInSetAt(key, strategy, block.number)) continue;
            info.strategies.remove(strategy);
            delete info.removalBlock[strategy];
            emit StrategyRemovedFromOperatorSet(operatorSet, strategy);
        }
    }

    function _requireRecipient(address recipient) private pure {
        require(recipient != address(0), InputAddressZero());
        require(recipient != DEFAULT_BURN_ADDRESS, InvalidRedistributionRecipient());
    }
}
