// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {BN254} from "../src/libraries/BN254.sol";

/// @title Arithmetic on G2 for tests, which have no precompile for it: they make keys from secrets. Affine and slow.
library G2 {
    /// @dev An element of the quadratic extension: re + im i, i^2 = -1.
    struct Fp2 {
        uint256 im;
        uint256 re;
    }

    uint256 private constant P = BN254.P;

    /// @notice scalar x the generator.
    function mulGenerator(uint256 scalar) internal view returns (BN254.G2Point memory) {
        return mul(BN254.generatorG2(), scalar);
    }

    function mul(BN254.G2Point memory point, uint256 scalar) internal view returns (BN254.G2Point memory product) {
        for (; scalar > 0; scalar >>= 1) {
            if (scalar & 1 == 1) product = add(product, point);
            point = add(point, point);
        }
    }

    function add(BN254.G2Point memory a, BN254.G2Point memory b) internal view returns (BN254.G2Point memory) {
        if (BN254.isInfinity(a)) return b;
        if (BN254.isInfinity(b)) return a;
        Fp2 memory ax = Fp2(a.X[0], a.X[1]);
        Fp2 memory ay = Fp2(a.Y[0], a.Y[1]);
        Fp2 memory bx = Fp2(b.X[0], b.X[1]);
        Fp2 memory slope;
        if (_equal(ax, bx)) {
            // The order is odd, so no point is its own negative: y is not zero.
            if (!_equal(ay, Fp2(b.Y[0], b.Y[1]))) return BN254.G2Point([uint256(0), 0], [uint256(0), 0]);
            Fp2 memory squared = _mul(ax, ax);
            slope = _mul(_add(_add(squared, squared), squared), _inverse(_add(ay, ay)));
        } else {
            slope = _mul(_sub(Fp2(b.Y[0], b.Y[1]), ay), _inverse(_sub(bx, ax)));
        }
        Fp2 memory x = _sub(_sub(_mul(slope, slope), ax), bx);
        Fp2 memory y = _sub(_mul(slope, _sub(ax, x)), ay);
        return BN254.G2Point([x.im, x.re], [y.im, y.re]);
    }

    function _equal(Fp2 memory a, Fp2 memory b) private pure returns (bool) {
        return a.im == b.im && a.re == b.re;
    }

    function _add(Fp2 memory a, Fp2 memory b) private pure returns (Fp2 memory) {
        return Fp2(addmod(a.im, b.im, P), addmod(a.re, b.re, P));
    }

    function _sub(Fp2 memory a, Fp2 memory b) private pure returns (Fp2 memory) {
        return Fp2(addmod(a.im, P - b.im, P), addmod(a.re, P - b.re, P));
    }

    function _mul(Fp2 memory a, Fp2 memory b) private pure returns (Fp2 memory) {
        return Fp2(
            addmod(mulmod(a.im, b.re, P), mulmod(a.re, b.im, P), P),
            addmod(mulmod(a.re, b.re, P), P - mulmod(a.im, b.im, P), P)
        );
    }

    /// @dev (re - im i) / (re^2 + im^2)
    function _inverse(Fp2 memory a) private view returns (Fp2 memory) {
        uint256 norm = addmod(mulmod(a.re, a.re, P), mulmod(a.im, a.im, P), P);
        uint256 inverse = _power(norm, P - 2);
        return Fp2(mulmod(P - a.im, inverse, P), mulmod(a.re, inverse, P));
    }

    function _power(uint256 base, uint256 exponent) private view returns (uint256 result) {
        (bool ok, bytes memory output) =
            address(0x05).staticcall(abi.encode(uint256(32), uint256(32), uint256(32), base, exponent, P));
        require(ok && output.length == 32, "modexp failed");
        result = abi.decode(output, (uint256));
    }
}
