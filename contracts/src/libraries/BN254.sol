// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title BN254 (alt_bn128) points and the precompiles of EIP-196 and EIP-197.
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
}
