// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title BN254 (alt_bn128) points, the precompiles of EIP-196, EIP-197 and EIP-198, and BLS signatures on G1.
/// @dev A precompile that fails takes all gas it was given, so every call is capped: at several times today's price, since prices
/// are a chain's to change. All precompiles refuse coordinates that are not below P and points off the curve or (G2) outside
/// the subgroup of order R.
library BN254 {
    /// @notice A point of G1; (0, 0) is infinity.
    struct G1Point {
        uint256 X;
        uint256 Y;
    }

    /// @notice A point of G2; each coordinate is [imaginary, real] as EIP-197 orders them.
    struct G2Point {
        uint256[2] X;
        uint256[2] Y;
    }

    error PointAdditionFailed();
    error PointMultiplicationFailed();
    error HashToCurveFailed();

    /// @notice The field's modulus; 3 mod 4, so a square a has the root a^((P + 1) / 4).
    uint256 internal constant P = 0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47;
    /// @notice The order of G1 and G2.
    uint256 internal constant R = 0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001;
    /// @notice (P + 1) / 4
    uint256 internal constant ROOT_EXPONENT = 0x0c19139cb84c680a6e14116da060561765e05aa45a1c72a34f082305b61f3f52;

    uint256 internal constant G2_X_IMAGINARY = 0x198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2;
    uint256 internal constant G2_X_REAL = 0x1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed;
    uint256 internal constant G2_Y_IMAGINARY = 0x090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b;
    uint256 internal constant G2_Y_REAL = 0x12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa;
    /// @notice P - G2_Y_IMAGINARY and P - G2_Y_REAL: the y of -G2.
    uint256 internal constant NEGATED_G2_Y_IMAGINARY =
        0x275dc4a288d1afb3cbb1ac09187524c7db36395df7be3b99e673b13a075a65ec;
    uint256 internal constant NEGATED_G2_Y_REAL = 0x1d9befcd05a5323e6da4d435f3b617cdb3af83285c2df711ef39c01571827f9d;

    uint256 internal constant MODEXP_GAS = 20_000;
    uint256 internal constant ADD_GAS = 1_000;
    uint256 internal constant MUL_GAS = 20_000;
    uint256 internal constant PAIRING_GAS = 400_000;

    function generatorG1() internal pure returns (G1Point memory) {
        return G1Point({X: 1, Y: 2});
    }

    function generatorG2() internal pure returns (G2Point memory) {
        return G2Point({X: [G2_X_IMAGINARY, G2_X_REAL], Y: [G2_Y_IMAGINARY, G2_Y_REAL]});
    }

    function isInfinity(G1Point memory point) internal pure returns (bool) {
        return point.X | point.Y == 0;
    }

    function isInfinity(G2Point memory point) internal pure returns (bool) {
        return point.X[0] | point.X[1] | point.Y[0] | point.Y[1] == 0;
    }

    /// @notice -point; `point.Y` must be below P.
    function negate(G1Point memory point) internal pure returns (G1Point memory) {
        return G1Point({X: point.X, Y: point.Y == 0 ? 0 : P - point.Y});
    }

    function add(G1Point memory a, G1Point memory b) internal view returns (G1Point memory sum) {
        bool ok;
        assembly ("memory-safe") {
            let buffer := mload(0x40)
            mcopy(buffer, a, 0x40)
            mcopy(add(buffer, 0x40), b, 0x40)
            ok := staticcall(ADD_GAS, 0x06, buffer, 0x80, sum, 0x40)
        }
        require(ok, PointAdditionFailed());
    }

    /// @notice Adds the two points (x, y, x, y) and leaves their sum in the first.
    function addInPlace(uint256[4] memory points) internal view {
        bool ok;
        assembly ("memory-safe") {
            ok := staticcall(ADD_GAS, 0x06, points, 0x80, points, 0x40)
        }
        require(ok, PointAdditionFailed());
    }

    function mul(G1Point memory point, uint256 scalar) internal view returns (G1Point memory product) {
        bool ok;
        assembly ("memory-safe") {
            let buffer := mload(0x40)
            mcopy(buffer, point, 0x40)
            mstore(add(buffer, 0x40), scalar)
            ok := staticcall(MUL_GAS, 0x07, buffer, 0x60, product, 0x40)
        }
        require(ok, PointMultiplicationFailed());
    }

    /// @notice Hash to curve by try-and-increment: x = digest mod P, then x + 1, until x^3 + 3 is a square.
    /// @dev A try succeeds with probability one half, so n tries fail with 2^-n; there is no other end. Not constant time: the
    /// digest is public.
    function hashToG1(bytes32 digest) internal view returns (G1Point memory point) {
        bool ok = true;
        assembly ("memory-safe") {
            let buffer := mload(0x40)
            mstore(buffer, 0x20)
            mstore(add(buffer, 0x20), 0x20)
            mstore(add(buffer, 0x40), 0x20)
            mstore(add(buffer, 0x80), ROOT_EXPONENT)
            mstore(add(buffer, 0xa0), P)
            let x := mod(digest, P)
            for {} 1 { x := addmod(x, 1, P) } {
                let square := addmod(mulmod(mulmod(x, x, P), x, P), 3, P)
                mstore(add(buffer, 0x60), square)
                ok := staticcall(MODEXP_GAS, 0x05, buffer, 0xc0, 0x00, 0x20)
                if iszero(ok) { break }
                let y := mload(0x00)
                if eq(mulmod(y, y, P), square) {
                    mstore(point, x)
                    mstore(add(point, 0x20), y)
                    break
                }
            }
        }
        require(ok, HashToCurveFailed());
    }

    /// @notice Whether `signature` is the digest's BLS signature by the key pair, and both keys have the same secret.
    /// @dev Both equations, e(sig, G2) = e(H, key2) and e(key1, G2) = e(G1, key2), in one pairing check:
    /// e(sig + c key1, -G2) e(H + c G1, key2) = 1, where c hashes everything. Infinity, which satisfies them without a secret,
    /// is refused: as key2 and as signature; key1 is then not infinity either.
    function verifySignature(bytes32 digest, G1Point memory signature, G1Point memory key1, G2Point memory key2)
        internal
        view
        returns (bool ok)
    {
        if (isInfinity(signature) || isInfinity(key2)) return false;
        G1Point memory hashed = hashToG1(digest);
        assembly ("memory-safe") {
            let buffer := mload(0x40)
            // sig || hashed || key1 || key2 -> c
            mcopy(buffer, signature, 0x40)
            mcopy(add(buffer, 0x40), hashed, 0x40)
            mcopy(add(buffer, 0x80), key1, 0x40)
            mcopy(add(buffer, 0xc0), mload(key2), 0x40)
            mcopy(add(buffer, 0x100), mload(add(key2, 0x20)), 0x40)
            let c := mod(keccak256(buffer, 0x140), R)

            // The first pair: sig + c key1, -G2.
            mcopy(add(buffer, 0x40), key1, 0x40)
            mstore(add(buffer, 0x80), c)
            ok := staticcall(MUL_GAS, 0x07, add(buffer, 0x40), 0x60, add(buffer, 0x40), 0x40)
            ok := and(staticcall(ADD_GAS, 0x06, buffer, 0x80, buffer, 0x40), ok)
            mstore(add(buffer, 0x40), G2_X_IMAGINARY)
            mstore(add(buffer, 0x60), G2_X_REAL)
            mstore(add(buffer, 0x80), NEGATED_G2_Y_IMAGINARY)
            mstore(add(buffer, 0xa0), NEGATED_G2_Y_REAL)

            // The second pair: hashed + c G1, key2.
            mcopy(add(buffer, 0xc0), hashed, 0x40)
            mstore(add(buffer, 0x100), 1)
            mstore(add(buffer, 0x120), 2)
            mstore(add(buffer, 0x140), c)
            ok := and(staticcall(MUL_GAS, 0x07, add(buffer, 0x100), 0x60, add(buffer, 0x100), 0x40), ok)
            ok := and(staticcall(ADD_GAS, 0x06, add(buffer, 0xc0), 0x80, add(buffer, 0xc0), 0x40), ok)
            mcopy(add(buffer, 0x100), mload(key2), 0x40)
            mcopy(add(buffer, 0x140), mload(add(key2, 0x20)), 0x40)

            if ok {
                mstore(0x00, 0)
                ok := staticcall(PAIRING_GAS, 0x08, buffer, 0x180, 0x00, 0x20)
                ok := and(ok, mload(0x00))
            }
        }
    }
}
