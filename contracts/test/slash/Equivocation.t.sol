// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IAppController} from "../../src/interfaces/IAppController.sol";
import {IBN254CertificateVerifier} from "../../src/interfaces/IBN254CertificateVerifier.sol";
import {IEquivocationSlasher} from "../../src/interfaces/IEquivocationSlasher.sol";
import {ISlashRouter} from "../../src/interfaces/ISlashRouter.sol";
import {BN254} from "../../src/libraries/BN254.sol";
import {Batch, Program} from "../../src/libraries/VouchTypes.sol";
import {Keys} from "../Keys.sol";
import {EquivocationFixture} from "./EquivocationFixture.sol";

/// @title An operator that signs two batches for one slot loses its stake in one transaction; nobody else does.
contract EquivocationTest is EquivocationFixture {
    Batch private first;
    Batch private second;

    function setUp() public override {
        super.setUp();
        first = batchAfter(7, keccak256("parent"), 1);
        second = batchAfter(7, keccak256("parent"), 2);
    }

    // What is enough.

    function test_anOperatorThatSignsTwoBatches_twoSignatures() public {
        assertWholeStakeTaken(LIAR, prove(bySignature(LIAR, first), bySignature(LIAR, second)));
        assertEq(allocatedStake(0, 0), stakeOf(0));
    }

    function test_anOperatorThatSignsTwoBatches_twoCertificates() public {
        uint256 slashId = prove(byCertificate(LIAR, first, list(0)), byCertificate(LIAR, second, list(2, 3)));
        assertWholeStakeTaken(LIAR, slashId);
    }

    function test_anOperatorThatSignsTwoBatches_oneOfEach() public {
        assertWholeStakeTaken(LIAR, prove(byCertificate(LIAR, first, none()), bySignature(LIAR, second)));
    }

    function test_otherParentsAndProgramsOfTheSameSlotCount() public {
        Program memory program = wasmProgram();
        program.artifactDigest = keccak256("other artifact");
        second.programId = publish(app, program);
        second.parent = keccak256("another parent");
        assertWholeStakeTaken(LIAR, prove(bySignature(LIAR, first), bySignature(LIAR, second)));
    }

    function test_evidenceSaysWhoAndWhat() public {
        IEquivocationSlasher.SignedBatch memory a = bySignature(LIAR, first);
        IEquivocationSlasher.SignedBatch memory b = bySignature(LIAR, second);
        vm.expectEmit(address(equivocationSlasher));
        emit IEquivocationSlasher.EquivocationProven(operatorOf(LIAR), hashOf(first), hashOf(second), reporter);
        prove(a, b);
    }

    function test_allSignersOfTwoCertificatesCanBeSlashed() public {
        for (uint256 i = 0; i < OPERATOR_COUNT; ++i) {
            prove(byCertificate(i, first, none()), byCertificate(i, second, none()));
            assertEq(allocatedStake(i, 0), 0);
        }
        assertEq(vault.slashedShares(address(stakeStrategies[0])), 100 ether + 6);
    }

    function test_whoLeftTheSetIsStillSlashed() public {
        leaveSet(operatorOf(LIAR), operatorOf(LIAR), set);
        mine(SLASHABLE_BLOCKS, SECONDS_PER_BLOCK);
        assertWholeStakeTaken(LIAR, prove(bySignature(LIAR, first), bySignature(LIAR, second)));
    }

    // What is not.

    function test_evidenceThatIsTooOld() public {
        IEquivocationSlasher.SignedBatch memory a = bySignature(LIAR, first);
        IEquivocationSlasher.SignedBatch memory b = bySignature(LIAR, second);
        vm.warp(uint256(tableTime) + SLASHABLE_BLOCKS * SECONDS_PER_BLOCK);
        uint256 state = vm.snapshotState();
        prove(a, b);
        vm.revertToState(state);
        vm.warp(uint256(tableTime) + SLASHABLE_BLOCKS * SECONDS_PER_BLOCK + 1);
        refuse(a, b, IEquivocationSlasher.EvidenceTooOld.selector);
    }

    function test_oneBatchShownTwice() public {
        refuse(bySignature(LIAR, first), byCertificate(LIAR, first, none()), IEquivocationSlasher.SameBatch.selector);
    }

    function test_twoSlots() public {
        second.sequence = 8;
        refuse(bySignature(LIAR, first), bySignature(LIAR, second), IEquivocationSlasher.DifferentSlots.selector);
        second.sequence = 7;
        second.lane = lane + 1;
        refuse(bySignature(LIAR, first), bySignature(LIAR, second), IEquivocationSlasher.DifferentSlots.selector);
    }

    function test_twoSigners() public {
        refuse(bySignature(0, first), bySignature(1, second), IEquivocationSlasher.DifferentSigners.selector);
    }

    function test_aSlotOfAnotherChainOrRegistry() public {
        (first.chainId, second.chainId) = (1, 1);
        refuse(bySignature(LIAR, first), bySignature(LIAR, second), IEquivocationSlasher.WrongDeployment.selector);
        (first.chainId, second.chainId) = (block.chainid, block.chainid);
        (first.registry, second.registry) = (address(0xbad), address(0xbad));
        refuse(bySignature(LIAR, first), bySignature(LIAR, second), IEquivocationSlasher.WrongDeployment.selector);
    }

    function test_aSlotOfAnotherApp() public {
        bytes32 otherApp = newApp(appParameters());
        (first.app, second.app) = (otherApp, otherApp);
        refuse(bySignature(LIAR, first), bySignature(LIAR, second), IEquivocationSlasher.WrongDeployment.selector);
        // Of the other app's own set there is no table, also for the same program: these keys signed for another set.
        publish(otherApp, wasmProgram());
        (first.operatorSetId, second.operatorSetId) = (set.id + 1, set.id + 1);
        refuse(bySignature(LIAR, first), bySignature(LIAR, second), IBN254CertificateVerifier.UnknownTable.selector);
    }

    function test_aSignatureOfSomeoneElse() public {
        IEquivocationSlasher.SignedBatch memory forged = bySignature(LIAR, second);
        forged.signature = signatureOf(0, second);
        refuse(bySignature(LIAR, first), forged, IEquivocationSlasher.InvalidSignature.selector);
        forged.signature = signatureOf(LIAR, first);
        refuse(bySignature(LIAR, first), forged, IEquivocationSlasher.InvalidSignature.selector);
    }

    function test_aNonSignerOfACertificate() public {
        refuse(
            byCertificate(LIAR, first, none()),
            byCertificate(LIAR, second, list(LIAR)),
            IEquivocationSlasher.SignerAbsent.selector
        );
    }

    function test_aCertificateOfAnotherBatch() public {
        IEquivocationSlasher.SignedBatch memory forged = byCertificate(LIAR, second, none());
        forged.certificate = certify(first, none());
        refuse(bySignature(LIAR, first), forged, IEquivocationSlasher.CertificateOfAnotherBatch.selector);
        forged.certificate.messageHash = hashOf(second);
        refuse(bySignature(LIAR, first), forged, IBN254CertificateVerifier.InvalidSignature.selector);
    }

    /// @dev In another table an index may be another operator's, so who did not sign would be somebody else.
    function test_aCertificateUnderAnotherTable() public {
        mine(1, SECONDS_PER_BLOCK);
        uint32 later = verifier.updateOperatorTable(set, 0);
        IEquivocationSlasher.SignedBatch memory forged = byCertificate(LIAR, second, none());
        uint256 secret = 0;
        for (uint256 i = 0; i < OPERATOR_COUNT; ++i) {
            secret = addmod(secret, secretOf(i), BN254.R);
        }
        forged.certificate.referenceTimestamp = later;
        bytes32 digest = verifier.calculateCertificateDigest(later, hashOf(second));
        forged.certificate.signature = Keys.sign(secret, digest);
        verifier.verifyHistoricCertificate(set, 0, forged.certificate);
        refuse(bySignature(LIAR, first), forged, IEquivocationSlasher.CertificateOfAnotherBatch.selector);
    }

    function test_anUnknownProgram() public {
        second.programId = keccak256("no program");
        refuse(bySignature(LIAR, first), bySignature(LIAR, second), IAppController.UnknownRelease.selector);
    }

    // Keys and tables.

    function test_aKeyThatIsNotInItsTable() public {
        IEquivocationSlasher.SignedBatch memory forged = bySignature(LIAR, second);
        uint256 secret = 4711;
        forged.signer.operatorInfo.pubkey = Keys.g1(secret);
        forged.signature = Keys.sign(secret, digestOf(second));
        refuse(bySignature(LIAR, first), forged, IBN254CertificateVerifier.InvalidWitness.selector);
    }

    /// @dev The operator joined after the table of the batch's timestamp was made; a table of today does not help.
    function test_aKeyThatJoinedAfterTheTable() public {
        uint256 newcomer = OPERATOR_COUNT;
        stakeAndAllocate(newcomer, 10 ether);
        mine(allocationWait(operatorOf(newcomer)), SECONDS_PER_BLOCK);
        registerKeyOf(newcomer, set);
        joinSet(operatorOf(newcomer), set, "");
        verifier.updateOperatorTable(set, 0);
        IEquivocationSlasher.SignedBatch memory a = bySignature(LIAR, first);
        IEquivocationSlasher.SignedBatch memory b = bySignature(LIAR, second);
        (a.signer.operatorIndex, b.signer.operatorIndex) = (uint32(newcomer), uint32(newcomer));
        (a.signer.operatorInfo, b.signer.operatorInfo) = (infoOf(newcomer), infoOf(newcomer));
        (a.signature, b.signature) = (signatureOf(newcomer, first), signatureOf(newcomer, second));
        refuse(a, b, IBN254CertificateVerifier.InvalidWitness.selector);
    }

    function test_aTimestampWithoutATable() public {
        second.referenceTimestamp = tableTime - 1;
        refuse(bySignature(LIAR, first), bySignature(LIAR, second), IBN254CertificateVerifier.UnknownTable.selector);
    }

    // Once.

    function test_aDoubleReport() public {
        prove(bySignature(LIAR, first), bySignature(LIAR, second));
        refuse(bySignature(LIAR, second), bySignature(LIAR, first), IEquivocationSlasher.AlreadyProven.selector);
        Batch memory third = batchAfter(7, keccak256("parent"), 3);
        refuse(bySignature(LIAR, first), bySignature(LIAR, third), IEquivocationSlasher.AlreadyProven.selector);
    }

    function test_aSecondFaultFindsNothingLeft() public {
        prove(bySignature(LIAR, first), bySignature(LIAR, second));
        (first.sequence, second.sequence) = (8, 8);
        refuse(bySignature(LIAR, first), bySignature(LIAR, second), ISlashRouter.NothingToSlash.selector);
    }
}
