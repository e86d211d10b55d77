// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {BN254CertificateVerifier} from "../../src/compute/BN254CertificateVerifier.sol";
import {IAllocationManager} from "../../src/interfaces/IAllocationManager.sol";
import {IBN254CertificateVerifierTypes, IOperatorTableSource} from "../../src/interfaces/IBN254CertificateVerifier.sol";
import {IKeyRegistrar} from "../../src/interfaces/IKeyRegistrar.sol";
import {BN254} from "../../src/libraries/BN254.sol";
import {OperatorSet} from "../../src/libraries/OperatorSetLib.sol";
import {Keys} from "../Keys.sol";
import {Test} from "../Test.sol";
import {StandInAllocationManager, StandInApp, StandInKeyRegistrar} from "./StandIns.sol";

/// @title A verifier over stand-ins, and honest certificates of any subset of its operators.
/// @dev Trees and certificates are made here a second time, without the libraries under test.
abstract contract VerifierFixture is Test, IBN254CertificateVerifierTypes {
    uint32 internal constant STALENESS = 1 days;
    uint32 internal constant HORIZON = 100;
    bytes32 internal constant MESSAGE = keccak256("message");
    bytes32 internal constant PROGRAM = keccak256("program");

    BN254CertificateVerifier internal verifier;
    StandInAllocationManager internal allocations;
    StandInKeyRegistrar internal registrar;
    StandInApp internal app;
    OperatorSet internal set;

    function deployVerifier() internal {
        vm.warp(1_800_000_000);
        vm.roll(20_000_000);
        allocations = new StandInAllocationManager();
        registrar = new StandInKeyRegistrar();
        verifier =
            new BN254CertificateVerifier(IAllocationManager(address(allocations)), IKeyRegistrar(address(registrar)));
        app = new StandInApp(parametersOf(1));
        set = OperatorSet({avs: address(app), id: 1});
    }

    /// @notice `weightCount` strategies without any minimum.
    function parametersOf(uint256 weightCount) internal pure returns (IOperatorTableSource.TableParameters memory) {
        address[] memory strategies = new address[](weightCount);
        for (uint256 j = 0; j < weightCount; ++j) {
            strategies[j] = strategyOf(j);
        }
        return IOperatorTableSource.TableParameters({
            strategies: strategies,
            minimumStake: new uint256[](weightCount),
            requiredStake: new uint256[](weightCount),
            horizonBlocks: HORIZON,
            stalenessSeconds: STALENESS
        });
    }

    /// @notice Makes 0 .. count - 1 the members, with keys and stakes.
    function setMembers(uint256 count, uint256 weightCount) internal {
        address[] memory members = new address[](count);
        for (uint256 i = 0; i < count; ++i) {
            members[i] = operatorOf(i);
            registrar.setKey(members[i], Keys.g1(secretOf(i)));
            for (uint256 j = 0; j < weightCount; ++j) {
                allocations.setStake(members[i], strategyOf(j), stakeOf(i, j));
            }
        }
        allocations.setMembers(members);
    }

    /// @notice Makes the next second's wasm table, of `count` operators with `weightCount` weights.
    function makeTable(uint256 count, uint256 weightCount) internal returns (uint32 referenceTimestamp) {
        vm.warp(vm.getBlockTimestamp() + 1);
        setMembers(count, weightCount);
        app.setParameters(parametersOf(weightCount));
        return verifier.updateOperatorTable(set, 0);
    }

    function strategyOf(uint256 j) internal pure returns (address) {
        return address(uint160(0xa000 + j));
    }

    function operatorOf(uint256 i) internal pure returns (address) {
        return address(uint160(0x10000 + i));
    }

    /// @notice Short, since G2 has no precompile: the time that tests take goes into multiplying by the sum of secrets.
    function secretOf(uint256 i) internal pure returns (uint256) {
        return uint32(uint256(keccak256(abi.encode("secret", i)))) | 1;
    }

    /// @notice All different, so that no two leaves share a word.
    function stakeOf(uint256 i, uint256 j) internal pure returns (uint256) {
        return 32 ether + i * 1 gwei + j;
    }

    /// @notice What `makeTable` puts into a table.
    function infosOf(uint256 count, uint256 weightCount) internal view returns (BN254OperatorInfo[] memory infos) {
        infos = new BN254OperatorInfo[](count);
        for (uint256 i = 0; i < count; ++i) {
            infos[i].pubkey = Keys.g1(secretOf(i));
            infos[i].weights = new uint256[](weightCount);
            for (uint256 j = 0; j < weightCount; ++j) {
                infos[i].weights[j] = stakeOf(i, j);
            }
        }
    }

    /// @notice The certificate over `messageHash` of all operators of the table but `absent` (ascending).
    function certificateOf(
        uint32 referenceTimestamp,
        bytes32 messageHash,
        BN254OperatorInfo[] memory infos,
        uint256[] memory absent
    ) internal view returns (BN254Certificate memory certificate) {
        uint256 secret = signersSecret(infos.length, absent);
        certificate.referenceTimestamp = referenceTimestamp;
        certificate.messageHash = messageHash;
        certificate.signature = Keys.sign(secret, digestOf(referenceTimestamp, messageHash));
        certificate.apk = Keys.g2(secret);
        certificate.nonSignerWitnesses = new BN254OperatorInfoWitness[](absent.length);
        bytes32[][] memory levels = levelsOf(infos);
        for (uint256 i = 0; i < absent.length; ++i) {
            certificate.nonSignerWitnesses[i] = witnessOf(infos, levels, absent[i]);
        }
    }

    function signersSecret(uint256 count, uint256[] memory absent) internal pure returns (uint256 secret) {
        for (uint256 i = 0; i < count; ++i) {
            secret = addmod(secret, secretOf(i), BN254.R);
        }
        for (uint256 i = 0; i < absent.length; ++i) {
            secret = addmod(secret, BN254.R - secretOf(absent[i]), BN254.R);
        }
    }

    function digestOf(uint32 referenceTimestamp, bytes32 messageHash) internal pure returns (bytes32) {
        bytes32 typehash = keccak256("BN254Certificate(uint32 referenceTimestamp,bytes32 messageHash)");
        return keccak256(abi.encode(typehash, referenceTimestamp, messageHash));
    }

    function witnessOf(BN254OperatorInfo[] memory infos, bytes32[][] memory levels, uint256 index)
        internal
        pure
        returns (BN254OperatorInfoWitness memory witness)
    {
        witness.operatorIndex = uint32(index);
        // A copy: tests spoil witnesses, not tables.
        witness.operatorInfo = abi.decode(abi.encode(infos[index]), (BN254OperatorInfo));
        for (uint256 level = 0; level + 1 < levels.length; ++level) {
            bytes32 sibling = levels[level][(index >> level) ^ 1];
            witness.operatorInfoProof = bytes.concat(witness.operatorInfoProof, sibling);
        }
    }

    /// @notice All nodes of the table's tree, leaves first, padded with zero leaves to a power of two.
    function levelsOf(BN254OperatorInfo[] memory infos) internal pure returns (bytes32[][] memory levels) {
        uint256 depth = 0;
        while (2 ** depth < infos.length) ++depth;
        levels = new bytes32[][](depth + 1);
        levels[0] = new bytes32[](2 ** depth);
        for (uint256 i = 0; i < infos.length; ++i) {
            levels[0][i] = keccak256(abi.encodePacked(bytes1(0x75), abi.encode(infos[i])));
        }
        for (uint256 level = 1; level <= depth; ++level) {
            levels[level] = new bytes32[](2 ** (depth - level));
            for (uint256 i = 0; i < levels[level].length; ++i) {
                levels[level][i] = keccak256(abi.encodePacked(levels[level - 1][2 * i], levels[level - 1][2 * i + 1]));
            }
        }
    }

    /// @notice `size` indices below `count`, evenly spread.
    function spread(uint256 size, uint256 count) internal pure returns (uint256[] memory indices) {
        indices = new uint256[](size);
        for (uint256 i = 0; i < size; ++i) {
            indices[i] = i * count / size;
        }
    }

    function list(uint256 a) internal pure returns (uint256[] memory indices) {
        indices = new uint256[](1);
        indices[0] = a;
    }

    function list(uint256 a, uint256 b) internal pure returns (uint256[] memory indices) {
        indices = new uint256[](2);
        (indices[0], indices[1]) = (a, b);
    }

    function none() internal pure returns (uint256[] memory) {
        return new uint256[](0);
    }
}
