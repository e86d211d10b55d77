// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {AppController} from "../src/compute/AppController.sol";
import {BatchRegistry} from "../src/compute/BatchRegistry.sol";
import {BN254CertificateVerifier} from "../src/compute/BN254CertificateVerifier.sol";
import {ForcedInbox} from "../src/compute/ForcedInbox.sol";
import {Lanes} from "../src/compute/Lanes.sol";
import {Profile} from "../src/compute/Profile.sol";
import {KeyRegistrar} from "../src/core/KeyRegistrar.sol";
import {StrategyBase} from "../src/core/StrategyBase.sol";
import {IAppController} from "../src/interfaces/IAppController.sol";
import {IBN254CertificateVerifierTypes} from "../src/interfaces/IBN254CertificateVerifier.sol";
import {IProfile} from "../src/interfaces/IProfile.sol";
import {IForcedInbox} from "../src/interfaces/IForcedInbox.sol";
import {ISlashVault} from "../src/interfaces/ISlashRouter.sol";
import {BN254} from "../src/libraries/BN254.sol";
import {OperatorSet} from "../src/libraries/OperatorSetLib.sol";
import {Batch, Limits, Program, VouchTypes} from "../src/libraries/VouchTypes.sol";
import {EquivocationSlasher} from "../src/slash/EquivocationSlasher.sol";
import {SlashRouter} from "../src/slash/SlashRouter.sol";
import {SlashVaultFactory} from "../src/slash/SlashVaultFactory.sol";
import {Keys} from "./Keys.sol";
import {CoreFixture} from "./core/CoreFixture.sol";

