// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IAppController} from "../../src/interfaces/IAppController.sol";
import {IBatchRegistry} from "../../src/interfaces/IBatchRegistry.sol";
import {Batch} from "../../src/libraries/VouchTypes.sol";
import {VouchFixture} from "../VouchFixture.sol";

/// @title The threshold to the wei. Operators 0 and 1 hold 66.67 tokens; 66.67 % of the total is that or one wei more.
contract ThresholdTest is VouchFixture {
    uint256 private extra;

    function stakeOf(uint256 i) internal view override returns (uint256) {
        return [40 ether, 26.67 ether, 20 ether, 13.33 ether + extra][i];
    }

    function test_thresholdExactlyMet() public {
        deployVouch();
        Batch memory batch = batchAfter(1, 0, 0);
        registry.post(only(batch), certify(batch, list(2, 3)));
        assertEq(registry.recordOf(hashOf(batch)).signedWeights[0], 66.67 ether);
    }

    /// @dev The total is one wei more, of which a rounding down would ask nothing.
    function test_thresholdOneWeiShort() public {
        extra = 1;
        deployVouch();
        Batch memory batch = batchAfter(1, 0, 0);
        BN254Certificate memory certificate = certify(batch, list(2, 3));
        vm.expectRevert(abi.encodeWithSelector(IBatchRegistry.ThresholdNotMet.selector, 66.67 ether, 66.67 ether + 1));
        registry.post(only(batch), certificate);
    }
}

/// @title A primary strategy whose total is below what the app requires has no weight, and nothing can be posted under it.
contract RequiredStakeTest is VouchFixture {
    function appParameters() internal view override returns (IAppController.AppParameters memory parameters) {
        parameters = super.appParameters();
        parameters.requiredStake[0] = 101 ether;
    }

    function weightOf(uint256 i, uint256 j) internal view override returns (uint256) {
        return j == 0 ? 0 : stakeOf(i);
    }

    function test_aTableBelowTheRequiredStake() public {
        deployVouch();
        Batch memory batch = batchAfter(1, 0, 0);
        BN254Certificate memory certificate = certify(batch, none());
        assertEq(verifier.verifyCertificate(set, certificate)[1], 100 ether + 6);
        vm.expectRevert(IBatchRegistry.RequiredStakeNotMet.selector);
        registry.post(only(batch), certificate);
    }
}
