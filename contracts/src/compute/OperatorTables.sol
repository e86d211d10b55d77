// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IAllocationManager} from "../interfaces/IAllocationManager.sol";
import {IBN254CertificateVerifier, IOperatorTableSource} from "../interfaces/IBN254CertificateVerifier.sol";
import {IKeyRegistrar} from "../interfaces/IKeyRegistrar.sol";
import {BN254} from "../libraries/BN254.sol";
import {Merkle} from "../libraries/Merkle.sol";
import {NonSigners} from "../libraries/NonSigners.sol";
import {OperatorSet, OperatorSetLib} from "../libraries/OperatorSetLib.sol";
import {OperatorTable, OperatorTableLib} from "../libraries/OperatorTableLib.sol";

/// @title OperatorTables
/// @notice Makes operator tables from this chain's state at anyone's call, and keeps each for ever. See `IBN254CertificateVerifier`.
/// @dev Everything is read by static calls; of those asked only the AVS is not ours, and it can spoil its own sets alone.
abstract contract OperatorTables is IBN254CertificateVerifier {
    using OperatorSetLib for OperatorSet;
    using OperatorTableLib for OperatorTable;

    uint256 public constant OPERATOR_COUNT_MAX = 256;
    uint256 public constant WEIGHT_COUNT_MAX = 32;

    IAllocationManager public immutable allocationManager;
    IKeyRegistrar public immutable keyRegistrar;

    mapping(bytes32 setKey => mapping(bytes32 programId => mapping(uint32 timestamp => OperatorTable))) private _tables;
    mapping(bytes32 setKey => mapping(bytes32 programId => uint32 timestamp)) private _latest;

    constructor(IAllocationManager allocationManager_, IKeyRegistrar keyRegistrar_) {
        allocationManager = allocationManager_;
        keyRegistrar = keyRegistrar_;
    }

    function updateOperatorTable(OperatorSet calldata operatorSet, bytes32 programId)
        external
        returns (uint32 referenceTimestamp)
    {
        referenceTimestamp = SafeCast.toUint32(block.timestamp);
        bytes32 setKey = operatorSet.key();
        if (_latest[setKey][programId] == referenceTimestamp) return referenceTimestamp;

        IOperatorTableSource.TableParameters memory parameters = _parametersOf(operatorSet);
        (address[] memory operators, BN254OperatorInfo[] memory infos) =
            _candidates(operatorSet, programId, parameters.strategies.length);
        _weigh(operatorSet, parameters, operators, infos);
        uint256[] memory totals = _applyMinima(parameters, infos);
        _dropWeightless(operators, infos);
        require(infos.length != 0, EmptyTable());
        require(infos.length <= OPERATOR_COUNT_MAX, TooManyOperators(infos.length, OPERATOR_COUNT_MAX));

        _latest[setKey][programId] = referenceTimestamp;
        OperatorTable storage table = _tables[setKey][programId][referenceTimestamp];
        table.root = _rootOf(infos);
        table.aggregateKey = _aggregateKey(infos);
        table.stalenessSeconds = parameters.stalenessSeconds;
        table.operatorCount = uint16(infos.length);
        table.setTotals(totals);
        emit OperatorTableUpdated(operatorSet.avs, operatorSet.id, programId, referenceTimestamp, operators, infos);
    }

    function latestReferenceTimestamp(OperatorSet calldata operatorSet) external view returns (uint32) {
        return _latest[operatorSet.key()][0];
    }

    function latestReferenceTimestampOf(OperatorSet calldata operatorSet, bytes32 programId)
        external
        view
        returns (uint32)
    {
        return _latest[operatorSet.key()][programId];
    }

    function getOperatorSetInfo(OperatorSet calldata operatorSet, uint32 referenceTimestamp)
        external
        view
        returns (BN254OperatorSetInfo memory)
    {
        return getOperatorSetInfoOf(operatorSet, 0, referenceTimestamp);
    }

    function getOperatorSetInfoOf(OperatorSet calldata operatorSet, bytes32 programId, uint32 referenceTimestamp)
        public
        view
        returns (BN254OperatorSetInfo memory)
    {
        OperatorTable storage table = _knownTable(operatorSet, programId, referenceTimestamp);
        return BN254OperatorSetInfo({
            operatorInfoTreeRoot: table.root,
            numOperators: table.operatorCount,
            aggregatePubkey: table.aggregateKey,
            totalWeights: table.totals()
        });
    }

    function isReferenceTimestampSet(OperatorSet calldata operatorSet, uint32 referenceTimestamp)
        external
        view
        returns (bool)
    {
        return _tables[operatorSet.key()][0][referenceTimestamp].root != 0;
    }

    function getOperatorCount(OperatorSet calldata operatorSet, uint32 referenceTimestamp)
        external
        view
        returns (uint256)
    {
        return _knownTable(operatorSet, 0, referenceTimestamp).operatorCount;
    }

    function getTotalStakeWeights(OperatorSet calldata operatorSet, uint32 referenceTimestamp)
        external
        view
        returns (uint256[] memory)
    {
        return _knownTable(operatorSet, 0, referenceTimestamp).totals();
    }

    function calculateOperatorInfoLeaf(BN254OperatorInfo calldata operatorInfo) external pure returns (bytes32) {
        return NonSigners.leafOf(operatorInfo);
    }

    function OPERATOR_INFO_LEAF_SALT() external pure returns (uint8) {
        return NonSigners.LEAF_SALT;
    }

    function _knownTable(OperatorSet calldata operatorSet, bytes32 programId, uint32 referenceTimestamp)
        internal
        view
        returns (OperatorTable storage table)
    {
        table = _tables[operatorSet.key()][programId][referenceTimestamp];
        require(table.root != 0, UnknownTable());
    }

    function _parametersOf(OperatorSet calldata operatorSet)
        private
        view
        returns (IOperatorTableSource.TableParameters memory parameters)
    {
        parameters = IOperatorTableSource(operatorSet.avs).tableParameters(operatorSet.id);
        uint256 count = parameters.strategies.length;
        require(
            count != 0 && count <= WEIGHT_COUNT_MAX && parameters.minimumStake.length == count
                && parameters.requiredStake.length == count,
            InvalidTableParameters()
        );
    }

    /// @dev The members that have a key and, unless the table is the wasm programs', accepted the program; weights still zero.
    function _candidates(OperatorSet calldata operatorSet, bytes32 programId, uint256 weightCount)
        private
        view
        returns (address[] memory operators, BN254OperatorInfo[] memory infos)
    {
        operators = allocationManager.getMembers(operatorSet);
        infos = new BN254OperatorInfo[](operators.length);
        BN254.G1Point[] memory keys = keyRegistrar.getBN254G1Keys(operatorSet, operators);
        uint256 count = 0;
        for (uint256 i = 0; i < operators.length; ++i) {
            if (BN254.isInfinity(keys[i]) || !_accepts(operatorSet, programId, operators[i])) continue;
            operators[count] = operators[i];
            infos[count] = BN254OperatorInfo({pubkey: keys[i], weights: new uint256[](weightCount)});
            ++count;
        }
        _truncate(operators, infos, count);
    }

    function _accepts(OperatorSet calldata operatorSet, bytes32 programId, address operator)
        private
        view
        returns (bool)
    {
        return programId == 0 || IOperatorTableSource(operatorSet.avs).isAccepter(operatorSet.id, programId, operator);
    }

    /// @dev Sets every weight to the operator's minimum slashable stake until the end of the horizon.
    function _weigh(
        OperatorSet calldata operatorSet,
        IOperatorTableSource.TableParameters memory parameters,
        address[] memory operators,
        BN254OperatorInfo[] memory infos
    ) private view {
        uint32 horizon = SafeCast.toUint32(block.number + parameters.horizonBlocks);
        uint256[][] memory stakes =
            allocationManager.getMinimumSlashableStake(operatorSet, operators, parameters.strategies, horizon);
        for (uint256 i = 0; i < infos.length; ++i) {
            infos[i].weights = stakes[i];
        }
    }

    /// @dev Takes away what is below an operator's minimum, then a whole strategy that is below the set's required stake.
    function _applyMinima(IOperatorTableSource.TableParameters memory parameters, BN254OperatorInfo[] memory infos)
        private
        pure
        returns (uint256[] memory totals)
    {
        totals = new uint256[](parameters.strategies.length);
        for (uint256 j = 0; j < totals.length; ++j) {
            for (uint256 i = 0; i < infos.length; ++i) {
                if (infos[i].weights[j] < parameters.minimumStake[j]) infos[i].weights[j] = 0;
                totals[j] += infos[i].weights[j];
            }
            if (totals[j] >= parameters.requiredStake[j]) continue;
            totals[j] = 0;
            for (uint256 i = 0; i < infos.length; ++i) {
                infos[i].weights[j] = 0;
            }
        }
    }

    function _dropWeightless(address[] memory operators, BN254OperatorInfo[] memory infos) private pure {
        uint256 count = 0;
        for (uint256 i = 0; i < infos.length; ++i) {
            if (_isZero(infos[i].weights)) continue;
            operators[count] = operators[i];
            infos[count] = infos[i];
            ++count;
        }
        _truncate(operators, infos, count);
    }

    function _isZero(uint256[] memory weights) private pure returns (bool) {
        for (uint256 j = 0; j < weights.length; ++j) {
            if (weights[j] != 0) return false;
        }
        return true;
    }

    function _truncate(address[] memory operators, BN254OperatorInfo[] memory infos, uint256 count) private pure {
        assembly ("memory-safe") {
            mstore(operators, count)
            mstore(infos, count)
        }
    }

    function _rootOf(BN254OperatorInfo[] memory infos) private pure returns (bytes32) {
        bytes32[] memory leaves = new bytes32[](infos.length);
        for (uint256 i = 0; i < infos.length; ++i) {
            leaves[i] = NonSigners.leafOf(infos[i]);
        }
        return Merkle.rootInPlace(leaves);
    }

    function _aggregateKey(BN254OperatorInfo[] memory infos) private view returns (BN254.G1Point memory) {
        uint256[4] memory sum;
        for (uint256 i = 0; i < infos.length; ++i) {
            (sum[2], sum[3]) = (infos[i].pubkey.X, infos[i].pubkey.Y);
            BN254.addInPlace(sum);
        }
        return BN254.G1Point({X: sum[0], Y: sum[1]});
    }
}