/// @title A whole deployment with the delays of mainnet: core, keys, verifier, apps, batches and the slashing door; one app with a
/// wasm release, a lane, and four operators of unequal stake in two strategies, who sign with real keys.
/// @dev Inherit it and call `deployVouch`. Certificates and trees are made here a second time, without the contracts under test.
abstract contract VouchFixture is CoreFixture, IBN254CertificateVerifierTypes {
    using VouchTypes for Batch;
    using VouchTypes for Program;

    uint256 internal constant SECONDS_PER_BLOCK = 12;
    uint32 internal constant SLASHABLE_BLOCKS = 216_000;
    uint32 internal constant ADD_DELAY_BLOCKS = 216_001;
    uint32 internal constant SKIP_DELAY = 1 hours;
    uint256 internal constant SKIP_BOND = 0.05 ether;
    uint32 internal constant GATEWAY_DELAY = 8 days;
    uint32 internal constant BOND_DELAY = 30 days;
    uint32 internal constant WINDOW = 16;
    uint16 internal constant THRESHOLD_BIPS = 6_667;
    uint256 internal constant MINIMUM_STAKE = 1 ether;
    uint256 internal constant REQUIRED_STAKE = 50 ether;
    uint256 internal constant OPERATOR_COUNT = 4;
    address internal constant GATEWAY = address(0x6a7e);

    KeyRegistrar internal keyRegistrar;
    BN254CertificateVerifier internal verifier;
    SlashRouter internal router;
    SlashVaultFactory internal vaultFactory;
    AppController internal controller;
    BatchRegistry internal registry;
    EquivocationSlasher internal equivocationSlasher;
    ForcedInbox internal inbox;
    Profile internal profile;
    StrategyBase[] internal stakeStrategies;

    address internal appOwner = makeAddr("app owner");
    address internal moduleAdder = makeAddr("module adder");
    bytes32 internal app;
    bytes32 internal programId;
    uint32 internal lane;
    OperatorSet internal set;
    ISlashVault internal vault;
    /// @notice The timestamp of the wasm table.
    uint32 internal tableTime;

    function deployVouch() internal {
        vm.warp(1_800_000_000);
        vm.roll(20_000_000);
        deployCore(mainnetDelays());
        _deployContracts();
        stakeStrategies.push(newStrategy());
        stakeStrategies.push(newStrategy());
        if (address(stakeStrategies[0]) > address(stakeStrategies[1])) {
            (stakeStrategies[0], stakeStrategies[1]) = (stakeStrategies[1], stakeStrategies[0]);
        }
        profile = makeProfile();
        app = newApp(appParameters());
        set = OperatorSet({avs: address(controller), id: controller.appInfo(app).operatorSetId});
        vault = ISlashVault(controller.appInfo(app).slashVault);
        programId = publish(app, wasmProgram());
        vm.prank(appOwner);
        lane = registry.registerLane(app, GATEWAY, WINDOW);
        _addOperators();
        tableTime = verifier.updateOperatorTable(set, 0);
    }

    /// @dev The router knows its first module before that exists, and the registry the inbox; nothing else is circular.
    function _deployContracts() private {
        keyRegistrar = new KeyRegistrar(permissionController, allocationManager);
        uint256 nonce = vm.getNonce(address(this));
        address slasherAt = vm.computeCreateAddress(address(this), nonce + 5);
        router = new SlashRouter(allocationManager, slasherAt, moduleAdder, ADD_DELAY_BLOCKS);
        vaultFactory = new SlashVaultFactory(strategyManager, address(router));
        controller = new AppController(allocationManager, keyRegistrar, address(router), vaultFactory);
        verifier = new BN254CertificateVerifier(allocationManager, keyRegistrar);
        address inboxAt = vm.computeCreateAddress(address(this), nonce + 6);
        registry = new BatchRegistry(controller, verifier, IForcedInbox(inboxAt), laneRules());
        equivocationSlasher = new EquivocationSlasher(
            controller, registry, verifier, keyRegistrar, router, SLASHABLE_BLOCKS, SECONDS_PER_BLOCK
        );
        assertEq(address(equivocationSlasher), slasherAt);
        inbox = new ForcedInbox(controller, registry, inboxRules());
        assertEq(address(inbox), inboxAt);
    }

    /// @notice Two entries of the fixture's program fit a block, one is its target.
    function inboxRules() internal pure returns (IForcedInbox.Rules memory) {
        return IForcedInbox.Rules({
            fuelTarget: 11e9,
            fuelPerEntry: 1e8,
            fuelPerByte: 1e3,
            priceMin: 1e9,
            seedDelayBlocks: 4,
            deadlineMin: 1 hours,
            deadlineMax: 1 days,
            payloadBytesMax: 1 << 15
        });
    }

    function laneRules() internal pure returns (Lanes.LaneRules memory) {
        return Lanes.LaneRules({skipDelay: SKIP_DELAY, gatewayDelay: GATEWAY_DELAY, skipBond: SKIP_BOND});
    }

    // Apps and programs.

    function makeProfile() internal virtual returns (Profile) {
        return new Profile(profileTimes(), 1 << 20, SLASHABLE_BLOCKS, SECONDS_PER_BLOCK);
    }

    function profileTimes() internal pure returns (IProfile.Times memory) {
        return IProfile.Times({
            claimAge: 1 days,
            window: 4 days,
            demand: 4 days,
            reopenedWindow: 4 days,
            seedWait: 1 hours,
            verifiers: 5 days,
            appeals: 5 days,
            paging: 1 days,
            staleness: 12 hours
        });
    }

    function appParameters() internal view virtual returns (IAppController.AppParameters memory parameters) {
        uint256 count = stakeStrategies.length;
        parameters.profile = address(profile);
        parameters.thresholdBips = THRESHOLD_BIPS;
        parameters.strategies = new address[](count);
        parameters.minimumStake = new uint256[](count);
        parameters.requiredStake = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            parameters.strategies[i] = address(stakeStrategies[i]);
            parameters.minimumStake[i] = MINIMUM_STAKE;
            parameters.requiredStake[i] = REQUIRED_STAKE;
        }
    }

    function newApp(IAppController.AppParameters memory parameters) internal returns (bytes32) {
        vm.prank(appOwner);
        return controller.createApp(parameters);
    }

    function publish(bytes32 app_, Program memory program) internal returns (bytes32) {
        vm.prank(appOwner);
        return controller.publishRelease(app_, program, "file:program");
    }

    function wasmProgram() internal pure returns (Program memory program) {
        program.runtime = "wasmtime-48/x86-64/1";
        program.artifactDigest = keccak256("artifact");
        program.interfaceName = "command";
        program.limits = Limits({
            fuel: 1e10,
            memoryBytes: 256 << 20,
            payloadBytes: 1 << 20,
            outputBytes: 1 << 20,
            wallMillis: 100_000,
            cpuMillis: 0,
            pids: 0
        });
    }

    function ociProgram() internal pure returns (Program memory program) {
        program = wasmProgram();
        program.runtime = "oci-1";
        program.limits.fuel = 0;
    }

    // Operators.

    function operatorOf(uint256 i) internal pure returns (address) {
        return address(uint160(0x10000 + i));
    }

    function secretOf(uint256 i) internal view virtual returns (uint256) {
        return uint256(keccak256(abi.encode("secret", i))) % BN254.R;
    }

    /// @notice 40, 30, 20 and 10 tokens and some wei, in both strategies.
    function stakeOf(uint256 i) internal view virtual returns (uint256) {
        return (OPERATOR_COUNT - i) * 10 ether + i;
    }

    function _addOperators() private {
        for (uint256 i = 0; i < OPERATOR_COUNT; ++i) {
            stakeAndAllocate(i, stakeOf(i));
        }
        mine(allocationWait(operatorOf(0)), SECONDS_PER_BLOCK);
        for (uint256 i = 0; i < OPERATOR_COUNT; ++i) {
            registerKeyOf(i, set);
            joinSet(operatorOf(i), set, "");
        }
    }

    /// @notice Makes operator `i`, who allocates all of `stake` in every strategy; it still has to wait.
    function stakeAndAllocate(uint256 i, uint256 stake) internal {
        registerOperator(operatorOf(i));
        for (uint256 j = 0; j < stakeStrategies.length; ++j) {
            deposit(operatorOf(i), stakeStrategies[j], stake);
            allocate(operatorOf(i), set, address(stakeStrategies[j]), WAD);
        }
    }

    function registerKeyOf(uint256 i, OperatorSet memory operatorSet) internal {
        registerKey(operatorOf(i), secretOf(i), operatorSet);
    }

    function registerKey(address operator, uint256 secret, OperatorSet memory operatorSet) internal {
        bytes memory data = Keys.data(secret);
        bytes32 digest = keyRegistrar.getBN254KeyRegistrationMessageHash(operator, operatorSet, data);
        bytes memory signature = Keys.signature(secret, digest);
        vm.prank(operator);
        keyRegistrar.registerKey(operator, operatorSet, data, signature);
    }

    function allocatedStake(uint256 i, uint256 j) internal view returns (uint256) {
        return allocationManager.getAllocatedStake(set, one(operatorOf(i)), one(address(stakeStrategies[j])))[0][0];
    }

    // Batches.

    /// @notice A batch of the fixture's lane on the wasm table; `salt` makes it differ from others of its slot.
    function batchAfter(uint64 sequence, bytes32 parent, uint256 salt) internal view returns (Batch memory batch) {
        batch.chainId = block.chainid;
        batch.registry = address(registry);
        batch.app = app;
        batch.operatorSetId = set.id;
        batch.profileId = address(profile);
        batch.programId = programId;
        batch.lane = lane;
        batch.sequence = sequence;
        batch.parent = parent;
        batch.exchangesRoot = keccak256(abi.encode("exchanges", salt));
        batch.exchangeCount = 1;
        batch.referenceTimestamp = tableTime;
    }

    /// @notice `count` batches that chain, the first on `parent` with sequence `first`.
    function chain(uint64 first, bytes32 parent, uint256 count) internal view returns (Batch[] memory headers) {
        headers = new Batch[](count);
        for (uint256 i = 0; i < count; ++i) {
            headers[i] = batchAfter(first + uint64(i), parent, 0);
            parent = headers[i].hash();
        }
    }

    function only(Batch memory batch) internal pure returns (Batch[] memory headers) {
        headers = new Batch[](1);
        headers[0] = batch;
    }

    function hashOf(Batch memory batch) internal pure returns (bytes32) {
        return batch.hash();
    }

    /// @notice Posts one batch with everybody's certificate.
    function postOne(Batch memory batch) internal returns (bytes32 batchHash) {
        registry.post(only(batch), certify(batch, none()));
        return batch.hash();
    }

    function postChain(Batch[] memory headers) internal {
        registry.post(headers, certify(headers[headers.length - 1], none()));
    }

    // Certificates.

    /// @notice The certificate of all four operators but `absent` (ascending).
    function certify(Batch memory batch, uint256[] memory absent)
        internal
        view
        returns (BN254Certificate memory certificate)
    {
        uint256 secret = 0;
        for (uint256 i = 0; i < OPERATOR_COUNT; ++i) {
            secret = addmod(secret, secretOf(i), BN254.R);
        }
        certificate.nonSignerWitnesses = new BN254OperatorInfoWitness[](absent.length);
        for (uint256 i = 0; i < absent.length; ++i) {
            secret = addmod(secret, BN254.R - secretOf(absent[i]), BN254.R);
            certificate.nonSignerWitnesses[i] = witnessOf(absent[i]);
        }
        certificate.referenceTimestamp = batch.referenceTimestamp;
        certificate.messageHash = batch.hash();
        certificate.signature = Keys.sign(secret, digestOf(batch));
        certificate.apk = Keys.g2(secret);
    }

    function digestOf(Batch memory batch) internal pure returns (bytes32) {
        bytes32 typehash = keccak256("BN254Certificate(uint32 referenceTimestamp,bytes32 messageHash)");
        return keccak256(abi.encode(typehash, batch.referenceTimestamp, batch.hash()));
    }

    function signatureOf(uint256 i, Batch memory batch) internal view returns (BN254.G1Point memory) {
        return Keys.sign(secretOf(i), digestOf(batch));
    }

    /// @notice Operator `i`'s leaf in the fixture's table of four.
    function witnessOf(uint256 i) internal view returns (BN254OperatorInfoWitness memory witness) {
        witness.operatorIndex = uint32(i);
        witness.operatorInfo = infoOf(i);
        witness.operatorInfoProof = abi.encodePacked(_leaf(i ^ 1), _pair(_leaf((i ^ 2) & 2), _leaf(((i ^ 2) & 2) + 1)));
    }

    function infoOf(uint256 i) internal view returns (BN254OperatorInfo memory info) {
        info.pubkey = Keys.g1(secretOf(i));
        info.weights = new uint256[](stakeStrategies.length);
        for (uint256 j = 0; j < info.weights.length; ++j) {
            info.weights[j] = weightOf(i, j);
        }
    }

    /// @notice What the table should say; here all stake is slashable to the end.
    function weightOf(uint256 i, uint256) internal view virtual returns (uint256) {
        return stakeOf(i);
    }

    function _leaf(uint256 i) private view returns (bytes32) {
        return keccak256(abi.encodePacked(bytes1(0x75), abi.encode(infoOf(i))));
    }

    function _pair(bytes32 left, bytes32 right) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(left, right));
    }

    function none() internal pure returns (uint256[] memory) {
        return new uint256[](0);
    }

    function list(uint256 a) internal pure returns (uint256[] memory indices) {
        indices = new uint256[](1);
        indices[0] = a;
    }

    function list(uint256 a, uint256 b) internal pure returns (uint256[] memory indices) {
        indices = new uint256[](2);
        (indices[0], indices[1]) = (a, b);
    }
}
