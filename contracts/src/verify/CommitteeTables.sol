// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IAllocationManager} from "../interfaces/IAllocationManager.sol";
import {ICommitteeTables, SeatOwner} from "../interfaces/ICommittee.sol";
import {Merkle} from "../libraries/Merkle.sol";
import {OperatorSet} from "../libraries/OperatorSetLib.sol";
import {Seats} from "./Seats.sol";

/// @title CommitteeTables
/// @notice See `ICommitteeTables`. Immutable and without an owner; the set and the one strategy that counts are fixed.
/// @dev Tables are kept for ever: a dispute counts the one that stood before its challenge, so nobody can stake into a case that
/// it knows of. A table whose stake has been slashed since still draws seats; votes are not stake.
contract CommitteeTables is ICommitteeTables {
    using Checkpoints for Checkpoints.Trace208;

    uint256 public constant OPERATOR_COUNT_MAX = 256;

    IAllocationManager public immutable allocationManager;
    address public immutable strategy;
    uint32 public immutable horizonBlocks;
    address private immutable _avs;
    uint32 private immutable _operatorSetId;

    uint256 public tableCount;
    mapping(uint256 tableId => Table) private _tables;
    Checkpoints.Trace208 private _byTime;

    constructor(
        IAllocationManager allocationManager_,
        OperatorSet memory operatorSet_,
        address strategy_,
        uint32 horizonBlocks_
    ) {
        (allocationManager, strategy, horizonBlocks) = (allocationManager_, strategy_, horizonBlocks_);
        (_avs, _operatorSetId) = (operatorSet_.avs, operatorSet_.id);
    }

    function makeTable() external returns (uint256 tableId) {
        tableId = tableCount;
        if (tableId != 0 && _tables[tableId].madeAt == block.timestamp) return tableId;
        (SeatOwner[] memory owners, uint256 total) = _owners();
        require(owners.length != 0, EmptyTable());

        tableId = ++tableCount;
        _tables[tableId] = Table({
            root: _rootOf(owners),
            madeAt: SafeCast.toUint64(block.timestamp),
            operatorCount: uint32(owners.length),
            total: total
        });
        _byTime.push(SafeCast.toUint48(block.timestamp), SafeCast.toUint208(tableId));
        emit CommitteeTableMade(tableId, uint64(block.timestamp), total, owners);
    }

    function tableOf(uint256 tableId) external view returns (Table memory) {
        return _tables[tableId];
    }

    function tableBefore(uint256 timestamp) external view returns (uint256 tableId) {
        if (timestamp != 0) tableId = _byTime.upperLookupRecent(SafeCast.toUint48(timestamp - 1));
        require(tableId != 0, NoTableAt(timestamp));
    }

    function operatorSet() public view returns (OperatorSet memory) {
        return OperatorSet({avs: _avs, id: _operatorSetId});
    }

    /// @dev Members in the AllocationManager's order, those without stake left out.
    function _owners() private view returns (SeatOwner[] memory owners, uint256 total) {
        address[] memory members = allocationManager.getMembers(operatorSet());
        require(members.length <= OPERATOR_COUNT_MAX, TooManyOperators(members.length, OPERATOR_COUNT_MAX));
        address[] memory strategies = new address[](1);
        strategies[0] = strategy;
        uint256[][] memory stakes = allocationManager.getMinimumSlashableStake(
            operatorSet(), members, strategies, SafeCast.toUint32(block.number + horizonBlocks)
        );
        owners = new SeatOwner[](members.length);
        uint256 count = 0;
        for (uint256 i = 0; i < members.length; ++i) {
            uint256 stake = stakes[i][0];
            if (stake == 0) continue;
            owners[count++] = SeatOwner({operator: members[i], from: total, to: total + stake});
            total += stake;
        }
        assembly ("memory-safe") {
            mstore(owners, count)
        }
    }

    function _rootOf(SeatOwner[] memory owners) private pure returns (bytes32) {
        bytes32[] memory leaves = new bytes32[](owners.length);
        for (uint256 i = 0; i < owners.length; ++i) {
            leaves[i] = Seats.leafOf(owners[i]);
        }
        return Merkle.rootInPlace(leaves);
    }
}
