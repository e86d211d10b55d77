// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {BN254} from "../../src/libraries/BN254.sol";
import {G2} from "../G2.sol";
import {Keys} from "../Keys.sol";
import {Test} from "../Test.sol";

contract BN254Test is Test {
    /// @dev Values of EigenLayer's operators as gnark computes them (digest, H(digest), secret, signature).
    function test_hashToG1_andSignature_asGnark() public view {
        bytes32 digest = 0xdfec199b94400a00b5c0de887bedb1baf829f7d6351bb32739168a09931de1c2;
        uint256 secret = 9452297537880060129255711491340527038039332777990164931124374976963370263693;
        checkPoint(
            BN254.hashToG1(digest),
            0x1e5adfd00f798959d47fc7ae75e850449a244d90935488f2489459ae3129eca6,
            0x19b37bbfd4280b13d7a8d35c176f5d7468750c1cd77d879be2512521d046eb44
        );
        checkPoint(
            Keys.sign(secret, digest),
            0x28f9b35d27ec3be467230661cc672435fe2d2f4c46db240c5e0fcf4124dd6d4f,
            0x256c6b024fba8593b14fdfa1c083e44cb612317f2bbad4551a5bfae5e4a71b0c
        );
    }

    /// @dev The point is on the curve, at the first x from the digest upwards for which there is one.
    function testFuzz_hashToG1(bytes32 digest) public view {
        BN254.G1Point memory point = BN254.hashToG1(digest);
        assertEq(mulmod(point.Y, point.Y, BN254.P), cubePlusThree(point.X));
        for (uint256 x = uint256(digest) % BN254.P; x != point.X; x = addmod(x, 1, BN254.P)) {
            assertFalse(isSquare(cubePlusThree(x)));
        }
    }

    function test_hashToG1_reducesTheDigest() public view {
        BN254.G1Point memory zero = BN254.hashToG1(0);
        checkPoint(BN254.hashToG1(bytes32(BN254.P)), zero.X, zero.Y);
        // From the last x of the field the search goes on at zero.
        assertEq(BN254.hashToG1(bytes32(BN254.P - 1)).Y != 0, true);
    }

    function testFuzz_addAndMul(uint128 a, uint128 b) public view {
        BN254.G1Point memory sum = BN254.add(Keys.g1(a), Keys.g1(b));
        BN254.G1Point memory expected = Keys.g1(uint256(a) + b);
        checkPoint(sum, expected.X, expected.Y);
        uint256[4] memory pair = [Keys.g1(a).X, Keys.g1(a).Y, Keys.g1(b).X, Keys.g1(b).Y];
        BN254.addInPlace(pair);
        checkPoint(BN254.G1Point(pair[0], pair[1]), expected.X, expected.Y);
    }

    function testFuzz_negate(uint256 scalar) public view {
        BN254.G1Point memory point = Keys.g1(scalar);
        assertTrue(BN254.isInfinity(BN254.add(point, BN254.negate(point))));
        assertTrue(BN254.isInfinity(BN254.negate(BN254.G1Point(0, 0))));
    }

    function test_pointsOffTheCurveAreRefused() public {
        vm.expectRevert(BN254.PointAdditionFailed.selector);
        this.add(BN254.G1Point(1, 1), BN254.generatorG1());
        vm.expectRevert(BN254.PointMultiplicationFailed.selector);
        this.mul(BN254.G1Point(1, 1), 2);
        // A coordinate that is not reduced is no other name of a point.
        vm.expectRevert(BN254.PointAdditionFailed.selector);
        this.add(BN254.G1Point(1 + BN254.P, 2), BN254.generatorG1());
    }

    function testFuzz_verifySignature(uint16 secret, bytes32 digest, uint16 another) public view {
        (uint256 key, uint256 other) = (uint256(secret) + 1, uint256(another) + 1);
        (BN254.G1Point memory key1, BN254.G2Point memory key2) = (Keys.g1(key), Keys.g2(key));
        BN254.G1Point memory signature = Keys.sign(key, digest);
        assertTrue(BN254.verifySignature(digest, signature, key1, key2));
        assertFalse(BN254.verifySignature(keccak256(abi.encode(digest)), signature, key1, key2));
        assertFalse(BN254.verifySignature(digest, BN254.negate(signature), key1, key2));
        if (key == other) return;
        // Halves of two keys: a signature by the G2 half alone must not do.
        assertFalse(BN254.verifySignature(digest, signature, Keys.g1(other), key2));
        assertFalse(BN254.verifySignature(digest, Keys.sign(other, digest), Keys.g1(other), key2));
        assertFalse(BN254.verifySignature(digest, Keys.sign(other, digest), key1, key2));
    }

    function test_infinityIsNoSignatureAndNoKey() public view {
        BN254.G1Point memory zero1 = BN254.G1Point(0, 0);
        BN254.G2Point memory zero2 = BN254.G2Point([uint256(0), 0], [uint256(0), 0]);
        assertFalse(BN254.verifySignature(0, zero1, zero1, zero2));
        assertFalse(BN254.verifySignature(0, zero1, Keys.g1(5), Keys.g2(5)));
        assertFalse(BN254.verifySignature(0, Keys.sign(5, 0), zero1, zero2));
        assertFalse(BN254.verifySignature(0, Keys.sign(5, 0), zero1, Keys.g2(5)));
    }

    /// @dev The test's own G2 arithmetic against the pairing: e(a G1, b G2) = e(ab G1, G2).
    function testFuzz_G2(uint16 a, uint16 b) public view {
        uint256 x = uint256(a) + 1;
        uint256 y = uint256(b) + 1;
        assertTrue(isEqualPairing(Keys.g1(x), Keys.g2(y), Keys.g1(x * y), BN254.generatorG2()));
        BN254.G2Point memory sum = G2.add(Keys.g2(x), Keys.g2(y));
        assertEq(abi.encode(sum), abi.encode(Keys.g2(x + y)));
    }

    function test_G2_ofTheOrderIsInfinity() public view {
        assertTrue(BN254.isInfinity(Keys.g2(BN254.R)));
    }

    function add(BN254.G1Point memory a, BN254.G1Point memory b) external view returns (BN254.G1Point memory) {
        return BN254.add(a, b);
    }

    function mul(BN254.G1Point memory a, uint256 scalar) external view returns (BN254.G1Point memory) {
        return BN254.mul(a, scalar);
    }

    function isEqualPairing(
        BN254.G1Point memory a1,
        BN254.G2Point memory a2,
        BN254.G1Point memory b1,
        BN254.G2Point memory b2
    ) private view returns (bool) {
        (bool ok, bytes memory output) = address(0x08).staticcall(abi.encode(a1, a2, BN254.negate(b1), b2));
        return ok && abi.decode(output, (uint256)) == 1;
    }

    /// @dev Euler's criterion, by squaring and multiplying.
    function isSquare(uint256 value) private pure returns (bool) {
        uint256 power = 1;
        for (uint256 exponent = (BN254.P - 1) / 2; exponent > 0; exponent >>= 1) {
            if (exponent & 1 == 1) power = mulmod(power, value, BN254.P);
            value = mulmod(value, value, BN254.P);
        }
        return power <= 1;
    }

    function cubePlusThree(uint256 x) private pure returns (uint256) {
        return addmod(mulmod(mulmod(x, x, BN254.P), x, BN254.P), 3, BN254.P);
    }

    function checkPoint(BN254.G1Point memory point, uint256 x, uint256 y) private pure {
        assertEq(point.X, x);
        assertEq(point.Y, y);
    }
}
