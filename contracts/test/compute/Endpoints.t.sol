// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Endpoints} from "../../src/compute/Endpoints.sol";
import {IEndpoints} from "../../src/interfaces/IEndpoints.sol";
import {Test} from "../Test.sol";

/// @title Each account says where it is and by which keys, for itself alone.
contract EndpointsTest is Test {
    address private constant ALICE = address(0xa11ce);
    address private constant BOB = address(0xb0b);
    bytes32 private constant KEY = bytes32(uint256(1));
    bytes32 private constant NEXT = bytes32(uint256(2));

    Endpoints private endpoints = new Endpoints();

    function test_whatWasSetReadsBackAndAnotherAccountIsUntouched() public {
        vm.prank(ALICE);
        endpoints.setEndpoint("https://a.example:7000", KEY, NEXT);
        vm.prank(BOB);
        // The same key at a second account is no error: a key alone names nobody.
        endpoints.setEndpoint("https://b.example", KEY, 0);
        IEndpoints.Endpoint memory alice = endpoints.endpointOf(ALICE);
        assertEq(keccak256(bytes(alice.url)), keccak256("https://a.example:7000"));
        assertEq(alice.transportKey, KEY);
        assertEq(alice.nextTransportKey, NEXT);
        assertEq(endpoints.endpointOf(BOB).nextTransportKey, bytes32(0));
    }

    function test_anEarlierKeyIsGoneOnceAnotherIsSet() public {
        vm.startPrank(ALICE);
        endpoints.setEndpoint("https://a.example", KEY, NEXT);
        endpoints.setEndpoint("https://a.example", NEXT, 0);
        vm.stopPrank();
        assertEq(endpoints.endpointOf(ALICE).transportKey, NEXT);
        assertEq(endpoints.endpointOf(ALICE).nextTransportKey, bytes32(0));
    }

    function test_aRemovedEndpointIsEmpty() public {
        vm.startPrank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(IEndpoints.NoEndpoint.selector, ALICE));
        endpoints.removeEndpoint();
        endpoints.setEndpoint("https://a.example", KEY, 0);
        endpoints.removeEndpoint();
        vm.stopPrank();
        assertEq(bytes(endpoints.endpointOf(ALICE).url).length, 0);
        assertEq(endpoints.endpointOf(ALICE).transportKey, bytes32(0));
    }

    function test_aUrlHasAtLeastOneByteAndAMaximum() public {
        uint256 most = endpoints.URL_BYTES_MAX();
        bytes memory longest = new bytes(most);
        for (uint256 i = 0; i < most; ++i) {
            longest[i] = "a";
        }
        endpoints.setEndpoint(string(longest), KEY, 0);
        vm.expectRevert(abi.encodeWithSelector(IEndpoints.UrlLength.selector, most + 1, most));
        endpoints.setEndpoint(string(new bytes(most + 1)), KEY, 0);
        vm.expectRevert(abi.encodeWithSelector(IEndpoints.UrlLength.selector, 0, most));
        endpoints.setEndpoint("", KEY, 0);
    }

    function test_aUrlIsPrintableAscii() public {
        bytes[4] memory wrong = [bytes(hex"61ff"), bytes(hex"6120"), bytes(hex"610a"), bytes(hex"617f")];
        for (uint256 i = 0; i < wrong.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IEndpoints.UrlCharacter.selector, 1));
            endpoints.setEndpoint(string(wrong[i]), KEY, 0);
        }
    }

    function test_aKeyIsNeededAndTheNextIsAnother() public {
        vm.expectRevert(IEndpoints.NoTransportKey.selector);
        endpoints.setEndpoint("https://a.example", 0, NEXT);
        vm.expectRevert(IEndpoints.SameTransportKey.selector);
        endpoints.setEndpoint("https://a.example", KEY, KEY);
    }
}
