// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IEquivocationSlasher} from "../../src/interfaces/IEquivocationSlasher.sol";
import {Batch} from "../../src/libraries/VouchTypes.sol";
import {VouchFixture} from "../VouchFixture.sol";

/// @title What one operator signed, shown by its own signature or by a certificate.
abstract contract EquivocationFixture is VouchFixture {
    uint256 internal constant LIAR = 1;
    address internal reporter = makeAddr("reporter");

    function setUp() public virtual {
        deployVouch();
    }

    function bySignature(uint256 i, Batch memory batch)
        internal
        view
        returns (IEquivocationSlasher.SignedBatch memory signed)
    {
        signed.batch = batch;
        signed.signer = witnessOf(i);
        signed.signature = signatureOf(i, batch);
    }

    /// @notice A certificate of all but `absent`.
    function byCertificate(uint256 i, Batch memory batch, uint256[] memory absent)
        internal
        view
        returns (IEquivocationSlasher.SignedBatch memory signed)
    {
        signed.batch = batch;
        signed.signer = witnessOf(i);
        signed.certificate = certify(batch, absent);
    }

    function prove(IEquivocationSlasher.SignedBatch memory first, IEquivocationSlasher.SignedBatch memory second)
        internal
        returns (uint256 slashId)
    {
        vm.prank(reporter);
        return equivocationSlasher.proveEquivocation(first, second);
    }

    function refuse(
        IEquivocationSlasher.SignedBatch memory first,
        IEquivocationSlasher.SignedBatch memory second,
        bytes4 reason
    ) internal {
        vm.expectPartialRevert(reason);
        equivocationSlasher.proveEquivocation(first, second);
    }

    function assertWholeStakeTaken(uint256 i, uint256 slashId) internal view {
        for (uint256 j = 0; j < stakeStrategies.length; ++j) {
            assertEq(allocatedStake(i, j), 0);
            assertEq(vault.slashedShares(address(stakeStrategies[j])), stakeOf(i));
            assertEq(
                strategyManager.getBurnOrRedistributableShares(set, slashId, address(stakeStrategies[j])), stakeOf(i)
            );
        }
        assertEq(vault.operatorOf(slashId), operatorOf(i));
        assertEq(vault.reporterOf(slashId), reporter);
    }
}
