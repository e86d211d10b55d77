// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {IAVSRegistrar} from "../interfaces/IAVSRegistrar.sol";
import {IDelegationManager} from "../interfaces/IDelegationManager.sol";
import {OperatorSet, OperatorSetLib} from "../libraries/OperatorSetLib.sol";
import {OperatorSets} from "./OperatorSets.sol";
import {Pausable} from "./Pausable.sol";

/// @title How operators join operator sets and leave them. Joining has a pause and the AVS may refuse it; leaving has
/// neither, and leaves the operator slashable for the deallocation delay.
abstract contract Memberships is OperatorSets, Pausable {
    using EnumerableSet for EnumerableSet.AddressSet;
    using EnumerableSet for EnumerableSet.Bytes32Set;
    using OperatorSetLib for OperatorSet;

    uint8 internal constant PAUSED_OPERATOR_SET_REGISTRATION = 2;
    /// @notice The gas that a registrar's deregistration hook is promised, and all that it gets.
    uint256 public constant DEREGISTRATION_HOOK_GAS = 500_000;
    /// @dev What this contract itself still spends around the hook.
    uint256 private constant HOOK_OVERHEAD_GAS = 50_000;

    function registerForOperatorSets(address operator, RegisterParams calldata params)
        external
        onlyFor(operator)
        whenNotPaused(PAUSED_OPERATOR_SET_REGISTRATION)
    {
        require(IDelegationManager(delegation).isOperator(operator), InvalidOperator());
        for (uint256 i = 0; i < params.operatorSetIds.length; i++) {
            _join(operator, OperatorSet(params.avs, params.operatorSetIds[i]));
        }
        IAVSRegistrar(_registrarOf(params.avs))
            .registerOperator(operator, params.avs, params.operatorSetIds, params.data);
    }

    function deregisterFromOperatorSets(DeregisterParams calldata params) external {
        require(_canCall(params.operator) || _canCall(params.avs), InvalidCaller());
        for (uint256 i = 0; i < params.operatorSetIds.length; i++) {
            _leave(params.operator, OperatorSet(params.avs, params.operatorSetIds[i]));
        }
        _callDeregistrationHook(params);
    }

    /// @dev Who left and can still be slashed cannot rejoin: its old allocations would get a second life.
    function _join(address operator, OperatorSet memory operatorSet) private {
        bytes32 key = operatorSet.key();
        require(_isSet(key), InvalidOperatorSet());
        require(!_isSlashableAt(operator, key, uint32(block.number)), AlreadyMemberOfSet());
        _registrations[operator][key] = Registration({registered: true, slashableUntil: 0});
        _registeredSets[operator].add(key);
        require(_registeredSets[operator].length() <= SET_COUNT_MAX, TooManySets(SET_COUNT_MAX));
        _sets[key].members.add(operator);
        emit OperatorAddedToOperatorSet(operator, operatorSet);
    }

    function _leave(address operator, OperatorSet memory operatorSet) private {
        bytes32 key = operatorSet.key();
        require(_registrations[operator][key].registered, NotMemberOfSet());
        _registrations[operator][key] =
            Registration({registered: false, slashableUntil: uint32(block.number) + DEALLOCATION_DELAY});
        _registeredSets[operator].remove(key);
        _sets[key].members.remove(operator);
        emit OperatorRemovedFromOperatorSet(operator, operatorSet);
    }

    /// @dev Nothing the hook does can keep an operator in: its gas is bounded, its failure is an event, what it returns
    /// is not copied, and a registrar without code is no error. Nor can a caller starve it of gas to hide from it.
    function _callDeregistrationHook(DeregisterParams calldata params) private {
        address registrar = _registrarOf(params.avs);
        bytes memory data =
            abi.encodeCall(IAVSRegistrar.deregisterOperator, (params.operator, params.avs, params.operatorSetIds));
        uint256 gasRequired = DEREGISTRATION_HOOK_GAS * 64 / 63 + HOOK_OVERHEAD_GAS;
        require(gasleft() >= gasRequired, InsufficientGasForHook(gasRequired));
        uint256 hookGas = DEREGISTRATION_HOOK_GAS;
        bool succeeded;
        assembly ("memory-safe") {
            succeeded := call(hookGas, registrar, 0, add(data, 0x20), mload(data), 0, 0)
        }
        if (!succeeded) emit DeregistrationHookFailed(params.operator, params.avs, params.operatorSetIds);
    }
}
