// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IClaimOutcomes} from "../../src/interfaces/IExposureLedger.sol";
import {BN254} from "../../src/libraries/BN254.sol";
import {Batch} from "../../src/libraries/VouchTypes.sol";
import {ClaimSlasher} from "../../src/verify/ClaimSlasher.sol";
import {Keys} from "../Keys.sol";
import {LedgerFixture} from "./LedgerFixture.sol";

/// @title What it costs to slash ten signers, in one page.
contract SlashGasTest is LedgerFixture {
    uint256 private constant SIGNERS = 10;

    ClaimSlasher private _slasher;
    Batch private _lie;

    function setUp() public {
        deployLedger();
        _slasher = new ClaimSlasher(
            claims, controller, registry, verifier, keyRegistrar, router, SLASHABLE_BLOCKS * SECONDS_PER_BLOCK
        );
        vm.startPrank(moduleAdder);
        router.queueModule(address(_slasher));
        vm.roll(vm.getBlockNumber() + ADD_DELAY_BLOCKS);
        router.addModule(address(_slasher));
        vm.stopPrank();
        _addSix();
        tableTime = verifier.updateOperatorTable(set, 0);
        _lie = batchAfter(2, hashOf(batch), 0);
        registry.post(only(_lie), _certifyAll(_lie));
        claimOn("lie", _lie);
        claims.end("lie", IClaimOutcomes.Outcome.BAD);
    }

    function test_gasOfSlashingTenSigners() public {
        BN254OperatorInfoWitness[] memory page = new BN254OperatorInfoWitness[](SIGNERS);
        for (uint256 i = 0; i < SIGNERS; ++i) {
            page[i] = _witness(i);
        }
        address[5] memory targets = [
            address(controller), address(registry), address(verifier), address(keyRegistrar), address(allocationManager)
        ];
        for (uint256 i = 0; i < targets.length; ++i) {
            vm.cool(targets[i]);
        }
        vm.cool(address(delegationManager));
        _slasher.slashSigners("lie", new uint32[](0), page);
        vm.snapshotGasLastCall("verify", "slash_10");
        for (uint256 i = 0; i < SIGNERS; ++i) {
            assertEq(allocatedStake(i, 0), 0);
        }
    }

    function stakeOf(uint256 i) internal view override returns (uint256) {
        return i < OPERATOR_COUNT ? super.stakeOf(i) : 10 ether;
    }

    function _addSix() private {
        for (uint256 i = OPERATOR_COUNT; i < SIGNERS; ++i) {
            stakeAndAllocate(i, stakeOf(i));
        }
        mine(allocationWait(operatorOf(OPERATOR_COUNT)), SECONDS_PER_BLOCK);
        for (uint256 i = OPERATOR_COUNT; i < SIGNERS; ++i) {
            registerKeyOf(i, set);
            joinSet(operatorOf(i), set, "");
        }
    }

    function _certifyAll(Batch memory lie) private view returns (BN254Certificate memory certificate) {
        uint256 secret = 0;
        for (uint256 i = 0; i < SIGNERS; ++i) {
            secret = addmod(secret, secretOf(i), BN254.R);
        }
        certificate.nonSignerWitnesses = new BN254OperatorInfoWitness[](0);
        (certificate.referenceTimestamp, certificate.messageHash) = (lie.referenceTimestamp, hashOf(lie));
        certificate.signature = Keys.sign(secret, digestOf(lie));
        certificate.apk = Keys.g2(secret);
    }

    function _witness(uint256 i) private view returns (BN254OperatorInfoWitness memory witness) {
        (witness.operatorIndex, witness.operatorInfo) = (uint32(i), infoOf(i));
        for (uint256 level = 0; level < 4; ++level) {
            witness.operatorInfoProof = bytes.concat(witness.operatorInfoProof, _node(level, (i >> level) ^ 1));
        }
    }

    /// @dev Ten leaves, padded with zeros to sixteen.
    function _node(uint256 level, uint256 place) private view returns (bytes32) {
        if (level == 0) {
            return place < SIGNERS ? keccak256(bytes.concat(bytes1(0x75), abi.encode(infoOf(place)))) : bytes32(0);
        }
        return keccak256(abi.encode(_node(level - 1, 2 * place), _node(level - 1, 2 * place + 1)));
    }
}
