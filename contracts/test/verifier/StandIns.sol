// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IOperatorTableSource} from "../../src/interfaces/IBN254CertificateVerifier.sol";
import {BN254} from "../../src/libraries/BN254.sol";
import {OperatorSet} from "../../src/libraries/OperatorSetLib.sol";

/// @notice Stands in for the AllocationManager: members and stakes are what the test says.
contract StandInAllocationManager {
    address[] private _members;
    mapping(address operator => mapping(address strategy => uint256)) private _stakes;
    uint32 public lastHorizonAllowed = type(uint32).max;

    function setMembers(address[] memory members) external {
        _members = members;
    }

    function setStake(address operator, address strategy, uint256 stake) external {
        _stakes[operator][strategy] = stake;
    }

    /// @notice Stake asked for beyond this block is zero.
    function setLastHorizon(uint32 blockNumber) external {
        lastHorizonAllowed = blockNumber;
    }

    function getMembers(OperatorSet calldata) external view returns (address[] memory) {
        return _members;
    }

    function getMinimumSlashableStake(
        OperatorSet calldata,
        address[] calldata operators,
        address[] calldata strategies,
        uint32 futureBlock
    ) external view returns (uint256[][] memory stakes) {
        stakes = new uint256[][](operators.length);
        for (uint256 i = 0; i < operators.length; ++i) {
            stakes[i] = new uint256[](strategies.length);
            if (futureBlock > lastHorizonAllowed) continue;
            for (uint256 j = 0; j < strategies.length; ++j) {
                stakes[i][j] = _stakes[operators[i]][strategies[j]];
            }
        }
    }
}

/// @notice Stands in for the KeyRegistrar: keys are taken without proof.
contract StandInKeyRegistrar {
    mapping(address operator => BN254.G1Point) private _keys;

    function setKey(address operator, BN254.G1Point memory key) external {
        _keys[operator] = key;
    }

    function getBN254G1Keys(OperatorSet calldata, address[] calldata operators)
        external
        view
        returns (BN254.G1Point[] memory keys)
    {
        keys = new BN254.G1Point[](operators.length);
        for (uint256 i = 0; i < operators.length; ++i) {
            keys[i] = _keys[operators[i]];
        }
    }
}

/// @notice Stands in for the AVS.
contract StandInApp is IOperatorTableSource {
    TableParameters private _parameters;
    mapping(bytes32 programId => mapping(address operator => bool)) private _accepted;

    constructor(TableParameters memory parameters) {
        _parameters = parameters;
    }

    function setParameters(TableParameters memory parameters) external {
        _parameters = parameters;
    }

    function accept(bytes32 programId, address operator) external {
        _accepted[programId][operator] = true;
    }

    function tableParameters(uint32) external view returns (TableParameters memory) {
        return _parameters;
    }

    function isAccepter(uint32, bytes32 programId, address operator) external view returns (bool) {
        return _accepted[programId][operator];
    }
}
