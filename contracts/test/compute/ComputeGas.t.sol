// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IEquivocationSlasher} from "../../src/interfaces/IEquivocationSlasher.sol";
import {Batch} from "../../src/libraries/VouchTypes.sol";
import {EquivocationFixture} from "../slash/EquivocationFixture.sol";

/// @title What posts, skips and slashes cost: four operators with two weights, storage cold, without calldata.
contract ComputeGasTest is EquivocationFixture {
    function test_gasOfPost() public {
        Batch[] memory headers = only(batchAfter(1, 0, 0));
        BN254Certificate memory certificate = certify(headers[0], none());
        registry.post(headers, certificate);
        vm.snapshotGasLastCall("compute", "post_1_first");
        headers = only(batchAfter(2, hashOf(headers[0]), 0));
        certificate = certify(headers[0], none());
        coolAll();
        registry.post(headers, certificate);
        vm.snapshotGasLastCall("compute", "post_1");
        headers = chain(3, hashOf(headers[0]), 64);
        certificate = certify(headers[63], none());
        coolAll();
        registry.post(headers, certificate);
        vm.snapshotGasLastCall("compute", "post_64");
    }

    function test_gasOfSkip() public {
        registry.requestSkip{value: SKIP_BOND}(app, lane);
        vm.snapshotGasLastCall("compute", "request_skip");
        vm.warp(block.timestamp + SKIP_DELAY);
        Batch[] memory headers = only(batchAfter(1 + WINDOW, 0, 0));
        BN254Certificate memory certificate = certify(headers[0], none());
        coolAll();
        registry.post(headers, certificate);
        vm.snapshotGasLastCall("compute", "post_1_after_skip");
    }

    function test_gasOfSlash() public {
        IEquivocationSlasher.SignedBatch memory first = bySignature(LIAR, batchAfter(1, 0, 1));
        IEquivocationSlasher.SignedBatch memory second = bySignature(LIAR, batchAfter(1, 0, 2));
        equivocationSlasher.proveEquivocation(first, second);
        vm.snapshotGasLastCall("compute", "slash_two_signatures");
        first = byCertificate(0, batchAfter(1, 0, 1), none());
        second = byCertificate(0, batchAfter(1, 0, 2), none());
        coolAll();
        equivocationSlasher.proveEquivocation(first, second);
        vm.snapshotGasLastCall("compute", "slash_two_certificates");
    }

    /// @dev Slots, not accounts.
    function coolAll() private {
        address[6] memory targets = [
            address(registry),
            address(controller),
            address(verifier),
            address(keyRegistrar),
            address(allocationManager),
            address(delegationManager)
        ];
        for (uint256 i = 0; i < targets.length; ++i) {
            vm.cool(targets[i]);
        }
    }
}
