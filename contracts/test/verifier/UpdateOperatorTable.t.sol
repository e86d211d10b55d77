// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IBN254CertificateVerifier, IOperatorTableSource} from "../../src/interfaces/IBN254CertificateVerifier.sol";
import {BN254} from "../../src/libraries/BN254.sol";
import {Vm} from "../Vm.sol";
import {VerifierFixture} from "./VerifierFixture.sol";

/// @notice Who gets into a table, with what weights, and what the table then says.
contract UpdateOperatorTableTest is VerifierFixture {
    function setUp() public {
        deployVerifier();
    }

    function test_tableSaysWhatTheChainSays() public {
        uint32 timestamp = makeTable(5, 2);
        assertEq(timestamp, vm.getBlockTimestamp());
        assertEq(verifier.latestReferenceTimestamp(set), timestamp);
        assertTrue(verifier.isReferenceTimestampSet(set, timestamp));
        checkTable(timestamp, infosOf(5, 2));
    }

    /// @dev Around each depth, and with totals that are packed and that are not.
    function test_anyShape() public {
        uint16[9] memory counts = [1, 1, 2, 3, 4, 7, 128, 129, 256];
        uint8[9] memory weightCounts = [1, 3, 2, 32, 4, 2, 2, 2, 2];
        for (uint256 i = 0; i < counts.length; ++i) {
            checkTable(makeTable(counts[i], weightCounts[i]), infosOf(counts[i], weightCounts[i]));
        }
    }

    function testFuzz_totalsOfAnySize(uint128 first, uint128 second) public {
        setMembers(1, 2);
        allocations.setStake(operatorOf(0), strategyOf(0), uint256(first) + 1);
        allocations.setStake(operatorOf(0), strategyOf(1), second);
        app.setParameters(parametersOf(2));
        uint32 timestamp = verifier.updateOperatorTable(set, 0);
        BN254OperatorInfo[] memory infos = infosOf(1, 2);
        (infos[0].weights[0], infos[0].weights[1]) = (uint256(first) + 1, second);
        checkTable(timestamp, infos);
        uint256[] memory signed = verifier.verifyCertificate(set, certificateOf(timestamp, MESSAGE, infos, none()));
        assertEq(signed, infos[0].weights);
    }

    function test_eventNamesOperatorsInOrder() public {
        setMembers(3, 2);
        app.setParameters(parametersOf(2));
        address[] memory operators = new address[](3);
        for (uint256 i = 0; i < 3; ++i) {
            operators[i] = operatorOf(i);
        }
        vm.expectEmit(address(verifier));
        emit IBN254CertificateVerifier.OperatorTableUpdated(
            set.avs, set.id, 0, uint32(vm.getBlockTimestamp()), operators, infosOf(3, 2)
        );
        verifier.updateOperatorTable(set, 0);
    }

    function test_secondCallInTheBlockChangesNothing() public {
        uint32 timestamp = makeTable(5, 2);
        setMembers(3, 2);
        vm.recordLogs();
        assertEq(verifier.updateOperatorTable(set, 0), timestamp);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs.length, 0);
        checkTable(timestamp, infosOf(5, 2));
    }

    function test_olderTablesStay() public {
        uint32 older = makeTable(5, 2);
        uint32 newer = makeTable(6, 1);
        checkTable(older, infosOf(5, 2));
        checkTable(newer, infosOf(6, 1));
        assertEq(verifier.latestReferenceTimestamp(set), newer);
    }

    /// @dev The bound is the AVS's of the moment the table was made: a later one can neither revive nor kill it.
    function test_stalenessIsFixedWithTheTable() public {
        uint32 timestamp = makeTable(2, 1);
        BN254Certificate memory certificate = certificateOf(timestamp, MESSAGE, infosOf(2, 1), none());
        IOperatorTableSource.TableParameters memory parameters = parametersOf(1);
        parameters.stalenessSeconds = 0;
        app.setParameters(parameters);
        vm.warp(vm.getBlockTimestamp() + 1);
        uint32 shortLived = verifier.updateOperatorTable(set, 0);
        verifier.verifyCertificate(set, certificate);

        BN254Certificate memory second = certificateOf(shortLived, MESSAGE, infosOf(2, 1), none());
        verifier.verifyCertificate(set, second);
        vm.warp(vm.getBlockTimestamp() + 1);
        vm.expectPartialRevert(IBN254CertificateVerifier.TableTooOld.selector);
        verifier.verifyCertificate(set, second);
    }

    function test_theLongestStalenessDoesNotOverflow() public {
        setMembers(2, 1);
        IOperatorTableSource.TableParameters memory parameters = parametersOf(1);
        parameters.stalenessSeconds = type(uint32).max;
        app.setParameters(parameters);
        uint32 timestamp = verifier.updateOperatorTable(set, 0);
        verifier.verifyCertificate(set, certificateOf(timestamp, MESSAGE, infosOf(2, 1), none()));
    }

    function test_memberWithoutKeyIsLeftOut() public {
        setMembers(4, 1);
        registrar.setKey(operatorOf(3), BN254.G1Point(0, 0));
        checkTable(verifier.updateOperatorTable(set, 0), infosOf(3, 1));
    }

    function test_memberBelowTheMinimumIsLeftOut() public {
        setMembers(3, 1);
        allocations.setStake(operatorOf(2), strategyOf(0), 10 ether - 1);
        IOperatorTableSource.TableParameters memory parameters = parametersOf(1);
        parameters.minimumStake[0] = 10 ether;
        app.setParameters(parameters);
        checkTable(verifier.updateOperatorTable(set, 0), infosOf(2, 1));
    }

    function test_belowTheMinimumInOneStrategyOnly() public {
        setMembers(2, 2);
        allocations.setStake(operatorOf(1), strategyOf(0), 1 ether);
        IOperatorTableSource.TableParameters memory parameters = parametersOf(2);
        parameters.minimumStake[0] = 10 ether;
        app.setParameters(parameters);
        BN254OperatorInfo[] memory infos = infosOf(2, 2);
        infos[1].weights[0] = 0;
        checkTable(verifier.updateOperatorTable(set, 0), infos);
    }

    /// @dev What is left out by the minimum does not count towards the required stake either.
    function test_strategyBelowTheRequiredStakeHasNoWeight() public {
        setMembers(2, 2);
        allocations.setStake(operatorOf(0), strategyOf(1), 50 ether);
        allocations.setStake(operatorOf(1), strategyOf(1), 9 ether);
        IOperatorTableSource.TableParameters memory parameters = parametersOf(2);
        parameters.minimumStake[1] = 10 ether;
        parameters.requiredStake[1] = 50 ether;
        app.setParameters(parameters);
        BN254OperatorInfo[] memory infos = infosOf(2, 2);
        (infos[0].weights[1], infos[1].weights[1]) = (50 ether, 0);
        checkTable(verifier.updateOperatorTable(set, 0), infos);

        parameters.requiredStake[1] = 50 ether + 1;
        app.setParameters(parameters);
        vm.warp(vm.getBlockTimestamp() + 1);
        infos[0].weights[1] = 0;
        checkTable(verifier.updateOperatorTable(set, 0), infos);
    }

    function test_noStrategyReachesItsRequiredStake() public {
        setMembers(2, 1);
        IOperatorTableSource.TableParameters memory parameters = parametersOf(1);
        parameters.requiredStake[0] = 1_000 ether;
        app.setParameters(parameters);
        vm.expectRevert(IBN254CertificateVerifier.EmptyTable.selector);
        verifier.updateOperatorTable(set, 0);
    }

    function test_onlyAcceptersStandInAProgramsTable() public {
        setMembers(3, 1);
        app.accept(PROGRAM, operatorOf(0));
        app.accept(PROGRAM, operatorOf(1));
        app.accept(keccak256("another program"), operatorOf(2));
        uint32 timestamp = verifier.updateOperatorTable(set, PROGRAM);
        assertEq(verifier.getOperatorSetInfoOf(set, PROGRAM, timestamp).numOperators, 2);
        assertEq(verifier.latestReferenceTimestampOf(set, PROGRAM), timestamp);
        assertEq(verifier.latestReferenceTimestamp(set), 0);
        verifier.updateOperatorTable(set, 0);
        assertEq(verifier.getOperatorSetInfoOf(set, 0, timestamp).numOperators, 3);
    }

    function test_requiredStakeIsThatOfTheAccepters() public {
        setMembers(3, 1);
        IOperatorTableSource.TableParameters memory parameters = parametersOf(1);
        parameters.requiredStake[0] = 65 ether;
        app.setParameters(parameters);
        app.accept(PROGRAM, operatorOf(0));
        app.accept(PROGRAM, operatorOf(1));
        vm.expectRevert(IBN254CertificateVerifier.EmptyTable.selector);
        verifier.updateOperatorTable(set, PROGRAM);
        verifier.updateOperatorTable(set, 0);
    }

    function test_weightsReachToTheEndOfTheHorizon() public {
        setMembers(2, 1);
        allocations.setLastHorizon(uint32(vm.getBlockNumber() + HORIZON));
        verifier.updateOperatorTable(set, 0);
        vm.warp(vm.getBlockTimestamp() + 1);
        allocations.setLastHorizon(uint32(vm.getBlockNumber() + HORIZON - 1));
        vm.expectRevert(IBN254CertificateVerifier.EmptyTable.selector);
        verifier.updateOperatorTable(set, 0);
    }

    function test_atMost256Operators() public {
        setMembers(257, 1);
        vm.expectRevert(abi.encodeWithSelector(IBN254CertificateVerifier.TooManyOperators.selector, 257, 256));
        verifier.updateOperatorTable(set, 0);
        // Members without weight don't count: they can't keep others from a table.
        allocations.setStake(operatorOf(256), strategyOf(0), 0);
        checkTable(verifier.updateOperatorTable(set, 0), infosOf(256, 1));
    }

    function test_parametersThatMakeNoTable() public {
        setMembers(2, 33);
        IOperatorTableSource.TableParameters memory parameters = parametersOf(0);
        checkParametersRefused(parameters);
        checkParametersRefused(parametersOf(33));
        parameters = parametersOf(2);
        parameters.minimumStake = new uint256[](1);
        checkParametersRefused(parameters);
        parameters = parametersOf(2);
        parameters.requiredStake = new uint256[](3);
        checkParametersRefused(parameters);
    }

    function test_noMembers() public {
        vm.expectRevert(IBN254CertificateVerifier.EmptyTable.selector);
        verifier.updateOperatorTable(set, 0);
    }

    function test_unknownTable() public {
        uint32 timestamp = makeTable(2, 1);
        assertFalse(verifier.isReferenceTimestampSet(set, timestamp + 1));
        vm.expectRevert(IBN254CertificateVerifier.UnknownTable.selector);
        verifier.getOperatorSetInfo(set, timestamp + 1);
        vm.expectRevert(IBN254CertificateVerifier.UnknownTable.selector);
        verifier.getOperatorSetInfoOf(set, PROGRAM, timestamp);
        vm.expectRevert(IBN254CertificateVerifier.UnknownTable.selector);
        verifier.getOperatorCount(set, timestamp + 1);
        vm.expectRevert(IBN254CertificateVerifier.UnknownTable.selector);
        verifier.getTotalStakeWeights(set, timestamp + 1);
    }

    function checkParametersRefused(IOperatorTableSource.TableParameters memory parameters) private {
        app.setParameters(parameters);
        vm.expectRevert(IBN254CertificateVerifier.InvalidTableParameters.selector);
        verifier.updateOperatorTable(set, 0);
    }

    function checkTable(uint32 timestamp, BN254OperatorInfo[] memory expected) private view {
        BN254OperatorSetInfo memory info = verifier.getOperatorSetInfo(set, timestamp);
        bytes32[][] memory levels = levelsOf(expected);
        assertEq(info.operatorInfoTreeRoot, levels[levels.length - 1][0]);
        assertEq(verifier.calculateOperatorInfoLeaf(expected[0]), levels[0][0]);
        assertEq(info.numOperators, expected.length);
        assertEq(verifier.getOperatorCount(set, timestamp), expected.length);
        assertEq(verifier.getTotalStakeWeights(set, timestamp), info.totalWeights);
        BN254.G1Point memory key;
        uint256[] memory totals = new uint256[](expected[0].weights.length);
        for (uint256 i = 0; i < expected.length; ++i) {
            key = BN254.add(key, expected[i].pubkey);
            for (uint256 j = 0; j < totals.length; ++j) {
                totals[j] += expected[i].weights[j];
            }
        }
        assertEq(abi.encode(info.aggregatePubkey), abi.encode(key));
        assertEq(info.totalWeights, totals);
    }
}
