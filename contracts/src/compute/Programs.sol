// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IAppController} from "../interfaces/IAppController.sol";
import {Limits, Program} from "../libraries/VouchTypes.sol";

/// @title What a program must say before it can be a release, and what follows from what it says.
/// @dev The upper bounds are far above what any driver runs; they keep a typing error from becoming an identity.
library Programs {
    uint256 internal constant NAME_BYTES_MAX = 64;
    uint64 internal constant FUEL_MAX = 1e15;
    uint64 internal constant MEMORY_BYTES_MAX = 1 << 40;
    uint64 internal constant CONTENT_BYTES_MAX = 1 << 30;
    uint64 internal constant MILLIS_MAX = 24 * 3_600_000;
    uint32 internal constant PIDS_MAX = 65_536;

    bytes9 private constant WASM_RUNTIME_PREFIX = "wasmtime-";

    /// @notice Reverts with `InvalidProgram(field)` unless the program can be run and certified.
    function requireValid(Program calldata program) internal pure {
        _require(_isName(program.runtime), "runtime");
        _require(program.artifactDigest != 0, "artifactDigest");
        bytes32 interfaceHash = keccak256(bytes(program.interfaceName));
        bool known = interfaceHash == keccak256("command") || interfaceHash == keccak256("http")
            || interfaceHash == keccak256("performer");
        _require(known, "interfaceName");
        _require(bytes(program.hardwareClass).length <= NAME_BYTES_MAX, "hardwareClass");
        _requireSane(program.limits, isWasm(program));
    }

    function isWasm(Program calldata program) internal pure returns (bool) {
        return bytes9(bytes(program.runtime)) == WASM_RUNTIME_PREFIX;
    }

    /// @notice Whether one input has one certifiable answer that rests on nothing else: what Immediate asks for.
    function isImmediate(Program calldata program) internal pure returns (bool) {
        bool pure_ = program.state == 0 && program.egress == 0 && program.secrets == 0;
        return pure_ && isWasm(program) && keccak256(bytes(program.interfaceName)) == keccak256("command");
    }

    /// @dev A wasm program ends by fuel, any other one by time; both need a bound on memory.
    function _requireSane(Limits calldata limits, bool wasm) private pure {
        _require(limits.fuel <= FUEL_MAX && (limits.fuel != 0 || !wasm), "limits.fuel");
        _require(limits.memoryBytes != 0 && limits.memoryBytes <= MEMORY_BYTES_MAX, "limits.memoryBytes");
        _require(limits.payloadBytes <= CONTENT_BYTES_MAX, "limits.payloadBytes");
        _require(limits.outputBytes <= CONTENT_BYTES_MAX, "limits.outputBytes");
        _require(limits.wallMillis <= MILLIS_MAX && (limits.wallMillis != 0 || wasm), "limits.wallMillis");
        _require(limits.cpuMillis <= MILLIS_MAX, "limits.cpuMillis");
        _require(limits.pids <= PIDS_MAX, "limits.pids");
    }

    function _isName(string calldata text) private pure returns (bool) {
        return bytes(text).length != 0 && bytes(text).length <= NAME_BYTES_MAX;
    }

    function _require(bool condition, string memory field) private pure {
        require(condition, IAppController.InvalidProgram(field));
    }
}
