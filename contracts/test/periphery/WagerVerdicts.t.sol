// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {VouchTypes} from "../../src/libraries/VouchTypes.sol";
import {DemoToken} from "../../src/periphery/DemoToken.sol";
import {IWager} from "../../src/periphery/IWager.sol";
import {CertifiedExchange} from "../../src/periphery/VouchConsumer.sol";
import {Wager} from "../../src/periphery/Wager.sol";
import {WagerFixture} from "./WagerFixture.sol";

/// @notice What the wager makes of the referee program's own outputs (`vectors/referee.json`, written by examples/referee).
contract WagerVerdictsTest is WagerFixture {
    string private _json;

    function setUp() public {
        _deployStandIns();
        _json = vm.readFile(string.concat(vm.projectRoot(), "/../vectors/referee.json"));
        address place = vm.parseJsonAddress(_json, ".contract");
        token = new DemoToken("Demo", "DEMO");
        bytes memory arguments = abi.encode(registry, controller, token, APP, PROGRAM, CLOCK, REFUND_DELAY);
        vm.etch(place, bytes.concat(type(Wager).creationCode, arguments));
        // Runs the constructor at the address that the fixture's moves are signed for.
        (bool ok, bytes memory code) = place.call("");
        require(ok, "deployment failed");
        vm.etch(place, code);
        wagers = Wager(place);
        (white, black) = (vm.parseJsonAddress(_json, ".white"), vm.parseJsonAddress(_json, ".black"));
        _fund(white);
        _fund(black);
        number = _begin();
    }

    function _exchange(string memory name) private returns (CertifiedExchange memory) {
        return _certified(VouchTypes.STATUS_OK, vm.parseJsonBytes(_json, string.concat(".verdicts.", name, ".output")));
    }

    function test_everyVerdictDecodesToItsState() public view {
        string[] memory names = vm.parseJsonStringArray(_json, ".names");
        assertGe(names.length, 20);
        for (uint256 i = 0; i < names.length; ++i) {
            string memory path = string.concat(".verdicts.", names[i]);
            bytes memory output = vm.parseJsonBytes(_json, string.concat(path, ".output"));
            IWager.Verdict memory verdict = abi.decode(output, (IWager.Verdict));
            assertEq(keccak256(abi.encode(verdict)), keccak256(output), names[i]);
            assertEq(uint256(verdict.state), vm.parseJsonUint(_json, string.concat(path, ".state")), names[i]);
            assertEq(verdict.wager, wagers.wagerId(1), names[i]);
            assertEq(verdict.white, white, names[i]);
            assertEq(verdict.black, black, names[i]);
        }
    }

    function test_immortalGamePaysWhiteAfterTheClock() public {
        wagers.show(number, _exchange("immortal-1851"));
        _endClock();
        wagers.settle(number);
        _assertPaid(2 * STAKE, 0);
    }

    function test_gameOfTheCenturyPaysBlackAfterTheClock() public {
        wagers.show(number, _exchange("game-of-the-century-1956"));
        _endClock();
        wagers.settle(number);
        _assertPaid(0, 2 * STAKE);
    }

    function test_kasparovTopalovPaysAtOnce() public {
        wagers.show(number, _exchange("kasparov-topalov-1999"));
        _assertPaid(2 * STAKE, 0);
    }

    function test_agreedDrawSplits() public {
        wagers.show(number, _exchange("agreed-draw"));
        _assertPaid(STAKE, STAKE);
    }

    function test_repetitionSplitsAfterTheClock() public {
        wagers.show(number, _exchange("repetition"));
        _endClock();
        wagers.settle(number);
        _assertPaid(STAKE, STAKE);
    }

    function test_illegalMoveAndForgedSignatureChangeNothing() public {
        CertifiedExchange memory certified = _exchange("illegal-move");
        vm.expectRevert(abi.encodeWithSelector(IWager.IllegalRecord.selector, 1, 10));
        wagers.show(number, certified);
        certified = _exchange("forged-signature");
        vm.expectRevert(abi.encodeWithSelector(IWager.IllegalRecord.selector, 2, 13));
        wagers.show(number, certified);
        assertTrue(_info().phase == IWager.Phase.Playing);
    }

    function test_silentLoserLosesAndALongerGameWouldHaveSavedIt() public {
        wagers.show(number, _exchange("truncated"));
        assertTrue(_info().pending == IWager.Side.Black);
        wagers.show(number, _exchange("silent-loser"));
        assertTrue(_info().pending == IWager.Side.White);
        _endClock();
        wagers.settle(number);
        _assertPaid(2 * STAKE, 0);
    }

    function test_takenBackMoveForfeits() public {
        wagers.show(number, _exchange("takeback"));
        _assertPaid(0, 2 * STAKE);
    }
}
