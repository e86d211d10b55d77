// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Test} from "../Test.sol";
import {EigenHandler} from "./EigenHandler.sol";

/// @title What holds of EIGEN after any sequence of wraps, stakes, exits, slashes and a stop.
contract EigenInvariantsTest is Test {
    EigenHandler private handler;

    function setUp() public {
        handler = new EigenHandler();
        targetContract(address(handler));
        bytes4[] memory selectors = new bytes4[](10);
        selectors[0] = handler.wrap.selector;
        selectors[1] = handler.unwrap.selector;
        selectors[2] = handler.stop.selector;
        selectors[3] = handler.stakeSome.selector;
        selectors[4] = handler.queueSome.selector;
        selectors[5] = handler.completeSome.selector;
        selectors[6] = handler.slashSome.selector;
        selectors[7] = handler.clearSome.selector;
        selectors[8] = handler.release.selector;
        selectors[9] = handler.passSome.selector;
        targetSelector(FuzzSelector(address(handler), selectors));
    }

    function invariant_no_unit_is_lost_made_or_early() public view {
        (uint256 balance, uint256 held, uint256 owed, uint256 shares, uint256 wrapped, uint256 backed) = handler.parts();
        assertEq(balance, held + owed, "the escrow has what it holds and owes");
        assertEq(held, shares, "a share is a unit");
        assertEq(wrapped, backed, "every wrapped unit is backed");
        assertFalse(handler.leftEarly(), "nobody is paid more than it queued a lag ago");
        assertFalse(handler.slashLeftEarly(), "slashed stake waits a lag from its slash");
        assertFalse(handler.exitRefused(), "who waited gets out");
        (uint256 logged, uint256 total) = handler.logs();
        assertEq(logged, total, "the log in all is the sum of the logs");
        if (handler.stoppedAt() != 0) {
            assertEq(handler.unwrappedSinceStop() + wrapped, handler.supplyAtStop(), "a unit is recorded once");
        }
    }

    function invariant_checkpoints_tell_the_past() public view {
        assertTrue(handler.checkpointsAgree());
    }
}
