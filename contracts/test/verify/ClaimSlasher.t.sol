// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IBN254CertificateVerifier} from "../../src/interfaces/IBN254CertificateVerifier.sol";
import {IClaimSlasher} from "../../src/interfaces/IClaimSlasher.sol";
import {IClaimOutcomes} from "../../src/interfaces/IExposureLedger.sol";
import {ISlashRouter} from "../../src/interfaces/ISlashRouter.sol";
import {ClaimSlasher} from "../../src/verify/ClaimSlasher.sol";
import {LedgerFixture} from "./LedgerFixture.sol";

/// @title Whoever signed a lie is slashed once, and nobody else.
contract ClaimSlasherTest is LedgerFixture {
    ClaimSlasher private _slasher;
    address private _challenger = makeAddr("challenger");

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
        claims.end(CLAIM, IClaimOutcomes.Outcome.BAD);
        claims.reward(CLAIM, _challenger);
    }

    function test_allSignersAreSlashedByPage() public {
        _slasher.slashSigners(CLAIM, _indices(3), _witnesses(0, 2));
        assertEq(_slasher.slashedOf(hashOf(batch)), 3);
        _slasher.slashSigners(CLAIM, _indices(3), _witnesses(2, 3));
        for (uint256 i = 0; i < 3; ++i) {
            assertEq(allocatedStake(i, 0), 0);
            assertEq(vault.operatorOf(i + 1), operatorOf(i));
            assertEq(vault.reporterOf(i + 1), _challenger);
        }
        assertEq(allocatedStake(3, 0), stakeOf(3));
        assertEq(vault.slashedShares(address(stakeStrategies[0])), 90 ether + 3);
    }

    function test_aPageSlashedTwice() public {
        _slasher.slashSigners(CLAIM, _indices(3), _witnesses(1, 2));
        bytes memory again = abi.encodeWithSelector(IClaimSlasher.AlreadySlashed.selector, hashOf(batch), 1);
        _refused(_indices(3), _witnesses(1, 2), again);
        // A page is all or nothing: operator 0 keeps its stake.
        _refused(_indices(3), _witnesses(0, 2), again);
        assertEq(allocatedStake(0, 0), stakeOf(0));
        // And a second bad claim of the batch does not make its signers pay twice.
        bytes32 other = keccak256("other");
        claimOn(other, batch);
        claims.end(other, IClaimOutcomes.Outcome.BAD);
        BN254OperatorInfoWitness[] memory witnesses = _witnesses(1, 2);
        vm.expectRevert(again);
        _slasher.slashSigners(other, _indices(3), witnesses);
    }

    function test_whoDidNotSign() public {
        _refused(_indices(3), _witnesses(3, 4), abi.encodeWithSelector(IClaimSlasher.DidNotSign.selector, 3));
        bytes32 wrong = keccak256(abi.encode(batch.referenceTimestamp, _indices(2)));
        _refused(_indices(2), _witnesses(3, 4), abi.encodeWithSelector(IClaimSlasher.SignersMismatch.selector, wrong));
    }

    function test_whoIsNotInTheTable() public {
        BN254OperatorInfoWitness[] memory witnesses = _witnesses(0, 1);
        witnesses[0].operatorInfo.pubkey = infoOf(1).pubkey;
        bytes memory reason = abi.encodeWithSelector(IBN254CertificateVerifier.InvalidWitness.selector, 0);
        _refused(_indices(3), witnesses, reason);
        // Beyond the word of bits nothing is marked, and nothing is there.
        witnesses = _witnesses(0, 1);
        witnesses[0].operatorIndex = 256;
        _refused(_indices(3), witnesses, abi.encodeWithSelector(IBN254CertificateVerifier.InvalidWitness.selector, 256));
    }

    function test_claimsThatDidNotEndBadly() public {
        bytes memory reason = abi.encodeWithSelector(IClaimSlasher.ClaimNotBad.selector, CLAIM);
        for (uint256 i = 0; i < 4; ++i) {
            if (IClaimOutcomes.Outcome(i) == IClaimOutcomes.Outcome.BAD) continue;
            claims.end(CLAIM, IClaimOutcomes.Outcome(i));
            _refused(_indices(3), _witnesses(0, 1), reason);
        }
        assertEq(allocatedStake(0, 0), stakeOf(0));
    }

    function test_afterTheSlashableTime() public {
        uint256 last = uint256(batch.referenceTimestamp) + SLASHABLE_BLOCKS * SECONDS_PER_BLOCK;
        vm.warp(last + 1);
        _refused(
            _indices(3),
            _witnesses(0, 1),
            abi.encodeWithSelector(
                IClaimSlasher.BatchTooOld.selector, batch.referenceTimestamp, batch.referenceTimestamp + 1
            )
        );
        vm.warp(last);
        _slasher.slashSigners(CLAIM, _indices(3), _witnesses(0, 1));
    }

    function test_pagesOfTheWrongSize() public {
        _refused(_indices(3), _witnesses(0, 0), abi.encodeWithSelector(IClaimSlasher.NoSigners.selector));
        BN254OperatorInfoWitness[] memory witnesses = new BN254OperatorInfoWitness[](17);
        _refused(_indices(3), witnesses, abi.encodeWithSelector(IClaimSlasher.TooManySigners.selector, 17, 16));
    }

    /// @dev Who equivocated to lose its stake before the verdict has nothing left; the others of its page have.
    function test_whoHasNothingLeftDoesNotSaveTheOthers() public {
        slash(0);
        _slasher.slashSigners(CLAIM, _indices(3), _witnesses(0, 2));
        assertEq(_slasher.slashedOf(hashOf(batch)), 3);
        assertEq(allocatedStake(1, 0), 0);
    }

    /// @dev A slash that ran out of gas is no slash: it must not count as done.
    function testFuzz_tooLittleGasMarksNobody(uint256 gasLimit) public {
        gasLimit = bound(gasLimit, 60_000, 900_000);
        BN254OperatorInfoWitness[] memory witnesses = _witnesses(0, 1);
        uint32[] memory absent = _indices(3);
        try _slasher.slashSigners{gas: gasLimit}(CLAIM, absent, witnesses) {
            assertEq(allocatedStake(0, 0), 0);
        } catch {
            assertEq(_slasher.slashedOf(hashOf(batch)), 0);
            assertEq(allocatedStake(0, 0), stakeOf(0));
        }
    }

    /// @dev Leaving after signing does not help: who left stays slashable.
    function test_whoLeftBetweenSigningAndVerdict() public {
        leaveSet(operatorOf(0), operatorOf(0), set);
        _slasher.slashSigners(CLAIM, _indices(3), _witnesses(0, 1));
        assertEq(vault.slashedShares(address(stakeStrategies[0])), stakeOf(0));
    }

    function test_onlyAsAModule() public {
        ClaimSlasher unknown = new ClaimSlasher(claims, controller, registry, verifier, keyRegistrar, router, 30 days);
        BN254OperatorInfoWitness[] memory witnesses = _witnesses(0, 1);
        vm.expectRevert(abi.encodeWithSelector(ISlashRouter.NotModule.selector, address(unknown)));
        unknown.slashSigners(CLAIM, _indices(3), witnesses);
        assertEq(unknown.slashedOf(hashOf(batch)), 0);
    }

    function _refused(uint32[] memory absent, BN254OperatorInfoWitness[] memory witnesses, bytes memory reason)
        private
    {
        vm.expectRevert(reason);
        _slasher.slashSigners(CLAIM, absent, witnesses);
    }

    function _witnesses(uint256 from, uint256 to) private view returns (BN254OperatorInfoWitness[] memory witnesses) {
        witnesses = new BN254OperatorInfoWitness[](to - from);
        for (uint256 i = from; i < to; ++i) {
            witnesses[i - from] = witnessOf(i);
        }
    }

    function _indices(uint32 index) private pure returns (uint32[] memory indices) {
        indices = new uint32[](1);
        indices[0] = index;
    }
}
