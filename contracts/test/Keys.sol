// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {BN254} from "../src/libraries/BN254.sol";
import {G2} from "./G2.sol";

/// @title BLS key pairs made from secrets, and what they sign. Tests only: secrets are plain numbers.
library Keys {
    function g1(uint256 secret) internal view returns (BN254.G1Point memory) {
        return BN254.mul(BN254.generatorG1(), secret);
    }

    function g2(uint256 secret) internal view returns (BN254.G2Point memory) {
        return G2.mulGenerator(secret);
    }

    function sign(uint256 secret, bytes32 digest) internal view returns (BN254.G1Point memory) {
        return BN254.mul(BN254.hashToG1(digest), secret);
    }

    /// @notice The 192 bytes that `KeyRegistrar.registerKey` takes.
    function data(uint256 secret) internal view returns (bytes memory) {
        return abi.encode(g1(secret), g2(secret));
    }

    /// @notice The 64 bytes of a signature, as `KeyRegistrar.registerKey` takes a proof of possession.
    function signature(uint256 secret, bytes32 digest) internal view returns (bytes memory) {
        return abi.encode(sign(secret, digest));
    }
}
