// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {BN254CertificateVerifier} from "../../src/compute/BN254CertificateVerifier.sol";
import {KeyRegistrar} from "../../src/core/KeyRegistrar.sol";
import {StrategyBase} from "../../src/core/StrategyBase.sol";
import {IBN254CertificateVerifierTypes, IOperatorTableSource} from "../../src/interfaces/IBN254CertificateVerifier.sol";
import {IKeyRegistrarTypes} from "../../src/interfaces/IKeyRegistrar.sol";
import {BN254} from "../../src/libraries/BN254.sol";
import {OperatorSet} from "../../src/libraries/OperatorSetLib.sol";
import {CoreFixture} from "../core/CoreFixture.sol";
import {TestAVS} from "../core/TestAVS.sol";
import {G2} from "../G2.sol";
import {Keys} from "../Keys.sol";
import {StandInApp} from "./StandIns.sol";

contract RegistrarApp is TestAVS, StandInApp {
    constructor(TableParameters memory parameters) StandInApp(parameters) {}
}

/// @notice A table made from the real core and the real key registrar: operators with allocated stake in two strategies. Its first
/// update's gas, everything cold, goes into `snapshots/table.json`.
abstract contract TableGasTest is CoreFixture, IBN254CertificateVerifierTypes {
    uint256 private constant FIRST_SECRET = 7_000_000;

    BN254CertificateVerifier private verifier;
    KeyRegistrar private registrar;
    RegistrarApp private app;
    OperatorSet private set;
    StrategyBase[] private strategies;
    /// @dev Secrets count upwards, so that the next G2 key is one addition away.
    BN254.G2Point private nextG2;

    constructor(uint256 operatorCount) {
        vm.roll(1_000_000);
        deployCore(localDelays());
        strategies.push(newStrategy());
        strategies.push(newStrategy());
        app = new RegistrarApp(parameters());
        set = createSet(address(app), 1, parameters().strategies, makeAddr("slasher"), address(0));
        registrar = new KeyRegistrar(permissionController, allocationManager);
        verifier = new BN254CertificateVerifier(allocationManager, registrar);
        vm.prank(address(app));
        registrar.configureOperatorSet(set, IKeyRegistrarTypes.CurveType.BN254);
        nextG2 = Keys.g2(FIRST_SECRET);
        for (uint256 i = 0; i < operatorCount; ++i) {
            addOperator(i);
        }
        roll(1_000);
    }

    function parameters() private view returns (IOperatorTableSource.TableParameters memory source) {
        source.strategies = new address[](2);
        (source.strategies[0], source.strategies[1]) = (address(strategies[0]), address(strategies[1]));
        if (source.strategies[0] > source.strategies[1]) {
            (source.strategies[0], source.strategies[1]) = (source.strategies[1], source.strategies[0]);
        }
        source.minimumStake = new uint256[](2);
        source.requiredStake = new uint256[](2);
        source.horizonBlocks = 500;
        source.stalenessSeconds = 1 days;
    }

    function addOperator(uint256 i) private {
        address operator = address(uint160(0x10000 + i));
        registerOperator(operator);
        for (uint256 j = 0; j < strategies.length; ++j) {
            deposit(operator, strategies[j], 32 ether + i);
        }
        // A first allocation may have to wait until the operator's delay counts.
        roll(localDelays().configuration + 1);
        for (uint256 j = 0; j < strategies.length; ++j) {
            allocate(operator, set, address(strategies[j]), WAD);
        }
        joinSet(operator, set, "");
        registerKey(operator, FIRST_SECRET + i);
    }

    function registerKey(address operator, uint256 secret) private {
        bytes memory keyData = abi.encode(Keys.g1(secret), nextG2);
        bytes memory proof =
            Keys.signature(secret, registrar.getBN254KeyRegistrationMessageHash(operator, set, keyData));
        nextG2 = G2.add(nextG2, BN254.generatorG2());
        vm.prank(operator);
        registrar.registerKey(operator, set, keyData, proof);
    }

    function measure(string memory name, uint256 operatorCount) internal {
        uint32 timestamp = verifier.updateOperatorTable(set, 0);
        vm.snapshotGasLastCall("table", name);

        BN254OperatorSetInfo memory info = verifier.getOperatorSetInfo(set, timestamp);
        assertEq(info.numOperators, operatorCount);
        uint256 secrets = operatorCount * FIRST_SECRET + operatorCount * (operatorCount - 1) / 2;
        assertEq(abi.encode(info.aggregatePubkey), abi.encode(Keys.g1(secrets)));
        uint256 stake = operatorCount * 32 ether + operatorCount * (operatorCount - 1) / 2;
        assertEq(info.totalWeights[0], stake);
        assertEq(info.totalWeights[1], stake);
        checkCertificate(timestamp, secrets, stake);
    }

    function checkCertificate(uint32 timestamp, uint256 secrets, uint256 stake) private view {
        bytes32 message = keccak256("message");
        BN254Certificate memory certificate;
        certificate.referenceTimestamp = timestamp;
        certificate.messageHash = message;
        certificate.signature = Keys.sign(secrets, verifier.calculateCertificateDigest(timestamp, message));
        certificate.apk = Keys.g2(secrets);
        assertEq(verifier.verifyCertificate(set, certificate)[0], stake);
    }
}

contract TableOf4GasTest is TableGasTest(4) {
    function test_update_4() public {
        measure("update_4", 4);
    }
}

contract TableOf50GasTest is TableGasTest(50) {
    function test_update_50() public {
        measure("update_50", 50);
    }
}

contract TableOf200GasTest is TableGasTest(200) {
    function test_update_200() public {
        measure("update_200", 200);
    }
}
